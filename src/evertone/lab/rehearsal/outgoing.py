"""The calls that the phone makes in a rehearsal: by a plan, and what became of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from evertone.errors import LimitError, UsageError
from evertone.events import CallChanged, Event
from evertone.lab.rehearsal.callee import ANSWERS_AFTER_S
from evertone.lab.rehearsal.calls import CallPlan, check_number
from evertone.lab.rehearsal.report import CallEnd, CallReport
from evertone.lab.rehearsal.site import CALLEE, PHONE, Site
from evertone.lab.rehearsal.spans import time_text
from evertone.lab.world import World
from evertone.phone.phone import Phone

__all__ = ["Outgoing"]

_CALLED_AT_ONCE = frozenset({"ringing", "established"})


@dataclass(slots=True)
class _Dialled:
    """One call as its events tell it."""

    line: int
    at: float
    ends_at: float
    rang_at: float | None = None
    answered: bool = False
    over_at: float = math.inf
    address: str = ""
    reason: str = ""

    def follow(self, event: CallChanged) -> None:
        """Take one event of the call."""
        if event.state in _CALLED_AT_ONCE:
            self.rang_at = event.at if self.rang_at is None else self.rang_at
            self.answered |= event.state == "established"
        elif event.state == "ended":
            self.over_at = event.at
            self.reason = event.reason
        if event.hop is not None:
            self.address = event.hop.target.address

    def report(self, site: Site) -> CallReport:
        """What became of it."""
        end, reason = CallEnd.ANSWERED, ""
        if self._rings_when_it_ends():
            end = CallEnd.RANG
        elif not self.answered:
            end = CallEnd.LOST
            waited = f"nobody was reached within {time_text(self.ends_at - self.at)}"
            reason = self.reason if self.over_at < self.ends_at or not self.address else waited
        elif self.over_at < self.ends_at:
            end, reason = CallEnd.DROPPED, self.reason
        host = site.at(self.address)
        return CallReport(
            line=self.line,
            at=self.at,
            end=end,
            waited_s=None if self.rang_at is None else self.rang_at - self.at,
            host=host.name if host is not None else "",
            reason=reason,
        )

    def _rings_when_it_ends(self) -> bool:
        """Whether it ended by the plan, and before the callee would have answered."""
        if self.answered or self.rang_at is None or self.over_at < self.ends_at:
            return False
        return self.ends_at - self.rang_at <= ANSWERS_AFTER_S


class Outgoing:
    """Lets every line of ``phone``, a node of ``world``, call the callee."""

    def __init__(self, world: World, phone: Phone, site: Site) -> None:
        self._world = world
        self._phone = phone
        self._site = site
        self._calls: dict[str, _Dialled] = {}
        self._refused: list[_Dialled] = []

    def schedule(self, plan: CallPlan, for_s: float) -> None:
        """Let every line call by the plan, as long as a call can still come to its end
        within ``for_s`` seconds. Raises UsageError if these are too many calls."""
        rounds = int((for_s - plan.lasts_s) / plan.every_s) if for_s > plan.lasts_s else 0
        check_number(rounds * len(self._site.settings.enabled_lines()))
        if rounds:
            self._world.at(plan.every_s, partial(self._round, plan, rounds))

    def reports(self, events: Sequence[Event]) -> list[CallReport]:
        """The calls in the order in which they were dialled; ``events`` are all of the phone."""
        for event in events:
            if isinstance(event, CallChanged) and event.call in self._calls:
                self._calls[event.call].follow(event)
        dialled = sorted([*self._calls.values(), *self._refused], key=lambda d: (d.at, d.line))
        return [one.report(self._site) for one in dialled]

    def _round(self, plan: CallPlan, left: int) -> None:
        """Every line calls; the next round is set when this one begins."""
        now = self._world.now
        for line in self._site.settings.enabled_lines():
            self._call(line.line, now, now + plan.lasts_s)
        if left > 1:
            self._world.at(now + plan.every_s, partial(self._round, plan, left - 1))

    def _call(self, line: int, now: float, ends_at: float) -> None:
        dialled = _Dialled(line, now, ends_at)
        try:
            call = self._world.do(PHONE, lambda at: self._phone.call(line, CALLEE, at))
        except LimitError as error:
            dialled.reason = str(error)
            self._refused.append(dialled)
            return
        self._calls[call] = dialled
        self._world.at(ends_at, partial(self._hang_up, call))

    def _hang_up(self, call: str) -> None:
        try:
            self._world.do(PHONE, lambda now: self._phone.hangup(call, now))
        except UsageError:
            return  # it is over already
