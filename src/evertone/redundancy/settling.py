"""X3, ``settle``: home only after the primary has answered OPTIONS for a while."""

from __future__ import annotations

from evertone.model import Group, Outcome, Reason
from evertone.redundancy.hoplist import HopList
from evertone.redundancy.policy import Step
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Walk
from evertone.redundancy.walker import Walker
from evertone.rules import Rule

__all__ = ["SETTLE_SPACING_S", "Settling"]

SETTLE_SPACING_S = 10.0  # X3


class Settling:
    """Watches the primaries of lists that the line has left. Idle without ``settle``."""

    __slots__ = ("_state", "_walker")

    def __init__(self, state: LineState, walker: Walker) -> None:
        self._state = state
        self._walker = walker

    def settled(self, lst: HopList, now: float) -> bool:
        """May the line go home to this list's primary?"""
        return lst.settled(self._state.settings.settle, now)

    def watch(self, lst: HopList, now: float) -> None:
        """The line has left the primary: see when it answers again, and for how long."""
        if self._state.settings.settle <= 0 or not self._left(lst):
            return
        key = _timer(lst)
        if key in self._state.timers:
            return
        lst.answers_since = None
        self._state.timers.set(key, now + SETTLE_SPACING_S)

    def due(self, lst: HopList, now: float) -> None:
        """Ask the primary, and again as long as the line is away."""
        if not self._left(lst):
            lst.answers_since = None
            return
        self._state.timers.set(_timer(lst), now + SETTLE_SPACING_S)
        if any(_asks(walk, lst) for walk in self._walker.walks.values()):
            return  # the one before is not over yet
        walk = Walk(
            request=self._walker.own_request(),
            method="OPTIONS",
            purpose=Purpose.SETTLE,
            registrars=(lst.registrar,),
            paths=(lst.group,) if lst.group.is_proxy else (),
            reason=Reason.PROBE,
            rule=Rule.X3,
        )
        self._walker.begin(walk, now)

    def ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """Any answer but 503 counts."""
        lst = self._state.hop_list(walk.registrar, walk.group)
        if step is Step.NEXT or outcome.code == 503:
            lst.answers_since = None
        elif lst.answers_since is None:
            lst.answers_since = now

    def _left(self, lst: HopList) -> bool:
        """The line is away from this list's primary, or from its whole server or proxy."""
        state = self._state
        if lst.away and lst.goes_home:
            return True
        if lst.group is Group.PROXY1 and state.proxy is Group.PROXY2:
            return True
        return state.on == 2 and lst.registrar == 1


def _asks(walk: Walk, lst: HopList) -> bool:
    at = (walk.registrar, walk.group)
    return walk.purpose is Purpose.SETTLE and at == (lst.registrar, lst.group)


def _timer(lst: HopList) -> TimerKey:
    return TimerKey(TimerKind.SETTLE, lst.registrar, lst.group)
