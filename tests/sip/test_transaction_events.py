"""Every state of a transaction x every answer and fault: what is told and what is sent.

The expectations are RFC 3261 §17.1, RFC 6026 and SEMANTICS A8-A11, cell by cell; ways lead to
the states through the layer's own verbs.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertone.schedule import SipTimers
from evertone.sip import build
from evertone.sip.message import Request
from evertone.sip.transaction import (
    Gone,
    GotAck,
    GotRequest,
    GotResponse,
    NoAck,
    Stray,
    TimedOut,
    TimeIsUp,
)
from tests.sip.bench import FLOW, Bench, request

Way = Callable[[Bench, Request, int], object]


def then(verb: str, way: Way) -> Way:
    """``way``, and ``verb`` of the layer after it."""

    def longer(bench: Bench, sent: Request, tid: int) -> None:
        way(bench, sent, tid)
        bench.call(verb, tid)

    return longer


WAYS: dict[str, Way] = {
    "calling": lambda bench, sent, tid: bench.run(1),
    "overdue": lambda bench, sent, tid: bench.run(7.5),
    "extended": then("extend", lambda bench, sent, tid: bench.run(7.5)),
    "proceeding": lambda bench, sent, tid: bench.answer(sent, 100),
    "ringing": lambda bench, sent, tid: bench.answer(sent, 180),
    "abandoned": then("abandon", lambda bench, sent, tid: bench.run(7.5)),
    "cancelled": then("abandon", lambda bench, sent, tid: bench.answer(sent, 100)),
    "accepted": lambda bench, sent, tid: bench.answer(sent, 200),
    "completed": lambda bench, sent, tid: bench.answer(sent, 486),
}

# state: for 100, 180, 200, 486 what is told ("", "told" or "late"), what is sent, is it over
INVITE = {
    "calling": ("told", "told", "told", "told ACK gone"),
    "overdue": ("told", "told", "told", "told ACK gone"),
    "extended": ("told", "told", "told", "told ACK gone"),
    "proceeding": ("told", "told", "told", "told ACK gone"),
    "ringing": ("told", "told", "told", "told ACK gone"),
    "abandoned": ("late CANCEL", "late CANCEL", "late", "late ACK gone"),
    "cancelled": ("late", "late", "late", "late ACK gone"),
    "accepted": ("", "", "told", ""),
    "completed": ("", "", "", "ACK"),
}
OTHER = {
    "calling": ("told", "told", "told gone", "told gone"),
    "overdue": ("told", "told", "told gone", "told gone"),
    "extended": ("told", "told", "told gone", "told gone"),
    "proceeding": ("told", "told", "told gone", "told gone"),
    "abandoned": ("late", "late", "late gone", "late gone"),
    "completed": ("", "", "", ""),
}
CELLS = [
    pytest.param(method, state, status, what, id=f"{method} {state} {status}")
    for method, table in (("INVITE", INVITE), ("REGISTER", OTHER))
    for state, row in table.items()
    for status, what in zip((100, 180, 200, 486), row, strict=True)
]


def at(state: str, method: str) -> tuple[Bench, Request, int]:
    """A transaction in ``state``, and nothing in the log."""
    bench = Bench()
    sent = request(method)
    tid = bench.send(sent)
    WAYS[state](bench, sent, tid)
    bench.log.clear()
    return bench, sent, tid


@pytest.mark.rule("A8", "A10", "A11")
@pytest.mark.parametrize(("method", "state", "status", "what"), CELLS)
def test_an_answer_in_each_state(method: str, state: str, status: int, what: str) -> None:
    bench, sent, tid = at(state, method)
    bench.answer(sent, status)
    seen = ["late" if effect.late else "told" for _, effect in bench.told(GotResponse)]
    seen += [name for _, name in bench.sent()]
    seen += ["gone" for _, effect in bench.told(Gone) if effect == Gone(tid)]
    assert " ".join(seen) == what


@pytest.mark.rule("S4", "S6")
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("state", list(WAYS))
def test_a_fault_ends_what_is_not_over(method: str, state: str) -> None:
    if method == "REGISTER" and state in ("ringing", "cancelled", "accepted"):
        state = "proceeding"
    bench, _, tid = at(state, method)
    bench.call("transport_failed", tid)
    assert bench.told(Gone) == ([] if state == "completed" else [(bench.now, Gone(tid))])
    assert tid not in bench.layer.on_flow(FLOW)
    bench.log.clear()
    bench.run(bench.now + 400)  # a CANCEL of its own goes on by itself
    assert bench.sent(method) == []
    assert bench.told(Gone) == []
    assert bench.told(GotResponse) == []


@pytest.mark.rule("A8", "A13")
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("state", ["calling", "overdue", "extended", "proceeding", "ringing"])
def test_what_is_let_go_falls_silent(method: str, state: str) -> None:
    bench, sent, tid = at(state, method)
    bench.call("abandon", tid)
    cancelled = method == "INVITE" and state in ("proceeding", "ringing")
    assert [name for _, name in bench.sent()] == ["CANCEL"] * cancelled
    bench.log.clear()
    bench.run(bench.now + 290)
    assert {name for _, name in bench.sent()} <= ({"CANCEL"} if cancelled else set())
    bench.answer(sent, 200)
    (late,) = bench.told(GotResponse)
    assert late[1].late


@pytest.mark.rule("S1", "S3", "S6", "A10")
@pytest.mark.parametrize("status", [100, 180])
@pytest.mark.parametrize("state", ["calling", "overdue", "extended"])
def test_a_provisional_stops_the_resends_of_an_invite_in_each_state(
    state: str, status: int
) -> None:
    bench, sent, _ = at(state, "INVITE")
    bench.answer(sent, status)
    bench.run(bench.now + 31)
    assert bench.sent() == []


@pytest.mark.rule("A13")
@pytest.mark.parametrize("status", [200, 481])
def test_the_answer_to_a_cancel_ends_its_resends(status: int) -> None:
    bench, _, tid = at("proceeding", "INVITE")
    bench.call("abandon", tid)
    cancel = bench.last_sent()
    assert isinstance(cancel, Request)
    bench.answer(cancel, status)
    bench.log.clear()
    bench.run(bench.now + 100)
    assert bench.sent() == []


# --- what follows --------------------------------------------------------------------------------

STANDING = ("calling", "overdue", "extended", "proceeding")
LET_GO = ("abandoned", "cancelled")


def quiet(bench: Bench, seconds: float) -> bool:
    """Nothing is sent and nothing told for so long."""
    bench.log.clear()
    bench.run(bench.now + seconds)
    return bench.log == []


def lates(bench: Bench) -> list[bool]:
    return [e.late for _, e in bench.told(GotResponse)]


def resends(bench: Bench) -> list[str]:
    """The resends that are set."""
    timers = bench.layer.snapshot(bench.now).timers
    return [name for name, _ in timers if name.endswith("resend")]


def no_cancel_under_way(bench: Bench, sent: Request) -> None:
    """The layer's own CANCEL is answered."""
    bench.answer(build.cancel_for(sent), 200)


