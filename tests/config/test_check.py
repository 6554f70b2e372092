"""Each check fires where it should, and is silent where nothing is odd."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from evertone.config import inspect_texts
from evertone.config.check import CHECKS
from evertone.config.finding import Finding, Severity
from evertone.config.schema import lookup

_HEADER = "#!version:1.0.0.1\n"
_LINE = "account.1.enable = 1\naccount.1.user_name = 4605\n"
_NAME = _LINE + "account.1.sip_server.1.address = pbx.example\naccount.1.sip_server.1.port = 0\n"
_ADDRESS = _LINE + "account.1.sip_server.1.address = 192.0.2.1\n"
_TWO = _ADDRESS + "account.1.sip_server.2.address = 192.0.2.2\n"
_PROXY = _NAME + "account.1.outbound_proxy_enable = 1\naccount.1.outbound_proxy.1.address = p.ex\n"
_TLS = "account.1.sip_server.1.transport_type = 2\naccount.1.sip_server.1.port = 5061\n"
_S1 = "account.1.sip_server.1."
_P1 = "account.1.outbound_proxy.1."
_PATH_NAMES = (
    "retry_counts",
    "invite_retry_counts",
    "register_on_enable",
    "only_signal_with_registered",
    "failback_mode",
    "failback_timeout",
    "failback_subscribe.enable",
)


def _findings(text: str) -> tuple[Finding, ...]:
    return inspect_texts([("f", (_HEADER + text).encode())]).findings


@dataclass(frozen=True)
class _Case:
    """``text`` brings exactly the finding on ``key`` by ``rule`` with ``words``; ``good`` lacks
    the cause and brings none by that rule on that key."""

    rule: str
    key: str
    words: str
    text: str
    good: str = ""


def _case(rule: str, key: str, words: str, base: str, more: str, good: str = "") -> _Case:
    return _Case(rule, key, words, base + more, base + good)


_CASES = (
    # the phone
    _case("R1", "account.1.enable", "no line is enabled", "", "account.1.label = x", _NAME),
    _case("S7", "sip.timer_t2", "shorter", _NAME, "sip.timer_t1 = 5\nsip.timer_t2 = 3"),
    _case(
        "D14",
        "static.network.dns.last_cache_expired",
        "no effect",
        _NAME,
        "static.network.dns.last_cache_expired.enable = 0\n"
        "static.network.dns.last_cache_expired = 60",
        "static.network.dns.last_cache_expired = 60",
    ),
    _case(
        "D16",
        "static.network.secondary_dns",
        "asked alone",
        _NAME,
        "static.network.secondary_dns = 192.0.2.53",
        "static.network.secondary_dns = 192.0.2.53\nstatic.network.primary_dns = 192.0.2.54",
    ),
    _case(
        "S4",
        "static.security.trust_certificates",
        "any certificate",
        _NAME,
        _TLS + "static.security.trust_certificates = 0",
        "static.security.trust_certificates = 0",
    ),
    _case(
        "S4",
        "static.security.cn_validation",
        "name in a certificate",
        _NAME,
        _TLS + "static.security.cn_validation = 0",
        "static.security.cn_validation = 0",
    ),
    _case(
        "S4",
        "static.security.ca_cert",
        "is blank",
        _NAME,
        "static.security.ca_cert = 1",
        "static.security.ca_cert = 1\nstatic.trusted_certificates.url = ca.pem",
    ),
    _case(
        "S4",
        "static.trusted_certificates.url",
        "no effect",
        _NAME,
        "static.security.ca_cert = 0\nstatic.trusted_certificates.url = ca.pem",
        "static.trusted_certificates.url = ca.pem",
    ),
    _case(
        "S4",
        "static.security.dev_cert",
        "no effect",
        _NAME,
        "static.security.dev_cert = 1",
        "static.security.dev_cert = 1\nstatic.server_certificates.url = a.pem",
    ),
    _case(
        "S4",
        "static.server_certificates.url",
        "no effect",
        _NAME,
        "static.server_certificates.url = a.pem",
        "static.security.dev_cert = 1\nstatic.server_certificates.url = a.pem",
    ),
    # static records
    *(
        _case(
            "D13",
            f"dns_cache_{kind}.2.name",
            f"without name and {other}",
            _NAME,
            f"dns_cache_{kind}.2.name = _sip._udp.a",
            f"dns_cache_{kind}.2.name = _sip._udp.a\ndns_cache_{kind}.2.{other} = 192.0.2.1"
            if kind == "a"
            else f"dns_cache_{kind}.2.name = _sip._udp.a\ndns_cache_{kind}.2.{other} = b",
        )
        for kind, other in (("a", "ip"), ("srv", "target"), ("naptr", "replace"))
    ),
    _case(
        "D13",
        "dns_cache_srv.1.name",
        "never asked for",
        _NAME,
        "dns_cache_srv.1.name = a.b\ndns_cache_srv.1.target = c.d",
        "dns_cache_srv.1.name = _sip._udp.a\ndns_cache_srv.1.target = c.d",
    ),
    _case(
        "D4",
        "dns_cache_naptr.1.service",
        "passed over",
        _NAME,
        "dns_cache_naptr.1.service = SIP+D2S",
        "dns_cache_naptr.1.service = sip+d2u",
    ),
    _case(
        "D4",
        "dns_cache_naptr.1.flags",
        "passed over",
        _NAME,
        "dns_cache_naptr.1.flags = u",
        "dns_cache_naptr.1.flags = s",
    ),
    # a line
    _case("R1", "account.2.label", "not enabled", _NAME, "account.2.label = x"),
    _case("R1", "account.2.enable", "not enabled", _NAME, "account.2.enable = 0"),
    _case("R1", "account.2.user_name", "no user name", _NAME, "account.2.enable = 1"),
    _case("R1", "account.2.sip_server.1.address", "no server", _NAME, "account.2.enable = 1"),
    _case(
        "F2",
        "account.1.fallback.redundancy_type",
        "no effect",
        "",
        _ADDRESS + "account.1.fallback.redundancy_type = 1",
        _TWO + "account.1.fallback.redundancy_type = 1",
    ),
    _case(
        "F4",
        "account.1.fallback.timeout",
        "sip_server.2.address",
        "",
        _ADDRESS + "account.1.fallback.redundancy_type = 1\naccount.1.fallback.timeout = 60",
        _TWO + "account.1.fallback.redundancy_type = 1\naccount.1.fallback.timeout = 60",
    ),
    _case(
        "F4",
        "account.1.fallback.timeout",
        "successive",
        _TWO,
        "account.1.fallback.timeout = 60",
        "account.1.fallback.redundancy_type = 1\naccount.1.fallback.timeout = 60",
    ),
    _case(
        "F5",
        "account.1.sip_server.2.address",
        "serves alone",
        "",
        _LINE + "account.1.sip_server.2.address = 192.0.2.2",
        _TWO,
    ),
    _case(
        "F8",
        "account.1.sip_server.2.address",
        "the same",
        "",
        _ADDRESS + "account.1.sip_server.2.address = 192.0.2.1",
        _TWO,
    ),
    _case(
        "P1",
        _P1 + "address",
        "outbound_proxy_enable = 1",
        "",
        _NAME + _P1 + "address = p.ex",
        _PROXY,
    ),
    _case(
        "P1",
        "account.1.outbound_proxy_enable",
        "no outbound proxy has an address",
        "",
        _NAME + "account.1.outbound_proxy_enable = 1",
        _PROXY,
    ),
    _case(
        "P2",
        "account.1.outbound_proxy.2.address",
        "serves alone",
        "",
        _NAME + "account.1.outbound_proxy_enable = 1\naccount.1.outbound_proxy.2.address = p.ex",
        _PROXY + "account.1.outbound_proxy.2.address = q.ex",
    ),
    _case(
        "P2",
        "account.1.outbound_proxy_fallback_interval",
        "two outbound proxies",
        _PROXY,
        "account.1.outbound_proxy_fallback_interval = 60",
        "account.1.outbound_proxy_fallback_interval = 60\n"
        "account.1.outbound_proxy.2.address = q.ex",
    ),
    _case(
        "R6",
        "account.1.reg_fail_retry_interval",
        "no effect",
        _NAME,
        "account.1.reg_fail_retry_interval = 5\naccount.1.reg_failed_retry_min_time = 30",
        "account.1.reg_fail_retry_interval = 5",
    ),
    _case(
        "R6",
        "account.1.reg_failed_retry_max_time",
        "no effect",
        _NAME,
        "account.1.reg_failed_retry_max_time = 90",
        "account.1.reg_failed_retry_max_time = 90\naccount.1.reg_failed_retry_min_time = 30",
    ),
    _case(
        "R6",
        "account.1.reg_failed_retry_min_time",
        "cannot grow",
        _NAME,
        "account.1.reg_failed_retry_min_time = 61",
        "account.1.reg_failed_retry_min_time = 60",
    ),
    _case(
        "R9",
        "account.1.nat.udp_update_time",
        "no effect",
        _NAME,
        "account.1.nat.udp_update_time = 20",
        "account.1.nat.udp_update_time = 20\naccount.1.nat.udp_update_enable = 1",
    ),
    _case(
        "D5",
        "account.1.naptr_build",
        "no effect",
        _NAME,
        "account.1.naptr_build = 1",
        f"account.1.naptr_build = 1\n{_S1}transport_type = 3",
    ),
    _case(
        "D13",
        "account.1.static_cache_pri",
        "no effect",
        _NAME,
        "account.1.static_cache_pri = 1",
        "account.1.static_cache_pri = 1\ndns_cache_a.1.name = a\ndns_cache_a.1.ip = 192.0.2.1",
    ),
    # a hop list
    _case(
        "S2",
        _S1 + "retry_counts",
        "10 times at most",
        _NAME,
        f"{_S1}retry_counts = 11",
        f"{_S1}retry_counts = 10",
    ),
    _case(
        "S2",
        _S1 + "invite_retry_counts",
        "6 times at most",
        _NAME,
        f"{_S1}invite_retry_counts = 7",
        f"{_S1}invite_retry_counts = 6",
    ),
    _case(
        "S2",
        _S1 + "retry_counts",
        "INVITE is sent again 6",
        "evertone.firmware = 80\n" + _NAME,
        f"{_S1}retry_counts = 7",
        f"{_S1}retry_counts = 6",
    ),
    _case(
        "S4",
        _S1 + "retry_counts",
        "nothing is sent again",
        _NAME,
        f"{_S1}transport_type = 1\n{_S1}retry_counts = 2",
        f"{_S1}retry_counts = 2",
    ),
    _case(
        "R3",
        _S1 + "retry_counts",
        "takes 63.5 s",
        _NAME,
        f"{_S1}retry_counts = 9",
        f"{_S1}retry_counts = 7",
    ),
    _case(
        "R3",
        "account.1.register_expires_overlap",
        "counts as 50",
        _ADDRESS,
        f"{_S1}expires = 100\naccount.1.register_expires_overlap = 51",
        f"{_S1}expires = 100\naccount.1.register_expires_overlap = 50",
    ),
    _case(
        "D8",
        _S1 + "transport_type",
        "TLS on port 5060",
        _LINE,
        f"{_S1}address = a.b\n{_S1}transport_type = 2\n{_S1}port = 5060",
        f"{_S1}address = a.b\n{_S1}transport_type = 2\n{_S1}port = 5061",
    ),
    _case("D8", _S1 + "port", "5061, not", _NAME, f"{_S1}transport_type = 2"),
    _case(
        "D2",
        _S1 + "port",
        "only address records",
        _NAME,
        f"{_S1}transport_type = 3\n{_S1}port = 5070",
        f"{_S1}transport_type = 3",
    ),
    _case(
        "D1",
        _S1 + "transport_type",
        "no effect",
        "",
        _ADDRESS + f"{_S1}transport_type = 3",
        _NAME + f"{_S1}transport_type = 3",
    ),
    _case("D1", _S1 + "port", "0 means 5060", _ADDRESS, f"{_S1}port = 0", f"{_S1}port = 5070"),
    *(
        _case(
            rule,
            _S1 + key,
            "only a name",
            "",
            _ADDRESS + f"{_S1}{key} = 1{more}",
            _NAME + f"{_S1}{key} = 1{more}",
        )
        for rule, key, more in (
            ("B1", "failback_mode", ""),
            ("B9", "register_on_enable", ""),
            (
                "B10",
                "only_signal_with_registered",
                f"\n{_S1}register_on_enable = 1\n{_S1}failback_mode = 1",
            ),
            ("B11", "failback_subscribe.enable", f"\n{_S1}failback_mode = 1"),
        )
    ),
    _case(
        "B4",
        _S1 + "failback_timeout",
        "only a name",
        "",
        _ADDRESS + f"{_S1}failback_mode = 3\n{_S1}failback_timeout = 90",
        _NAME + f"{_S1}failback_mode = 3\n{_S1}failback_timeout = 90",
    ),
    _case(
        "B4",
        _S1 + "failback_timeout",
        "failback_mode = 3",
        _NAME,
        f"{_S1}failback_timeout = 90",
        f"{_S1}failback_timeout = 90\n{_S1}failback_mode = 3",
    ),
    _case(
        "B4",
        _S1 + "failback_timeout",
        "count as 60",
        _NAME,
        f"{_S1}failback_timeout = 59\n{_S1}failback_mode = 3",
        f"{_S1}failback_timeout = 60\n{_S1}failback_mode = 3",
    ),
    _case(
        "B4",
        _S1 + "failback_timeout",
        "never goes home",
        _NAME,
        f"{_S1}failback_timeout = 0\n{_S1}failback_mode = 3",
        f"{_S1}failback_timeout = 60\n{_S1}failback_mode = 3",
    ),
    _case(
        "B10",
        _S1 + "only_signal_with_registered",
        "register_on_enable = 1",
        _NAME,
        f"{_S1}only_signal_with_registered = 1\n{_S1}failback_mode = 1",
        f"{_S1}only_signal_with_registered = 1\n{_S1}failback_mode = 1\n"
        f"{_S1}register_on_enable = 1",
    ),
    _case(
        "B11",
        _S1 + "failback_subscribe.enable",
        "failback_mode 1, 2 or 3",
        _NAME,
        f"{_S1}failback_subscribe.enable = 1",
        f"{_S1}failback_subscribe.enable = 1\n{_S1}failback_mode = 1",
    ),
    # what no request comes to
    *(
        _case(
            "R1",
            f"account.1.sip_server.{no}.{name}",
            f"it needs sip_server.{no}.address",
            _LINE + f"account.1.sip_server.{3 - no}.address = 192.0.2.1\n",
            f"account.1.sip_server.{no}.{name} = {value}",
            f"account.1.sip_server.{no}.{name} = {value}\n"
            f"account.1.sip_server.{no}.address = 192.0.2.2",
        )
        for no in (1, 2)
        for name, value in (("port", 5070), ("transport_type", 1), ("expires", 60))
    ),
    *(
        _case(
            "P1",
            f"account.1.sip_server.{no}.{name}",
            f"it needs sip_server.{no}.address, or outbound_proxy.{no}.address",
            _LINE + f"account.1.sip_server.{3 - no}.address = pbx.example\n",
            f"account.1.sip_server.{no}.{name} = 1",
            "account.1.outbound_proxy_enable = 1\n"
            f"account.1.outbound_proxy.{no}.address = p.ex\n"
            f"account.1.sip_server.{no}.{name} = 1",
        )
        for no in (1, 2)
        for name in _PATH_NAMES
    ),
    *(
        _case(
            "P1",
            f"account.1.outbound_proxy.{no}.{name}",
            f"it needs outbound_proxy.{no}.address",
            _NAME + "account.1.outbound_proxy_enable = 1\n"
            f"account.1.outbound_proxy.{3 - no}.address = p.ex\n",
            f"account.1.outbound_proxy.{no}.{name} = 1",
            f"account.1.outbound_proxy.{no}.{name} = 1\n"
            f"account.1.outbound_proxy.{no}.address = q.ex",
        )
        for no in (1, 2)
        for name in ("port", *_PATH_NAMES)
    ),
    *(
        _case(
            "P1",
            f"account.1.sip_server.{no}.port",
            "finds the server's port itself",
            _LINE + "account.1.outbound_proxy_enable = 1\n"
            f"account.1.outbound_proxy.1.address = p.ex\n"
            f"account.1.sip_server.{no}.address = pbx.example\n",
            f"account.1.sip_server.{no}.port = 5070",
            f"account.1.sip_server.{no}.port = 0",
        )
        for no in (1, 2)
    ),
    _case(
        "P1",
        _P1 + "retry_counts",
        "outbound_proxy_enable = 1",
        _NAME,
        f"{_P1}retry_counts = 2",
    ),
    # an outbound proxy's twins
    *(
        _case(
            "P1",
            f"{_S1}{key}",
            "stands over it",
            _PROXY,
            f"{_S1}failback_mode = 3\n{_S1}{key} = {own}\n{_P1}{key} = {twin}",
            f"{_S1}failback_mode = 3\n{_S1}{key} = {own}\n{_P1}{key} = -1",
        )
        for key, own, twin in (
            ("retry_counts", 4, 5),
            ("invite_retry_counts", 4, 5),
            ("register_on_enable", 1, 0),
            ("only_signal_with_registered", 1, 0),
            ("failback_mode", 1, 2),
            ("failback_timeout", 90, 120),
            ("failback_subscribe.enable", 1, 0),
        )
    ),
)


def _matching(case: _Case, text: str) -> list[Finding]:
    return [
        f
        for f in _findings(text)
        if f.rule is not None
        and (f.rule.id, f.key) == (case.rule, case.key)
        and case.words in f.message
    ]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.rule}-{case.key}")
def test_fires_and_is_silent(case: _Case) -> None:
    assert len(_matching(case, case.text)) == 1
    assert _matching(case, case.good) == []


def test_no_check_is_without_a_case() -> None:
    fired = {
        (f.rule, f.message) for case in _CASES for f in _findings(case.text) if f.rule is not None
    }
    for check in CHECKS:
        if isinstance(check.text, str):
            assert (check.rule, check.text) in fired
        else:
            assert check.rule in {rule for rule, _ in fired}


def test_checks_speak_of_keys_that_exist() -> None:
    relative = ("PATH.", "PLACE.", "REGISTRAR.")
    numbers = {"X": "1", "Y": "1", "N": "1"}
    for check in CHECKS:
        for key in check.keys:
            for prefix in relative:
                if key.startswith(prefix):
                    key = "account.1.sip_server.1." + key.removeprefix(prefix)
            plain = ".".join(numbers.get(part, part) for part in key.split("."))
            assert lookup(plain) is not None, key


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.NOTICE])
def test_checks_never_keep_the_phone_from_starting(severity: Severity) -> None:
    assert severity in {check.severity for check in CHECKS}
    assert Severity.ERROR not in {check.severity for check in CHECKS}


def test_what_nobody_set_is_not_pointed_out() -> None:
    for base in (_NAME, _TWO, _PROXY):
        assert _findings(base) == ()


def test_defaults_written_out_are_not_pointed_out() -> None:
    text = _ADDRESS + "account.1.fallback.timeout = 120\naccount.1.fallback.redundancy_type = 0\n"
    assert _findings(text + f"{_S1}failback_timeout = 3600\n{_S1}failback_mode = 0") == ()


def test_a_finding_names_place_value_and_rule() -> None:
    (finding,) = _findings(_ADDRESS + f"{_S1}failback_mode = 2")
    assert str(finding).startswith(f"f:5: warning: {_S1}failback_mode = 2: no effect")
    assert str(finding).endswith("[B1]")


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # a name counts as two targets: S1's 7.5 s, and S3's 32 s for the last
        (_NAME + f"{_S1}expires = 60", "takes 39.5 s"),
        (_ADDRESS + f"{_S1}expires = 60", "takes 32 s"),
        # F2: the binding stands while the list is tried
        (_TWO + f"account.1.fallback.redundancy_type = 1\n{_S1}expires = 30", ""),
        # P2: another proxy follows
        (_PROXY + f"account.1.outbound_proxy.2.address = 192.0.2.9\n{_S1}expires = 70", ""),
    ],
)
def test_how_long_a_list_takes(text: str, seconds: str) -> None:
    told = [f.message for f in _findings(text) if f.rule is not None and f.rule.id == "R3"]
    told = [message for message in told if "primary" in message or "one target" in message]
    if seconds:
        assert seconds in told[0]
    else:
        assert told == []


def test_a_port_beside_naptr_is_named_where_it_is_not_written() -> None:
    found = _findings(_PROXY + f"{_S1}transport_type = 3\n")
    (message,) = (finding.message for finding in found if str(finding.rule) == "D2")
    assert "account.1.outbound_proxy.1.port = 5060" in message
