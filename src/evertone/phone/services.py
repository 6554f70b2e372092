"""What the parts of one phone share."""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from evertone.clock import TimerTable
from evertone.config.settings import PhoneSettings
from evertone.dns.locate import Where
from evertone.events import Event
from evertone.flows import Announce, Effect
from evertone.model import Hop
from evertone.phone.exchanges import Exchanges
from evertone.phone.flow_table import FlowTable
from evertone.phone.keepalive import KeepAlive
from evertone.phone.timer import Timer
from evertone.sip.transaction import TransactionLayer

__all__ = ["MediaPorts", "Resolver", "Services"]

_FIRST_MEDIA_PORT = 11780
_MEDIA_PORTS = 512


class Resolver(Protocol):
    """Finds hop lists. The answer comes later, to the owner of the ticket."""

    def locate(
        self, ticket: Hashable, where: Where, now: float, *, someone_waits: bool = False
    ) -> None:
        """Ask."""

    def standing(self, where: Where, now: float) -> tuple[tuple[Hop, ...], tuple[Hop, ...]] | None:
        """The list that is known and still stands, and the spare hops beside it; None: ask."""


@dataclass(slots=True)
class MediaPorts:
    """Even UDP ports for RTP (RFC 3550 §11), each lent to one call at a time."""

    _next: int = 0
    _lent: set[int] = field(default_factory=set)

    def lend(self) -> int:
        """A port that no other call has. There are more of them than calls (a bound of ours)."""
        while True:
            port = _FIRST_MEDIA_PORT + 2 * self._next
            self._next = (self._next + 1) % _MEDIA_PORTS
            if port not in self._lent:
                self._lent.add(port)
                return port

    def give_back(self, port: int) -> None:
        """The call is over."""
        self._lent.discard(port)


@dataclass(slots=True)
class Services:
    """The services of one phone, handed to its lines and calls."""

    settings: PhoneSettings
    instance: str
    user_agent: str
    rng: random.Random
    out: list[Effect]
    timers: TimerTable[Timer]
    flows: FlowTable
    layer: TransactionLayer
    exchanges: Exchanges
    keepalive: KeepAlive
    resolver: Resolver
    media_ports: MediaPorts = field(default_factory=MediaPorts)
    stopping: bool = False

    def announce(self, event: Event) -> None:
        """Tell the world."""
        self.out.append(Announce(event))
