"""What a measurement says, and the two ways of timing that the modules share."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Literal, TypedDict


class Row(TypedDict):
    """One measured value. ``limit`` None: only reported, and always ``ok``."""

    name: str
    value: float
    unit: str
    limit: float | None
    ok: bool


def row(
    name: str,
    value: float,
    unit: str,
    limit: float | None = None,
    better: Literal["more", "less"] = "less",
) -> Row:
    """A row; ``ok`` says whether the value is on the right side of its limit."""
    ok = limit is None or (value >= limit if better == "more" else value <= limit)
    return Row(name=name, value=value, unit=unit, limit=limit, ok=ok)


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of one call of ``work``, garbage collection held off."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        gc.enable()


def paired_ratio(
    slow: Callable[[], object], fast: Callable[[], object], rounds: int = 9
) -> tuple[float, float]:
    """How many times faster ``fast`` is, and its CPU seconds: both as medians.

    The two alternate, so that whatever else the machine does weighs on both.
    """
    slow(), fast()  # warm
    pairs = [(cpu_s(slow), cpu_s(fast)) for _ in range(rounds)]
    ratio = statistics.median(one / two for one, two in pairs)
    return ratio, statistics.median(two for _, two in pairs)
