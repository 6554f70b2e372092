"""A locator, name servers with zone texts, and the time between them: no sockets, no waiting."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evertone.config.settings import DnsSettings
from evertone.dns.codec import decode
from evertone.dns.locate import Families, Where
from evertone.dns.locator import Located, LocateFailed, Locator
from evertone.dns.records import Question
from evertone.flows import Announce, DnsFailed, DnsReceived, DnsSend, Nameserver
from evertone.lab.name_server import NameServer
from evertone.model import Group, Hop

NS1 = Nameserver("192.0.2.53")
NS2 = Nameserver("192.0.2.54")

SOA = "@ 3600 IN SOA ns.example. admin.example. 1 3600 600 86400 60\n"
"""No-data and NXDOMAIN are kept for 60 s."""

V4: Families = frozenset((4,))

Reply = Callable[[DnsSend], bytes | None]


@dataclass
class Bench:
    """One phone's locator against name servers. ``silent`` ones answer nothing, ``refusing``
    ones by ICMP; ``replies`` says what one answers instead of its zone."""

    zones: dict[Nameserver, NameServer]
    settings: DnsSettings = DnsSettings()
    families: Families = V4
    seed: int = 1
    delay_s: float = 0.01
    now: float = 0.0
    silent: set[Nameserver] = field(default_factory=set)
    refusing: set[Nameserver] = field(default_factory=set)
    replies: dict[Nameserver, Reply] = field(default_factory=dict)
    asked: list[tuple[Nameserver, Question, bool]] = field(default_factory=list)
    answers: dict[object, Located | LocateFailed] = field(default_factory=dict)
    answered_at: dict[object, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.locator = Locator(
            self.settings, tuple(self.zones), random.Random(self.seed), families=self.families
        )
        self._queue: list[tuple[float, int, DnsReceived | DnsFailed]] = []
        self._count = 0

    def locate(self, where: Where, *, someone_waits: bool = False) -> Located | LocateFailed:
        """Locate and wait for the answer."""
        ticket = self.begin(where, someone_waits=someone_waits)
        self.run(until=lambda: ticket in self.answers)
        return self.answers[ticket]

    def hops(self, where: Where, *, someone_waits: bool = False) -> tuple[Hop, ...]:
        answer = self.locate(where, someone_waits=someone_waits)
        assert isinstance(answer, Located), answer
        return answer.hops

    def failure(self, where: Where, *, someone_waits: bool = False) -> str:
        answer = self.locate(where, someone_waits=someone_waits)
        assert isinstance(answer, LocateFailed), answer
        return answer.text

    def begin(self, where: Where, *, someone_waits: bool = False) -> object:
        self._count += 1
        ticket = ("ticket", self._count)
        self.locator.locate(ticket, where, self.now, someone_waits=someone_waits)
        self._drain()
        return ticket

    def inject(self, event: DnsReceived | DnsFailed) -> None:
        """Something comes from the network right now."""
        self.locator.receive(event, self.now)
        self._drain()

    def run(self, until: Callable[[], bool] = lambda: False, max_events: int = 5000) -> None:
        """Carry messages and time on until ``until``, or until nothing is left to happen."""
        for _ in range(max_events):
            if until() or not self._step():
                return
        raise AssertionError("the locator never comes to rest")

    def questions(self) -> list[str]:
        """What was asked so far, in order; forgets it."""
        asked = [str(question) for _, question, _ in self.asked]
        self.asked.clear()
        return asked

    def _step(self) -> bool:
        deadline = self.locator.next_deadline()
        if self._queue and (deadline is None or self._queue[0][0] <= deadline):
            at, _, event = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            self.locator.receive(event, self.now)
        elif deadline is not None:
            self.now = max(self.now, deadline)
            self.locator.handle_timer(self.now)
        else:
            return False
        self._drain()
        return True

    def _drain(self) -> None:
        for effect in self.locator.effects():
            match effect:
                case DnsSend():
                    self._carry(effect)
                case Located(ticket) | LocateFailed(ticket):
                    assert ticket not in self.answers, "two answers to one ticket"
                    self.answers[ticket] = effect
                    self.answered_at[ticket] = self.now
                case Announce(event):
                    self.warnings.append(event.reason)

    def _carry(self, send: DnsSend) -> None:
        message = decode(send.data)
        assert message.question is not None
        self.asked.append((send.nameserver, message.question, send.tcp))
        if send.nameserver in self.silent:
            return
        if send.nameserver in self.refusing:
            self._push(DnsFailed(send.nameserver, message.id, "connection refused"))
            return
        custom = self.replies.get(send.nameserver)
        if custom is not None:
            data = custom(send)
        else:
            data = self.zones[send.nameserver].answer(send.data, tcp=send.tcp)
        if data is not None:
            self._push(DnsReceived(send.nameserver, data, send.tcp))

    def _push(self, event: DnsReceived | DnsFailed) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now + self.delay_s, self._count, event))


def bench(zone: str = "", **settings: Any) -> Bench:
    """A bench with one name server. ``settings`` are the bench's own fields."""
    return Bench({NS1: NameServer(SOA + zone)}, **settings)


def where(address: str = "sip.example", **fields: Any) -> Where:
    """A server to locate: by default type DNS-NAPTR with port 0."""
    return Where(Group.SERVER1, address, **fields)


def targets(hops: tuple[Hop, ...]) -> list[str]:
    return [str(hop.target) for hop in hops]
