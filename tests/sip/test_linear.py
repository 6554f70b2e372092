"""Hostile messages of the greatest size: what would grow with its square never ends here.

A scan that starts anew at each quote, blank or comma of these 64 kB takes some two thousand
million steps; the linear ones take milliseconds for all of them together.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from evertone.errors import SipParseError
from evertone.sip.check import check_request, check_response
from evertone.sip.message import MAX_MESSAGE, Request, parse

SIZE = MAX_MESSAGE - 1000

FILLERS = {
    "commas": ",",
    "quotes": '"',
    "escaped quotes": '\\"',
    "a quote, then escapes": '"' + "\\" * (SIZE - 1),
    "opening brackets": "<",
    "closing brackets": ">",
    "empty brackets": "<>,",
    "semicolons": ";",
    "params": ";a",
    "params with values": ";a=b",
    "params with blanks": "; a = b ",
    "quoted params": ';a="b"',
    "blanks": " ",
    "blanks and slashes": " /",
    "tabs": "\t",
    "folds": "\r\n ",
    "long folds": "\r\n" + " " * 500,
    "colons": ":",
    "zeros": "0",
    "digits": "9",
    "percents": "%",
    "escapes": "%41",
    "ats": "@",
    "user": "sip:a@",
    "IPv6": "[::",
    "question marks": "?",
    "ampersands": "&a=b",
    "parentheses": "(",
    "tokens": "a ",
    "surrogates": "\udcff",
}
NAMES = ["Via", "From", "Contact", "CSeq", "Content-Length", "Retry-After", "Accept", "X"]
PREFIXES = ["", "<sip:a@b>", "SIP/2.0/UDP h", '"', "<sip:", "1 ("]


def message_with(line: str) -> bytes:
    return f"INVITE sip:a@b SIP/2.0\r\n{line}\r\n\r\n".encode("utf-8", "surrogateescape")


def read(data: bytes) -> None:
    try:
        message = parse(data)
    except SipParseError:
        return
    if isinstance(message, Request):
        check_request(message)
    else:
        check_response(message)
    for name in ("vias", "from_", "contacts", "cseq", "retry_after_s"):
        with suppress(SipParseError):
            getattr(message, name)
    for name in NAMES:
        with suppress(SipParseError):
            message.get_all(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filler", FILLERS)
def test_header_values(name: str, filler: str) -> None:
    text = FILLERS[filler]
    for prefix in PREFIXES:
        read(message_with(f"{name}: {prefix}{text * (SIZE // len(text.encode(errors='replace')))}"))


@pytest.mark.parametrize("filler", FILLERS)
def test_header_names_and_start_lines(filler: str) -> None:
    text = FILLERS[filler] * (SIZE // len(FILLERS[filler]))
    raw = text.encode("utf-8", "surrogateescape")
    read(message_with(text))
    for start in (b"%s", b"INVITE %s", b"INVITE sip:%s SIP/2.0", b"SIP/2.0 %s", b"%s SIP/2.0"):
        read(start.replace(b"%s", raw) + b"\r\nCall-ID: x\r\n\r\n")
