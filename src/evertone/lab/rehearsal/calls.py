"""Which calls a rehearsal makes, and how many it may."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evertone.errors import UsageError
from evertone.lab.rehearsal.spans import parse_time, time_text

__all__ = ["MAX_CALLS", "CallPlan", "check_number", "parse_calls"]

MAX_CALLS = 100_000


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Every line calls every ``every_s`` seconds and hangs up ``lasts_s`` after dialling,
    answered or not: so long a caller waits."""

    every_s: float
    lasts_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.lasts_s < self.every_s:
            raise UsageError(
                f"calls of {time_text(self.lasts_s)} every {time_text(self.every_s)} overlap: a "
                "call must end before the next, as in 'every 5m for 1m'"
            )


def check_number(calls: float) -> None:
    """Raises UsageError if these are more than :data:`MAX_CALLS`."""
    if calls > MAX_CALLS:
        raise UsageError(f"that makes more than {MAX_CALLS} calls: call less often")


_CALLS = re.compile(r"every\s+(\S+)(?:\s+for\s+(\S+))?", re.IGNORECASE)


def parse_calls(text: str) -> CallPlan:
    """A plan from ``every 5m`` or ``every 5m for 90s``. Raises UsageError."""
    found = _CALLS.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no plan of calls: write 'every 5m' or 'every 5m for 90s'")
    every_s = parse_time(found[1])
    return CallPlan(every_s, parse_time(found[2]) if found[2] else min(60.0, every_s / 2))
