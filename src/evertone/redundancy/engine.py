"""The redundancy engine of one line: which server next, and when home again.

Driven by the five verbs with the inputs and outputs of :mod:`evertone.redundancy.interface`.
This module dispatches inputs and timers and says what a walk's end means for the line;
:mod:`walker` conducts requests over hops, :mod:`serving` knows which server and proxy serve.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from evertone import events
from evertone.config.settings import LineSettings
from evertone.model import Attempt, Group, Hop, Outcome, Reason, Target
from evertone.redundancy import interface as io
from evertone.redundancy.hoplist import HOME_SPACING_S, Change, HopList
from evertone.redundancy.marks import TargetMarks
from evertone.redundancy.policy import (
    DownAction,
    DownTrigger,
    FailbackTrigger,
    FallbackType,
    Move,
    MoveRow,
    Start,
    Step,
    down_row,
)
from evertone.redundancy.registration import RegState, Registration, refresh_delay_s, retry_delay_s
from evertone.redundancy.serving import FALLBACK, PROBE, PROXY_PROBE, WORKING, Serving
from evertone.redundancy.snapshot import EngineSnapshot, snapshot_of
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Walk
from evertone.redundancy.walker import Walker
from evertone.rules import Rule
from evertone.schedule import SipTimers

__all__ = ["Engine"]

_START = TimerKey(TimerKind.START)


class Engine:
    """One line's engine. ``stopped`` is True once a clean stop has nothing left to do."""

    __slots__ = ("_next_request", "_serving", "_state", "_walker")

    def __init__(
        self, line: LineSettings, timers: SipTimers, marks: TargetMarks, rng: random.Random
    ) -> None:
        self._state = LineState(line, timers, marks, rng)
        self._serving = Serving(self._state)
        self._walker = Walker(self._state, self)
        self._next_request = 0

    # --- the five verbs -----------------------------------------------------------------------

    def receive(self, event: io.EngineInput, now: float) -> None:
        """Take one input."""
        _INPUTS[type(event)](self, event, now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due."""
        for key in self._state.timers.pop_due(now):
            _TIMERS[key.kind](self, key, now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next."""
        return self._state.timers.next_deadline()

    def effects(self) -> list[io.EngineOutput]:
        """Drain what the line must do."""
        out, self._state.out = self._state.out, []
        return out

    def snapshot(self) -> EngineSnapshot:
        """A frozen view."""
        return snapshot_of(self._state, len(self._walker.walks))

    @property
    def stopped(self) -> bool:
        """After :class:`~interface.Stopped`: nothing is under way any more."""
        return self._state.stopping and not self._walker.walks

    # --- inputs -------------------------------------------------------------------------------

    def _started(self, event: io.Started, now: float) -> None:
        self._state.timers.set(_START, now + event.wait_s)  # R7
        self.handle_timer(now)

    def _begin_all(self, key: TimerKey, now: float) -> None:
        registrars = tuple(self._state.registrations)
        if self._state.fallback is FallbackType.SUCCESSIVE:
            registrars = registrars[:1]
        for registrar in registrars:
            self._register(registrar, Reason.INITIAL, Rule.R1, now)

    def _stop(self, event: io.Stopped, now: float) -> None:
        state = self._state
        state.stopping = True
        state.timers.clear()
        self._withdraw_all(now)
        for registration in state.registrations.values():
            for binding in list(registration.bindings.values()):
                self._remove(registration.registrar, binding.hop, Rule.R5, now)

    def _network_changed(self, event: io.NetworkChanged, now: float) -> None:
        """R8: our addresses may be others now; every binding is made anew at once."""
        state = self._state
        if state.stopping:
            return
        for walk in list(self._walker.walks.values()):
            if walk.method == "REGISTER":
                self._walker.withdraw(walk, now)
        state.timers.clear()
        state.leaving.clear()
        for registration in state.registrations.values():
            registration.bindings.clear()
            registration.newest = None
        for lst in state.lists.values():
            lst.current, lst.away_since, lst.home_due = None, None, False
        self._serving.lost()
        self._begin_all(_START, now)

    def _located(self, event: io.Located, now: float) -> None:
        self._walker.located(event.group, event.registrar, event.hops, now)

    def _locate_failed(self, event: io.LocateFailed, now: float) -> None:
        self._state.announce(
            events.ResolveFailed(
                at=now,
                line=self._state.line,
                server=event.registrar,
                rule=Rule.D14,
                reason=event.text,
            )
        )
        self._walker.locate_failed(event.group, event.registrar, event.text, now)

    def _silent(self, event: io.Silent, now: float) -> None:
        self._walker.silent(event.attempt, now)

    def _finished(self, event: io.Finished, now: float) -> None:
        self._walker.finished(event.attempt, event.outcome, event.expires_s, now)

    def _wanted(self, event: io.RequestWanted, now: float) -> None:
        state = self._state
        in_dialog = event.at is not None
        registrars = (
            (event.registrar,)
            if in_dialog and event.registrar
            else self._serving.request_registrars(someone_waits=event.someone_waits)
        )
        walk = Walk(
            request=event.request,
            method=event.method,
            purpose=Purpose.IN_DIALOG if in_dialog else Purpose.REQUEST,
            registrars=registrars,
            paths=state.paths_from_here(),
            reason=Reason.INITIAL,
            rule=Rule.C2 if in_dialog else Rule.C1,
            someone_waits=event.someone_waits,
            first=event.at,
        )
        if event.at is not None:
            walk.queue = deque(self._dialog_hops(walk, event.at))
        self._walker.begin(walk, now)

    def _cancelled(self, event: io.RequestCancelled, now: float) -> None:
        self._walker.cancel(event.request, now)

    def _calls_changed(self, event: io.CallsChanged, now: float) -> None:
        state = self._state
        state.idle = event.idle
        state.call_registrars = event.registrars
        self._leave_fallback(now)
        if not event.idle or state.stopping:
            return
        for lst in list(state.lists.values()):
            if lst.home_due:
                self._go_home(lst, now)

    def _flow_lost(self, event: io.FlowLost, now: float) -> None:
        """R9: the same target first, on a new connection."""
        if self._state.stopping or not event.target.transport.reliable:
            return
        for registration in self._state.registrations.values():
            if registration.stands_at(event.target, now):
                self._register(
                    registration.registrar, Reason.RETRY, Rule.R9, now, first=event.target
                )

    def _late(self, event: io.Late, now: float) -> None:
        """A11: a 2xx to a REGISTER that had been given up."""
        state, attempt = self._state, event.attempt
        if state.stopping or not event.expires_s:
            return
        registration = state.registrations[attempt.registrar]
        target = attempt.hop.target
        elsewhere = (
            state.fallback is FallbackType.SUCCESSIVE
            and state.on is not None
            and state.on != attempt.registrar
        )
        standing = registration.binding(now)
        if standing is None and not elsewhere:
            self._stop_registering(attempt.registrar, now)
            self._record(attempt, event.expires_s, now)
        elif elsewhere or (
            standing is not None
            and standing.hop.target != target
            and self._path(attempt.hop, attempt.registrar).register_on_enable
        ):
            self._remove(attempt.registrar, attempt.hop, Rule.A11, now)

    # --- timers -------------------------------------------------------------------------------

    def _refresh_due(self, key: TimerKey, now: float) -> None:
        self._register(key.registrar, Reason.REFRESH, Rule.R3, now, refresh=True)

    def _retry_due(self, key: TimerKey, now: float) -> None:
        registrar = key.registrar
        if self._state.fallback is FallbackType.SUCCESSIVE and self._state.on is None:
            registrar = WORKING
        self._register(registrar, Reason.RETRY, Rule.R6, now)

    def _expired(self, key: TimerKey, now: float) -> None:
        state = self._state
        registration = state.registrations[key.registrar]
        registration.drop_expired(now)
        if registration.binding(now) is not None:
            return
        refused = registration.refused
        self._announce_gone(registration, now, "the binding ran out")
        if state.fallback is FallbackType.SUCCESSIVE and state.on != key.registrar:
            return
        row = down_row(state.fallback, key.registrar, DownTrigger.EXPIRY)
        if refused or row.action is DownAction.NOTHING:  # A6: a live server that refuses stays
            return
        self._stop_registering(key.registrar, now)
        state.timers.cancel(TimerKey(TimerKind.RETRY, key.registrar))
        self._serving.lost()
        registrars = (FALLBACK,) if row.action is DownAction.FALL_BACK else (WORKING, FALLBACK)
        self._begin_register(registrars, Reason.FALLBACK, row.rule, now)

    def _probe_due(self, key: TimerKey, now: float) -> None:
        """F4: the working server again?"""
        if self._state.on != FALLBACK:
            return
        if self._registering(WORKING):  # that try answers the question
            self._state.timers.set(PROBE, now + self._state.settings.fallback_timeout)
            return
        self._begin_register((WORKING,), Reason.PROBE, Rule.F4, now, purpose=Purpose.PROBE)

    def _proxy_probe_due(self, key: TimerKey, now: float) -> None:
        """P2: outbound proxy 1 again?"""
        state = self._state
        if state.proxy is not Group.PROXY2:
            return
        walk = self._new_walk((state.serving,), Reason.PROBE, Rule.P2, Purpose.PROBE)
        walk.paths = (Group.PROXY1,)
        self._walker.begin(walk, now)

    def _failback_due(self, key: TimerKey, now: float) -> None:
        if key.group is not None:
            self._go_home(self._state.hop_list(key.registrar, key.group), now)

    # --- registering --------------------------------------------------------------------------

    def _register(
        self,
        registrar: int,
        reason: Reason,
        rule: Rule,
        now: float,
        *,
        refresh: bool = False,
        first: Target | None = None,
    ) -> None:
        """Register with ``registrar`` (in successive mode: with whom F2 and F5 say)."""
        if self._state.stopping or self._registering(registrar):
            return
        registrars = self._serving.register_registrars(registrar)
        if refresh:
            registrars = (registrar,)
        self._begin_register(registrars, reason, rule, now, refresh=refresh, first=first)

    def _begin_register(
        self,
        registrars: tuple[int, ...],
        reason: Reason,
        rule: Rule,
        now: float,
        *,
        purpose: Purpose = Purpose.REGISTER,
        refresh: bool = False,
        first: Target | None = None,
    ) -> None:
        walk = self._new_walk(registrars, reason, rule, purpose)
        walk.home_first = refresh
        walk.first = first
        registration = self._state.registrations[registrars[0]]
        if registration.binding(now) is None and purpose is Purpose.REGISTER:
            registration.be(RegState.REGISTERING, now, reason.value)
        for registrar in registrars:
            self._state.timers.cancel(TimerKey(TimerKind.RETRY, registrar))
        self._walker.begin(walk, now)

    def _new_walk(
        self, registrars: tuple[int, ...], reason: Reason, rule: Rule, purpose: Purpose
    ) -> Walk:
        self._next_request -= 1  # ours are negative, the phone's are not
        return Walk(
            request=self._next_request,
            method="REGISTER",
            purpose=purpose,
            registrars=registrars,
            paths=self._state.paths_from_here(),
            reason=reason,
            rule=rule,
        )

    def _registering(self, registrar: int) -> Walk | None:
        """The walk that is registering with ``registrar`` now, or may come to it."""
        for walk in self._walker.walks.values():
            if walk.method == "REGISTER" and walk.purpose is not Purpose.REMOVAL:
                if registrar in walk.registrars[walk.registrar_index :]:
                    return walk
        return None

    def _stop_registering(self, registrar: int, now: float) -> None:
        for walk in list(self._walker.walks.values()):
            if (
                walk.method == "REGISTER"
                and walk.purpose is not Purpose.REMOVAL
                and registrar == walk.registrar
            ):
                self._walker.withdraw(walk, now)

    def _withdraw_all(self, now: float) -> None:
        for walk in list(self._walker.walks.values()):
            self._walker.withdraw(walk, now)

    def _record(self, attempt: Attempt, expires_s: int, now: float) -> None:
        """A 2xx to REGISTER: note the binding, set its timers, move the line."""
        state, hop, registrar = self._state, attempt.hop, attempt.registrar
        path = self._path(hop, registrar)
        registration = state.registrations[registrar]
        new = registration.record(hop, expires_s, now, shared=not path.register_on_enable)
        registration.be(RegState.REGISTERED, now, attempt.reason.value)
        kind = events.Registered if new else events.Refreshed
        state.announce(
            kind(
                at=now,
                line=state.line,
                server=registrar,
                hop=hop,
                rule=attempt.rule,
                reason=attempt.reason.value,
                expires_s=expires_s,
            )
        )
        timers = state.timers
        timers.cancel(TimerKey(TimerKind.RETRY, registrar))
        timers.set(
            TimerKey(TimerKind.REFRESH, registrar), now + refresh_delay_s(state.settings, expires_s)
        )
        timers.set(TimerKey(TimerKind.EXPIRE, registrar), now + expires_s)
        if state.stopping:
            return
        self._use(hop, registrar, attempt, now)
        self._serving.registered(registrar, hop, now)
        self._leave_fallback(now)

    def _use(self, hop: Hop, registrar: int, attempt: Attempt, now: float) -> None:
        """``hop`` serves the line: it has failed over, gone home, or stayed (B7)."""
        lst = self._state.hop_list(registrar, hop.group)
        origin = lst.current
        if not lst.used(hop, now):
            return
        self._arm_failback(lst)
        moved = events.FailedOver if lst.away else events.FailedBack
        rule = Rule.B7 if lst.away else lst.failback.rule
        self._state.announce(
            moved(
                at=now,
                line=self._state.line,
                server=registrar,
                hop=hop,
                rule=rule,
                reason=attempt.reason.value,
                origin=origin,
            )
        )

    def _arm_failback(self, lst: HopList) -> None:
        key = TimerKey(TimerKind.FAILBACK, lst.registrar, lst.group)
        due = lst.home_at()
        if due is None:
            self._state.timers.cancel(key)
        else:
            self._state.timers.set(key, max(due, lst.last_home_try + HOME_SPACING_S))

    def _go_home(self, lst: HopList, now: float) -> None:
        """B6: one REGISTER to the primary alone, when the phone is idle (B5)."""
        state = self._state
        if not lst.away or state.stopping:
            lst.home_due = False
            return
        if lst.failback.needs_idle and not state.idle:
            lst.home_due = True
            return
        ready = lst.last_home_try + HOME_SPACING_S
        if now < ready or self._registering(lst.registrar):
            key = TimerKey(TimerKind.FAILBACK, lst.registrar, lst.group)
            state.timers.set(key, max(ready, now + 1.0))
            return
        lst.home_due = False
        lst.last_home_try = now
        walk = self._new_walk((lst.registrar,), Reason.FAILBACK, Rule.B6, Purpose.HOME)
        walk.paths = (lst.group,) if lst.group.is_proxy else ()
        self._walker.begin(walk, now)

    def _remove(self, registrar: int, hop: Hop, rule: Rule, now: float) -> None:
        """Take our binding at ``hop`` back (B6, R5, A11)."""
        walk = self._new_walk((registrar,), Reason.REMOVAL, rule, Purpose.REMOVAL)
        walk.paths = (hop.group,) if hop.group.is_proxy else ()
        walk.queue.append(hop)
        self._walker.begin(walk, now)

    def _remove_leftovers(self, registrar: int, serving: Hop, walk: Walk, now: float) -> None:
        """B6: the bindings at targets that the line has left, where it can reach them."""
        registration = self._state.registrations[registrar]
        for target, binding in list(registration.bindings.items()):
            if target != serving.target and (registrar, target) not in walk.failed:
                self._remove(registrar, binding.hop, Rule.B6, now)

    def _leave_fallback(self, now: float) -> None:
        """F4: the binding at the server left goes when no call hangs on it."""
        state = self._state
        for registrar in sorted(state.leaving):
            if registrar in state.call_registrars or state.stopping:
                continue
            state.leaving.discard(registrar)
            registration = state.registrations[registrar]
            for binding in list(registration.bindings.values()):
                self._remove(registrar, binding.hop, Rule.F4, now)

    def _announce_gone(self, registration: Registration, now: float, reason: str) -> None:
        state = self._state
        if registration.state is RegState.REGISTERED:
            registration.be(RegState.FAILED, now, reason)
        state.announce(
            events.Unregistered(
                at=now, line=state.line, server=registration.registrar, rule=Rule.R3, reason=reason
            )
        )

    def _retry_later(self, registrar: int, now: float) -> None:
        """R6: again after the interval."""
        state = self._state
        registration = state.registrations[registrar]
        draw = state.rng.random() if state.settings.reg_failed_retry_min_time > 0 else 0.0
        wait = retry_delay_s(state.settings, registration.failures, draw)
        registration.failures += 1
        state.timers.set(TimerKey(TimerKind.RETRY, registrar), now + wait)

    # --- what a walk means (walker.Host) ------------------------------------------------------

    def list_changed(self, lst: HopList, change: Change, now: float) -> None:
        """Tell of a new resolution, and act on B8."""
        state = self._state
        state.announce(
            events.Resolved(
                at=now,
                line=state.line,
                server=lst.registrar,
                hop=lst.hops[0],
                rule=Rule.D3 if change is Change.FIRST else Rule.B8,
                reason=change.value,
                hops=lst.hops,
            )
        )
        if change is Change.CURRENT_GONE and not state.stopping:
            self._register(lst.registrar, Reason.RETRY, Rule.B8, now)
        self._arm_failback(lst)

    def hops_for(self, walk: Walk, lst: HopList, now: float) -> list[Hop]:
        """Where the walk begins and in what order it goes on."""
        if walk.purpose is Purpose.HOME:
            return list(lst.hops[:1]) if lst.away else []
        if walk.home_first and self._home_with_refresh(lst, now):
            lst.last_home_try = now
            walk.reason, walk.rule = Reason.FAILBACK, lst.failback.rule
            home = lst.hops[0]
            return [home, *(hop for hop in lst.order() if hop is not home)]
        return lst.order(walk.first)

    def _home_with_refresh(self, lst: HopList, now: float) -> bool:
        """B3: in mode 2 the refresh itself is the try home, if the phone is idle (B5)."""
        if lst.failback.trigger is not FailbackTrigger.REFRESH or not lst.away:
            return False
        if not self._state.idle:
            lst.home_due = True
            return False
        return now >= lst.last_home_try + HOME_SPACING_S

    def _dialog_hops(self, walk: Walk, at: Target) -> list[Hop]:
        """C2: the dialog's own next hop, then the other targets of its list."""
        lst = self._state.lists.get((walk.registrar, walk.group))
        if lst is not None and lst.hop_of(at) is not None:
            return lst.order(at)
        return [Hop(walk.group, 0, at, why=("route set",))]

    def must_register(self, walk: Walk, hop: Hop, now: float) -> bool:
        """B9 with register_on_enable 1; in successive mode F3 and C5."""
        state = self._state
        registration = state.registrations[walk.registrar]
        if self._path(hop, walk.registrar).register_on_enable:
            return not registration.stands_at(hop.target, now)
        if state.fallback is FallbackType.SUCCESSIVE:
            return registration.binding(now) is None or state.on != walk.registrar
        return False

    def may_wait(self, walk: Walk, now: float) -> bool:
        """S3: not while a binding stands (F2), nor for a server that is not serving."""
        state = self._state
        if walk.purpose is not Purpose.REGISTER or state.fallback is FallbackType.SINGLE:
            return True
        if state.fallback is FallbackType.CONCURRENT:
            return walk.registrar == state.serving
        return state.on is None

    def registered(self, walk: Walk, attempt: Attempt, expires_s: int, now: float) -> None:
        """A binding was made or renewed."""
        if walk.purpose is Purpose.REGISTER or attempt.registrar != self._state.on:
            # a try of the server that the line leaves would only bring it back
            self._stop_others(walk, attempt.registrar, now)
        if expires_s <= 0:
            self._retry_later(attempt.registrar, now)
            return
        self._record(attempt, expires_s, now)
        if self._path(attempt.hop, attempt.registrar).register_on_enable:
            self._remove_leftovers(attempt.registrar, attempt.hop, walk, now)

    def _stop_others(self, walk: Walk, registrar: int, now: float) -> None:
        for other in list(self._walker.walks.values()):
            if (
                other is not walk
                and other.method == "REGISTER"
                and other.purpose in (Purpose.REGISTER, Purpose.HOME)
                and other.registrar == registrar
                and self._state.fallback is FallbackType.SUCCESSIVE
            ):
                self._walker.withdraw(other, now)

    def hop_failed(self, walk: Walk, hop: Hop, outcome: Outcome, now: float) -> None:
        """A try home that failed: the time runs anew (B6)."""
        if walk.purpose is Purpose.HOME or (walk.home_first and walk.reason is Reason.FAILBACK):
            walk.home_first = False
            self._home_failed(walk, hop, outcome, now)

    def _home_failed(self, walk: Walk, hop: Hop, outcome: Outcome, now: float) -> None:
        lst = self._state.hop_list(walk.registrar, hop.group)
        lst.away_since = now
        self._arm_failback(lst)
        self._announce_probe_failed(walk.registrar, hop, Rule.B6, outcome, now)

    def _announce_probe_failed(
        self, registrar: int, hop: Hop | None, rule: Rule, outcome: Outcome, now: float
    ) -> None:
        self._state.announce(
            events.ProbeFailed(
                at=now,
                line=self._state.line,
                server=registrar,
                hop=hop,
                rule=rule,
                reason=str(outcome),
                outcome=outcome,
            )
        )

    def leg_spent(self, walk: Walk, row: MoveRow, now: float) -> None:
        """A whole list did not serve: what that means for the line (F1, F8)."""
        if walk.purpose in (Purpose.HOME, Purpose.REMOVAL) or row.move is Move.NEXT_PATH:
            return
        registrar = walk.registrar
        hop = walk.last_attempt.hop if walk.last_attempt is not None else None
        self._serving.down(registrar, hop, str(walk.last_outcome or ""), now)
        if walk.method == "REGISTER":
            return
        row_down = down_row(self._state.fallback, registrar, DownTrigger.REQUEST)
        if row_down.action in (DownAction.SERVE_OTHER_NOW, DownAction.REGISTER_NOW):
            self._serving.recompute(hop, now)
            self._register(registrar, Reason.PROBE, row_down.rule, now)

    def ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """A walk is over."""
        if walk.purpose is Purpose.REMOVAL:
            self._removal_ended(walk, now)
        elif walk.method == "REGISTER":
            self._register_ended(walk, outcome, step, now)
        else:
            self._request_ended(walk, outcome, step, now)

    def _request_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        attempt = walk.last_attempt
        if attempt is not None and step is not Step.NEXT:
            self._request_served(walk, attempt, now)
        if step is Step.RESULT:
            self._announce_refused(walk, outcome, Rule.A7, now)
        self._state.out.append(io.Completed(walk.request, outcome, attempt))

    def _request_served(self, walk: Walk, attempt: Attempt, now: float) -> None:
        """An answer from ``attempt.hop``: it is current now, where that may be (B2-B4, C2)."""
        state, hop, registrar = self._state, attempt.hop, attempt.registrar
        lst = state.lists.get((registrar, hop.group))
        if lst is None or lst.hop_of(hop.target) is None:
            return
        if walk.purpose is Purpose.IN_DIALOG and (registrar, lst.current) not in walk.failed:
            return  # a dialog's own target is not the line's
        registration = state.registrations[registrar]
        if (
            lst.failback.start is Start.REGISTERED
            and lst.path.register_on_enable
            and not registration.stands_at(hop.target, now)
        ):
            return
        self._use(hop, registrar, attempt, now)

    def _removal_ended(self, walk: Walk, now: float) -> None:
        state = self._state
        hop = walk.last_attempt.hop if walk.last_attempt is not None else None
        if hop is None:
            return
        registration = state.registrations[walk.registrar]
        was_ours = registration.newest == hop.target
        registration.forget(hop.target)
        if not registration.bindings:
            for kind in (TimerKind.REFRESH, TimerKind.EXPIRE):
                state.timers.cancel(TimerKey(kind, walk.registrar))
            registration.be(RegState.IDLE, now, "removed")
        state.announce(
            events.Unregistered(
                at=now,
                line=state.line,
                server=walk.registrar,
                hop=hop,
                rule=walk.rule,
                reason=str(walk.last_outcome or ""),
            )
        )
        if not state.stopping and not was_ours and walk.rule in (Rule.B6, Rule.A11):
            # B6: if the servers share after all, the removal took our new binding too
            self._register(walk.registrar, Reason.REFRESH, Rule.B6, now)

    def _register_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        if step is Step.DONE or self._state.stopping:
            return
        if walk.purpose is Purpose.HOME:
            self._home_ended(walk, outcome, step, now)
            return
        if walk.purpose is Purpose.PROBE:
            self._probe_ended(walk, outcome, now)
            return
        registrar = walk.registrar
        registration = self._state.registrations[registrar]
        if step is Step.RESULT:
            registration.refused = True
            registration.be(RegState.REFUSED, now, str(outcome))
            self._announce_refused(walk, outcome, Rule.A6, now)
        elif registration.binding(now) is None:
            registration.be(RegState.FAILED, now, str(outcome))
        self._after_failure(walk, registrar, step, now)

    def _after_failure(self, walk: Walk, registrar: int, step: Step, now: float) -> None:
        state = self._state
        row = down_row(state.fallback, registrar, DownTrigger.REGISTER)
        if step is Step.NEXT and row.action is DownAction.SERVE_OTHER_RETRY:
            self._serving.recompute(walk.last_attempt.hop if walk.last_attempt else None, now)
        if state.fallback is FallbackType.SUCCESSIVE and state.on is None:
            registrar = WORKING  # F5: both failed, begin at the working server
        if step is Step.NEXT and state.registrations[registrar].binding(now) is None:
            for (of, _), lst in state.lists.items():
                if of == registrar:  # R1: nothing stands, so the primary comes first again
                    lst.current, lst.away_since, lst.home_due = None, None, False
        self._retry_later(registrar, now)

    def _home_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        if step is Step.RESULT and walk.hop is not None:
            self._home_failed(walk, walk.hop, outcome, now)
        elif walk.last_attempt is None:  # the primary is passed over, or DNS led nowhere
            lst = self._state.hop_list(walk.registrar, walk.group)
            lst.away_since = now if lst.away else None
            self._arm_failback(lst)

    def _probe_ended(self, walk: Walk, outcome: Outcome, now: float) -> None:
        """F4, P2: the next try counts from this one's end."""
        state = self._state
        self._announce_probe_failed(walk.registrar, walk.hop, walk.rule, outcome, now)
        if walk.rule is Rule.P2:
            if state.proxy is Group.PROXY2:
                interval = state.settings.outbound_proxy_fallback_interval
                state.timers.set(PROXY_PROBE, now + interval)
        elif state.on == FALLBACK:
            state.timers.set(PROBE, now + state.settings.fallback_timeout)

    def _announce_refused(self, walk: Walk, outcome: Outcome, rule: Rule, now: float) -> None:
        self._state.announce(
            events.Refused(
                at=now,
                line=self._state.line,
                server=walk.registrar,
                hop=walk.last_attempt.hop if walk.last_attempt is not None else None,
                rule=rule,
                reason=str(outcome),
                method=walk.method,
                outcome=outcome,
            )
        )

    def _path(self, hop: Hop, registrar: int) -> Any:
        return self._state.hop_list(registrar, hop.group).path


_INPUTS: dict[type, Callable[[Engine, Any, float], None]] = {
    io.Started: Engine._started,
    io.Stopped: Engine._stop,
    io.Located: Engine._located,
    io.LocateFailed: Engine._locate_failed,
    io.Silent: Engine._silent,
    io.Finished: Engine._finished,
    io.Late: Engine._late,
    io.RequestWanted: Engine._wanted,
    io.RequestCancelled: Engine._cancelled,
    io.CallsChanged: Engine._calls_changed,
    io.FlowLost: Engine._flow_lost,
    io.NetworkChanged: Engine._network_changed,
}

_TIMERS: dict[TimerKind, Callable[[Engine, TimerKey, float], None]] = {
    TimerKind.START: Engine._begin_all,
    TimerKind.REFRESH: Engine._refresh_due,
    TimerKind.EXPIRE: Engine._expired,
    TimerKind.RETRY: Engine._retry_due,
    TimerKind.PROBE: Engine._probe_due,
    TimerKind.PROXY_PROBE: Engine._proxy_probe_due,
    TimerKind.FAILBACK: Engine._failback_due,
}
