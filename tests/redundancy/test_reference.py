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
    for row in (*MOVE_ROWS, *FAILBACK.values(), *DOWN_ROWS.values()):
        assert f"| {row.rule.id} |" in page
    for action in {row.action for row in DOWN_ROWS.values()}:
        assert action.value in page
