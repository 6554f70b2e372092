"""What a reader of configuration files has to say about them, value by value."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from evertone.rules import Rule

__all__ = ["MASK", "Finding", "Severity", "errors_in", "shown", "to_dict"]

MASK = "********"
"""Stands in a finding for the value of a secret parameter, whatever its length."""


class Severity(enum.Enum):
    """How much a finding matters: an error keeps the phone from starting."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


_SHOWN_CHARS = 80


def shown(text: str) -> str:
    """Fit for a terminal: one line, no control characters, not endless."""
    text = "".join(char if char.isprintable() else "?" for char in text[: _SHOWN_CHARS + 1])
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on one value. ``line`` 0 means no line in particular (a default, a whole file).

    ``value`` is fit to be shown: :data:`MASK` for secrets. ``allowed`` says what would be right,
    ``rule`` which rule of behaviour stands behind the remark.
    """

    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    key: str = ""
    value: str = ""
    allowed: str = ""
    rule: Rule | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        setting = shown(self.key)
        if self.key and self.line:
            setting = f"{setting} = {shown(self.value)}".rstrip()
        parts = [part for part in (place, self.severity.value, setting, self.message) if part]
        text = ": ".join(parts)
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        return f"{text} [{self.rule}]" if self.rule else text


def errors_in(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that keep a phone from starting."""
    return tuple(f for f in findings if f.severity is Severity.ERROR)


def to_dict(finding: Finding) -> dict[str, str | int | None]:
    """The finding as plain JSON values; ``rule`` is an id or None."""
    return {
        "severity": finding.severity.value,
        "file": finding.file,
        "line": finding.line,
        "key": finding.key,
        "value": finding.value,
        "message": finding.message,
        "allowed": finding.allowed,
        "rule": finding.rule.id if finding.rule else None,
    }
