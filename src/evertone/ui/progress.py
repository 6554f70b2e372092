"""How far something long has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["Progress"]

_QUICK_S = 1.0  # what takes no longer needs no word


class Progress:
    """Keeps one line of a terminal up to date while something takes its time, and clears it at the
    end. Says nothing of what is quick, nor to a stream that is no terminal.

    Call it with the share that is done, 0 to 1. ``stream`` is standard error unless told.
    """

    def __init__(
        self,
        what: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._clock = clock
        self._from = clock() + _QUICK_S
        self._shown = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._write("")

    def __call__(self, share: float) -> None:
        """``share`` is done by now."""
        text = f"{self._what}: {share:.0%}"
        if text != self._shown and self._stream.isatty() and self._clock() >= self._from:
            self._write(text)

    def _write(self, text: str) -> None:
        blanks = " " * (len(self._shown) - len(text))
        self._stream.write(f"\r{text}{blanks}" if text else f"\r{blanks}\r")
        self._stream.flush()
        self._shown = text
