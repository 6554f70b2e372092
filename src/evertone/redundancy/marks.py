"""Which targets the phone passes over for now: one table per phone, shared by its lines.

A mark has an end; nothing here is for ever. Retry-After of a 503 sets one (A2); with
``skip_unavailable`` so does any failure (X1). Model: reSIProcate's marks on tuples.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from evertone.model import Target

__all__ = ["Judgement", "MarkSnapshot", "TargetMarks"]

_MAX_MARKS = 1024


class Judgement(enum.Enum):
    """May a request go to this target now?"""

    USE = "use"
    SKIP = "skip"
    TEST = "test"  # its mark has run out: one request at a time finds out (X1)


_USE = Judgement.USE


@dataclass(slots=True)
class _Mark:
    until: float
    needs_test: bool
    testing: bool = False


@dataclass(frozen=True, slots=True)
class MarkSnapshot:
    """One mark, for people."""

    target: Target
    until: float


class TargetMarks:
    """The marks of one phone's targets."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: dict[Target, _Mark] = {}

    def judge(self, target: Target, now: float) -> Judgement:
        """USE, SKIP, or TEST; whoever is told TEST and sends must report the outcome."""
        if not self._marks:
            return _USE
        mark = self._marks.get(target)
        if mark is None:
            return _USE
        if now < mark.until:
            return Judgement.SKIP
        if not mark.needs_test:
            del self._marks[target]
            return Judgement.USE
        return Judgement.SKIP if mark.testing else Judgement.TEST

    def sent(self, target: Target, now: float) -> None:
        """A request goes to ``target``: if it is the test, no other may go meanwhile."""
        mark = self._marks.get(target) if self._marks else None
        if mark is not None and now >= mark.until:
            mark.testing = True

    def withdrawn(self, target: Target) -> None:
        """The request that tested ``target`` was called off without an outcome."""
        mark = self._marks.get(target)
        if mark is not None:
            mark.testing = False

    def answered(self, target: Target) -> None:
        """The target proved alive: any mark goes."""
        if self._marks:
            self._marks.pop(target, None)

    def failed(self, target: Target, now: float, *, retry_after_s: float, skip_s: float) -> None:
        """The target did not serve: pass it over for Retry-After (A2) or ``skip_s`` (X1)."""
        span = max(retry_after_s, skip_s)
        held = self._marks.get(target)
        if span <= 0:
            if held is not None:
                held.testing = False
            return
        if len(self._marks) >= _MAX_MARKS and target not in self._marks:
            del self._marks[min(self._marks, key=lambda t: self._marks[t].until)]
        until = now + span if held is None else max(now + span, held.until)
        self._marks[target] = _Mark(until, needs_test=skip_s > 0)

    def snapshot(self) -> tuple[MarkSnapshot, ...]:
        """The marks that are set, in no promised order."""
        return tuple(MarkSnapshot(t, m.until) for t, m in self._marks.items())
