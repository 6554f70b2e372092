"""One per phone: takes addresses to be located, answers with hop lists (D11-D16)."""

from __future__ import annotations

import enum
import random
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from evertone.clock import TimerTable
from evertone.config.settings import DnsSettings
from evertone.dns.cache import CacheEntry
from evertone.dns.codec import message_id
from evertone.dns.locate import BOTH_FAMILIES, Families, Steps, Walk, Where
from evertone.dns.order import Draw
from evertone.dns.query import Answered, Patience, Query, QuerySnapshot
from evertone.dns.records import Answer, AnswerKind, Found, Question
from evertone.dns.sources import Sources
from evertone.errors import DnsError, UsageError
from evertone.events import Warned
from evertone.fixed import fixed
from evertone.flows import Announce, DnsFailed, DnsReceived, DnsSend, Nameserver
from evertone.model import Hop, HopSource
from evertone.rules import Rule

__all__ = ["LocateFailed", "Located", "Locator", "LocatorEffect", "LocatorSnapshot"]

_SOMEONE_WAITS_S = 1.8  # D16, RFC 8767 §5
_WALK_S = 32.0  # no walk takes longer than a transaction may (64*T1)
_WARN_EVERY_S = 10.0
_MAX_TASKS = 256
_MAX_QUERIES = 512
_MAX_LISTS = 128
_FIRM = frozenset((HopSource.DNS, HopSource.LITERAL))  # what a walk would find again


Hops: TypeAlias = tuple[Hop, ...]


@fixed
class Located:
    """The answer to :meth:`Locator.locate`: at least one hop, the primary first.

    ``spare`` are targets from static records that are not among ``hops``, numbered on from
    them: for this request only, if none of the hops can be reached (D13).
    """

    ticket: Hashable
    hops: tuple[Hop, ...]
    spare: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class LocateFailed:
    """The answer to :meth:`Locator.locate` when the address leads nowhere (D14), or when nobody
    told where: then it is ``unanswered`` (D16)."""

    ticket: Hashable
    text: str
    unanswered: bool = False


LocatorEffect: TypeAlias = DnsSend | Announce | Located | LocateFailed
"""Announce bears only :class:`evertone.events.Warned`: odd messages of name servers."""


@dataclass(frozen=True, slots=True)
class LocatorSnapshot:
    """What the locator knows and does, for people: the cache, the last list of each address,
    the questions in flight, how many addresses are being located, messages ignored so far."""

    at: float
    cache: tuple[CacheEntry, ...]
    lists: tuple[tuple[Where, tuple[Hop, ...]], ...]
    in_flight: tuple[QuerySnapshot, ...]
    locating: int
    ignored: int


class _Timer(enum.Enum):
    QUERY = "the try of a query"
    PATIENCE = "a person has waited long enough"
    LIMIT = "the walk has taken too long"

    __hash__ = object.__hash__  # members are single


_TimerKey: TypeAlias = tuple[_Timer, Question | int]


@dataclass(slots=True)
class _Task:
    """One walk in progress. ``ticket_open`` ends with the answer; the walk may go on, so that
    the next request finds what this one did not wait for."""

    ticket: Hashable
    where: Where
    walk: Walk
    steps: Steps
    someone_waits: bool
    ticket_open: bool = True
    wanted: tuple[Question, ...] = ()
    found: dict[Question, Found] = field(default_factory=dict)


