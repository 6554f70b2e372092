"""What is odd or without effect in settings that are right value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evertone.config.cfg import Entry
from evertone.config.finding import Finding
from evertone.config.kinds import Value
from evertone.config.settings import PhoneSettings

__all__ = ["Subject", "check"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the settings, and by concrete key the values and entries that made them."""

    settings: PhoneSettings
    values: Mapping[str, Value]
    given: Mapping[str, Entry]


def check(subject: Subject) -> tuple[Finding, ...]:
    """The findings on combinations of settings, each with its rule."""
    return ()
