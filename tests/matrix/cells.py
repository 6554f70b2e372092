"""The cells of the matrix: what is varied, under which names, and when what happens in a cell.

Knows the settings that a phone is given, and no code that obeys them: the oracle may import this.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product

from evertone.config.settings import LineSettings, ProxySettings, ServerSettings
from evertone.model import Transport

__all__ = [
    "ADDRESSES",
    "Cell",
    "Fault",
    "Presence",
    "Request",
    "Topology",
    "all_cells",
    "line_settings",
    "lists_of",
    "parse_cell",
    "struck_by",
]

# --- what is varied ---------------------------------------------------------------------------


class Topology(enum.Enum):
    """How the phone's servers back each other up."""

    FAILOVER = "failover"
    CONCURRENT = "concurrent"
    SUCCESSIVE = "successive"
    PROXIES = "proxies"
    INSIDE_CONCURRENT = "inside-concurrent"
    INSIDE_SUCCESSIVE = "inside-successive"


class Request(enum.Enum):
    """The request that meets the fault first."""

    REGISTER = "REGISTER"
    INVITE = "INVITE"
    REINVITE = "re-INVITE"
    BYE = "BYE"
    SUBSCRIBE = "SUBSCRIBE"


class Fault(enum.Enum):
    """What strikes the servers that the phone uses."""

    SILENCE = "silence"
    REFUSED = "refused"
    BUSY = "503"
    BUSY_FOR = "503-retry-after"
    DNS_DOWN = "dns-down"
    ANSWERS_LOST = "one-way-loss"
    LOSS = "loss-20"
    SLOW = "slow"
    TOO_SLOW = "too-slow"
    RESTART = "restart"


class Presence(enum.Enum):
    """Whether the phone has a call that stands since before the fault (B5)."""

    IDLE = "idle"
    IN_CALL = "in-call"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination. ``mode`` is ``failback_mode``."""

    topology: Topology
    request: Request
    fault: Fault
    mode: int
    transport: Transport
    presence: Presence

    def __str__(self) -> str:
        parts = (getattr(self, field.name) for field in fields(self))
        return "/".join(f"mode{p}" if isinstance(p, int) else p.value for p in parts)


MODES = (0, 1, 2, 3)


def all_cells() -> Iterator[Cell]:
    """The whole product, void cells included."""
    return (Cell(*key) for key in product(Topology, Request, Fault, MODES, Transport, Presence))


def parse_cell(name: str) -> Cell:
    """The cell of this name. Raises ValueError where there is none."""
    for cell in all_cells():
        if str(cell) == name:
            return cell
    raise ValueError(f"no cell is called {name!r}; one is {next(all_cells())}")


# --- who is there -----------------------------------------------------------------------------

ADDRESSES = {
    "one": "10.0.0.1",
    "two": "10.0.0.2",
    "fallback": "10.0.0.3",
    "edge-1a": "10.0.0.11",
    "edge-1b": "10.0.0.12",
    "edge-2": "10.0.0.13",
    "hub": "10.0.0.50",  # knows the callees; no fault strikes it
    "dns": "10.0.0.53",
    "caller": "10.0.1.1",
    "callee": "10.0.1.2",
    "friend": "10.0.1.3",
}
DOMAIN = "pbx.example"
EDGE = "edge.example"

_LISTS = {
    Topology.FAILOVER: (("one", "two"),),
    Topology.CONCURRENT: (("one",), ("fallback",)),
    Topology.SUCCESSIVE: (("one",), ("fallback",)),
    Topology.PROXIES: (("edge-1a", "edge-1b"), ("edge-2",)),
    Topology.INSIDE_CONCURRENT: (("one", "two"), ("fallback",)),
    Topology.INSIDE_SUCCESSIVE: (("one", "two"), ("fallback",)),
}


def lists_of(topology: Topology) -> tuple[tuple[str, ...], ...]:
    """The hop lists by preference, their hosts in order."""
    return _LISTS[topology]


def struck_by(topology: Topology) -> tuple[str, ...]:
    """Whom a fault strikes: a primary that has a secondary, or all of the first list."""
    first = _LISTS[topology][0]
    return first[:1] if topology is Topology.FAILOVER else first


# --- when -------------------------------------------------------------------------------------

REGISTERED_S = 0.0
STANDING_CALL_S = 3.0
FAULT_S = 10.0
REQUEST_S = 11.0
"""When an INVITE or BYE is wanted; a REGISTER is the refresh that falls due."""
WITNESS_S = 72.0
"""A call late in the outage: it shows who serves."""
RECOVERY_S = 110.0
HANGUP_S = 190.0
"""When the call that stood all the time is hung up."""

# --- what the phone is told -------------------------------------------------------------------

EXPIRES_S = 60
FALLBACK_TIMEOUT_S = 20
PROXY_INTERVAL_S = 20
RETRY_INTERVAL_S = 15
SUBSCRIBE_S = 24
"""A mailbox subscription: its refresh falls due at 12 s, soon after the fault."""
SUBSCRIBE_RETRY_S = 10
FAILBACK_TIMEOUT_S = 60
NAME_TTL_S = 5
"""Of NAPTR and SRV records: nearly every request must ask for them anew (D11)."""
ADDRESS_TTL_S = 20
"""B2's clock: shorter than the 30 s that tries home are kept apart (B6)."""
RETRY_AFTER_S = 40
SLOW_S = 1.0
"""One way, into a slow server and out of it: it answers in S1's time."""
TOO_SLOW_S = 4.0
"""It answers when S1's time is over."""
LOSS = 0.2

