"""The redundancy engine of one line: which server next, and when home again.

Driven by the five verbs with the inputs and outputs of :mod:`evertone.redundancy.interface`.
This module dispatches inputs and timers and says what a walk's end means for the line:

- :mod:`walker` conducts requests over hops by the tables of :mod:`policy`,
- :mod:`registering` makes and renews registrations, :mod:`removals` takes them back,
- :mod:`homing` knows where in a hop list the line stands and when it goes home,
- :mod:`serving` knows which server and proxy serve.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from evertone.config.settings import LineSettings
from evertone.events import ResolveFailed
from evertone.model import Attempt, Cause, Group, Hop, Outcome, OutcomeKind, Reason, Target
from evertone.redundancy import interface as io
from evertone.redundancy.hoplist import Change, HopList
from evertone.redundancy.marks import TargetMarks
from evertone.redundancy.policy import (
    PROXY_GAVE_UP,
    DownAction,
    DownTrigger,
    FallbackType,
    Move,
    MoveRow,
    Start,
    Step,
    down_row,
)
from evertone.redundancy.registering import Registering
from evertone.redundancy.serving import Serving
from evertone.redundancy.snapshot import EngineSnapshot, snapshot_of
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Walk
from evertone.rules import Rule
from evertone.schedule import SipTimers

__all__ = ["Engine"]

_START = TimerKey(TimerKind.START)
_ALWAYS_SENT = frozenset({"REGISTER", "ACK", "CANCEL", "BYE"})  # B10
_REFUSALS = frozenset({OutcomeKind.REFUSED, OutcomeKind.CHALLENGED})
_ONE_HOP = frozenset({Purpose.HOME, Purpose.REMOVAL, Purpose.SETTLE})
_NOT_REGISTERED = Outcome(
    OutcomeKind.UNAVAILABLE,
    cause=Cause.UNREACHABLE,
    text="no target of the call is registered with (only_signal_with_registered)",
)


class Engine:
    """One line's engine. ``marks`` is shared by all lines of a phone."""

    __slots__ = ("_homing", "_registering", "_serving", "_state", "_walker", "pending", "timers")

    def __init__(
        self, line: LineSettings, timers: SipTimers, marks: TargetMarks, rng: random.Random
    ) -> None:
        self._state = LineState(line, timers, marks, rng)
        self.timers = self._state.timers
        """Its timers, for whoever asks several parts at once (:func:`evertone.clock.earliest`)."""
        self.pending = self._state.out
        """What :meth:`effects` will drain: empty if that need not be called."""
        self._serving = Serving(self._state)
        self._registering = Registering(self._state, self._serving, self)
        self._walker = self._registering.walker
        self._homing = self._registering.homing

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
        return self.timers.next_deadline()

    def effects(self) -> list[io.EngineOutput]:
        """Drain what the line must do."""
        effects = self.pending.copy()
        self.pending.clear()
        return effects

    def snapshot(self) -> EngineSnapshot:
        """A frozen view."""
        return snapshot_of(self._state, len(self._walker.walks))

    @property
    def stopped(self) -> bool:
        """After :class:`~interface.Stopped`: nothing is under way any more."""
        return self._state.stopping and not self._walker.walks

    def may_signal(
        self, method: str, registrar: int, group: Group, target: Target, now: float
    ) -> bool:
        """B10: in-dialog requests but ACK, CANCEL and BYE go to registered targets only."""
        lst = self._state.lists.get((registrar, group))
        if method in _ALWAYS_SENT or lst is None or not lst.registered_only:
            return True
        return self._state.registrations[registrar].stands_at(target, now)

    # --- inputs -------------------------------------------------------------------------------

    def _started(self, event: io.Started, now: float) -> None:
        self._state.timers.set(_START, now + event.wait_s)  # R7
        self.handle_timer(now)

    def _stop(self, event: io.Stopped, now: float) -> None:
        state = self._state
        state.stopping = True
        state.timers.clear()
        # what waits for a REGISTER goes before that, or it would send its own
        for walk in sorted(self._walker.walks.values(), key=lambda w: w.method == "REGISTER"):
            if walk.method != "BYE":  # the peer of a call just hung up must hear of it (C4)
                self._walker.withdraw(walk, now)
        for registration in state.registrations.values():
            for binding in list(registration.bindings.values()):
                self._registering.removals.begin(registration.registrar, binding.hop, Rule.R5, now)

    def _network_changed(self, event: io.NetworkChanged, now: float) -> None:
        """R8: our addresses may be others now; every binding is made anew at once."""
        state = self._state
        if state.stopping:
            return
        self._registering.stop_all(now)
        state.timers.clear()
        state.leaving.clear()
        for registration in state.registrations.values():
            registration.clear(now)
            self._homing.forget(registration.registrar)
        self._serving.begin_anew()
        self._registering.begin_all(_START, now)

    def _located(self, event: io.Located, now: float) -> None:
        self._walker.located(event, now)

    def _locate_failed(self, event: io.LocateFailed, now: float) -> None:
        self._state.tell(ResolveFailed, now, event.registrar, rule=Rule.D14, reason=event.text)
        self._walker.locate_failed(event.group, event.registrar, event.text, now)

    def _silent(self, event: io.Silent, now: float) -> None:
        self._walker.silent(event.attempt, now)

    def _finished(self, event: io.Finished, now: float) -> None:
        self._walker.finished(event.attempt, event.outcome, event.expires_s, now)

    def _wanted(self, event: io.RequestWanted, now: float) -> None:
        registrars = self._serving.request_registrars(someone_waits=event.someone_waits)
        if event.registrar:
            registrars = (event.registrar,)
        walk = Walk(
            request=event.request,
            method=event.method,
            purpose=Purpose.REQUEST if event.at is None else Purpose.IN_DIALOG,
            registrars=registrars,
            paths=self._state.paths_from_here(),
            reason=Reason.INITIAL,
            rule=Rule.C1 if event.at is None else Rule.C2,
            someone_waits=event.someone_waits,
        )
        if event.at is not None:
            walk.by(self._homing.dialog_paths(walk.registrar, walk.paths, event.at))
            hops = self._homing.dialog_order(walk.registrar, walk.group, event.at)
            walk.queue = [
                hop
                for hop in hops
                if self.may_signal(walk.method, walk.registrar, walk.group, hop.target, now)
            ]
            # B10 ends a call that hangs on a target of no registration; X5 moves it first
            stays = bool(walk.queue) and walk.queue[0] is hops[0]
            if not walk.queue or not (stays or self._state.settings.call_survival):
                self._state.out.append(io.Completed(event.request, _NOT_REGISTERED, None))
                return
        self._walker.begin(walk, now)

    def _cancelled(self, event: io.RequestCancelled, now: float) -> None:
        self._walker.cancel(event.request, now)

    def _calls_changed(self, event: io.CallsChanged, now: float) -> None:
        self._state.idle = event.idle
        self._state.call_registrars = event.registrars
        if self._state.stopping:
            return
        self._registering.removals.leave_fallback(now)
        if event.idle:
            self._homing.idle(now)

    def _flow_lost(self, event: io.FlowLost, now: float) -> None:
        """R9: every registration that the flow carried; a binding at a target that the line has
        left is none (B9), or the old connection's end would send the line home."""
        if not event.target.transport.reliable:
            return
        for registration in self._state.registrations.values():
            held = registration.binding(now)
            if held is not None and held.hop.target == event.target:
                self._registering.flow_lost(registration.registrar, event.target, now)

    def _late(self, event: io.Late, now: float) -> None:
        self._registering.late(event.attempt, event.expires_s, now)

    # --- timers -------------------------------------------------------------------------------

    def _start_due(self, key: TimerKey, now: float) -> None:
        self._registering.begin_all(key, now)

    def _refresh_due(self, key: TimerKey, now: float) -> None:
        self._registering.refresh_due(key, now)

    def _expire_due(self, key: TimerKey, now: float) -> None:
        self._registering.expired(key, now)

    def _retry_due(self, key: TimerKey, now: float) -> None:
        self._registering.retry_due(key, now)

    def _probe_due(self, key: TimerKey, now: float) -> None:
        self._registering.probe_due(key, now)

    def _proxy_probe_due(self, key: TimerKey, now: float) -> None:
        self._registering.proxy_probe_due(key, now)

    def _failback_due(self, key: TimerKey, now: float) -> None:
        if key.group is not None:
            self._homing.due(self._state.hop_list(key.registrar, key.group), now)

    def _turn_due(self, key: TimerKey, now: float) -> None:
        self._walker.turn_due(key.request, now)

    def _settle_due(self, key: TimerKey, now: float) -> None:
        if key.group is not None:
            lst = self._state.hop_list(key.registrar, key.group)
            self._registering.settling.due(lst, now)

    # --- what a walk means (walker.Host) ------------------------------------------------------

    def list_changed(self, lst: HopList, change: Change, now: float) -> None:
        """Tell of a new resolution, and act on B8."""
        self._homing.changed(lst, change, now)
        if change is Change.CURRENT_GONE:
            self._registering.current_gone(lst.registrar, now)

    def hops_for(self, walk: Walk, lst: HopList, now: float) -> list[Hop]:
        """Where the walk begins and in what order it goes on."""
        hops = self._homing.order(walk, lst, now)
        if walk.purpose is not Purpose.IN_DIALOG:
            return hops
        signal = self.may_signal
        return [
            hop for hop in hops if signal(walk.method, walk.registrar, hop.group, hop.target, now)
        ]

    def must_register(self, walk: Walk, hop: Hop, now: float) -> bool:
        """B9 with register_on_enable 1; F3 and C5 in successive mode, and for proxies (P2)."""
        state = self._state
        registration = state.registrations[walk.registrar]
        held = registration.binding(now)
        if walk.someone_waits and hop.group.is_proxy and held and held.hop.group is not hop.group:
            return True  # P2: always successively, so the line moves with the call
        if state.fallback is FallbackType.SUCCESSIVE and (
            state.on != walk.registrar or registration.binding(now) is None
        ):
            return True
        if state.hop_list(walk.registrar, hop.group).path.register_on_enable:
            return not registration.stands_at(hop.target, now)
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
        self._registering.registered(walk, attempt, expires_s, now)

    def hop_failed(self, walk: Walk, hop: Hop, outcome: Outcome, now: float) -> None:
        """A try home that failed: the time runs anew (B6)."""
        if walk.purpose is not Purpose.HOME and not (walk.trying_home and hop.index == 0):
            return
        walk.trying_home = False
        lst = self._state.hop_list(walk.registrar, hop.group)
        self._homing.failed(lst, hop, outcome, now)

    def home_passed_over(self, walk: Walk, hop: Hop, now: float) -> None:
        """The refresh is none but a refresh; a try home is made soon."""
        walk.trying_home = False
        walk.reason, walk.rule = Reason.REFRESH, Rule.R3
        self._homing.again(self._state.hop_list(walk.registrar, hop.group), now)

    def leg_spent(self, walk: Walk, row: MoveRow, now: float) -> None:
        """A whole list did not serve: what that means for the line (F1, F8)."""
        if walk.purpose in _ONE_HOP or row.move is Move.NEXT_PATH:
            return
        if walk.rule is Rule.P2:
            return  # the other proxy serves: nothing is said of the server
        registrar = walk.registrar
        if walk.purpose is Purpose.IN_DIALOG and not self._whole_list_failed(walk):
            return  # a next hop of the dialog's own, or what B10 left of the list
        if self._only_refused(walk):
            return  # B9 goes on to the next target, but a server that refuses is alive (A6)
        self._serving.down(registrar, walk.hop, str(walk.last_outcome or ""), now)
        if walk.method == "REGISTER":
            return
        down = down_row(self._state.fallback, registrar, DownTrigger.REQUEST)
        if down.action in (DownAction.SERVE_OTHER_NOW, DownAction.REGISTER_NOW):
            self._serving.recompute(walk.hop, now)
            self._registering.register(registrar, Reason.PROBE, down.rule, now)

    def _only_refused(self, walk: Walk) -> bool:
        if self._state.settings.redundancy_with_reg_fail_enable or walk.method == "REGISTER":
            return False
        outcomes = [out for (of, _), out in walk.failed.items() if of == walk.registrar]
        return bool(outcomes) and all(
            out.kind in _REFUSALS and out.code not in PROXY_GAVE_UP for out in outcomes
        )

    def _whole_list_failed(self, walk: Walk) -> bool:
        """F8. Who said 100 is alive, and so is a proxy that answered for a silent one: it is the
        dialog's peer, beyond it, that is silent (A10)."""
        lst = self._state.lists.get((walk.registrar, walk.group))
        if lst is None:
            return False
        outcomes = [walk.failed.get((walk.registrar, hop.target)) for hop in lst.hops]
        return all(
            out is not None and out.cause is not Cause.STALLED and out.kind not in _REFUSALS
            for out in outcomes
        )

    def ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """A walk is over."""
        if walk.purpose is Purpose.SETTLE:
            self._registering.settling.ended(walk, outcome, step, now)
        elif walk.purpose is Purpose.REMOVAL:
            self._registering.removal_ended(walk, now)
        elif walk.method == "REGISTER":
            self._registering.ended(walk, outcome, step, now)
        else:
            self._request_ended(walk, outcome, step, now)

    def _request_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        attempt = walk.last_attempt
        if attempt is not None and step is not Step.NEXT and self._may_use(walk, attempt, now):
            lst = self._state.hop_list(attempt.registrar, attempt.hop.group)
            self._homing.use(attempt.hop, lst, attempt.reason, now)
        if step is Step.RESULT:
            self._walker.tell_refused(walk, Rule.A7, outcome, now)
        self._state.out.append(io.Completed(walk.request, outcome, attempt))

    def _may_use(self, walk: Walk, attempt: Attempt, now: float) -> bool:
        """May the target that answered become the current one (B2-B4, B7, C2)?"""
        target = attempt.hop.target
        lst = self._state.lists.get((attempt.registrar, attempt.hop.group))
        if lst is None or lst.hop_of(target) is None:
            return False
        just_failed = lst.current is not None and (attempt.registrar, lst.current) in walk.failed
        if walk.purpose is Purpose.IN_DIALOG:
            # a dialog's own target is not the line's, unless the line's has just failed
            return just_failed
        if lst.failback.start is Start.TOP:
            return True
        if lst.current not in (None, target) and lst.stay != walk.found and not just_failed:
            return False  # sent before the line moved: its answer is no way home (B5, B6)
        if lst.failback.start is not Start.REGISTERED or not lst.path.register_on_enable:
            return True
        return self._state.registrations[attempt.registrar].stands_at(target, now)


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
    TimerKind.START: Engine._start_due,
    TimerKind.REFRESH: Engine._refresh_due,
    TimerKind.EXPIRE: Engine._expire_due,
    TimerKind.RETRY: Engine._retry_due,
    TimerKind.PROBE: Engine._probe_due,
    TimerKind.PROXY_PROBE: Engine._proxy_probe_due,
    TimerKind.FAILBACK: Engine._failback_due,
    TimerKind.SPREAD: Engine._turn_due,
    TimerKind.SETTLE: Engine._settle_due,
}
