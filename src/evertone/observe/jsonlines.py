"""The event stream as JSON lines: one object per event, flushed, for programs that follow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from evertone.events import Event, to_dict

__all__ = ["JsonLines", "to_json"]


def to_json(event: Event, epoch_s: float) -> str:
    """One line of JSON without its end: :func:`evertone.events.to_dict` and ``time``, the wall
    clock in UTC (ISO 8601). ASCII only, so that bytes from the wire cannot break a line."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    plain = {"time": moment.isoformat(timespec="milliseconds"), **to_dict(event)}
    return json.dumps(plain, ensure_ascii=True, allow_nan=False)


class JsonLines:
    """Writes each event it is called with; ``wall`` turns ``event.at`` into epoch seconds."""

    def __init__(self, stream: TextIO, wall: Callable[[float], float]) -> None:
        self._stream = stream
        self._wall = wall

    def __call__(self, event: Event) -> None:
        """Write ``event`` and flush. OSError where the disk is full or the reader has gone."""
        self._stream.write(to_json(event, self._wall(event.at)) + "\n")
        self._stream.flush()
