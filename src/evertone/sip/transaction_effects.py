"""What the transaction layer tells its owner. ``tid`` names the transaction."""

from __future__ import annotations

from typing import TypeAlias

from evertone.fixed import fixed
from evertone.flows import Transmit
from evertone.sip.message import Message, Request, Response

__all__ = [
    "Gone",
    "GotAck",
    "GotCancel",
    "GotRequest",
    "GotResponse",
    "NoAck",
    "Out",
    "SipEffect",
    "Stray",
    "TimeIsUp",
    "TimedOut",
]


Out: TypeAlias = Transmit
"""Bytes to be sent on a flow, as the shell takes them: to be passed on as they are."""


@fixed
class GotResponse:
    """An answer to a client transaction: every provisional, every final, every repeated 2xx.

    ``late``: the owner had let go of the transaction (abandoned, cancelled, timed out). A late
    2xx to INVITE must be ACKed and its dialog ended with BYE by the owner (A8); a late 2xx to
    REGISTER or SUBSCRIBE is to be recorded (A11); everything else late needs nothing.
    """

    tid: int
    response: Response
    late: bool = False


@fixed
class TimeIsUp:
    """S1's time is up: answer with ``extend`` or ``abandon`` in the same turn (S3).

    Left unanswered, the transaction waits on without resends until :class:`TimedOut`.
    """

    tid: int


@fixed
class TimedOut:
    """64*T1 without an answer, or ``stalled``: a 100 and then nothing for 64*T1 (S6).

    The layer goes on as after ``abandon``: what still comes is reported late.
    """

    tid: int
    stalled: bool = False


@fixed
class Gone:
    """Nothing more will be reported for this transaction: forget its id."""

    tid: int


@fixed
class GotRequest:
    """A new server transaction: answer it with ``respond``."""

    tid: int
    request: Request
    flow: int


@fixed
class GotAck:
    """An ACK to a 2xx. ``tid`` is the INVITE's server transaction, 0 where a proxy has none."""

    request: Request
    flow: int
    tid: int = 0


@fixed
class GotCancel:
    """The INVITE ``tid`` is to be cancelled: answer *it* with 487. The CANCEL has its 200."""

    tid: int
    request: Request


@fixed
class NoAck:
    """Our final answer to the INVITE ``tid`` was not acknowledged within 64*T1.

    After a 2xx the owner should end the dialog with BYE (RFC 3261 §13.3.1.4).
    """

    tid: int


@fixed
class Stray:
    """A message that belongs to nothing we know; dropped. ``why`` says it in words."""

    message: Message
    flow: int
    why: str


SipEffect: TypeAlias = (
    Out | GotResponse | TimeIsUp | TimedOut | Gone | GotRequest | GotAck | GotCancel | NoAck | Stray
)
