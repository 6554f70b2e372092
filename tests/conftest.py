"""What all tests share: rule marks that must name real rules, tools that may be missing."""

from __future__ import annotations

import os

import hypothesis
import pytest

from evertone.rules import Rule
from tests import tools

_RULE_IDS = frozenset(rule.id for rule in Rule)

# The machine is shared: how long one example takes says nothing. A failure prints how to repeat it.
hypothesis.settings.register_profile("evertone", deadline=None, print_blob=True)
hypothesis.settings.load_profile("evertone")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--rule B4``: only the tests that prove this rule; may be given more than once."""
    parser.addoption("--rule", action="append", default=[], help="only tests of this rule")


def pytest_report_header() -> list[str]:
    """Name what is missing before anything is skipped for it."""
    reasons = [reason for name in tools.TOOLS if (reason := tools.missing(name))]
    return [f"not all tests can run: {reason}" for reason in reasons]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse marks that name no rule or no tool: they would prove, or need, nothing."""
    for item in items:
        for known, name in ((_RULE_IDS, "rule"), (frozenset(tools.TOOLS), "needs")):
            for mark in item.iter_markers(name):
                unknown = [arg for arg in mark.args if arg not in known]
                if unknown or not mark.args:
                    raise pytest.UsageError(f"{item.nodeid}: @{name} with {unknown or 'nothing'}")
    _keep_rules(config, items)


def _keep_rules(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``--rule``: the others are deselected."""
    wanted = frozenset(config.getoption("--rule"))
    if unknown := wanted - _RULE_IDS:
        raise pytest.UsageError(f"--rule: there is no rule {', '.join(sorted(unknown))}")
    if wanted:
        kept = [i for i in items if any(wanted & {*m.args} for m in i.iter_markers("rule"))]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what needs an absent tool; where CI=true, nothing may be absent."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            reason = tools.missing(name)
            if not reason:
                continue
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(f"with CI=true every tool must be there; {reason}", pytrace=False)
            pytest.skip(reason)
