"""A node with the lab's faults laid over it, for real sockets: the world does this by itself.

A :class:`Shroud` is a node around a node. Whatever passes in and out goes by the host's
:class:`HostFaults`, and is written down as packets. Closed ports (``refuse``) are the shell's
business; the shroud only tells the node that its flows are gone.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from typing import TypeVar

from evertone.flows import (
    Announce,
    CloseFlow,
    DnsReceived,
    DnsSend,
    Effect,
    FlowClosed,
    FlowOpened,
    Node,
    Received,
    ShellInput,
    Transmit,
)
from evertone.lab.faults import HostFaults
from evertone.lab.record import Endpoint, Packet, Record
from evertone.model import Cause, Target

__all__ = ["Shroud"]

T = TypeVar("T")

MAX_HELD = 2000


class Shroud:
    """``node`` under the faults of one host.

    ``names`` maps addresses to host names, for one-way partitions. ``both_ways`` writes down
    what arrives too, for peers that keep no record themselves.
    """

    def __init__(
        self,
        name: str,
        node: Node,
        record: Record,
        rng: random.Random,
        *,
        names: Mapping[str, str] | None = None,
        both_ways: bool = False,
    ) -> None:
        self.name = name
        self.node = node
        self.faults = HostFaults()
        self._record = record
        self._rng = rng
        self._names = names if names is not None else {}
        self._both_ways = both_ways
        self._flows: dict[int, tuple[Target, Endpoint]] = {}
        self._out: list[Effect] = []
        self._held: list[ShellInput] = []
        self._later: list[tuple[float, int, ShellInput | Effect, bool]] = []
        self._count = 0
        self._base = 0
        self._last = 0

    def use(self, verb: Callable[[float], T], now: float) -> T:
        """Call a verb of the node's user; what follows from it is in :meth:`effects`."""
        result = verb(now)
        if not self.faults.frozen:
            self._drain(now)
        return result

    # --- faults -----------------------------------------------------------------------------

    def thaw(self, now: float) -> None:
        """A freeze is over: work off what came meanwhile."""
        held, self._held = self._held, []
        for event in held:
            self.node.receive(event, now)
        self.node.handle_timer(now)
        self._drain(now)

    def shell_lost(self, now: float) -> None:
        """The shell closed every socket: the node's flows are gone, new ones get new numbers."""
        lost, self._flows = self._flows, {}
        self._base = self._last
        self._later.clear()
        for flow in lost:
            self.node.receive(FlowClosed(flow, Cause.RESET, "the process ended"), now)
        self._drain(now)

    def drop_flows(self, now: float) -> None:
        """The node restarts: its flows are closed, by it and for it."""
        for flow in list(self._flows):
            self.node.receive(FlowClosed(flow, Cause.RESET, "the process ended"), now)
            self._let_out(CloseFlow(flow), now)
        self._drain(now)

    # --- the five verbs ---------------------------------------------------------------------

    def receive(self, event: ShellInput, now: float) -> None:
        """Let in what the shell brings, as the faults allow."""
        event = self._numbered(event)
        if self._passes(event, now):
            self._let_in(event, now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due: of the node, and of what was delayed."""
        while self._later and self._later[0][0] <= now:
            _, _, item, inward = heapq.heappop(self._later)
            if inward:
                self._let_in(item, now)  # type: ignore[arg-type]
            else:
                self._out.append(item)  # type: ignore[arg-type]
        if not self.faults.frozen:
            self.node.handle_timer(now)
            self._drain(now)

    def next_deadline(self) -> float | None:
        """The node's next deadline (not while it is frozen), or that of what is delayed."""
        mine = self._later[0][0] if self._later else None
        theirs = None if self.faults.frozen else self.node.next_deadline()
        if mine is None or theirs is None:
            return theirs if mine is None else mine
        return min(mine, theirs)

    def effects(self) -> list[Effect]:
        """What leaves the host."""
        out, self._out = self._out, []
        return out

    # --- inward -----------------------------------------------------------------------------

    def _numbered(self, event: ShellInput) -> ShellInput:
        """Flow numbers that stay unique when the shell begins to count anew."""
        if isinstance(event, FlowOpened):
            event = FlowOpened(event.flow + self._base, event.target, event.local, event.incoming)
            self._flows[event.flow] = (event.target, event.local)
            self._last = max(self._last, event.flow)
        elif isinstance(event, Received):
            event = Received(event.flow + self._base, event.data)
        elif isinstance(event, FlowClosed):
            event = FlowClosed(event.flow + self._base, event.cause, event.text)
            self._flows.pop(event.flow, None)
        return event

    def _passes(self, event: ShellInput, now: float) -> bool:
        """True if the event goes straight in; else it is lost, or comes later."""
        faults = self.faults
        if isinstance(event, DnsReceived):
            self._note_dns(event, now)
        if not isinstance(event, Received) or event.flow not in self._flows:
            return True
        target, local = self._flows[event.flow]
        if self._both_ways:
            self._note(now, target, (target.address, target.port), local, event.data)
        if not faults.any:
            return True
        if self._is_lost() or self._names.get(target.address, "") in faults.cut_from:
            return False
        if faults.delay_s:
            self._put_off(now, event, inward=True)
            return False
        return True

    def _let_in(self, event: ShellInput, now: float) -> None:
        if self.faults.frozen:
            if len(self._held) < MAX_HELD:
                self._held.append(event)
            return
        self.node.receive(event, now)
        self._drain(now)

    # --- outward ----------------------------------------------------------------------------

    def _drain(self, now: float) -> None:
        for effect in self.node.effects():
            self._let_out(effect, now)

    def _let_out(self, effect: Effect, now: float) -> None:
        if isinstance(effect, Transmit):
            self._transmit(effect, now)
        elif isinstance(effect, CloseFlow):
            if self._flows.pop(effect.flow, None) is not None:
                self._out.append(CloseFlow(effect.flow - self._base))
        elif isinstance(effect, DnsSend):
            to = (effect.nameserver.address, effect.nameserver.port)
            if self._record.keeps_packets:
                self._record.packet(Packet(now, "DNS", ("", 0), to, effect.data))
            if not self.faults.any or not self._is_lost():
                self._out.append(effect)
        elif isinstance(effect, Announce):
            self._record.event(self.name, effect.event)
        else:
            self._out.append(effect)

    def _transmit(self, effect: Transmit, now: float) -> None:
        ends = self._flows.get(effect.flow)
        if ends is None:
            return
        target, local = ends
        self._note(now, target, local, (target.address, target.port), effect.data)
        outward = Transmit(effect.flow - self._base, effect.data)
        if not self.faults.any:
            self._out.append(outward)
        elif not self._is_lost():
            if self.faults.delay_s:
                self._put_off(now, outward, inward=False)
            else:
                self._out.append(outward)

    def _is_lost(self) -> bool:
        faults = self.faults
        return faults.silent or (faults.loss > 0 and self._rng.random() < faults.loss)

    def _put_off(self, now: float, item: ShellInput | Effect, *, inward: bool) -> None:
        if len(self._later) < MAX_HELD:
            self._count += 1
            heapq.heappush(self._later, (now + self.faults.delay_s, self._count, item, inward))

    # --- the record -------------------------------------------------------------------------

    def _note(
        self, now: float, target: Target, source: Endpoint, to: Endpoint, data: bytes
    ) -> None:
        if self._record.keeps_packets:
            self._record.packet(Packet(now, target.transport.text, source, to, data))

    def _note_dns(self, event: DnsReceived, now: float) -> None:
        if self._record.keeps_packets:
            source = (event.nameserver.address, event.nameserver.port)
            self._record.packet(Packet(now, "DNS", source, ("", 0), event.data))
