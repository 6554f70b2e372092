"""Checks of settings of servers and proxies that no request of the line ever comes to.

Which settings govern a path is P1's matter: behind outbound proxies ``sip_server.Y.*`` counts for
the way through proxy Y, and only domain, transport and expires are the registrar's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evertone.config.parameter import Parameter
from evertone.config.params_server import PROXY_PARAMETERS, SERVER_PARAMETERS
from evertone.config.view import Check, View
from evertone.model import Group
from evertone.rules import Rule

__all__ = ["UNUSED_CHECKS"]

_GROUPS = {1: Group.PROXY1, 2: Group.PROXY2}
_OF_THE_REGISTRAR = ("port", "transport_type", "expires")
_LET_DNS_SAY, _STANDARD_PORT = 0, 5060


def _works(view: View) -> bool:
    """A line without any server has a check of its own, for all of it."""
    return bool(view.line.registrars())


def _no_server(number: int) -> Callable[[View], bool]:
    return lambda view: _works(view) and number not in view.line.registrars()


def _no_path(number: int) -> Callable[[View], bool]:
    """Neither does a server of that number serve, nor is there a way through such a proxy."""

    def when(view: View) -> bool:
        proxies = view.line.proxies()
        used = _GROUPS[number] in proxies if proxies else number in view.line.registrars()
        return _works(view) and not used

    return when


def _no_proxy(number: int) -> Callable[[View], bool]:
    return lambda view: (
        _works(view)
        and bool(view.line.outbound_proxy_enable)
        and _GROUPS[number] not in view.line.proxies()
    )


def _own_port(number: int) -> Callable[[View], bool]:
    def when(view: View) -> bool:
        odd = view.line.sip_server[number - 1].port not in (_LET_DNS_SAY, _STANDARD_PORT)
        return odd and bool(view.line.proxies()) and number in view.line.registrars()

    return when


def _of_server(number: int, name: str) -> Check:
    key, server = f"account.X.sip_server.{number}.{name}", f"sip_server.{number}.address"
    row = Check(
        rule=Rule.R1,
        keys=(key,),
        when=_no_server(number),
        text=f"no effect: it needs {server}",
    )
    if name in _OF_THE_REGISTRAR:
        return row
    proxy = f"outbound_proxy.{number}.address"
    text = f"no effect: it needs {server}, or {proxy} where outbound proxies are in use"
    return replace(row, rule=Rule.P1, when=_no_path(number), text=text)


def _of_proxy(number: int, name: str) -> Check:
    return Check(
        rule=Rule.P1,
        keys=(f"account.X.outbound_proxy.{number}.{name}",),
        when=_no_proxy(number),
        text=f"no effect: it needs outbound_proxy.{number}.address",
    )


def _port_behind_proxy(number: int) -> Check:
    return Check(
        rule=Rule.P1,
        keys=(f"account.X.sip_server.{number}.port",),
        when=_own_port(number),
        text=f"no effect behind an outbound proxy: it is told the domain of sip_server.{number} "
        "and finds the server's port itself",
    )


def _names(parameters: tuple[Parameter, ...]) -> tuple[str, ...]:
    names = (parameter.key.partition(".Y.")[2] for parameter in parameters)
    return tuple(name for name in names if name != "address")


UNUSED_CHECKS: tuple[Check, ...] = tuple(
    check
    for number in _GROUPS
    for check in (
        *(_of_server(number, name) for name in _names(SERVER_PARAMETERS)),
        *(_of_proxy(number, name) for name in _names(PROXY_PARAMETERS)),
        _port_behind_proxy(number),
    )
)
"""One row for each key, so that each is pointed out where it stands."""
