"""The bricks of SIP's grammar (RFC 3261 §25): header names, tokens, quoted strings, lists.

Everything here runs in linear time on any input: the expressions use possessive quantifiers
and always make progress, and what they cannot consume is an error, never another attempt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from evertone.errors import SipParseError

__all__ = [
    "COMPACT_FORMS",
    "LIST_HEADERS",
    "MAX_INTEGER",
    "SINGLE_HEADERS",
    "Params",
    "escape",
    "find_param",
    "format_params",
    "header_key",
    "is_token",
    "parse_integer",
    "parse_params",
    "quote",
    "replace_param",
    "split_list",
    "unescape",
    "unquote",
]

Params: TypeAlias = tuple[tuple[str, str | None], ...]
"""Parameters in wire order: lower-case name, and the value as written (quotes kept) or None."""

MAX_INTEGER: Final = 2**32 - 1
"""The largest delta-seconds (RFC 3261 §20.19); a CSeq must be below 2**31 (§8.1.1.5)."""

# --- header names -----------------------------------------------------------------------------

COMPACT_FORMS: Final[dict[str, str]] = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",  # RFC 3841
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",
    "t": "to",
    "u": "allow-events",  # RFC 6665
    "v": "via",
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}
"""Compact form to the full name, both in lower case (RFC 3261 §7.3.3, §20)."""

LIST_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-contact",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "contact",
        "content-encoding",
        "content-language",
        "diversion",
        "error-info",
        "history-info",
        "in-reply-to",
        "p-asserted-identity",
        "p-preferred-identity",
        "path",
        "proxy-require",
        "reason",
        "record-route",
        "reject-contact",
        "request-disposition",
        "require",
        "route",
        "security-client",
        "security-server",
        "security-verify",
        "service-route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)
"""Headers whose grammar is a comma-separated list (RFC 3261 §7.3.1). Any other is one value,
commas and all; WWW-Authenticate and Authorization above all (§20.7, §20.44)."""

SINGLE_HEADERS: Final = frozenset(
    {
        "call-id",
        "content-disposition",
        "content-length",
        "content-type",
        "cseq",
        "date",
        "event",
        "expires",
        "from",
        "max-forwards",
        "min-expires",
        "refer-to",
        "referred-by",
        "replaces",
        "retry-after",
        "session-expires",
        "subject",
        "subscription-state",
        "to",
    }
)
"""Headers that may stand once only; a second one makes the message invalid (RFC 4475 §3.3.8)."""

_USUAL_NAMES: Final = (
    "Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info "
    "Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding "
    "Content-Language Content-Length Content-Type CSeq Date Error-Info Event Expires Flow-Timer "
    "From In-Reply-To Max-Forwards MIME-Version Min-Expires Organization Path Priority "
    "Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To "
    "Referred-By Reply-To Replaces Require Retry-After Route RSeq Server Service-Route "
    "Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp To "
    "Unsupported User-Agent Via Warning WWW-Authenticate"
)

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


def _usual_keys() -> dict[str, str]:
    keys = dict(COMPACT_FORMS)
    keys.update({compact.upper(): full for compact, full in COMPACT_FORMS.items()})
    for name in _USUAL_NAMES.split():
        keys[name] = keys[name.lower()] = name.lower()
    return keys


KEYS: Final = _usual_keys()
"""The spellings that nearly all messages use, to the key that names compare by."""


HEADS: Final = {f"{name}:": (name, key) for name, key in KEYS.items()}
"""What such a header line has before its blank, to the name and that key."""


def header_key(name: str) -> str:
    """The key that header names compare by: long form, lower case (RFC 3261 §7.3.1, §7.3.3).

    ``name`` is the text before the colon, blanks after it included. Raises SipParseError where
    it is no token.
    """
    key = KEYS.get(name)
    if key is not None:
        return key
    bare = name.rstrip(" \t")
    if _TOKEN.fullmatch(bare) is None:
        raise SipParseError("a header name is not a token")
    bare = bare.lower()
    return COMPACT_FORMS.get(bare, bare)


def is_token(text: str) -> bool:
    """True for a token (RFC 3261 §25.1)."""
    return _TOKEN.fullmatch(text) is not None


# --- numbers ----------------------------------------------------------------------------------

_DIGITS: Final = re.compile(r"[0-9]+")


def parse_integer(text: str, what: str, most: int = MAX_INTEGER) -> int:
    """A decimal number of 0 to ``most``; leading zeros are allowed (RFC 3261 §25.1, 1*DIGIT).

    ``what`` names the value in the error text. Never converts more than a few digits, so that
    a number of a million digits costs no more than its scan.
    """
    if len(text) < 10 and text.isdecimal() and text.isascii():  # nearly all
        value = int(text)
        if value <= most:
            return value
    if _DIGITS.fullmatch(text) is None:
        raise SipParseError(f"{what} is not a number")
    digits = text.lstrip("0")
    if len(digits) > 10 or int(digits or "0") > most:
        raise SipParseError(f"{what} is out of range")
    return int(digits or "0")


# --- quoted strings ---------------------------------------------------------------------------

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'(["\\])')


def quote(text: str) -> str:
    """``text`` as a quoted-string (RFC 3261 §25.1)."""
    if '"' in text or "\\" in text:
        text = _TO_ESCAPE.sub(r"\\\1", text)
    return f'"{text}"'


def unquote(text: str) -> str:
    """The text of a quoted-string; anything else comes back as it is."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return text
    inner = match[1]
    return _ESCAPED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


