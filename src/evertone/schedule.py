"""S1: when a request is sent, resent and given up. One definition for transactions and proofs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SipTimers", "give_up_s", "send_times"]

_NEVER_BEFORE_S = 4.0  # S1: a target is not judged earlier, however few the retries


@dataclass(frozen=True, slots=True)
class SipTimers:
    """RFC 3261 §17 timers in seconds (S7)."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout_s(self) -> float:
        """64*T1: timers B, F and H."""
        return 64 * self.t1


def _intervals(method: str, timers: SipTimers) -> list[float]:
    """The waits between sends until 64*T1: doubling, capped at T2 for all but INVITE."""
    waits: list[float] = []
    wait, total = timers.t1, 0.0
    while total + wait <= timers.timeout_s:
        waits.append(wait)
        total += wait
        wait = wait * 2 if method == "INVITE" else min(wait * 2, timers.t2)
    return waits


def send_times(method: str, resends: int, timers: SipTimers) -> tuple[float, ...]:
    """Seconds after the first send at which the request goes out, itself included (S1, S2)."""
    times, at = [0.0], 0.0
    for wait in _intervals(method, timers)[:resends]:
        at += wait
        if at >= timers.timeout_s:
            break
        times.append(at)
    return tuple(times)


def give_up_s(method: str, resends: int, timers: SipTimers) -> float:
    """When the target is judged unavailable: one more interval after the last send (S1, S2)."""
    times = send_times(method, resends, timers)
    waits = _intervals(method, timers)
    if len(times) > len(waits):
        return timers.timeout_s
    return min(max(times[-1] + waits[len(times) - 1], _NEVER_BEFORE_S), timers.timeout_s)
