"""Every state of a client transaction x every answer and fault: what is told and what is sent.

The expectations are RFC 3261 §17.1, RFC 6026 and SEMANTICS A8-A11, cell by cell; ways lead to
the states through the layer's own verbs.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertone.sip.message import Request
from evertone.sip.transaction import Gone, GotResponse
from tests.sip.bench import Bench, request

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
