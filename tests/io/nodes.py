"""Small nodes without I/O for the driver's tests: real nodes, written against flows.Node."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from evertone.flows import (
    CloseFlow,
    Effect,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    OpenFlow,
    Received,
    ShellInput,
    Transmit,
    Unreachable,
)
from evertone.model import Target, Transport

T = TypeVar("T")

PATIENCE_S = 5.0
"""Bound of every wait in these tests: reached only when something is broken."""


def target_of(sock: socket.socket, transport: Transport, tls_name: str = "") -> Target:
    """Where an IPv4 socket can be reached."""
    address, port = sock.getsockname()
    return Target(address, port, transport, tls_name)


class Recorder:
    """Keeps what it gets; opens, sends and closes what the test asks for."""

    def __init__(self) -> None:
        self.inputs: list[ShellInput] = []
        self.due: list[float] = []
        self.fired: list[float] = []
        self._effects: list[Effect] = []

    # the user's verbs

    def open(self, target: Target) -> None:
        self._effects.append(OpenFlow(target))

    def send(self, flow: int, data: bytes) -> None:
        self._effects.append(Transmit(flow, data))

    def hang_up(self, flow: int) -> None:
        self._effects.append(CloseFlow(flow))

    def push(self, effect: Effect) -> None:
        self._effects.append(effect)

    # the five verbs

    def receive(self, event: ShellInput, now: float) -> None:
        self.inputs.append(event)

    def handle_timer(self, now: float) -> None:
        while self.due and self.due[0] <= now:
            self.due.pop(0)
            self.fired.append(now)

    def next_deadline(self) -> float | None:
        return self.due[0] if self.due else None

    def effects(self) -> list[Effect]:
        drained, self._effects = self._effects, []
        return drained

    # what the tests look at

    def opened(self) -> list[FlowOpened]:
        return [x for x in self.inputs if isinstance(x, FlowOpened)]

    def failed(self) -> list[FlowFailed]:
        return [x for x in self.inputs if isinstance(x, FlowFailed)]

    def closed(self) -> list[FlowClosed]:
        return [x for x in self.inputs if isinstance(x, FlowClosed)]

    def unreachable(self) -> list[Target]:
        return [x.target for x in self.inputs if isinstance(x, Unreachable)]

    def data(self, flow: int | None = None) -> bytes:
        pieces = [x for x in self.inputs if isinstance(x, Received)]
        return b"".join(x.data for x in pieces if flow in (None, x.flow))


class Echo(Recorder):
    """Sends everything back where it came from."""

    def receive(self, event: ShellInput, now: float) -> None:
        super().receive(event, now)
        if isinstance(event, Received):
            self._effects.append(Transmit(event.flow, event.data))


def run(
    test: Callable[[], Awaitable[T]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> T:
    """Run one async test on a loop of its own, asyncio's unless ``loop_factory`` makes another."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(asyncio.wait_for(_awaited(test), 4 * PATIENCE_S))


async def _awaited(test: Callable[[], Awaitable[T]]) -> T:
    return await test()
