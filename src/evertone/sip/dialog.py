"""Dialogs (RFC 3261 §12): frozen states; every verb returns the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from evertone.errors import LimitError, SipParseError
from evertone.sip.build import request_to
from evertone.sip.message import Message, Request, Response
from evertone.sip.values import NameAddr, Uri

__all__ = ["MAX_FORKS", "OUT_OF_ORDER", "Dialog", "DialogId", "Forks"]

MAX_FORKS: Final = 32
"""Dialogs that one INVITE may form; more To tags than that are no honest forking."""

OUT_OF_ORDER: Final = 500
"""The answer to a request whose CSeq is not above the last one (RFC 3261 §12.2.2)."""

_TARGET_REFRESH: Final = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY"})
"""Requests whose Contact moves the remote target (RFC 3261 §12.2, RFC 3311, RFC 6665 §4.4.1)."""

_UNORDERED: Final = frozenset({"ACK", "CANCEL"})
"""They bear the CSeq of their INVITE."""


@dataclass(frozen=True, slots=True)
class DialogId:
    """Call-ID, our tag, the peer's tag (RFC 3261 §12)."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog as we see it. ``local`` and ``remote`` bear their tags; ``contact`` is ours.

    ``remote_cseq`` is -1 until the peer has sent a request.
    """

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
        return DialogId(self.call_id, self.local.tag, self.remote.tag)

    @property
    def next_hop(self) -> Uri:
        """Where requests go: the first route, else the remote target (RFC 3261 §12.2.1.1)."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    @classmethod
    def as_caller(cls, invite: Request, response: Response) -> Dialog:
        """From our INVITE and a 101-299 to it (§12.1.2).

        A 2xx without To tag is taken, as an old peer's; without a Contact, the Request-URI
        stays the target, so that even such a call can be ended. Raises SipParseError for a
        provisional without To tag, and for malformed headers.
        """
        if not 101 <= response.status <= 299:
            raise SipParseError(f"a {response.status} forms no dialog")
        if not response.to.tag and response.status < 200:
            raise SipParseError("a provisional without To tag forms no dialog")
        return cls(
            call_id=invite.call_id,
            local=invite.from_,
            remote=response.to,
            contact=_first(invite.contacts),
            remote_target=_target_of(response, invite.request_uri),
            route_set=_caller_routes(response),
            local_cseq=invite.cseq.number,
            remote_cseq=-1,
            confirmed=response.status >= 200,
        )

    @classmethod
    def as_callee(cls, invite: Request, response: Response) -> Dialog:
        """From an INVITE and our 101-299 to it, which bears our To tag and Contact (§12.1.1).

        Raises SipParseError for an INVITE without Contact, and for malformed headers.
        """
        target = _first(invite.contacts)
        if target is None:
            raise SipParseError("an INVITE without Contact")
        return cls(
            call_id=invite.call_id,
            local=response.to,
            remote=invite.from_,
            contact=_first(response.contacts),
            remote_target=target.uri,
            route_set=invite.record_routes,
            local_cseq=0,
            remote_cseq=invite.cseq.number,
            confirmed=response.status >= 200,
        )

    @classmethod
    def as_subscriber(cls, subscribe: Request, notify: Request) -> Dialog:
        """From our SUBSCRIBE and a NOTIFY that came before its 2xx (RFC 6665 §4.1.2.4).

        Raises SipParseError for a NOTIFY without Contact, and for malformed headers.
        """
        target = _first(notify.contacts)
        if target is None:
            raise SipParseError("a NOTIFY without Contact")
        return cls(
            call_id=subscribe.call_id,
            local=subscribe.from_,
            remote=notify.from_,
            contact=_first(subscribe.contacts),
            remote_target=target.uri,
            route_set=notify.record_routes,
            local_cseq=subscribe.cseq.number,
            remote_cseq=notify.cseq.number,
            confirmed=True,
        )

    # --- our requests -----------------------------------------------------------------------

    def request(self, method: str) -> tuple[Dialog, Request]:
        """A request within the dialog, without its Via, with the next CSeq (§12.2.1.1)."""
        cseq = self.local_cseq + 1
        contact = self.contact if method in _TARGET_REFRESH else None
        return replace(self, local_cseq=cseq), self._build(method, cseq, contact)

    def ack(self, invite: Request) -> Request:
        """The ACK to a 2xx, without its Via: the INVITE's CSeq number and credentials (§13.2.2.4).

        ``invite`` is the one that was answered, as it was sent.
        """
        ack = self._build("ACK", invite.cseq.number, None)
        ack.remove("Allow")
        for header in ("Authorization", "Proxy-Authorization"):  # §22.1: ACK can't be challenged
            for value in invite.get_all(header):
                ack.add(header, value)
        return ack

    def _build(self, method: str, cseq: int, contact: NameAddr | None) -> Request:
        uri, routes = self._way()
        return request_to(
            method,
            uri,
            from_=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=cseq,
            contact=contact,
            routes=routes,
        )

    def _way(self) -> tuple[Uri, Sequence[NameAddr]]:
        """Request-URI and Routes: loose routing, or strict for a first hop without lr."""
        if not self.route_set or self.route_set[0].uri.param("lr") is not None:
            return self.remote_target, self.route_set
        # §12.2.1.1: a strict router becomes the Request-URI, the target the last Route
        return self.route_set[0].uri, (*self.route_set[1:], NameAddr(self.remote_target))

    def answered(self, response: Response) -> Dialog:
        """Take an answer to a request of ours within this dialog.

        The 2xx to the first INVITE confirms it and settles the route set (§13.2.2.4); a 2xx to a
        target refresh moves the remote target (§12.2.1.2). Raises SipParseError.
        """
        if not 101 <= response.status <= 299 or response.cseq.method not in _TARGET_REFRESH:
            return self
        if self.confirmed and response.status < 200:
            return self
        target = _target_of(response, self.remote_target)
        if self.confirmed:
            return replace(self, remote_target=target)
        confirmed = response.status >= 200
        routes = _caller_routes(response) if confirmed else self.route_set
        return replace(self, remote_target=target, route_set=routes, confirmed=confirmed)

    # --- the peer's requests ----------------------------------------------------------------

    def receive(self, request: Request) -> tuple[Dialog, int]:
        """Take a request of the peer's: 0, or the status to refuse it with.

        The remote target moves at once, though §12.2.2 would have it move with the 2xx: a
        refused target refresh is rare, a lost BYE worse. Raises SipParseError.
        """
        if request.method in _UNORDERED:
            return self, 0
        number = request.cseq.number
        if number <= self.remote_cseq:
            return self, OUT_OF_ORDER
        target = self.remote_target
        if request.method in _TARGET_REFRESH:
            target = _target_of(request, target)
        return replace(self, remote_cseq=number, remote_target=target), 0

    def confirm(self) -> Dialog:
        """The callee's early dialog after its 2xx."""
        return self if self.confirmed else replace(self, confirmed=True)


