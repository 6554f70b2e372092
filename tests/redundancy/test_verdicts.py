"""A: what an answer means, seen from outside: where the request goes next, and whether the
target counts as dead for others (X1). The expectations are SEMANTICS' table, not the code's."""

from __future__ import annotations

import pytest

from evertone.config.settings import ServerSettings
from evertone.events import TargetFailed
from evertone.model import Cause, Group, Outcome, OutcomeKind
from tests.redundancy.bench import BUSY, FORBIDDEN, OK, REFUSED, Bench, hops, line

S1 = Group.SERVER1
WRONG_PASSWORD = Outcome(OutcomeKind.CHALLENGED, 401, text="Unauthorized")

# what the first target says, does a refused REGISTER go elsewhere -> does the request go on
REGISTERS = [
    pytest.param(OK, False, False, id="200"),
    pytest.param(OK, True, False, id="200 with reg_fail"),
    pytest.param(REFUSED, False, True, id="dead"),
    pytest.param(REFUSED, True, True, id="dead with reg_fail"),
    pytest.param(BUSY, False, True, id="503"),
    pytest.param(BUSY, True, True, id="503 with reg_fail"),
    pytest.param(WRONG_PASSWORD, False, False, id="401"),
    pytest.param(WRONG_PASSWORD, True, True, id="401 with reg_fail"),
    pytest.param(FORBIDDEN, False, False, id="403"),
    pytest.param(FORBIDDEN, True, True, id="403 with reg_fail"),
]
REQUESTS = [
    pytest.param(OK, False, id="200"),
    pytest.param(REFUSED, True, id="dead"),
    pytest.param(BUSY, True, id="503"),
    pytest.param(WRONG_PASSWORD, False, id="407"),
    pytest.param(FORBIDDEN, False, id="403"),
]


def bench_of(moves: bool) -> Bench:
    server = ServerSettings(address="pbx.example", expires=600)
    keys = {"redundancy_with_reg_fail_enable": int(moves), "skip_unavailable": 60}
    return Bench(line(server, **keys), {S1: hops(S1, 1, 2)})


def passed_over(bench: Bench) -> bool:
    """True if the next request leaves the first target out."""
    bench.by_method.clear()
    bench.set(t1=OK)
    bench.request("OPTIONS")
    bench.run(bench.now + 1)
    return bench.sent("OPTIONS")[0][2] != 1


def dead(outcome: Outcome) -> bool:
    return outcome.kind in (OutcomeKind.UNAVAILABLE, OutcomeKind.BUSY)


@pytest.mark.rule("R1", "A1", "A2", "A3", "A6", "X1")
@pytest.mark.parametrize(("said", "reg_fail", "goes_on"), REGISTERS)
def test_what_an_answer_to_register_leads_to(said: Outcome, reg_fail: bool, goes_on: bool) -> None:
    bench = bench_of(reg_fail)
    bench.set(t1=said)
    bench.start()
    bench.run(1)
    assert [s[2] for s in bench.sent("REGISTER")] == ([1, 2] if goes_on else [1])
    registered = bench.engine.snapshot().registrations[0].state == "registered"
    assert registered is (goes_on or said.ok)
    assert passed_over(bench) is dead(said)


@pytest.mark.rule("A1", "A2", "A3", "A7", "X1")
@pytest.mark.parametrize("reg_fail", [False, True])
@pytest.mark.parametrize(("said", "goes_on"), REQUESTS)
def test_what_an_answer_to_another_request_leads_to(
    said: Outcome, reg_fail: bool, goes_on: bool
) -> None:
    bench = bench_of(reg_fail).start()
    bench.run(1)
    bench.by_method[1, "INVITE"] = said
    call = bench.request("INVITE")
    bench.run(2)
    assert [s[2] for s in bench.sent("INVITE")] == ([1, 2] if goes_on else [1])
    assert bench.completed[call][1] == (OK if goes_on else said)
    assert passed_over(bench) is dead(said)


