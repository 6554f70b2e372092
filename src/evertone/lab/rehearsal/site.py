"""The hosts that a configuration asks for: who stands where, what it may be called, who shares.

For every target that a server or proxy of an enabled line resolves to there is a host. A hop
list's hosts share their registrations exactly where ``register_on_enable`` is 0: that is what
the guide means by it (B4, B9). An outbound proxy that is no registrar itself forwards to the
primary of the registrar that a request is for.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from evertone.config.settings import LineSettings, PhoneSettings
from evertone.dns.locate import Where
from evertone.dns.locator import Located, Locator
from evertone.dns.order import Draw
from evertone.dns.records import canonical
from evertone.errors import ConfigError
from evertone.flows import DnsReceived, DnsSend, Nameserver
from evertone.lab.name_server import NameServer
from evertone.lab.rehearsal.strikes import Names
from evertone.lab.rehearsal.zones import (
    Zone,
    addresses_in,
    every_where,
    invent_zone,
    literal,
    without_static_records,
)
from evertone.model import Group, Hop, Target, Transport

__all__ = [
    "CALLEE",
    "CALLEE_ADDRESS",
    "CALLER",
    "CALLER_ADDRESS",
    "INSTANCE",
    "PHONE",
    "PHONE_ADDRESSES",
    "Host",
    "Role",
    "Route",
    "Site",
    "hop_lists",
    "survey",
]

PHONE = "phone"
PHONE_ADDRESSES = ("198.51.100.10", "2001:db8::10")
INSTANCE = "urn:uuid:00000000-0000-4000-8000-000000000001"
CALLEE = "callee"
CALLEE_ADDRESS = "198.51.100.99"
CALLER = "caller"
CALLER_ADDRESS = "198.51.100.98"
_DNS_ADDRESSES = ("198.51.100.53", "198.51.100.54")
_HIDDEN_ADDRESS = "198.51.100.{}"  # registrars that only their proxies know
_FIRST_HIDDEN = 150
_INNER_ADDRESS = "203.0.113.{}"
MAX_HOSTS = 100

Role = str
"""``server`` (registrar and proxy), ``proxy`` (an outbound proxy only), ``dns``."""

_GROUP_NAMES = {
    Group.SERVER1: "server1",
    Group.SERVER2: "server2",
    Group.PROXY1: "proxy1",
    Group.PROXY2: "proxy2",
}


@dataclass(slots=True, eq=False)
class Host:
    """One machine of the lab. ``name`` is how faults and reports call it.

    ``listen`` are its endpoints; ``domains`` the domains it is registrar for, the first that of
    all addresses of record; ``certificate`` the names that it proves over TLS; ``shares`` a
    number that the hosts with one store of registrations have in common; ``relays`` leads from
    a domain to the host that a proxy forwards to.
    """

    name: str
    address: str
    role: Role
    listen: dict[Target, None] = field(default_factory=dict)
    domains: dict[str, None] = field(default_factory=dict)
    certificate: dict[str, None] = field(default_factory=dict)
    relays: dict[str, Host] = field(default_factory=dict, repr=False)
    shares: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own address first; an IPv6 host has an inner one, for those that have IPv4 only."""
        return tuple(dict.fromkeys((self.address, *(t.address for t in self.listen))))

    @property
    def inner(self) -> Target:
        """The UDP endpoint by which other hosts of the lab reach it."""
        return next(t for t in self.listen if t.transport is Transport.UDP and ":" not in t.address)

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True)
class Route:
    """One way of a line to one of its registrars, in hosts: the hops' own (``path``), and the
    registrar's, which are the same without a proxy."""

    line: int
    registrar: int
    group: Group
    path: tuple[Host, ...]
    registrars: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A lab that fits a configuration: make it once, rehearse in it as often as you like.

    ``hosts`` in the order in which the phone would try them, name servers last; ``names`` is
    what faults may be about. ``remarks`` tell what was invented. ``draw_seed`` makes the
    phone's own lot among equal records (D7), so that ``server1.primary`` is its primary.
    """

    settings: PhoneSettings = field(repr=False)
    zone: Zone
    hosts: tuple[Host, ...]
    routes: tuple[Route, ...]
    nameservers: tuple[Nameserver, ...]
    names: Names
    remarks: tuple[str, ...]
    draw_seed: str

    def host(self, name: str) -> Host:
        """The host of this name. KeyError."""
        return next(host for host in self.hosts if host.name == name)

    def lines_of(self, host: Host) -> tuple[LineSettings, ...]:
        """The lines that register with ``host``."""
        numbers = {route.line for route in self.routes if host in route.registrars}
        return tuple(x for x in self.settings.enabled_lines() if x.line in numbers)

    def at(self, address: str) -> Host | None:
        """The host that has ``address``."""
        return next((host for host in self.hosts if host.address == address), None)

    def draw(self) -> Draw:
        """The phone's lot, the same each time."""
        return Draw(random.Random(self.draw_seed))


