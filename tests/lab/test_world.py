"""The simulated world: order, delay, loss, ICMP, streams, TLS names, faults, determinism."""

from __future__ import annotations

import pytest

from evertone.errors import EvertoneError, FaultError, UsageError
from evertone.flows import (
    DnsFailed,
    DnsReceived,
    DnsSend,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    Nameserver,
    Received,
    Unreachable,
)
from evertone.lab.faults import make_fault
from evertone.lab.name_server import NameServer
from evertone.lab.world import World
from evertone.model import Cause, Target, Transport
from tests.lab.nodes import Listener

A, B, NOBODY = "10.0.0.1", "10.0.0.2", "10.0.0.99"
UDP = Target(B, 5060, Transport.UDP)
TCP = Target(B, 5060, Transport.TCP)
TLS = Target(B, 5061, Transport.TLS, "pbx.example")


class Pair:
    """Two hosts: ``a`` calls, ``b`` listens."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self.a, self.b = Listener(), Listener()
        self.world.attach("a", self.a, [A])
        self.world.attach("b", self.b, [B], listen=(UDP, TCP, TLS), certificate=["PBX.example"])

    def open(self, target: Target) -> None:
        self.world.do("a", self.a.open(target))
        self.world.run_for(0.1)

    def send(self, data: bytes, flow: int = 1) -> None:
        self.world.do("a", self.a.send(flow, data))

    def fault(self, verb: str, subject: str = "b", **more: object) -> None:
        self.world.inject(make_fault(verb, subject, **more))  # type: ignore[arg-type]


def test_a_datagram_arrives_on_a_flow_of_its_own_and_is_answered_on_it() -> None:
    pair = Pair()
    pair.b.reply = b"pong"
    pair.open(UDP)
    pair.send(b"ping")
    pair.world.run_for(1)
    opened = pair.b.heard[0][1]
    assert isinstance(opened, FlowOpened)
    assert opened.incoming
    assert opened.target == Target(A, 49152, Transport.UDP)
    assert opened.local == (B, 5060)
    assert pair.b.data() == [b"ping"]
    assert pair.a.data() == [b"pong"]
    first, second = pair.world.record.packets
    assert (first.source, first.target) == (second.target, second.source)


def test_the_delay_is_within_the_latency() -> None:
    pair = Pair()
    pair.open(UDP)
    for i in range(50):
        pair.world.run_until(1.0 + i)
        pair.send(b"x")
    pair.world.run_for(1)
    delays = [at % 1 for at, event in pair.b.heard if isinstance(event, Received)]
    assert len(delays) == 50
    assert all(0.001 <= d <= 0.003 for d in delays)
    assert len(set(delays)) > 10


@pytest.mark.rule("S5")
def test_a_closed_port_answers_with_icmp_for_that_target() -> None:
    pair = Pair()
    closed = Target(B, 5099, Transport.UDP)
    pair.open(closed)
    pair.send(b"x")
    pair.world.run_for(1)
    assert [e.target for e in pair.a.inputs(Unreachable)] == [closed]


def test_an_address_that_nobody_has_is_silent() -> None:
    pair = Pair()
    pair.open(Target(NOBODY, 5060, Transport.UDP))
    pair.send(b"x")
    pair.world.run_for(60)
    assert len(pair.a.heard) == 1


def test_a_flow_of_a_family_that_we_lack_fails_at_once() -> None:
    pair = Pair()
    pair.open(Target("::9", 5060, Transport.UDP))
    failed = pair.a.inputs(FlowFailed)[0]
    assert isinstance(failed, FlowFailed)
    assert failed.cause is Cause.UNREACHABLE


@pytest.mark.parametrize("target", [TCP, TLS], ids=["TCP", "TLS"])
def test_a_stream_keeps_its_order(target: Target) -> None:
    pair = Pair()
    pair.open(target)
    assert pair.a.inputs(FlowOpened)
    pieces = [bytes([i]) for i in range(100)]
    for piece in pieces:
        pair.send(piece)
    pair.world.run_for(1)
    assert pair.b.data() == pieces


def test_tls_costs_more_than_tcp_and_needs_the_right_name() -> None:
    pair = Pair()
    pair.open(TLS)
    pair.open(TCP)
    tls, tcp = (at for at, e in pair.a.heard if isinstance(e, FlowOpened))
    assert tls > tcp - 0.1
    pair.open(Target(B, 5061, Transport.TLS, "other.example"))
    failed = pair.a.inputs(FlowFailed)[0]
    assert isinstance(failed, FlowFailed)
    assert failed.cause is Cause.CERTIFICATE
    assert "other.example" in failed.text


def test_a_closed_tcp_port_refuses_and_a_silent_host_times_out() -> None:
    pair = Pair()
    pair.open(Target(B, 5099, Transport.TCP))
    pair.fault("silence")
    pair.open(TCP)
    pair.world.run_for(60)
    refused, silent = pair.a.heard
    assert isinstance(refused[1], FlowFailed)
    assert refused[1].cause is Cause.CONNECT_REFUSED
    assert refused[0] < 0.1
    assert isinstance(silent[1], FlowFailed)
    assert silent[1].cause is Cause.CONNECT_TIMEOUT
    assert silent[0] == pytest.approx(32.1, abs=0.1)


def test_a_connection_opens_late_when_the_silence_ends() -> None:
    pair = Pair()
    pair.fault("silence", until_s=2.0)
    pair.open(TCP)
    pair.world.run_for(10)
    at, event = pair.a.heard[0]
    assert isinstance(event, FlowOpened)
    assert 2.0 < at < 5.0


def test_closing_tells_the_peer_after_the_bytes_before_it() -> None:
    pair = Pair()
    pair.open(TCP)
    pair.send(b"last words")
    pair.world.do("a", pair.a.close(1))
    pair.world.run_for(1)
    assert pair.b.data() == [b"last words"]
    assert isinstance(pair.b.heard[-1][1], FlowClosed)
    assert not pair.a.inputs(FlowClosed)
    pair.send(b"into the void")
    pair.world.run_for(1)
    assert pair.b.data() == [b"last words"]


def test_a_connection_begun_anew_gets_one_answer() -> None:
    pair = Pair()
    pair.fault("silence", until_s=2.0)
    for _ in range(3):  # each SYN's resends have pauses of their own
        pair.open(TCP)
    pair.world.run_for(60)
    (opened,) = [event for _, event in pair.a.heard]
    assert isinstance(opened, FlowOpened)


def test_silence_swallows_datagrams_both_ways() -> None:
    pair = Pair()
    pair.b.reply = b"pong"
    pair.open(UDP)
    pair.fault("silence", at_s=1.0, until_s=2.0)
    for at in (0.5, 1.5, 2.5):
        pair.world.run_until(at)
        pair.send(b"ping")
    pair.world.run_for(1)
    assert pair.b.data() == [b"ping", b"ping"]
    assert len(pair.a.data()) == 2


def test_silence_delays_a_stream_and_nothing_is_lost() -> None:
    pair = Pair()
    pair.open(TCP)
    pair.fault("silence", at_s=1.0, until_s=5.0)
    pair.world.run_until(2.0)
    pair.send(b"one")
    pair.send(b"two")
    pair.world.run_until(4.9)
    assert pair.b.data() == []
    pair.world.run_until(15.0)
    assert pair.b.data() == [b"one", b"two"]


def test_a_stream_into_lasting_silence_breaks_in_the_end() -> None:
    pair = Pair()
    pair.open(TCP)
    pair.fault("silence")
    pair.send(b"x")
    pair.world.run_for(2000)
    assert len(pair.a.inputs(FlowClosed)) == 1


def test_refuse_resets_connections_and_answers_with_icmp_and_rst() -> None:
    pair = Pair()
    pair.open(TCP)
    pair.open(UDP)
    pair.fault("refuse")
    pair.world.run_for(0.1)
    closed = pair.a.inputs(FlowClosed)[0]
    assert isinstance(closed, FlowClosed)
    assert closed.cause is Cause.RESET
    pair.send(b"x", flow=2)
    pair.open(TCP)
    assert len(pair.a.inputs(Unreachable)) == 1
    assert len(pair.a.inputs(FlowFailed)) == 1
    pair.world.heal("b")
    pair.send(b"y", flow=2)
    pair.open(TCP)
    assert pair.b.data() == [b"y"]
    assert len(pair.a.inputs(FlowOpened)) == 3


def test_delay_and_loss() -> None:
    pair = Pair()
    pair.open(UDP)
    pair.fault("delay", value=0.5, until_s=10.0)
    pair.send(b"slow")
    pair.world.run_until(0.55)
    assert pair.b.data() == []
    pair.world.run_until(10.0)
    assert pair.b.data() == [b"slow"]
    pair.fault("lose", value=0.5, at_s=11.0)
    pair.world.run_until(12.0)
    for _ in range(200):
        pair.send(b"?")
    pair.world.run_for(1)
    assert 60 < len(pair.b.data()) < 140


def test_partition_is_one_way() -> None:
    pair = Pair()
    pair.b.reply = b"pong"
    pair.open(UDP)
    pair.send(b"hello")
    pair.world.run_for(1)
    pair.fault("partition", "b", peer="a")
    pair.send(b"hello")
    pair.world.run_for(1)
    assert pair.b.data() == [b"hello"] * 2
    assert pair.a.data() == [b"pong"]


def test_a_frozen_host_works_off_what_came_when_it_thaws() -> None:
    pair = Pair()
    pair.b.reply = b"late"
    pair.open(UDP)
    pair.world.do("b", pair.b.wake(3.0))
    pair.fault("freeze", at_s=1.0, until_s=10.0)
    pair.world.run_until(2.0)
    pair.send(b"one")
    pair.send(b"two")
    pair.open(TCP)
    assert len(pair.a.inputs(FlowOpened)) == 2, "the kernel accepts for it"
    pair.open(TLS)
    assert len(pair.a.inputs(FlowOpened)) == 2, "a handshake needs the process"
    pair.world.run_until(9.9)
    assert pair.b.heard == []
    assert pair.b.wakes == []
    pair.world.run_until(11.0)
    assert sorted(pair.b.data()) == [b"one", b"two"]
    assert pair.b.wakes == [10.0]
    assert pair.a.data() == [b"late", b"late"]
    assert len(pair.a.inputs(FlowOpened)) == 3


def test_dns_goes_to_the_name_server_and_back() -> None:
    world = World(1)
    node = Listener()
    world.attach("a", node, [A])
    world.attach_name_server("ns", NameServer("one.example. 60 IN A 10.9.9.9"), B)
    query = (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03one\x07example\x00\x00\x01\x00\x01"
    )

    def ask(port: int = 53) -> None:
        world.do("a", lambda now: node.out.append(DnsSend(Nameserver(B, port), query)))
        world.run_for(1)

    ask()
    answer = node.inputs(DnsReceived)[0]
    assert isinstance(answer, DnsReceived)
    assert answer.data.endswith(b"\x0a\x09\x09\x09")
    ask(port=54)
    failed = node.inputs(DnsFailed)[0]
    assert isinstance(failed, DnsFailed)
    assert failed.query_id == 0x1234
    world.inject(make_fault("dns_down", "ns"))
    ask()
    assert len(node.heard) == 2
    world.heal("ns")
    world.inject(make_fault("servfail", "ns"))
    ask()
    refused = node.inputs(DnsReceived)[1]
    assert isinstance(refused, DnsReceived)
    assert refused.data[3] & 0x0F == 2


def test_timers_fire_when_due_and_a_moved_one_only_once() -> None:
    pair = Pair()
    pair.world.do("a", pair.a.wake(5.0))
    pair.world.do("a", pair.a.wake(7.0))
    pair.world.run_until(10.0)
    assert pair.a.wakes == [7.0]


def test_verbs_can_be_scheduled_but_not_in_the_past() -> None:
    pair = Pair()
    done: list[float] = []
    pair.world.at(3.0, lambda: done.append(pair.world.now))
    pair.world.run_until(5.0)
    assert done == [3.0]
    with pytest.raises(UsageError, match="is over"):
        pair.world.at(4.0, lambda: None)


def test_run_till_stops_when_it_is_so_or_at_the_limit() -> None:
    pair = Pair()
    pair.world.do("a", pair.a.wake(5.0))
    assert pair.world.run_till(lambda: bool(pair.a.wakes), 60)
    assert pair.world.now == 5.0
    assert not pair.world.run_till(lambda: False, 60)
    assert pair.world.now == 65.0


def test_a_node_that_spins_is_caught() -> None:
    class Spinner(Listener):
        def next_deadline(self) -> float | None:
            return 1.0

    world = World(1)
    spinner = Spinner()
    world.attach("spinner", spinner, [A])
    world.do("spinner", spinner.wake(1.0))
    with pytest.raises(EvertoneError, match="spinner"):
        world.run_until(2.0)


def test_mistakes_are_named() -> None:
    pair = Pair()
    with pytest.raises(UsageError, match="already"):
        pair.world.attach("a", Listener(), ["10.0.0.3"])
    with pytest.raises(UsageError, match="belongs to a"):
        pair.world.attach("c", Listener(), [A])
    with pytest.raises(UsageError, match="not its address"):
        pair.world.attach("c", Listener(), ["10.0.0.3"], listen=(UDP,))
    with pytest.raises(FaultError, match="there are: a, b"):
        pair.fault("silence", "x")
    with pytest.raises(FaultError, match="is no SIP server"):
        pair.fault("restart", "b")


def chat(seed: int) -> str:
    pair = Pair(seed)
    pair.b.reply = b"pong"
    pair.fault("lose", value=0.3)
    for target in (UDP, TCP):
        pair.open(target)
    for i in range(100):
        pair.world.run_for(0.01)
        pair.send(b"%d" % i, flow=1 + i % 2)
    pair.world.run_for(100)
    return pair.world.record.fingerprint()


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    assert chat(7) == chat(7)
    assert chat(7) != chat(8)
