"""SIP messages: parse, look into, change, serialize (RFC 3261 §7, §18.3, §20).

Parsing checks the start line, the header lines and Content-Length;
:mod:`evertone.sip.check` then says whether a request may be acted on (§8.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.grammar import HEADS, KEYS, header_key, parse_integer
from evertone.sip.headers import Header, Index, Message, enter
from evertone.sip.values import Uri, parse_uri

__all__ = ["MAX_HEADERS", "MAX_MESSAGE", "Message", "Request", "Response", "parse"]

MAX_MESSAGE: Final = 65535
"""Bytes of one message: what a datagram can hold."""

MAX_HEADERS: Final = 256
"""Header lines of one message."""


class Request(Message):
    """A request. ``uri`` is the Request-URI as text; :attr:`request_uri` reads it.

    ``index``, here and in :class:`Response`, is what :meth:`~Message.indexed` would find in
    ``headers``, where the maker knows that.
    """

    __slots__ = ("method", "uri", "version")

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        version: str = "SIP/2.0",
        index: Index | None = None,
    ) -> None:
        # Message.__init__ written out: requests and responses are made by the million
        self.headers = list(headers)
        self.body = body
        self._index = index
        self._cache = {}
        self.method = method
        self.uri = uri
        self.version = version

    @property
    def request_uri(self) -> Uri:
        """The Request-URI; raises SipParseError where it is none."""
        return parse_uri(self.uri)

    def start_line(self) -> str:
        """The Request-Line (RFC 3261 §7.1)."""
        return f"{self.method} {self.uri} {self.version}"

    def copy(self) -> Request:
        """A request of its own with the same content."""
        return Request(self.method, self.uri, self.headers, self.body, self.version)

    def __repr__(self) -> str:
        return f"<Request {self.method} with {len(self.headers)} headers>"


class Response(Message):
    """A response: ``status`` 100 to 699 and its reason phrase."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: Iterable[Header] = (),
        body: bytes = b"",
        index: Index | None = None,
    ) -> None:
        self.headers = list(headers)
        self.body = body
        self._index = index
        self._cache = {}
        self.status = status
        self.reason = reason

    def start_line(self) -> str:
        """The Status-Line (RFC 3261 §7.2)."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> Response:
        """A response of its own with the same content."""
        return Response(self.status, self.reason, self.headers, self.body)

    def __repr__(self) -> str:
        return f"<Response {self.status} with {len(self.headers)} headers>"


# --- parse ------------------------------------------------------------------------------------

_BLANKS: Final = (" ", "\t")
_FOLD: Final = re.compile(r"\r\n[ \t]+")
# Anything may stand for the Request-URI here, so that a request with a bad one can be answered.
_REQUEST_LINE: Final = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]++) (.*) (SIP/[0-9]{1,9}\.[0-9]{1,9})", re.IGNORECASE
)
_USUAL_METHODS: Final = frozenset(
    {"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER"}
)
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)


def parse(data: bytes) -> Request | Response:
    """One whole message: a datagram, or what the StreamFramer cut out.

    Line breaks before it are skipped (RFC 3261 §7.5); bytes beyond Content-Length are dropped
    (§18.3). Raises SipParseError with the status that a request would be answered with, and
    with status 0 where the bytes are no request at all or a response that must be dropped.
    """
    if len(data) > MAX_MESSAGE:
        raise SipParseError("message too large", 513)
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    head_bytes, blank_line, body = data.partition(b"\r\n\r\n")
    start_line, _, rest = head_bytes.decode("utf-8", "surrogateescape").partition("\r\n")
    message = _start(start_line)
    try:
        if not blank_line:
            raise SipParseError("no empty line after the headers")
        message.headers, message._index = _headers(rest)
        stated = message._index.get("content-length")
        message.body = body if stated is None else _cut(body, stated)
    except SipParseError as error:
        if isinstance(message, Response):
            error.status = 0  # RFC 3261 §18.3: a bad response is dropped, not answered
        raise
    return message


def _start(line: str) -> Request | Response:
    if "\r" in line or "\n" in line:
        raise SipParseError("a bare CR or LF in the start line")
    method, _, rest = line.partition(" ")
    if method in _USUAL_METHODS:
        uri, _, version = rest.rpartition(" ")
        if version == "SIP/2.0" and uri:
            return Request(method, uri)
    match = _STATUS_LINE.fullmatch(line)
    if match is not None:
        return Response(int(match[1]), match[2] or "")
    match = _REQUEST_LINE.fullmatch(line)
    if match is not None:
        return Request(match[1], match[2], version=match[3].upper())
    raise SipParseError("malformed start line", 0 if line[:4].upper() == "SIP/" else 400)


def _headers(text: str) -> tuple[list[Header], Index]:
    lines = text.split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise SipParseError("too many headers", 513)
    joined = "".join(lines)
    if "\r" in joined or "\n" in joined:
        raise SipParseError("a bare CR or LF in a header")
    if "\t" in text or " \r\n" in text or ":  " in text or text[-1:] == " ":
        return _any_headers(lines)  # there may be blanks around a value
    headers: list[Header] = []
    index: Index = {}
    try:
        for line in lines:
            head, _, value = line.partition(" ")
            name, key = HEADS[head]
            headers.append((name, value))
            index[key] = value
    except KeyError:
        return _any_headers(lines)
    if len(index) != len(lines):  # a header stands twice
        return _any_headers(lines)
    return headers, index


def _any_headers(lines: list[str]) -> tuple[list[Header], Index]:
    headers: list[Header] = []
    index: Index = {}
    key_of = KEYS.get
    for line in lines:
        name, colon, value = line.partition(": ")
        key = key_of(name) if colon else None
        if key is None:
            if line[:1] in _BLANKS:
                return _headers(_unfolded("\r\n".join(lines)))
            name, key, value = _unusual_line(line)
        value = value.strip(" \t")
        headers.append((name, value))
        if key in index:
            enter(index, key, value)
        else:
            index[key] = value
    return headers, index


def _unusual_line(line: str) -> tuple[str, str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise SipParseError("a header line without a colon")
    return name.rstrip(" \t"), header_key(name), value


def _unfolded(text: str) -> str:
    if text[:1] in _BLANKS:
        raise SipParseError("no header line after the start line")
    return _FOLD.sub(" ", text)  # RFC 3261 §7.3.1: a fold means the same as a blank


def _cut(body: bytes, stated: str | list[str]) -> bytes:
    if not body and stated == "0":
        return body
    if not isinstance(stated, str):
        raise SipParseError("more than one Content-Length")
    length = parse_integer(stated, "Content-Length")
    if length > len(body):
        raise SipParseError("the body is shorter than its Content-Length")
    return body if length == len(body) else body[:length]
