"""The mutants of the rules fit the sources, and no rule is without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.mutation.equal import EQUAL
from scripts.mutation.mutant import Mutant, MutantError
from scripts.mutation.rows import row_mutants
from scripts.mutation.runner import files_by_rule, verdict_of
from scripts.mutation.sources import source_mutants

from evertone.phone import call_states, outcome, subscription_states
from evertone.redundancy import policy
from evertone.rules import Rule

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "evertone"

NO_MUTANT: dict[str, str] = {}
"""Rules that nothing in the sources could disable alone, each with its reason."""


def mutants() -> list[Mutant]:
    return [*row_mutants(), *source_mutants()]


def test_every_rule_can_be_disabled() -> None:
    covered = {rule for mutant in mutants() for rule in mutant.rules}
    assert sorted({rule.id for rule in Rule} - covered - set(NO_MUTANT)) == []
    assert not covered & set(NO_MUTANT)
    assert covered <= {rule.id for rule in Rule}


def test_no_table_of_rows_is_left_out() -> None:
    for module in (policy, outcome, call_states, subscription_states):
        file = module.__name__.removeprefix("evertone.").replace(".", "/") + ".py"
        tails = " ".join(mutant.tail for mutant in mutants() if mutant.file == file)
        tables = {
            name
            for name, value in vars(module).items()
            if name.isupper() and isinstance(value, dict | tuple | frozenset)
        }
        # in TABLE _ROWS has been filled up, and PUBLIC only gives names
        assert {name for name in tables - {"_ROWS", "PUBLIC"} if name not in tails} == set()


def test_every_mutant_fits_the_sources_and_changes_them() -> None:
    texts: dict[str, str] = {}
    for mutant in mutants():
        before = texts.setdefault(mutant.file, (PACKAGE / mutant.file).read_text("utf-8"))
        assert mutant.applied(before) != before, mutant.name
        mutant.check(PACKAGE)


def test_names_are_unique_and_what_is_called_equal_exists() -> None:
    names = [mutant.name for mutant in mutants()]
    assert len(set(names)) == len(names)
    assert set(EQUAL) <= set(names)
    assert all(EQUAL.values())


def test_somebody_is_to_notice_each_mutant() -> None:
    by_rule = files_by_rule(ROOT / "tests")
    for mutant in mutants():
        assert bool(mutant.rules) is not bool(mutant.tests), mutant.name
        assert all((ROOT / path).exists() for path in mutant.tests)
        assert any(by_rule.get(rule) for rule in mutant.rules) or mutant.tests, mutant.name


@pytest.mark.parametrize(
    ("status", "said", "noticed", "weak"),
    [
        (0, "9 passed", False, False),
        (5, "no tests ran", False, False),
        (1, "FAILED tests/a.py::test_a - assert 1 == 2", True, False),
        (1, "FAILED tests/a.py::test_a - NameError: name 'x' is not defined", True, True),
        (1, "ERROR tests/a.py - KeyError: 'x'", True, True),
        (4, "ImportError while loading conftest", True, True),
    ],
)
def test_a_mutant_that_does_not_run_is_noticed_but_proves_nothing(
    status: int, said: str, noticed: bool, weak: bool
) -> None:
    verdict = verdict_of(Mutant("S1: lost", "schedule.py"), status, said)
    assert (verdict.noticed, verdict.weak) == (noticed, weak)


def test_a_mutant_whose_text_has_gone_is_an_error() -> None:
    lost = Mutant("S1: lost", "schedule.py", ("S1",), "no such text", "")
    with pytest.raises(MutantError, match=r"stands 0 times in schedule\.py"):
        lost.check(PACKAGE)
