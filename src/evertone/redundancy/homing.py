"""Where in a hop list the line stands: failing over, and going home (B)."""

from __future__ import annotations

from collections.abc import Callable

from evertone.events import FailedBack, FailedOver, ProbeFailed, Resolved
from evertone.model import Group, Hop, HopSource, Outcome, Reason, Target
from evertone.redundancy.hoplist import HOME_SPACING_S, Change, HopList
from evertone.redundancy.policy import FailbackTrigger
from evertone.redundancy.settling import SETTLE_SPACING_S, Settling
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Walk
from evertone.rules import Rule

__all__ = ["Homing"]

_SOURCE_RULES = {
    HopSource.LITERAL: Rule.D1,
    HopSource.DNS: Rule.D3,
    HopSource.PARTIAL: Rule.D3,
    HopSource.STATIC: Rule.D13,
    HopSource.STALE: Rule.D14,
}
_PRIMARY_ALONE = frozenset({Purpose.HOME, Purpose.SETTLE})
_BUSY_RETRY_S = 1.0  # a try home waits for a registration that is under way


class Homing:
    """``try_home`` starts the one REGISTER to the primary of a list (B6)."""

    __slots__ = ("_settling", "_state", "_try_home")

    def __init__(
        self,
        state: LineState,
        settling: Settling,
        try_home: Callable[[HopList, float], bool],
    ) -> None:
        self._state = state
        self._settling = settling
        self._try_home = try_home

    def use(self, hop: Hop, lst: HopList, reason: Reason, now: float) -> None:
        """``hop`` of ``lst`` serves the line: it has failed over, gone home, or stayed (B7)."""
        origin = lst.current
        self._settling.watch(lst, now)
        if not lst.used(hop, now):
            if lst.away and not lst.home_due and _timer(lst) not in self._state.timers:
                self.arm(lst)  # its try home was called off
            return
        self.arm(lst)
        self._settling.watch(lst, now)
        moved, rule = (FailedOver, Rule.B7) if lst.away else (FailedBack, lst.failback.rule)
        self._state.tell(
            moved, now, lst.registrar, hop=hop, rule=rule, reason=reason.text, origin=origin
        )

    def arm(self, lst: HopList) -> None:
        """Set the timer of the next try home by the failback mode (B2, B4)."""
        due = lst.home_at()
        key = _timer(lst)
        if due is None:
            self._state.timers.cancel(key)
        else:
            ready = max(due, lst.last_home_try + HOME_SPACING_S)
            self._state.timers.set(key, ready + self._state.spread_s())

    def due(self, lst: HopList, now: float) -> None:
        """A try home has fallen due: make it, or wait for the end of the call (B5, B6)."""
        if not lst.away or self._state.stopping:
            lst.home_due = False
            return
        if lst.failback.needs_idle and not self._state.idle:
            lst.home_due = True
            return
        if not self._settling.settled(lst, now):
            self._state.timers.set(_timer(lst), now + SETTLE_SPACING_S)
            return
        ready = lst.last_home_try + HOME_SPACING_S
        if now < ready or not self._try_home(lst, now):
            self._state.timers.set(_timer(lst), max(ready, now + _BUSY_RETRY_S))
            return
        lst.home_due = False
        lst.last_home_try = now

    def idle(self, now: float) -> None:
        """The phone is idle: what fell due in the call is done now (B5)."""
        for lst in list(self._state.lists.values()):
            if lst.home_due:
                self.due(lst, now)

    def failed(self, lst: HopList, hop: Hop, outcome: Outcome, now: float) -> None:
        """A try home failed: the time runs anew (B6)."""
        self.postpone(lst, now)
        self._state.tell(
            ProbeFailed,
            now,
            lst.registrar,
            hop=hop,
            rule=Rule.B6,
            reason=str(outcome),
            outcome=outcome,
        )

    def again(self, lst: HopList, now: float) -> None:
        """The primary was passed over, as another line tests it (X1) or it asked for peace (A2):
        the try home is made as soon as B6 allows another one."""
        self._state.timers.set(_timer(lst), now + HOME_SPACING_S)

    def postpone(self, lst: HopList, now: float) -> None:
        """The time until the next try home runs anew."""
        lst.away_since = now if lst.away else None
        lst.home_due = False
        self.arm(lst)

    def forget(self, registrar: int) -> None:
        """Nothing stands with ``registrar``: its primary comes first again (R1)."""
        for (of, _), lst in self._state.lists.items():
            if of == registrar:
                lst.leave()
                self._state.timers.cancel(_timer(lst))

    def leave_unused(self) -> None:
        """Nothing stands in the lists of a server or proxy that the line has left: no try home
        is made there, and if the line comes back it begins at the primary (R1)."""
        state = self._state
        for (registrar, group), lst in state.lists.items():
            left_server = state.on is not None and state.on != registrar
            left_proxy = group.is_proxy and group is not state.proxy
            if (left_server or left_proxy) and lst.current is not None:
                lst.leave()
                state.timers.cancel(_timer(lst))

    def changed(self, lst: HopList, change: Change, now: float) -> None:
        """Tell of a new resolution; a new primary starts the clocks (B8)."""
        self._state.tell(
            Resolved,
            now,
            lst.registrar,
            hop=lst.hops[0],
            rule=_SOURCE_RULES[lst.hops[0].source] if change is Change.FIRST else Rule.B8,
            reason=change.value,
            hops=lst.hops,
        )
        self.arm(lst)

    def order(self, walk: Walk, lst: HopList, now: float) -> list[Hop]:
        """Where the walk begins and in what order it goes on (B1-B4, B6, B7)."""
        began_at, walk.found = walk.found, lst.stay
        if walk.purpose in _PRIMARY_ALONE:
            # what fell due before another failover counts no more (B2, B4)
            due = lst.away and walk.found == began_at
            asked = due or walk.purpose is Purpose.SETTLE
            if walk.purpose is Purpose.HOME and lst.failback.needs_idle and not self._state.idle:
                lst.home_due = lst.away  # a call began while the name was resolved (B5)
                asked = False
            return list(lst.hops[:1]) if asked else []
        # R9: the same target first, unless the line has left it: B says where a REGISTER starts
        first = walk.first if lst.current in (None, walk.first) else None
        if not lst.away:
            return lst.order(first)
        if walk.refresh and self._home_with_refresh(lst, now):
            lst.last_home_try = now
            walk.trying_home = True
            walk.reason, walk.rule = Reason.FAILBACK, lst.failback.rule
            home = lst.hops[0]
            return [home, *(hop for hop in lst.order() if hop is not home)]
        return lst.order(first, stay=not self._settling.settled(lst, now))

    def dialog_paths(
        self, registrar: int, paths: tuple[Group, ...], at: Target
    ) -> tuple[Group, ...]:
        """C2: the proxy whose list has the dialog's next hop first. A next hop that is in none
        has no other way."""
        for path in paths:
            lst = self._state.lists.get((registrar, path))
            if lst is not None and lst.hop_of(at) is not None:
                return (path, *(other for other in paths if other is not path))
        return paths[:1]

    def dialog_order(self, registrar: int, group: Group, at: Target) -> list[Hop]:
        """C2: the dialog's own next hop, then the other targets of its list."""
        lst = self._state.lists.get((registrar, group))
        if lst is not None and lst.hop_of(at) is not None:
            return lst.order(at)
        return [Hop(group, 0, at, why=("route set",))]

    def _home_with_refresh(self, lst: HopList, now: float) -> bool:
        """B3: in mode 2 the refresh itself is the try home, if the phone is idle (B5)."""
        if lst.failback.trigger is not FailbackTrigger.REFRESH:
            return False
        if not self._state.idle:
            lst.home_due = True
            return False
        if not self._settling.settled(lst, now):
            self.due(lst, now)  # it waits for X3
            return False
        return now >= lst.last_home_try + HOME_SPACING_S


def _timer(lst: HopList) -> TimerKey:
    return TimerKey(TimerKind.FAILBACK, lst.registrar, lst.group)
