"""Every state of a transaction x every answer and fault: what is told and what is sent.

The expectations are RFC 3261 §17.1, RFC 6026 and SEMANTICS A8-A11, cell by cell; ways lead to
the states through the layer's own verbs.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertone.sip import build
from evertone.sip.message import Request
from evertone.sip.transaction import Gone, GotAck, GotRequest, GotResponse
from tests.sip.bench import FLOW, Bench, request

Way = Callable[[Bench, Request, int], object]

WAYS: dict[str, Way] = {
    "calling": lambda bench, sent, tid: bench.run(1),
    "overdue": lambda bench, sent, tid: bench.run(7.5),
    "extended": lambda bench, sent, tid: (bench.run(7.5), bench.call("extend", tid)),
    "proceeding": lambda bench, sent, tid: bench.answer(sent, 100),
    "ringing": lambda bench, sent, tid: bench.answer(sent, 180),
    "abandoned": lambda bench, sent, tid: (bench.run(7.5), bench.call("abandon", tid)),
    "cancelled": lambda bench, sent, tid: (bench.answer(sent, 100), bench.call("abandon", tid)),
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
    seen = [
        "late" if effect.late else "told"
        for _, effect in bench.told(GotResponse)
        if isinstance(effect, GotResponse)
    ]
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
    bench.log.clear()
    bench.run(bench.now + 400)  # a CANCEL of its own goes on by itself
    assert bench.sent(method) == bench.told(Gone) == bench.told(GotResponse) == []


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
    assert isinstance(late[1], GotResponse) and late[1].late


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
    assert isinstance(got, GotRequest)
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
    bench.log.clear()
    bench.run(bench.now + 100)
    assert bench.log == []
