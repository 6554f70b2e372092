"""Client transactions: S1-S6, A8, A10, A11, A13 in simulated time."""

from __future__ import annotations

import pytest

from evertone.errors import LimitError, UsageError
from evertone.sip import build
from evertone.sip.message import Request
from evertone.sip.transaction import (
    Gone,
    GotResponse,
    Limits,
    Out,
    Stray,
    TimedOut,
    TimeIsUp,
)
from tests.sip.bench import Bench, request


def statuses(bench: Bench) -> list[tuple[float, int, bool]]:
    return [(at, e.response.status, e.late) for at, e in bench.told(GotResponse)]


# --- S1, S2, S3, S4 ---------------------------------------------------------------------------


@pytest.mark.rule("S1")
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_three_retries_are_four_sends_and_the_time_is_up_at_7_5_s(method: str) -> None:
    bench = Bench()
    tid = bench.send(request(method))
    bench.run(20)
    assert bench.times(method) == [0, 0.5, 1.5, 3.5]
    assert bench.told(TimeIsUp) == [(7.5, TimeIsUp(tid))]


@pytest.mark.rule("S1")
def test_no_retries_still_wait_four_seconds() -> None:
    bench = Bench()
    tid = bench.send(request(), resends=0)
    bench.run(20)
    assert bench.times("REGISTER") == [0]
    assert bench.told(TimeIsUp) == [(4, TimeIsUp(tid))]


@pytest.mark.rule("S1")
def test_an_answer_ends_the_resends() -> None:
    bench = Bench()
    sent = request()
    tid = bench.send(sent)
    bench.run(1)
    bench.answer(sent, 200)
    bench.run(100)
    assert bench.times("REGISTER") == [0, 0.5]
    assert statuses(bench) == [(1, 200, False)]
    assert bench.told(Gone) == [(1, Gone(tid))]
    assert bench.told(TimeIsUp) == []
    assert bench.told(TimedOut) == []


