"""What stands in SIP headers, as immutable values: Uri, NameAddr, Via, CSeq, RetryAfter.

Every value is a tuple with names: cheap to make, hashable, and ``==`` means the same text.
RFC 3261's own comparison of URIs is :meth:`Uri.matches`. Parameter names are in lower case;
values stay as written, so that ``str(parse_x(text))`` keeps them byte for byte. All parsers
raise SipParseError only.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final, NamedTuple

from evertone.errors import SipParseError
from evertone.sip.grammar import (
    Params,
    find_param,
    format_params,
    is_token,
    parse_integer,
    parse_params,
    quote,
    replace_param,
    unescape,
    unquote,
)

__all__ = [
    "CSeq",
    "NameAddr",
    "RetryAfter",
    "Uri",
    "Via",
    "parse_cseq",
    "parse_host_port",
    "parse_name_addr",
    "parse_retry_after",
    "parse_sent_by",
    "parse_uri",
    "parse_via",
    "read_expires",
]

_MAX_PORT: Final = 65535

# The addresses of a phone, or of a registrar's subscribers, come again and again.
_CACHED_TEXT: Final = 200  # longer texts are not worth the memory
_CACHE_SIZE: Final = 8192

_tuple = tuple.__new__  # half the cost of a NamedTuple's own constructor


# --- hosts ------------------------------------------------------------------------------------

# RFC 3261 §25.1 hostname, taken widely: underscores occur, and DNS decides in the end.
_HOST: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*+)|\[[0-9A-Fa-f:.]++\]"
_HOST_PORT: Final = re.compile(rf"({_HOST})(?:[ \t]*+:[ \t]*+([0-9]++))?+")


def _host(text: str) -> str:
    """``text``, if its IPv6 reference (should it be one) is an address (RFC 3261 §25.1)."""
    if text[0] == "[":
        _check_ipv6(text[1:-1])
    return text


@lru_cache(maxsize=1024)
def _check_ipv6(address: str) -> None:
    # RFC 5118 §4.10: three colons before an embedded IPv4 address are RFC 3261's own slip.
    try:
        ipaddress.IPv6Address(address.replace(":::", "::", 1))
    except ValueError:
        raise SipParseError("malformed IPv6 reference") from None


def _port(text: str | None) -> int | None:
    return None if text is None else parse_integer(text, "a port", _MAX_PORT)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port`` or ``[v6]:port``: the host with its brackets, the port or None."""
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise SipParseError("malformed host or port")
    return _host(match[1]), _port(match[2])


# --- URIs -------------------------------------------------------------------------------------

