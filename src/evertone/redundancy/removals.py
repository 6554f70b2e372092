"""Taking bindings back: where the line has left, and at a clean stop (B6, F4, R5, A11)."""

from __future__ import annotations

from evertone.events import Unregistered
from evertone.model import Hop, Reason, Target
from evertone.redundancy.registration import Registration, RegState
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Walk
from evertone.redundancy.walker import Walker
from evertone.rules import Rule

__all__ = ["Removals"]

_RECHECKED = frozenset({Rule.B6, Rule.A11})


class Removals:
    """The REGISTERs of one line that ask for no time."""

    __slots__ = ("_state", "_walker")

    def __init__(self, state: LineState, walker: Walker) -> None:
        self._state = state
        self._walker = walker

    def begin(self, registrar: int, hop: Hop, rule: Rule, now: float) -> None:
        """Take our binding at ``hop`` back (B6, R5, A11)."""
        self._state.registrations[registrar].leave(hop.target)
        walk = Walk(
            request=self._walker.own_request(),
            method="REGISTER",
            purpose=Purpose.REMOVAL,
            registrars=(registrar,),
            paths=(hop.group,) if hop.group.is_proxy else (),
            reason=Reason.REMOVAL,
            rule=rule,
        )
        walk.queue.append(hop)
        self._walker.begin(walk, now)

    def begin_leftovers(
        self, registration: Registration, serving: Hop, walk: Walk, now: float
    ) -> None:
        """B6: the bindings at targets that the line has left, where it can reach them."""
        registrar = registration.registrar
        registration.drop_expired(now)
        for target, binding in list(registration.bindings.items()):
            if target != serving.target and (registrar, target) not in walk.failed:
                self.begin(registrar, binding.hop, Rule.B6, now)

    def leave_fallback(self, now: float) -> None:
        """F4: the binding at the server left goes when no call hangs on it."""
        state = self._state
        for registrar in sorted(state.leaving - state.call_registrars):
            state.leaving.discard(registrar)
            for binding in list(state.registrations[registrar].bindings.values()):
                self.begin(registrar, binding.hop, Rule.F4, now)

    def ended(self, walk: Walk, now: float) -> bool:
        """Whatever the server said, the binding is none of ours any more.

        True: one more REGISTER has to go to the serving target, for if the servers share after
        all, the removal took that binding too (B6).
        """
        if walk.hop is None:
            return False
        state, registrar = self._state, walk.registrar
        registration = state.registrations[registrar]
        registration.forget(walk.hop.target)
        if not registration.bindings:
            for kind in (TimerKind.REFRESH, TimerKind.EXPIRE):
                state.timers.cancel(TimerKey(kind, registrar))
            registration.be(RegState.IDLE, now, "removed")
        state.tell(
            Unregistered,
            now,
            registrar,
            hop=walk.hop,
            rule=walk.rule,
            reason=str(walk.last_outcome or ""),
        )
        recheck = walk.rule in _RECHECKED and registration.binding(now) is not None
        return recheck or walk.overtaken

    def overtake(self, registrar: int, target: Target) -> None:
        """What is being removed at ``target`` is the binding that was made there just now."""
        for walk in self._walker.walks.values():
            at = walk.hop.target if walk.hop is not None else None
            if walk.purpose is Purpose.REMOVAL and (walk.registrar, at) == (registrar, target):
                walk.overtaken = True