@pytest.mark.rule("A8")
@pytest.mark.parametrize("state", [*STANDING, "ringing", *LET_GO])
def test_after_a_2xx_further_ones_are_the_owners_for_64_t1(state: str) -> None:
    bench, sent, tid = at(state, "INVITE")
    if state == "cancelled":
        no_cancel_under_way(bench, sent)
    bench.run(bench.now + 0.25)
    bench.answer(sent, 200)
    first = bench.now
    assert quiet(bench, 31)
    bench.answer(sent, 200)
    bench.answer(sent, 486)  # RFC 6026: not after a 2xx
    assert lates(bench) == [state in LET_GO]
    bench.run(400)
    assert bench.told(Gone) == [(first + 32, Gone(tid))]
    assert bench.sent() == []
    assert bench.layer.next_deadline() is None


@pytest.mark.rule("A8")
@pytest.mark.parametrize("state", [*STANDING, "ringing", *LET_GO])
def test_after_a_refusal_its_repetitions_are_acknowledged_for_64_t1(state: str) -> None:
    bench, sent, _ = at(state, "INVITE")
    if state == "cancelled":
        no_cancel_under_way(bench, sent)
    bench.answer(sent, 486)
    assert quiet(bench, 31.9)
    assert bench.layer.next_deadline() is None
    bench.answer(sent, 486)
    assert [name for _, name in bench.sent()] == ["ACK"]
    assert lates(bench) == []
    bench.run(bench.now + 0.2)
    bench.answer(sent, 486)
    assert len(bench.told(Stray)) == 1


@pytest.mark.parametrize("status", [100, 180, 200, 486, 0])
@pytest.mark.parametrize("state", ["calling", "extended"])
def test_what_was_answered_or_let_go_has_no_resend_set(state: str, status: int) -> None:
    bench, sent, tid = at(state, "INVITE")
    assert resends(bench)
    if status:
        bench.answer(sent, status)
    else:
        bench.call("abandon", tid)
    assert not resends(bench)