_SIP_SCHEMES: Final = frozenset({"sip", "sips"})
_UNRESERVED: Final = r"A-Za-z0-9\-_.!~*'()"
_SIP_URI: Final = re.compile(
    rf"(sips?):"
    rf"(?:((?:[{_UNRESERVED}&=+$,;?/#]|%[0-9A-Fa-f]{{2}})++)"
    rf"(?::((?:[{_UNRESERVED}&=+$,]|%[0-9A-Fa-f]{{2}})*+))?+@)?"
    rf"({_HOST})(?::([0-9]++))?+"
    rf"((?:;(?:[{_UNRESERVED}\[\]/:&+$]|%[0-9A-Fa-f]{{2}})++"
    rf"(?:=(?:[{_UNRESERVED}\[\]/:&+$]|%[0-9A-Fa-f]{{2}})++)?+)*+)"
    rf"(?:\?((?:[{_UNRESERVED}\[\]/?:+$&=]|%[0-9A-Fa-f]{{2}})++))?+",
    re.IGNORECASE,
)
_OTHER_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*+):([^\x00-\x20<>\"\x7f]++)")

# RFC 3261 §19.1.4: parameters that never match where one of the two URIs lacks them
_NEVER_DEFAULTED: Final = ("user", "ttl", "method", "maddr", "transport")


class Uri(NamedTuple):
    """A URI (RFC 3261 §19.1). ``user``, ``password`` and ``headers`` stay escaped as written.

    ``host`` keeps the brackets of an IPv6 reference. A scheme other than sip and sips has all
    that follows it in ``opaque``, and no host.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str = ""
    password: str | None = None
    opaque: str = ""

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in _SIP_SCHEMES

    @property
    def bare_host(self) -> str:
        """The host without the brackets of an IPv6 reference; what DNS and sockets take."""
        # RFC 5118 §4.10: three colons mean two
        return self.host[1:-1].replace(":::", "::") if self.host[:1] == "[" else self.host

    def param(self, name: str) -> str | None:
        """A parameter's value; ``""`` if it has none, None if it is absent."""
        return find_param(self.params, name)

    def with_param(self, name: str, value: str | None = None) -> Uri:
        """The same URI with a parameter set."""
        return self._replace(params=replace_param(self.params, name, value))

    def matches(self, other: Uri) -> bool:
        """Equality as RFC 3261 §19.1.4 defines it (for other schemes: the same text)."""
        if not (self.is_sip and other.is_sip):
            return self.scheme == other.scheme and self.opaque == other.opaque
        return (
            self.scheme == other.scheme
            and unescape(self.user) == unescape(other.user)
            and unescape(self.password or "") == unescape(other.password or "")
            and (self.password is None) == (other.password is None)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and _params_match(self.params, other.params)
            and _headers_of(self) == _headers_of(other)
        )

    def __str__(self) -> str:
        if not self.is_sip:
            return f"{self.scheme}:{self.opaque}"
        text = self.scheme + ":"
        if self.user:
            text += self.user if self.password is None else f"{self.user}:{self.password}"
            text += "@"
        text += self.host
        if self.port is not None:
            text += f":{self.port}"
        if self.params:
            text += format_params(self.params)
        return f"{text}?{self.headers}" if self.headers else text

    def __repr__(self) -> str:
        shown = self if self.password is None else self._replace(password="***")  # noqa: S106
        return f"<Uri {shown!s}>"


def _params_match(one: Params, two: Params) -> bool:
    left = {name: unescape(value or "").lower() for name, value in one}
    right = {name: unescape(value or "").lower() for name, value in two}
    if any(left[name] != right[name] for name in left.keys() & right.keys()):
        return False
    return all((name in left) == (name in right) for name in _NEVER_DEFAULTED)


def _headers_of(uri: Uri) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in uri.headers.split("&") if part)
    return sorted((unescape(name).lower(), unescape(value)) for name, _, value in pairs)


def parse_uri(text: str) -> Uri:
    """A URI of any scheme, without angle brackets or blanks around it."""
    return _cached_uri(text) if len(text) <= _CACHED_TEXT else _uri(text)


def _uri(text: str) -> Uri:
    match = _SIP_URI.fullmatch(text)
    if match is not None:
        scheme, user, password, host, port, params, headers = match.groups()
        return Uri(
            scheme.lower(),
            user or "",
            _host(host),
            _port(port),
            _uri_params(params) if params else (),
            headers or "",
            password,
        )
    match = _OTHER_URI.fullmatch(text)
    if match is None or match[1].lower() in _SIP_SCHEMES:
        raise SipParseError("malformed URI")
    return Uri(match[1].lower(), opaque=match[2])


_cached_uri = lru_cache(maxsize=_CACHE_SIZE)(_uri)


def _uri_params(text: str) -> Params:
    parts = [part.partition("=") for part in text[1:].split(";")]
    params = tuple((name.lower(), value if equals else None) for name, equals, value in parts)
    # RFC 3261 §19.1.1: a parameter name must not come twice
    if len(params) > 1 and len({name for name, _ in params}) != len(params):
        raise SipParseError("a URI parameter is given twice")
    return params


# --- name-addr --------------------------------------------------------------------------------

_DISPLAY_QUOTED: Final = re.compile(r'[ \t]*+("(?:[^"\\]|\\.)*+")[ \t]*+<', re.DOTALL)
_DISPLAY_BARE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f()<>@,;:\\\"/\[\]?={}\x7f]*+")
_USUAL_BASE: Final = re.compile(
    r'(?:"([^"\\]*+)"[ ]?+|([A-Za-z0-9\-.!%*_+`\'~]*+)[ ]?+)<([^<>"]*+)'
)


