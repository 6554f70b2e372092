"""What a rehearsal counts and keeps: packets by destination, messages, the phone's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from evertone.errors import LimitError
from evertone.events import BOUND, Event, Unregistered
from evertone.lab.record import Packet, Record
from evertone.lab.rehearsal.spans import time_text

__all__ = ["Tally"]

MAX_EVENTS = 2_000_000
MAX_PACKETS = 20_000

_BINDINGS = (*BOUND, Unregistered)


class Tally(Record):
    """The record of a rehearsal. ``addresses`` are the phone's own.

    ``sent`` counts its packets by the address they go to. With ``keep_packets`` the first
    :data:`MAX_PACKETS` of SIP to and from it are kept; ``cut`` says that there were more.
    ``bound`` is told of every binding that changes, ``watched`` of every event after that.
    """

    def __init__(self, addresses: Iterable[str], *, keep_packets: bool) -> None:
        super().__init__(packets=True)
        self.sent: Counter[str] = Counter()
        self.cut = False
        self.bound: Callable[[Event], None] | None = None
        self.watched: Callable[[Event], None] | None = None
        self._own = frozenset(addresses)
        self._most = MAX_PACKETS if keep_packets else 0

    def packet(self, packet: Packet) -> None:
        """Count it, and keep it if it is the phone's own."""
        ours = packet.source[0] in self._own
        if ours and not packet.note:
            self.sent[packet.target[0]] += 1
        if packet.kind == "DNS" or not self._most or not (ours or packet.target[0] in self._own):
            return
        if len(self.packets) < self._most:
            self.packets.append(packet)
        else:
            self.cut = True

    def event(self, node: str, event: Event) -> None:
        """Keep what the phone announced. Raises LimitError beyond :data:`MAX_EVENTS`."""
        if len(self.events) >= MAX_EVENTS:
            raise LimitError(
                f"more than {MAX_EVENTS} events until {time_text(event.at)}: rehearse less (--for)"
            )
        super().event(node, event)
        if self.bound is not None and isinstance(event, _BINDINGS):
            self.bound(event)
        if self.watched is not None:
            self.watched(event)
