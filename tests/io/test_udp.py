"""UDP on loopback: whose datagram, whose ICMP error, and what a flood may do."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from dataclasses import dataclass
from functools import partial

import pytest

from evertone.events import Event
from evertone.flows import FlowOpened
from evertone.io.driver import Driver, Listen
from evertone.io.limits import Limits
from evertone.model import Cause, Target, Transport
from tests.io.nodes import PATIENCE_S, Echo, Recorder, run, target_of

needs_error_queue = pytest.mark.skipif(
    sys.platform != "linux", reason="ICMP errors per target are noticed on Linux only"
)


@dataclass(frozen=True)
class Family:
    """One address family's loopback and wildcard addresses."""

    loopback: str
    wildcard: str
    number: socket.AddressFamily


FAMILIES = [
    pytest.param(Family("127.0.0.1", "0.0.0.0", socket.AF_INET), id="ipv4"),
    pytest.param(Family("::1", "::", socket.AF_INET6), id="ipv6"),
]


def closed_port(family: Family) -> int:
    """A port that nobody listens at."""
    with socket.socket(family.number, socket.SOCK_DGRAM) as sock:
        sock.bind((family.loopback, 0))
        return int(sock.getsockname()[1])


def opened(driver: Driver, node: Recorder, target: Target) -> FlowOpened:
    """Open a UDP flow: that is answered in the same turn."""
    driver.do(lambda now: node.open(target))
    return next(x for x in reversed(node.opened()) if x.target == target)


@pytest.mark.parametrize("family", FAMILIES)
def test_datagrams_go_there_and_back(family: Family) -> None:
    async def body() -> None:
        node, echo = Recorder(), Echo()
        async with (
            Driver(echo, listen=[Listen(family.loopback, 0)]) as peer,
            Driver(node, listen=[Listen(family.wildcard, 0)]) as driver,
        ):
            target = Target(family.loopback, peer.listening[0].port, Transport.UDP)
            flow = opened(driver, node, target)
            # Via and Contact need an address that answers can come to
            assert flow.local == (family.loopback, driver.listening[0].port)
            driver.do(lambda now: node.send(flow.flow, b"REGISTER"))
            assert await driver.until(lambda: node.data(flow.flow) == b"REGISTER", PATIENCE_S)
            assert echo.opened()[0].incoming
            assert echo.opened()[0].target.port == driver.listening[0].port
            assert len(node.opened()) == 1  # the answer came on the flow it belongs to

    run(body)


@needs_error_queue
@pytest.mark.rule("S5")
@pytest.mark.parametrize("family", FAMILIES)
def test_an_icmp_error_is_the_right_targets_alone(family: Family) -> None:
    async def body() -> None:
        node, echo = Recorder(), Echo()
        async with (
            Driver(echo, listen=[Listen(family.loopback, 0)]) as peer,
            Driver(node, listen=[Listen(family.loopback, 0)]) as driver,
        ):
            alive = Target(family.loopback, peer.listening[0].port, Transport.UDP)
            dead = Target(family.loopback, closed_port(family), Transport.UDP)
            good, bad = opened(driver, node, alive), opened(driver, node, dead)
            for _ in range(20):  # an error waiting on the socket must not cost a send to `alive`
                driver.do(lambda now: node.send(bad.flow, b"lost"))
                driver.do(lambda now: node.send(good.flow, b"x"))
            assert await driver.until(lambda: node.data(good.flow) == b"x" * 20, PATIENCE_S)
            assert await driver.until(lambda: dead in node.unreachable(), PATIENCE_S)
            assert set(node.unreachable()) == {dead}

    run(body)


@needs_error_queue
@pytest.mark.rule("S5")
def test_an_icmp_error_comes_at_once() -> None:
    async def body() -> None:
        node = Recorder()
        family = Family("127.0.0.1", "0.0.0.0", socket.AF_INET)
        async with Driver(node) as driver:
            dead = Target(family.loopback, closed_port(family), Transport.UDP)
            flow = opened(driver, node, dead)
            begin = driver.now()
            driver.do(lambda now: node.send(flow.flow, b"INVITE"))
            assert await driver.until(lambda: node.unreachable() == [dead], PATIENCE_S)
            assert driver.now() - begin < 0.02

    run(body)


def test_a_stranger_gets_an_incoming_flow_that_answers_use() -> None:
    async def body() -> None:
        node = Echo()
        async with Driver(node, listen=[Listen("0.0.0.0", 0)]) as driver:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.settimeout(0)
                stranger.bind(("127.0.0.1", 0))
                stranger.sendto(b"OPTIONS", ("127.0.0.1", driver.listening[0].port))
                assert await driver.until(lambda: node.data() == b"OPTIONS", PATIENCE_S)
                flow = node.opened()[0]
                assert flow.incoming
                assert flow.target == target_of(stranger, Transport.UDP)
                assert flow.local == ("127.0.0.1", driver.listening[0].port)
                assert stranger.recvfrom(100) == (b"OPTIONS", flow.local)

    run(body)


