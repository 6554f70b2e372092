"""A last request of which nothing is awaited but its end."""

from __future__ import annotations

from evertone.model import Cause
from evertone.phone.exchange import Exchange, Leg
from evertone.sip.message import Response

__all__ = ["LastWord"]


class LastWord:
    """The answers of an :class:`~evertone.phone.exchange.Job` whose outcome changes nothing: any
    answer ends it, and without one what it was to end runs out by itself."""

    def provisional(self, leg: Leg, response: Response, now: float) -> None:
        """The layer waits on."""

    def learned(self, response: Response) -> bool:
        """It asks for no time that could be too brief."""
        return False

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """Any answer ends it."""

    def silent(self, exchange: Exchange, now: float) -> None:
        """S1's time is all that it gets."""

    def failed(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        """Nothing else is tried."""

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """Too late to matter."""