@pytest.mark.rule("S2")
@pytest.mark.parametrize(
    ("method", "times"),
    [
        ("REGISTER", [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
        ("INVITE", [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
    ],
)
def test_retries_beyond_64_t1_are_not_sent(method: str, times: list[float]) -> None:
    bench = Bench()
    bench.send(request(method), resends=50)
    bench.run(100)
    assert bench.times(method) == times
    assert [at for at, _ in bench.told(TimeIsUp)] == [32]


@pytest.mark.rule("S3")
@pytest.mark.parametrize(
    ("resends", "times"),
    [
        (3, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
        (1, [0, 0.5, 4, 7.5, 15.5, 31.5]),  # judged at 4 s: what was missed is one send
    ],
)
def test_an_extended_request_is_resent_by_the_rfc_until_64_t1(
    resends: int, times: list[float]
) -> None:
    bench = Bench()
    tid = bench.send(request("INVITE"), resends=resends)
    bench.run(times[3] if resends == 3 else 3.9)
    bench.run(7.5 if resends == 3 else 4)
    bench.call("extend", tid)
    bench.run(100)
    assert bench.times("INVITE") == times
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]


@pytest.mark.rule("S3")
def test_time_up_and_no_word_from_the_owner_ends_at_64_t1() -> None:
    bench = Bench()
    tid = bench.send(request())
    bench.run(100)
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]
    assert len(bench.times("REGISTER")) == 4


@pytest.mark.rule("S4")
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_a_reliable_transport_gets_one_send_and_the_same_time(method: str) -> None:
    bench = Bench(reliable=True)
    tid = bench.send(request(method))
    bench.run(7.5)
    assert bench.told(TimeIsUp) == [(7.5, TimeIsUp(tid))]
    bench.call("extend", tid)
    bench.run(40)
    assert bench.times(method) == [0]
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]


@pytest.mark.rule("S4", "S5")
def test_a_broken_way_ends_the_transaction_with_gone_only() -> None:
    bench = Bench()
    tid = bench.send(request())
    assert bench.layer.on_flow(7) == (tid,)
    assert bench.layer.on_flow(8) == ()
    bench.call("transport_failed", tid)
    bench.call("transport_failed", tid)
    bench.run(1000)
    assert [e for _, e in bench.log if not isinstance(e, Out)] == [Gone(tid)]
    assert bench.layer.next_deadline() is None
    assert bench.layer.on_flow(7) == ()


# --- A10 --------------------------------------------------------------------------------------


@pytest.mark.rule("A10")
def test_a_provisional_to_register_means_alive_every_t2_until_64_t1() -> None:
    bench = Bench()
    sent = request()
    tid = bench.send(sent)
    bench.run(1)
    bench.answer(sent, 100)
    bench.run(100)
    assert bench.told(TimeIsUp) == []
    assert bench.times("REGISTER") == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]


@pytest.mark.rule("A10")
@pytest.mark.parametrize("status", [100, 180])
def test_a_provisional_after_the_last_resend_starts_them_anew(status: int) -> None:
    bench = Bench()
    sent = request()
    bench.send(sent, resends=0)
    bench.run(3)
    bench.answer(sent, status)
    bench.run(12)
    assert bench.times("REGISTER") == [0, 7, 11]


# --- S6 ---------------------------------------------------------------------------------------


@pytest.mark.rule("S6")
def test_a_100_stops_s1_and_nothing_more_for_64_t1_is_a_stall() -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.run(1)
    bench.answer(sent, 100)
    bench.run(20)
    bench.answer(sent, 100)  # another 100 is nothing more
    bench.run(33)
    assert bench.times("INVITE") == [0, 0.5]
    assert bench.told(TimeIsUp) == []
    assert bench.told(TimedOut) == [(33, TimedOut(tid, stalled=True))]
    assert bench.times("CANCEL") == [33]
    bench.answer(sent, 487)
    assert statuses(bench)[-1] == (33, 487, True)
    assert bench.times("ACK") == [33]


@pytest.mark.rule("S6")
def test_a_ringing_invite_never_times_out() -> None:
    bench = Bench()
    sent = request("INVITE")
    bench.send(sent)
    bench.answer(sent, 100)
    bench.answer(sent, 180)
    bench.run(100_000)
    bench.answer(sent, 200)
    assert bench.told(TimedOut) == []
    assert bench.told(TimeIsUp) == []
    assert [status for _, status, _ in statuses(bench)] == [100, 180, 200]


# --- finals -----------------------------------------------------------------------------------


def test_a_refused_invite_is_acknowledged_each_time_it_is_refused() -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.answer(sent, 486)
    bench.run(0.5)
    bench.answer(sent, 486)
    bench.run(31.9)
    bench.answer(sent, 486)
    bench.run(32.1)
    bench.answer(sent, 486)  # timer D is over
    assert bench.times("ACK") == [0, 0.5, 31.9]
    assert statuses(bench) == [(0, 486, False)]
    assert bench.told(Gone) == [(0, Gone(tid))]
    assert len(bench.told(Stray)) == 1
    ack = bench.last_sent()
    assert ack.via == sent.via
    assert ack.to.tag == "b1"
    assert str(ack.cseq) == "1 ACK"


def test_every_2xx_to_an_invite_is_the_owners_until_timer_m() -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.answer(sent, 200)
    bench.run(0.5)
    bench.answer(sent, 200)
    bench.answer(sent, 200, tag="fork")
    bench.answer(sent, 486)  # RFC 6026: not after a 2xx
    bench.run(40)
    assert [at for at, _, _ in statuses(bench)] == [0, 0.5, 0.5]
    assert bench.times("ACK") == []
    assert bench.told(Gone) == [(32, Gone(tid))]


def test_a_repeated_final_to_register_is_absorbed() -> None:
    bench = Bench()
    sent = request()
    bench.send(sent)
    bench.answer(sent, 200)
    bench.run(4.9)
    bench.answer(sent, 200)
    assert bench.told(Stray) == []
    assert len(statuses(bench)) == 1
    bench.run(5.1)  # timer K
    bench.answer(sent, 200)
    assert len(bench.told(Stray)) == 1


def test_what_only_absorbs_needs_no_timer_and_is_swept() -> None:
    bench = Bench()
    sent = request()
    bench.send(sent)
    bench.answer(sent, 200)
    assert bench.layer.next_deadline() is None
    assert bench.layer.snapshot(1).lingering == 1
    assert bench.layer.snapshot(6).lingering == 0


# --- A8, A11, A13 -----------------------------------------------------------------------------


def given_up(method: str = "INVITE") -> tuple[Bench, Request, int]:
    bench = Bench()
    sent = request(method)
    tid = bench.send(sent)
    bench.run(7.5)
    bench.call("abandon", tid)
    bench.run(100)
    return bench, sent, tid


@pytest.mark.rule("A8")
@pytest.mark.parametrize("status", [100, 180])
def test_a_late_provisional_is_cancelled_there_once(status: int) -> None:
    bench, sent, _ = given_up()
    assert bench.times("INVITE") == [0, 0.5, 1.5, 3.5]
    bench.answer(sent, status)
    bench.answer(sent, 180)
    bench.run(100.4)
    assert bench.times("CANCEL") == [100]
    cancel = bench.last_sent()
    assert isinstance(cancel, Request)
    assert cancel.via == sent.via
    assert (cancel.uri, str(cancel.cseq), cancel.to.tag) == (sent.uri, "1 CANCEL", "")
    assert all(late for _, _, late in statuses(bench))


@pytest.mark.rule("A8")
def test_the_cancel_is_resent_until_it_is_answered_and_says_nothing_to_the_owner() -> None:
    bench, sent, tid = given_up()
    bench.answer(sent, 100)
    bench.run(101.6)
    assert bench.times("CANCEL") == [100, 100.5, 101.5]
    bench.take(build.response_to(build.cancel_for(sent), 200, to_tag="x"))
    bench.answer(sent, 487)
    bench.run(1000)
    assert len(bench.times("CANCEL")) == 3
    assert bench.times("ACK") == [101.6]
    assert [status for _, status, _ in statuses(bench)] == [100, 487]
    assert bench.told(Gone) == [(101.6, Gone(tid))]


@pytest.mark.rule("A8")
def test_a_cancel_that_nobody_answers_ends_by_itself() -> None:
    bench, sent, _ = given_up()
    bench.answer(sent, 100)
    bench.run(1000)
    assert bench.layer.snapshot(1000).timers == ()
    assert bench.layer.snapshot(1000).lingering == 0


@pytest.mark.rule("A8")
def test_a_late_2xx_is_reported_late_every_time() -> None:
    bench, sent, _ = given_up()
    bench.answer(sent, 200)
    bench.run(100.5)
    bench.answer(sent, 200)
    assert statuses(bench) == [(100, 200, True), (100.5, 200, True)]
    assert bench.times("CANCEL") == bench.times("ACK") == []


@pytest.mark.rule("A8")
def test_a_late_refusal_is_acknowledged() -> None:
    bench, sent, tid = given_up()
    bench.answer(sent, 503)
    assert bench.times("ACK") == [100]
    assert statuses(bench) == [(100, 503, True)]
    assert bench.told(Gone) == [(100, Gone(tid))]


@pytest.mark.rule("A8", "A11")
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_stragglers_are_waited_for_five_minutes(method: str) -> None:
    bench, sent, tid = given_up(method)
    bench.run(307.4)
    assert bench.layer.snapshot(307.4).lingering == 1
    assert bench.layer.snapshot(307.4).active == 0
    bench.run(400)
    assert bench.told(Gone) == [(307.5, Gone(tid))]
    bench.answer(sent, 200)
    assert len(bench.told(Stray)) == 1


@pytest.mark.rule("A11")
def test_a_late_2xx_to_a_register_given_up_is_reported_late() -> None:
    bench, sent, tid = given_up("REGISTER")
    bench.answer(sent, 200)
    bench.answer(sent, 200)
    assert statuses(bench) == [(100, 200, True)]
    assert bench.told(Gone) == [(100, Gone(tid))]


@pytest.mark.rule("A8")
def test_after_64_t1_the_transaction_waits_on_as_if_abandoned() -> None:
    bench = Bench()
    sent = request("INVITE")
    bench.send(sent)
    bench.run(7.5)
    bench.call("extend", 1)
    bench.run(50)
    bench.answer(sent, 180)
    assert bench.times("CANCEL") == [50]


@pytest.mark.rule("A13")
def test_the_users_cancel_waits_for_a_provisional_and_stops_the_resends() -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.run(0.7)
    bench.call("cancel", tid)
    bench.run(3)
    assert bench.times("INVITE") == [0, 0.5]
    assert bench.times("CANCEL") == []
    bench.answer(sent, 180)
    assert bench.times("CANCEL") == [3]
    assert bench.told(TimeIsUp) == []


@pytest.mark.rule("A13")
@pytest.mark.parametrize("status", [100, 183])
def test_the_users_cancel_after_a_provisional_goes_at_once_where_the_invite_went(
    status: int,
) -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.answer(sent, status)
    bench.run(2)
    bench.call("cancel", tid)
    bench.call("cancel", tid)
    assert bench.sent("CANCEL") == [(2, "CANCEL")]
    assert {e.flow for _, e in bench.told(Out)} == {7}
    bench.answer(sent, 487)
    assert statuses(bench)[-1] == (2, 487, True)


@pytest.mark.rule("A12")
def test_an_abandoned_invite_can_be_taken_back_until_64_t1_after_its_first_send() -> None:
    bench = Bench()
    sent = request("INVITE")
    tid = bench.send(sent)
    bench.run(7.5)
    bench.call("abandon", tid)
    bench.run(10)
    assert bench.call("reclaim", tid) is True
    bench.answer(sent, 180)
    assert statuses(bench) == [(10, 180, False)]
    assert bench.times("CANCEL") == []

    silent = Bench()
    tid = silent.send(request("INVITE"))
    silent.run(7.5)
    silent.call("abandon", tid)
    silent.call("reclaim", tid)
    silent.run(60)
    assert silent.told(TimedOut) == [(32, TimedOut(tid))]
    assert silent.times("INVITE") == [0, 0.5, 1.5, 3.5]


@pytest.mark.rule("A12")
def test_what_was_cancelled_or_is_no_invite_cannot_be_taken_back() -> None:
    bench, sent, tid = given_up()
    bench.answer(sent, 100)
    assert bench.call("reclaim", tid) is False
    register, _, tid = given_up("REGISTER")
    assert register.call("reclaim", tid) is False
    assert bench.call("reclaim", 999) is False


# --- bounds and oddities ----------------------------------------------------------------------


def test_over_the_limit_of_abandoned_ones_the_oldest_is_forgotten() -> None:
    bench = Bench(limits=Limits(abandoned=2))
    tids = [bench.send(request("INVITE", cseq=number)) for number in (1, 2, 3)]
    for tid in tids:
        bench.call("abandon", tid)
    assert bench.told(Gone) == [(0, Gone(tids[0]))]
    assert bench.layer.snapshot(0).lingering == 2


def test_too_many_transactions_and_a_used_branch_are_refused_before_anything_is_sent() -> None:
    bench = Bench(limits=Limits(transactions=2))
    bench.send(request(cseq=1))
    with pytest.raises(UsageError):
        bench.send(request(cseq=1))
    bench.send(request(cseq=2))
    with pytest.raises(LimitError):
        bench.send(request(cseq=3))
    assert len(bench.sent()) == 2


def test_answers_that_nobody_asked_for_leave_one_word() -> None:
    bench = Bench()
    bench.answer(request(), 200)
    assert [e.why for _, e in bench.told(Stray)] == ["an answer that nobody asked for"]
    assert bench.sent() == []


def test_a_response_that_cannot_be_read_is_a_stray() -> None:
    bench = Bench()
    response = build.response_to(request(), 200)
    response.set("CSeq", "what")
    bench.take(response)
    assert len(bench.told(Stray)) == 1
    assert bench.sent() == []


@pytest.mark.parametrize("verb", ["extend", "abandon", "cancel"])
def test_verbs_on_what_is_gone_do_nothing(verb: str) -> None:
    bench = Bench()
    bench.call(verb, 17)
    assert bench.log == []
