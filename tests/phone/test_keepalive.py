"""Keep-alive of flows that carry registrations (R9)."""

from __future__ import annotations

import pytest

from evertone.model import Target, Transport
from evertone.phone.keepalive import PING
from tests.phone.desk import ONE, Desk, granting, line, server

TCP = Target(ONE.address, 5060, Transport.TCP)


def pings(desk: Desk) -> list[int]:
    return [flow for flow, data in desk.raw if data == PING]


def over_tcp(*headers: tuple[str, str]) -> Desk:
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting(3600, *headers)
    desk.start(94.9)
    return desk


@pytest.mark.rule("R9")
def test_tcp_is_pinged_every_95_to_120_s_and_silence_means_nothing_without_support() -> None:
    desk = over_tcp()
    assert pings(desk) == []
    desk.run(120)
    assert len(pings(desk)) == 1
    desk.run(1200)
    assert 10 <= len(pings(desk)) <= 12
    assert len(desk.requests("REGISTER")) == 1


@pytest.mark.rule("R9")
def test_a_peer_that_answered_once_must_answer_again() -> None:
    desk = over_tcp()
    desk.run(120)
    desk.say(desk.flow_to(TCP), b"\r\n")
    first = desk.flow_to(TCP)
    desk.run(199)
    assert desk.flow_to(TCP) == first
    desk.run(251)  # the second ping went unanswered for 10 s
    assert first in desk.closed
    assert len(desk.requests("REGISTER")) == 2
    assert desk.flow_to(TCP) != first


@pytest.mark.rule("R9")
def test_pongs_keep_a_connection_however_many_come() -> None:
    desk = over_tcp()
    flow = desk.flow_to(TCP)
    for _ in range(20):
        seen = len(pings(desk))
        while len(pings(desk)) == seen:
            desk.run(desk.now + 1)
        desk.say(flow, b"\r\n")
    assert desk.closed == []
    assert len(desk.requests("REGISTER")) == 1


@pytest.mark.rule("R9")
def test_flow_timer_sets_the_pace_and_shows_support() -> None:
    desk = over_tcp(("Flow-Timer", "50"))
    assert len(pings(desk)) >= 1
    assert desk.closed  # nobody answered it
    assert len(desk.requests("REGISTER")) >= 2


@pytest.mark.rule("R9")
@pytest.mark.parametrize(("enable", "sent"), [(0, 0), (1, 10)])
def test_udp_by_its_own_setting(enable: int, sent: int) -> None:
    desk = Desk(line(server(), nat_udp_update_enable=enable, nat_udp_update_time=30))
    desk.peers[ONE] = granting()
    desk.start(301)
    assert len(pings(desk)) == sent


@pytest.mark.rule("R9")
def test_no_keep_alive_once_the_binding_is_gone() -> None:
    desk = over_tcp()
    desk.phone.stop(desk.now)
    desk.run(400)
    assert pings(desk) == []
    assert desk.phone.next_deadline() is None
