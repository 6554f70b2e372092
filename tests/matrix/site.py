"""The world of a cell: two clusters, proxies, a hub with the callees, a name server, the phones.

Servers let everyone in: without challenges a request reaches the callee by its first way, which
is where a second ring could come from.
"""

from __future__ import annotations

import zlib

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.flows import Nameserver
from evertone.lab.faults import Fault as LabFault
from evertone.lab.faults import make_fault
from evertone.lab.name_server import NameServer
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from tests.matrix.cells import (
    ADDRESS_TTL_S,
    ADDRESSES,
    DOMAIN,
    EDGE,
    FAULT_S,
    LOSS,
    NAME_TTL_S,
    RECOVERY_S,
    RETRY_AFTER_S,
    SLOW_S,
    TOO_SLOW_S,
    Cell,
    Fault,
    line_settings,
    lists_of,
    struck_by,
)

__all__ = ["build", "faults_of", "seed_of"]

_SERVICES = {
    Transport.UDP: ("SIP+D2U", "_sip._udp"),
    Transport.TCP: ("SIP+D2T", "_sip._tcp"),
    Transport.TLS: ("SIPS+D2T", "_sips._tcp"),
}
_CLUSTERS = (("one", "two"), ("fallback",), ("edge-1a", "edge-1b", "edge-2"))
"""Those of one cluster share their bindings."""
_HUB = Target(ADDRESSES["hub"], 5060, Transport.UDP)


def seed_of(cell: Cell) -> int:
    """Each cell has its own seed, the same on every machine."""
    return zlib.crc32(str(cell).encode())


def build(cell: Cell, seed: int) -> tuple[World, Phone]:
    """The world of ``cell`` and the phone that it is about; nothing has begun yet."""
    world = World(seed)
    used = {host for hosts in lists_of(cell.topology) for host in hosts}
    for cluster in _CLUSTERS:
        store = RegistrationStore()
        for host in cluster:
            if host in used:
                _add_server(world, host, store, {"*": _HUB})
    _add_server(world, "hub", RegistrationStore(), {})
    zones = {DOMAIN: _zone(cell, ("one", "two")), EDGE: _zone(cell, ("edge-1a", "edge-1b"))}
    world.attach_name_server("dns", NameServer(zones), ADDRESSES["dns"])
    caller = _add_phone(world, "caller", line_settings(cell))
    for name in ("callee", "friend"):
        phone = _add_phone(world, name, _at_the_hub(name))
        world.do(name, phone.start)
    return world, caller


def _add_server(
    world: World, host: str, store: RegistrationStore, routes: dict[str, Target]
) -> None:
    address = ADDRESSES[host]
    ends = [Target(address, t.default_port, t) for t in Transport]
    names = (DOMAIN, EDGE, address)
    domains = (DOMAIN, address)
    node = SipServer(host, ends, domains, {}, store, world.rng_for(host), routes=routes)
    world.attach(host, node, [address], listen=ends, certificate=names)


def _add_phone(world: World, name: str, line: LineSettings) -> Phone:
    number = list(ADDRESSES).index(name)
    phone = Phone(
        PhoneSettings(lines=(line,)),
        f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        world.rng_for(name),
        (Nameserver(ADDRESSES["dns"]),),
        auto_answer=name != "caller",
    )
    address = ADDRESSES[name]
    world.attach(name, phone, [address], listen=[Target(address, 5060, Transport.UDP)])
    return phone


def _at_the_hub(name: str) -> LineSettings:
    hub = ServerSettings(address=ADDRESSES["hub"])
    return LineSettings(
        enable=1,
        user_name=f"{name}@{DOMAIN}",
        sip_server=(hub, ServerSettings()),
        call_survival=0,
    )


def _zone(cell: Cell, hosts: tuple[str, str]) -> str:
    """A cluster's records: the primary and the secondary, by priority."""
    service, name = _SERVICES[cell.transport]
    port = cell.transport.default_port
    records = [
        f"$TTL {NAME_TTL_S}",
        "@ IN SOA ns admin 1 3600 600 86400 60",
        f'@ IN NAPTR 90 50 "s" "{service}" "" {name}',
    ]
    for priority, host in enumerate(hosts):
        records.append(f"{name} IN SRV {priority} 0 {port} {host}")
        records.append(f"{host} {ADDRESS_TTL_S} IN A {ADDRESSES[host]}")
    return "\n".join(records) + "\n"


# --- faults -------------------------------------------------------------------------------------


def faults_of(cell: Cell) -> list[LabFault]:
    """What strikes, from ``FAULT_S`` until ``RECOVERY_S``."""
    if cell.fault is Fault.DNS_DOWN:
        return [make_fault("dns_down", "dns", at_s=FAULT_S, until_s=RECOVERY_S)]
    return [_fault(cell.fault, host) for host in struck_by(cell.topology)]


def _fault(fault: Fault, host: str) -> LabFault:
    verb, more = _VERBS[fault]
    return make_fault(verb, host, at_s=FAULT_S, until_s=RECOVERY_S, **more)  # type: ignore[arg-type]


_VERBS: dict[Fault, tuple[str, dict[str, object]]] = {
    Fault.SILENCE: ("silence", {}),
    Fault.REFUSED: ("refuse", {}),
    Fault.BUSY: ("answer", {"value": 503}),
    Fault.BUSY_FOR: ("answer", {"value": 503, "retry_after_s": RETRY_AFTER_S}),
    Fault.ANSWERS_LOST: ("partition", {"peer": "caller"}),
    Fault.LOSS: ("lose", {"value": LOSS}),
    Fault.SLOW: ("delay", {"value": SLOW_S}),
    Fault.TOO_SLOW: ("delay", {"value": TOO_SLOW_S}),
    Fault.RESTART: ("restart", {}),
}
