"""What a world writes down: packets as they are sent, and the public events of its nodes.

Both worlds, the simulated one and the one on loopback sockets, fill the same :class:`Record`,
so that tales, tests and checkers do not care which of them ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from evertone.events import Event

__all__ = ["Endpoint", "Happening", "Packet", "Record", "Remark"]

_tuple = tuple.__new__  # half the cost of a NamedTuple's own constructor

Endpoint = tuple[str, int]
"""Address and port."""


class Packet(NamedTuple):
    """One datagram or piece of a stream at the moment it is sent, or a note about a connection.

    ``kind`` is UDP, TCP, TLS or DNS; ``note`` is empty for bytes, else what happened instead
    ("refused", "reset", ...). ``source`` and ``target`` are (address, port).
    """

    at: float
    kind: str
    source: Endpoint
    target: Endpoint
    data: bytes
    note: str = ""

    def line(self) -> bytes:
        """The packet as one line of bytes, the same in every run with the same seed."""
        head = f"{self.at:.6f} {self.kind} {self.source} {self.target} {self.note} "
        return head.encode() + self.data + b"\n"


class Happening(NamedTuple):
    """A public event and the name of the node that announced it."""

    node: str
    event: Event


class Remark(NamedTuple):
    """Something that was done to the world: a fault that begins or ends."""

    at: float
    text: str


class Record:
    """The trace and the stream of events of one run.

    ``packets=False`` keeps no packets (long runs); events are always kept. Listeners are
    called at once with each new packet or happening.
    """

    def __init__(self, *, packets: bool = True) -> None:
        self.keeps_packets = packets
        self.packets: list[Packet] = []
        self.events: list[Happening] = []
        self.remarks: list[Remark] = []
        self.on_packet: Callable[[Packet], None] | None = None
        self.on_event: Callable[[Happening], None] | None = None
        self.on_remark: Callable[[Remark], None] | None = None

    def packet(self, packet: Packet) -> None:
        """Write down a packet."""
        self.packets.append(packet)
        if self.on_packet is not None:
            self.on_packet(packet)

    def event(self, node: str, event: Event) -> None:
        """Write down what ``node`` announced."""
        happening = _tuple(Happening, (node, event))
        self.events.append(happening)
        if self.on_event is not None:
            self.on_event(happening)

    def remark(self, at: float, text: str) -> None:
        """Write down what was done to the world."""
        remark = Remark(at, text)
        self.remarks.append(remark)
        if self.on_remark is not None:
            self.on_remark(remark)

    def events_of(self, node: str) -> list[Event]:
        """The events of one node, in order."""
        return [h.event for h in self.events if h.node == node]

    def fingerprint(self) -> str:
        """A digest of the whole trace: same seed, same fingerprint (invariant 6)."""
        digest = hashlib.sha256()
        for packet in self.packets:
            digest.update(packet.line())
        for happening in self.events:
            digest.update(repr(happening).encode())
        return digest.hexdigest()
