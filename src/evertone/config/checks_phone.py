"""Checks of the whole phone, and of the static DNS records."""

from __future__ import annotations

from evertone.config.finding import Severity
from evertone.config.view import Check, View
from evertone.rules import Rule

__all__ = ["PHONE_CHECKS", "RECORD_CHECKS"]

_TLS_TYPES = (2, 3)  # 3: DNS may choose TLS
_SERVICES = ("SIP+D2U", "SIP+D2T", "SIPS+D2T")


def _uses_tls(view: View) -> bool:
    return any(
        line.server(y).transport_type in _TLS_TYPES
        for line in view.settings.enabled_lines()
        for y in line.registrars()
    )


PHONE_CHECKS: tuple[Check, ...] = (
    Check(
        rule=Rule.R1,
        keys=("account.1.enable",),
        when=lambda view: not any(line.enable for line in view.settings.lines),
        text="no line is enabled: the phone has nothing to do",
        given=False,
    ),
    Check(
        rule=Rule.S7,
        keys=("sip.timer_t2", "sip.timer_t1"),
        when=lambda view: view.settings.timers.t2 < view.settings.timers.t1,
        text="T2 is shorter than T1: the longest wait would be shorter than the first",
    ),
    Check(
        rule=Rule.D14,
        keys=("static.network.dns.last_cache_expired",),
        when=lambda view: not view.settings.dns.last_cache_expired_enable,
        text="no effect: it needs static.network.dns.last_cache_expired.enable = 1",
    ),
    Check(
        rule=Rule.D16,
        keys=("static.network.secondary_dns",),
        when=lambda view: not view.settings.dns.primary_dns,
        text="there is a second name server but no first: it is asked alone",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.S4,
        keys=("static.security.trust_certificates",),
        when=lambda view: not view.settings.security.trust_certificates and _uses_tls(view),
        text="any certificate is taken: whoever sits on the way can pose as the server",
    ),
    Check(
        rule=Rule.S4,
        keys=("static.security.cn_validation",),
        when=lambda view: (
            bool(view.settings.security.trust_certificates)
            and not view.settings.security.cn_validation
            and _uses_tls(view)
        ),
        text="the name in a certificate does not count: any server with a trusted one can pose as "
        "yours",
    ),
    Check(
        rule=Rule.S4,
        keys=("static.security.ca_cert",),
        when=lambda view: (
            view.settings.security.ca_cert == 1
            and not view.settings.security.trusted_certificates_file
        ),
        text="only our own trusted certificates count, but static.trusted_certificates.url is "
        "blank: no server can be trusted",
    ),
    Check(
        rule=Rule.S4,
        keys=("static.trusted_certificates.url",),
        when=lambda view: view.settings.security.ca_cert == 0,
        text="no effect: it needs static.security.ca_cert 1 or 2",
    ),
    Check(
        rule=Rule.S4,
        keys=("static.security.dev_cert",),
        when=lambda view: (
            bool(view.settings.security.dev_cert)
            and not view.settings.security.client_certificate_file
        ),
        text="no effect: static.server_certificates.url is blank",
    ),
    Check(
        rule=Rule.S4,
        keys=("static.server_certificates.url",),
        when=lambda view: not view.settings.security.dev_cert,
        text="no effect: it needs static.security.dev_cert = 1",
    ),
)


def _incomplete(kind: str, *essential: str) -> Check:
    """D13: a record that lacks an essential part does not exist."""
    keys = tuple(f"{kind}.N.{name}" for name in essential)
    return Check(
        rule=Rule.D13,
        keys=keys,
        when=lambda view: not all(view.subject.values.get(key) for key in view.keys(*keys)),
        text="the record does not exist without " + " and ".join(essential),
    )


def _value(view: View, key: str) -> str:
    return str(view.subject.values.get(view.keys(key)[0], ""))


RECORD_CHECKS: tuple[Check, ...] = (
    _incomplete("dns_cache_a", "name", "ip"),
    _incomplete("dns_cache_srv", "name", "target"),
    _incomplete("dns_cache_naptr", "name", "replace"),
    Check(
        rule=Rule.D13,
        keys=("dns_cache_srv.N.name",),
        when=lambda view: not _value(view, "dns_cache_srv.N.name").startswith("_"),
        text="never asked for: SRV names begin with _sip._udp., _sip._tcp. or _sips._tcp.",
    ),
    Check(
        rule=Rule.D4,
        keys=("dns_cache_naptr.N.service",),
        when=lambda view: _value(view, "dns_cache_naptr.N.service").upper() not in _SERVICES,
        text="the record is passed over: the phone cannot do this service",
        allowed=", ".join(_SERVICES),
    ),
    Check(
        rule=Rule.D4,
        keys=("dns_cache_naptr.N.flags",),
        when=lambda view: _value(view, "dns_cache_naptr.N.flags") in ("U", "P"),
        text="the record is passed over: SIP uses S, A and blank only",
    ),
)