@pytest.mark.parametrize("state", ["calling", "extended", "proceeding"])
def test_a_register_let_go_has_no_resend_set(state: str) -> None:
    bench, _, tid = at(state, "REGISTER")
    assert resends(bench)
    bench.call("abandon", tid)
    assert not resends(bench)


@pytest.mark.rule("S6")
@pytest.mark.parametrize("state", STANDING)
def test_after_a_ring_an_invite_waits_for_ever_and_what_comes_then_counts(state: str) -> None:
    bench, sent, _ = at(state, "INVITE")
    bench.answer(sent, 180)
    assert bench.layer.next_deadline() is None
    bench.answer(sent, 100)
    assert bench.layer.next_deadline() is None  # it is no reason to wait for less
    bench.answer(sent, 200)
    assert lates(bench) == [False] * 3


@pytest.mark.rule("S6", "A8")
@pytest.mark.parametrize("state", ["calling", "overdue", "extended"])
def test_after_a_100_an_invite_has_64_t1_and_is_let_go_for_five_minutes(state: str) -> None:
    bench, sent, tid = at(state, "INVITE")
    bench.answer(sent, 100)
    heard = bench.now
    assert quiet(bench, 31.9)
    bench.run(heard + 32)
    assert bench.told(TimedOut) == [(heard + 32, TimedOut(tid, stalled=True))]
    no_cancel_under_way(bench, sent)
    assert quiet(bench, 299.9)
    bench.answer(sent, 180)
    assert lates(bench) == [True]
    bench.run(heard + 400)
    assert bench.told(Gone) == [(heard + 332, Gone(tid))]


@pytest.mark.rule("A8", "A11", "S3")
@pytest.mark.parametrize(
    ("method", "state"),
    [
        ("INVITE", "overdue"),
        ("INVITE", "extended"),
        ("REGISTER", "overdue"),
        ("REGISTER", "extended"),
        ("REGISTER", "proceeding"),
    ],
)
def test_after_64_t1_without_an_answer_it_is_let_go_for_five_minutes(
    method: str, state: str
) -> None:
    bench, sent, tid = at(state, method)
    bench.run(32)
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]
    assert not resends(bench)
    assert quiet(bench, 299.9)
    bench.answer(sent, 100)
    assert lates(bench) == [True]
    assert [name for _, name in bench.sent()] == ["CANCEL"] * (method == "INVITE")
    bench.run(400)
    assert bench.told(Gone) == [(332, Gone(tid))]


@pytest.mark.rule("A8", "A11", "A13")
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("state", [*STANDING, "ringing"])
def test_what_is_let_go_is_gone_after_five_minutes(method: str, state: str) -> None:
    bench, sent, tid = at(state, method)
    bench.call("abandon", tid)
    let_go = bench.now
    if method == "INVITE" and state in ("proceeding", "ringing"):
        no_cancel_under_way(bench, sent)
    assert quiet(bench, 299.9)
    bench.run(let_go + 400)
    assert bench.log == [(let_go + 300, Gone(tid))]


@pytest.mark.rule("A8", "A13")
@pytest.mark.parametrize("state", LET_GO)
@pytest.mark.parametrize("status", [100, 180])
def test_after_a_late_provisional_nothing_more_is_cancelled(state: str, status: int) -> None:
    bench, sent, tid = at(state, "INVITE")
    bench.answer(sent, status)
    no_cancel_under_way(bench, sent)
    bench.log.clear()
    bench.answer(sent, status)
    assert lates(bench) == [True]
    assert bench.sent() == []
    assert bench.call("reclaim", tid) is False


