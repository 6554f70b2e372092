"""One line: carries out what its engine decides, and knows its bindings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evertone.config.settings import LineSettings
from evertone.dns.locate import Where
from evertone.dns.locator import Located, LocateFailed
from evertone.events import LEFT, FailedOver, FellBack
from evertone.model import Attempt, Group, Hop, Outcome, Target
from evertone.phone.attempt import AttemptJob
from evertone.phone.exchange import Exchange
from evertone.phone.flow_table import Flow
from evertone.phone.identity import Identity
from evertone.phone.options import OptionsJob
from evertone.phone.register import RegisterJob, WipeJob
from evertone.phone.registration import Binding, Book
from evertone.phone.services import Services
from evertone.phone.snapshot import LineSnapshot, LineState
from evertone.phone.subscriptions import Subscriptions
from evertone.phone.timer import Timer, TimerKind
from evertone.phone.watching import interests_of
from evertone.redundancy import interface as io
from evertone.redundancy.engine import Engine
from evertone.redundancy.marks import TargetMarks
from evertone.redundancy.snapshot import EngineSnapshot, RegistrationSnapshot
from evertone.sip.auth import Credentials

__all__ = ["LOCATE", "Follower", "Line", "Wanted"]

LOCATE = "locate"
"""First item of a line's tickets at the locator."""


