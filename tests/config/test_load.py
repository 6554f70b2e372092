"""Files in layers become settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from evertone.config import Loaded, inspect_texts, load, load_texts
from evertone.config.finding import MASK, Severity
from evertone.config.load import MAX_FILES, read
from evertone.config.settings import (
    DnsSettings,
    LineSettings,
    PhoneSettings,
    ProxySettings,
    ServerSettings,
    StaticA,
    StaticNaptr,
    StaticSrv,
)
from evertone.errors import ConfigError
from evertone.model import Group
from evertone.schedule import SipTimers

_EXAMPLES = Path(__file__).parents[2] / "examples"
_4605 = partial(
    LineSettings,
    enable=1,
    label="4605",
    display_name="4605",
    auth_name="4605",
    user_name="4605",
    password="4605",
)


def _inspect(*texts: str) -> Loaded:
    return inspect_texts(
        [(f"f{n}", f"#!version:1.0.0.1\n{text}".encode()) for n, text in enumerate(texts, 1)]
    )


def _settings(*texts: str) -> PhoneSettings:
    loaded = _inspect(*texts)
    assert not [f for f in loaded.findings if f.severity is Severity.ERROR]
    return loaded.settings


def test_the_guides_failover_example() -> None:
    assert load([_EXAMPLES / "guide-failover.cfg"]).settings == PhoneSettings(
        lines=(
            _4605(
                line=1,
                sip_server=(
                    ServerSettings(
                        address="yealink.pbx.com",
                        port=0,
                        transport_type=3,
                        expires=3600,
                        retry_counts=3,
                        register_on_enable=0,
                        only_signal_with_registered=1,
                        invite_retry_counts=5,
                        failback_mode=3,
                        failback_timeout=3600,
                        failback_subscribe_enable=1,
                    ),
                    ServerSettings(),
                ),
                outbound_proxy_enable=1,
                outbound_proxy=(ProxySettings("yealink.pbx.com", 0), ProxySettings()),
            ),
        )
    )


@pytest.mark.rule("D13")
@pytest.mark.parametrize(
    ("name", "port", "dns"),
    [
        (
            "a",
            5060,
            DnsSettings(
                static_a=(
                    StaticA("yealink.pbx.com", "192.168.1.13", 3600),
                    StaticA("yealink.pbx.com", "192.168.1.14", 3600),
                )
            ),
        ),
        (
            "srv",
            0,
            DnsSettings(
                static_srv=tuple(
                    StaticSrv(
                        "_sip._tcp.yealink.pbx.com",
                        f"server{n}.yealink.pbx.com",
                        port=5060,
                        weight=n,
                        ttl=3600,
                    )
                    for n in (1, 2)
                )
            ),
        ),
        (
            "naptr",
            0,
            DnsSettings(
                static_naptr=(
                    StaticNaptr(
                        "yealink.pbx.com",
                        "_sip._tcp.yealink.pbx.com",
                        flags="S",
                        service="SIP+D2T",
                        order=90,
                        preference=50,
                        ttl=3600,
                    ),
                    StaticNaptr(
                        "yealink.pbx.com",
                        "_sip._udp.yealink.pbx.com",
                        flags="S",
                        service="SIP+D2U",
                        order=100,
                        preference=50,
                        ttl=3600,
                    ),
                )
            ),
        ),
    ],
)
def test_the_guides_static_records(name: str, port: int, dns: DnsSettings) -> None:
    settings = load([_EXAMPLES / f"static-dns-{name}.cfg"]).settings
    assert settings.dns == dns
    server = settings.lines[0].sip_server[0]
    assert (server.address, server.port, server.transport_type) == ("yealink.pbx.com", port, 3)


@pytest.mark.rule("D13")
@pytest.mark.parametrize(
    "record",
    [
        "dns_cache_a.1.name = a.example",
        "dns_cache_a.1.ip = 192.0.2.1",
        "dns_cache_srv.1.name = _sip._udp.a.example",
        "dns_cache_srv.1.target = b.example",
        "dns_cache_naptr.1.name = a.example",
        "dns_cache_naptr.1.replace = _sip._udp.a.example",
    ],
)
def test_half_a_static_record_is_none(record: str) -> None:
    assert _settings(record).dns == DnsSettings()


def test_the_guides_scenarios() -> None:
    register = load([_EXAMPLES / "fallback-register.cfg"]).settings.lines[0]
    assert (register.registrars(), register.successive, register.fallback_timeout) == (
        (1, 2),
        True,
        120,
    )
    invite = load([_EXAMPLES / "fallback-invite.cfg"]).settings.lines[0]
    assert (invite.registrars(), invite.successive) == ((1, 2), False)
    failover = load([_EXAMPLES / "failover.cfg"]).settings.lines[0].server(1)
    assert (failover.failback_mode, failover.register_on_enable, failover.port) == (0, 0, 0)


def test_an_empty_file_is_all_defaults() -> None:
    assert _settings("") == PhoneSettings()


def test_later_files_win_and_the_last_of_a_file_does() -> None:
    loaded = _inspect(
        "account.1.label = one\naccount.1.enable = 1", "account.1.label = two\naccount.1.label = 3"
    )
    assert loaded.settings.lines[0].label == "3"
    assert loaded.settings.lines[0].enable == 1
    again = [f for f in loaded.findings if "again" in f.message]
    assert [(f.file, f.line, f.severity) for f in again] == [("f2", 3, Severity.WARNING)]
    assert loaded.given["account.1.label"].file == "f2"


@pytest.mark.parametrize("value", ["", "%NULL%", '""'])
def test_blank_is_the_default_in_later_files_too(value: str) -> None:
    text = f"account.1.enable = 1\naccount.1.fallback.timeout = {value}"
    assert _settings("account.1.fallback.timeout = 60", text).lines[0].fallback_timeout == 120


def test_empty_is_the_empty_text_and_for_numbers_the_default() -> None:
    text = "account.1.label = %EMPTY%\naccount.1.fallback.timeout = %EMPTY%\naccount.1.enable = 1"
    line = _settings("account.1.label = x", text).lines[0]
    assert (line.label, line.fallback_timeout) == ("", 120)


def test_a_blank_key_makes_no_line() -> None:
    assert [x.line for x in _settings("account.1.enable =\naccount.3.enable = 1").lines] == [3]


def test_every_scope_has_its_place() -> None:
    settings = _settings(
        """
