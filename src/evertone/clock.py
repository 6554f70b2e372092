"""A table of timers: time is data here, nobody sleeps.

Models: quinn-proto's timer table. A component owns one table, keys name its timers; setting
a key again moves the timer. All times are seconds on whatever monotonic scale the shell uses.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

__all__ = ["TimerTable", "earliest"]

K = TypeVar("K", bound=Hashable)

_SPARE = 64  # entries that the heap may hold beyond four times those that are set


class TimerTable(Generic[K]):
    """Deadlines by key, the earliest first; ties fire in the order in which they were set.

    The heap may hold entries that were moved or cancelled, but never at its top: the earliest
    deadline is asked for far more often than timers change.
    """

    __slots__ = ("_at", "_heap", "_seq")

    def __init__(self) -> None:
        self._at: dict[K, tuple[float, int, K]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._seq = 0

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: K) -> bool:
        return key in self._at

    def set(self, key: K, at: float) -> None:
        """Set (or move) the timer ``key`` to fire at ``at`` seconds."""
        heap, entries = self._heap, self._at
        self._seq = seq = self._seq + 1
        moved = entries.get(key)
        entries[key] = entry = (at, seq, key)
        heappush(heap, entry)
        if moved is not None:
            self._void(moved)

    def cancel(self, key: K) -> None:
        """Forget the timer ``key``; harmless if it is not set."""
        entry = self._at.pop(key, None)
        if entry is not None:
            self._void(entry)

    def deadline(self, key: K) -> float | None:
        """When ``key`` fires, or None if it is not set."""
        entry = self._at.get(key)
        return None if entry is None else entry[0]

    def next_deadline(self) -> float | None:
        """When the earliest timer fires, or None if no timer is set."""
        heap = self._heap
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Iterator[K]:
        """Yield the keys whose time has come, each removed before it is yielded.

        A timer set while iterating fires in the same pass if it is already due.
        """
        heap = self._heap
        while heap and heap[0][0] <= now:
            key = heap[0][2]
            del self._at[key]
            self._trim()
            yield key

    def items(self) -> list[tuple[K, float]]:
        """All timers that are set, earliest first (for snapshots)."""
        entries = sorted(self._at.values(), key=lambda entry: entry[:2])
        return [(key, at) for at, _, key in entries]

    def clear(self) -> None:
        """Forget every timer."""
        self._at.clear()
        self._heap.clear()

    def _trim(self) -> None:
        """Take from the top what is void."""
        heap, current = self._heap, self._at
        heappop(heap)
        while heap and current.get(heap[0][2]) is not heap[0]:
            heappop(heap)

    def _void(self, entry: tuple[float, int, K]) -> None:
        """``entry`` counts no more. Take it from the top, or all that is void if that is most."""
        heap = self._heap
        if heap[0] is entry:
            self._trim()
        elif len(heap) > _SPARE + 4 * len(self._at):
            heap[:] = self._at.values()
            heapify(heap)


def earliest(tables: Iterable[TimerTable[Any]]) -> float | None:
    """The earliest deadline of several tables, or None if no timer is set."""
    first = None
    for table in tables:
        heap = table._heap
        if heap and (first is None or heap[0][0] < first):
            first = heap[0][0]
    return first