class Wanted(Protocol):
    """A request other than REGISTER that the engine conducts: INVITE, BYE."""

    def send(self, attempt: Attempt, now: float) -> Exchange:
        """Make this attempt."""

    def completed(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """It is over."""


class Follower(Protocol):
    """Who goes where a line goes: its calls (X5)."""

    def line_moved(self, line: Line, event: FailedOver | FellBack, now: float) -> None:
        """A target or server that failed was left for another."""

    def line_registered(self, line: Line, now: float) -> None:
        """A REGISTER succeeded."""


class Line:
    """``account.X`` at work. The phone feeds it; effects go through :class:`Services`."""

    __slots__ = (
        "_bindings_timer",
        "_draining",
        "_engine_due",
        "_engine_timer",
        "_last_request",
        "_last_ticket",
        "_places",
        "_running",
        "_tickets",
        "_told",
        "_unwiped",
        "_wanted",
        "book",
        "credentials",
        "engine",
        "follower",
        "identity",
        "number",
        "services",
        "settings",
        "subscriptions",
    )

    def __init__(self, settings: LineSettings, services: Services, marks: TargetMarks) -> None:
        self.settings = settings
        self.number = settings.line
        """The X of ``account.X``."""
        self.services = services
        self.identity = Identity(settings, services.instance)
        self.credentials = Credentials(settings.auth_user, settings.password, services.rng)
        self.book = Book(self.identity, services.rng)
        self.engine = Engine(settings, services.settings.timers, marks, services.rng)
        watched = services.settings.watched_by(settings.line)
        self.subscriptions = Subscriptions(self, interests_of(settings, watched))
        self.follower: Follower | None = None
        self._running: dict[int, tuple[Attempt, Exchange]] = {}
        self._wanted: dict[int, Wanted] = {}
        self._last_request = 0
        self._last_ticket = 0
        self._tickets: dict[int, tuple[Group, int]] = {}
        self._places: dict[tuple[Group, int], Where] = {}
        self._draining = False
        self._engine_timer = Timer(TimerKind.ENGINE, settings.line)
        self._bindings_timer = Timer(TimerKind.BINDINGS, settings.line)
        self._engine_due: float | None = None  # what that timer is set to
        self._unwiped = set(settings.registrars()) if settings.unregister_on_reboot else set()
        self._told: tuple[bool, frozenset[int]] = (True, frozenset())

    @property
    def stopped(self) -> bool:
        """After a clean stop: nothing is under way any more."""
        return self.engine.stopped

    # --- towards the engine -------------------------------------------------------------------

    def tell(self, event: io.EngineInput, now: float) -> None:
        """Give the engine one input and carry out what it says."""
        self.engine.receive(event, now)
        self._drain(now)

    def handle_timer(self, now: float) -> None:
        """The engine's timer is due."""
        self._engine_due = None
        self.engine.handle_timer(now)
        self._drain(now)

    def finished(self, attempt: Attempt, outcome: Outcome, expires_s: int, now: float) -> None:
        """An attempt has its result."""
        self._running.pop(attempt.id, None)
        self.tell(io.Finished(attempt.id, outcome, expires_s), now)
        if expires_s:
            self.subscriptions.registered(now)
            if self.follower is not None:
                self.follower.line_registered(self, now)

    def start(self, now: float) -> None:
        """Begin to register; after a random wait, if so configured (R7)."""
        most = self.services.settings.reg_surge_prevention
        self.tell(io.Started(self.services.rng.uniform(0, most) if most > 0 else 0.0), now)

    def calls_changed(self, idle: bool, servers: frozenset[int], now: float) -> None:
        """Tell the engine, if it is news (B5, F4)."""
        if self._told != (idle, servers):
            self._told = (idle, servers)
            self.tell(io.CallsChanged(idle, servers), now)

    def want(
        self,
        wanted: Wanted,
        method: str,
        now: float,
        *,
        someone_waits: bool,
        at: Target | None = None,
        server: int = 0,
    ) -> int:
        """Have a request conducted; returns its number, for :meth:`unwant`."""
        self._last_request += 1
        request = self._last_request
        self._wanted[request] = wanted
        self.tell(io.RequestWanted(request, method, someone_waits, at, server), now)
        return request

    def unwant(self, request: int, now: float) -> None:
        """The user hung up (A13): the engine goes on nowhere, no completed follows.

        What was sent for it is abandoned, but for a REGISTER, which runs to its end.
        """
        if self._wanted.pop(request, None) is None:
            return
        self.tell(io.RequestCancelled(request), now)
        for attempt, exchange in list(self._running.values()):
            if attempt.request == request and attempt.method != "REGISTER":
                del self._running[attempt.id]
                self.services.exchanges.abandon(exchange, now)

    # --- from the locator ---------------------------------------------------------------------

    def located(self, ticket: int, answer: Located | LocateFailed, now: float) -> None:
        """The locator's answer."""
        asked = self._tickets.pop(ticket, None)
        if asked is None:
            return
        group, registrar = asked
        if isinstance(answer, Located):
            self.tell(io.Located(group, registrar, answer.hops, answer.spare), now)
        else:
            self.tell(io.LocateFailed(group, registrar, answer.text), now)

    # --- bindings -----------------------------------------------------------------------------

    def binding_granted(self, binding: Binding, flow_timer_s: float, now: float) -> None:
        """A REGISTER made or renewed a binding: its flow is held and kept alive (R9, R10)."""
        services, book = self.services, self.book
        before = book.record(binding)
        if before is None or before.flow is not binding.flow:
            services.flows.hold_open(binding.flow, book.holder(binding.server))
            if before is not None:
                self._let_go(before, now)
        settings = self.settings
        services.keepalive.keep(
            binding.flow,
            now,
            udp_interval_s=settings.nat_udp_update_time if settings.nat_udp_update_enable else 0,
            flow_timer_s=flow_timer_s,
        )
        due = book.next_expiry()
        if due is not None:
            services.timers.set(self._bindings_timer, due)

    def binding_removed(self, server: int, target: Target, now: float) -> None:
        """A removal succeeded, or the server granted nothing."""
        binding = self.book.forget(server, target)
        if binding is not None:
            self._let_go(binding, now)
        if not self.book.bindings:
            self.services.timers.cancel(self._bindings_timer)

    def bindings_due(self, now: float) -> None:
        """Let go of the flows of bindings that have run out."""
        for binding in self.book.pop_expired(now):
            self._let_go(binding, now)
        due = self.book.next_expiry()
        if due is not None:
            self.services.timers.set(self._bindings_timer, due)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection ended that carried a registration: the engine registers anew (R9)."""
        if self.book.on_flow(flow):
            self.tell(io.FlowLost(flow.target), now)
        self.subscriptions.flow_lost(flow, now)

    def forget_bindings(self, now: float) -> None:
        """The network changed: what we had bound stands at addresses that may be gone (R8)."""
        for server, target in list(self.book.bindings):
            self.binding_removed(server, target, now)
        self.subscriptions.forget(now)

    def wiped(self, attempt: Attempt, now: float) -> None:
        """What an earlier life left behind is removed: now the registration proper (R5)."""
        self._unwiped.discard(attempt.registrar)
        self._start(RegisterJob(self, attempt), now)

    # --- views --------------------------------------------------------------------------------

    def snapshot(self) -> LineSnapshot:
        """For people and checkers."""
        seen = self.engine.snapshot()
        by_server = {r.registrar: r for r in seen.registrations}
        serving = by_server[seen.serving]
        return LineSnapshot(
            line=self.number,
            label=self.settings.label or self.settings.user_name,
            state=_STATES[serving.state],
            server=seen.serving,
            target=self._stands_at(serving.hop, seen),
            since=serving.since,
            next_refresh=_next(serving),
            why=serving.why,
            bindings=self.book.snapshot(),
        )

    def _stands_at(self, held: Hop | None, seen: EngineSnapshot) -> Target | None:
        """The target of the registration; where targets share it, the one that serves (B4)."""
        if held is None:
            return None
        for lst in seen.lists:
            if (lst.registrar, lst.group) == (seen.serving, held.group):
                path = self.settings.path(lst.group, lst.registrar)
                if lst.current is not None and not path.register_on_enable:
                    return lst.current
        return held.target

    @property
    def working_server(self) -> int:
        """The server that some subscriptions are kept to (F7); 0 where two never serve at once."""
        both = len(self.settings.registrars()) > 1
        return 1 if both and not self.settings.successive else 0

    @property
    def serving(self) -> int:
        """The server that requests start at."""
        return self.engine.snapshot().serving

    def registrations(self) -> tuple[RegistrationSnapshot, ...]:
        """How the line stands with each of its servers."""
        return self.engine.snapshot().registrations

    def may_signal(self, method: str, server: int, target: Target, now: float) -> bool:
        """B10: may a request within a dialog go to ``target``?"""
        return all(
            self.engine.may_signal(method, server, group, target, now)
            for group in self.settings.paths(server)
        )

    def hop_at(self, target: Target) -> Hop | None:
        """The hop of our servers and proxies that ``target`` is."""
        hops = (hop for known in self.engine.snapshot().lists for hop in known.hops)
        return next((hop for hop in hops if hop.target == target), None)

    def server_at(self, target: Target) -> int:
        """The server that a request from ``target`` came from, as far as bindings tell (F6)."""
        for binding in self.book.bindings.values():
            if binding.target == target:
                return binding.server
        return self.serving

    @property
    def running(self) -> int:
        """How many attempts are under way."""
        return len(self._running)

    # --- inside -------------------------------------------------------------------------------

    def _drain(self, now: float) -> None:
        """Carry out what the engine says, until it has said all."""
        if self._draining:
            return
        self._draining = True
        try:
            pending = self.engine.pending
            while pending:
                outputs = pending.copy()
                pending.clear()
                for output in outputs:
                    _OUTPUTS[output.__class__](self, output, now)
        finally:
            self._draining = False
        due = self.engine.timers.next_deadline()
        if due != self._engine_due:
            self._engine_due = due
            if due is None:
                self.services.timers.cancel(self._engine_timer)
            else:
                self.services.timers.set(self._engine_timer, due)

    def _locate(self, output: io.Locate, now: float) -> None:
        where = self._where(output.group, output.registrar)
        standing = self.services.resolver.standing(where, now)
        if standing is not None:
            self.engine.receive(io.Located(output.group, output.registrar, *standing), now)
            return
        self._last_ticket += 1
        self._tickets[self._last_ticket] = (output.group, output.registrar)
        self.services.resolver.locate(
            (LOCATE, self.number, self._last_ticket),
            where,
            now,
            someone_waits=output.someone_waits,
        )

    def _where(self, group: Group, registrar: int) -> Where:
        """What is to be located; it never changes while the line lives."""
        where = self._places.get((group, registrar))
        if where is None:
            where = self._places[group, registrar] = Where.of(self.settings, group, registrar)
        return where

    def _send(self, output: io.Send, now: float) -> None:
        attempt = output.attempt
        if attempt.method == "REGISTER":
            wipe = attempt.registrar in self._unwiped and attempt.expires_s != 0
            self._start((WipeJob if wipe else RegisterJob)(self, attempt), now)
            return
        wanted = self._wanted.get(attempt.request)
        if wanted is not None:
            self._run(attempt, wanted.send(attempt, now))
        elif attempt.method == "OPTIONS":  # the engine's own question (X3)
            self._start(OptionsJob(self, attempt), now)

    def _start(self, job: AttemptJob, now: float) -> None:
        self._run(job.attempt, job.start(now))

    def _run(self, attempt: Attempt, exchange: Exchange) -> None:
        if not exchange.over:  # it may have failed at once, at a limit of ours
            self._running[attempt.id] = (attempt, exchange)

    def _extend(self, output: io.Extend, now: float) -> None:
        found = self._running.get(output.attempt)
        if found is not None:
            self.services.exchanges.extend(found[1], now)

    def _abandon(self, output: io.Abandon, now: float) -> None:
        found = self._running.pop(output.attempt, None)
        if found is not None:
            self.services.exchanges.abandon(found[1], now)

    def _completed(self, output: io.Completed, now: float) -> None:
        wanted = self._wanted.pop(output.request, None)
        if wanted is not None:
            wanted.completed(output.outcome, output.attempt, now)

    def _resubscribe(self, output: io.Resubscribe, now: float) -> None:
        """B11, F7."""
        self.subscriptions.moved(output.registrar, now)

    def _announce(self, output: io.Announce, now: float) -> None:
        event = output.event
        self.services.out.append(output)
        if self.follower is not None and isinstance(event, LEFT):
            self.follower.line_moved(self, event, now)

    def _let_go(self, binding: Binding, now: float) -> None:
        """A binding is gone: its flow is held no more, unless by another binding."""
        others = self.book.on_flow(binding.flow)
        if not any(other.server == binding.server for other in others):
            self.services.flows.release(binding.flow, self.book.holder(binding.server), now)
        if not binding.flow.carries_binding:
            self.services.keepalive.forget(binding.flow)


_OUTPUTS: dict[type, Callable[[Line, io.EngineOutput, float], None]] = {
    io.Locate: Line._locate,  # type: ignore[dict-item]
    io.Send: Line._send,  # type: ignore[dict-item]
    io.Extend: Line._extend,  # type: ignore[dict-item]
    io.Abandon: Line._abandon,  # type: ignore[dict-item]
    io.Completed: Line._completed,  # type: ignore[dict-item]
    io.Resubscribe: Line._resubscribe,  # type: ignore[dict-item]
    io.Announce: Line._announce,  # type: ignore[dict-item]
}

_STATES: dict[str, LineState] = {
    "idle": LineState.OFF,
    "registering": LineState.REGISTERING,
    "registered": LineState.REGISTERED,
    "refused": LineState.REFUSED,
    "failed": LineState.FAILED,
}


def _next(registration: RegistrationSnapshot) -> float | None:
    """When the next REGISTER is due: the refresh, or the next try after a failure."""
    due = [at for at in (registration.refresh_at, registration.retry_at) if at is not None]
    return min(due, default=None)
