"""Server transactions: answers, repetitions, CANCEL, ACK, merged requests, limits."""

from __future__ import annotations

import random

import pytest

from evertone.sip import build
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response, parse
from evertone.sip.transaction import (
    Gone,
    GotAck,
    GotCancel,
    GotRequest,
    GotResponse,
    Limits,
    NoAck,
    Out,
    Stray,
    TimedOut,
    TransactionLayer,
)
from tests.sip.bench import TIMERS, Bench, request


def arrived(message: Request, *, proxy: bool = False, reliable: bool = False) -> tuple[Bench, int]:
    bench = Bench(proxy, reliable)
    bench.take(message)
    return bench, bench.told(GotRequest)[0][1].tid


def ack_to_2xx(invite: Request, tag: str = "us") -> Request:
    """As the caller's dialog makes it: a branch of its own."""
    response = build.response_to(invite, 200, to_tag=tag)
    ack = Dialog.as_caller(invite, response).ack(invite)
    build.stamp_via(ack, "UDP", "192.0.2.1", 5060, "z9hG4bK-ack")
    return ack


# --- non-INVITE -------------------------------------------------------------------------------


def test_a_repeated_request_gets_the_answer_again_for_64_t1() -> None:
    bench, tid = arrived(request())
    bench.take(request())  # not answered yet: absorbed
    bench.respond(tid, request(), 200)
    bench.run(31.9)
    bench.take(request())
    bench.run(32.1)
    bench.take(request())
    assert bench.times("200") == [0, 31.9]
    assert len(bench.told(GotRequest)) == 2
    assert bench.told(Gone) == [(0, Gone(tid))]


def test_a_second_final_is_ignored() -> None:
    bench, tid = arrived(request())
    bench.respond(tid, request(), 200)
    bench.respond(tid, request(), 500)
    assert bench.sent() == [(0, "200")]


def test_rfc4320_a_100_of_the_layers_own_after_the_client_has_slowed_to_t2() -> None:
    bench, tid = arrived(request())
    bench.respond(tid, request(), 100)
    bench.respond(tid, request(), 183)
    bench.run(10)
    bench.take(request())
    bench.respond(tid, request(), 200)
    assert bench.sent() == [(3.5, "100"), (10, "100"), (10, "200")]


def test_rfc4320_no_408_and_no_answer_after_64_t1() -> None:
    bench, tid = arrived(request())
    bench.respond(tid, request(), 408)
    bench.run(33)
    bench.respond(tid, request(), 200)
    assert bench.sent() == [(3.5, "100")]
    assert bench.told(Gone) == [(32, Gone(tid))]


def test_on_a_reliable_transport_nothing_lingers() -> None:
    bench, tid = arrived(request(), reliable=True)
    bench.respond(tid, request(), 200)
    assert bench.layer.snapshot(0) == bench.layer.snapshot(1000)
    assert bench.layer.snapshot(0).lingering == 0


# --- INVITE -----------------------------------------------------------------------------------


def test_an_invite_gets_a_100_within_200_ms_unless_its_owner_was_faster() -> None:
    slow, _ = arrived(request("INVITE"))
    slow.run(10)
    assert slow.sent() == [(0.2, "100")]
    fast, tid = arrived(request("INVITE"))
    fast.respond(tid, request("INVITE"), 180)
    fast.run(10)
    fast.take(request("INVITE"))
    assert fast.sent() == [(0, "180"), (10, "180")]


def test_a_refusal_is_repeated_until_its_ack_which_is_absorbed() -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite)
    bench.respond(tid, invite, 486)
    bench.run(2)
    bench.take(build.ack_for(invite, bench.last_response()))
    bench.run(3)
    bench.take(build.ack_for(invite, bench.last_response()))
    bench.run(100)
    assert bench.times("486") == [0, 0.5, 1.5]
    assert bench.told(GotAck) == []
    assert bench.told(Stray) == []
    assert bench.told(NoAck) == []
    assert bench.told(Gone) == [(2, Gone(tid))]


def test_a_refusal_that_nobody_acknowledges_ends_at_timer_h() -> None:
    bench, tid = arrived(request("INVITE"))
    bench.respond(tid, request("INVITE"), 486)
    bench.run(100)
    assert bench.times("486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [e for _, e in bench.log[-2:]] == [NoAck(tid), Gone(tid)]


@pytest.mark.parametrize("reliable", [False, True])
def test_a_2xx_is_repeated_on_every_transport_until_its_ack(reliable: bool) -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite, reliable=reliable)
    bench.respond(tid, invite, 200)
    bench.run(4)
    bench.take(invite)  # RFC 6026: absorbed
    bench.take(ack_to_2xx(invite), flow=9)
    bench.take(ack_to_2xx(invite))
    bench.run(100)
    assert bench.times("200") == [0, 0.5, 1.5, 3.5]
    assert [(at, e.flow, e.tid) for at, e in bench.told(GotAck)] == [(4, 9, tid)]
    assert bench.told(Stray) == []
    assert bench.told(NoAck) == []
    assert bench.told(Gone) == [(4, Gone(tid))]