TRANSPORT_TYPES = {Transport.UDP: 0, Transport.TCP: 1, Transport.TLS: 2}
_BY_NAPTR = 3


def line_settings(cell: Cell) -> LineSettings:
    """The caller's line. ``call_survival`` is off: the matrix shows the guide, not X5."""
    common = LineSettings(
        enable=1,
        user_name=f"caller@{DOMAIN}",
        auth_name="caller",
        password="caller",
        fallback_timeout=FALLBACK_TIMEOUT_S,
        outbound_proxy_fallback_interval=PROXY_INTERVAL_S,
        reg_fail_retry_interval=RETRY_INTERVAL_S,
        call_survival=0,
        subscribe_mwi=int(cell.request is Request.SUBSCRIBE),
        subscribe_mwi_expires=SUBSCRIBE_S,
        sub_fail_retry_interval=SUBSCRIBE_RETRY_S,
    )
    return _VARIANTS[cell.topology](cell, common)


def _server(cell: Cell, address: str, port: int, transport_type: int) -> ServerSettings:
    return ServerSettings(
        address=address,
        port=port,
        transport_type=transport_type,
        expires=EXPIRES_S,
        failback_mode=cell.mode,
        failback_timeout=FAILBACK_TIMEOUT_S,
    )


def _literal(cell: Cell, host: str) -> ServerSettings:
    port, number = cell.transport.default_port, TRANSPORT_TYPES[cell.transport]
    return _server(cell, ADDRESSES[host], port, number)


def _named(cell: Cell) -> ServerSettings:
    return _server(cell, DOMAIN, 0, _BY_NAPTR)


def _failover(cell: Cell, line: LineSettings) -> LineSettings:
    return _with(line, _named(cell), ServerSettings(), successive=False)


def _two_literals(cell: Cell, line: LineSettings) -> LineSettings:
    successive = cell.topology is Topology.SUCCESSIVE
    return _with(line, _literal(cell, "one"), _literal(cell, "fallback"), successive=successive)


def _inside(cell: Cell, line: LineSettings) -> LineSettings:
    successive = cell.topology is Topology.INSIDE_SUCCESSIVE
    return _with(line, _named(cell), _literal(cell, "fallback"), successive=successive)


def _proxies(cell: Cell, line: LineSettings) -> LineSettings:
    number = TRANSPORT_TYPES[cell.transport]
    edges = (
        ProxySettings(address=EDGE, port=0),
        ProxySettings(address=ADDRESSES["edge-2"], port=cell.transport.default_port),
    )
    told = _with(line, _server(cell, DOMAIN, 0, number), ServerSettings(), successive=False)
    return replace(told, outbound_proxy_enable=1, outbound_proxy=edges)


def _with(
    line: LineSettings, one: ServerSettings, two: ServerSettings, *, successive: bool
) -> LineSettings:
    return replace(line, sip_server=(one, two), fallback_redundancy_type=int(successive))


_VARIANTS = {
    Topology.FAILOVER: _failover,
    Topology.CONCURRENT: _two_literals,
    Topology.SUCCESSIVE: _two_literals,
    Topology.PROXIES: _proxies,
    Topology.INSIDE_CONCURRENT: _inside,
    Topology.INSIDE_SUCCESSIVE: _inside,
}
