"""How long a phone is without its server, on real sockets on loopback over UDP.

A name of static records leads to a primary and a lab server as secondary. The primary is silent
(a socket that nobody reads) or its port is closed. The gap runs from the first REGISTER sent to
the primary to the 200 of the secondary: for the silent one against the schedule of S1, 7.5 s.
"""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import ExitStack

from bench.rows import Row, row
from evertone.config.settings import (
    DnsSettings,
    LineSettings,
    PhoneSettings,
    ServerSettings,
    StaticA,
)
from evertone.events import Event, Registered, RequestSent
from evertone.io.driver import Driver, Listen
from evertone.lab.registrations import RegistrationStore
from evertone.lab.servers import SipServer
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.schedule import SipTimers, give_up_s

NAME = "failover.example.com"
SECONDARY = "127.0.77.2"
PHONES = 10  # each with a primary of its own
RETRIES = 3
PATIENCE_S = 15.0


def _settings(primary: str, port: int, user: str) -> PhoneSettings:
    server = ServerSettings(address=NAME, port=port, retry_counts=RETRIES, failback_mode=3)
    line = LineSettings(
        enable=1, user_name=user, password="secret", sip_server=(server, ServerSettings())
    )
    names = tuple(StaticA(NAME, address) for address in (primary, SECONDARY))
    return PhoneSettings(lines=(line,), dns=DnsSettings(static_a=names))


async def _gap_s(primary: str, port: int, user: str) -> float:
    """Start one phone; the seconds from its first send to its registration."""
    events: list[Event] = []
    phone = Phone(_settings(primary, port, user), "urn:uuid:bench", random.Random(user))
    async with Driver(phone, bind="127.0.0.1", on_event=events.append) as driver:
        driver.do(phone.start)

        def granted() -> list[Event]:
            return [event for event in events if isinstance(event, Registered)]

        if not await driver.until(lambda: bool(granted()), PATIENCE_S):
            raise AssertionError(f"{user} did not register: {events[-1]}")
        sent = [event for event in events if isinstance(event, RequestSent)]
        hops = [event.hop.target.address for event in sent if event.hop is not None]
        if hops != [primary, SECONDARY]:
            raise AssertionError(f"{user} went to {', '.join(hops)}")
        gap_s = granted()[0].at - sent[0].at
        await driver.stop(phone)
    return gap_s


async def _measure() -> tuple[list[float], list[float]]:
    """The gaps with a silent primary, and those with a refused port."""
    users = {f"{number}": "secret" for number in range(PHONES)}
    with ExitStack() as sockets:
        port = 0  # one for the whole name: the first socket's
        for number in range(PHONES):
            silent = sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            silent.bind((f"127.0.77.{10 + number}", port))
            port = silent.getsockname()[1]
        listen = Target(SECONDARY, port, Transport.UDP)
        server = SipServer(
            "secondary", [listen], [NAME], users, RegistrationStore(), random.Random(1)
        )
        async with Driver(server, bind=SECONDARY, listen=[Listen(SECONDARY, port)]):
            refused = [await _gap_s("127.0.77.9", port, user) for user in users]
            waits = [_gap_s(f"127.0.77.{10 + n}", port, user) for n, user in enumerate(users)]
            return await asyncio.gather(*waits), refused


def run() -> list[Row]:
    """The worst gap of ten phones each."""
    silent_s, refused_s = asyncio.run(_measure())
    schedule_s = give_up_s("REGISTER", RETRIES, SipTimers())
    return [
        row(
            "failover: silent primary, × the schedule of S1", max(silent_s) / schedule_s, "×", 1.02
        ),
        row("failover: silent primary", max(silent_s), "s"),
        row("failover: refused port", max(refused_s) * 1000, "ms", 20.0),
    ]
