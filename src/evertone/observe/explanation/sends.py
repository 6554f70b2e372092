"""When REGISTERs go out in an outage: it ends at the worst moment just after the last one before
the longest pause, for all that is sent until then is lost, and the try goes on for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evertone.events import Event, RequestSent, TargetFailed
from evertone.model import Attempt
from evertone.schedule import SipTimers, give_up_s, send_times

__all__ = ["pauses"]

_ALL_RESENDS = 64  # more than 64*T1 has room for
_CONNECTS_S = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0)  # RFC 6298 §2: a kernel's tries to connect


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt that came to nothing: its sends, and when it was given up."""

    sends: tuple[float, ...]
    end: float


def pauses(
    events: Sequence[Event],
    at: frozenset[str],
    timers: SipTimers,
    *,
    relayed: bool,
    moved_at: float | None,
) -> dict[float, float]:
    """By the moment of a REGISTER to one of the addresses ``at``, resends included (S1), how long
    it is until the next. ``moved_at``: when the line went elsewhere; that is a moment too, and
    what was before is left out.

    ``relayed``: a proxy there passes them on, and resends them as RFC 3261 has it until the
    phone gives up. Of a line that has moved the last pause is not seen to its end: the longest
    wait between tries stands for it.
    """
    moved = [moved_at] if moved_at is not None else []
    tries = [
        each
        for each in _tries(events, at, timers, relayed)
        if not moved or each.sends[0] > moved[0]
    ]
    moments = sorted({*moved, *(send for each in tries for send in each.sends)})
    found = {one: other - one for one, other in pairwise(moments)}
    if moved and tries and tries[-1].end < float("inf"):
        wait_s = _longest_wait_s([*moved, *(each.end for each in tries)], tries)
        found[moments[-1]] = tries[-1].end - moments[-1] + wait_s
    return found


def _longest_wait_s(ends: list[float], tries: list[_Try]) -> float:
    """Between the end of a try, or the move, and the next try's begin."""
    begins = [each.sends[0] for each in tries]
    return max(begin - max(end for end in ends if end <= begin) for begin in begins)


def _tries(
    events: Sequence[Event], at: frozenset[str], timers: SipTimers, relayed: bool
) -> Iterator[_Try]:
    for index, event in enumerate(events):
        if not isinstance(event, RequestSent) or event.attempt.method != "REGISTER":
            continue
        target = event.attempt.hop.target
        if target.address not in at:
            continue
        end = _end(events, index)
        offsets = _offsets(event.attempt, timers, relayed)
        yield _Try(tuple(event.at + o for o in offsets if event.at + o < end), end)


def _offsets(attempt: Attempt, timers: SipTimers, relayed: bool) -> Iterator[float]:
    """The schedule of one attempt: the one configured, then, if it may go on, the whole (S3)."""
    if attempt.hop.target.transport.reliable and not relayed:
        yield from _CONNECTS_S
        return
    configured = send_times("REGISTER", attempt.resends, timers)
    configured_s = give_up_s("REGISTER", attempt.resends, timers)
    for offset in send_times("REGISTER", _ALL_RESENDS, timers):
        if relayed or offset in configured or offset >= configured_s:
            yield offset


def _end(events: Sequence[Event], index: int) -> float:
    """When the attempt that began there came to nothing; as long as can be, if not seen."""
    begun = events[index]
    assert isinstance(begun, RequestSent)
    for event in events[index + 1 :]:
        failed = isinstance(event, TargetFailed) and event.method == "REGISTER"
        if failed and event.hop is not None and event.hop.target == begun.attempt.hop.target:
            return event.at
    return float("inf")
