"""A record's packets read as SIP: who asked whom what, how often, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evertone.errors import SipParseError
from evertone.lab.record import Packet, Record
from evertone.sip.message import Request, parse

__all__ = ["Exchange", "Message", "Wire", "read_packet"]


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message on the wire. ``source`` and ``target`` are host names where known;
    ``status`` is 0 for a request; ``number`` its CSeq."""

    at: float
    source: str
    target: str
    method: str
    status: int
    branch: str
    call_id: str
    number: int
    expires: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One client transaction as the wire shows it: every send, and the final answer if one came."""

    source: str
    target: str
    method: str
    call_id: str
    sends: tuple[float, ...]
    status: int
    answered_at: float

    def spaced_like(self, waits_s: tuple[float, ...], tolerance_s: float) -> bool:
        """True if the request was sent once and resent after these seconds since the first."""
        offsets = [at - self.sends[0] for at in self.sends[1:]]
        return len(offsets) == len(waits_s) and all(
            abs(offset - wait) <= tolerance_s for offset, wait in zip(offsets, waits_s, strict=True)
        )


def read_packet(packet: Packet, names: Mapping[str, str]) -> Message | None:
    """A packet as a SIP message; None if it is none. ``names`` maps addresses to host names."""
    if packet.note or packet.kind == "DNS" or not packet.data.strip():
        return None
    try:
        message = parse(packet.data)
        asked = isinstance(message, Request)
        return Message(
            at=packet.at,
            source=names.get(packet.source[0], packet.source[0]),
            target=names.get(packet.target[0], packet.target[0]),
            method=message.cseq.method,
            status=0 if isinstance(message, Request) else message.status,
            branch=message.via.branch,
            call_id=message.call_id,
            number=message.cseq.number,
            expires=message.expires if asked else None,
            reason="" if isinstance(message, Request) else message.reason,
        )
    except SipParseError:
        return None


class Wire:
    """The SIP messages of a record so far. One packet is one message (UDP)."""

    def __init__(self, record: Record, names: Mapping[str, str]) -> None:
        read = (read_packet(packet, names) for packet in record.packets)
        self.messages = [message for message in read if message is not None]

    def exchanges(
        self, method: str, source: str, *, target: str = "", after: float = 0.0
    ) -> list[Exchange]:
        """The client transactions of ``method`` that ``source`` began at ``after`` or later."""
        found: dict[tuple[str, str], list[Message]] = {}
        for message in self.messages:
            if message.status or message.method != method or message.source != source:
                continue
            found.setdefault((message.branch, message.target), []).append(message)
        return [
            self._exchange(sends)
            for (_, to), sends in found.items()
            if sends[0].at >= after and target in ("", to)
        ]

    def _exchange(self, sends: list[Message]) -> Exchange:
        first = sends[0]
        final = next(
            (
                m
                for m in self.messages
                if m.status >= 200 and m.branch == first.branch and m.target == first.source
            ),
            None,
        )
        return Exchange(
            source=first.source,
            target=first.target,
            method=first.method,
            call_id=first.call_id,
            sends=tuple(m.at for m in sends),
            status=final.status if final else 0,
            answered_at=final.at if final else 0.0,
        )
