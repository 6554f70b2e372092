"""One node of the core (a phone, a lab server) on real sockets: asyncio, one timer for all.

The driver decides nothing. It carries the node's effects out, brings it what comes back,
and calls it when its deadline has come. Many drivers may share one event loop.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

from evertone.events import Event, Warned
from evertone.flows import (
    Announce,
    CloseFlow,
    DnsSend,
    Effect,
    Node,
    OpenFlow,
    ShellInput,
    Transmit,
)
from evertone.io.dns_transport import DnsTransport
from evertone.io.limits import Limits, RateLimit
from evertone.io.stream import StreamFlows
from evertone.io.tls import ClientTls
from evertone.io.udp import UdpFlows
from evertone.model import Transport

__all__ = ["SLACK_S", "STOP_S", "Driver", "Listen"]

SLACK_S = 0.02
"""How much later than its deadline a node may be called, never earlier (seconds). The deadlines
of all drivers of a loop that fall into one such span are met in one wake-up: a process that
holds a thousand lines works an eighth faster on warm caches, and T1 is 25 of it."""

STOP_S = 5.0
"""How long a clean stop may take, whether or not a server answers (seconds)."""

_TURN = 256  # inputs that one turn hands to the node before other sockets are looked at

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a node takes what comes unasked. Port 0: any free one."""

    address: str
    port: int
    transport: Transport = Transport.UDP


class _Stoppable(Protocol):
    """What :meth:`Driver.stop` needs of a node: a phone has it."""

    def stop(self, now: float) -> None: ...

    @property
    def stopped(self) -> bool: ...


