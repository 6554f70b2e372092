"""The table of what answers mean (SEMANTICS A)."""

from __future__ import annotations

import pytest

from evertone.model import Cause, OutcomeKind
from evertone.phone import outcome
from evertone.rules import Rule

METHODS = ("REGISTER", "INVITE", "BYE", "OPTIONS", "SUBSCRIBE")


@pytest.mark.parametrize("method", METHODS)
def test_every_final_status_has_a_row(method: str) -> None:
    for status in range(200, 700):
        assert isinstance(outcome.kind_of(method, status), OutcomeKind)
        assert isinstance(outcome.rule_of(method, status), Rule)


@pytest.mark.rule("A5")
@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_registrar_that_cannot_serve_is_busy_but_other_servers_refuse(status: int) -> None:
    assert outcome.kind_of("REGISTER", status) is OutcomeKind.BUSY
    assert outcome.kind_of("INVITE", status) is OutcomeKind.REFUSED
    assert outcome.rule_of("REGISTER", status) is Rule.A5


@pytest.mark.rule("A3", "A7", "R4")
@pytest.mark.parametrize("method", METHODS)
def test_a_2xx_is_success_and_a_challenge_that_stands_is_no_refusal_like_others(
    method: str,
) -> None:
    for status in (200, 202):
        assert outcome.kind_of(method, status) is OutcomeKind.OK
    assert outcome.rule_of(method, 200) is (Rule.R4 if method == "REGISTER" else Rule.A7)
    for status in (401, 407):
        assert outcome.kind_of(method, status) is OutcomeKind.CHALLENGED
        assert outcome.rule_of(method, status) is Rule.A3


@pytest.mark.rule("A2")
@pytest.mark.parametrize("method", METHODS)
def test_503_is_busy_for_all_and_keeps_its_retry_after(method: str) -> None:
    result = outcome.of_response(method, 503, "Service Unavailable", 30)
    assert (result.kind, result.code, result.retry_after_s) == (OutcomeKind.BUSY, 503, 30)
    assert outcome.rule_of(method, 503) is Rule.A2


@pytest.mark.rule("A2", "A5")
def test_retry_after_counts_with_500_and_503_only_and_has_a_bound() -> None:
    assert outcome.of_response("REGISTER", 500, "", 7).retry_after_s == 7
    assert outcome.of_response("REGISTER", 504, "", 7).retry_after_s == 0
    assert outcome.of_response("REGISTER", 503, "", 2**32).retry_after_s == 24 * 3600


@pytest.mark.rule("A6", "A7", "A3")
@pytest.mark.parametrize("status", [300, 302, 400, 403, 404, 486, 488, 501, 505, 600, 603])
def test_other_finals_are_the_answer_of_a_live_server(status: int) -> None:
    for method in METHODS:
        assert outcome.kind_of(method, status) is OutcomeKind.REFUSED
    assert outcome.rule_of("REGISTER", status) is Rule.A6
    assert outcome.rule_of("INVITE", status) is Rule.A7


@pytest.mark.rule("A2", "S6")
def test_after_a_ring_nothing_is_a_reason_to_ring_elsewhere() -> None:
    busy = outcome.of_response("INVITE", 503, "", 30, rang=True)
    assert (busy.kind, busy.alerted) == (OutcomeKind.REFUSED, True)
    lost = outcome.failed(Cause.RESET, "", rang=True)
    assert (lost.kind, lost.code, lost.alerted) == (OutcomeKind.REFUSED, 503, True)
    assert outcome.failed(Cause.RESET, "").kind is OutcomeKind.UNAVAILABLE
