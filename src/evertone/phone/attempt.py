"""An attempt of the engine carried out: from Send to exactly one Finished (or Abandon)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertone.model import Attempt, Cause, Outcome
from evertone.phone import outcome as outcomes
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow
from evertone.phone.reading import lenient
from evertone.redundancy.interface import Silent
from evertone.sip.message import Request, Response

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["AttemptJob"]


class AttemptJob:
    """The job of an exchange that carries out one attempt of ``line``'s engine.

    Subclasses build the request, and hear of its answers before the engine does.
    """

    __slots__ = ("attempt", "line", "method")

    def __init__(self, line: Line, attempt: Attempt) -> None:
        self.line = line
        self.attempt = attempt
        self.method = attempt.method

    def start(self, now: float, *, preemptive: bool = True) -> Exchange:
        """Make the attempt. ``preemptive``: known credentials go with it."""
        attempt = self.attempt
        return self.line.services.exchanges.start(
            self,
            attempt.hop.target,
            now,
            resends=attempt.resends,
            give_up_s=attempt.give_up_s,
            credentials=self.line.credentials,
            preemptive=preemptive,
        )

    # --- for subclasses -----------------------------------------------------------------------

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The request without its Via."""
        raise NotImplementedError

    def succeeded(self, leg: Leg, response: Response, now: float) -> int:
        """A 2xx came; returns the seconds that it grants (REGISTER)."""
        return 0

    def outcome(self, response: Response, granted: int, *, rang: bool) -> Outcome:
        """What the final answer means to the engine: the table's row."""
        wait = None if response.status < 300 else lenient(lambda: response.retry_after_s, None)
        return outcomes.of_response(self.method, response.status, response.reason, wait, rang=rang)

    # --- exchange.Job -------------------------------------------------------------------------

    def provisional(self, leg: Leg, response: Response, now: float) -> None:
        """Nothing to tell the engine: the transaction keeps S6 and A10."""

    def learned(self, response: Response) -> bool:
        """Only REGISTER has an interval."""
        return False

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """The final answer, mapped by the table."""
        rang = leg.exchange.rang
        granted = self.succeeded(leg, response, now) if response.status < 300 else 0
        result = self.outcome(response, granted, rang=rang)
        self.line.finished(self.attempt, result, granted, now)

    def silent(self, exchange: Exchange, now: float) -> None:
        """S1's time is up: the engine says Extend or Abandon in the same turn (S3)."""
        self.line.tell(Silent(self.attempt.id), now)

    def failed(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        """Silence or a transport fault."""
        result = outcomes.failed(cause, text, rang=exchange.rang)
        self.line.finished(self.attempt, result, 0, now)

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A late 2xx: nothing to do for requests that leave no state behind."""
