"""The driver's own duties: timer, turns, time, waiting, stopping, DNS."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable
from typing import get_args

import pytest
import uvloop

from evertone.errors import UsageError
from evertone.events import Event, Warned
from evertone.flows import (
    Announce,
    DnsReceived,
    DnsSend,
    Effect,
    FlowFailed,
    Nameserver,
    OpenFlow,
    ShellInput,
)
from evertone.io.driver import _CARRIED, SLACK_S, STOP_S, Driver, Listen
from evertone.model import Target, Transport
from tests.io.nodes import PATIENCE_S, Echo, Recorder, run

LOOPBACK = "127.0.0.1"


def test_every_effect_of_a_node_is_carried_out() -> None:
    assert set(_CARRIED) == set(get_args(Effect))


def test_one_timer_fires_in_order_and_never_early() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            begin = driver.now()
            due = [begin + 0.01, begin + 0.02, begin + 0.03]
            driver.do(lambda now: node.due.extend(due))
            assert await driver.until(lambda: len(node.fired) == 3, PATIENCE_S)
            assert all(at >= wanted for at, wanted in zip(node.fired, due, strict=True))

    run(body)


def test_deadlines_that_are_near_each_other_are_met_in_one_call() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            span = math.ceil(driver.now() / SLACK_S) * SLACK_S + SLACK_S
            due = [span + 0.1 * SLACK_S, span + 0.4 * SLACK_S, span + 0.9 * SLACK_S]
            driver.do(lambda now: node.due.extend(due))
            assert await driver.until(lambda: len(node.fired) == 3, PATIENCE_S)
            assert len(set(node.fired)) == 1
            assert node.fired[0] >= due[-1]

    run(body)


def test_what_is_due_at_once_waits_for_nobody() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            span = math.ceil(driver.now() / SLACK_S) * SLACK_S
            assert await driver.until(lambda: driver.now() > span, PATIENCE_S)  # a whole one ahead
            driver.do(node.due.append)
            for _ in range(3):  # rounds of the loop, not time
                await asyncio.sleep(0)
            assert len(node.fired) == 1

    run(body)


def test_a_deadline_that_moves_closer_is_kept() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            far = driver.now() + 60.0
            driver.do(lambda now: node.due.append(far))
            driver.do(lambda now: node.due.insert(0, now + 0.01))
            assert await driver.until(lambda: bool(node.fired), PATIENCE_S)
            assert node.due == [far]

    run(body)


def test_a_deadline_that_moves_away_only_wakes_the_node_for_nothing() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            driver.do(lambda now: node.due.append(now + 0.005))
            later = driver.now() + 0.03
            driver.do(lambda now: node.due.__setitem__(0, later))
            assert await driver.until(lambda: bool(node.fired), PATIENCE_S)
            assert node.fired[0] >= later

    run(body)


def test_a_loop_whose_handles_tell_no_time_serves_as_well() -> None:
    """uvloop's do not, for what is due at once; a voice agent may run on it."""

    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            begin = driver.now()
            driver.do(lambda now: node.due.append(begin))
            driver.do(lambda now: node.due.append(begin + 0.01))
            assert await driver.until(lambda: len(node.fired) == 2, PATIENCE_S)
            assert node.fired[1] >= begin + 0.01

    run(body, uvloop.new_event_loop)


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_another_event_loop_carries_packets_too(transport: Transport) -> None:
    async def body() -> None:
        node = Recorder()
        async with (
            Driver(Echo(), listen=[Listen(LOOPBACK, 0, transport)]) as peer,
            Driver(node, bind=LOOPBACK) as driver,
        ):
            target = Target(LOOPBACK, peer.listening[0].port, transport)
            driver.do(lambda now: node.open(target))
            assert await driver.until(lambda: bool(node.opened()), PATIENCE_S)
            driver.do(lambda now: node.send(node.opened()[0].flow, b"there and back"))
            assert await driver.until(lambda: node.data() == b"there and back", PATIENCE_S)

    run(body, uvloop.new_event_loop)


def test_until_gives_up_after_its_time() -> None:
    async def body() -> None:
        async with Driver(Recorder()) as driver:
            begin = time.monotonic()
            assert not await driver.until(lambda: False, 0.02)
            assert 0.015 <= time.monotonic() - begin < PATIENCE_S

    run(body)


def test_events_reach_the_listener_and_bear_a_time_that_can_be_shown() -> None:
    async def body() -> None:
        seen: list[Event] = []
        node = Recorder()
        async with Driver(node, on_event=seen.append) as driver:
            event = Warned(at=driver.now(), reason="odd")
            driver.do(lambda now: node.push(Announce(event)))
            assert seen == [event]
            assert abs(driver.wall(event.at) - time.time()) < PATIENCE_S

    run(body)


def test_a_failing_verb_still_has_its_effects_carried_out() -> None:
    async def body() -> None:
        seen: list[Event] = []
        node = Recorder()

        def verb(now: float) -> None:
            node.push(Announce(Warned(at=now, reason="before")))
            raise UsageError("no such line")

        async with Driver(node, on_event=seen.append) as driver:
            with pytest.raises(UsageError):
                driver.do(verb)
            assert [x.reason for x in seen] == ["before"]

    run(body)