def test_a_2xx_that_nobody_acknowledges_is_told_to_the_owner_at_64_t1() -> None:
    bench, tid = arrived(request("INVITE"))
    bench.respond(tid, request("INVITE"), 200)
    bench.run(100)
    assert bench.told(NoAck) == [(32, NoAck(tid))]
    assert bench.told(Gone) == [(32, Gone(tid))]
    assert bench.times("200")[-1] == 31.5


def test_an_ack_with_the_branch_of_its_invite_is_taken_too() -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite)
    bench.respond(tid, invite, 200)
    bench.take(build.ack_for(invite, bench.last_response()))
    assert len(bench.told(GotAck)) == 1


def test_a_broken_way_ends_a_server_transaction() -> None:
    bench, tid = arrived(request("INVITE"))
    bench.call("transport_failed", tid)
    bench.respond(tid, request("INVITE"), 200)
    assert [e for _, e in bench.log] == [bench.log[0][1], Gone(tid)]


# --- proxy ------------------------------------------------------------------------------------


def test_a_proxy_passes_every_2xx_and_repeats_none() -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite, proxy=True)
    bench.respond(tid, invite, 100)
    bench.respond(tid, invite, 200, tag="one")
    bench.run(1)
    bench.respond(tid, invite, 200, tag="one")
    bench.respond(tid, invite, 200, tag="two")
    bench.run(100)
    assert bench.times("200") == [0, 1, 1]
    assert bench.told(NoAck) == []
    assert bench.told(Gone) == [(32, Gone(tid))]


def test_a_proxy_hears_of_every_ack_that_ends_no_transaction() -> None:
    bench = Bench(proxy=True)
    bench.take(ack_to_2xx(request("INVITE")))
    assert [e.tid for _, e in bench.told(GotAck)] == [0]


def test_a_proxy_takes_the_same_request_by_two_ways() -> None:
    bench = Bench(proxy=True)
    bench.take(request("INVITE", branch="z9hG4bK-1"))
    bench.take(request("INVITE", branch="z9hG4bK-2"))
    assert len(bench.told(GotRequest)) == 2


# --- CANCEL (RFC 3261 §9.2) -------------------------------------------------------------------


def test_a_cancel_gets_200_from_the_layer_with_the_to_tag_of_the_invite() -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite)
    bench.respond(tid, invite, 180, tag="mine")
    bench.take(build.cancel_for(invite))
    bench.take(build.cancel_for(invite))  # repeated: the same answer, no second word
    assert [status for _, status in bench.sent()] == ["180", "200", "200"]
    assert bench.last_sent().to.tag == "mine"
    assert bench.last_sent().cseq.method == "CANCEL"
    assert [e.tid for _, e in bench.told(GotCancel)] == [tid]
    bench.respond(tid, invite, 487)
    assert bench.times("487") == [0]


def test_a_cancel_after_the_final_answer_changes_nothing() -> None:
    invite = request("INVITE")
    bench, tid = arrived(invite)
    bench.respond(tid, invite, 200)
    bench.take(build.cancel_for(invite))
    assert [status for _, status in bench.sent()] == ["200", "200"]
    assert bench.told(GotCancel) == []


def test_a_cancel_of_nothing_gets_481() -> None:
    bench = Bench()
    bench.take(build.cancel_for(request("INVITE")))
    assert bench.sent() == [(0, "481")]
    assert bench.told(GotCancel) == []
    assert bench.told(GotRequest) == []
    assert bench.told(Gone) == []


# --- merged requests --------------------------------------------------------------------------


@pytest.mark.rule("F6")
def test_the_same_invite_by_another_way_gets_482_and_does_not_ring() -> None:
    first, second = (request("INVITE", branch=f"z9hG4bK-{way}") for way in (1, 2))
    bench, tid = arrived(first)
    bench.respond(tid, first, 180)
    bench.take(second)
    assert len(bench.told(GotRequest)) == 1
    refused = bench.last_response()
    assert (refused.status, refused.via.branch) == (482, "z9hG4bK-2")
    bench.take(build.ack_for(second, refused))
    bench.run(5)
    assert bench.times("482") == [0]
    assert bench.told(Stray) == []


