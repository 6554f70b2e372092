"""Every table of policy has a row for every combination of its columns."""

from __future__ import annotations

from itertools import product

import pytest

from evertone.model import Cause, OutcomeKind
from evertone.redundancy.policy import (
    CAUSE_RULES,
    DOWN_ROWS,
    FAILBACK,
    MOVE_ROWS,
    VERDICT_ROWS,
    Ask,
    DownTrigger,
    FailbackTrigger,
    FallbackType,
    Move,
    Start,
    Step,
    move,
    verdict,
)
from evertone.rules import Rule


def test_no_table_has_a_hole() -> None:
    assert set(VERDICT_ROWS) == set(product(Ask, OutcomeKind, (False, True)))
    assert set(DOWN_ROWS) == set(product(FallbackType, (1, 2), DownTrigger))
    assert set(CAUSE_RULES) == set(Cause)
    assert set(FAILBACK) == {0, 1, 2, 3}
    for key in product((True, False), repeat=5):
        names = ("hops_left", "behind_proxy", "path_alive", "paths_left", "registrars_left")
        assert move(**dict(zip(names, key, strict=True))) in MOVE_ROWS


@pytest.mark.rule("F8", "A1")
def test_a_server_is_left_only_when_its_list_is_spent() -> None:
    for key in product((True, False), repeat=4):
        names = ("behind_proxy", "path_alive", "paths_left", "registrars_left")
        row = move(hops_left=True, **dict(zip(names, key, strict=True)))
        assert row.move is Move.NEXT_HOP


@pytest.mark.rule("P1")
def test_a_live_path_leads_to_the_other_registrar_and_a_dead_one_to_the_other_path() -> None:
    common = {"hops_left": False, "behind_proxy": True}
    alive = move(**common, path_alive=True, paths_left=True, registrars_left=True)
    dead = move(**common, path_alive=False, paths_left=True, registrars_left=True)
    spent = move(**common, path_alive=False, paths_left=False, registrars_left=True)
    assert (alive.move, dead.move, spent.move) == (
        Move.NEXT_REGISTRAR,
        Move.NEXT_PATH,
        Move.GIVE_UP,
    )


@pytest.mark.rule("A5")
def test_a_registrar_that_cannot_serve_is_left_by_rule_a5() -> None:
    row = verdict(
        Ask.REGISTER,
        OutcomeKind.BUSY,
        502,
        refusal_moves=False,
        via_proxy=False,
        alerted=False,
    )
    assert (row.step, row.rule) == (Step.NEXT, Rule.A5)


@pytest.mark.rule("A7", "P1")
@pytest.mark.parametrize(
    ("code", "via_proxy", "alerted", "step"),
    [
        (408, False, False, Step.RESULT),
        (408, True, False, Step.NEXT),
        (504, True, False, Step.NEXT),
        (408, True, True, Step.RESULT),
        (486, True, False, Step.RESULT),
    ],
)
def test_what_a_live_path_answers(code: int, via_proxy: bool, alerted: bool, step: Step) -> None:
    row = verdict(
        Ask.REQUEST,
        OutcomeKind.REFUSED,
        code,
        refusal_moves=False,
        via_proxy=via_proxy,
        alerted=alerted,
    )
    assert row.step is step


@pytest.mark.rule("B1", "B2", "B3", "B4", "B5")
def test_failback_modes_are_those_of_the_guide() -> None:
    assert FAILBACK[0].start is Start.TOP
    assert [FAILBACK[mode].trigger for mode in range(4)] == [
        FailbackTrigger.NONE,
        FailbackTrigger.TTL,
        FailbackTrigger.REFRESH,
        FailbackTrigger.DURATION,
    ]
    assert [FAILBACK[mode].needs_idle for mode in range(4)] == [False, True, True, True]