class Locator:
    """From addresses to hop lists: the five verbs.

    ``nameservers`` are asked in turn; with none, only static records serve. ``rng`` makes
    query ids and the phone's own draw among equals (D7), unless that comes as ``draw``.
    ``families``: the address families that this host can send to (4, 6); no other is asked
    for (D9).
    """

    __slots__ = (
        "_draw",
        "_families",
        "_ignored",
        "_lists",
        "_nameservers",
        "_next_task",
        "_patience",
        "_queries",
        "_rng",
        "_sources",
        "_standing",
        "_tasks",
        "_waiting",
        "_warned_at",
        "pending",
        "timers",
    )

    def __init__(
        self,
        settings: DnsSettings,
        nameservers: tuple[Nameserver, ...],
        rng: random.Random,
        *,
        families: Families = BOTH_FAMILIES,
        draw: Draw | None = None,
    ) -> None:
        self._nameservers = nameservers
        self._families = families
        self._rng = rng
        self._draw = draw or Draw(rng)
        self._patience = Patience(float(settings.query_timeout), settings.retry_times)
        self._sources = Sources(settings, has_nameservers=bool(nameservers))
        self.timers: TimerTable[_TimerKey] = TimerTable()
        """Its timers, for whoever asks several parts at once (:func:`evertone.clock.earliest`)."""
        self.pending: list[LocatorEffect] = []
        """What :meth:`effects` will drain: empty if that need not be called."""
        self._tasks: dict[int, _Task] = {}
        self._next_task = 1
        self._queries: dict[Question, Query] = {}
        self._waiting: dict[Question, list[int]] = {}
        self._lists: dict[Where, tuple[Hop, ...]] = {}
        self._standing: dict[Where, tuple[Hop, ...]] = {}  # those that no answer overtook (D11)
        self._ignored = 0
        self._warned_at = float("-inf")

    # --- the user's verbs ------------------------------------------------------------------

    def locate(
        self, ticket: Hashable, where: Where, now: float, *, someone_waits: bool = False
    ) -> None:
        """Start to locate; one Located or LocateFailed bears ``ticket``, often at once.

        ``someone_waits``: after 1.8 s the last list known is taken (D16).
        UsageError if the ticket is in use.
        """
        if self._tasks and any(t.ticket_open and t.ticket == ticket for t in self._tasks.values()):
            raise UsageError(f"ticket {ticket!r} is in use")
        standing = self.standing(where, now)
        if standing is not None:
            self.pending.append(Located(ticket, *standing))
            return
        if len(self._tasks) >= _MAX_TASKS:
            self.pending.append(LocateFailed(ticket, "too many addresses are being located"))
            return
        walk = Walk(where, self._sources.statics, self._draw, self._families)
        number, self._next_task = self._next_task, self._next_task + 1
        self._tasks[number] = _Task(ticket, where, walk, walk.run(), someone_waits)
        self.timers.set((_Timer.LIMIT, number), now + _WALK_S)
        if someone_waits:
            self.timers.set((_Timer.PATIENCE, number), now + _SOMEONE_WAITS_S)
        self._advance(number, None, now)

    def standing(self, where: Where, now: float) -> tuple[Hops, Hops] | None:
        """The hops and spare hops that :meth:`locate` would answer at once; None: it must ask.

        A list stands until its time is over (D11) or any answer came that might change it.
        """
        hops = self._standing.get(where)
        if hops is None or now >= hops[0].valid_until:
            return None
        return hops, self._spare(where, hops, now) if self._sources.has_statics else ()

    def cancel(self, ticket: Hashable) -> None:
        """Forget the ticket: no answer follows. Harmless if it is not in use."""
        for task in self._tasks.values():
            if task.ticket == ticket:
                task.ticket_open = False

    def network_changed(self, now: float) -> None:
        """Another network may answer what failed, and what is asked is asked anew (R8)."""
        self._sources.cache.forget_failures()
        self._standing.clear()
        for query in self._queries.values():
            query.restart(now)
            self._carry(query, now)

    # --- the five verbs --------------------------------------------------------------------

    def receive(self, event: DnsReceived | DnsFailed, now: float) -> None:
        """Take what the shell brings from a name server; what nobody asked for is counted."""
        if isinstance(event, DnsFailed):
            query_id: int | None = event.query_id
        else:
            query_id = message_id(event.data)
        expecting = [
            query
            for query in self._queries.values()
            if query_id is not None and query.expects(event.nameserver, query_id)
        ]
        if not expecting and isinstance(event, DnsReceived):
            self._ignore(event.nameserver, "a message that answers no question of ours", now)
        for query in expecting:
            before = query.ignored
            query.receive(event, now)
            if query.ignored > before:
                self._ignore(event.nameserver, query.odd, now)
            self._carry(query, now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        for timer, key in self.timers.pop_due(now):
            if isinstance(key, Question):
                query = self._queries[key]
                query.handle_timer(now)
                self._carry(query, now)
            elif timer is _Timer.PATIENCE:
                self._take_last_list(self._tasks[key], now)
            else:
                self._fail(key, "the name servers take too long", now, unanswered=True)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""
        return self.timers.next_deadline()

    def effects(self) -> list[LocatorEffect]:
        """Drain what is to be sent and what has been located, in order."""
        effects = self.pending.copy()
        self.pending.clear()
        return effects

    def snapshot(self, now: float) -> LocatorSnapshot:
        """A frozen view for people and checkers."""
        return LocatorSnapshot(
            at=now,
            cache=self._sources.cache.entries(),
            lists=tuple(self._lists.items()),
            in_flight=tuple(query.snapshot() for query in self._queries.values()),
            locating=sum(task.ticket_open for task in self._tasks.values()),
            ignored=self._ignored,
        )

    # --- walks -----------------------------------------------------------------------------

    def _advance(self, number: int, found: tuple[Found, ...] | None, now: float) -> None:
        """Go on with a walk until it has to wait for a name server, or ends."""
        task = self._tasks[number]
        while True:
            try:
                task.wanted = next(task.steps) if found is None else task.steps.send(found)
            except StopIteration as end:
                self._succeed(number, tuple(end.value), now)
                return
            except DnsError as error:
                self._fail(number, str(error), now, unanswered=task.walk.unanswered)
                return
            task.found = {}
            for question in task.wanted:
                self._look_up(number, question, now)
            if len(task.found) < len(task.wanted):
                return
            found = tuple(task.found[question] for question in task.wanted)

    def _look_up(self, number: int, question: Question, now: float) -> None:
        task = self._tasks[number]
        found = self._sources.find(question, task.where, now)
        if found is None:
            refused = self._ask(question, now)
            if refused is None:
                self._waiting[question].append(number)
                self._queries[question].wants_extra |= task.where.dns_cache_type == 2
                return
            # no domain name, or too much at once: an answer, but not one to be remembered
            found = self._sources.find(question, task.where, now, CacheEntry(refused, now))
            assert found is not None
        task.found[question] = found

    def _succeed(self, number: int, hops: tuple[Hop, ...], now: float) -> None:
        task = self._end(number)
        self._lists.pop(task.where, None)
        self._lists[task.where] = hops
        if _FIRM.issuperset(hop.source for hop in hops):
            self._standing[task.where] = hops
        if len(self._lists) > _MAX_LISTS:
            oldest = next(iter(self._lists))
            del self._lists[oldest]
            self._standing.pop(oldest, None)
        self._located(task, hops, now)

    def _fail(self, number: int, text: str, now: float, *, unanswered: bool) -> None:
        task = self._end(number)
        if unanswered and task.someone_waits:
            self._take_last_list(task, now)
        if task.ticket_open:
            self.pending.append(LocateFailed(task.ticket, text, unanswered))

    def _end(self, number: int) -> _Task:
        self.timers.cancel((_Timer.LIMIT, number))
        self.timers.cancel((_Timer.PATIENCE, number))
        task = self._tasks.pop(number)
        task.steps.close()
        return task

    # --- answers to tickets ----------------------------------------------------------------

    def _located(self, task: _Task, hops: tuple[Hop, ...], now: float) -> None:
        if task.ticket_open:
            task.ticket_open = False
            spare = self._spare(task.where, hops, now)
            self.pending.append(Located(task.ticket, hops, spare))

    def _take_last_list(self, task: _Task, now: float) -> None:
        """D16: whatever D14 says for others, and for this request only (D11)."""
        hops = self._lists.get(task.where, ())
        if hops:
            stale = (replace(hop, source=HopSource.STALE, valid_until=now) for hop in hops)
            self._located(task, tuple(stale), now)

    def _spare(self, where: Where, hops: tuple[Hop, ...], now: float) -> tuple[Hop, ...]:
        """What the static records offer beside ``hops``, found without asking anybody (D13)."""
        if not self._sources.has_statics or hops[0].source is HopSource.LITERAL:
            return ()
        steps = Walk(where, self._sources.statics, self._draw, self._families).run()
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(tuple(self._sources.known(q, now) for q in wanted))
        except StopIteration as end:
            listed = {hop.target for hop in hops}
            spare = [
                hop
                for hop in end.value
                if hop.source is HopSource.STATIC and hop.target not in listed
            ]
            return tuple(replace(hop, index=i) for i, hop in enumerate(spare, start=len(hops)))
        except DnsError:
            return ()

    # --- queries ---------------------------------------------------------------------------

    def _ask(self, question: Question, now: float) -> Answer | None:
        """See that the question is being asked; what to take for its answer if that can't be."""
        if question in self._queries:
            return None
        if len(self._queries) >= _MAX_QUERIES:
            return Answer(question, AnswerKind.FAILED, text="too many questions at once")
        try:
            query = Query(question, self._nameservers, self._rng, now, self._patience)
        except DnsError as error:
            return Answer(question, AnswerKind.NO_NAME, text=str(error))
        self._queries[question] = query
        self._waiting[question] = []
        self._carry(query, now)
        return None

    def _carry(self, query: Query, now: float) -> None:
        """Pass on what a query wants done."""
        deadline = query.next_deadline()
        if deadline is not None:
            self.timers.set((_Timer.QUERY, query.question), deadline)
        for effect in query.effects():
            if isinstance(effect, Answered):
                self._answered(effect.answer, now)
            else:
                self.pending.append(effect)

    def _answered(self, answer: Answer, now: float) -> None:
        question = answer.question
        self.timers.cancel((_Timer.QUERY, question))
        del self._queries[question]
        # a walk may have ended while it waited
        waiting = [n for n in self._waiting.pop(question) if n in self._tasks]
        entry = self._sources.put(answer, now)
        self._standing.clear()
        for number in waiting:
            task = self._tasks[number]
            found = self._sources.find(question, task.where, now, entry)
            assert found is not None
            task.found[question] = found
            if len(task.found) == len(task.wanted):
                self._advance(number, tuple(task.found[q] for q in task.wanted), now)

    def _ignore(self, nameserver: Nameserver, why: str, now: float) -> None:
        self._ignored += 1
        if now >= self._warned_at + _WARN_EVERY_S:
            self._warned_at = now
            text = f"DNS: {why}, from {nameserver.address}; {self._ignored} ignored so far"
            self.pending.append(Announce(Warned(at=now, rule=Rule.D16, reason=text)))
