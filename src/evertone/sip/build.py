"""Messages made: responses, ACK and CANCEL of a transaction, requests outside a dialog."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.grammar import KEYS, header_key
from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr, Uri

__all__ = [
    "ALLOW",
    "MAGIC_COOKIE",
    "MAX_FORWARDS",
    "REASONS",
    "USER_AGENT",
    "ack_for",
    "again",
    "cancel_for",
    "new_branch",
    "new_call_id",
    "new_tag",
    "note_source",
    "reason_of",
    "register_request",
    "request_to",
    "response_to",
    "stamp_via",
    "with_sdp",
]

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY"
USER_AGENT: Final = "Evertone"
MAX_FORWARDS: Final = 70  # RFC 3261 §8.1.1.6
MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261 §8.1.1.7

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    439: "First Hop Lacks Outbound Support",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""The usual reason phrases (RFC 3261 §21, RFC 5626 §11.6)."""

_CLASS_REASONS: Final = {
    1: "Progress",
    2: "OK",
    3: "Redirected",
    4: "Bad Request",
    5: "Server Error",
    6: "Global Failure",
}

_ECHOED: Final[dict[str, str]] = {
    "via": "Via",
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
}
_ECHOED_TRYING: Final[dict[str, str]] = {**_ECHOED, "timestamp": "Timestamp"}
_ECHOED_FORMING: Final[dict[str, str]] = {**_ECHOED, "record-route": "Record-Route"}
_DIALOG_FORMING: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
_NOT_AGAIN: Final = frozenset({"via", "authorization", "proxy-authorization"})


# --- identifiers ------------------------------------------------------------------------------


def new_branch(rng: random.Random) -> str:
    """A fresh branch with RFC 3261's cookie (§8.1.1.7)."""
    return f"{MAGIC_COOKIE}{rng.getrandbits(64):016x}"


def new_tag(rng: random.Random) -> str:
    """A fresh From or To tag (RFC 3261 §19.3)."""
    return f"{rng.getrandbits(64):016x}"


def new_call_id(rng: random.Random) -> str:
    """A fresh Call-ID (RFC 3261 §8.1.1.4)."""
    return f"{rng.getrandbits(128):032x}"


# --- Via --------------------------------------------------------------------------------------


def stamp_via(request: Request, transport: str, host: str, port: int, branch: str) -> None:
    """Put our Via, asking for ``rport`` (RFC 3581 §3), on top.

    ``transport`` is the value of a :class:`~evertone.model.Transport`, ``host`` our own address
    on the flow (IPv6 without brackets).
    """
    shown = f"[{host}]" if ":" in host else host
    # rport is asked for on every transport: a proxy behind a NAT may be on any of them
    request.put_via_on_top(f"SIP/2.0/{transport} {shown}:{port};rport;branch={branch}", branch)


def note_source(request: Request, source: tuple[str, int]) -> None:
    """Write where a request came from into its topmost Via.

    ``received`` where the sent-by is another address (RFC 3261 §18.2.1), and with ``rport``
    wherever the client asked for it (RFC 3581 §4). A Via as nearly all write it is not read for
    that; raises SipParseError where it has to be and cannot.
    """
    address, port = source
    if request.see_from(address, port):
        return
    via = request.via
    if via.wants_rport:
        request.set_first("Via", via.seen_from(address, port))
    elif via.host.strip("[]").lower() != address.lower():
        request.set_first("Via", via.with_param("received", address))


# --- responses --------------------------------------------------------------------------------


