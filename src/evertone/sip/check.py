"""May this message be acted on? The checks that come before all meaning (RFC 3261 §8.2, §16.3).

After :func:`check_request` (or :func:`check_response`) has found nothing, the typed accessors
of the headers that it reads cannot raise on that message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.grammar import SINGLE_HEADERS
from evertone.sip.message import Message, Request, Response

__all__ = ["check_request", "check_response", "unsupported_extensions"]

SIP_SCHEMES: Final = ("sip", "sips")


def check_request(
    request: Request,
    *,
    supported: Collection[str] = (),
    schemes: Collection[str] = SIP_SCHEMES,
    proxy: bool = False,
) -> tuple[int, str] | None:
    """The status and reason phrase to answer a request with at once; None: go on.

    ``supported`` are the option tags that a Require may name, ``schemes`` those of a
    Request-URI. ``proxy`` checks as RFC 3261 §16.3 asks: Max-Forwards, and Proxy-Require in
    the place of Require. A 420 wants an Unsupported header: see
    :func:`unsupported_extensions`. An ACK is never answered: the caller drops it instead.
    """
    if request.version != "SIP/2.0":
        return 505, "Version Not Supported"
    fault = _fault(request)
    if fault:
        return 400, f"Bad Request: {fault}"
    if request.cseq.method != request.method:  # §8.1.1.5
        return 400, "Bad Request: CSeq has another method"
    uri = request.request_uri
    if uri.scheme not in schemes:  # §8.2.2.1
        return 416, "Unsupported URI Scheme"
    if uri.headers:  # §19.1.1: not in a Request-URI
        return 400, "Bad Request: headers in the Request-URI"
    if proxy and request.max_forwards == 0:  # §16.3
        return 483, "Too Many Hops"
    if unsupported_extensions(request, supported, proxy=proxy):  # §8.2.2.3
        return 420, "Bad Extension"
    return None


def unsupported_extensions(
    request: Request, supported: Collection[str] = (), *, proxy: bool = False
) -> list[str]:
    """The required option tags that we lack, for the Unsupported header of a 420."""
    if request.method in ("ACK", "CANCEL"):  # §8.2.2.3
        return []
    required = request.get_all("Proxy-Require" if proxy else "Require")
    return [tag for tag in required if tag.lower() not in supported]


def check_response(response: Response, *, proxy: bool = False) -> str | None:
    """What is wrong with a response that must be dropped for it; None: nothing.

    Only a ``proxy`` may get one with several Vias: to us it was sent by mistake (§8.1.3.3).
    """
    fault = _fault(response)
    if fault is None and not proxy and len(response.vias) > 1:
        return "more than one via"
    return fault


_READERS: Final[tuple[Callable[[Message], object], ...]] = (
    lambda message: message.vias,
    lambda message: message.via.rport,
    lambda message: message.from_,
    lambda message: message.to,
    lambda message: message.call_id,
    lambda message: message.cseq,
    lambda message: message.contacts,
    lambda message: message.routes,
    lambda message: message.record_routes,
    lambda message: message.max_forwards,
    lambda message: message.min_expires,
)
"""What a message of any method is read by. Expires and Retry-After are left to who needs
them: a malformed one is no reason to refuse the rest (RFC 3261 §10.3, RFC 4475 §3.1.2.4)."""


def _fault(message: Message) -> str | None:
    try:
        for read in _READERS:
            read(message)
        if isinstance(message, Request):
            _ = message.request_uri
    except SipParseError as error:
        return str(error)
    for key in SINGLE_HEADERS:
        if message.count(key) > 1:  # RFC 4475 §3.3.8
            return f"more than one {key}"
    return None
