"""Times as people write them: ``90``, ``90s``, ``10m``, ``1h30m``, ``2d``; stretches of time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from evertone.errors import UsageError

__all__ = [
    "Span",
    "clip",
    "cut",
    "gaps",
    "length_text",
    "merge",
    "parse_time",
    "time_text",
    "total_s",
]

Span = tuple[float, float]
"""From when to when, in seconds; the end is not part of it."""

_UNITS_S = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_TIME = re.compile(
    r"(?:(?P<d>\d{1,4})d)?(?:(?P<h>\d{1,5})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,8}(?:\.\d{1,3})?)s?)?"
)


def parse_time(text: str) -> float:
    """Seconds. Raises UsageError that says how a time is written."""
    found = _TIME.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise UsageError(f"{text!r} is no time: write 90s, 10m, 1h30m or 2d")
    return sum(
        _UNITS_S[unit] * float(number) for unit, number in found.groupdict().items() if number
    )


def time_text(seconds: float) -> str:
    """The shortest way to write a time: ``25m``, ``1h 00m 07.5s``, ``0.02s``."""
    if seconds >= 60 and abs(seconds - round(seconds)) < 0.05:
        seconds = round(seconds)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [
        f"{number:.0f}{unit}"
        for number, unit in ((days, "d"), (hours, "h"), (minutes, "m"))
        if number
    ]
    if rest or not parts:
        digits = 0 if rest == round(rest) else (1 if rest >= 1 else 2)
        parts.append(f"{rest:.{digits}f}s")
    return " ".join(parts)


def length_text(seconds: float) -> str:
    """A length for people, as exact as its size allows: ``7.5s``, ``58m 51s``, ``1h``."""
    return time_text(round(seconds) if seconds >= 600 else round(seconds, 1))


# --- stretches --------------------------------------------------------------------------------


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither touch nor overlap, in order."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def gaps(spans: Iterable[Span], end_s: float) -> list[Span]:
    """What of the time from 0 to ``end_s`` is in no span."""
    left: list[Span] = []
    at = 0.0
    for begin, end in merge(spans):
        if begin >= end_s:
            break
        if begin > at:
            left.append((at, begin))
        at = max(at, end)
    if at < end_s:
        left.append((at, end_s))
    return left


def cut(spans: Iterable[Span], without: Iterable[Span]) -> list[Span]:
    """What of ``spans`` is in none of ``without``."""
    spans = merge(spans)
    if not spans:
        return []
    return common(spans, gaps(without, spans[-1][1]))


def common(one: Iterable[Span], two: Iterable[Span]) -> list[Span]:
    """The time that is in both."""
    mine, theirs = merge(one), merge(two)
    found: list[Span] = []
    at = 0
    for begin, end in mine:
        while at < len(theirs) and theirs[at][1] <= begin:
            at += 1
        number = at
        while number < len(theirs) and theirs[number][0] < end:
            found.append((max(begin, theirs[number][0]), min(end, theirs[number][1])))
            number += 1
    return found


def clip(spans: Iterable[Span], end_s: float) -> list[Span]:
    """What of ``spans`` lies between 0 and ``end_s``."""
    return common(spans, [(0.0, end_s)])


def total_s(spans: Iterable[Span]) -> float:
    """How long they last together, in seconds."""
    return sum(end - begin for begin, end in merge(spans))
