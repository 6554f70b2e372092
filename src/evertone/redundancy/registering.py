"""Making, renewing and removing the line's registrations (R, and the REGISTERs of B and F)."""

from __future__ import annotations

from evertone.events import ProbeFailed, Refreshed, Registered, Unregistered
from evertone.model import Attempt, Group, Hop, Outcome, Reason, Target
from evertone.redundancy.homing import Homing
from evertone.redundancy.hoplist import HopList
from evertone.redundancy.interface import Resubscribe
from evertone.redundancy.policy import (
    DownAction,
    DownTrigger,
    FailbackTrigger,
    FallbackType,
    Step,
    down_row,
)
from evertone.redundancy.registration import (
    RegState,
    refresh_delay_s,
    retry_delay_s,
)
from evertone.redundancy.removals import Removals
from evertone.redundancy.serving import FALLBACK, PROBE, PROXY_PROBE, WORKING, Serving
from evertone.redundancy.settling import SETTLE_SPACING_S, Settling
from evertone.redundancy.state import LineState, TimerKey, TimerKind, timer_key
from evertone.redundancy.walk import Purpose, Stage, Walk
from evertone.redundancy.walker import Host, Walker
from evertone.rules import Rule

__all__ = ["Registering"]

_BUSY_RETRY_S = 1.0
_BINDING_PURPOSES = frozenset({Purpose.REGISTER, Purpose.HOME, Purpose.PROBE})

# Members under names of their own: an enumeration's attribute costs as much as a call.
_REGISTER, _SUCCESSIVE = Purpose.REGISTER, FallbackType.SUCCESSIVE
_REFRESH, _EXPIRE, _RETRY = TimerKind.REFRESH, TimerKind.EXPIRE, TimerKind.RETRY


