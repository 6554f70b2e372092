"""One phone on real sockets for as long as a command lasts, and its clean end."""

from __future__ import annotations

import asyncio
import errno
import random
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from evertone.config.settings import PhoneSettings
from evertone.errors import UsageError
from evertone.events import Event
from evertone.io.driver import STOP_S, Driver, Listen
from evertone.io.host import families_from, has_ipv6
from evertone.io.tls import ClientTls, client_tls, server_tls
from evertone.io.watch import Destination, NetworkWatch
from evertone.model import Transport
from evertone.phone.phone import Phone
from evertone.phone.snapshot import PhoneSnapshot
from evertone.ui.certificates import may_speak_tls
from evertone.ui.options import Setup, with_remedy

__all__ = ["STOP_SIGNALS", "Session", "run_session"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The first asks for a clean stop, the second for an end at once."""

_NOT_CONFIRMED = "stopped; not every server confirmed that our registration is gone"

_REMEDIES = {
    errno.EADDRINUSE: "end the program that listens there, or choose another sip.listen_port",
    errno.EADDRNOTAVAIL: "it is no address of this machine",
}
"""What to do when a port cannot be had."""

_DATAGRAMS = (Transport.UDP,)
_LAST_PORT = 65_535

T = TypeVar("T")


class Session:
    """A phone and its driver. ``listeners`` get every event, in order.

    ``resident``: the phone stays. It takes connections that servers open, and registers anew
    when the machine comes into another network or wakes from sleep (R8).
    """

    def __init__(self, setup: Setup, *, auto_answer: bool = False, resident: bool = False) -> None:
        settings = setup.settings
        tls_here = _own_certificate(settings) if resident else None
        self.phone = Phone(
            settings,
            setup.instance,
            random.SystemRandom(),  # tags, branches and nonces that nobody can guess
            setup.nameservers,
            auto_answer=auto_answer,
            families=families_from(setup.bind),
        )
        self.driver = Driver(
            self.phone,
            bind=setup.bind,
            listen=_places(setup.bind, settings.listen_port, _transports(resident, tls_here)),
            client_tls=_tls(settings),
            server_tls=tls_here,
            on_event=self._tell,
        )
        self._bind = setup.bind
        self._resident = resident
        self._watch: NetworkWatch | None = None
        self.listeners: list[Callable[[Event], None]] = []
        self.started_at = 0.0
        self.started = False

    def start(self) -> None:
        """Let the phone begin."""
        self.started = True
        self.started_at = self.driver.now()
        self.driver.do(self.phone.start)
        if self._resident:
            self._watch = NetworkWatch(self._servers, self._network_changed, self._bind)

    async def stop(self) -> bool:
        """Stop the phone cleanly, within STOP_S seconds; False if it was not done by then."""
        self._watch_no_more()
        return await self.driver.stop(self.phone, STOP_S)

    async def __aenter__(self) -> Session:
        try:
            await self.driver.start()
        except UsageError as error:
            raise with_remedy(error, _REMEDIES) from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._watch_no_more()
        await self.driver.close()

    def snapshot(self) -> PhoneSnapshot:
        """The phone as it stands now."""
        return self.phone.snapshot(self.driver.now())

    def _servers(self) -> list[Destination]:
        flows = self.snapshot().flows
        return [(f.target.address, f.target.port) for f in flows if not f.incoming]

    def _network_changed(self, why: str) -> None:
        self.driver.set_wall()
        self.driver.do(lambda now: self.phone.network_changed(now, why))

    def _watch_no_more(self) -> None:
        if self._watch is not None:
            self._watch.close()

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
    resident: bool = False,
) -> T | None:
    """Run ``body`` on a phone, then stop it cleanly, within STOP_S seconds.

    ``body`` adds its listeners and calls :meth:`Session.start`. None if a signal ended it.
    ``keep``: leave the bindings to the servers until they run out. For ``resident`` see
    :class:`Session`. UsageError where the phone's ports cannot be had.
    """

    async def run() -> T | None:
        session = Session(setup, auto_answer=auto_answer, resident=resident)
        return await _run(session, body, keep)

    return asyncio.run(run())


async def _run(session: Session, body: Callable[[Session], Awaitable[T]], keep: bool) -> T | None:
    async with session:
        with _Interrupts() as interrupts:
            try:
                return await interrupts.until(body(session))
            finally:
                to_stop = session.started and not keep
                if to_stop and not await interrupts.until(session.stop()):
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


def _places(bind: str, port: int, transports: tuple[Transport, ...]) -> tuple[Listen, ...]:
    """Where the phone listens: ``port``, for TLS the next one, as RFC 3261 pairs 5060 and 5061.

    Port 0, any free one, is for UDP alone: nobody would know where to connect to.
    UsageError where there is no next port.
    """
    if Transport.TLS in transports and port == _LAST_PORT:
        raise UsageError(f"sip.listen_port {port} leaves no port for TLS: choose a lower one")
    if bind:
        addresses: tuple[str, ...] = (bind,)
    else:
        addresses = ("0.0.0.0", "::") if has_ipv6() else ("0.0.0.0",)
    return tuple(
        Listen(address, port + (transport is Transport.TLS), transport)
        for transport in (transports if port else _DATAGRAMS)
        for address in addresses
    )


def _transports(resident: bool, tls_here: ssl.SSLContext | None) -> tuple[Transport, ...]:
    if not resident:
        return _DATAGRAMS
    return tuple(t for t in Transport if t is not Transport.TLS or tls_here is not None)


def _tls(settings: PhoneSettings) -> ClientTls | None:
    """TLS where a line may need it: reading the system's certificates takes a while."""
    return client_tls(settings.security) if may_speak_tls(settings) else None


def _own_certificate(settings: PhoneSettings) -> ssl.SSLContext | None:
    """What the phone shows to those that connect to it; None: it has no certificate."""
    security = settings.security
    if not (security.dev_cert and security.client_certificate_file):
        return None
    return server_tls(security.client_certificate_file)
