"""Messages made: responses, ACK and CANCEL of a transaction, requests outside a dialog."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr, Uri

__all__ = [
    "ALLOW",
    "USER_AGENT",
    "ack_for",
    "again",
    "cancel_for",
    "new_branch",
    "new_call_id",
    "new_tag",
    "register_request",
    "request_to",
    "response_to",
    "stamp_via",
    "with_sdp",
]

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE"
USER_AGENT = "Evertone"


def new_branch(rng: random.Random) -> str:
    """A fresh branch with RFC 3261's cookie (§8.1.1.7)."""
    raise NotImplementedError


def new_tag(rng: random.Random) -> str:
    """A fresh From or To tag (RFC 3261 §19.3)."""
    raise NotImplementedError


def new_call_id(rng: random.Random) -> str:
    """A fresh Call-ID (RFC 3261 §8.1.1.4)."""
    raise NotImplementedError


def stamp_via(request: Request, transport: str, host: str, port: int, branch: str) -> None:
    """Put our Via, asking for ``rport`` (RFC 3581 §3), on top. ``transport`` as in Transport.value."""
    raise NotImplementedError


def response_to(request: Request, status: int, reason: str = "", *, to_tag: str = "") -> Response:
    """A response with the request's Via, From, To, Call-ID and CSeq (RFC 3261 §8.2.6.2).

    ``to_tag`` is added where the To has none, but not to a 100. Empty ``reason``: the usual.
    A dialog-forming answer also copies Record-Route (§12.1.1).
    """
    raise NotImplementedError


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK to a final answer but 2xx: the INVITE's branch and routes (RFC 3261 §17.1.1.3)."""
    raise NotImplementedError


def cancel_for(invite: Request) -> Request:
    """The CANCEL of an INVITE: same branch and routes, no Require (RFC 3261 §9.1)."""
    raise NotImplementedError


def request_to(
    method: str,
    uri: Uri,
    *,
    from_: NameAddr,
    to: NameAddr,
    call_id: str,
    cseq: int,
    contact: NameAddr | None = None,
    routes: Sequence[NameAddr] = (),
    user_agent: str = USER_AGENT,
) -> Request:
    """A request without its Via (see :func:`stamp_via`): Max-Forwards, From, To, Call-ID, CSeq, Contact,
    Route, Allow, Supported, User-Agent. For INVITE, OPTIONS, SUBSCRIBE, MESSAGE ..."""
    raise NotImplementedError


def register_request(
    registrar: Uri,
    aor: NameAddr,
    *,
    from_tag: str,
    call_id: str,
    cseq: int,
    contact: NameAddr,
    expires_s: int,
    routes: Sequence[NameAddr] = (),
    user_agent: str = USER_AGENT,
) -> Request:
    """A REGISTER (RFC 3261 §10.2); its Via follows by :func:`stamp_via`. ``expires_s`` 0 removes the binding."""
    raise NotImplementedError


def with_sdp(message: Request | Response, body: bytes) -> None:
    """Give a message an SDP body with its Content-Type and Content-Length."""
    raise NotImplementedError


def again(request: Request, *, cseq: int | None = None, uri: Uri | None = None) -> Request:
    """A copy to be sent anew: without Via and credentials; CSeq number or Request-URI changed if given."""
    raise NotImplementedError
