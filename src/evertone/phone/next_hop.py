"""Where a request within a dialog goes (C2, RFC 3261 §12.2.1.1)."""

from __future__ import annotations

from evertone.model import Target, Transport
from evertone.phone.flow_table import Flow
from evertone.phone.reading import lenient
from evertone.phone.redirect import literal_target, transport_of
from evertone.sip.message import Request
from evertone.sip.values import NameAddr, Uri

__all__ = ["next_target", "reroute", "rerouted"]


def next_target(hop: Uri, own: Flow, own_open: bool) -> Target:
    """The target of a dialog's next hop ``hop``.

    ``own`` is the flow by which the dialog was made. A connection that is still open is used
    again for the same peer (RFC 5626 §4.3); a name means the dialog's own target, where it
    last led; an address without a transport is the dialog's own target where it names it,
    else UDP (RFC 3263 §4.1), but never less than TLS.
    """
    target = own.target
    if not hop.is_sip or transport_of(hop, target.transport) is None:
        return target
    transport = transport_of(hop, _unsaid(hop, target)) or target.transport
    literal = literal_target(hop, transport)
    if literal is None:
        return target
    same_peer = literal.address == target.address and transport is target.transport
    if same_peer and (literal.port == target.port or (own.incoming and own.reliable and own_open)):
        return target
    return literal


def _unsaid(hop: Uri, own: Target) -> Transport:
    """The transport of a hop that names none."""
    literal = literal_target(hop, own.transport)
    if own.transport is Transport.TLS:
        return Transport.TLS
    names_own = literal is not None and (literal.address, literal.port) == (own.address, own.port)
    return own.transport if names_own else Transport.UDP


def reroute(request: Request, dead: Target, instead: Target) -> None:
    """C2: the leading Routes that name the dead target are replaced by the new one."""
    routes = lenient(lambda: request.routes, ())
    changed = rerouted(routes, dead, instead)
    if changed is routes:
        return
    request.remove("Route")
    for route in changed:
        request.add("Route", route)


def rerouted(routes: tuple[NameAddr, ...], dead: Target, instead: Target) -> tuple[NameAddr, ...]:
    """``routes`` with the leading ones that name ``dead`` replaced by ``instead``; unchanged
    where none does. Its entry for the other side of it, of whatever port and transport, is one
    of them (RFC 5658): the machine is dead from there, too."""
    rest = list(routes)
    while rest and _names(rest[0].uri, dead):
        rest.pop(0)
    return routes if len(rest) == len(routes) else (_route(instead), *rest)


def _names(uri: Uri, target: Target) -> bool:
    literal = literal_target(uri, target.transport)
    return literal is not None and literal.address == target.address


def _route(target: Target) -> NameAddr:
    host = f"[{target.address}]" if ":" in target.address else target.address
    params: tuple[tuple[str, str | None], ...] = (("lr", None),)
    if target.transport is not Transport.UDP:
        params = (("transport", target.transport.text.lower()), *params)
    return NameAddr(Uri("sip", host=host, port=target.port, params=params))
