"""A test bench for one engine: virtual time, targets with a behaviour, everything recorded.

The engine's real outputs are carried out: resolutions answer from ``lists``, attempts end as
their target behaves. Nothing of the engine is replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from evertone.config.settings import LineSettings, ServerSettings
from evertone.events import Event
from evertone.model import (
    Attempt,
    Cause,
    Group,
    Hop,
    Outcome,
    OutcomeKind,
    Target,
    Transport,
)
from evertone.redundancy import interface as io
from evertone.redundancy.engine import Engine
from evertone.redundancy.marks import TargetMarks
from evertone.schedule import SipTimers

OK = Outcome(OutcomeKind.OK, 200, text="OK")
REFUSED = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.ICMP)
BUSY = Outcome(OutcomeKind.BUSY, 503, text="Service Unavailable")
FORBIDDEN = Outcome(OutcomeKind.REFUSED, 403, text="Forbidden")
SILENT = None

Behaviour = Outcome | None
E = TypeVar("E", bound=Event)


def target(number: int, transport: Transport = Transport.UDP) -> Target:
    """The n-th target."""
    return Target(f"10.0.0.{number}", 5060, transport)


def hops(group: Group, *numbers: int, ttl_s: float = 300.0) -> tuple[Hop, ...]:
    """A hop list of ``group`` over the targets of these numbers."""
    return tuple(Hop(group, i, target(n), ttl_s=ttl_s) for i, n in enumerate(numbers))


def line(*servers: ServerSettings, **settings: object) -> LineSettings:
    """A line with one or two servers."""
    pair = (*servers, ServerSettings(), ServerSettings())[:2]
    return LineSettings(enable=1, user_name="4605", sip_server=pair, **settings)  # type: ignore[arg-type]


def pair(
    first: ServerSettings | None = None, second: ServerSettings | None = None, **settings: object
) -> Bench:
    """A line with two servers that have one target each."""
    servers = (
        first or ServerSettings("one.example"),
        second or ServerSettings("two.example"),
    )
    lists = {Group.SERVER1: hops(Group.SERVER1, 1), Group.SERVER2: hops(Group.SERVER2, 2)}
    return Bench(line(*servers, **settings), lists)


def begun_at_2(server: ServerSettings, targets: int = 2, **settings: object) -> Bench:
    """A line whose server has so many targets, of which the first was dead when it began."""
    listed = hops(Group.SERVER1, *range(1, targets + 1))
    bench = Bench(line(server, **settings), {Group.SERVER1: listed})
    bench.set(t1=REFUSED)
    return bench.start()


@dataclass
class Bench:
    """``behaviour`` by target number: an Outcome answered after ``rtt_s``, or silence."""

    settings: LineSettings
    lists: dict[Group, tuple[Hop, ...]]
    behaviour: dict[int, Behaviour] = field(default_factory=dict)
    by_method: dict[tuple[int, str], Behaviour] = field(default_factory=dict)
    by_registrar: dict[int, Behaviour] = field(default_factory=dict)
    granted_s: int | None = None
    rtt_s: float = 0.01
    now: float = 0.0
    timers: SipTimers = field(default_factory=SipTimers)
    marks: TargetMarks = field(default_factory=TargetMarks)
    sends: list[tuple[float, Attempt]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    completed: dict[int, tuple[float, Outcome, Attempt | None]] = field(default_factory=dict)
    abandoned: list[int] = field(default_factory=list)
    extended: list[int] = field(default_factory=list)
    spare: tuple[Hop, ...] = ()
    locates: int = 0
    slow_dns: float = 0.0
    no_dns: set[Group] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    resubscribed: list[io.Resubscribe] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = Engine(self.settings, self.timers, self.marks, random.Random(1))
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._seq = 0
        self._live: dict[int, Attempt] = {}
        self._next = 0

    # --- the user's side ----------------------------------------------------------------------

    def start(self, wait_s: float = 0.0) -> Bench:
        self.give(io.Started(wait_s))
        return self

    def give(self, event: io.EngineInput) -> None:
        self.engine.receive(event, self.now)
        self._drain()

    def request(self, method: str = "INVITE", **kw: object) -> int:
        self._next += 1
        self.give(io.RequestWanted(self._next, method, **kw))  # type: ignore[arg-type]
        return self._next

    def set(self, **behaviour: Behaviour) -> None:
        """``set(t1=OK)``: how target 1 behaves from now on."""
        for name, value in behaviour.items():
            self.behaviour[int(name[1:])] = value

    def run(self, until: float) -> None:
        """Jump from event to event up to ``until``."""
        while True:
            deadline = self.engine.next_deadline()
            agenda = min(self._agenda, key=lambda e: e[:2], default=None)
            times = [t for t in (deadline, agenda[0] if agenda else None) if t is not None]
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            if agenda is not None and agenda[0] <= self.now:
                self._agenda.remove(agenda)
                agenda[2]()
            else:
                self.engine.handle_timer(self.now)
            self._drain()
        self.now = until

    def fails_over(self, method: str = "SUBSCRIBE") -> None:
        """The line's target 1 dies within the next second, and a request moves it to target 2."""
        self.rtt_s = 0.01
        self.set(t1=REFUSED)
        self.request(method)
        self.run(self.now + 1)
        assert self.current == target(2)

    # --- what happened ------------------------------------------------------------------------

    def sent(self, method: str | None = None) -> list[tuple[float, str, int]]:
        """(time, method, target number) of each attempt; removals are ``-REGISTER``."""
        return [
            (
                round(at, 2),
                "-REGISTER" if a.expires_s == 0 else a.method,
                int(a.hop.target.address.rsplit(".", 1)[1]),
            )
            for at, a in self.sends
            if method is None or a.method == method
        ]

    @property
    def current(self) -> Target | None:
        """Where the first list stands."""
        return self.engine.snapshot().lists[0].current

    def saw(self, kind: type[E]) -> list[E]:
        """The events of a kind."""
        return [e for e in self.events if type(e) is kind]

    # --- carrying effects out -----------------------------------------------------------------

    def _drain(self) -> None:
        while out := self.engine.effects():
            for effect in out:
                self._carry_out(effect)

    def _carry_out(self, effect: io.EngineOutput) -> None:
        if isinstance(effect, io.Locate):
            self._locate(effect)
        elif isinstance(effect, io.Send):
            self._send(effect.attempt)
        elif isinstance(effect, io.Abandon):
            self.abandoned.append(effect.attempt)
            self._live.pop(effect.attempt, None)
        elif isinstance(effect, io.Extend):
            self.extended.append(effect.attempt)
            attempt = self._live[effect.attempt]
            left = self.timers.timeout_s - attempt.give_up_s
            out = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.SILENCE)
            self._at(left, lambda: self._finish(attempt, out))
        elif isinstance(effect, io.Completed):
            self.completed[effect.request] = (self.now, effect.outcome, effect.attempt)
        elif isinstance(effect, io.Resubscribe):
            self.resubscribed.append(effect)
        elif isinstance(effect, io.Announce):
            self.events.append(effect.event)

    def _at(self, delay_s: float, act: Callable[[], None]) -> None:
        self._seq += 1
        self._agenda.append((self.now + delay_s, self._seq, act))

    def _locate(self, effect: io.Locate) -> None:
        self.locates += 1
        if effect.group in self.no_dns:
            self.engine.receive(
                io.LocateFailed(effect.group, effect.registrar, "no answer from DNS"), self.now
            )
            return
        found = self.lists[effect.group]
        located = io.Located(effect.group, effect.registrar, found, self.spare)
        if self.slow_dns:
            self._at(self.slow_dns, lambda: self.engine.receive(located, self.now))
        else:
            self.engine.receive(located, self.now)

    def _send(self, attempt: Attempt) -> None:
        self.sends.append((self.now, attempt))
        self._live[attempt.id] = attempt
        number = int(attempt.hop.target.address.rsplit(".", 1)[1])
        how = self.behaviour.get(number, OK)
        how = self.by_method.get((number, attempt.method), how)
        how = self.by_registrar.get(attempt.registrar, how)
        if how is not SILENT:
            self._at(self.rtt_s, lambda: self._finish(attempt, how))
        elif attempt.give_up_s < self.timers.timeout_s:
            self._at(attempt.give_up_s, lambda: self._silent(attempt))
        else:
            out = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.SILENCE)
            self._at(attempt.give_up_s, lambda: self._finish(attempt, out))

    def _silent(self, attempt: Attempt) -> None:
        if attempt.id in self._live:
            self.engine.receive(io.Silent(attempt.id), self.now)

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        if self._live.pop(attempt.id, None) is None:
            return
        granted = self.granted_s if self.granted_s is not None else (attempt.expires_s or 0)
        self.engine.receive(
            io.Finished(attempt.id, outcome, granted if outcome.ok else 0), self.now
        )