class NameAddr(NamedTuple):
    """An address with its header parameters, as in From, To, Contact, Route (RFC 3261 §20.10).

    ``display`` is the plain display name, unquoted; ``quoted`` text is made again by ``str``.
    """

    uri: Uri
    display: str = ""
    params: Params = ()

    @property
    def tag(self) -> str:
        """The tag parameter; ``""`` where there is none."""
        return find_param(self.params, "tag") or ""

    def param(self, name: str) -> str | None:
        """A parameter as written, quotes included; ``""`` without a value, None if absent."""
        return find_param(self.params, name)

    def text_param(self, name: str) -> str | None:
        """A parameter's value with the quotes of a quoted-string removed, or None."""
        value = find_param(self.params, name)
        return None if value is None else unquote(value)

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """The same address with a header parameter set."""
        return self._replace(params=replace_param(self.params, name, value))

    def with_tag(self, tag: str) -> NameAddr:
        """The same address with this tag."""
        return self.with_param("tag", tag)

    @property
    def expires_s(self) -> int | None:
        """The expires parameter of a Contact; malformed counts as absent (RFC 3261 §10.3)."""
        return read_expires(find_param(self.params, "expires"))

    def __str__(self) -> str:
        prefix = f"{quote(self.display)} " if self.display else ""
        return f"{prefix}<{self.uri}>{format_params(self.params)}"


def read_expires(value: str | None) -> int | None:
    """An expires parameter in seconds; malformed counts as absent (RFC 3261 §10.3)."""
    if value is None:
        return None
    try:
        return parse_integer(value, "expires")
    except SipParseError:
        return None


def parse_name_addr(text: str) -> NameAddr:
    """``"Name" <uri>;params``, ``Name <uri>``, ``<uri>`` or ``uri;params``."""
    base, closed, tail = text.partition(">")
    if closed and len(base) <= _CACHED_TEXT:
        usual = _usual_base(base)
        if usual is not None:
            uri, display = usual
            return _tuple(NameAddr, (uri, display, parse_params(tail) if tail else ()))
    return _any_name_addr(text)


@lru_cache(maxsize=_CACHE_SIZE)
def _usual_base(text: str) -> tuple[Uri, str] | None:
    """URI and display of what stands before ``>``; None where that takes a closer look."""
    match = _USUAL_BASE.fullmatch(text)
    return None if match is None else (_uri(match[3]), match[1] or match[2] or "")


def _any_name_addr(text: str) -> NameAddr:
    opening = text.find("<")
    if opening < 0:
        return _addr_spec(text)
    if '"' in text[:opening]:
        match = _DISPLAY_QUOTED.match(text)
        if match is None:
            raise SipParseError("malformed display name")
        display, opening = unquote(match[1]), match.end() - 1
    else:
        display = text[:opening].strip(" \t")
        if _DISPLAY_BARE.fullmatch(display) is None:
            raise SipParseError("malformed display name")
    closing = text.find(">", opening)
    if closing < 0:
        raise SipParseError("an angle bracket has no end")
    uri = parse_uri(text[opening + 1 : closing])
    return NameAddr(uri, display, parse_params(text[closing + 1 :]))


def _addr_spec(text: str) -> NameAddr:
    # RFC 3261 §20.10: without angle brackets all parameters are the header's, and a URI with
    # a comma, question mark or semicolon needs the brackets.
    uri, semicolon, tail = text.partition(";")
    if "?" in uri or "," in uri:
        raise SipParseError("a URI with ? or , stands without angle brackets")
    return NameAddr(parse_uri(uri.strip(" \t")), "", parse_params(semicolon + tail))


# --- Via --------------------------------------------------------------------------------------

_SENT_BY: Final = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+/[ \t]*+"
    rf"([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++({_HOST})(?:[ \t]*+:[ \t]*+([0-9]++))?+[ \t]*+"
)


