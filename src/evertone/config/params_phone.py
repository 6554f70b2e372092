"""Parameters of the whole phone, and the static DNS records."""

from __future__ import annotations

from evertone.config.kinds import (
    BOOLEAN,
    SIXTEEN_BIT,
    Address,
    Choice,
    Flags,
    Integer,
    Kind,
    Name,
    Number,
    Text,
    Value,
    Word,
)
from evertone.config.models import FIRMWARES, MODELS
from evertone.config.parameter import Parameter
from evertone.config.params_line import OWN_KINDS
from evertone.rules import Rule

__all__ = ["PHONE_PARAMETERS", "RECORD_PARAMETERS"]

_TTL = Integer(30, 2147483647)
_TTL_TEXT = "Seconds for which an answer from record N holds."
_PATH = Text(1024)


def _record(key: str, kind: Kind, default: Value, text: str) -> Parameter:
    rules = (Rule.D13, Rule.D4) if ".flags" in key or ".service" in key else (Rule.D13,)
    return Parameter(key=key, kind=kind, default=default, text=text, rules=rules)


RECORD_PARAMETERS: tuple[Parameter, ...] = (
    _record("dns_cache_a.N.name", Name(), "", "The host whose address record N holds."),
    _record(
        "dns_cache_a.N.ip",
        Address(names=False),
        "",
        "The address. An IPv6 address makes it an AAAA record.",
    ),
    _record("dns_cache_a.N.ttl", _TTL, 300, _TTL_TEXT),
    _record(
        "dns_cache_srv.N.name",
        Name(),
        "",
        "The service that record N holds, such as _sip._tcp.yealink.pbx.com.",
    ),
    _record("dns_cache_srv.N.port", SIXTEEN_BIT, 0, "The port of the service; 0: the default one."),
    _record("dns_cache_srv.N.priority", SIXTEEN_BIT, 0, "Lower ones are used first."),
    _record("dns_cache_srv.N.target", Name(), "", "The host that offers the service."),
    _record("dns_cache_srv.N.weight", SIXTEEN_BIT, 0, "Within a priority, higher ones first."),
    _record("dns_cache_srv.N.ttl", _TTL, 300, _TTL_TEXT),
    _record("dns_cache_naptr.N.name", Name(), "", "The domain that record N speaks of."),
    _record(
        "dns_cache_naptr.N.flags",
        Flags(),
        "",
        "What is asked for next: S an SRV record, A an address, blank another NAPTR record. "
        "U and P are passed over.",
    ),
    _record("dns_cache_naptr.N.order", SIXTEEN_BIT, 0, "Lower ones are used first."),
    _record("dns_cache_naptr.N.preference", SIXTEEN_BIT, 0, "Within an order, lower ones first."),
    _record("dns_cache_naptr.N.replace", Name(), "", "The name to ask for next."),
    _record(
        "dns_cache_naptr.N.service",
        Text(32),
        "",
        "The transport: SIP+D2U (UDP), SIP+D2T (TCP) or SIPS+D2T (TLS). Others, such as SIP+D2S "
        "(SCTP), are passed over.",
    ),
    _record("dns_cache_naptr.N.ttl", _TTL, 300, _TTL_TEXT),
)

_SIP = (
    Parameter(
        key="sip.timer_t1",
        kind=Number(0.5, 10),
        default=0.5,
        text="T1 in seconds: the first wait for an answer, and the measure of all others.",
        web="Settings->SIP->SIP Session Timer T1",
        rules=(Rule.S7, Rule.S1),
        into="timers.t1",
    ),
    Parameter(
        key="sip.timer_t2",
        kind=Number(2, 40),
        default=4.0,
        text="T2 in seconds: the longest wait between two sends of all requests but INVITE.",
        web="Settings->SIP->SIP Session Timer T2",
        rules=(Rule.S7, Rule.S1),
        into="timers.t2",
    ),
    Parameter(
        key="sip.timer_t4",
        kind=Number(2.5, 60),
        default=5.0,
        text="T4 in seconds: how long a message may linger in the network.",
        web="Settings->SIP->SIP Session Timer T4",
        rules=(Rule.S7,),
        into="timers.t4",
    ),
    Parameter(
        key="sip.listen_port",
        kind=Integer(1024, 65535, also=(0,)),
        default=5060,
        text="The port at which the phone takes SIP over UDP and TCP; over TLS, if it has a "
        "certificate, at the next one. 0: any free one, UDP only (ours).",
        rules=(Rule.R10,),
        into="listen_port",
    ),
    Parameter(
        key="sip.reg_surge_prevention",
        kind=Integer(0, 60),
        default=0,
        text="The first registration after the start waits a random time of up to so many seconds.",
        web="Network->Advanced->Registration Random",
        rules=(Rule.R7,),
        into="reg_surge_prevention",
    ),
)

