"""What repeats is said once: runs of equal blocks in a long list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Fold", "fold"]

T = TypeVar("T")

MAX_PERIOD = 24
LEAST_TIMES = 3


@dataclass(frozen=True, slots=True)
class Fold(Generic[T]):
    """``items`` as they came first, how many ``times`` they came in a row, and the ``last`` of
    all of them."""

    items: tuple[T, ...]
    times: int
    last: T


def fold(items: Sequence[T], key: Callable[[T], Hashable]) -> list[Fold[T]]:
    """``items`` in order; where a block of up to 24 comes three times or more, once.

    Two items are the same if their keys are. Of several ways to fold at one place the one that
    says most with least is taken: the longest run, then the shortest block.
    """
    keys = [key(item) for item in items]
    folded: list[Fold[T]] = []
    at = 0
    while at < len(items):
        period, times = _best(keys, at)
        end = at + period * times
        folded.append(Fold(tuple(items[at : at + period]), times, items[end - 1]))
        at = end
    return folded


def _best(keys: Sequence[Hashable], at: int) -> tuple[int, int]:
    best = (1, 1)
    for period in range(1, min(MAX_PERIOD, (len(keys) - at) // LEAST_TIMES) + 1):
        if keys[at] != keys[at + period]:
            continue
        end = at + period
        while end < len(keys) and keys[end] == keys[end - period]:
            end += 1
        times = (end - at) // period
        if times >= LEAST_TIMES and period * times > best[0] * best[1]:
            best = (period, times)
    return best
