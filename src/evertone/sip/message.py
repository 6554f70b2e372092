"""SIP messages: parse, look into, change, serialize (RFC 3261 §7, §18.3, §20).

A message keeps its headers as text in wire order, and reads a header's meaning only when it
is asked for, once. Parsing checks the start line, the header lines and Content-Length;
:mod:`evertone.sip.check` then says whether a request may be acted on (§8.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from evertone.errors import SipParseError, UsageError
from evertone.sip.grammar import (
    KEYS,
    LIST_HEADERS,
    MAX_INTEGER,
    header_key,
    parse_integer,
    split_list,
)
from evertone.sip.values import (
    CSeq,
    NameAddr,
    Uri,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_retry_after,
    parse_uri,
    parse_via,
)

__all__ = ["MAX_HEADERS", "MAX_MESSAGE", "Message", "Request", "Response", "parse"]

MAX_MESSAGE: Final = 65535
"""Bytes of one message: what a datagram can hold."""

MAX_HEADERS: Final = 256
"""Header lines of one message."""

Header: TypeAlias = tuple[str, str]
_Index: TypeAlias = dict[str, str | list[str]]
"""Header key to its value, or to its values where the header stands more than once."""


class Message:
    """What requests and responses have in common; make one of those.

    ``headers`` is the list of (name, value) in wire order. Change it through the methods here
    only: they keep the caches true. ``body`` may be set. Names are found in any case and in
    compact form.
    """

    __slots__ = ("_cache", "_index", "body", "headers")

    def __init__(self, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        self.headers: list[Header] = list(headers)
        self.body = body
        self._index: _Index | None = None
        self._cache: dict[str, Any] = {}

    # --- text -------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """The first value of a header, as it stands there; None if there is none."""
        values = self._values(header_key(name))
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """All values of a header in order; those of list headers split at their commas.

        Raises SipParseError where a quoted string or an angle bracket of a list has no end.
        """
        return list(self._elements(header_key(name)))

    def __contains__(self, name: str) -> bool:
        return bool(self._values(header_key(name)))

    def count(self, name: str) -> int:
        """How many header lines of this name there are."""
        return len(self._values(header_key(name)))

    # --- change -----------------------------------------------------------------------------

    def add(self, name: str, value: object) -> None:
        """Append a header."""
        text = str(value)
        self.headers.append((name, text))
        self._changed(KEYS.get(name) or header_key(name), None, text)

    def prepend(self, name: str, value: object) -> None:
        """Insert a header before the first of its name, or before all others."""
        key = KEYS.get(name) or header_key(name)
        text = str(value)
        self.headers.insert(max(self._place(key), 0), (name, text))
        self._changed(key, None, text)

    def set(self, name: str, value: object) -> None:
        """Replace all headers of this name by one, at the place of the first, else at the end."""
        key = KEYS.get(name) or header_key(name)
        text = str(value)
        place = self._place(key)
        if place < 0:
            self.add(name, text)
            return
        old = self.headers[place][1]
        if len(self._values(key)) > 1:
            rest = [h for h in self.headers[place + 1 :] if header_key(h[0]) != key]
            self.headers[place + 1 :] = rest
        self.headers[place] = (name, text)
        self._changed(key, old, text)

    def remove(self, name: str) -> None:
        """Remove all headers of this name; none is fine."""
        key = header_key(name)
        self.headers = [header for header in self.headers if header_key(header[0]) != key]
        self._index = None
        self._forget(key)

    def remove_first(self, name: str) -> None:
        """Remove the first value of a list header: the topmost Via or Route (§16.4, §16.7)."""
        self._replace_first(name, [])

    def set_first(self, name: str, value: object) -> None:
        """Replace the first value of a list header, e.g. the topmost Via."""
        self._replace_first(name, [str(value)])

    def _replace_first(self, name: str, by: list[str]) -> None:
        key = KEYS.get(name) or header_key(name)
        place = self._place(key)
        if place < 0:
            if by:
                self.prepend(name, by[0])
            return
        spelled, old = self.headers[place]
        new = ", ".join([*by, *split_list(old)[1:]])
        if new:
            self.headers[place] = (spelled, new)
            self._changed(key, old, new)
        else:
            del self.headers[place]
            self._index = None
            self._forget(key)

    def _place(self, key: str) -> int:
        for place, (name, _) in enumerate(self.headers):
            if (KEYS.get(name) or header_key(name)) == key:
                return place
        return -1

    def _changed(self, key: str, old: str | None, new: str) -> None:
        """Keep the index where a single value took the place of ``old``; else drop it."""
        index = self._index
        if index is not None:
            if index.get(key) == old:
                index[key] = new
            else:
                self._index = None
        self._forget(key)

    def _forget(self, key: str) -> None:
        if self._cache:
            self._cache.pop(key, None)
            if key == "via":
                self._cache.pop("vias", None)

    # --- meaning: each raises SipParseError where the header is missing or malformed ----------

    @property
    def via(self) -> Via:
        """The topmost Via."""
        value: Via | None = self._cache.get("via")
        if value is None:
            elements = self._elements("via")
            if not elements:
                raise SipParseError("no via")
            value = self._cache["via"] = parse_via(elements[0])
        return value

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Vias, topmost first."""
        value: tuple[Via, ...] | None = self._cache.get("vias")
        if value is None:
            value = self._cache["vias"] = tuple([parse_via(e) for e in self._elements("via")])
        return value

    @property
    def from_(self) -> NameAddr:
        """From."""
        value: NameAddr | None = self._cache.get("from")
        if value is None:
            value = self._cache["from"] = parse_name_addr(self._single("from"))
        return value

    @property
    def to(self) -> NameAddr:
        """To."""
        value: NameAddr | None = self._cache.get("to")
        if value is None:
            value = self._cache["to"] = parse_name_addr(self._single("to"))
        return value

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte for byte (§20.8)."""
        return self._single("call-id")

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        value: CSeq | None = self._cache.get("cseq")
        if value is None:
            value = self._cache["cseq"] = parse_cseq(self._single("cseq"))
        return value

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """The Contacts; empty for none and for ``*``."""
        value: tuple[NameAddr, ...] | None = self._cache.get("contact")
        if value is None:
            elements = self._elements("contact")
            if elements == ["*"]:
                elements = []
            value = self._cache["contact"] = tuple([parse_name_addr(e) for e in elements])
        return value

    @property
    def contact_star(self) -> bool:
        """True for ``Contact: *`` (§10.2.2)."""
        return self._elements("contact") == ["*"]

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Routes, in order."""
        return self._addresses("route")

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The Record-Routes, in order."""
        return self._addresses("record-route")

    @property
    def service_routes(self) -> tuple[NameAddr, ...]:
        """The Service-Routes, in order (RFC 3608)."""
        return self._addresses("service-route")

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None if absent."""
        return self._number("expires")

    @property
    def min_expires(self) -> int | None:
        """Min-Expires in seconds (§20.23); None if absent."""
        return self._number("min-expires")

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards (§20.22); None if absent."""
        return self._number("max-forwards", 255)

    @property
    def retry_after_s(self) -> int | None:
        """The seconds of Retry-After (§20.33); None if absent."""
        if not self._values("retry-after"):
            return None
        return parse_retry_after(self._single("retry-after")).delay_s

    # --- wire -------------------------------------------------------------------------------

    def start_line(self) -> str:
        """The first line, without CRLF."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message as it goes over the wire; Content-Length is always there and true.

        Raises UsageError where a line break hides in the start line or in a header: it would
        smuggle in another one.
        """
        length = str(len(self.body))
        stated = self._indexed().get("content-length")
        if stated != length and stated is not None:
            self.set("Content-Length", length)
        tail = "" if stated is not None else f"Content-Length: {length}\r\n"
        lines = [self.start_line(), *[f"{name}: {value}" for name, value in self.headers]]
        joined = "".join(lines)
        if "\r" in joined or "\n" in joined:
            raise UsageError("a line break inside a header")
        text = "\r\n".join(lines) + f"\r\n{tail}\r\n"
        return text.encode("utf-8", "surrogateescape") + self.body

    # --- within -----------------------------------------------------------------------------

    def _indexed(self) -> _Index:
        index = self._index
        if index is None:
            index = {}
            self._index = index
            for name, value in self.headers:
                _enter(index, KEYS.get(name) or header_key(name), value)
        return index

    def _values(self, key: str) -> list[str]:
        value = (self._index or self._indexed()).get(key)
        if value is None:
            return []
        return [value] if isinstance(value, str) else value

    def _elements(self, key: str) -> list[str]:
        value = (self._index or self._indexed()).get(key)
        if value is None:
            return []
        if key not in LIST_HEADERS:
            return [value] if isinstance(value, str) else value
        if isinstance(value, str):
            return split_list(value)
        return [element for line in value for element in split_list(line)]

    def _single(self, key: str) -> str:
        value = (self._index or self._indexed()).get(key)
        if value is None:
            raise SipParseError(f"no {key}")
        if not isinstance(value, str):
            raise SipParseError(f"more than one {key}")
        return value

    def _addresses(self, key: str) -> tuple[NameAddr, ...]:
        value: tuple[NameAddr, ...] | None = self._cache.get(key)
        if value is None:
            value = tuple([parse_name_addr(e) for e in self._elements(key)])
            self._cache[key] = value
        return value

    def _number(self, key: str, most: int = MAX_INTEGER) -> int | None:
        value: int | None = self._cache.get(key)
        if value is None and self._elements(key):
            value = self._cache[key] = parse_integer(self._single(key), key, most)
        return value


class Request(Message):
    """A request. ``uri`` is the Request-URI as text; :attr:`request_uri` reads it."""

    __slots__ = ("method", "uri", "version")

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        version: str = "SIP/2.0",
    ) -> None:
        # Message.__init__ written out: requests and responses are made by the million
        self.headers = list(headers)
        self.body = body
        self._index = None
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
        self, status: int, reason: str = "", headers: Iterable[Header] = (), body: bytes = b""
    ) -> None:
        self.headers = list(headers)
        self.body = body
        self._index = None
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


def _enter(index: _Index, key: str, value: str) -> None:
    held = index.get(key)
    if held is None:
        index[key] = value
    elif isinstance(held, str):
        index[key] = [held, value]
    else:
        held.append(value)


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


def _headers(text: str) -> tuple[list[Header], _Index]:
    lines = text.split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise SipParseError("too many headers", 513)
    joined = "".join(lines)
    if "\r" in joined or "\n" in joined:
        raise SipParseError("a bare CR or LF in a header")
    headers: list[Header] = []
    index: _Index = {}
    key_of = KEYS.get
    for line in lines:
        name, _, value = line.partition(": ")
        key = key_of(name)
        if key is None:
            if line[:1] in _BLANKS:
                return _headers(_unfolded(text))
            name, key, value = _unusual_line(line)
        value = value.strip(" \t")
        headers.append((name, value))
        if key in index:
            _enter(index, key, value)
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
    if not isinstance(stated, str):
        raise SipParseError("more than one Content-Length")
    length = parse_integer(stated, "Content-Length")
    if length > len(body):
        raise SipParseError("the body is shorter than its Content-Length")
    return body if length == len(body) else body[:length]