@pytest.mark.rule("S1", "S4", "S5", "S6")
@pytest.mark.parametrize(
    ("cause", "rule"),
    [
        (Cause.SILENCE, "S1"),
        (Cause.STALLED, "S6"),
        (Cause.ICMP, "S5"),
        (Cause.CONNECT_REFUSED, "S4"),
        (Cause.CONNECT_TIMEOUT, "S4"),
        (Cause.RESET, "S4"),
        (Cause.UNREACHABLE, "S4"),
        (Cause.TLS, "S4"),
        (Cause.CERTIFICATE, "S4"),
        (Cause.LOCAL, "S4"),
    ],
)
def test_the_user_is_told_by_which_rule_a_target_was_judged(cause: Cause, rule: str) -> None:
    bench = bench_of(False).start()
    bench.run(1)
    bench.by_method[1, "INVITE"] = Outcome(OutcomeKind.UNAVAILABLE, cause=cause)
    bench.request("INVITE")
    bench.run(2)
    (failed,) = bench.saw(TargetFailed)
    assert failed.rule is not None
    assert failed.rule.id == rule


@pytest.mark.rule("A2", "A5", "A6")
@pytest.mark.parametrize(
    ("said", "reg_fail", "rule"),
    [
        (BUSY, False, "A2"),
        (BUSY, True, "A2"),
        (WRONG_PASSWORD, True, "A6"),
        (FORBIDDEN, True, "A6"),
        *((Outcome(OutcomeKind.BUSY, code), False, "A5") for code in (408, 500, 502, 504)),
    ],
)
def test_the_user_is_told_by_which_rule_a_register_went_on(
    said: Outcome, reg_fail: bool, rule: str
) -> None:
    bench = bench_of(reg_fail)
    bench.set(t1=said)
    bench.start()
    bench.run(1)
    (failed,) = bench.saw(TargetFailed)
    assert str(failed.rule) == rule


@pytest.mark.rule("A2")
@pytest.mark.parametrize("reg_fail", [False, True])
def test_the_user_is_told_by_which_rule_a_call_went_on(reg_fail: bool) -> None:
    bench = bench_of(reg_fail).start()
    bench.run(1)
    bench.by_method[1, "INVITE"] = BUSY
    bench.request("INVITE")
    bench.run(2)
    (failed,) = bench.saw(TargetFailed)
    assert str(failed.rule) == "A2"


@pytest.mark.rule("R2", "R3")
@pytest.mark.parametrize("number", [1, 2])
def test_the_only_server_found_dead_by_a_call_is_registered_with_in_its_own_time(
    number: int,
) -> None:
    server, none = ServerSettings(address="pbx.example", expires=600), ServerSettings()
    settings = line(*((server, none) if number == 1 else (none, server)))
    group = (Group.SERVER1, Group.SERVER2)[number - 1]
    bench = Bench(settings, {group: hops(group, 1)}).start()
    bench.run(1)
    bench.by_method[1, "INVITE"] = REFUSED
    bench.request("INVITE")
    bench.run(500)
    assert bench.sent("REGISTER") == [(0.0, "REGISTER", 1)]
    bench.run(545)
    assert bench.sent("REGISTER")[1:] == [(540.01, "REGISTER", 1)]


@pytest.mark.rule("D15", "D11")
def test_a_request_is_located_once_however_many_targets_it_tries() -> None:
    bench = bench_of(False).start()
    bench.run(1)
    located = bench.locates
    bench.set(t1=REFUSED, t2=REFUSED)
    bench.request("INVITE")
    bench.run(2)
    assert [s[2] for s in bench.sent("INVITE")] == [1, 2]
    assert bench.locates == located + 1


@pytest.mark.rule("B9", "B4")
def test_targets_that_share_registrations_hold_one_binding_the_newest() -> None:
    bench = bench_of(False)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(1)
    bench.set(t1=OK)
    bench.run(700)  # the refresh begins at the primary (B1)
    (registration,) = bench.engine.snapshot().registrations
    assert [held.hop.target for held in registration.bindings] == [bench.lists[S1][0].target]
    assert "-REGISTER" not in {s[1] for s in bench.sent()}
