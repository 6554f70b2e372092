"""Flows: opened on demand, shared, counted, closed at zero."""

from __future__ import annotations

import pytest

from evertone.clock import TimerTable
from evertone.flows import CloseFlow, Effect, FlowClosed, FlowFailed, FlowOpened, OpenFlow
from evertone.model import Cause, Target, Transport
from evertone.phone.flow_table import INCOMING_LINGER_S, LINGER_S, MAX_INCOMING, Flow, FlowTable
from evertone.phone.timer import Timer, TimerKind
from tests.phone.desk import ONE

TCP = Target("192.0.2.1", 5060, Transport.TCP)
LOCAL = ("192.0.2.10", 40000)


class Waiting:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def flow_ready(self, flow: Flow, now: float) -> None:
        self.told.append(flow)

    def flow_failed(self, cause: Cause, text: str, now: float) -> None:
        self.told.append(cause)


def table() -> tuple[FlowTable, list[Effect], TimerTable[Timer]]:
    out: list[Effect] = []
    timers: TimerTable[Timer] = TimerTable()
    return FlowTable(out, timers), out, timers


def peer(n: int) -> Target:
    return Target("192.0.2.9", 1000 + n, Transport.TCP)


def test_two_who_want_the_same_target_share_one_flow() -> None:
    flows, out, _ = table()
    one, two = Waiting(), Waiting()
    assert flows.hold(TCP, ("a",), one, 0.0) is None
    assert flows.hold(TCP, ("b",), two, 0.0) is None
    assert out == [OpenFlow(TCP)]
    flows.opened(FlowOpened(7, TCP, LOCAL), 1.0)
    (flow,) = one.told
    assert two.told == [flow]
    assert flows.hold(TCP, ("c",), Waiting(), 1.0) is flow
    assert out == [OpenFlow(TCP)]


def test_the_last_to_let_go_closes_it_after_a_while() -> None:
    flows, out, timers = table()
    flows.hold(TCP, ("a",), Waiting(), 0.0)
    flows.opened(FlowOpened(7, TCP, LOCAL), 0.0)
    flow = flows.open_to(TCP)
    assert flow is not None
    flows.hold_open(flow, ("b",))
    flows.release(flow, ("a",), 1.0)
    assert not len(timers)
    flows.release(flow, ("b",), 2.0)
    assert timers.items() == [(Timer(TimerKind.LINGER, 7), 2.0 + LINGER_S)]
    flows.hold(TCP, ("c",), Waiting(), 3.0)
    flows.linger_over(7, 12.0)
    assert CloseFlow(7) not in out  # somebody took it up again
    flows.release(flow, ("c",), 13.0)
    flows.linger_over(7, 23.0)
    assert out[-1] == CloseFlow(7)
    assert flows.open_to(TCP) is None
    assert not len(timers)


def test_interest_that_is_gone_before_it_opens_closes_it_too() -> None:
    flows, _, timers = table()
    waiting = Waiting()
    flows.hold(TCP, ("a",), waiting, 0.0)
    flows.release_target(TCP, ("a",), 0.5)
    flows.opened(FlowOpened(7, TCP, LOCAL), 1.0)
    assert waiting.told == []
    assert timers.items() == [(Timer(TimerKind.LINGER, 7), 1.0 + LINGER_S)]


def test_a_failure_is_told_and_forgotten() -> None:
    flows, out, _ = table()
    waiting = Waiting()
    flows.hold(TCP, ("a",), waiting, 0.0)
    flows.failed(FlowFailed(TCP, Cause.CONNECT_REFUSED), 1.0)
    assert waiting.told == [Cause.CONNECT_REFUSED]
    assert len(flows) == 0
    flows.hold(TCP, ("a",), waiting, 2.0)
    assert out == [OpenFlow(TCP), OpenFlow(TCP)]


def test_udp_from_a_peer_we_know_is_the_same_flow_under_its_newer_number() -> None:
    flows, _, _ = table()
    flows.hold(ONE, ("a",), Waiting(), 0.0)
    flows.opened(FlowOpened(1, ONE, LOCAL), 0.0)
    flow = flows.open_to(ONE)
    flows.opened(FlowOpened(2, ONE, LOCAL, incoming=True), 1.0)
    assert flows.get(2) is flow
    assert flows.get(1) is None
    assert flow is not None
    assert flow.holders == {("a",)}


def test_incoming_flows_linger_while_they_are_used_and_have_a_bound() -> None:
    flows, out, timers = table()
    flows.opened(FlowOpened(1, peer(1), LOCAL, incoming=True), 0.0)
    flow = flows.get(1)
    assert flow is not None
    flow.touched = 30.0
    flows.linger_over(1, INCOMING_LINGER_S)
    assert timers.deadline(Timer(TimerKind.LINGER, 1)) == 30.0 + INCOMING_LINGER_S
    for n in range(2, MAX_INCOMING + 2):
        flows.opened(FlowOpened(n, peer(n), LOCAL, incoming=True), 40.0)
    assert out == [CloseFlow(1)]  # the one that was silent for longest
    assert len(flows.all_open()) == MAX_INCOMING


def test_after_a_network_change_old_flows_serve_those_who_hold_them_only() -> None:
    flows, out, _ = table()
    flows.hold(TCP, ("a",), Waiting(), 0.0)
    flows.opened(FlowOpened(1, TCP, LOCAL), 0.0)
    old = flows.get(1)
    assert old is not None
    flows.retire_all()
    assert flows.hold(TCP, ("b",), Waiting(), 1.0) is None
    assert out == [OpenFlow(TCP), OpenFlow(TCP)]
    assert {flow.flow for flow in flows.snapshot()} == {0, 1}
    flows.release(old, ("a",), 2.0)
    flows.linger_over(1, 12.0)
    assert out[-1] == CloseFlow(1)


@pytest.mark.rule("R8")
def test_after_a_network_change_whoever_waits_for_a_flow_waits_for_a_new_attempt() -> None:
    flows, out, _ = table()
    waiting = Waiting()
    flows.hold(TCP, ("a",), waiting, 0.0)
    flows.hold(ONE, ("b",), Waiting(), 0.0)
    flows.release_target(ONE, ("b",), 1.0)  # given up: nobody waits for that one
    flows.retire_all()
    assert out == [OpenFlow(TCP), OpenFlow(ONE), OpenFlow(TCP)]
    flows.opened(FlowOpened(1, TCP, LOCAL), 2.0)
    assert waiting.told == [flows.get(1)]
    flows.failed(FlowFailed(ONE, Cause.CONNECT_TIMEOUT), 30.0)  # of before: nobody's
    assert flows.hold(ONE, ("c",), Waiting(), 31.0) is None


def test_a_flow_that_ended_is_returned_once() -> None:
    flows, _, _ = table()
    flows.hold(TCP, ("a",), Waiting(), 0.0)
    flows.opened(FlowOpened(1, TCP, LOCAL), 0.0)
    closed = flows.closed(FlowClosed(1, Cause.RESET))
    assert closed is not None
    assert closed.holders == {("a",)}
    assert flows.closed(FlowClosed(1, Cause.RESET)) is None
