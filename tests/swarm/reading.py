"""The phone's own requests as they were on the wire, read once for all checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evertone.errors import SipParseError
from evertone.lab.record import Packet, Record
from evertone.sip.message import Request, Response, parse

__all__ = ["Bound", "Said", "messages_of", "registered_spans"]


@dataclass(frozen=True, slots=True)
class Said:
    """One message between the phone and ``peer`` (an address): ``sent`` by the phone, or heard."""

    at: float
    peer: str
    sent: bool
    message: Request | Response


def messages_of(record: Record, address: str) -> Iterator[Said]:
    """Every SIP message to or from ``address``, in order."""
    for packet in record.packets:
        sent = packet.source[0] == address
        if (sent or packet.target[0] == address) and _is_sip(packet):
            try:
                message = parse(packet.data)
            except SipParseError:
                continue
            peer = packet.target[0] if sent else packet.source[0]
            yield Said(packet.at, peer, sent, message)


def _is_sip(packet: Packet) -> bool:
    return packet.kind != "DNS" and not packet.note and len(packet.data.strip(b"\r\n\0")) > 0


@dataclass(slots=True)
class Bound:
    """What the wire shows of registrations: until when, by address of record, and by the peer
    that the REGISTER went to and its transport (one server by UDP and by TCP is two targets)."""

    until: dict[tuple[str, str, str], float]

    def stands(self, said: Said, now: float) -> bool:
        """True if a REGISTER of who says this was granted where it goes, and has not run out."""
        return self.until.get(_target(said), 0.0) > now


def _target(said: Said) -> tuple[str, str, str]:
    uri = said.message.from_.uri
    return f"{uri.user}@{uri.host}", said.peer, said.message.via.transport


def registered_spans(bound: Bound, said: Said, asked: dict[str, int]) -> None:
    """Follow a REGISTER and its answer. ``asked`` keeps by branch what was asked for."""
    message = said.message
    if isinstance(message, Request):
        expires = message.expires
        if expires is None and message.contacts:
            expires = message.contacts[0].expires_s
        asked[message.via.branch] = -1 if expires is None else expires
    elif 200 <= message.status < 300 and asked.get(message.via.branch, -1) >= 0:
        bound.until[_target(said)] = said.at + asked[message.via.branch]
