"""A table of timers: time is data here, nobody sleeps.

Models: quinn-proto's timer table. A component owns one table, keys name its timers; setting
a key again moves the timer. All times are seconds on whatever monotonic scale the shell uses.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

__all__ = ["TimerTable"]

K = TypeVar("K", bound=Hashable)

_COMPACT_EVERY = 64  # settings


class TimerTable(Generic[K]):
    """Deadlines by key, the earliest first; ties fire in the order in which they were set."""

    __slots__ = ("_at", "_heap", "_seq")

    def __init__(self) -> None:
        self._at: dict[K, tuple[float, int, K]] = {}
        self._heap: list[tuple[float, int, K]] = []  # the same entries, and such as are void
        self._seq = 0

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: K) -> bool:
        return key in self._at

    def set(self, key: K, at: float) -> None:
        """Set (or move) the timer ``key`` to fire at ``at`` seconds."""
        self._seq += 1
        entry = self._at[key] = (at, self._seq, key)
        heappush(self._heap, entry)
        if not self._seq % _COMPACT_EVERY and len(self._heap) > _COMPACT_EVERY + 4 * len(self._at):
            self._compact()

    def cancel(self, key: K) -> None:
        """Forget the timer ``key``; harmless if it is not set."""
        self._at.pop(key, None)

    def deadline(self, key: K) -> float | None:
        """When ``key`` fires, or None if it is not set."""
        entry = self._at.get(key)
        return None if entry is None else entry[0]

    def next_deadline(self) -> float | None:
        """When the earliest timer fires, or None if no timer is set."""
        heap, current = self._heap, self._at
        while heap:
            entry = heap[0]
            if current.get(entry[2]) is entry:
                return entry[0]
            heappop(heap)
        return None

    def pop_due(self, now: float) -> Iterator[K]:
        """Yield the keys whose time has come, each removed before it is yielded.

        A timer set while iterating fires in the same pass if it is already due.
        """
        while True:
            at = self.next_deadline()
            if at is None or at > now:
                return
            key = heappop(self._heap)[2]
            del self._at[key]
            yield key

    def items(self) -> list[tuple[K, float]]:
        """All timers that are set, earliest first (for snapshots)."""
        entries = sorted(self._at.values(), key=lambda entry: entry[:2])
        return [(key, at) for at, _, key in entries]

    def clear(self) -> None:
        """Forget every timer."""
        self._at.clear()
        self._heap.clear()

    def _compact(self) -> None:
        self._heap = list(self._at.values())
        heapify(self._heap)
