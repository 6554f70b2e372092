"""A lab in a file: name servers, SIP servers, users, and the faults that strike by time (TOML).

::

    domain = "pbx.example"            # whose users these are
    [users]
    1001 = "secret"

    [[server]]
    name = "primary"
    address = "127.0.20.1"
    listen = ["udp:5060", "tcp:5060", "tls:5061"]
    shares = "cluster"                # servers that name the same group share their bindings
    relay = "secondary"               # users unknown here are looked for there

    [[name_server]]
    address = "127.0.20.53"
    port = 10053
    zones = { "pbx.example" = "@ IN A 127.0.20.1" }

    [[fault]]
    verb = "silence"
    host = "primary"
    from = 10
    to = 40
"""

from __future__ import annotations

import ipaddress
import math
import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evertone.errors import FaultError, ScenarioError
from evertone.lab.faults import FAULTS, Fault, make_fault
from evertone.lab.name_server import NameServer
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.model import Target, Transport

__all__ = [
    "DEFAULT_SCENARIO",
    "NameServerSpec",
    "Scenario",
    "ServerSpec",
    "build_servers",
    "load_scenario",
    "parse_scenario",
]

MAX_FILE_BYTES = 1_000_000
MAX_SERVERS = 64

DEFAULT_SCENARIO = """\
domain = "pbx.example"

[users]
1001 = "1001"
1002 = "1002"
1003 = "1003"

[[server]]
name = "primary"
address = "127.0.20.1"
shares = "cluster"

[[server]]
name = "secondary"
address = "127.0.20.2"
shares = "cluster"

[[server]]
name = "fallback"
address = "127.0.20.3"

[[name_server]]
name = "dns"
address = "127.0.20.53"
port = 10053

[name_server.zones]
"pbx.example" = '''
$TTL 60
@          IN SOA ns admin 1 3600 600 86400 30
@          IN NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp
@          IN NAPTR 100 50 "s" "SIP+D2T" "" _sip._tcp
_sip._udp  IN SRV 0 2 5060 primary
_sip._udp  IN SRV 0 1 5060 secondary
_sip._tcp  IN SRV 0 2 5060 primary
_sip._tcp  IN SRV 0 1 5060 secondary
_sips._tcp IN SRV 0 2 5061 primary
_sips._tcp IN SRV 0 1 5061 secondary
primary    IN A 127.0.20.1
secondary  IN A 127.0.20.2
fallback   IN A 127.0.20.3
'''
"""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One SIP server. ``shares`` names the group that it shares bindings with ("": none);
    ``relay`` the server that looks for users unknown here; times are seconds."""

    name: str
    address: str
    listen: tuple[Target, ...]
    domains: tuple[str, ...]
    certificate: tuple[str, ...]
    shares: str = ""
    relay: str = ""
    realm: str = ""
    min_expires_s: int = 10
    max_expires_s: int = 7200
    nonce_lifetime_s: int = 300


@dataclass(frozen=True, slots=True)
class NameServerSpec:
    """One name server: zone texts by origin."""

    name: str
    address: str
    port: int
    zones: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A lab as data. ``users`` maps names to passwords."""

    domain: str
    users: Mapping[str, str] = field(repr=False)
    servers: tuple[ServerSpec, ...]
    name_servers: tuple[NameServerSpec, ...] = ()
    faults: tuple[Fault, ...] = ()

    def check_host(self, name: str) -> None:
        """Raise FaultError if nobody is called so."""
        names = [*self._named("sip"), *self._named("dns")]
        if name not in names:
            raise FaultError(f"no host {name!r}; there are: {', '.join(names)}")

    def check_fault(self, fault: Fault) -> None:
        """Raise FaultError if this fault can strike nobody here."""
        for name in filter(None, (fault.subject, fault.peer)):
            self.check_host(name)
        strikes = FAULTS[fault.verb].strikes
        if strikes != "any" and fault.subject not in self._named(strikes):
            raise FaultError(f"{fault}: {fault.subject} is no {strikes.upper()} server")

    def _named(self, kind: str) -> list[str]:
        specs = self.name_servers if kind == "dns" else self.servers
        return [spec.name for spec in specs]


