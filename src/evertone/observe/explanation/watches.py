"""When a rehearsal has shown what it was asked, so that it need not go on.

Nothing is concluded here that was not seen: a phone is home when it is registered wherever it
was before the fault and can be called; a pause between two tries is the longest there is when it
was as long as the longest wait that the settings ask for.
"""

from __future__ import annotations

from evertone.events import (
    BOUND,
    LEFT,
    Event,
    FailedBack,
    ProbeFailed,
    ResolveFailed,
    TargetFailed,
    Unregistered,
)
from evertone.lab.rehearsal.watch import Watch
from evertone.model import Target
from evertone.rules import Rule

__all__ = ["ALIKE_S", "MOST_EVENTS", "UNHEARD_S", "UntilHome", "UntilWorst", "is_try"]

ALIKE_S = 0.1
"""Pauses that differ by less are of one length."""

_AT_REST_S = 5.0  # nothing has failed for so long: no try is under way
_OVERDUE_S = 300.0  # no try has come for so long after its time: none is to be seen
_MANY = 200
_TWICE = 2

_TROUBLE = (*LEFT, ProbeFailed, TargetFailed, ResolveFailed)

UNHEARD_S = 600.0
"""A stretch in which no call gets through and that soon ends is shorter."""

MOST_EVENTS = 3000
"""So many are followed at most: about a second's work."""


def is_try(event: Event, struck: frozenset[str], *, of_dns: bool) -> bool:
    """True where a try to register at one of the addresses ``struck`` came to nothing."""
    if isinstance(event, ResolveFailed):
        return of_dns
    registers = isinstance(event, ProbeFailed) or (
        isinstance(event, TargetFailed) and event.method == "REGISTER"
    )
    return registers and event.hop is not None and event.hop.target.address in struck


class _Bindings:
    """Where the line is registered, by server, as its events tell it."""

    def __init__(self) -> None:
        self.at: dict[int, Target] = {}

    def event(self, event: Event) -> None:
        if event.hop is None:
            return
        if isinstance(event, BOUND):
            self.at[event.server] = event.hop.target
        elif isinstance(event, Unregistered) and self.at.get(event.server) == event.hop.target:
            del self.at[event.server]


class _Following(Watch):
    """What both have in common: they follow the line, and do not look on for ever.

    ``short`` says that the line refreshes its registration so often, and waits so long to go
    home, that nothing but refreshes would be seen.
    """

    def __init__(self, begin_s: float, *, short: bool) -> None:
        self.cut = False
        """True if it was ended before all was seen."""
        self.lengthened = False
        """True if registrations were longer for a while than the settings ask for."""
        self._begin_s = begin_s
        self._short = short
        self._bindings = _Bindings()
        self._moved = False
        self._events = 0

    def event(self, event: Event) -> None:
        """Follow the line."""
        self._events += 1
        self._bindings.event(event)
        self._moved |= event.at >= self._begin_s and isinstance(event, LEFT)
        self._follow(event)

    def enough(self, now: float, *, rings: bool) -> bool:
        """True when all has been seen, or more than can be."""
        if self._all_seen(now, rings=rings):
            return True
        self.cut = self._events > MOST_EVENTS
        return self.cut

    def dull(self, now: float, *, rings: bool) -> bool:
        """True when the line has moved, can be called, and waits for the way home."""
        self.lengthened |= self._short and self._moved and rings
        return self.lengthened

    def _follow(self, event: Event) -> None:
        raise NotImplementedError

    def _all_seen(self, now: float, *, rings: bool) -> bool:
        raise NotImplementedError


