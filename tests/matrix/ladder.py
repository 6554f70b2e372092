"""The ladder of a cell: every message, what struck, and what the caller announced, by time."""

from __future__ import annotations

from collections.abc import Iterator

from evertone.lab.record import Record
from evertone.lab.teller import PacketTeller
from tests.matrix.cells import ADDRESSES

__all__ = ["ladder_text"]

MAX_ROWS = 1500
_NAMES = {address: name for name, address in ADDRESSES.items()}


def ladder_text(record: Record) -> list[str]:
    """The last rows of the ladder, ``MAX_ROWS`` at most."""
    rows = sorted(_rows(record), key=lambda row: row[0])
    text = [f"{at:10.3f}  {label}" for at, label in rows]
    return text if len(text) <= MAX_ROWS else [f"... of {len(text)} rows", *text[-MAX_ROWS:]]


def _rows(record: Record) -> Iterator[tuple[float, str]]:
    teller = PacketTeller(_NAMES)
    for packet in record.packets:
        ends = f"{_NAMES.get(packet.source[0], '?')} → {_NAMES.get(packet.target[0], '?')}"
        if packet.note:
            yield packet.at, f"{ends}: ({packet.note})"
        elif packet.kind == "DNS":
            if "caller" in ends:
                yield packet.at, f"{ends}: DNS"
        elif (told := teller.tell(packet)) is not None:
            yield packet.at, told
    for remark in record.remarks:
        yield remark.at, f"!! {remark.text}"
    for event in record.events_of("caller"):
        where = f" {event.hop.target}" if event.hop else ""
        rule = f" [{event.rule}]" if event.rule else ""
        what = f"{type(event).__name__}{where}: {event.reason}{rule}"
        yield event.at, f"    {what}"
