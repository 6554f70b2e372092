"""Odd input: one event each, but never a flood of them."""

from __future__ import annotations

from collections.abc import Callable

from evertone.events import Event, Warned
from evertone.model import Target

__all__ = ["MAX_PER_WINDOW", "WINDOW_S", "Warnings"]

MAX_PER_WINDOW = 20
WINDOW_S = 60.0
_MAX_TEXT = 200


class Warnings:
    """Announces what was odd; over a bound per minute it counts in silence and says so later."""

    def __init__(self, announce: Callable[[Event], None]) -> None:
        self._announce = announce
        self._window = 0.0
        self._said = 0
        self._unsaid = 0

    def warn(self, text: str, now: float, source: Target | None = None) -> None:
        """Something odd came in from ``source``."""
        if now >= self._window + WINDOW_S:
            self._window, self._said = now, 0
        if self._said >= MAX_PER_WINDOW:
            self._unsaid += 1
            return
        self._said += 1
        reason = f"{source}: {text}" if source is not None else text
        if self._unsaid:
            reason += f" (and {self._unsaid} more before)"
            self._unsaid = 0
        self._announce(Warned(at=now, reason=printable(reason[:_MAX_TEXT])))


def printable(text: str) -> str:
    """``text`` with everything unprintable as a dot, so that no log line is broken by a peer."""
    return "".join(c if c.isprintable() else "." for c in text)