class UntilHome(_Following):
    """Until, after a fault from ``begin_s`` to ``end_s``, all is as it was before."""

    def __init__(self, begin_s: float, end_s: float, *, short: bool) -> None:
        super().__init__(begin_s, short=short)
        self._end_s = end_s
        self._before: dict[int, Target] = {}
        self._came = self._again = False
        self._trouble_at = 0.0

    def _follow(self, event: Event) -> None:
        if event.at < self._begin_s:
            self._before = dict(self._bindings.at)
        if isinstance(event, _TROUBLE):
            self._trouble_at = event.at
        elif event.at > self._end_s:
            self._came |= isinstance(event, FailedBack)
            self._again |= isinstance(event, BOUND)

    def _all_seen(self, now: float, *, rings: bool) -> bool:
        """True when it is back and at rest."""
        back = self._came if self._moved else self._again
        at_rest = now - max(self._trouble_at, self._end_s) > _AT_REST_S
        return back and rings and at_rest and self._bindings.at == self._before


class UntilWorst(_Following):
    """Until the longest pause between two tries at those ``struck`` has been seen, in a fault
    that begins at ``begin_s`` and does not end.

    ``longest_s`` is the longest wait for a try home that the settings ask for (``in_turn``: two
    servers are tried each in its own time, and often, so that pauses are shorter: then it is
    enough to see many), ``retry_s`` that
    of a line that is registered nowhere (R6; None: its servers are tried each in its own time,
    so that a longer pause may still come; then it is watched for ``alone_s``). ``most_s``: from
    then on what is seen is of no use, but for the end of a stretch in which no call gets through.
    """

    def __init__(
        self,
        begin_s: float,
        struck: frozenset[str],
        *,
        of_dns: bool,
        short: bool,
        longest_s: float,
        in_turn: bool,
        retry_s: float | None,
        alone_s: float,
        most_s: float,
    ) -> None:
        super().__init__(begin_s, short=short)
        self._struck, self._of_dns = struck, of_dns
        self._longest_s, self._retry_s, self._alone_s = longest_s, retry_s, alone_s
        self._in_turn = in_turn
        self._most_s = most_s
        self._begun = False
        self.bare_at: float | None = None
        """Since when it is registered nowhere."""
        self._turn_at: float | None = None
        self._pauses: list[float] = []  # since the line moved, or is registered nowhere

    def _follow(self, event: Event) -> None:
        if event.at < self._begin_s:
            return
        if self._moved and not self._begun:
            self._begun = True
            self._begin_at(event.at)
        elif isinstance(event, BOUND):
            self.bare_at = None
        elif isinstance(event, Unregistered) and event.rule is Rule.R3 and not self._bindings.at:
            self.bare_at = event.at
            self._begin_at(None)
        elif is_try(event, self._struck, of_dns=self._of_dns):
            if self._turn_at is not None:
                self._pauses.append(event.at - self._turn_at)
            self._turn_at = event.at

    def _begin_at(self, turn: float | None) -> None:
        self._turn_at = turn
        self._pauses.clear()

    def _all_seen(self, now: float, *, rings: bool) -> bool:
        """True when no longer pause can come, nor anything else that a caller notices."""
        if now >= self._most_s and (rings or now >= self._most_s + UNHEARD_S):
            return True
        if rings:  # without DNS it is not the tries that end that, but the last answers known
            known = self._seen(self._longest_s) >= 1 or self._overdue(now)
            known |= self._in_turn and len(self._pauses) >= _MANY
            return self._moved and known and not self._of_dns
        if self.bare_at is None:
            return False
        if now - self.bare_at >= self._alone_s or self._events > MOST_EVENTS:
            return True
        return self._retry_s is not None and self._seen(self._retry_s) >= _TWICE

    def _overdue(self, now: float) -> bool:
        last = self._turn_at
        return last is not None and now - last >= self._longest_s + _OVERDUE_S

    def _seen(self, least_s: float) -> int:
        """How many pauses are as long as the longest, if that is ``least_s`` or more."""
        longest_s = max(self._pauses, default=0.0)
        if longest_s < least_s - ALIKE_S:
            return 0
        return sum(pause >= longest_s - ALIKE_S for pause in self._pauses)