@pytest.mark.rule("A10")
@pytest.mark.parametrize("status", [100, 180])
@pytest.mark.parametrize(
    ("state", "resends"),
    [
        ("calling", [1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]),
        ("overdue", [11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
        ("extended", [11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
        ("proceeding", [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]),
    ],
)
def test_after_a_provisional_a_register_is_sent_every_t2_until_64_t1(
    state: str, resends: list[float], status: int
) -> None:
    bench, sent, tid = at(state, "REGISTER")
    bench.answer(sent, status)
    bench.run(100)
    assert bench.times("REGISTER") == resends
    assert bench.told(TimeIsUp) == []
    assert bench.told(TimedOut) == [(32, TimedOut(tid))]
    bench.answer(sent, 200)
    assert lates(bench) == [False, True]


@pytest.mark.rule("A10", "S7")
@pytest.mark.parametrize("status", [100, 180])
def test_after_a_provisional_it_is_t2_that_counts_and_no_schedule(status: int) -> None:
    bench = Bench(timers=SipTimers(t2=16))
    sent = request()
    tid = bench.send(sent, resends=0)
    bench.run(4)
    bench.call("extend", tid)
    bench.answer(sent, status)
    bench.log.clear()
    bench.run(100)
    assert bench.times("REGISTER") == [7.5, 23.5]  # the schedule has 15.5 and 31.5


@pytest.mark.rule("A10", "A11")
@pytest.mark.parametrize("status", [200, 486])
@pytest.mark.parametrize("state", [*STANDING, "abandoned"])
def test_after_the_answer_to_a_register_its_repetitions_are_absorbed(
    state: str, status: int
) -> None:
    bench, sent, _ = at(state, "REGISTER")
    bench.answer(sent, status)
    assert bench.layer.next_deadline() is None
    assert quiet(bench, 4.9)
    bench.answer(sent, status)
    assert bench.log == []
    bench.run(bench.now + 0.2)
    bench.answer(sent, status)
    assert len(bench.told(Stray)) == 1


@pytest.mark.parametrize("status", [200, 481])
def test_the_answer_to_a_cancel_is_absorbed_for_t4(status: int) -> None:
    bench, sent, tid = at("proceeding", "INVITE")
    bench.call("abandon", tid)
    cancel = build.cancel_for(sent)
    bench.answer(cancel, status)
    assert quiet(bench, 4.9)
    lingering = bench.layer.snapshot(bench.now).lingering
    bench.answer(cancel, status)
    assert bench.log == []
    assert bench.layer.snapshot(bench.now).lingering == lingering
    bench.run(bench.now + 0.2)
    bench.answer(cancel, status)
    assert len(bench.told(Stray)) == 1


# --- the client's resends -------------------------------------------------------------------------


@pytest.mark.rule("S3")
def test_a_register_that_gets_the_whole_time_is_resent_to_its_end() -> None:
    bench, _, _ = at("extended", "REGISTER")
    bench.run(40)
    assert bench.times("REGISTER") == [11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


@pytest.mark.rule("A13")
@pytest.mark.parametrize("broken", [False, True])
def test_a_cancel_that_is_over_leaves_nothing(broken: bool) -> None:
    bench, _, tid = at("proceeding", "INVITE")
    bench.call("abandon", tid)
    before = bench.layer.snapshot(bench.now).active
    if broken:
        (cancel,) = (t for t in bench.layer.on_flow(FLOW) if t != tid)
        bench.call("transport_failed", cancel)
    else:
        bench.run(33)
    assert bench.layer.snapshot(bench.now).active == before - 1
    bench.log.clear()
    bench.run(200)
    assert bench.sent() == []


# --- the server's side ---------------------------------------------------------------------------


def arrived(method: str, *codes: int, proxy: bool = False) -> tuple[Bench, Request, int]:
    """A request that came in and was answered with ``codes``."""
    bench = Bench(proxy=proxy)
    message = request(method)
    bench.take(message)
    (got,) = (effect for _, effect in bench.told(GotRequest))
    for code in codes:
        bench.respond(got.tid, message, code)
    return bench, message, got.tid


@pytest.mark.parametrize(
    "codes",
    [(100, 180, 200), (100, 183, 486), (180, 100, 183, 200), (183, 180, 603), (200,), (486,)],
)
def test_each_answer_to_an_invite_goes_out_in_its_order(codes: tuple[int, ...]) -> None:
    bench, _, _ = arrived("INVITE", *codes)
    assert [name for _, name in bench.sent()] == [str(code) for code in codes]


@pytest.mark.parametrize("codes", [(), (100,), (180,)])
def test_a_proxy_passes_the_first_2xx_on_in_every_state(codes: tuple[int, ...]) -> None:
    bench, message, tid = arrived("INVITE", *codes, proxy=True)
    bench.log.clear()
    bench.respond(tid, message, 200)
    assert [name for _, name in bench.sent()] == ["200"]


def test_a_proxy_hears_of_an_ack_with_the_branch_of_its_invite() -> None:
    bench, message, _ = arrived("INVITE", 200, proxy=True)
    bench.take(build.ack_for(message, build.response_to(message, 200, to_tag="us")))
    assert len(bench.told(GotAck)) == 1


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_request_that_had_its_100_gets_its_answer_all_the_same(status: int) -> None:
    bench, message, tid = arrived("REGISTER")
    bench.run(5)
    bench.log.clear()
    bench.respond(tid, message, status)
    assert [name for _, name in bench.sent()] == [str(status)]
    assert bench.told(Gone) == [(5, Gone(tid))]


@pytest.mark.parametrize(
    ("method", "codes", "proxy"),
    [
        ("INVITE", (), False),
        ("INVITE", (180,), False),
        ("INVITE", (200,), False),
        ("INVITE", (486,), False),
        ("INVITE", (200,), True),
        ("REGISTER", (), False),
        ("REGISTER", (100,), False),
    ],
)
def test_a_broken_way_ends_a_server_transaction_in_every_state(
    method: str, codes: tuple[int, ...], proxy: bool
) -> None:
    bench, _, tid = arrived(method, *codes, proxy=proxy)
    if codes == (100,):
        bench.run(5)  # the layer's own 100
    bench.log.clear()
    bench.call("transport_failed", tid)
    assert bench.told(Gone) == [(bench.now, Gone(tid))]
    assert bench.layer.on_flow(FLOW) == ()
    bench.log.clear()
    bench.run(bench.now + 100)
    assert bench.log == []


@pytest.mark.parametrize("codes", [(), (100,), (180,)])
@pytest.mark.parametrize("status", [200, 486])
def test_what_an_invite_was_answered_is_repeated_until_its_ack(
    codes: tuple[int, ...], status: int
) -> None:
    bench, message, tid = arrived("INVITE", *codes)
    bench.respond(tid, message, status)
    bench.log.clear()
    bench.run(10)
    assert bench.times(str(status)) == [0.5, 1.5, 3.5, 7.5]
    bench.take(build.ack_for(message, build.response_to(message, status, to_tag="us")))
    assert bench.told(Gone) == [(10, Gone(tid))]
    assert quiet(bench, 100)


@pytest.mark.parametrize("codes", [(), (100,), (180,)])
@pytest.mark.parametrize("status", [200, 486])
def test_an_answer_to_an_invite_that_nobody_acknowledges_ends_at_64_t1(
    codes: tuple[int, ...], status: int
) -> None:
    bench, message, tid = arrived("INVITE", *codes)
    bench.run(5)
    bench.respond(tid, message, status)
    bench.run(100)
    assert bench.told(NoAck) == [(37, NoAck(tid))]
    assert bench.told(Gone) == [(37, Gone(tid))]
    assert quiet(bench, 100)


@pytest.mark.parametrize("wait_s", [0, 5])
@pytest.mark.parametrize("codes", [(), (100,), (180,)])
def test_a_proxy_passes_2xx_on_for_64_t1(codes: tuple[int, ...], wait_s: int) -> None:
    bench, message, tid = arrived("INVITE", *codes, proxy=True)
    bench.run(wait_s)
    bench.respond(tid, message, 200)
    assert quiet(bench, 31.9)
    bench.respond(tid, message, 200)
    assert [name for _, name in bench.sent()] == ["200"]
    bench.run(100)
    assert bench.told(Gone) == [(wait_s + 32, Gone(tid))]
    assert bench.layer.on_flow(FLOW) == ()


@pytest.mark.parametrize("code", [0, 100, 183])
def test_an_invite_that_comes_again_gets_what_it_was_told_last(code: int) -> None:
    bench, message, _ = arrived("INVITE", *([code] if code else []))
    if code:
        assert bench.layer.next_deadline() is None  # the layer's own 100 is not wanted any more
    bench.run(1)
    bench.log.clear()
    bench.take(message)
    assert [name for _, name in bench.sent()] == [str(code or 100)]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("status", [200, 486])
def test_the_answer_to_another_request_is_repeated_for_64_t1(slow: bool, status: int) -> None:
    bench, message, tid = arrived("REGISTER")
    bench.run(5 if slow else 1)
    bench.respond(tid, message, status)
    assert bench.told(Gone) == [(bench.now, Gone(tid))]
    assert quiet(bench, 31.9)
    assert bench.layer.next_deadline() is None
    bench.take(message)
    assert [name for _, name in bench.sent()] == [str(status)]
    bench.respond(tid, message, 200)  # one answer is enough
    bench.run(bench.now + 0.2)
    bench.take(message)
    assert len(bench.sent()) == 1
    assert len(bench.told(GotRequest)) == 1  # it is taken for a new one
