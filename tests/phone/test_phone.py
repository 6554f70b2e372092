"""The whole phone: bad input, many lines on one flow, peace at rest, the same run twice."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertone.config.settings import DnsSettings, PhoneSettings, ProxySettings, StaticA
from evertone.errors import UsageError
from evertone.events import Warned
from evertone.flows import (
    DnsFailed,
    DnsReceived,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    Nameserver,
    Node,
    Received,
    Unreachable,
)
from evertone.model import Cause, Target, Transport
from evertone.phone import phone
from evertone.phone.phone import Phone
from evertone.phone.timer import TimerKind
from evertone.phone.uas import INSIDE, OUTSIDE
from evertone.phone.warnings import MAX_PER_WINDOW, WINDOW_S
from evertone.schedule import SipTimers
from evertone.sip.build import ALLOW
from evertone.sip.message import Response, parse
from tests.phone.desk import INSTANCE, ONE, TWO, Desk, accepting, answer, granting, line, server
from tests.phone.test_call_in import contact_uri, invite, registered

TCP = Target(ONE.address, 5060, Transport.TCP)


def test_a_phone_is_a_node() -> None:
    node: Node = Phone(PhoneSettings(), INSTANCE, random.Random(1))
    assert node.next_deadline() is None
    assert node.effects() == []
    node.handle_timer(5.0)


def test_the_tables_of_requests_take_what_we_allow() -> None:
    own = {"ACK", "CANCEL"}  # the transaction layer's
    assert {m.strip() for m in ALLOW.split(",")} <= own | set(INSIDE) | set(OUTSIDE)


def test_every_kind_of_timer_is_known() -> None:
    assert set(phone._TIMERS) == set(TimerKind)


def test_verbs_that_mean_nothing_say_so() -> None:
    desk = Desk(line(server()))
    desk.start(1)
    with pytest.raises(UsageError):
        desk.phone.start(desk.now)
    for verb in (desk.phone.answer, desk.phone.hangup, desk.phone.reject):
        with pytest.raises(UsageError):
            verb("call-99", desk.now)
    desk.phone.stop(desk.now)
    desk.phone.stop(desk.now)
    with pytest.raises(UsageError):
        desk.phone.call(1, "555", desk.now)


def test_lines_share_one_flow_to_one_target() -> None:
    lines = tuple(line(server(transport_type=1), number=n) for n in range(1, 9))
    desk = Desk(PhoneSettings(lines=lines))
    desk.peers[TCP] = granting()
    desk.start(1)
    (flow,) = desk.phone.snapshot(desk.now).flows
    assert [h for h in flow.holders if h.startswith("binding")] == [
        f"binding {n} 1" for n in range(1, 9)
    ]
    desk.phone.stop(desk.now)
    desk.run(60)
    assert desk.phone.stopped
    assert not desk.flows


@pytest.mark.rule("S4")
def test_tls_flows_are_keyed_by_the_name_that_the_certificate_must_bear() -> None:
    names = ("a.example.net", "b.example.net")
    lines = tuple(
        line(server(name, port=5061, transport_type=2), number=n + 1)
        for n, name in enumerate(names)
    )
    records = DnsSettings(static_a=tuple(StaticA(name, ONE.address) for name in names))
    desk = Desk(PhoneSettings(lines=lines, dns=records))
    desk.start(1)
    assert [flow.target.tls_name for flow in desk.phone.snapshot(1.0).flows] == list(names)


def test_at_rest_only_the_refresh_is_left() -> None:
    desk = registered(auto_answer=True)
    desk.peers[ONE] = accepting()
    call = desk.phone.call(1, "555", desk.now)
    desk.run(5)
    desk.phone.hangup(call, desk.now)
    desk.run(500)
    rest = desk.phone.snapshot(desk.now)
    assert (rest.attempts, rest.transactions, rest.lingering, rest.calls) == (0, 0, 0, ())
    assert {name.split()[0] for name, _ in rest.timers} == {"engine", "bindings"}
    assert all(h.startswith("binding") for flow in rest.flows for h in flow.holders)
    assert len(rest.flows) == 2


def test_the_same_seed_gives_the_same_run() -> None:
    def run() -> tuple[list[tuple[int, bytes]], list[str]]:
        desk = registered()
        desk.peers[ONE] = accepting()
        desk.phone.call(1, "555", desk.now)
        desk.run(4000)
        return desk.raw, [repr(event) for event in desk.events]

    assert run() == run()


# --- bad input ---

BROKEN = [
    b"",
    b"\r\n\r\n",
    b"\x00\xff" * 300,
    b"INVITE\r\n\r\n",
    b"SIP/2.0 999 Nope\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
    b"INVITE sip:4601@192.0.2.10 SIP/7.0\r\n\r\n",
    b"OPTIONS sip:4601@192.0.2.10 SIP/2.0\r\nVia: rubbish\r\nFrom: <<<\r\nTo: >>>\r\n\r\n",
    b"OPTIONS sip:4601@192.0.2.10 SIP/2.0\r\nContent-Length: 99999999999999\r\n\r\n",
]


@pytest.mark.parametrize("data", BROKEN)
def test_broken_datagrams_are_one_line_in_the_log_and_nothing_more(data: bytes) -> None:
    desk = registered()
    before = desk.phone.snapshot(desk.now)
    desk.say(desk.flow_to(ONE), data)
    desk.run(desk.now + 60)
    after = desk.phone.snapshot(desk.now)
    assert len(desk.of(Warned)) == (1 if data.strip() else 0)
    assert (after.lines, after.flows, after.calls) == (before.lines, before.flows, before.calls)
    assert (after.transactions, after.lingering) == (0, 0)


def test_what_can_be_answered_is_answered_with_the_parser_s_status() -> None:
    desk = registered()
    data = invite(contact_uri(desk)).to_bytes()
    broken = data.replace(b"Content-Length: ", b"Content-Length: 9")  # longer than it is
    desk.say(desk.flow_to(ONE), broken)
    refusal = parse(desk.raw[-1][1])
    assert isinstance(refusal, Response)
    assert refusal.status == 400
    assert refusal.call_id == "in1"
    assert refusal.via.branch == "z9hG4bKin1"
    assert len(desk.of(Warned)) == 1


def test_an_ack_or_a_response_is_never_answered() -> None:
    desk = registered()
    sent = len(desk.raw)
    ack = invite(contact_uri(desk), method="ACK").to_bytes()
    desk.say(desk.flow_to(ONE), ack.replace(b"Content-Length: ", b"Content-Length: 9"))
    desk.say(desk.flow_to(ONE), answer(desk.requests("REGISTER")[0], 200))  # nobody asked for it
    assert len(desk.raw) == sent
    assert desk.phone.snapshot(desk.now).lines[0].bindings


def test_a_flood_of_rubbish_is_counted_not_told() -> None:
    desk = registered()
    for _ in range(500):
        desk.say(desk.flow_to(ONE), b"rubbish")
    assert len(desk.of(Warned)) == MAX_PER_WINDOW
    desk.run(desk.now + WINDOW_S)
    desk.say(desk.flow_to(ONE), b"rubbish")
    assert f"and {500 - MAX_PER_WINDOW} more" in desk.of(Warned)[-1].reason


@pytest.mark.rule("R9")
def test_a_stream_that_cannot_be_read_is_closed_and_opened_anew() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting()
    desk.start(10)
    old = desk.flow_to(TCP)
    desk.say(old, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert old in desk.closed
    assert len(desk.requests("REGISTER")) == 2
    assert len(desk.of(Warned)) == 1


def test_messages_in_pieces_and_in_one_go() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.start(0)
    ok = next(iter(granting()(desk.requests("REGISTER")[0]))).to_bytes()
    options = invite("sip:4601@192.0.2.10", method="OPTIONS", body=b"").to_bytes()
    # on a connection of ours the peer's ping counts in one piece only: else it is two pongs
    pieces = [bytes([b]) for b in ok] + [b"\r\n\r\n"] + [bytes([b]) for b in options]
    for piece in pieces:
        desk.say(desk.flow_to(TCP), piece)
    assert desk.phone.snapshot(0).lines[0].bindings
    assert desk.responses("OPTIONS") == [200]
    assert b"\r\n" in [raw for _, raw in desk.raw]  # the pong (RFC 5626 §4.4.1)


FLOWS = st.integers(0, 6)
TARGETS = st.sampled_from([ONE, TWO, TCP, Target("192.0.2.77", 1234, Transport.UDP)])
SERVERS = Nameserver("192.0.2.53")
INPUTS = st.one_of(
    st.builds(Received, FLOWS, st.binary(max_size=80) | st.sampled_from(BROKEN)),
    st.builds(FlowClosed, FLOWS, st.sampled_from(Cause)),
    st.builds(FlowFailed, TARGETS, st.sampled_from(Cause)),
    st.builds(FlowOpened, FLOWS, TARGETS, st.just(("192.0.2.10", 5060)), st.booleans()),
    st.builds(Unreachable, TARGETS),
    st.builds(DnsReceived, st.just(SERVERS), st.binary(max_size=40), st.booleans()),
    st.builds(DnsFailed, st.just(SERVERS), st.integers(0, 65535)),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 40), INPUTS), max_size=25))
def test_no_input_of_a_shell_can_break_a_phone(inputs: list[tuple[float, object]]) -> None:
    two = (server(), server(TWO.address, transport_type=1))
    phone = Phone(PhoneSettings(lines=(line(*two),)), INSTANCE, random.Random(7), (SERVERS,))
    now = 0.0
    phone.start(now)
    phone.call(1, "555", now)
    for wait, event in inputs:
        now += wait
        phone.handle_timer(now)
        phone.receive(event, now)  # type: ignore[arg-type]
        phone.effects()
    phone.stop(now)
    for _ in range(400):
        phone.effects()
        due = phone.next_deadline()
        if due is None:
            break
        now = max(now, due)
        phone.handle_timer(now)
    assert phone.stopped
    assert phone.next_deadline() is None


@pytest.mark.rule("P4", "P1")
def test_the_name_of_a_proxy_is_located_and_that_of_the_server_behind_it_is_not() -> None:
    account = line(
        server("pbx.example", port=0, transport_type=3),
        outbound_proxy_enable=1,
        outbound_proxy=(ProxySettings(address="edge.example", port=0), ProxySettings()),
    )
    desk = Desk(account, nameservers=(Nameserver("192.0.2.53"),))
    desk.records = (
        'edge.example. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.edge.example.',
        "_sip._udp.edge.example. 300 IN SRV 0 0 5066 a.edge.example.",
        f"a.edge.example. 300 IN A {ONE.address}",
    )
    edge = Target(ONE.address, 5066, Transport.UDP)
    desk.peers[edge] = granting()
    desk.start(1)
    assert desk.phone.snapshot(desk.now).lines[0].target == edge
    assert desk.requests("REGISTER", edge)[0].uri == "sip:pbx.example"


@pytest.mark.rule("S7")
def test_the_timers_of_the_settings_are_those_of_the_wire() -> None:
    timers = SipTimers(t1=0.2, t2=1.0)
    desk = Desk(PhoneSettings(lines=(line(server(retry_counts=10)),), timers=timers))
    desk.start(12)
    sends = [sent.at for sent in desk.sent]
    assert sends[:6] == pytest.approx([0.0, 0.2, 0.6, 1.4, 2.4, 3.4])
