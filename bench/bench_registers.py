"""REGISTERs with digest per CPU-second of one process that holds 1,000 lines, beside SIPp.

Both register with the same Kamailio, which takes a nonce for one second only, so that every
registration of either is REGISTER, 401, REGISTER, 200. Ours are 63 whole phones, each on its own
socket, that refresh by themselves (R3); SIPp plays the same four messages from a file, as often
in a second and at the same time, so that whatever else the machine does weighs on both. What
counts is the CPU time of our process and of SIPp's: Kamailio may take what it likes. SIPp polls,
so it does better the more it has to do: its best is told as well.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import os
import pstats
import random
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests import tools
from tests.interop.kamailio import Kamailio
from tests.interop.net import Net, free_net
from tests.interop.sipp import Sipp

from bench.rows import Row, row
from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.events import Event, Refreshed
from evertone.io.driver import Driver, Listen
from evertone.phone.phone import Phone

PORT = 15060  # not 5060: a phone at work on this machine may have that one everywhere
LINES = 1000
PER_PHONE = 16
EXPIRES_S = 10  # R3: refreshed after half of it
SPREAD_S = EXPIRES_S // 2  # the lines come one after the other, as in life
WARM_S = 2.5 * SPREAD_S
MEASURED_S = 15.0
RATE = round(LINES / SPREAD_S)  # registrations in a second
BEST_RATE = 4000  # SIPp's, without mercy
MESSAGES = 2  # REGISTERs of one registration: without and with a fresh nonce
LIMIT = 0.33


class Fleet:
    """Phones with 1,000 lines in this process, registered with ``server``."""

    def __init__(self, net: Net, server: str, domain: str) -> None:
        self.refreshed = 0
        self._net = net
        self._server = ServerSettings(address=server, port=PORT, expires=EXPIRES_S)
        self._domain = domain
        self._drivers: list[tuple[Driver, Phone]] = []

    async def start(self, stack: AsyncExitStack) -> None:
        """Let every phone begin."""
        for number, first in enumerate(range(0, LINES, PER_PHONE)):
            users = [user(n) for n in range(first, min(first + PER_PHONE, LINES))]
            lines = tuple(
                LineSettings(
                    line=line,
                    enable=1,
                    user_name=f"{name}@{self._domain}",
                    password=password(name),
                    sip_server=(self._server, ServerSettings()),
                )
                for line, name in enumerate(users, 1)
            )
            phone = Phone(
                PhoneSettings(lines=lines, reg_surge_prevention=SPREAD_S),
                f"urn:uuid:00000000-0000-1000-8000-{number:012x}",
                random.Random(number),
            )
            address = self._net.host(100 + number)
            driver = Driver(phone, bind=address, listen=[Listen(address, 0)], on_event=self._count)
            await stack.enter_async_context(driver)
            self._drivers.append((driver, phone))
        for driver, phone in self._drivers:
            driver.do(phone.start)

    def _count(self, event: Event) -> None:
        self.refreshed += isinstance(event, Refreshed)


def user(number: int) -> str:
    """The user name of one line."""
    return f"{10_000 + number}"


def password(name: str) -> str:
    """Its password."""
    return f"secret-{name}"


async def _both(
    directory: Path, net: Net, server: Kamailio, profile: cProfile.Profile | None
) -> tuple[float, float]:
    """REGISTERs per CPU-second of this process, refreshes only, and of SIPp beside it."""
    fleet = Fleet(net, server.address, server.domain)
    async with AsyncExitStack() as stack:
        await fleet.start(stack)
        await asyncio.sleep(WARM_S)
        gc.collect()
        before, start, begun = fleet.refreshed, time.process_time(), time.monotonic()
        if profile is not None:
            profile.enable()
        theirs = asyncio.to_thread(_theirs, directory, net, server, RATE)
        theirs_per_s, _ = await asyncio.gather(theirs, asyncio.sleep(MEASURED_S))
        if profile is not None:
            profile.disable()
        spent_s, count = time.process_time() - start, fleet.refreshed - before
        expected = RATE * (time.monotonic() - begun)
    if abs(count / expected - 1) > 0.1:
        raise AssertionError(f"{count} refreshes instead of {expected:g}: something was lost")
    return MESSAGES * count / spent_s, theirs_per_s


def _theirs(directory: Path, net: Net, server: Kamailio, rate: int) -> float:
    """REGISTERs per CPU-second of SIPp."""
    name, calls = user(0), min(round(rate * MEASURED_S), 3 * BEST_RATE)
    sipp = Sipp(
        directory,
        "register",
        (net.host(99), PORT),
        (server.address, server.port),
        user=name,
        password=password(name),
        calls=calls,
        rate=rate,
    )
    before = _children_s()
    with sipp:
        code = sipp.wait(120)
    spent_s = _children_s() - before
    if code:
        raise AssertionError(f"sipp ended with {code}\n{sipp.log_tail()}")
    return MESSAGES * calls / spent_s


def _children_s() -> float:
    """CPU seconds of the children that have ended (and of theirs): here that is SIPp alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(profile: cProfile.Profile | None = None) -> list[Row]:
    """Both against one Kamailio; no rows where the programs are missing, unless CI wants them."""
    for tool in ("kamailio", "sipp"):
        if why := tools.missing(tool):
            if os.environ.get("CI") == "true":
                raise LookupError(why)
            print(f"registers: not measured, {why}", file=sys.stderr)
            return []
    passwords = {user(n): password(user(n)) for n in range(LINES)}
    net = free_net(PORT)
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home)
        with Kamailio(directory, net.host(1), passwords, port=PORT, nonce_expires_s=1) as server:
            best = _theirs(directory, net, server, BEST_RATE)
            ours, theirs = asyncio.run(_both(directory, net, server, profile))
    return [
        row("registers: ours per CPU-second, ÷ SIPp's", ours / theirs, "×", LIMIT, better="more"),
        row("registers: ours per CPU-second", ours, "1/s"),
        row("registers: SIPp's per CPU-second", theirs, "1/s"),
        row("registers: ours ÷ SIPp's best, at 20 × the rate", ours / best, "×"),
    ]


if __name__ == "__main__":  # python -m bench.bench_registers: where the CPU time goes
    measured = cProfile.Profile()
    run(measured)
    pstats.Stats(measured).sort_stats("tottime").print_stats(40)