def survey(settings: PhoneSettings, zone: Zone | None = None, seed: int = 1) -> Site:
    """The lab that ``settings`` ask for. ``zone`` None: records are invented from the names.

    Raises ConfigError where no line is in use, ScenarioError where it cannot be built.
    """
    if not settings.enabled_lines():
        raise ConfigError(
            "no line is in use: one needs account.X.enable = 1, a user_name and "
            "sip_server.1.address"
        )
    return _Surveyor(settings, zone or invent_zone(settings), f"{seed} draw").site()


def hop_lists(site: Site) -> dict[Where, tuple[Hop, ...]]:
    """Where everything that the phone of ``site`` may look up leads, in the phone's order, with
    the records behind it; targets that serve only where no other does come last (D13)."""
    wheres = [where for _, _, where in every_where(site.settings)]
    return _locate(site.settings, wheres, site.zone, site.draw(), static=True)


# --- where names lead -------------------------------------------------------------------------


def _locate(
    settings: PhoneSettings, wheres: Iterable[Where], zone: Zone, draw: Draw, *, static: bool
) -> dict[Where, tuple[Hop, ...]]:
    """The hop lists of ``wheres``, found by the phone's own locator in no time."""
    name_server = NameServer({".": zone.text})
    dns_settings = settings.dns if static else without_static_records(settings.dns)
    locator = Locator(dns_settings, (Nameserver("0.0.0.0"),), random.Random(0), draw=draw)
    found: dict[Where, tuple[Hop, ...]] = {}
    for where in dict.fromkeys(wheres):
        locator.locate(where, where, 0.0)
        while effects := locator.effects():
            for effect in effects:
                if isinstance(effect, DnsSend):
                    answer = name_server.answer(effect.data, tcp=effect.tcp)
                    if answer is not None:
                        received = DnsReceived(effect.nameserver, answer, effect.tcp)
                        locator.receive(received, 0.0)
                elif isinstance(effect, Located):
                    where_found = effect.ticket
                    assert isinstance(where_found, Where)
                    found[where_found] = (*effect.hops, *effect.spare)
    return found


# --- hosts ------------------------------------------------------------------------------------


