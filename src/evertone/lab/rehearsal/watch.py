"""Somebody who looks on while a rehearsal runs, and ends it when he has seen enough."""

from __future__ import annotations

from evertone.events import Event

__all__ = ["LONG_S", "Watch"]

LONG_S = 3600


class Watch:
    """Hears of every event of the phone, and of every call to it that got through or did not.

    A rehearsal asks :attr:`enough` a while after something has happened, never in the middle of
    it. What has been seen by then must be all that is wanted: the report ends there.
    """

    def event(self, event: Event) -> None:
        """The phone announced this."""

    def enough(self, now: float, *, rings: bool) -> bool:
        """True if nothing more is to be seen. ``rings``: the last call to every line got
        through."""
        raise NotImplementedError

    def dull(self, now: float, *, rings: bool) -> bool:
        """True if nothing is expected for long but refreshes, so that servers may from now on
        grant :data:`LONG_S`, if less is asked for: thousands of refreshes are then a few."""
        return False
