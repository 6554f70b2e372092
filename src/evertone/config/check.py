"""What is odd or without effect in settings that are right value by value.

The checks are rows: of the phone and its records in :mod:`~evertone.config.checks_phone`, of a
line in :mod:`~evertone.config.checks_line` and :mod:`~evertone.config.checks_unused`, of a hop
list in :mod:`~evertone.config.checks_path`. Here they are only walked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from evertone.config.checks_line import LINE_CHECKS, UNUSED_LINE
from evertone.config.checks_path import PATH_CHECKS, PROXY_CHECKS
from evertone.config.checks_phone import PHONE_CHECKS, RECORD_CHECKS
from evertone.config.checks_unused import UNUSED_CHECKS
from evertone.config.finding import MASK, Finding
from evertone.config.models import RECORDS
from evertone.config.schema import lookup
from evertone.config.settings import LineSettings
from evertone.config.view import Check, Subject, View

__all__ = ["CHECKS", "Subject", "check"]

CHECKS: tuple[Check, ...] = (
    *PHONE_CHECKS,
    *RECORD_CHECKS,
    UNUSED_LINE,
    *LINE_CHECKS,
    *UNUSED_CHECKS,
    *PATH_CHECKS,
    *PROXY_CHECKS,
)


def _paths(subject: Subject, line: LineSettings) -> Iterator[View]:
    """One view per hop list that the line uses, with the first registrar that it leads to.

    Y is the number of the hop list: its settings are those of that server or proxy (P1).
    """
    seen = set()
    for registrar in line.registrars():
        for group in line.paths(registrar):
            if group not in seen:
                seen.add(group)
                numbers = {"X": line.line, "Y": group.number}
                yield View(subject, numbers, line, registrar, line.path(group, registrar))


def _ask(checks: Iterable[Check], view: View) -> Iterator[Finding]:
    for row in checks:
        finding = row.finding(view)
        if finding is not None:
            yield finding


def _placed(finding: Finding, view: View) -> Finding:
    """``finding`` of a line at the first setting of that line, where it has no place yet."""
    given = view.subject.given
    first = next((key for key in given if key.startswith(f"account.{view.line.line}.")), None)
    if finding.file or first is None:
        return finding
    entry, match = given[first], lookup(first)
    secret = match is not None and match.parameter.secret
    value = MASK if secret else entry.value
    return replace(finding, file=entry.file, line=entry.line, key=entry.key, value=value)


def _all(subject: Subject) -> Iterator[Finding]:
    yield from _ask(PHONE_CHECKS, View(subject, {}))
    for number in range(1, RECORDS + 1):
        yield from _ask(RECORD_CHECKS, View(subject, {"N": number}))
    for line in subject.settings.lines:
        view = View(subject, {"X": line.line}, line)
        if not line.enable:
            yield from (_placed(finding, view) for finding in _ask((UNUSED_LINE,), view))
            continue
        yield from _ask((*LINE_CHECKS, *UNUSED_CHECKS), view)
        for path in _paths(subject, line):
            yield from _ask(PATH_CHECKS, path)
            if path.hops.group.is_proxy:
                yield from _ask(PROXY_CHECKS, path)


def check(subject: Subject) -> tuple[Finding, ...]:
    """The findings on combinations of settings, each with its rule, none of them twice."""
    return tuple(dict.fromkeys(_all(subject)))
