"""What settings derive from what they hold."""

from __future__ import annotations

import pytest

from evertone.config.settings import LineSettings, PhoneSettings, ProxySettings, ServerSettings
from evertone.model import Group

_SERVERS = (ServerSettings("pbx.example"), ServerSettings("2001:db8::1"))


@pytest.mark.parametrize(
    ("user_name", "user", "first", "second"),
    [
        ("4605", "4605", "pbx.example", "2001:db8::1"),
        ("4605@other.example", "4605", "other.example", "other.example"),
    ],
)
def test_address_of_record(user_name: str, user: str, first: str, second: str) -> None:
    line = LineSettings(user_name=user_name, sip_server=_SERVERS)
    assert (line.user, line.domain(1), line.domain(2)) == (user, first, second)
    assert line.auth_user == user
    assert LineSettings(user_name=user_name, auth_name="a").auth_user == "a"


@pytest.mark.parametrize(
    ("line", "registers"),
    [
        (LineSettings(enable=1, user_name="1", sip_server=_SERVERS), True),
        (LineSettings(enable=0, user_name="1", sip_server=_SERVERS), False),
        (LineSettings(enable=1, sip_server=_SERVERS), False),
        (LineSettings(enable=1, user_name="1"), False),
    ],
)
def test_enabled_lines(line: LineSettings, registers: bool) -> None:
    assert PhoneSettings(lines=(line,)).enabled_lines() == ((line,) if registers else ())


@pytest.mark.rule("B4")
@pytest.mark.parametrize(("given", "counts"), [(0, 0), (1, 60), (59, 60), (60, 60), (90, 90)])
def test_short_failback_timeouts_count_as_60(given: int, counts: int) -> None:
    server = ServerSettings("pbx.example", failback_timeout=given)
    line = LineSettings(sip_server=(server, ServerSettings()))
    assert line.path(Group.SERVER1, 1).failback_timeout == counts


@pytest.mark.rule("P1")
@pytest.mark.parametrize(
    ("twin", "value"),
    [
        ("retry_counts", 7),
        ("register_on_enable", 1),
        ("only_signal_with_registered", 1),
        ("invite_retry_counts", 7),
        ("failback_mode", 2),
        ("failback_timeout", 700),
        ("failback_subscribe_enable", 1),
    ],
)
def test_a_proxys_twin_overrides_its_servers_setting(twin: str, value: int) -> None:
    proxy = ProxySettings("proxy.example", **{twin: value})
    line = LineSettings(
        sip_server=_SERVERS, outbound_proxy_enable=1, outbound_proxy=(proxy, ProxySettings())
    )
    assert getattr(line.path(Group.SERVER1, 1), twin) != value
    assert getattr(line.path(Group.PROXY1, 1), twin) == value


def test_the_password_is_not_in_the_repr() -> None:
    assert "geheim" not in repr(LineSettings(password="geheim"))
