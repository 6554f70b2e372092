"""Dialogs (RFC 3261 §12): frozen states; every verb returns the next one."""

from __future__ import annotations

from dataclasses import dataclass

from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr, Uri

__all__ = ["Dialog", "DialogId", "Forks"]


@dataclass(frozen=True, slots=True)
class DialogId:
    """Call-ID, our tag, the peer's tag (RFC 3261 §12)."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog as we see it. ``local`` and ``remote`` bear their tags; ``contact`` is ours."""

    call_id: str
    local: NameAddr
    remote: NameAddr
    contact: NameAddr | None
    remote_target: Uri
    route_set: tuple[NameAddr, ...]
    local_cseq: int
    remote_cseq: int
    confirmed: bool

    @property
    def id(self) -> DialogId:
        """Its identity."""
        raise NotImplementedError

    @property
    def next_hop(self) -> Uri:
        """Where requests go: the first route, else the remote target (RFC 3261 §12.2.1.1)."""
        raise NotImplementedError

    @classmethod
    def as_caller(cls, invite: Request, response: Response) -> Dialog:
        """From our INVITE and a 101-299 that bears a To tag and a Contact (§12.1.2). Raises SipParseError."""
        raise NotImplementedError

    @classmethod
    def as_callee(cls, invite: Request, response: Response) -> Dialog:
        """From an INVITE and our 101-299 to it, which bears our To tag and Contact (§12.1.1).

        Raises SipParseError."""
        raise NotImplementedError

    def request(self, method: str) -> tuple[Dialog, Request]:
        """A request within the dialog, without its Via, with the next CSeq (§12.2.1.1)."""
        raise NotImplementedError

    def ack(self, invite: Request) -> Request:
        """The ACK to a 2xx, without its Via: the INVITE's CSeq number and credentials (§13.2.2.4)."""
        raise NotImplementedError

    def receive(self, request: Request) -> tuple[Dialog, int]:
        """Take a request of the peer: 0, or the status to refuse it with (500: out of order, §12.2.2)."""
        raise NotImplementedError

    def answered(self, response: Response) -> Dialog:
        """Take a response to our request: confirms by 2xx, refreshes the remote target (§12.2.1.2)."""
        raise NotImplementedError


class Forks:
    """The dialogs of one INVITE of ours, by the To tags that answered (§13.2.2.4)."""

    def __init__(self, invite: Request) -> None:
        raise NotImplementedError

    def receive(self, response: Response) -> Dialog | None:
        """The dialog that a 101-299 belongs to, made or updated; None where it forms none."""
        raise NotImplementedError

    def dialogs(self) -> tuple[Dialog, ...]:
        """All of them, oldest first."""
        raise NotImplementedError