@pytest.mark.rule("F6", "A8")
def test_a_proxy_that_wakes_up_minutes_later_does_not_make_it_ring_again() -> None:
    first = request("INVITE", branch="z9hG4bK-1")
    bench, tid = arrived(first)
    bench.respond(tid, first, 486)
    bench.take(build.ack_for(first, bench.last_response()))
    bench.run(290)
    bench.take(request("INVITE", branch="z9hG4bK-2"))
    assert bench.times("482") == [290]
    bench.run(700)
    bench.take(request("INVITE", branch="z9hG4bK-3"))
    assert len(bench.told(GotRequest)) == 2


@pytest.mark.rule("F6")
def test_another_cseq_or_from_tag_is_another_request() -> None:
    bench, _ = arrived(request("INVITE", cseq=1))
    bench.take(request("INVITE", cseq=2))
    bench.take(request("INVITE", branch="z9hG4bK-x", tag="other"))
    assert len(bench.told(GotRequest)) == 3


def test_a_request_within_a_dialog_is_never_merged() -> None:
    bench = Bench()
    for way in (1, 2):
        bye = request("BYE", branch=f"z9hG4bK-{way}")
        bye.set("To", "<sip:bob@example.com>;tag=t")
        bench.take(bye)
    assert len(bench.told(GotRequest)) == 2


def test_other_merged_requests_are_refused_while_the_first_is_remembered_only() -> None:
    bench, tid = arrived(request("OPTIONS", branch="z9hG4bK-1"))
    bench.respond(tid, request("OPTIONS", branch="z9hG4bK-1"), 200)
    bench.take(request("OPTIONS", branch="z9hG4bK-2"))
    assert bench.times("482") == [0]
    bench.run(40)
    bench.take(request("OPTIONS", branch="z9hG4bK-3"))
    assert len(bench.told(GotRequest)) == 2


def test_the_memory_of_merged_requests_is_bounded() -> None:
    bench = Bench(reliable=True, limits=Limits(merged=2))
    for number in (1, 2, 3):
        invite = request("INVITE", cseq=number)
        bench.take(invite)
        tid = bench.told(GotRequest)[-1][1].tid
        bench.respond(tid, invite, 486)
        bench.take(build.ack_for(invite, bench.last_response()))
    for number in (1, 2, 3):
        bench.take(request("INVITE", cseq=number, branch=f"z9hG4bK-again-{number}"))
    assert len(bench.times("482")) == 2


# --- RFC 2543 ---------------------------------------------------------------------------------


def test_a_client_of_rfc_2543_is_matched_without_branch() -> None:
    def old(method: str = "INVITE") -> Request:
        message = request(method)
        message.set("Via", "SIP/2.0/UDP 192.0.2.9:5060")
        return message

    bench, tid = arrived(old())
    bench.respond(tid, old(), 486)
    bench.take(old())
    assert bench.times("486") == [0, 0]
    bench.take(build.ack_for(old(), bench.last_response()))
    bench.run(40)
    assert bench.times("486") == [0, 0]
    assert bench.told(NoAck) == []
    assert bench.told(Stray) == []


# --- source, limits, bad input ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "received", "rport"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK-r", "198.51.100.4", 4711),
        ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-r", "198.51.100.4", None),
        ("SIP/2.0/UDP 198.51.100.4;branch=z9hG4bK-r", None, None),
        ("SIP/2.0/UDP pbx.example.com;branch=z9hG4bK-r", "198.51.100.4", None),
        ("SIP/2.0/UDP 192.0.2.1;rport;Received=9.9.9.9;branch=z9hG4bK-r", "198.51.100.4", 4711),
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-r;rport", "198.51.100.4", 4711),
        ("SIP/2.0/UDP 192.0.2.1;RPORT;branch=z9hG4bK-r", "198.51.100.4", 4711),
        ('SIP/2.0/UDP 192.0.2.1;x=";rport;";branch=z9hG4bK-r', "198.51.100.4", None),
        ('SIP/2.0/UDP 192.0.2.1;x=";rport;";rport;branch=z9hG4bK-r', "198.51.100.4", 4711),
    ],
)
def test_rfc3581_the_source_goes_into_the_topmost_via(
    via: str, received: str | None, rport: int | None
) -> None:
    bench = Bench()
    message = request()
    message.set("Via", via)
    message.add("Via", "SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK-below")
    bench.take(message, source=("198.51.100.4", 4711))
    tid, seen = bench.told(GotRequest)[0][1].tid, bench.told(GotRequest)[0][1].request
    bench.respond(tid, seen, 200)
    top, below = bench.last_sent().vias
    assert (top.received, top.rport) == (received, rport)
    assert below.branch == "z9hG4bK-below"


def test_over_the_limit_requests_get_503_without_state() -> None:
    bench = Bench(limits=Limits(transactions=1))
    bench.take(request("OPTIONS", cseq=1))
    for _ in range(3):
        bench.take(request("OPTIONS", cseq=2))
    bench.take(ack_to_2xx(request("INVITE")))
    assert bench.times("503") == [0, 0, 0]
    assert bench.last_response().retry_after_s
    assert len(bench.told(GotRequest)) == 1


