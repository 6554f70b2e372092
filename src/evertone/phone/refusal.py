"""The answer to a request that cannot be parsed, where there is enough of it to answer."""

from __future__ import annotations

import re
from typing import Final

from evertone.errors import SipParseError, UsageError
from evertone.sip.build import REASONS
from evertone.sip.message import Response

__all__ = ["refusal_of"]

_MAX_BYTES: Final = 8192
_HEADER: Final = re.compile(
    rb"^(via|v|from|f|to|t|call-id|i|cseq)[ \t]*+:[ \t]*+([^\r\n]++)\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_FULL: Final = {"v": "Via", "f": "From", "t": "To", "i": "Call-ID"}
_NEEDED: Final = frozenset({"Via", "From", "To", "Call-Id", "Cseq"})
"""What a response copies (RFC 3261 §8.2.6.2)."""


def refusal_of(data: bytes, error: SipParseError) -> bytes | None:
    """The response that RFC 3261 §8.2 asks for; None where there must or can be none."""
    if not error.status or data[:4].upper() == b"SIP/" or data[:4].upper() == b"ACK ":
        return None
    head = data[:_MAX_BYTES].partition(b"\r\n\r\n")[0]
    headers: list[tuple[str, str]] = []
    for name, value in _HEADER.findall(head):
        text = name.decode("ascii").lower()
        headers.append((_FULL.get(text, text.title()), value.decode("utf-8", "surrogateescape")))
    names = [name for name, _ in headers]
    if not set(names) >= _NEEDED or any(names.count(n) > 1 for n in _NEEDED - {"Via"}):
        return None
    try:
        return Response(error.status, REASONS.get(error.status, "Bad Request"), headers).to_bytes()
    except UsageError:
        return None
