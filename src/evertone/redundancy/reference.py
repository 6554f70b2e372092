"""docs/policy.md, made from the rows of :mod:`policy`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from evertone.redundancy.policy import (
    CAUSE_RULES,
    DOWN_ROWS,
    FAILBACK,
    MOVE_ROWS,
    VERDICT_ROWS,
    Ask,
    FailbackTrigger,
)
from evertone.rules import Rule

__all__ = ["render"]

_HEAD = """# The decisions of the redundancy engine

Made from the tables of `src/evertone/redundancy/policy.py` by
`python -m evertone.redundancy.reference > docs/policy.md`; a test holds this page to them.
A rule's meaning stands at the end.
"""


def render() -> str:
    """The whole page."""
    parts = (_HEAD, _verdicts(), _causes(), _moves(), _failback(), _down(), _rules())
    return "\n".join(parts)


def _table(title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(head)
    lines = [f"## {title}\n", _row(columns), _row("---" for _ in columns)]
    return "\n".join([*lines, *map(_row, rows)]) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _either(value: bool | None) -> str:
    return "either" if value is None else "yes" if value else "no"


def _verdicts() -> str:
    rows = (
        (
            ask.value,
            kind.value,
            _either(moves) if ask is Ask.REGISTER else "-",
            verdict.step.value,
            _either(verdict.alive),
            verdict.rule.id,
        )
        for (ask, kind, moves), verdict in VERDICT_ROWS.items()
        if ask is Ask.REGISTER or not moves
    )
    head = ("request", "outcome", "redundancy_with_reg_fail", "then", "target is alive", "rule")
    return _table("What an outcome means for its request", head, rows)


def _causes() -> str:
    rows = ((cause.value, rule.id) for cause, rule in CAUSE_RULES.items())
    return _table("By which rule a target is unavailable", ("cause", "rule"), rows)


def _moves() -> str:
    rows = (
        (
            _either(row.hops_left),
            _either(row.behind_proxy),
            _either(row.path_alive),
            _either(row.paths_left),
            _either(row.registrars_left),
            row.move.value,
            row.rule.id,
        )
        for row in MOVE_ROWS
    )
    head = (
        "targets left",
        "behind a proxy",
        "path is alive",
        "proxies left",
        "servers left",
        "goes to",
        "rule",
    )
    return _table("Where a request goes when a target did not serve", head, rows)


def _failback() -> str:
    rows = (
        (
            str(mode),
            row.start.value,
            row.trigger.value,
            _either(row.needs_idle),
            row.rule.id,
        )
        for mode, row in FAILBACK.items()
    )
    head = ("failback_mode", "requests start at", "home falls due with", "when idle only", "rule")
    return _table("Failback modes", head, rows) + "\n" + _diagram()


def _diagram() -> str:
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> Primary: R1",
        "    Primary --> Secondary: it fails (B7)",
        "    Secondary --> Primary: the secondary fails (B7)",
    ]
    for mode, row in FAILBACK.items():
        if row.trigger is FailbackTrigger.NONE:
            how = f"the next request, {row.rule.id}"
        else:
            how = f"{row.trigger.value}, idle, one REGISTER, {row.rule.id} B5 B6"
        lines.append(f"    Secondary --> Primary: mode {mode} ({how})")
    return "\n".join([*lines, "```"]) + "\n"


def _down() -> str:
    rows = (
        (kind.value, str(server), trigger.value, row.action.value, row.rule.id)
        for (kind, server, trigger), row in DOWN_ROWS.items()
    )
    head = ("registration", "server", "found by", "then", "rule")
    return _table("When a whole server is unavailable", head, rows)


def _rules() -> str:
    rows = ((rule.id, rule.meaning, rule.source) for rule in Rule)
    return _table("The rules", ("rule", "meaning", "source"), rows)


if __name__ == "__main__":
    sys.stdout.write(render())