def _first(contacts: tuple[NameAddr, ...]) -> NameAddr | None:
    return contacts[0] if contacts else None


def _target_of(message: Message, otherwise: Uri) -> Uri:
    contact = _first(message.contacts)
    return otherwise if contact is None else contact.uri


def _caller_routes(response: Response) -> tuple[NameAddr, ...]:
    return response.record_routes[::-1]  # §12.1.2: the caller sees them in reverse


class Forks:
    """The dialogs of one INVITE of ours, by the To tags that answered (§13.2.2.4)."""

    __slots__ = ("_dialogs", "_invite")

    def __init__(self, invite: Request) -> None:
        self._invite = invite
        self._dialogs: dict[str, Dialog] = {}

    def receive(self, response: Response) -> Dialog | None:
        """The dialog that a 101-299 belongs to, made or updated; None where it forms none.

        Raises SipParseError for malformed headers, LimitError over :data:`MAX_FORKS`.
        """
        tag = response.to.tag
        if not 101 <= response.status <= 299 or (not tag and response.status < 200):
            return None
        known = self._dialogs.get(tag)
        if known is None and len(self._dialogs) >= MAX_FORKS:
            raise LimitError("an INVITE was answered by too many")
        dialog = (
            Dialog.as_caller(self._invite, response) if known is None else known.answered(response)
        )
        self._dialogs[tag] = dialog
        return dialog

    def dialogs(self) -> tuple[Dialog, ...]:
        """All of them, oldest first."""
        return tuple(self._dialogs.values())