sip.timer_t1 = 1
sip.listen_port = 0
sip.reg_surge_prevention = 9
static.network.primary_dns = 192.0.2.53
static.network.dns.last_cache_expired.enable = 0
security.trust_certificates = 0
static.trusted_certificates.url = ca.pem
evertone.model = sip-t48s
evertone.spread = 7
evertone.call_survival = 0
account.2.nat.udp_update_enable = 1
account.2.redundancy_with_reg_fail.enable = 1
account.2.evertone.spread = 8
account.2.sip_server.2.failback_subscribe.enable = 1
account.2.outbound_proxy.2.failback_mode = 2
account.2.outbound_proxy.1.retry_counts = -1
"""
    )
    assert settings.timers == SipTimers(t1=1.0)
    assert (settings.listen_port, settings.reg_surge_prevention) == (0, 9)
    assert settings.dns == DnsSettings(primary_dns="192.0.2.53", last_cache_expired_enable=0)
    assert settings.security.trust_certificates == 0
    assert settings.security.trusted_certificates_file == "ca.pem"
    assert settings.model == "SIP-T48S"
    assert settings.lines == (
        LineSettings(
            line=2,
            nat_udp_update_enable=1,
            redundancy_with_reg_fail_enable=1,
            spread=8,
            call_survival=0,
            sip_server=(ServerSettings(), ServerSettings(failback_subscribe_enable=1)),
            outbound_proxy=(ProxySettings(), ProxySettings(failback_mode=2)),
        ),
    )


@pytest.mark.rule("X1", "X2", "X3", "X4")
def test_our_own_keys_for_all_lines_and_for_one() -> None:
    lines = _settings(
        "evertone.skip_unavailable = 5\nevertone.settle = 6\nevertone.srv_weight = rfc2782\n"
        "account.1.enable = 1\naccount.2.evertone.settle = 0\naccount.2.evertone.spread = 3"
    ).lines
    assert [(x.skip_unavailable, x.settle, x.srv_weight, x.spread) for x in lines] == [
        (5, 6, "rfc2782", 0),
        (5, 0, "rfc2782", 3),
    ]


_PROXIES_80 = """
account.1.outbound_proxy_enable = 1
account.1.outbound_host = one.example
account.1.outbound_port = 5070
account.1.backup_outbound_host = two.example
"""
_PROXIES_81 = """
account.1.outbound_proxy.1.address = three.example
account.1.sip_server.1.retry_counts = 5
account.1.sip_server.1.invite_retry_counts = 9
account.1.sip_server.1.only_signal_with_registered = 1
"""


@pytest.mark.rule("P3")
@pytest.mark.parametrize(
    ("firmware", "proxies", "invite_retry_counts", "ignored"),
    [
        (80, (ProxySettings("one.example", 5070), ProxySettings("two.example")), 5, 3),
        (81, (ProxySettings("three.example"), ProxySettings()), 9, 3),
    ],
)
def test_each_firmware_knows_its_own_proxies(
    firmware: int,
    proxies: tuple[ProxySettings, ProxySettings],
    invite_retry_counts: int,
    ignored: int,
) -> None:
    loaded = _inspect(f"evertone.firmware = {firmware}", _PROXIES_80 + _PROXIES_81)
    (line,) = loaded.settings.lines
    assert line.outbound_proxy == proxies
    assert line.server(1).invite_retry_counts == invite_retry_counts
    reported = [f for f in loaded.findings if f"firmware {firmware}; ignored" in f.message]
    assert len(reported) == ignored
    assert {f.severity for f in reported} == {Severity.WARNING}


@pytest.mark.rule("P3")
def test_firmware_80_only_on_models_that_ran_it() -> None:
    good = _inspect("evertone.model = SIP-T46G\nevertone.firmware = 80").findings
    assert not [f for f in good if f.severity is Severity.ERROR]
    (error,) = (
        f
        for f in _inspect("evertone.firmware = 80\nevertone.model = SIP-T46S").findings
        if f.severity is Severity.ERROR
    )
    assert (error.line, error.key, error.allowed) == (2, "evertone.firmware", "81")


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("account.7.enable", "1 to 6 for X"),
        ("account.0.enable", "1 to 6 for X"),
        ("account.1.sip_server.3.port", "1 to 2 for Y"),
        ("dns_cache_a.13.name", "1 to 12 for N"),
    ],
)
def test_numbers_that_the_model_does_not_have(key: str, allowed: str) -> None:
    loaded = _inspect(f"evertone.model = SIP-T41P\n{key} = 1")
    (finding,) = (f for f in loaded.findings if f.key == key)
    assert finding.severity is Severity.WARNING
    assert finding.allowed.startswith(allowed)
    assert loaded.settings.lines == ()


def test_a_bad_value_names_everything_and_keeps_the_rest() -> None:
    loaded = _inspect("account.1.sip_server.1.port = 99999\naccount.1.label = x")
    (error,) = (f for f in loaded.findings if f.severity is Severity.ERROR)
    assert str(error) == (
        "f1:2: error: account.1.sip_server.1.port = 99999: not a value of this parameter; "
        "allowed: a whole number from 0 to 65535"
    )
    assert loaded.settings.lines[0].label == "x"
    assert loaded.settings.lines[0].server(1).port == 5060


@pytest.mark.parametrize("key", ["evertone.firmware", "evertone.model"])
def test_a_bad_model_or_firmware_is_told_once(key: str) -> None:
    errors = [f for f in _inspect(f"{key} = 99").findings if f.severity is Severity.ERROR]
    assert [(f.line, f.key, f.value) for f in errors] == [(2, key, "99")]


def test_errors_make_no_settings_and_are_all_told() -> None:
    texts = [("f", b"account.1.enable = 5\nsip.timer_t1 = x\n"), ("g", b"\x00")]
    with pytest.raises(ConfigError) as caught:
        load_texts(texts)
    lines = str(caught.value).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["f:1:", "f:2:", "g:"]


def test_a_trailing_comment_is_explained() -> None:
    (error,) = (f for f in _inspect("account.1.enable = 1 # on").findings if f.allowed)
    assert "start of a line" in error.message


def test_passwords_are_never_shown() -> None:
    loaded = _inspect(
        "account.1.password = ge\x7fheim\naccount.1.password = geheim2\naccount.1.pasword = geheim3"
        "\naccount.99.password = geheim4\naccount.1.password geheim5\n"
    )
    told = "\n".join(str(finding) for finding in loaded.findings)
    assert told.count(MASK) == 4
    assert "heim" not in told + repr(loaded)


def test_foreign_keys_are_counted_and_near_ones_told() -> None:
    loaded = _inspect("lang.gui = English\naccount.1.codec.g722.enable = 1\naccount.1.lable = x")
    assert [entry.key for entry in loaded.foreign] == ["lang.gui", "account.1.codec.g722.enable"]
    (finding,) = (f for f in loaded.findings if f.key == "account.1.lable")
    assert finding.message == "no such parameter; did you mean account.X.label?"


def test_a_line_of_ours_without_equals_is_an_error() -> None:
    loaded = _inspect("account.1.enable 1\nfrobnicate")
    told = [(f.line, f.severity) for f in loaded.findings if f.message == "not read"]
    assert told == [(2, Severity.ERROR), (3, Severity.WARNING)]


def test_read_says_what_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.cfg"
    with pytest.raises(ConfigError, match=r"missing\.cfg: No such file"):
        read([missing])
    file = tmp_path / "a.cfg"
    file.write_bytes(b"#!version:1.0.0.1\n")
    with pytest.raises(ConfigError, match="more than"):
        read([file] * (MAX_FILES + 1))
    assert load([file]).settings == PhoneSettings()


@pytest.mark.rule("P1")
def test_a_twin_that_inherits_leaves_the_choice_to_the_server() -> None:
    (line,) = _settings(
        "account.1.outbound_proxy_enable = 1\naccount.1.outbound_proxy.1.address = p.example\n"
        "account.1.sip_server.1.address = s.example\naccount.1.sip_server.1.retry_counts = 5\n"
        "account.1.sip_server.1.failback_mode = 2\naccount.1.outbound_proxy.1.failback_mode = 1"
    ).lines
    path = line.path(Group.PROXY1, 1)
    assert (path.address, path.retry_counts, path.failback_mode) == ("p.example", 5, 1)


def test_what_a_line_subscribes_to() -> None:
    text = (
        b"#!version:1.0.0.1\n"
        b"account.1.enable = 1\naccount.1.user_name = 1001\n"
        b"account.1.sip_server.1.address = pbx.example\n"
        b"account.1.subscribe_mwi = 1\naccount.1.blf.subscribe_period = 600\n"
        b"linekey.2.type = 16\nlinekey.2.value = 1002\n"
        b"linekey.3.type = 16\nlinekey.3.line = 2\nlinekey.3.value = 1003\n"
        b"linekey.4.type = 13\nlinekey.4.value = 1004\n"
        b"linekey.5.type = 16\nlinekey.5.value = 1002\n"
    )
    settings = load_texts([("phone.cfg", text)]).settings
    (line,) = settings.lines
    assert (line.subscribe_mwi, line.subscribe_mwi_expires) == (1, 3600)
    assert line.blf_subscribe_period == 600
    assert settings.watched_by(1) == ("1002",)
    assert settings.watched_by(2) == ("1003",)
