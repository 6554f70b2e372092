"""One request at one target until its result: what is known of it, and who hears of it.

An exchange is about a *job*; each of its transactions is a *leg*. :mod:`evertone.phone.exchanges`
conducts it.
"""

from __future__ import annotations

import enum
from typing import Protocol

from evertone.model import Cause, Target
from evertone.phone.flow_table import Flow
from evertone.phone.redirect import Place
from evertone.sip.auth import Credentials
from evertone.sip.message import Request, Response

__all__ = ["Exchange", "Job", "Leg", "State"]

_RANG = 101  # the lowest status that shows that somebody may be ringing (S6)


class Job(Protocol):
    """What an exchange is about. Every verb may start or abandon exchanges."""

    method: str

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The request without Via; asked anew for every transaction of the exchange."""

    def provisional(self, leg: Leg, response: Response, now: float) -> None:
        """A provisional answer."""

    def learned(self, response: Response) -> bool:
        """A 423 or 439 came: note what it asks for; True to ask once more, otherwise (A4)."""

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """The final answer. A 2xx to INVITE may come again."""

    def silent(self, exchange: Exchange, now: float) -> None:
        """S1's time is up: extend or abandon the exchange now (S3)."""

    def failed(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        """No answer until 64*T1, or a transport fault (S4, S5)."""

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx to a leg that had been given up (A8, A11)."""


class State(enum.Enum):
    """Where an exchange stands."""

    OPENING = "opening"  # its flow
    WAITING = "waiting"  # for an answer
    LOCATING = "locating"  # the name of a redirect
    OVER = "over"


_OPENING, _OVER = State.OPENING, State.OVER


class Leg:
    """One client transaction of an exchange. ``seen`` is the highest provisional status."""

    __slots__ = ("exchange", "flow", "request", "seen", "tid")

    def __init__(self, exchange: Exchange, tid: int, request: Request, flow: Flow) -> None:
        self.exchange = exchange
        self.tid = tid
        self.request = request
        self.flow = flow
        self.seen = 0


class Exchange:
    """See the module. ``round`` counts the requests sent at this target before the present one;
    ``began`` is when the present target was turned to, connecting included (S4). ``reused``: its
    request goes by a connection of before, whose end says nothing of the target (R9): it may have
    been dead for long."""

    __slots__ = (
        "began",
        "credentials",
        "extended",
        "give_up_s",
        "id",
        "job",
        "leg",
        "origin",
        "places",
        "preemptive",
        "redirected_by",
        "redirects",
        "resends",
        "reused",
        "round",
        "state",
        "target",
        "taught",
        "uri_override",
    )

    def __init__(
        self,
        id: int,
        job: Job,
        target: Target,
        resends: int,
        give_up_s: float,
        credentials: Credentials | None,
        preemptive: bool,
        now: float,
    ) -> None:
        self.id = id
        self.job = job
        self.origin = target
        self.target = target
        self.resends = resends
        self.give_up_s = give_up_s
        self.credentials = credentials
        self.preemptive = preemptive
        self.began = now
        self.state = _OPENING
        self.leg: Leg | None = None
        self.round = 0
        self.reused = False
        self.taught: tuple[int, ...] = ()  # by which refusals, each of them once (A4)
        self.extended = False
        self.redirects = 0
        self.redirected_by: tuple[Leg, Response] | None = None
        self.places: list[Place] = []
        self.uri_override: Place | None = None

    @property
    def over(self) -> bool:
        """True when the job has had its result, or the exchange was abandoned."""
        return self.state is _OVER

    @property
    def rang(self) -> bool:
        """True once a provisional above 100 came to an INVITE: somebody may be ringing (S6, A2).
        To any other request it says no more than that the server is alive (A10)."""
        leg = self.leg
        return leg is not None and leg.seen >= _RANG and self.job.method == "INVITE"
