"""Every rule of behaviour has a test that proves it, or stands on the list of those to come."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from evertone.rules import Rule

_TESTS = Path(__file__).parent

# Rules that no test proves yet. A rule leaves this list with its first test.
NOT_YET_PROVEN: frozenset[str] = frozenset()


def _rule_marks(source: str) -> Iterator[ast.expr]:
    """The arguments of every ``pytest.mark.rule(...)``, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
            yield from node.args


def _marked() -> dict[str, list[str]]:
    """Rule id -> the test files that are marked with it."""
    found: dict[str, list[str]] = {}
    for path in sorted(_TESTS.rglob("test_*.py")):
        for argument in _rule_marks(path.read_text(encoding="utf-8")):
            assert isinstance(argument, ast.Constant), f"{path}: rule ids must be literal"
            found.setdefault(str(argument.value), []).append(path.name)
    return found


def test_every_rule_is_proven_or_listed_as_not_yet_proven() -> None:
    unproven = {rule.id for rule in Rule} - set(_marked())
    assert sorted(unproven - NOT_YET_PROVEN) == [], "rules without a test, and not listed"


def test_no_proven_rule_is_still_listed() -> None:
    assert sorted(NOT_YET_PROVEN & set(_marked())) == [], (
        "these have a test: take them off the list"
    )


def test_marks_and_list_name_real_rules() -> None:
    ids = {rule.id for rule in Rule}
    assert set(_marked()) | NOT_YET_PROVEN <= ids


def test_registry_is_complete_in_itself() -> None:
    for rule in Rule:
        assert rule.name == rule.id == str(rule)
        assert rule.meaning
        assert rule.source
    assert len({rule.meaning for rule in Rule}) == len(Rule)