class Via(NamedTuple):
    """One Via (RFC 3261 §20.42): ``transport`` in capitals, ``host`` with IPv6 brackets."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()
    protocol: str = "SIP/2.0"

    @property
    def branch(self) -> str:
        """The branch; ``""`` where a client of RFC 2543 gave none."""
        return find_param(self.params, "branch") or ""

    @property
    def received(self) -> str | None:
        """The source address that the server saw, without brackets (RFC 5118 §4.5), or None."""
        value = find_param(self.params, "received")
        return value if value is None or value[:1] != "[" else value.strip("[]")

    @property
    def rport(self) -> int | None:
        """The source port that the server saw (RFC 3581); None while there is no number."""
        value = find_param(self.params, "rport")
        return parse_integer(value, "rport", _MAX_PORT) if value else None

    @property
    def wants_rport(self) -> bool:
        """True where the client asks for an answer to its source port (RFC 3581 §4)."""
        return find_param(self.params, "rport") is not None

    def param(self, name: str) -> str | None:
        """A parameter as written; ``""`` without a value, None if absent."""
        return find_param(self.params, name)

    def with_param(self, name: str, value: str | None = None) -> Via:
        """The same Via with a parameter set."""
        return self._replace(params=replace_param(self.params, name, value))

    def seen_from(self, address: str, port: int) -> Via:
        """With ``rport`` and ``received`` filled in (RFC 3581 §4)."""
        return self.with_param("rport", str(port)).with_param("received", address)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{format_params(self.params)}"


def parse_via(text: str) -> Via:
    """One Via; any protocol, version and transport, blanks where RFC 3261 §25.1 allows them."""
    base, semicolon, tail = text.partition(";")
    sent_by = _cached_sent_by(base) if len(base) <= _CACHED_TEXT else _sent_by(base)
    transport, host, port, protocol = sent_by
    params = parse_params(semicolon + tail) if semicolon else ()
    return _tuple(Via, (transport, host, port, params, protocol))


def parse_sent_by(text: str) -> tuple[str, int | None]:
    """Host and port of what a Via has before its parameters."""
    _, host, port, _ = _cached_sent_by(text) if len(text) <= _CACHED_TEXT else _sent_by(text)
    return host, port


def _sent_by(text: str) -> tuple[str, str, int | None, str]:
    match = _SENT_BY.fullmatch(text)
    if match is None:
        raise SipParseError("malformed Via")
    name, version, transport, host, port = match.groups()
    return transport.upper(), _host(host), _port(port), f"{name}/{version}".upper()


_cached_sent_by = lru_cache(maxsize=_CACHE_SIZE)(_sent_by)


# --- small ones -------------------------------------------------------------------------------


class CSeq(NamedTuple):
    """A CSeq: number and method (RFC 3261 §20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


_USUAL_CSEQ: Final = re.compile(r"([0-9]{1,9}) ([A-Z]+)")


def parse_cseq(text: str) -> CSeq:
    """A CSeq; the number must be below 2**31 (RFC 3261 §8.1.1.5)."""
    usual = _USUAL_CSEQ.fullmatch(text)
    if usual is not None:
        return _tuple(CSeq, (int(usual[1]), usual[2]))
    parts = text.split()
    if len(parts) != 2 or not is_token(parts[1]):
        raise SipParseError("malformed CSeq")
    return CSeq(parse_integer(parts[0], "the CSeq number", 2**31 - 1), parts[1])


class RetryAfter(NamedTuple):
    """A Retry-After (RFC 3261 §20.33): seconds, the comment without its parentheses, params."""

    delay_s: int
    comment: str = ""
    params: Params = ()

    def __str__(self) -> str:
        comment = f" ({self.comment})" if self.comment else ""
        return f"{self.delay_s}{comment}{format_params(self.params)}"


_RETRY_AFTER: Final = re.compile(
    r"([0-9]++)[ \t]*+(?:\(((?:[^()\\]|\\.)*+)\)[ \t]*+)?+((?:;.*+)?+)", re.DOTALL
)


def parse_retry_after(text: str) -> RetryAfter:
    """A Retry-After; malformed above 2**32-1 s (RFC 3261 §20.33)."""
    match = _RETRY_AFTER.fullmatch(text)
    if match is None:
        raise SipParseError("malformed Retry-After")
    return RetryAfter(
        parse_integer(match[1], "Retry-After"), match[2] or "", parse_params(match[3])
    )
