"""Checks of a line as a whole: servers, proxies, registration, look-ups."""

from __future__ import annotations

from collections.abc import Callable

from evertone.config.finding import Severity
from evertone.config.kinds import is_address
from evertone.config.params_server import PROXY_PARAMETERS
from evertone.config.settings import INHERIT
from evertone.config.view import Check, View
from evertone.rules import Rule

__all__ = ["LINE_CHECKS", "UNUSED_LINE"]

_X = "account.X."
_PROXY_KEYS = tuple(
    _X + name
    for name in (
        "outbound_proxy.1.address",
        "outbound_proxy.2.address",
        "outbound_host",
        "backup_outbound_host",
        "outbound_proxy.1.port",
        "outbound_proxy.2.port",
        "outbound_port",
        "backup_outbound_port",
    )
) + tuple(
    parameter.key.replace(".Y.", f".{number}.")
    for number in (1, 2)
    for parameter in PROXY_PARAMETERS
    if parameter.default == INHERIT
)


def _servers(number: int) -> Callable[[View], bool]:
    return lambda view: len(view.line.registrars()) == number


def _same_server_twice(view: View) -> bool:
    one, two = view.line.sip_server
    places = {(s.address.lower(), s.port, s.transport_type) for s in (one, two)}
    return bool(one.address) and len(places) == 1


def _asks_naptr(view: View) -> bool:
    """True if some hop list of the line is found by D3."""
    line = view.line
    paths = [line.path(g, y) for y in line.registrars() for g in line.paths(y)]
    return any(p.transport_type == 3 and p.port == 0 and not is_address(p.address) for p in paths)


def _static_records(view: View) -> bool:
    dns = view.settings.dns
    return bool(dns.static_a or dns.static_srv or dns.static_naptr)


UNUSED_LINE = Check(
    rule=Rule.R1,
    keys=(_X + "enable",),
    when=lambda view: not view.line.enable,
    text=lambda view: (
        "the line is not enabled: none of its settings has an effect without "
        f"account.{view.line.line}.enable = 1"
    ),
    severity=Severity.NOTICE,
    given=False,
)
"""For lines that are not enabled this is the only check."""

_USABLE = (
    Check(
        rule=Rule.R1,
        keys=(_X + "user_name",),
        when=lambda view: not view.line.user_name,
        text="the line is enabled but has no user name: it does nothing",
        given=False,
    ),
    Check(
        rule=Rule.R1,
        keys=(_X + "sip_server.1.address",),
        when=_servers(0),
        text="the line is enabled but has no server: it does nothing",
        given=False,
    ),
)

_FALLBACK = (
    Check(
        rule=Rule.F2,
        keys=(_X + "fallback.redundancy_type",),
        when=lambda view: len(view.line.registrars()) < 2,
        text="no effect: it needs sip_server.1.address and sip_server.2.address",
    ),
    Check(
        rule=Rule.F4,
        keys=(_X + "fallback.timeout",),
        when=lambda view: len(view.line.registrars()) < 2,
        text="no effect: it needs sip_server.1.address and sip_server.2.address",
    ),
    Check(
        rule=Rule.F4,
        keys=(_X + "fallback.timeout",),
        when=lambda view: len(view.line.registrars()) == 2 and not view.line.successive,
        text="no effect: it needs fallback.redundancy_type = 1 (successive)",
    ),
    Check(
        rule=Rule.F5,
        keys=(_X + "sip_server.2.address",),
        when=lambda view: view.line.registrars() == (2,),
        text="there is a fallback server but no working server: it serves alone",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.F8,
        keys=(_X + "sip_server.2.address",),
        when=_same_server_twice,
        text="both servers are the same: when one is unavailable, so is the other",
    ),
)

_PROXIES = (
    Check(
        rule=Rule.P1,
        keys=_PROXY_KEYS,
        when=lambda view: not view.line.outbound_proxy_enable,
        text="no effect: it needs outbound_proxy_enable = 1",
    ),
    Check(
        rule=Rule.P1,
        keys=(_X + "outbound_proxy_enable",),
        when=lambda view: bool(view.line.outbound_proxy_enable) and not view.line.proxies(),
        text="no effect: no outbound proxy has an address, so requests go to the server itself",
    ),
    Check(
        rule=Rule.P2,
        keys=(_X + "outbound_proxy.2.address", _X + "backup_outbound_host"),
        when=lambda view: [g.number for g in view.line.proxies()] == [2],
        text="there is a second outbound proxy but no first: it serves alone",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.P2,
        keys=(_X + "outbound_proxy_fallback_interval",),
        when=lambda view: len(view.line.proxies()) < 2,
        text="no effect: it needs outbound_proxy_enable = 1 and two outbound proxies",
    ),
)

_REGISTRATION = (
    Check(
        rule=Rule.R6,
        keys=(_X + "reg_fail_retry_interval",),
        when=lambda view: view.line.reg_failed_retry_min_time > 0,
        text="no effect: reg_failed_retry_min_time is above 0 and makes the wait grow",
    ),
    Check(
        rule=Rule.R6,
        keys=(_X + "reg_failed_retry_max_time",),
        when=lambda view: view.line.reg_failed_retry_min_time == 0,
        text="no effect: it needs reg_failed_retry_min_time above 0",
    ),
    Check(
        rule=Rule.R6,
        keys=(_X + "reg_failed_retry_min_time",),
        when=lambda view: view.line.reg_failed_retry_max_time < view.line.reg_failed_retry_min_time,
        text=lambda view: (
            f"above reg_failed_retry_max_time ({view.line.reg_failed_retry_max_time}): "
            "the wait cannot grow"
        ),
    ),
    Check(
        rule=Rule.R9,
        keys=(_X + "nat.udp_update_time",),
        when=lambda view: not view.line.nat_udp_update_enable,
        text="no effect: it needs nat.udp_update_enable = 1",
    ),
)

_LOOKUPS = (
    Check(
        rule=Rule.D5,
        keys=(_X + "naptr_build",),
        when=lambda view: not _asks_naptr(view),
        text="no effect: no server or proxy is a name with transport_type 3 and port 0",
    ),
    Check(
        rule=Rule.D13,
        keys=(_X + "static_cache_pri",),
        when=lambda view: not _static_records(view),
        text="no effect: there is no complete static DNS record",
    ),
)

LINE_CHECKS: tuple[Check, ...] = (*_USABLE, *_FALLBACK, *_PROXIES, *_REGISTRATION, *_LOOKUPS)