def test_a_request_that_cannot_be_read_gets_400_and_leaves_one_word() -> None:
    bench = Bench()
    message = request("OPTIONS")
    message.set("To", "<<<")
    bench.take(message)
    assert bench.sent() == [(0, "400")]
    assert len(bench.told(Stray)) == 1
    assert bench.layer.snapshot(0).active == 0


@pytest.mark.parametrize("header", ["Via", "CSeq", "Call-ID", "From"])
def test_a_request_without_what_it_needs_never_raises(header: str) -> None:
    for method in ("INVITE", "ACK", "CANCEL", "OPTIONS"):
        bench = Bench()
        message = request(method)
        message.remove(header)
        bench.take(message, source=("192.0.2.1", 5060))


def test_a_stray_ack_leaves_one_word() -> None:
    bench = Bench()
    bench.take(ack_to_2xx(request("INVITE")))
    assert [e.why for _, e in bench.told(Stray)] == ["an ACK that belongs to no INVITE"]
    assert bench.sent() == []


def test_the_snapshot_tells_what_is_open_and_what_is_set() -> None:
    bench, tid = arrived(request("INVITE"))
    bench.send(request("REGISTER"))
    shown = bench.layer.snapshot(0)
    assert (shown.active, shown.lingering) == (2, 0)
    assert [name for name, _ in shown.timers] == [
        f"INVITE {tid} expiry",
        f"REGISTER {tid + 1} resend",
        f"REGISTER {tid + 1} expiry",
    ]


# --- two layers and a bad line ----------------------------------------------------------------


class Line:
    """Two layers, and between them a line that loses, doubles and delays what it carries."""

    def __init__(self, seed: int, lost: float) -> None:
        self.rng = random.Random(seed)
        self.lost = lost
        self.caller = TransactionLayer(TIMERS, random.Random(seed))
        self.callee = TransactionLayer(TIMERS, random.Random(seed + 1))
        self.now = 0.0
        self.flight: list[tuple[float, int, TransactionLayer, bytes]] = []
        self.count = 0
        self.rung: list[Request] = []
        self.finals: list[Response] = []
        self.given_up = 0

    def carry(self, layer: TransactionLayer, data: bytes) -> None:
        other = self.callee if layer is self.caller else self.caller
        for _ in range(1 + (self.rng.random() < 0.2)):
            if self.rng.random() >= self.lost:
                self.count += 1
                at = self.now + self.rng.uniform(0.001, 0.9)
                self.flight.append((at, self.count, other, data))

    def drain(self, status: int) -> None:
        for layer in (self.caller, self.callee):
            for effect in layer.effects():
                if isinstance(effect, Out):
                    self.carry(layer, effect.data)
                elif isinstance(effect, GotRequest):
                    self.rung.append(effect.request)
                    answer = build.response_to(effect.request, status, to_tag="callee")
                    layer.respond(effect.tid, answer, self.now)
                elif isinstance(effect, GotResponse) and effect.response.status >= 200:
                    self.finals.append(effect.response)
                    if effect.response.status < 300:
                        self.carry(layer, ack_to_2xx(self.rung[0], "callee").to_bytes())
                elif isinstance(effect, TimedOut):
                    self.given_up += 1

    def run(self, status: int) -> None:
        for _ in range(5000):
            self.drain(status)
            dues = [at for at, *_ in self.flight]
            timers = [layer.next_deadline() for layer in (self.caller, self.callee)]
            dues += [at for at in timers if at is not None]
            if not dues:
                return
            self.now = max(self.now, min(dues))
            arriving = sorted(one for one in self.flight if one[0] <= self.now)
            self.flight = [one for one in self.flight if one[0] > self.now]
            for _, _, layer, data in arriving:
                layer.receive(parse(data), 1, False, self.now)
            self.caller.handle_timer(self.now)
            self.callee.handle_timer(self.now)
        pytest.fail("the two never come to rest")


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(("method", "status"), [("INVITE", 200), ("INVITE", 486), ("OPTIONS", 200)])
def test_over_a_bad_line_it_rings_once_and_comes_to_rest(
    seed: int, method: str, status: int
) -> None:
    print(f"seed {seed}")
    line = Line(seed, lost=0.3)
    line.caller.send_request(request(method), 1, False, 64, 32.0, 0.0)
    line.run(status)
    assert len(line.rung) <= 1
    assert {one.status for one in line.finals} <= {status}
    assert line.finals or line.given_up
    if status != 200 or method != "INVITE":
        assert len(line.finals) <= 1
    for layer in (line.caller, line.callee):
        shown = layer.snapshot(line.now + 1000)
        assert (shown.active, shown.lingering, shown.timers) == (0, 0, ())