_NETWORK = (
    Parameter(
        key="static.network.primary_dns",
        kind=Address(names=False, zones=True),
        default="",
        text="The name server to ask first. Blank: the system's name servers.",
        rules=(Rule.D16,),
        into="dns.primary_dns",
    ),
    Parameter(
        key="static.network.secondary_dns",
        kind=Address(names=False, zones=True),
        default="",
        text="The name server to ask when the first does not answer.",
        rules=(Rule.D16,),
        into="dns.secondary_dns",
    ),
    Parameter(
        key="static.network.dns.query_timeout",
        kind=Integer(1, 65535),
        default=3,
        text="Seconds to wait for a name server before the question is asked again.",
        rules=(Rule.D16,),
        into="dns.query_timeout",
    ),
    Parameter(
        key="static.network.dns.retry_times",
        kind=SIXTEEN_BIT,
        default=2,
        text="How often a question without an answer is asked again.",
        rules=(Rule.D16,),
        into="dns.retry_times",
    ),
    Parameter(
        key="static.network.dns.last_cache_expired.enable",
        kind=BOOLEAN,
        default=1,
        text="Whether the last answer known serves while no name server answers.",
        rules=(Rule.D14,),
        into="dns.last_cache_expired_enable",
    ),
    Parameter(
        key="static.network.dns.last_cache_expired",
        kind=Integer(0, 2147483647),
        default=3600,
        text="For how many seconds beyond its time the last answer known serves.",
        effect="static.network.dns.last_cache_expired.enable is 1",
        rules=(Rule.D14,),
        into="dns.last_cache_expired",
    ),
)

_SECURITY = (
    Parameter(
        key="static.security.trust_certificates",
        kind=BOOLEAN,
        default=1,
        text="Whether a server's certificate must be vouched for by a trusted one.",
        rules=(Rule.S4,),
        into="security.trust_certificates",
        aliases=("security.trust_certificates",),
        effect="TLS is used",
    ),
    Parameter(
        key="static.security.ca_cert",
        kind=Choice({0: "the system's", 1: "our own", 2: "both"}),
        default=2,
        text="Which trusted certificates count.",
        rules=(Rule.S4,),
        into="security.ca_cert",
        aliases=("security.ca_cert",),
        effect="TLS is used and static.security.trust_certificates is 1",
    ),
    Parameter(
        key="static.security.cn_validation",
        kind=BOOLEAN,
        default=1,
        text="Whether a server's certificate must bear the name that was asked for (RFC 5922).",
        rules=(Rule.S4,),
        into="security.cn_validation",
        aliases=("security.cn_validation",),
        effect="TLS is used and static.security.trust_certificates is 1",
    ),
    Parameter(
        key="static.security.dev_cert",
        kind=Choice({0: "none", 1: "our own"}),
        default=0,
        text="The certificate that the phone shows to a server that asks for one.",
        into="security.dev_cert",
        aliases=("security.dev_cert",),
        effect="TLS is used",
    ),
    Parameter(
        key="static.trusted_certificates.url",
        kind=_PATH,
        default="",
        text="The file (PEM) with our own trusted certificates.",
        into="security.trusted_certificates_file",
        aliases=("trusted_certificates.url",),
        effect="static.security.ca_cert is 1 or 2",
    ),
    Parameter(
        key="static.server_certificates.url",
        kind=_PATH,
        default="",
        text="The file (PEM) with the phone's own certificate and its key.",
        into="security.client_certificate_file",
        aliases=("server_certificates.url",),
        effect="static.security.dev_cert is 1",
    ),
)

_EVERTONE = (
    Parameter(
        key="evertone.model",
        kind=Word({model.name: f"{model.lines} lines" for model in MODELS}),
        default="SIP-T46G",
        text="Which telephone this one stands for: it decides how many lines there are.",
        into="model",
    ),
    Parameter(
        key="evertone.firmware",
        kind=Choice({number: f"firmware {number}" for number in FIRMWARES}),
        default=81,
        text="Which firmware's parameters count. 80 only on models that ran it.",
        rules=(Rule.P3,),
        into="firmware",
    ),
    Parameter(
        key="evertone.skip_unavailable",
        kind=OWN_KINDS["skip_unavailable"],
        default=0,
        text="For how many seconds all lines pass over a target that one has found unavailable.",
        rules=(Rule.X1,),
    ),
    Parameter(
        key="evertone.spread",
        kind=OWN_KINDS["spread"],
        default=0,
        text="Registrations after a failover or on the way home that nobody waits for are "
        "delayed by a random part of so many seconds.",
        rules=(Rule.X2,),
    ),
    Parameter(
        key="evertone.settle",
        kind=OWN_KINDS["settle"],
        default=0,
        text="For how many seconds the primary must have answered before the phone goes home.",
        rules=(Rule.X3,),
    ),
    Parameter(
        key="evertone.srv_weight",
        kind=OWN_KINDS["srv_weight"],
        default="guide",
        text="How SRV records of equal priority are put in order.",
        rules=(Rule.X4, Rule.D7),
    ),
    Parameter(
        key="evertone.call_survival",
        kind=OWN_KINDS["call_survival"],
        default=1,
        text="Whether a call whose server died is moved to the one that serves.",
        rules=(Rule.X5,),
    ),
)

PHONE_PARAMETERS: tuple[Parameter, ...] = (*_SIP, *_NETWORK, *_SECURITY, *_EVERTONE)