class Driver:
    """Runs ``node`` on the current event loop.

    ``bind``: the local address that connections, UDP flows and DNS questions leave from;
    empty: whatever the routing says. ``listen``: sockets to be bound by :meth:`start`; UDP
    flows leave from the first one of their family, so that peers see one port. ``on_event``
    gets every announced event; it must not raise. ``client_tls`` and ``server_tls`` are
    needed only where TLS is spoken.
    """

    def __init__(
        self,
        node: Node,
        *,
        bind: str = "",
        listen: Sequence[Listen] = (),
        client_tls: ClientTls | None = None,
        server_tls: ssl.SSLContext | None = None,
        on_event: Callable[[Event], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self._node = node
        self._bind = bind
        self._listen = tuple(listen)
        self._on_event = on_event or (lambda event: None)
        self._loop = asyncio.get_running_loop()
        self._wall_offset = 0.0
        self.set_wall()
        self._udp = UdpFlows(self, bind, limits)
        self._streams = StreamFlows(self, bind, limits, client_tls, server_tls)
        self._dns: DnsTransport | None = None
        self._warnings = RateLimit(limits.warnings_per_s)
        self._inbox: deque[ShellInput] = deque()
        self._flow_count = 0
        self._now = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._more: asyncio.Handle | None = None
        self._busy = False
        self._closed = False
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.listening: tuple[Listen, ...] = ()
        """Where the node is reached, ports filled in; set by :meth:`start`."""

    # --- for whoever runs the node -------------------------------------------------------------

    async def start(self) -> None:
        """Bind what is to be listened on. UsageError, and nothing left open, if that fails."""
        bound: list[Listen] = []
        try:
            for place in self._listen:
                if place.transport is Transport.UDP:
                    address, port = self._udp.listen(place.address, place.port)
                else:
                    address, port = await self._streams.listen(
                        place.address, place.port, place.transport
                    )
                bound.append(Listen(address, port, place.transport))
        except BaseException:
            await self.close()
            raise
        self.listening = tuple(bound)

    def now(self) -> float:
        """The node's time: monotonic seconds, never going back."""
        self._now = max(self._now, self._loop.time())
        return self._now

    def wall(self, at: float) -> float:
        """The time ``at`` of the node's clock as seconds since the epoch, for display."""
        return at + self._wall_offset

    def set_wall(self) -> None:
        """Compare the clocks anew: the node's stands still while the machine sleeps."""
        self._wall_offset = time.time() - self._loop.time()

    def do(self, verb: Callable[[float], T]) -> T:
        """Use a verb of the node (it gets ``now``) and carry out what follows from it."""
        try:
            return verb(self.now())
        finally:
            self._pump()

    async def until(self, settled: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait until ``settled()`` is true; it is asked after each thing that happens.

        False if ``timeout_s`` seconds passed first (None: no limit).
        """
        if settled():
            return True
        waiter = (settled, self._loop.create_future())
        self._waiters.append(waiter)
        try:
            # not wait_for(): in Python 3.11 it loses a cancel that comes with the result
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        except TimeoutError:
            return settled()
        finally:
            self._waiters.remove(waiter)
        return True

    async def stop(self, node: _Stoppable, timeout_s: float = STOP_S) -> bool:
        """Stop a phone cleanly and close; False if it was not done after ``timeout_s``."""
        self.do(node.stop)
        done = await self.until(lambda: node.stopped, timeout_s)
        await self.close()
        return done

    async def close(self) -> None:
        """Close every socket at once; the node hears no more."""
        self._closed = True
        self._inbox.clear()
        for handle in (self._timer, self._more):
            if handle is not None:
                handle.cancel()
        self._timer = self._more = None
        self._udp.close()
        await self._streams.close()
        if self._dns is not None:
            await self._dns.close()

    async def __aenter__(self) -> Driver:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- Host: for the transports ----------------------------------------------------------------

    def deliver(self, event: ShellInput) -> None:
        """Hand an input to the node, after those that wait already."""
        if self._closed:
            return
        self._inbox.append(event)
        self._pump()

    def warn(self, reason: str) -> None:
        """Announce an oddity, so many a second at most: a flood must not drown the rest."""
        now = self.now()
        if not self._warnings.allow(now):
            return
        left_out, self._warnings.suppressed = self._warnings.suppressed, 0
        note = f" ({left_out} such warnings left out)" if left_out else ""
        self._on_event(Warned(at=now, reason=reason + note))

    def next_flow(self) -> int:
        """A number for a new flow."""
        self._flow_count += 1
        return self._flow_count

    # --- the loop --------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Carry effects out and hand inputs in until none is left, or the turn is over."""
        if self._busy or self._closed:
            return  # an effect that answers at once adds to the inbox of the pump at work
        self._busy = True
        try:
            for left in range(_TURN, -1, -1):
                for effect in self._node.effects():
                    _CARRIED[effect.__class__](self, effect)
                if not self._inbox or not left:
                    break
                self._node.receive(self._inbox.popleft(), self.now())
        finally:
            self._busy = False
            self._after_turn()

    def _after_turn(self) -> None:
        if self._closed:
            return
        if self._inbox and self._more is None:
            self._more = self._loop.call_soon(self._go_on)
        self._arm()
        for settled, future in self._waiters:
            if not future.done() and settled():
                future.set_result(None)

    def _go_on(self) -> None:
        self._more = None
        self._pump()

    def _transmit(self, effect: Transmit) -> None:
        # on a flow that is gone the bytes are dropped silently (flows.Transmit)
        self._udp.transmit(effect.flow, effect.data) or self._streams.transmit(
            effect.flow, effect.data
        )

    def _open(self, effect: OpenFlow) -> None:
        flows = self._udp if effect.target.transport is Transport.UDP else self._streams
        flows.open(effect.target)

    def _close_flow(self, effect: CloseFlow) -> None:
        self._udp.close_flow(effect.flow) or self._streams.close_flow(effect.flow)

    def _ask(self, effect: DnsSend) -> None:
        if self._dns is None:  # lab servers never ask
            self._dns = DnsTransport(self.deliver, bind=self._bind)
        self._dns.send(effect)

    def _announce(self, effect: Announce) -> None:
        self._on_event(effect.event)

    def _arm(self) -> None:
        """Set the one timer. One that is set too early is left: waking for nothing is cheap."""
        deadline = self._node.next_deadline()
        if deadline is None:
            return
        if deadline > self._now:
            deadline = max(deadline, math.ceil(deadline / SLACK_S) * SLACK_S)
        if self._timer is not None:
            if self._armed_for <= deadline:
                return
            self._timer.cancel()
        self._armed_for = deadline  # the handles of some loops do not say theirs
        self._timer = self._loop.call_at(deadline, self._on_timer, deadline)

    def _on_timer(self, deadline: float) -> None:
        self._timer = None
        # the loop may wake us its clock's resolution too early: for the node the time has come
        self._now = max(self._now, deadline)
        self.do(self._node.handle_timer)


_CARRIED: dict[type[Effect], Callable[[Driver, Any], None]] = {
    Transmit: Driver._transmit,
    OpenFlow: Driver._open,
    CloseFlow: Driver._close_flow,
    DnsSend: Driver._ask,
    Announce: Driver._announce,
}
"""How each effect of a node is carried out."""