def test_a_flow_opened_to_a_stranger_takes_over() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node, listen=[Listen("127.0.0.1", 0)]) as driver:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.1", 0))
                ours = ("127.0.0.1", driver.listening[0].port)
                stranger.sendto(b"first", ours)
                assert await driver.until(lambda: bool(node.opened()), PATIENCE_S)
                mine = opened(driver, node, target_of(stranger, Transport.UDP))
                stranger.sendto(b"second", ours)
                assert await driver.until(lambda: node.data(mine.flow) == b"second", PATIENCE_S)

    run(body)


def test_what_comes_after_a_close_is_a_strangers() -> None:
    async def body() -> None:
        node, echo = Recorder(), Echo()
        async with (
            Driver(echo, listen=[Listen("127.0.0.1", 0)]) as peer,
            Driver(node, listen=[Listen("127.0.0.1", 0)]) as driver,
        ):
            port = peer.listening[0].port
            flow = opened(driver, node, Target("127.0.0.1", port, Transport.UDP))

            def send_and_close(now: float) -> None:
                node.send(flow.flow, b"late")
                node.hang_up(flow.flow)

            driver.do(send_and_close)
            assert await driver.until(lambda: node.data() == b"late", PATIENCE_S)
            assert node.opened()[-1].incoming
            assert not node.closed()

    run(body)


def test_the_stranger_silent_longest_goes_when_there_are_too_many() -> None:
    async def body() -> None:
        node = Recorder()
        limits = Limits(udp_peers=3)
        async with Driver(node, listen=[Listen("127.0.0.1", 0)], limits=limits) as driver:
            ours = ("127.0.0.1", driver.listening[0].port)
            sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]

            def received(count: int) -> bool:
                return len(node.data()) == count

            for count, index in enumerate((0, 1, 2, 0, 3), start=1):
                sockets[index].sendto(b"x", ours)
                assert await driver.until(partial(received, count), PATIENCE_S)
            flows = [x.flow for x in node.opened()]
            assert [x.flow for x in node.closed()] == [flows[1]]
            assert node.closed()[0].cause is Cause.LOCAL
            for sock in sockets:
                sock.close()

    run(body)


def test_an_oversized_datagram_is_dropped_and_said_so() -> None:
    async def body() -> None:
        node, seen = Recorder(), list[Event]()
        limits = Limits(datagram_bytes=100)
        place = [Listen("127.0.0.1", 0)]
        async with Driver(node, listen=place, limits=limits, on_event=seen.append) as driver:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                ours = ("127.0.0.1", driver.listening[0].port)
                stranger.sendto(b"x" * 101, ours)
                stranger.sendto(b"y" * 100, ours)
                assert await driver.until(lambda: bool(node.data()), PATIENCE_S)
            assert node.data() == b"y" * 100
            assert len(seen) == 1
            assert "over 100 bytes" in seen[0].reason

    run(body)


def test_a_message_that_no_datagram_can_carry_is_dropped_and_said_so() -> None:
    async def body() -> None:
        node, seen = Recorder(), list[Event]()
        async with Driver(node, on_event=seen.append) as driver:
            flow = opened(driver, node, Target("127.0.0.1", 5060, Transport.UDP))
            driver.do(lambda now: node.send(flow.flow, b"x" * 70_000))
            assert "70000 bytes" in seen[0].reason
            assert not node.unreachable()

    run(body)


def test_a_local_error_does_not_keep_the_loop_spinning() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            flow = opened(driver, node, Target("127.0.0.1", 5060, Transport.UDP))
            # more than UDP carries, but not more than its length field: the kernel queues that
            driver.do(lambda now: node.send(flow.flow, b"x" * 65_520))
            begin = time.process_time()
            await asyncio.sleep(0.1)
            assert time.process_time() - begin < 0.05

    run(body)


def test_no_socket_of_the_family_fails_the_flow() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node, bind="127.0.0.1") as driver:
            target = Target("::1", 5060, Transport.UDP)
            driver.do(lambda now: node.open(target))
            assert [(x.target, x.cause) for x in node.failed()] == [(target, Cause.UNREACHABLE)]

    run(body)


def test_a_flood_of_warnings_is_counted_instead_of_told() -> None:
    async def body() -> None:
        seen: list[Event] = []
        limits = Limits(datagram_bytes=10, warnings_per_s=0.001)
        async with Driver(
            Echo(), listen=[Listen("127.0.0.1", 0)], limits=limits, on_event=seen.append
        ) as driver:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for _ in range(50):
                    stranger.sendto(b"x" * 11, ("127.0.0.1", driver.listening[0].port))
            await asyncio.sleep(0.02)
            assert 1 <= len(seen) <= 10

    run(body)