class Stubborn(Recorder):
    """Opens again whatever fails: would hang a shell that loops until nothing is left."""

    def receive(self, event: ShellInput, now: float) -> None:
        super().receive(event, now)
        if isinstance(event, FlowFailed):
            self.open(event.target)


def test_a_node_that_never_tires_does_not_starve_the_loop() -> None:
    async def body() -> None:
        node = Stubborn()
        async with Driver(node, bind=LOOPBACK) as driver:
            # from an IPv4 address no IPv6 flow can be opened: that fails at once, every time
            driver.do(lambda now: node.open(Target("::1", 5060, Transport.UDP)))
            await asyncio.sleep(0.02)
            assert len(node.failed()) > 1

    run(body)


def test_a_port_in_use_is_said_so_and_leaves_nothing_open() -> None:
    async def body() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((LOOPBACK, 0))
            taken = Listen(LOOPBACK, other.getsockname()[1])
            free = Listen(LOOPBACK, 0, Transport.TCP)
            with pytest.raises(UsageError, match="in use"):
                await Driver(Recorder(), listen=[free, taken]).start()

    run(body)


class Farewell(Recorder):
    """A node with a clean stop, done when the peer has echoed the farewell (or never)."""

    def __init__(self, flow: int = 0) -> None:
        super().__init__()
        self.flow = flow

    def stop(self, now: float) -> None:
        self.send(self.flow, b"bye")

    @property
    def stopped(self) -> bool:
        return self.data() == b"bye"


def _farewell_to(make_peer: Callable[[], Recorder], limit_s: float) -> tuple[bool, float]:
    async def body() -> tuple[bool, float]:
        node = Farewell()
        peer = Driver(make_peer(), listen=[Listen(LOOPBACK, 0)])
        async with peer, Driver(node, bind=LOOPBACK) as driver:
            port = peer.listening[0].port
            driver.do(lambda now: node.open(Target(LOOPBACK, port, Transport.UDP)))
            node.flow = node.opened()[0].flow
            begin = time.monotonic()
            return await driver.stop(node, limit_s), time.monotonic() - begin

    return run(body)


def test_a_clean_stop_ends_as_soon_as_the_node_is_done() -> None:
    done, took_s = _farewell_to(Echo, STOP_S)
    assert done
    assert took_s < STOP_S / 2


def test_a_clean_stop_is_bounded_when_nobody_answers() -> None:
    done, took_s = _farewell_to(Recorder, 0.05)
    assert not done
    assert 0.04 <= took_s < STOP_S


def test_after_close_the_node_hears_nothing() -> None:
    async def body() -> None:
        node = Recorder()
        driver = Driver(node, listen=[Listen(LOOPBACK, 0)])
        await driver.start()
        await driver.close()
        driver.do(lambda now: node.open(Target(LOOPBACK, 9, Transport.UDP)))
        await asyncio.sleep(0)
        assert node.inputs == []

    run(body)


@pytest.mark.rule("D16")
def test_dns_messages_go_to_the_name_server_and_back() -> None:
    async def body() -> None:
        node, question = Recorder(), b"\x12\x34 a question"
        async with (
            Driver(Echo(), listen=[Listen(LOOPBACK, 0)]) as peer,
            Driver(node, bind=LOOPBACK) as driver,
        ):
            nameserver = Nameserver(LOOPBACK, peer.listening[0].port)
            driver.do(lambda now: node.push(DnsSend(nameserver, question)))
            assert await driver.until(lambda: bool(node.inputs), PATIENCE_S)
            assert node.inputs == [DnsReceived(nameserver, question)]

    run(body)


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_a_hundred_nodes_share_one_loop(transport: Transport) -> None:
    async def body() -> None:
        server = Echo()
        async with Driver(server, listen=[Listen(LOOPBACK, 0, transport)]) as serving:
            target = Target(LOOPBACK, serving.listening[0].port, transport)
            nodes = [Recorder() for _ in range(100)]
            drivers = [Driver(node, bind=LOOPBACK) for node in nodes]

            async def begin(node: Recorder, driver: Driver) -> None:
                await driver.start()
                driver.do(lambda now: node.push(OpenFlow(target)))

            async def say(node: Recorder, driver: Driver, word: bytes) -> None:
                assert await driver.until(lambda: bool(node.opened()), PATIENCE_S)
                flow = node.opened()[0].flow
                driver.do(lambda now: node.send(flow, word))

            async def hear(node: Recorder, driver: Driver, word: bytes) -> None:
                assert await driver.until(lambda: node.data() == word, PATIENCE_S)

            for node, driver in zip(nodes, drivers, strict=True):
                await begin(node, driver)
            for number, (node, driver) in enumerate(zip(nodes, drivers, strict=True)):
                await say(node, driver, b"%d" % number)
            for number, (node, driver) in enumerate(zip(nodes, drivers, strict=True)):
                await hear(node, driver, b"%d" % number)
            assert len({x.target for x in server.opened()}) == 100
            for driver in drivers:
                await driver.close()

    run(body)


def test_the_wall_clock_is_right_again_after_a_sleep() -> None:
    async def body() -> None:
        async with Driver(Recorder()) as driver:
            driver._wall_offset -= 3600.0  # the node's clock stood still for an hour
            assert driver.wall(driver.now()) < time.time() - 3500.0
            driver.set_wall()
            assert abs(driver.wall(driver.now()) - time.time()) < 1.0

    run(body)
