"""Master files (RFC 1035 §5) of the lab's name servers: their records, or the line of a mistake."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any, NamedTuple

import dns.exception
import dns.rdataset
import dns.rdatatype
import dns.zone

__all__ = ["DEFAULT_TTL_S", "Mistake", "read_master_file"]

DEFAULT_TTL_S = 300

_FILE = "zone"  # what the codec calls the text in its errors
_DIRECTIVES = ("$ORIGIN", "$TTL")
"""$INCLUDE would read other files, and one line of $GENERATE may stand for millions of records."""


class Mistake(NamedTuple):
    """What is wrong with a text, and in which line."""

    line: int
    what: str

    def __str__(self) -> str:
        what = self.what.rstrip(".")
        if "directive" in what:
            return f"{self.line}: {what}; there are {' and '.join(_DIRECTIVES)}"
        return f"{self.line}: {what}; a record is NAME [TTL] TYPE DATA"


class _Reading(dns.zone.Transaction):
    """Takes a SOA of any name: one text may hold several zones, and a zone with its own apex."""

    def add(self, *args: Any) -> None:
        name, ttl, rdata = args
        if rdata.rdtype == dns.rdatatype.SOA:
            self._put_rdataset(name, dns.rdataset.from_rdata(ttl, rdata))  # type: ignore[no-untyped-call]
        else:
            super().add(*args)


class _Zones(dns.zone.Zone):
    def writer(self, replacement: bool = False) -> dns.zone.Transaction:
        reading = _Reading(self, replacement)
        reading._setup_version()  # type: ignore[no-untyped-call]
        return reading


def read_master_file(text: str, origin: str) -> dns.zone.Zone | Mistake:
    """The records of a master file, or the first mistake in it. A TTL not given is 300 s."""
    found = _read(text, origin)
    if isinstance(found, dns.zone.Zone):
        return found
    lines = text.split("\n")

    def is_in(first: int) -> bool:
        before = _read("\n".join(lines[:first]) + "\n", origin)
        return isinstance(before, Mistake) and before.what == found.what

    line = found.line
    if not line:  # the fewest lines that have the mistake end with it
        line = bisect_left(range(1, len(lines)), True, key=is_in) + 1
    elif is_in(line - 1):
        line -= 1  # the codec counts a line too many where it has read a record to its end
    return Mistake(line, found.what)


def _read(text: str, origin: str) -> dns.zone.Zone | Mistake:
    """The zone, or the line (0: unknown) at which it cannot be read, and why."""
    try:
        # the one line before gives records without a TTL ours
        return dns.zone.from_text(
            f"$TTL {DEFAULT_TTL_S}\n{text}",
            origin,
            relativize=False,
            check_origin=False,
            filename=_FILE,
            zone_factory=_Zones,
            allow_directives=_DIRECTIVES,
        )
    except (dns.exception.DNSException, ValueError) as error:
        found = re.fullmatch(rf"{_FILE}:(\d+): (.*)", str(error), re.DOTALL)
        return Mistake(max(1, int(found[1]) - 1), found[2]) if found else Mistake(0, str(error))
