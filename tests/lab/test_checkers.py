"""The checkers: silent where all is well, and each finds what it is there for."""

from __future__ import annotations

import dataclasses

import pytest

from evertone.config.settings import LineSettings, ServerSettings
from evertone.events import CallChanged
from evertone.lab.checkers import (
    Home,
    at_rest,
    call_bound_s,
    calls_in_time,
    home_bound_s,
    is_home,
    one_ring_per_invite,
    only_allowed_targets,
    same_trace,
)
from evertone.lab.record import Packet, Record
from evertone.lab.registrations import Binding
from evertone.model import Group, Transport
from evertone.phone.snapshot import FlowSnapshot, LineState, PhoneSnapshot
from evertone.schedule import SipTimers
from evertone.sip.values import parse_uri
from tests.lab.test_scenarios import DOMAIN, EXPIRES_S, ONE, PHONES, TWO, Lab, ends

KINDS = ["successive", "concurrent", "failover"]


def outage(kind: str, transport: Transport = Transport.UDP) -> Lab:
    """An outage of the first server with a call in it, then its end."""
    lab = Lab(kind, transport)
    lab.start()
    assert lab.all_at(ONE, 5)
    lab.strike("silence")
    # a callee that registers with one server at a time is reached once it has moved, too
    lab.world.run_for(70 if kind == "successive" else 0)
    lab.call(30)
    lab.world.run_for(100)
    lab.world.heal("one")
    return lab


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_well_in_an_outage_and_after_it(kind: str) -> None:
    lab = outage(kind)
    timers = SipTimers()
    line = lab.line("a", Transport.UDP)
    hops = {Group.SERVER1: 2 if kind == "failover" else 1, Group.SERVER2: 1}
    bound_s = call_bound_s(line, hops, timers)
    assert not calls_in_time(lab.world.record, "a", bound_s)
    allowed = {(e.address, e.port, e.transport.value) for e in (*ends(ONE), *ends(TWO))}
    assert not only_allowed_targets(lab.world.record, [PHONES["a"]], allowed)
    assert not one_ring_per_invite(lab.world.record, {PHONES["b"]: "b"})
    lab.world.run_for(home_bound_s(line, EXPIRES_S, 300, timers))
    phone = lab.phones["a"]
    home = Home(1, 1, frozenset({ONE}))
    assert not is_home(phone.snapshot(lab.world.now), [home])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_trace(kind: str) -> None:
    assert not same_trace(lambda seed: outage(kind).world.record, 1)


def test_a_trace_that_differs_is_found() -> None:
    count = iter((2, 3))

    def run(seed: int) -> Record:
        record = Record()
        for i in range(next(count)):
            record.packet(Packet(float(i), "UDP", ("a", 1), ("b", 2), b"x"))
        return record

    assert same_trace(run, 5) == ["seed 5: two runs differ in length or in events"]


def call_event(at: float, state: str, code: int = 0) -> CallChanged:
    return CallChanged(at=at, call="c", state=state, direction="out", peer="b", code=code)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([call_event(0, "calling"), call_event(9, "ringing")], "took 9.000 s"),
        ([call_event(0, "calling")], "came to nothing"),
        ([call_event(0, "calling"), call_event(1, "ended", 408)], "without an answer"),
    ],
)
def test_a_call_that_comes_too_late_is_found(events: list[CallChanged], words: str) -> None:
    record = Record()
    for event in events:
        record.event("a", event)
    assert words in calls_in_time(record, "a", 8.5)[0]


HOPS = {Group.SERVER1: 2, Group.SERVER2: 1}


def test_the_bound_of_a_call_is_the_sum_of_what_is_tried_before() -> None:
    servers = (ServerSettings(address="1.1.1.1"), ServerSettings(address="1.1.1.2"))
    line = LineSettings(enable=1, user_name="a", sip_server=servers)
    assert call_bound_s(line, HOPS, SipTimers()) == 3 * 7.5 + 1
    both = dataclasses.replace(line, fallback_redundancy_type=1)
    assert call_bound_s(both, HOPS, SipTimers()) == 6 * 7.5 + 1


def test_a_packet_to_a_stranger_is_found() -> None:
    record = Record()
    record.packet(Packet(0.0, "UDP", ("10.0.0.1", 5060), ("10.0.0.9", 5060), b"x"))
    other_transport = ("10.0.0.9", 5060, "TCP")
    assert only_allowed_targets(record, ["10.0.0.1"], [other_transport]) == [
        "sent to UDP 10.0.0.9:5060"
    ]
    assert not only_allowed_targets(record, ["10.0.0.1"], [("10.0.0.9", 5060, "UDP")])


def test_two_rings_for_one_call_are_found() -> None:
    record = Record()
    for branch in ("one", "two"):
        ringing = (
            f"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\n"
            "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
        )
        record.packet(Packet(0.0, "UDP", ("10.0.0.2", 1), ("10.0.0.1", 1), ringing.encode()))
    assert one_ring_per_invite(record, {"10.0.0.2": "bob"}) == ["bob rang 2 times for one call"]


def rested() -> tuple[Lab, PhoneSnapshot]:
    lab = Lab("successive", Transport.UDP)
    lab.start()
    assert lab.all_at(ONE, 5)
    lab.call(5)
    lab.world.run_for(400)
    return lab, lab.phones["a"].snapshot(lab.world.now)


def binding(server: str) -> Binding:
    uri = parse_uri("sip:a@10.0.1.1")
    return Binding(f"a@{DOMAIN}", uri, "", "i", "1", "c", 1, server, 0, 0.0, 1e9)


def test_a_phone_at_rest_has_nothing_left_over() -> None:
    _, snapshot = rested()
    assert not at_rest(snapshot, [binding("one")], both_serve=False)
    assert at_rest(snapshot, [binding("one"), binding("two")], both_serve=False)
    assert not at_rest(snapshot, [binding("one"), binding("two")], both_serve=True)


def test_what_is_left_over_is_found() -> None:
    _, snapshot = rested()
    flow = FlowSnapshot(9, ends(ONE)[0], False, ("transaction 3",))
    littered = dataclasses.replace(snapshot, attempts=1, lingering=2, flows=(flow,))
    assert len(at_rest(littered, [], both_serve=False)) == 3


def test_a_line_that_is_not_home_is_found() -> None:
    _, snapshot = rested()
    assert "at server 1" in is_home(snapshot, [Home(1, 2, frozenset({TWO}))])[0]
    failed = dataclasses.replace(snapshot.lines[0], state=LineState.FAILED)
    lost = dataclasses.replace(snapshot, lines=(failed,))
    assert is_home(lost, [Home(1, 1, frozenset({ONE}))]) == ["line 1 is unavailable"]
