"""One phone on real sockets for as long as a command lasts, and its clean end."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from evertone.config.settings import PhoneSettings
from evertone.events import Event
from evertone.io.driver import STOP_S, Driver, Listen
from evertone.io.tls import ClientTls, client_tls
from evertone.phone.phone import Phone
from evertone.phone.snapshot import PhoneSnapshot
from evertone.ui.options import Setup

__all__ = ["STOP_SIGNALS", "Session", "run_session"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The first asks for a clean stop, the second for an end at once."""

_NOT_CONFIRMED = "stopped; not every server confirmed that our registration is gone"

_TLS_TYPES = (2, 3)  # transport_type TLS, and DNS-NAPTR, which may lead to it

T = TypeVar("T")


class Session:
    """A phone and its driver. ``listeners`` get every event, in order."""

    def __init__(self, setup: Setup, *, auto_answer: bool = False) -> None:
        settings = setup.settings
        self.phone = Phone(
            settings,
            setup.instance,
            random.SystemRandom(),  # tags, branches and nonces that nobody can guess
            setup.nameservers,
            auto_answer=auto_answer,
        )
        self.driver = Driver(
            self.phone,
            bind=setup.bind,
            listen=_places(setup.bind, settings.listen_port),
            client_tls=_tls(settings),
            on_event=self._tell,
        )
        self.listeners: list[Callable[[Event], None]] = []
        self.started_at = 0.0
        self.started = False

    def start(self) -> None:
        """Let the phone begin."""
        self.started = True
        self.started_at = self.driver.now()
        self.driver.do(self.phone.start)

    def snapshot(self) -> PhoneSnapshot:
        """The phone as it stands now."""
        return self.phone.snapshot(self.driver.now())

    def _tell(self, event: Event) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(event)
            except OSError as error:
                # whoever read this output is gone; the phone goes on
                self.listeners.remove(listener)
                click.echo(f"events can no longer be written: {error.strerror}", err=True)


def run_session(
    setup: Setup,
    body: Callable[[Session], Awaitable[T]],
    *,
    auto_answer: bool = False,
    keep: bool = False,
) -> T | None:
    """Run ``body`` on a phone, then stop it cleanly, within STOP_S seconds.

    ``body`` adds its listeners and calls :meth:`Session.start`. None if a signal ended it.
    ``keep``: leave the bindings to the servers until they run out. UsageError where the
    phone's port cannot be had.
    """
    return asyncio.run(_run(setup, body, auto_answer, keep))


async def _run(
    setup: Setup, body: Callable[[Session], Awaitable[T]], auto_answer: bool, keep: bool
) -> T | None:
    session = Session(setup, auto_answer=auto_answer)
    async with session.driver:
        with _Interrupts() as interrupts:
            try:
                return await interrupts.until(body(session))
            finally:
                if session.started and not keep:
                    stop = session.driver.stop(session.phone, STOP_S)
                    if not await interrupts.until(stop):
                        click.echo(_NOT_CONFIRMED, err=True)


class _Interrupts:
    """Turns signals into the end of what is being waited for, instead of the process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Future[Any] | None = None

    def __enter__(self) -> _Interrupts:
        for number in STOP_SIGNALS:
            self._loop.add_signal_handler(number, self._interrupt)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number in STOP_SIGNALS:
            self._loop.remove_signal_handler(number)

    async def until(self, work: Awaitable[T]) -> T | None:
        """The result of ``work``, or None if a signal came first."""
        task = asyncio.ensure_future(work)
        self._task = task
        try:
            return await task
        except asyncio.CancelledError:
            return None

    def _interrupt(self) -> None:
        if self._task is not None:
            self._task.cancel()


def _places(bind: str, port: int) -> tuple[Listen, ...]:
    if bind:
        return (Listen(bind, port),)
    v4 = Listen("0.0.0.0", port)
    return (v4, Listen("::", port)) if _has_ipv6() else (v4,)


def _has_ipv6() -> bool:
    """Whether the kernel speaks IPv6: a build of Python that does is not enough."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _tls(settings: PhoneSettings) -> ClientTls | None:
    """TLS where a line may need it: reading the system's certificates takes a while."""
    servers = [line.server(y) for line in settings.enabled_lines() for y in line.registrars()]
    if not any(server.transport_type in _TLS_TYPES for server in servers):
        return None
    return client_tls(settings.security)
