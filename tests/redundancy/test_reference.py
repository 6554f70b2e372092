"""docs/policy.md says what the tables say."""

from __future__ import annotations

from pathlib import Path

from evertone.redundancy.policy import DOWN_ROWS, FAILBACK, MOVE_ROWS
from evertone.redundancy.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "python -m evertone.redundancy.reference > docs/policy.md"


def test_every_row_stands_on_the_page() -> None:
    page = render()
    rules = [row.rule for row in MOVE_ROWS]
    rules += [row.rule for row in FAILBACK.values()]
    rules += [row.rule for row in DOWN_ROWS.values()]
    for rule in rules:
        assert f"| {rule.id} |" in page
    for action in {row.action for row in DOWN_ROWS.values()}:
        assert action.value in page