# --- reading ----------------------------------------------------------------------------------


class _Table:
    """One table of the file: takes keys out, checks their kind, and names what is left over."""

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise ScenarioError(f"{where} must be a table")
        self.where = where
        self._values = dict(values)
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        return str(self._take(key, str, "a text in quotes", default))

    def number(self, key: str, default: float | None = None) -> float:
        """A number, whole or not."""
        return float(self._take(key, (int, float), "a number", default))

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        value: int = self._take(key, int, "a whole number", default)
        if not least <= value <= most:
            raise ScenarioError(f"{self.where}: {key} must be from {least} to {most}")
        return value

    def texts(self, key: str, default: list[str]) -> list[str]:
        """A list of texts."""
        values: list[Any] = self._take(key, list, "a list of texts", default)
        if not all(isinstance(value, str) for value in values):
            raise ScenarioError(f"{self.where}: {key} must be a list of texts")
        return values

    def mapping(self, key: str, default: dict[str, str] | None = None) -> dict[str, str]:
        """A table of texts."""
        values: dict[str, Any] = self._take(key, dict, "a table of texts", default)
        if not all(isinstance(value, str) for value in values.values()):
            raise ScenarioError(f"{self.where}: every value in {key} must be a text in quotes")
        return values

    def tables(self, key: str) -> list[_Table]:
        """``[[key]]`` tables."""
        values: list[Any] = self._take(key, list, f"given as [[{key}]]", [])
        return [_Table(f"{key} {i}", value) for i, value in enumerate(values, 1)]

    def address(self, key: str) -> str:
        """An IP address."""
        text = self.text(key)
        try:
            return ipaddress.ip_address(text).compressed
        except ValueError:
            raise ScenarioError(f"{self.where}: {key} = {text!r} is no IP address") from None

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        if self._values:
            raise ScenarioError(
                f"{self.where}: unknown key {next(iter(self._values))!r}; "
                f"allowed: {', '.join(self._known)}"
            )

    def _take(self, key: str, kind: Any, what: str, default: Any) -> Any:
        self._known.append(key)
        value = self._values.pop(key, default)
        if value is None:
            raise ScenarioError(f"{self.where}: {key} is missing; it must be {what}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ScenarioError(f"{self.where}: {key} must be {what}")
        return value


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises ScenarioError that says what would be right."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ScenarioError(f"{path}: longer than {MAX_FILE_BYTES} bytes")
    try:
        return parse_scenario(data.decode())
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def parse_scenario(text: str) -> Scenario:
    """A scenario from TOML text. Raises ScenarioError that says what would be right."""
    try:
        top = _Table("the scenario", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"not TOML: {error}") from None
    domain = top.text("domain")
    users = top.mapping("users", {})
    servers = tuple(_server(table, domain) for table in top.tables("server"))
    name_servers = tuple(_name_server(table) for table in top.tables("name_server"))
    faults = tuple(_fault(table) for table in top.tables("fault"))
    top.finish()
    scenario = Scenario(domain, users, servers, name_servers, faults)
    _check(scenario)
    return scenario


def _server(table: _Table, domain: str) -> ServerSpec:
    name, address = table.text("name"), table.address("address")
    table.where = f"server {name!r}"
    domains = (domain, *table.texts("domains", []), address)
    spec = ServerSpec(
        name=name,
        address=address,
        listen=tuple(
            _endpoint(table.where, address, text)
            for text in table.texts("listen", ["udp:5060", "tcp:5060", "tls:5061"])
        ),
        domains=domains,
        certificate=tuple(table.texts("certificate", list(domains))),
        shares=table.text("shares", ""),
        relay=table.text("relay", ""),
        realm=table.text("realm", ""),
        min_expires_s=table.whole("min_expires", 10, 1, 86_400),
        max_expires_s=table.whole("max_expires", 7200, 1, 2**31 - 1),
        nonce_lifetime_s=table.whole("nonce_lifetime", 300, 1, 2**31 - 1),
    )
    table.finish()
    return spec


def _endpoint(where: str, address: str, text: str) -> Target:
    name, _, port = text.partition(":")
    if name.upper() in Transport.__members__ and port.isascii() and port.isdigit():
        number = int(port) if len(port) <= len("65535") else 0
        if 0 < number <= 65535:
            return Target(address, number, Transport[name.upper()])
    raise ScenarioError(f"{where}: listen {text!r} must be udp:PORT, tcp:PORT or tls:PORT")


def _name_server(table: _Table) -> NameServerSpec:
    spec = NameServerSpec(
        name=table.text("name", "dns"),
        address=table.address("address"),
        port=table.whole("port", 53, 1, 65535),
        zones=table.mapping("zones"),
    )
    table.finish()
    try:
        NameServer(spec.zones)  # a zone that cannot be read is named now, not when the lab starts
    except ScenarioError as error:
        raise ScenarioError(f"name_server {spec.name!r}: zones: {error}") from None
    return spec


def _fault(table: _Table) -> Fault:
    verb, host = table.text("verb"), table.text("host")
    begin, end = table.number("from", 0.0), table.number("to", math.inf)
    value, peer = table.number("value", math.nan), table.text("peer", "")
    retry_after_s = table.whole("retry_after", 0, 0, 86_400)
    table.finish()
    try:
        return make_fault(
            verb,
            host,
            at_s=begin,
            until_s=end,
            value=None if math.isnan(value) else value,
            peer=peer,
            retry_after_s=retry_after_s,
        )
    except FaultError as error:
        raise ScenarioError(f"{table.where}: {error}") from None


def _check(scenario: Scenario) -> None:
    """What only the whole can show: names that are unique and known."""
    if not scenario.servers:
        raise ScenarioError("no server: write at least one [[server]] with name and address")
    stations: list[ServerSpec | NameServerSpec] = [*scenario.servers, *scenario.name_servers]
    if len(stations) > MAX_SERVERS:
        raise ScenarioError(f"more than {MAX_SERVERS} servers")
    names = [x.name for x in stations]
    for name in names:
        if names.count(name) > 1:
            raise ScenarioError(f"two servers are called {name!r}")
    addresses = [x.address for x in stations]
    for address in addresses:
        if addresses.count(address) > 1:
            raise ScenarioError(f"two servers have the address {address}")
    for number, fault in enumerate(scenario.faults, 1):
        try:
            scenario.check_fault(fault)
        except FaultError as error:
            raise ScenarioError(f"fault {number}: {error}") from None
    known = {s.name for s in scenario.servers}
    for server in scenario.servers:
        if server.relay and server.relay not in known - {server.name}:
            raise ScenarioError(
                f"server {server.name!r}: relay {server.relay!r} is no other server"
            )


# --- building ---------------------------------------------------------------------------------


def build_servers(
    scenario: Scenario, rng_for: Callable[[str], random.Random]
) -> dict[str, SipServer]:
    """The SIP servers of a scenario, by name. ``rng_for`` gives each its randomness."""
    by_name = {spec.name: spec for spec in scenario.servers}
    stores: dict[str, RegistrationStore] = {}
    servers = {}
    for spec in scenario.servers:
        store = stores.setdefault(spec.shares, RegistrationStore()) if spec.shares else None
        routes = {"*": by_name[spec.relay].listen[0]} if spec.relay else {}
        servers[spec.name] = SipServer(
            spec.name,
            spec.listen,
            spec.domains,
            scenario.users,
            store or RegistrationStore(),
            rng_for(spec.name),
            realm=spec.realm,
            min_expires_s=spec.min_expires_s,
            max_expires_s=spec.max_expires_s,
            nonce_lifetime_s=spec.nonce_lifetime_s,
            routes=routes,
        )
    return servers
