"""The shroud: faults laid over a node that stands on real sockets, seen from the shell's side."""

from __future__ import annotations

import random

from evertone.events import Warned
from evertone.flows import (
    Announce,
    CloseFlow,
    DnsSend,
    FlowClosed,
    FlowOpened,
    Nameserver,
    Received,
    Transmit,
)
from evertone.lab.faults import make_fault
from evertone.lab.record import Record
from evertone.lab.shroud import Shroud
from evertone.model import Target, Transport
from tests.lab.nodes import Listener

PEER = Target("10.0.0.2", 5060, Transport.UDP)


class Case:
    """A listener under a shroud, with one flow open."""

    def __init__(self, *, both_ways: bool = False) -> None:
        self.node = Listener()
        self.node.reply = b"pong"
        self.record = Record()
        self.shroud = Shroud(
            "host",
            self.node,
            self.record,
            random.Random(1),
            names={"10.0.0.2": "peer"},
            both_ways=both_ways,
        )
        self.shroud.receive(FlowOpened(1, PEER, ("10.0.0.1", 5060), True), 0.0)
        self.shroud.effects()

    def fault(self, verb: str, subject: str = "host", **more: object) -> None:
        self.shroud.faults.begin(make_fault(verb, subject, **more))  # type: ignore[arg-type]

    def ping(self, now: float, flow: int = 1) -> list[object]:
        self.shroud.receive(Received(flow, b"ping"), now)
        return list(self.shroud.effects())


def test_a_healthy_host_is_let_alone_and_written_down() -> None:
    case = Case()
    assert case.ping(1.0) == [Transmit(1, b"pong")]
    packet = case.record.packets[0]
    assert (packet.at, packet.source, packet.target) == (
        1.0,
        ("10.0.0.1", 5060),
        ("10.0.0.2", 5060),
    )
    assert len(case.record.packets) == 1


def test_what_arrives_is_written_down_if_asked_for() -> None:
    case = Case(both_ways=True)
    case.ping(1.0)
    assert [p.data for p in case.record.packets] == [b"ping", b"pong"]


def test_silence_swallows_both_ways_but_the_record_shows_what_was_sent() -> None:
    case = Case()
    case.fault("silence")
    assert case.ping(1.0) == []
    assert case.node.data() == []
    assert case.shroud.use(case.node.send(1, b"hello"), 2.0) is None
    assert case.shroud.effects() == []
    assert [p.data for p in case.record.packets] == [b"hello"]


def test_a_partition_lets_nothing_in_from_that_peer() -> None:
    case = Case()
    case.fault("partition", "peer", peer="host")
    assert case.ping(1.0) == []


def test_delay_puts_off_both_ways() -> None:
    case = Case()
    case.fault("delay", value=1.0)
    assert case.ping(1.0) == []
    assert case.shroud.next_deadline() == 2.0
    case.shroud.handle_timer(2.0)
    assert case.shroud.effects() == []
    case.shroud.handle_timer(3.0)
    assert case.shroud.effects() == [Transmit(1, b"pong")]


def test_loss_loses_some() -> None:
    case = Case()
    case.fault("lose", value=0.5)
    answered = sum(bool(case.ping(float(i))) for i in range(400))
    assert 60 < answered < 140


def test_a_frozen_node_hears_nothing_until_it_thaws() -> None:
    case = Case()
    fault = make_fault("freeze", "host")
    case.shroud.faults.begin(fault)
    case.node.wake_at = 2.0
    assert case.ping(1.0) == []
    assert case.shroud.next_deadline() is None
    case.shroud.handle_timer(3.0)
    assert case.node.wakes == []
    case.shroud.faults.end(fault)
    case.shroud.thaw(5.0)
    assert case.node.wakes == [5.0]
    assert case.shroud.effects() == [Transmit(1, b"pong")]


def test_flows_stay_unique_when_the_shell_counts_anew() -> None:
    case = Case()
    case.shroud.shell_lost(1.0)
    assert isinstance(case.node.heard[-1][1], FlowClosed)
    case.shroud.receive(FlowOpened(1, PEER, ("10.0.0.1", 5060), True), 2.0)
    opened = case.node.heard[-1][1]
    assert isinstance(opened, FlowOpened)
    assert opened.flow == 2
    assert case.ping(3.0) == [Transmit(1, b"pong")]
    case.shroud.use(case.node.close(2), 4.0)
    assert case.shroud.effects() == [CloseFlow(1)]
    assert case.ping(5.0, flow=7) == []


def test_a_restart_closes_the_flows_at_both_ends() -> None:
    case = Case()
    case.shroud.drop_flows(1.0)
    assert case.shroud.effects() == [CloseFlow(1)]
    assert isinstance(case.node.heard[-1][1], FlowClosed)


def test_events_and_questions_pass_through_the_record() -> None:
    case = Case()
    event = Warned(at=1.0, reason="odd")
    question = DnsSend(Nameserver("10.0.0.53"), b"query")
    case.node.out += [Announce(event), question]
    case.shroud.handle_timer(1.0)
    assert case.shroud.effects() == [question]
    assert case.record.events_of("host") == [event]
    assert case.record.packets[0].kind == "DNS"
