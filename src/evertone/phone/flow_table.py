"""The phone's flows: opened on demand, shared by the lines, counted, closed at zero.

A flow is keyed by its target, the name in the certificate included. Whoever needs it *holds*
it under a name (an exchange, a binding, a call); when the last holder lets go, it is closed
after a short while.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from evertone.clock import TimerTable
from evertone.flows import CloseFlow, Effect, FlowClosed, FlowFailed, FlowOpened, OpenFlow
from evertone.model import Cause, Target, Transport
from evertone.phone.snapshot import FlowSnapshot
from evertone.phone.timer import Timer, TimerKind
from evertone.sip.framing import StreamFramer

__all__ = ["Flow", "FlowTable", "Holder", "Waiter"]

Holder: TypeAlias = tuple[str | int, ...]

BINDING = "binding"
"""First item of the names under which bindings hold their flows."""

LINGER_S = 10.0  # an outgoing flow that nobody holds
INCOMING_LINGER_S = 64.0  # an incoming one: longer than any transaction
MAX_INCOMING = 256
MAX_MESSAGE = 65_536


class Waiter(Protocol):
    """Who asked for a flow that was not open yet."""

    def flow_ready(self, flow: Flow, now: float) -> None:
        """The flow is open."""

    def flow_failed(self, cause: Cause, text: str, now: float) -> None:
        """It could not be opened (S4); it is not held any more."""


class Flow:
    """One way to one peer. ``id`` is the shell's number, 0 while it is being opened;
    ``reliable`` is True for TCP and TLS."""

    __slots__ = (
        "framer",
        "holders",
        "id",
        "incoming",
        "local",
        "reliable",
        "target",
        "touched",
        "waiting",
    )

    def __init__(self, target: Target, incoming: bool, now: float) -> None:
        self.id = 0
        self.target = target
        self.local: tuple[str, int] = ("", 0)
        self.incoming = incoming
        self.touched = now
        self.holders: set[Holder] = set()
        self.waiting: dict[Holder, Waiter] = {}
        self.reliable = target.transport.reliable
        self.framer = StreamFramer(MAX_MESSAGE, pings=incoming) if self.reliable else None

    @property
    def carries_binding(self) -> bool:
        """True while a registration of ours goes by this flow (R9)."""
        return any(holder[0] == BINDING for holder in self.holders)


class FlowTable:
    """All flows of one phone. Effects go to ``out``, lingering is timed in ``timers``."""

    __slots__ = (
        "_by_id",
        "_by_target",
        "_out",
        "_timers",
    )

    def __init__(self, out: list[Effect], timers: TimerTable[Timer]) -> None:
        self._out = out
        self._timers = timers
        self._by_target: dict[Target, Flow] = {}
        self._by_id: dict[int, Flow] = {}

    def __len__(self) -> int:
        return len(self._by_target)

    def get(self, flow: int) -> Flow | None:
        """The open flow with the shell's number ``flow``."""
        return self._by_id.get(flow)

    def open_to(self, target: Target) -> Flow | None:
        """The open flow to ``target``, if there is one."""
        flow = self._by_target.get(target)
        return flow if flow is not None and flow.id else None

    def hold(self, target: Target, holder: Holder, waiter: Waiter, now: float) -> Flow | None:
        """Hold the flow to ``target``. None: it is being opened, ``waiter`` will be told."""
        flow = self._by_target.get(target)
        if flow is None:
            flow = self._by_target[target] = Flow(target, False, now)
            self._out.append(OpenFlow(target))
        if flow.id:
            flow.holders.add(holder)
            return flow
        flow.waiting[holder] = waiter
        return None

    def hold_open(self, flow: Flow, holder: Holder) -> None:
        """Hold a flow that is open already."""
        flow.holders.add(holder)

    def release(self, flow: Flow, holder: Holder, now: float) -> None:
        """Let go of a flow, open or still opening; harmless if it was not held."""
        flow.holders.discard(holder)
        flow.waiting.pop(holder, None)
        if not flow.holders and not flow.waiting and self._by_id.get(flow.id) is flow:
            self._linger(flow, now)

    def release_target(self, target: Target, holder: Holder, now: float) -> None:
        """Let go of the flow to ``target``, whatever its state."""
        flow = self._by_target.get(target)
        if flow is not None:
            self.release(flow, holder, now)

    # --- what the shell says ----------------------------------------------------------------

    def opened(self, event: FlowOpened, now: float) -> None:
        """A flow can be used: tell those who wait for it."""
        flow = self._by_target.get(event.target)
        if flow is None or flow.id:
            flow = self._adopt(event, flow, now)
        flow.id = event.flow
        flow.local = event.local
        self._by_id[event.flow] = flow
        waiting = list(flow.waiting.items())
        flow.waiting.clear()
        flow.holders.update(holder for holder, _ in waiting)
        for _, waiter in waiting:
            waiter.flow_ready(flow, now)
        if not flow.holders:
            self._linger(flow, now)

    def failed(self, event: FlowFailed, now: float) -> None:
        """A flow could not be opened: tell those who wait for it."""
        flow = self._by_target.get(event.target)
        if flow is None or flow.id:
            return
        del self._by_target[event.target]
        for waiter in list(flow.waiting.values()):
            waiter.flow_failed(event.cause, event.text, now)

    def closed(self, event: FlowClosed) -> Flow | None:
        """A flow ended by itself; returns it (its holders still named), or None if unknown."""
        flow = self._by_id.get(event.flow)
        if flow is not None:
            self._forget(flow)
        return flow

    def close(self, flow: Flow) -> None:
        """Close a flow now, whoever holds it."""
        self._forget(flow)
        self._out.append(CloseFlow(flow.id))

    def retire(self, flow: Flow) -> None:
        """Nothing new goes by this flow; it is closed when its last holder lets go.

        A connection whose peer has fallen silent is retired: the kernel's own resends back off
        for a minute, so that after a recovery a new connection is the faster way (S4, B6).
        """
        if self._by_target.get(flow.target) is flow:
            del self._by_target[flow.target]

    def retire_all(self) -> None:
        """The network changed: whoever needs a flow from now on gets a new one, and whoever waits
        for one waits for a new attempt: the old one came from where we are no more (R8)."""
        self._by_target = {t: f for t, f in self._by_target.items() if f.waiting and not f.id}
        self._out += [OpenFlow(target) for target in self._by_target]

    def all_open(self) -> list[Flow]:
        """Every flow that the shell has opened."""
        return list(self._by_id.values())

    def linger_over(self, flow_id: int, now: float) -> None:
        """The linger timer of a flow is due."""
        flow = self._by_id.get(flow_id)
        if flow is None or flow.holders or flow.waiting:
            return
        if flow.incoming and flow.touched + INCOMING_LINGER_S > now:
            self._timers.set(Timer(TimerKind.LINGER, flow.id), flow.touched + INCOMING_LINGER_S)
            return
        self.close(flow)

    def snapshot(self) -> tuple[FlowSnapshot, ...]:
        """All flows, for people and checkers."""
        return tuple(
            FlowSnapshot(
                flow.id,
                flow.target,
                flow.incoming,
                tuple(sorted(" ".join(map(str, h)) for h in (*flow.holders, *flow.waiting))),
            )
            for flow in dict.fromkeys([*self._by_target.values(), *self._by_id.values()])
        )

    # --- inside -----------------------------------------------------------------------------

    def _adopt(self, event: FlowOpened, known: Flow | None, now: float) -> Flow:
        """A flow that the shell opened by itself (or opened anew under another number)."""
        if known is not None:
            if known.target.transport is Transport.UDP or known.id == event.flow:
                self._by_id.pop(known.id, None)  # the same peer, another local socket
                return known
            self._forget(known)
        if event.incoming:
            self._make_room()
        flow = self._by_target[event.target] = Flow(event.target, event.incoming, now)
        return flow

    def _make_room(self) -> None:
        incoming = [f for f in self._by_id.values() if f.incoming]
        if len(incoming) < MAX_INCOMING:
            return
        free = [f for f in incoming if not f.holders] or incoming
        self.close(min(free, key=lambda f: f.touched))

    def _linger(self, flow: Flow, now: float) -> None:
        wait = INCOMING_LINGER_S if flow.incoming else LINGER_S
        self._timers.set(Timer(TimerKind.LINGER, flow.id), now + wait)

    def _forget(self, flow: Flow) -> None:
        self._by_id.pop(flow.id, None)
        if self._by_target.get(flow.target) is flow:
            del self._by_target[flow.target]
        self._timers.cancel(Timer(TimerKind.LINGER, flow.id))