def response_to(request: Request, status: int, reason: str = "", *, to_tag: str = "") -> Response:
    """A response with the request's Via, From, To, Call-ID and CSeq (RFC 3261 §8.2.6.2).

    ``to_tag`` is added where the To has none, but not to a 100. Empty ``reason``: the usual.
    An answer that may form a dialog also copies Record-Route (§12.1.1), a 100 Timestamp.
    """
    echoed = _ECHOED
    if status == 100:
        echoed = _ECHOED_TRYING
    elif status < 300 and request.method in _DIALOG_FORMING:
        echoed = _ECHOED_FORMING
    given = request.indexed()
    to = given.get("to")
    if to_tag and status > 100 and isinstance(to, str) and not _has_to_tag(request, to):
        given = {**given, "to": f"{to};tag={to_tag}"}
    index: dict[str, str | list[str]] = {}
    headers: list[tuple[str, str]] = []
    for key, name in echoed.items():
        value = given.get(key)
        if type(value) is str:
            index[key] = value
            headers.append((name, value))
        elif value is not None:  # several Vias, or Record-Routes
            index[key] = value[:]
            headers += [(name, each) for each in value]
    reason = reason or REASONS.get(status) or reason_of(status)
    return Response(status, reason, headers, index=index)


def reason_of(status: int) -> str:
    """The usual reason phrase, or that of the status's class."""
    return REASONS.get(status) or _CLASS_REASONS.get(status // 100, "Unknown")


def _has_to_tag(request: Request, to: str) -> bool:
    if to[-1:] == ">":
        return False  # nothing behind the address
    try:
        return bool(request.to.tag)
    except SipParseError:
        return True  # a malformed To goes back as it came, with its 400


# --- within a transaction ---------------------------------------------------------------------


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK to a final answer but 2xx: the INVITE's branch and routes (RFC 3261 §17.1.1.3)."""
    return _of_same_branch("ACK", invite, response.get("To") or "")


def cancel_for(invite: Request) -> Request:
    """The CANCEL of an INVITE: same branch and routes, no Require (RFC 3261 §9.1)."""
    return _of_same_branch("CANCEL", invite, invite.get("To") or "")


def _of_same_branch(method: str, invite: Request, to: str) -> Request:
    headers = [("Via", str(invite.via))]
    headers += [("Route", value) for value in invite.get_all("Route")]
    headers += [
        ("Max-Forwards", str(MAX_FORWARDS)),
        ("From", invite.get("From") or ""),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
    ]
    return Request(method, invite.uri, headers)


# --- outside a dialog -------------------------------------------------------------------------


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
    supported: str = "",
    user_agent: str = USER_AGENT,
) -> Request:
    """A request that lacks its Via only (see :func:`stamp_via`): INVITE, OPTIONS, SUBSCRIBE ...

    ``from_`` bears our tag, ``to`` none outside a dialog. Empty ``supported``: no such header.
    """
    headers = [("Route", str(route)) for route in routes]
    headers += [
        ("Max-Forwards", str(MAX_FORWARDS)),
        ("From", str(from_)),
        ("To", str(to)),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    if contact is not None:
        headers.append(("Contact", str(contact)))
    headers.append(("Allow", ALLOW))
    if supported:
        headers.append(("Supported", supported))
    headers.append(("User-Agent", user_agent))
    return Request(method, str(uri), headers)


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
    supported: str = "path, outbound",
    user_agent: str = USER_AGENT,
) -> Request:
    """A REGISTER (RFC 3261 §10.2) that lacks its Via only. ``expires_s`` 0 removes the binding."""
    request = request_to(
        "REGISTER",
        registrar,
        from_=aor.with_tag(from_tag),
        to=aor,
        call_id=call_id,
        cseq=cseq,
        contact=contact,
        routes=routes,
        supported=supported,  # RFC 3327, RFC 5626 §4.2.1
        user_agent=user_agent,
    )
    request.add("Expires", expires_s)
    return request


def with_sdp(message: Request | Response, body: bytes) -> None:
    """Give a message an SDP body with its Content-Type (to_bytes() adds Content-Length)."""
    message.set("Content-Type", "application/sdp")
    message.body = body


def again(request: Request, *, cseq: int | None = None, uri: Uri | None = None) -> Request:
    """A copy to be sent anew: without Via and credentials; CSeq number or Request-URI changed
    if given (A1, A3, A9)."""
    headers = [
        (name, value)
        for name, value in request.headers
        if (KEYS.get(name) or header_key(name)) not in _NOT_AGAIN
    ]
    copy = Request(request.method, str(uri) if uri else request.uri, headers, request.body)
    if cseq is not None:
        copy.set("CSeq", f"{cseq} {request.method}")
    return copy