# --- escapes of URIs --------------------------------------------------------------------------

_HEX_ESCAPE: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NOT_USER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")


def _unescape_run(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape")


def unescape(text: str) -> str:
    """``text`` with its %HH escapes resolved (RFC 3261 §19.1.2)."""
    return _HEX_ESCAPE.sub(_unescape_run, text) if "%" in text else text


def _escape_char(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def escape(text: str) -> str:
    """``text`` fit for the user part of a SIP URI: what it may not bear as it is, as %HH."""
    return _NOT_USER.sub(_escape_char, text)


# --- lists ------------------------------------------------------------------------------------

# Each alternative always matches where it starts, so the scan never goes back.
_COMMA_OR_GROUP: Final = re.compile(r',|"(?:[^"\\]|\\.)*+("?+)|<[^>]*+(>?+)', re.DOTALL)


def split_list(value: str) -> list[str]:
    """The elements of a comma-separated value; commas in quotes or angle brackets don't count.

    Empty elements are left out, as old proxies leave them behind.
    """
    if "," not in value:
        return [value] if value else []
    if '"' not in value and "<" not in value:
        return [part for part in map(_strip, value.split(",")) if part]
    parts = []
    start = 0
    for match in _COMMA_OR_GROUP.finditer(value):
        first = value[match.start()]
        if first == ",":
            parts.append(value[start : match.start()].strip(" \t"))
            start = match.end()
        elif not (match[1] or match[2]):
            raise SipParseError("a quoted string or an angle bracket has no end")
    parts.append(value[start:].strip(" \t"))
    return [part for part in parts if part]


def _strip(text: str) -> str:
    return text.strip(" \t")


_CACHED_TEXT: Final = 200  # longer texts are not worth the memory of a cache

# --- parameters -------------------------------------------------------------------------------

_NAME: Final = r"([A-Za-z0-9\-.!%*_+`'~]++)"
# What nearly all Vias and tags bear: no blanks, no quotes.
_PLAIN_PARAMS: Final = re.compile(rf"(?:;{_NAME}(?:=[A-Za-z0-9\-.!%*_+`'~:\[\]]++)?+)*+")
_PARAM: Final = re.compile(
    rf"[ \t]*+;[ \t]*+{_NAME}[ \t]*+"
    r'(?:=[ \t]*+("(?:[^"\\]|\\.)*+"|[^\x00-\x20;,"=<>\x7f]++)[ \t]*+)?+',
    re.DOTALL,
)
_PARAMS: Final = re.compile(f"(?:{_PARAM.pattern})*+", re.DOTALL)


def parse_params(text: str) -> Params:
    """``;name=value;name`` as it follows a name-addr or a Via (RFC 3261 §25.1 generic-param).

    Names come back in lower case, values as written. Raises SipParseError for anything else,
    and for a name that comes twice (RFC 3261 §7.3.1).
    """
    if _PLAIN_PARAMS.fullmatch(text) is not None:
        params: list[tuple[str, str | None]] = []
        for part in text[1:].split(";") if text else ():
            name, _, value = part.partition("=")
            params.append((name.lower(), value or None))
        return _distinct(params)
    return _cached_params(text) if len(text) <= _CACHED_TEXT else _any_params(text)


def _any_params(text: str) -> Params:
    if _PARAMS.fullmatch(text) is None:
        if text.strip(" \t"):
            raise SipParseError("malformed parameters")
        return ()
    # a value is never empty where there is an equals sign: "" from findall means none
    return _distinct([(name.lower(), value or None) for name, value in _PARAM.findall(text)])


# What is quoted are instance ids and the like: the same again with every refresh.
_cached_params = lru_cache(maxsize=4096)(_any_params)


def _distinct(params: list[tuple[str, str | None]]) -> Params:
    if len(params) > 1 and len(dict(params)) != len(params):
        raise SipParseError("a parameter is given twice")
    return tuple(params)


def find_param(params: Params, name: str) -> str | None:
    """The value of a parameter as written; ``""`` for one without a value, None for none.

    ``name`` is in lower case.
    """
    for key, value in params:
        if key == name:
            return "" if value is None else value
    return None


def replace_param(params: Params, name: str, value: str | None) -> Params:
    """``params`` with one set (at its place, else last); ``value`` None: without a value."""
    for place, (key, _) in enumerate(params):
        if key == name:
            return (*params[:place], (name, value), *params[place + 1 :])
    return (*params, (name, value))


def format_params(params: Iterable[tuple[str, str | None]]) -> str:
    """Parameters as they stand on the wire, each with its semicolon."""
    text = ""
    for name, value in params:
        text += f";{name}" if value is None else f";{name}={value}"
    return text
