"""Where a request goes: bindings of our users, contacts, addresses, servers we relay to."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from evertone.lab.registrations import Binding, RegistrationStore
from evertone.model import Target, Transport
from evertone.sip.grammar import unescape
from evertone.sip.values import Uri

__all__ = ["Location", "Place"]

RELAY_ALL = "*"
"""The route for our own users that have no binding here."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place for a request: the URI it is sent with, the flow that leads there if one is
    known (0: none), and the target to open one to."""

    uri: Uri
    flow: int
    target: Target | None


class Location:
    """What one server knows of where things are. ``server`` is its name in the store."""

    def __init__(
        self,
        server: str,
        listen: tuple[Target, ...],
        domains: tuple[str, ...],
        users: Collection[str],
        store: RegistrationStore,
        routes: Mapping[str, Target],
    ) -> None:
        self._server = server
        self._domains = frozenset(d.lower() for d in domains)
        self._ends = frozenset((x.address, x.port) for x in listen)
        self._addresses = frozenset(x.address for x in listen)
        self._domain = domains[0]
        self._users = users
        self._store = store
        self._routes = dict(routes)
        self._relays = frozenset(t.address for t in routes.values())

    def is_us(self, uri: Uri) -> bool:
        """True for a URI that names this server: one of its domains, or where it listens."""
        host = uri.bare_host.lower()
        if host in self._domains:
            return True
        port = uri.port or (5061 if (uri.param("transport") or "").lower() == "tls" else 5060)
        return (host, port) in self._ends or (host in self._addresses and uri.port is None)

    def is_relay(self, address: str) -> bool:
        """True for a server that we relay to, and thus trust."""
        return address in self._relays

    def find(self, uri: Uri, source: str, now: float) -> tuple[list[list[Place]], int]:
        """The places of a Request-URI: one list per callee, its latest place first.

        With none, the status that says why. ``source`` is the address that the request came
        from: what a relay sent us does not go back to one.
        """
        if not uri.is_sip:
            return [], 416
        if not self.is_us(uri):
            place = self.by_uri(uri, uri, now)
            return ([[place]] if place else []), 404
        user = unescape(uri.user)
        callees = self._callees(self._store.live(f"{user}@{self._domain}", now))
        if callees:
            return callees, 200
        relay = self._routes.get(RELAY_ALL)
        if relay is not None and not self.is_relay(source):
            return [[Place(uri, 0, relay)]], 200
        known = user in self._users
        return [], 480 if known else 404

    def _callees(self, bindings: list[Binding]) -> list[list[Place]]:
        """Bindings by instance: one callee is called once (RFC 5626 §5.3)."""
        callees: dict[str, list[Binding]] = {}
        for binding in bindings:
            callees.setdefault(binding.instance or binding.text, []).append(binding)
        return [
            [self._place(b) for b in sorted(group, key=lambda b: -b.registered_at)]
            for group in callees.values()
        ]

    def _place(self, binding: Binding) -> Place:
        flow = binding.flow if binding.server == self._server else 0
        return Place(binding.contact, flow, _target(binding.contact))

    def by_uri(self, hop: Uri, uri: Uri, now: float) -> Place | None:
        """The place that the URI ``hop`` leads to; the request is sent with ``uri``."""
        relay = self._routes.get(hop.bare_host.lower())
        if relay is not None:
            return Place(uri, 0, relay)
        binding = self._store.by_contact(hop, now)
        if binding is not None:
            flow = binding.flow if binding.server == self._server else 0
            return Place(uri, flow, _target(hop))
        target = _target(hop)
        return None if target is None else Place(uri, 0, target)


def _target(uri: Uri) -> Target | None:
    """RFC 3263 §4 for addresses only: the lab's servers ask no name server."""
    host = uri.bare_host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    name = (uri.param("transport") or ("tls" if uri.scheme == "sips" else "udp")).upper()
    if name not in Transport.__members__:
        return None
    transport = Transport[name]
    return Target(host, uri.port or transport.default_port, transport)
