"""Transactions: requests sent until answered or given up, answers repeated until heard.

RFC 3261 §17 with RFC 6026 (Accepted), RFC 4320 (non-INVITE), RFC 3581 (rport), and the rules
S1-S6, A8, A10, A11, A13 and F6. The machines are rows of :mod:`transaction_tables`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from evertone.schedule import SipTimers
from evertone.sip.message import Message, Request, Response
from evertone.sip.transaction_effects import (
    Gone,
    GotAck,
    GotCancel,
    GotRequest,
    GotResponse,
    NoAck,
    Out,
    SipEffect,
    Stray,
    TimedOut,
    TimeIsUp,
)

__all__ = [
    "Gone",
    "GotAck",
    "GotCancel",
    "GotRequest",
    "GotResponse",
    "Limits",
    "NoAck",
    "Out",
    "SipEffect",
    "Stray",
    "TimeIsUp",
    "TimedOut",
    "TransactionLayer",
    "TransactionSnapshot",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one layer. Over ``transactions``, a request that comes in is answered 503
    without state and ``send_request`` raises LimitError; over ``abandoned`` and ``merged``
    the oldest is forgotten."""

    transactions: int = 10_000
    abandoned: int = 1_000
    merged: int = 10_000


@dataclass(frozen=True, slots=True)
class TransactionSnapshot:
    """``active`` still wants an answer or an ACK; ``lingering`` only waits for stragglers;
    ``timers`` are what is set, as (name, due)."""

    active: int
    lingering: int
    timers: tuple[tuple[str, float], ...]


class TransactionLayer:
    """All transactions of one node. ``proxy``: answers merged requests and repeats 2xx to INVITE
    like RFC 3261 §16 asks (it does neither: both are the user agents')."""

    def __init__(
        self,
        timers: SipTimers,
        rng: random.Random,
        *,
        proxy: bool = False,
        limits: Limits | None = None,
    ) -> None:
        raise NotImplementedError

    def send_request(
        self,
        request: Request,
        flow: int,
        reliable: bool,
        resends: int,
        give_up_s: float,
        now: float,
    ) -> int:
        """Start a client transaction; the request already bears its Via with a fresh branch.

        ``resends`` and ``give_up_s`` (seconds from now) are S1's. Raises LimitError.
        """
        raise NotImplementedError

    def extend(self, tid: int, now: float) -> None:
        """The answer to TimeIsUp that goes on, resends included, until 64*T1 (S3)."""
        raise NotImplementedError

    def abandon(self, tid: int, now: float) -> None:
        """Let go: no more resends, kept 5 minutes for stragglers (A8, A11).

        An INVITE that had a provisional answer is cancelled now, else when its first
        provisional comes; a final answer but 2xx is ACKed by the layer. Reported late.
        """
        raise NotImplementedError

    def cancel(self, tid: int, now: float) -> None:
        """The user's CANCEL of an INVITE (A13): for the transaction the same as ``abandon``."""
        raise NotImplementedError

    def reclaim(self, tid: int, now: float) -> bool:
        """Take an abandoned INVITE back, to wait for its leg until 64*T1 after its first send (A12).

        False where it is too late: cancelled already, answered, or gone.
        """
        raise NotImplementedError

    def transport_failed(self, tid: int, now: float) -> None:
        """The transaction's way is broken: it ends here, with Gone and nothing else."""
        raise NotImplementedError

    def on_flow(self, flow: int) -> tuple[int, ...]:
        """The ids of the transactions that run over ``flow`` (for when it breaks)."""
        raise NotImplementedError

    def receive(
        self,
        message: Message,
        flow: int,
        reliable: bool,
        now: float,
        source: tuple[str, int] | None = None,
    ) -> None:
        """Take a parsed message. ``source``: the peer's address and port, for the ``received`` and
        ``rport`` of a request's Via (RFC 3581 §4)."""
        raise NotImplementedError

    def respond(self, tid: int, response: Response, now: float) -> None:
        """Answer a server transaction. What the RFCs forbid (RFC 4320: 408 or an early 100 to
        non-INVITE; a second final) and unknown ids are ignored."""
        raise NotImplementedError

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next, in the scale of ``now``."""
        raise NotImplementedError

    def effects(self) -> list[SipEffect]:
        """Drain what happened and what must be sent, in order."""
        raise NotImplementedError

    def snapshot(self, now: float) -> TransactionSnapshot:
        """A frozen view at ``now``."""
        raise NotImplementedError