class _Surveyor:
    """Builds one site, host by host."""

    def __init__(self, settings: PhoneSettings, zone: Zone, draw_seed: str) -> None:
        self._settings = settings
        self._zone = zone
        self._draw_seed = draw_seed
        self._by_address: dict[str, Host] = {}
        self._aliases: dict[str, dict[str, None]] = {}
        self._routes: list[Route] = []
        self._remarks = list(zone.remarks)
        self._hidden: dict[str, Host] = {}
        self._placed: list[tuple[int, Group, tuple[Host, ...]]] = []
        wheres = [where for _, _, where in every_where(settings)]
        draw = Draw(random.Random(draw_seed))
        self._lists = _locate(settings, wheres, zone, draw, static=True)
        self._plain = _locate(settings, wheres, zone, draw, static=False)
        # when DNS is down the static records serve alone (D13)
        self._static = _locate(settings, wheres, Zone("", ""), draw, static=True)

    def site(self) -> Site:
        for line in self._settings.enabled_lines():
            for registrar in line.registrars():
                self._add_registrar(line, registrar)
        self._share()
        self._remarks += [
            f"line {line.line} has no password: its servers in the lab ask for none"
            for line in self._settings.enabled_lines()
            if not line.password
        ]
        nameservers = self._name_servers()
        self._name_all()
        self._alias_names()
        return Site(
            settings=self._settings,
            zone=self._zone,
            hosts=tuple(self._by_address.values()),
            routes=tuple(self._routes),
            nameservers=nameservers,
            names=self._names(),
            remarks=tuple(self._remarks),
            draw_seed=self._draw_seed,
        )

    # --- servers and proxies ----------------------------------------------------------------

    def _add_registrar(self, line: LineSettings, registrar: int) -> None:
        own = (Group.SERVER1, Group.SERVER2)[registrar - 1]
        paths = line.paths(registrar)
        path_hosts = {
            group: self._hosts(line, registrar, group, "proxy" if group.is_proxy else "server")
            for group in paths
        }
        servers = path_hosts.get(own) or self._hosts(line, registrar, own, "server")
        if not servers and line.proxies():
            servers = (self._hide(line, registrar),)
        if not servers and not any(path_hosts.values()):
            address = line.path(paths[0], registrar).address
            self._remarks.append(
                f"line {line.line}, {paths[0].value}: nothing known of {address}; it leads nowhere"
            )
        # a proxy that is one of the registrar's own machines is a registrar
        registrars = dict.fromkeys(host.address for host in servers)
        for host in servers:
            host.role = "server"
            for domain in (line.domain(registrar), line.server(registrar).address):
                host.domains[_bare(domain)] = None
        for group, hosts in path_hosts.items():
            self._routes.append(Route(line.line, registrar, group, hosts, servers))
            for host in hosts:
                if host.address not in registrars and servers:
                    for domain in (line.domain(registrar), line.server(registrar).address):
                        host.relays[_bare(domain)] = servers[0]

    def _hosts(
        self, line: LineSettings, registrar: int, group: Group, role: Role
    ) -> tuple[Host, ...]:
        """The hosts of one hop list in the phone's order, which it remembers for their names."""
        where = Where.of(
            line if group in line.paths(registrar) else replace(line, outbound_proxy_enable=0),
            group,
            registrar,
        )
        hops: dict[Target, None] = {}
        for lists in (self._lists, self._plain, self._static):
            hops.update(dict.fromkeys(hop.target for hop in lists.get(where, ())))
        hosts: dict[str, Host] = {}
        for target in hops:
            hosts[target.address] = self._host_at(target, role)
        self._placed.append((line.line, group, tuple(hosts.values())))
        name = canonical(where.address)
        if literal(name) is None and name:
            self._alias(name, hosts.values())
        return tuple(hosts.values())

    def _host_at(self, target: Target, role: Role) -> Host:
        host = self._by_address.get(target.address)
        if host is None:
            if len(self._by_address) >= MAX_HOSTS:
                raise ConfigError(f"more than {MAX_HOSTS} servers: too many for a rehearsal")
            host = self._by_address[target.address] = Host("", target.address, role)
        host.listen[target._replace(tls_name="")] = None
        if target.tls_name:
            host.certificate[target.tls_name] = None
        return host

    def _hide(self, line: LineSettings, registrar: int) -> Host:
        """A registrar that DNS does not tell of: behind outbound proxies it need not (P1)."""
        name = _bare(line.server(registrar).address)
        host = self._hidden.get(name)
        if host is None:
            address = _HIDDEN_ADDRESS.format(_FIRST_HIDDEN + len(self._hidden))
            host = self._hidden[name] = self._host_at(
                Target(address, 5060, Transport.UDP), "server"
            )
            self._remarks.append(f"invented: registrar of {name} at {address}, behind the proxies")
        self._placed.append((line.line, (Group.SERVER1, Group.SERVER2)[registrar - 1], (host,)))
        return host

    # --- names ------------------------------------------------------------------------------

    def _name_all(self) -> None:
        """Name each host after its first place; with the line where lines differ there."""
        for group, base in _GROUP_NAMES.items():
            placed = [(line, hosts) for line, of, hosts in self._placed if of is group]
            by_line: dict[int, dict[str, None]] = {}
            for line, hosts in placed:
                by_line.setdefault(line, {}).update({host.address: None for host in hosts})
            alike = len({tuple(addresses) for addresses in by_line.values()}) == 1
            for line, hosts in placed:
                prefix = "" if alike else f"line{line}."
                self._name(f"{prefix}{base}", hosts)
                for name in (base, f"line{line}.{base}"):
                    self._alias_places(name, hosts)

    def _name(self, base: str, hosts: tuple[Host, ...]) -> None:
        taken = {host.name for host in self._by_address.values()}
        for number, host in enumerate(hosts, 1):
            if not host.name:
                place = "primary" if number == 1 else str(number)
                name = f"{base}.{place}" if len(hosts) > 1 else base
                more = count(len(hosts) + 1)  # one list on the way to each server, not alike
                while name in taken:
                    name = f"{base}.{next(more)}"
                host.name = name
                taken.add(name)

    def _alias_places(self, base: str, hosts: tuple[Host, ...]) -> None:
        self._alias(base, hosts)
        for number, host in enumerate(hosts, 1):
            self._alias(f"{base}.{number}", [host])
        for word, host in zip(("primary", "secondary"), hosts, strict=False):
            self._alias(f"{base}.{word}", [host])

    def _alias(self, alias: str, hosts: Iterable[Host]) -> None:
        self._aliases.setdefault(alias.lower(), {}).update({host.address: None for host in hosts})

    def _alias_names(self) -> None:
        """Hosts by address, and by the names that DNS and the static records have for them."""
        named: dict[str, tuple[str, ...]] = addresses_in(self._zone)
        for record in self._settings.dns.static_a:
            name, ip = canonical(record.name), literal(record.ip)
            if name and ip:
                named[name] = (*named.get(name, ()), ip)
        for name, addresses in named.items():
            hosts = [h for a in addresses if (h := self._by_address.get(a)) is not None]
            if hosts:
                self._alias(name, hosts)
        for host in self._by_address.values():
            self._alias(host.address, [host])
            self._alias(host.name, [host])
        self._alias("all", [h for h in self._by_address.values() if h.role != "dns"])

    def _names(self) -> Names:
        """What a fault may strike."""
        hosts = {
            alias: tuple(self._by_address[address].name for address in addresses)
            for alias, addresses in self._aliases.items()
            if addresses  # a name that leads nowhere cannot be struck
        }
        own = dict.fromkeys(host.name for host in self._by_address.values())
        groups = [a for a in (*_GROUP_NAMES.values(), "dns", "all") if a in hosts and a not in own]
        return Names({**hosts, PHONE: (PHONE,)}, PHONE, (*own, *groups, PHONE))

    # --- who shares -------------------------------------------------------------------------

    def _share(self) -> None:
        """Number the groups of hosts with one store; one store has one list of domains."""
        groups: list[dict[str, Host]] = []
        lines = {line.line: line for line in self._settings.enabled_lines()}
        for route in self._routes:
            path = lines[route.line].path(route.group, route.registrar)
            if not path.register_on_enable:
                groups = _joined(groups, {h.address: h for h in route.registrars})
        for host in self._by_address.values():
            if not any(host.address in group for group in groups):
                groups.append({host.address: host})
        for number, group in enumerate(groups, 1):
            domains = {domain: None for host in group.values() for domain in host.domains}
            for host in group.values():
                host.shares, host.domains = number, dict(domains)
        for number, host in enumerate(self._by_address.values()):
            if ":" in host.address:
                inner = _INNER_ADDRESS.format(number + 1)
                host.listen[Target(inner, 5060, Transport.UDP)] = None
            elif not any(t.transport is Transport.UDP for t in host.listen):
                host.listen[Target(host.address, 5060, Transport.UDP)] = None
            host.certificate.update(host.domains)

    # --- name servers -----------------------------------------------------------------------

    def _name_servers(self) -> tuple[Nameserver, ...]:
        """Those of the settings, else one; where a SIP server has the address, another."""
        told = [self._settings.dns.primary_dns, self._settings.dns.secondary_dns]
        wanted = [ip for text in told if text and (ip := literal(text))] or [_DNS_ADDRESSES[0]]
        nameservers = []
        for number, address in enumerate(dict.fromkeys(wanted)):
            if address in self._by_address:
                self._remarks.append(
                    f"{address} is a SIP server and a name server: in the lab two machines"
                )
                address = _DNS_ADDRESSES[number]
            name = "dns" if len(wanted) == 1 else f"dns{number + 1}"
            host = self._by_address[address] = Host(name, address, "dns")
            self._alias("dns", [host])
            self._alias(f"dns{number + 1}", [host])
            self._alias(address, [host])
            nameservers.append(Nameserver(address))
        return tuple(nameservers)


def _bare(address: str) -> str:
    return literal(address) or canonical(address)


def _joined(groups: list[dict[str, Host]], new: Mapping[str, Host]) -> list[dict[str, Host]]:
    """``groups`` with ``new`` laid over: those that have a member in common become one."""
    if not new:
        return groups
    joined, apart = dict[str, Host](), []
    for group in groups:
        if group.keys() & new.keys():
            joined.update(group)
        else:
            apart.append(group)
    joined.update(new)
    return [*apart, joined]
