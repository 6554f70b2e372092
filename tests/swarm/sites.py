"""Random topologies: what a server or proxy address leads to, as hosts, zone and static records.

Each hop list has a known order: priorities differ, or the phone's own draw is asked (D7), so
that "home" can be told without asking the phone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from evertone.config.settings import DnsSettings, StaticA, StaticNaptr, StaticSrv
from evertone.dns.order import Draw, address_order
from evertone.dns.records import Address
from evertone.model import Group, Target, Transport

__all__ = ["ALT_PORT", "Machine", "Place", "draw_place", "static_records", "zone_text"]

ALT_PORT = 5070  # with 5071 for TLS
TYPES = {0: Transport.UDP, 1: Transport.TCP, 2: Transport.TLS}
SERVICES = {
    Transport.UDP: ("SIP+D2U", "_sip._udp"),
    Transport.TCP: ("SIP+D2T", "_sip._tcp"),
    Transport.TLS: ("SIPS+D2T", "_sips._tcp"),
}
DOMAINS = {
    Group.SERVER1: "one.example",
    Group.SERVER2: "two.example",
    Group.PROXY1: "edge1.example",
    Group.PROXY2: "edge2.example",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One host. It listens on every transport, on the usual ports and on the alternative ones."""

    name: str
    address: str

    def ends(self) -> tuple[Target, ...]:
        """Where it listens."""
        return tuple(
            Target(self.address, base + (t is Transport.TLS), t)
            for base in (5060, ALT_PORT)
            for t in Transport
        )


@dataclass(frozen=True, slots=True)
class Place:
    """One configured address and what it leads to.

    ``shape`` is how: "literal", "a" (port given), "plain" (type 3, nothing but addresses),
    "srv", "naptr". ``machines`` in the order of their priorities; ``transports`` those that
    SRV records offer, in the order in which the phone tries them.
    """

    group: Group
    shape: str
    transport_type: int
    transports: tuple[Transport, ...]
    base: int
    machines: tuple[Machine, ...]
    ttl_s: int
    order: tuple[int, ...] = field(default=())
    """Indices of ``machines`` as DNS ranks them now; a change of the zone permutes it."""

    @property
    def address(self) -> str:
        """``sip_server.Y.address`` or ``outbound_proxy.Y.address``."""
        return self.machines[0].address if self.shape == "literal" else DOMAINS[self.group]

    @property
    def port(self) -> int:
        """The configured port; 0 leaves it to DNS."""
        if self.shape not in ("literal", "a"):
            return 0
        return self.base + (self.transports[0] is Transport.TLS)

    def targets(self) -> frozenset[tuple[str, int, str]]:
        """All that its records lead to: address, port and transport."""
        base = 5060 if self.shape == "plain" else self.base
        return frozenset(
            (m.address, base + (t is Transport.TLS), t.value)
            for m in self.machines
            for t in self.transports
        )

    def ranked(self) -> list[Machine]:
        """The machines, the first priority first."""
        return [self.machines[i] for i in self.order]

    def primary(self, draw: Draw | None) -> Machine:
        """The machine that the phone's list begins with; ``draw`` None: by static records."""
        if self.shape in ("literal", "srv", "naptr"):
            return self.ranked()[0]
        addresses = [Address(m.address) for m in self.machines]
        first = address_order(DOMAINS[self.group], addresses, draw)[0]
        return next(m for m in self.machines if m.address == first.ip)


def draw_place(
    rng: random.Random, group: Group, first_host: int, transport_type: int, naptr_build: int
) -> Place:
    """A random place whose machines are numbered from ``first_host`` on."""
    if transport_type == 3:
        shape = rng.choice(("naptr", "naptr", "srv", "plain"))
        offered = tuple(Transport) if naptr_build and shape == "srv" else (Transport.UDP,)
        if shape == "naptr":
            offered = (rng.choice(tuple(Transport)),)
    else:
        shape = rng.choice(("literal", "a", "srv"))
        offered = (TYPES[transport_type],)
    size = 1 if shape == "literal" else rng.randint(1, 3)
    tag = f"{'p' if group.is_proxy else 's'}{group.number}"
    machines = tuple(
        Machine(f"{tag}{'abc'[i]}", f"10.0.{group.number + 2 * group.is_proxy}.{first_host + i}")
        for i in range(size)
    )
    return Place(
        group=group,
        shape=shape,
        transport_type=transport_type,
        transports=offered,
        base=rng.choice((5060, 5060, ALT_PORT)),
        machines=machines,
        ttl_s=rng.choice((20, 60, 300)),
        order=tuple(range(size)),
    )


def zone_text(place: Place) -> str:
    """The place's zone as DNS tells it now."""
    lines = [f"$TTL {place.ttl_s}", f"@ IN SOA ns admin 1 3600 600 86400 {place.ttl_s}"]
    if place.shape in ("a", "plain"):
        lines += [f"@ IN A {m.address}" for m in place.machines]
        return "\n".join(lines) + "\n"
    for transport in place.transports:
        service, name = SERVICES[transport]
        port = place.base + (transport is Transport.TLS)
        if place.shape == "naptr":
            lines.append(f'@ IN NAPTR 10 50 "s" "{service}" "" {name}')
            lines.append('@ IN NAPTR 5 50 "s" "SIP+D2S" "" _sip._sctp')  # not for us (D4)
        lines += [f"{name} IN SRV {i} 0 {port} {m.name}" for i, m in enumerate(place.ranked())]
    lines += [f"{m.name} IN A {m.address}" for m in place.machines]
    return "\n".join(lines) + "\n"


def static_records(places: list[Place]) -> DnsSettings:
    """The same as static records, for when DNS does not answer (D13)."""
    a: list[StaticA] = []
    srv: list[StaticSrv] = []
    naptr: list[StaticNaptr] = []
    for place in places:
        domain = DOMAINS[place.group]
        if place.shape in ("a", "plain"):
            a += [StaticA(domain, m.address, place.ttl_s) for m in place.machines]
        elif place.shape != "literal":
            a += [StaticA(f"{m.name}.{domain}", m.address, place.ttl_s) for m in place.machines]
            for transport in place.transports:
                service, name = SERVICES[transport]
                port = place.base + (transport is Transport.TLS)
                srv += [
                    StaticSrv(f"{name}.{domain}", f"{m.name}.{domain}", port, i, 0, place.ttl_s)
                    for i, m in enumerate(place.ranked())
                ]
                if place.shape == "naptr":
                    where = f"{name}.{domain}"
                    naptr.append(StaticNaptr(domain, where, "s", service, 10, 50, place.ttl_s))
    return DnsSettings(static_a=tuple(a), static_srv=tuple(srv), static_naptr=tuple(naptr))