class Registering:
    """All REGISTERs of one line."""

    __slots__ = ("_homing", "_removals", "_serving", "_settling", "_state", "_walker")

    def __init__(self, state: LineState, serving: Serving, host: Host) -> None:
        self._state = state
        self._serving = serving
        self._walker = Walker(state, host)
        self._settling = Settling(state, self._walker)
        self._homing = Homing(state, self._settling, self._try_home)
        self._removals = Removals(state, self._walker)

    @property
    def walker(self) -> Walker:
        """Who conducts the walks."""
        return self._walker

    @property
    def settling(self) -> Settling:
        """Who watches the primaries left."""
        return self._settling

    @property
    def homing(self) -> Homing:
        """Who knows the way home."""
        return self._homing

    @property
    def removals(self) -> Removals:
        """Who takes bindings back."""
        return self._removals

    # --- beginning ----------------------------------------------------------------------------

    def begin_all(self, key: TimerKey, now: float) -> None:
        """Register the line with every server it wants to be registered with (F1, F2)."""
        registrars = tuple(self._state.registrations)
        if self._state.fallback is FallbackType.SUCCESSIVE:
            registrars = registrars[:1]
        for registrar in registrars:
            self.register(registrar, Reason.INITIAL, Rule.R1, now)

    def register(
        self,
        registrar: int,
        reason: Reason,
        rule: Rule,
        now: float,
        *,
        first: Target | None = None,
    ) -> None:
        """Register with ``registrar``; without a binding in successive mode with whom F2 and
        F5 say. Harmless while such a registration is under way."""
        if self._state.stopping or self.under_way(registrar):
            return
        registrars = self._serving.register_registrars(registrar, after_failure=rule is Rule.R6)
        if not registrars:
            return
        walk = self._new_walk(registrars, reason, rule)
        walk.first = first
        self._begin(walk, now)

    def refresh_due(self, key: TimerKey, now: float) -> None:
        """R3: renew the registration."""
        if self.under_way(key.registrar):
            return
        walk = self._new_walk((key.registrar,), Reason.REFRESH, Rule.R3)
        walk.refresh = True
        self._begin(walk, now)

    def current_gone(self, registrar: int, now: float) -> None:
        """B8: where the line was is no longer listed. A try home has nowhere left to come from."""
        for walk in list(self._walker.walks.values()):
            if walk.purpose is Purpose.HOME and walk.registrar == registrar:
                self._walker.withdraw(walk, now)
        self.register(registrar, Reason.RETRY, Rule.B8, now)

    def flow_lost(self, registrar: int, target: Target, now: float) -> None:
        """R9: the same target first, on a new connection; after a try home that is under way."""
        if self.under_way(registrar):
            self._state.timers.cancel(TimerKey(TimerKind.REFRESH, registrar))
        self.register(registrar, Reason.RETRY, Rule.R9, now, first=target)

    def retry_due(self, key: TimerKey, now: float) -> None:
        """R6: once more."""
        self.register(key.registrar, Reason.RETRY, Rule.R6, now)

    def probe_due(self, key: TimerKey, now: float) -> None:
        """F4: the working server again?"""
        state = self._state
        if state.on != FALLBACK:
            return
        if self.under_way(WORKING):  # that try answers the question
            state.timers.set(PROBE, now + state.settings.fallback_timeout)
            return
        if not self._may_go_home(WORKING, now):
            state.timers.set(PROBE, now + SETTLE_SPACING_S)
            return
        self._begin(self._new_walk((WORKING,), Reason.PROBE, Rule.F4, Purpose.PROBE), now)

    def proxy_probe_due(self, key: TimerKey, now: float) -> None:
        """P2: outbound proxy 1 again?"""
        if self._state.proxy is not Group.PROXY2:
            return
        if not self._settling.settled(self._state.hop_list(self._state.serving, Group.PROXY1), now):
            self._state.timers.set(PROXY_PROBE, now + SETTLE_SPACING_S)
            return
        if self.under_way(self._state.serving):  # its answer would take the line back
            self._state.timers.set(PROXY_PROBE, now + _BUSY_RETRY_S)
            return
        walk = self._new_walk((self._state.serving,), Reason.PROBE, Rule.P2, Purpose.PROBE)
        walk.by((Group.PROXY1,))
        self._begin(walk, now)

    def _may_go_home(self, registrar: int, now: float) -> bool:
        """X3: the first target on the way there has answered long enough."""
        group = self._state.settings.paths(registrar)[0]
        return self._settling.settled(self._state.hop_list(registrar, group), now)

    def _try_home(self, lst: HopList, now: float) -> bool:
        """B6: one REGISTER to the primary alone. False while another REGISTER is under way."""
        if self.under_way(lst.registrar):
            return False
        walk = self._new_walk((lst.registrar,), Reason.FAILBACK, Rule.B6, Purpose.HOME)
        walk.by((lst.group,) if lst.group.is_proxy else ())
        walk.found = lst.stay
        self._begin(walk, now)
        return True

    def _new_walk(
        self,
        registrars: tuple[int, ...],
        reason: Reason,
        rule: Rule,
        purpose: Purpose = Purpose.REGISTER,
    ) -> Walk:
        return Walk(
            request=self._walker.own_request(),
            method="REGISTER",
            purpose=purpose,
            registrars=registrars,
            paths=self._state.paths_from_here(),
            reason=reason,
            rule=rule,
        )

    def _begin(self, walk: Walk, now: float, *, in_turn: bool = False) -> None:
        state = self._state
        registration = state.registrations[walk.registrar]
        if walk.purpose is _REGISTER:
            if registration.binding(now) is None:
                registration.be(RegState.REGISTERING, now, walk.reason.text)
            for registrar in walk.registrars:
                state.timers.cancel(timer_key(_RETRY, registrar))
        if in_turn:
            self._walker.begin_later(walk, now)
        else:
            self._walker.begin(walk, now)

    # --- under way ----------------------------------------------------------------------------

    def under_way(self, registrar: int) -> bool:
        """True while a walk registers with ``registrar``, or may still come to it."""
        for walk in self._walker.walks.values():
            if walk.purpose in _BINDING_PURPOSES and registrar in walk.registrars_to_come:
                return True
        return False

    def stop(self, registrar: int, now: float, but: Walk | None = None) -> None:
        """Call off whatever registers with ``registrar`` now, except ``but``."""
        for walk in list(self._walker.walks.values()):
            if (
                walk is not but
                and walk.purpose in _BINDING_PURPOSES
                and walk.registrar == registrar
            ):
                self._walker.withdraw(walk, now)
                if walk.rule is Rule.P2:
                    self._probe_proxy_later(now)

    def stop_all(self, now: float) -> None:
        """Call off every REGISTER, removals included, and those that calls had to send first:
        they bear an address of before (R8)."""
        for walk in list(self._walker.walks.values()):
            if walk.method == "REGISTER":
                self._walker.withdraw(walk, now)
            elif walk.stage is Stage.REGISTERING:
                self._walker.restart(walk, now)

    # --- a 2xx --------------------------------------------------------------------------------

    def registered(self, walk: Walk, attempt: Attempt, expires_s: int, now: float) -> None:
        """A 2xx to a REGISTER of ``walk``."""
        registrar = attempt.registrar
        if self._state.fallback is _SUCCESSIVE:
            self.stop(registrar, now, but=walk)  # another try would only repeat this one
        if expires_s <= 0:
            self._retry_later(registrar, now)
            return
        self.record(attempt, expires_s, now, began=walk.paths[0] if walk.paths else None)
        registration = self._state.registrations[registrar]
        # with registrations that are shared there is one binding at most
        if len(registration.bindings) > 1:
            self._removals.begin_leftovers(registration, attempt.hop, walk, now)

    def record(
        self, attempt: Attempt, expires_s: int, now: float, began: Group | None = None
    ) -> None:
        """Note the binding, set its timers, move the line. ``began``: by which proxy the walk
        began that made it."""
        state, hop, registrar = self._state, attempt.hop, attempt.registrar
        lst = state.hop_list(registrar, hop.group)
        shared = not lst.path.register_on_enable
        registration = state.registrations[registrar]
        left, stood_on, served = registration.last, state.on, state.serving
        new = registration.record(hop, expires_s, now, shared=shared)
        if len(self._walker.walks) > 1:
            self._removals.overtake(registrar, hop.target)
        registration.be(RegState.REGISTERED, now, attempt.reason.text)
        state.tell(
            Registered if new else Refreshed,
            now,
            registrar,
            hop=hop,
            rule=attempt.rule,
            reason=attempt.reason.text,
            expires_s=expires_s,
        )
        refresh_at = now + refresh_delay_s(state.settings, expires_s)
        state.timers.cancel(timer_key(_RETRY, registrar))
        state.timers.set(timer_key(_REFRESH, registrar), refresh_at)
        state.timers.set(timer_key(_EXPIRE, registrar), now + expires_s)
        self._homing.use(hop, lst, attempt.reason, now)
        self._serving.registered(registrar, hop, began, now)
        if state.on is not None and state.on != stood_on:
            for other in set(state.registrations) - {state.on}:
                self.stop(other, now)  # its answer would take the line back
        if len(state.lists) > 1:
            self._homing.leave_unused()
        if state.settings.settle > 0:
            self._watch_what_was_left(now)
        if self._subscriptions_move(registrar, hop, lst, left, served):
            state.out.append(Resubscribe(registrar, hop))
        if state.leaving:
            self._removals.leave_fallback(now)

    def _watch_what_was_left(self, now: float) -> None:
        state = self._state
        if state.on == FALLBACK:
            working = state.hop_list(WORKING, state.settings.paths(WORKING)[0])
            self._settling.watch(working, now)
        if state.proxy is Group.PROXY2:
            self._settling.watch(state.hop_list(state.serving, Group.PROXY1), now)

    def _subscriptions_move(
        self, registrar: int, hop: Hop, lst: HopList, left: Target | None, served: int
    ) -> bool:
        """B11: the registration moved to another address; F7: the line to another server, be it
        that it stood on none meanwhile (F2)."""
        state = self._state
        if state.fallback is _SUCCESSIVE and served != registrar:
            return True
        return (
            left is not None
            and left.address != hop.target.address
            and lst.path.failback_subscribe_enable
            and lst.failback.trigger is not FailbackTrigger.NONE  # modes 1-3 only
        )

    def late(self, attempt: Attempt, expires_s: int, now: float) -> None:
        """A11: a 2xx to a REGISTER that had been given up.

        ``expires_s`` is what is left of the grant for sure: a server that was frozen counts
        from its waking, so what may have run out may stand as well, and is removed if surplus.
        """
        state, registrar = self._state, attempt.registrar
        state.marks.answered(attempt.hop.target)  # late, but alive (X1)
        if not attempt.expires_s:
            return
        if state.stopping:
            self._removals.begin(registrar, attempt.hop, Rule.R5, now)
            return
        elsewhere = (
            state.fallback is FallbackType.SUCCESSIVE
            and state.on is not None
            and state.on != registrar
        )
        standing = state.registrations[registrar].binding(now)
        lst = state.hop_list(registrar, attempt.hop.group)
        target = attempt.hop.target
        renewed = standing is not None and standing.hop.target == target == lst.current
        if elsewhere:
            self._removals.begin(registrar, attempt.hop, Rule.A11, now)
        elif standing is None or renewed:
            if expires_s > 0:
                self.record(attempt, expires_s, now)
                self._walker.served(registrar, target)
                self.stop(registrar, now)
        elif standing.hop.target != target and lst.path.register_on_enable:
            self._removals.begin(registrar, attempt.hop, Rule.A11, now)

    # --- the end of a binding -----------------------------------------------------------------

    def removal_ended(self, walk: Walk, now: float) -> None:
        """The binding left is gone; perhaps the serving one has to be made sure of (B6)."""
        if self._removals.ended(walk, now) and not self.under_way(walk.registrar):
            self._begin(self._new_walk((walk.registrar,), Reason.REFRESH, Rule.B6), now)

    def expired(self, key: TimerKey, now: float) -> None:
        """A binding has run out (F2, F5)."""
        state, registrar = self._state, key.registrar
        registration = state.registrations[registrar]
        held = registration.bindings.get(registration.newest) if registration.newest else None
        registration.drop_expired(now)
        if registration.state is RegState.REGISTERED:
            registration.be(RegState.FAILED, now, "the binding ran out")
        state.tell(
            Unregistered,
            now,
            registrar,
            hop=held.hop if held is not None else None,
            rule=Rule.R3,
            reason="the binding ran out",
        )
        row = down_row(state.fallback, registrar, DownTrigger.EXPIRY)
        if row.action is DownAction.NOTHING or state.on != registrar:
            return
        self._serving.lost()
        if registration.refused:  # A6: a live server that refuses is not left; R6 goes on
            return
        self.stop(registrar, now)
        state.timers.cancel(TimerKey(TimerKind.RETRY, registrar))
        to_fallback = row.action is DownAction.FALL_BACK
        registrars = (FALLBACK,) if to_fallback else (WORKING, FALLBACK)
        reason = Reason.FALLBACK if to_fallback else Reason.RETRY
        self._begin(self._new_walk(registrars, reason, row.rule), now, in_turn=True)

    # --- failures -----------------------------------------------------------------------------

    def ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """A REGISTER walk is over; DONE was told by :meth:`registered`."""
        if step is Step.DONE or self._state.stopping:
            return
        if walk.purpose is Purpose.REGISTER:
            self._register_ended(walk, outcome, step, now)
            return
        if walk.purpose is Purpose.HOME:
            self._home_ended(walk, outcome, step, now)
        else:
            self._probe_ended(walk, outcome, now)
        self._catch_up(walk.registrar, now)

    def _catch_up(self, registrar: int, now: float) -> None:
        """A refresh or a retry that fell due during a try home goes out now (B3, B6)."""
        state = self._state
        wanted = registrar
        if state.fallback is FallbackType.SUCCESSIVE:
            wanted = state.on or WORKING
        waiting = (TimerKey(kind, wanted) for kind in (TimerKind.REFRESH, TimerKind.RETRY))
        if not any(key in state.timers for key in waiting):
            self.register(wanted, Reason.REFRESH, Rule.R3, now)

    def _register_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        state, registrar = self._state, walk.registrar
        registration = state.registrations[registrar]
        if step is Step.RESULT:
            registration.refused = True
            registration.be(RegState.REFUSED, now, str(outcome))
            self.walker.tell_refused(walk, Rule.A6, outcome, now)
        else:
            registration.refused = False
            if registration.binding(now) is None:
                registration.be(RegState.FAILED, now, str(outcome))
                self._homing.forget(registrar)
            row = down_row(state.fallback, registrar, DownTrigger.REGISTER)
            if row.action is DownAction.SERVE_OTHER_RETRY:
                self._serving.recompute(walk.hop, now)
        if state.fallback is FallbackType.SUCCESSIVE and state.on is None:
            if step is Step.NEXT and walk.registrars == (WORKING,):
                # F2: the binding ran out while this try was under way
                fallback = self._new_walk((FALLBACK,), Reason.FALLBACK, Rule.F2)
                self._begin(fallback, now, in_turn=True)
                return
            registrar = WORKING  # F5: both failed, begin at the working server
        self._retry_later(registrar, now)

    def _home_ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        lst = self._state.hop_list(walk.registrar, walk.group)
        if step is Step.RESULT and walk.hop is not None:
            self._homing.failed(lst, walk.hop, outcome, now)
        elif walk.last_attempt is None and not lst.home_due:
            if walk.passed_over:  # nobody has asked the primary: that is no failure
                self._homing.again(lst, now)
            else:  # DNS led nowhere
                self._homing.postpone(lst, now)

    def _probe_ended(self, walk: Walk, outcome: Outcome, now: float) -> None:
        """F4, P2: the next try counts from this one's end."""
        state = self._state
        state.tell(
            ProbeFailed,
            now,
            walk.registrar,
            hop=walk.hop,
            rule=walk.rule,
            reason=str(outcome),
            outcome=outcome,
        )
        if walk.rule is Rule.F4 and state.on == FALLBACK:
            state.timers.set(PROBE, now + state.settings.fallback_timeout + state.spread_s())
        elif walk.rule is Rule.P2:
            self._probe_proxy_later(now)

    def _probe_proxy_later(self, now: float) -> None:
        """P2: proxy 1 again after the interval."""
        state = self._state
        if state.proxy is Group.PROXY2:
            interval = state.settings.outbound_proxy_fallback_interval
            state.timers.set(PROXY_PROBE, now + interval + state.spread_s())

    def _retry_later(self, registrar: int, now: float) -> None:
        """R6: again after the interval."""
        state = self._state
        registration = state.registrations[registrar]
        registration.failures += 1
        draw = state.rng.random() if state.settings.reg_failed_retry_min_time > 0 else 0.0
        wait = retry_delay_s(state.settings, registration.failures, draw)
        state.timers.set(TimerKey(TimerKind.RETRY, registrar), now + wait)
