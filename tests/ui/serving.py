"""The lab's SIP servers on loopback sockets, beside the command under test."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from evertone.io.driver import Driver, Listen
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.model import Target, Transport

__all__ = ["DOMAIN", "LOOPBACK", "PASSWORD", "bound", "config", "free_port", "registrar", "serving"]

LOOPBACK = "127.0.0.1"
DOMAIN = "example.com"
PASSWORD = "let-me-in"


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


def registrar(name: str = "primary", transport: Transport = Transport.UDP) -> SipServer:
    """A registrar and proxy with digest for users 1001 and 1002."""
    kind = socket.SOCK_STREAM if transport.reliable else socket.SOCK_DGRAM
    place = Target(LOOPBACK, free_port(kind), transport)
    users = {"1001": PASSWORD, "1002": PASSWORD}
    domains = (DOMAIN, LOOPBACK)
    return SipServer(name, [place], domains, users, RegistrationStore(), random.Random(1))


def bound(server: SipServer, user: str = "1001") -> bool:
    """Whether the server holds a binding of ``user``; ask when it is not running."""
    return any(server.store.live(f"{user}@{domain}", 0.0) for domain in server.domains)


@contextlib.contextmanager
def serving(*servers: SipServer, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Run the servers on a thread of their own while the block lasts."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for server in servers:
                places = [Listen(t.address, t.port, t.transport) for t in server.listen]
                await stack.enter_async_context(Driver(server, listen=places, server_tls=tls))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(5.0)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5.0)
        loop.close()


def config(
    folder: Path, *servers: int, user: str = "1001", password: str = PASSWORD, extra: str = ""
) -> str:
    """A configuration file for one account at the given ports; its path."""
    lines = [
        "#!version:1.0.0.1",
        "account.1.enable = 1",
        f"account.1.user_name = {user}",
        f"account.1.auth_name = {user}",
        f"account.1.password = {password}",
        f"sip.listen_port = {free_port()}",
    ]
    for y, port in enumerate(servers, start=1):
        server = f"account.1.sip_server.{y}"
        lines += [f"{server}.address = {LOOPBACK}", f"{server}.port = {port}"]
    path = folder / f"{user}.cfg"
    path.write_text("\n".join([*lines, extra]) + "\n")
    return str(path)
