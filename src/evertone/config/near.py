"""Which key of ours an unknown one was meant to be, if any.

Real files hold hundreds of keys that are none of ours, some of them alike by nature. So a key
counts as a mistake only when it is within two typing errors of one of ours, or stands in our own
name space ``evertone.*``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from evertone.config.parameter import Parameter
from evertone.config.schema import PARAMETERS

__all__ = ["nearest"]

_MAX_ERRORS = 2
_MIN_CHARS = 8  # shorter keys are near to too much
_MAX_CHARS = 80
_OWN = ("evertone.", "account.#.evertone.")


def _shape(key: str) -> str:
    """The key in lower case with one sign for numbers and placeholders."""
    parts = (
        "#" if part.isdigit() or part in ("X", "Y", "N") else part.lower()
        for part in key.replace("-", "_").split(".")
    )
    return ".".join(parts)


_SHAPES = {
    _shape(name): parameter
    for parameter in PARAMETERS
    for name in (parameter.key, *parameter.aliases)
}
_LETTERS = {shape: frozenset(shape) for shape in _SHAPES}


def _within(one: str, other: str, errors: int) -> bool:
    """True if at most so many insertions, deletions, changes and swaps lie between the two.

    A band of Damerau and Levenshtein's table (optimal string alignment): linear in the length.
    """
    if abs(len(one) - len(other)) > errors:
        return False
    far = errors + 1
    before: list[int] = []
    last = [min(column, far) for column in range(len(other) + 1)]
    for row, char in enumerate(one, 1):
        current = [far] * (len(other) + 1)
        if row <= errors:
            current[0] = row
        for column in range(max(1, row - errors), min(len(other), row + errors) + 1):
            same = char == other[column - 1]
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (not same))
            swapped = row > 1 and column > 1 and one[row - 2] == other[column - 1]
            if swapped and char == other[column - 2]:
                cost = min(cost, before[column - 2] + 1)
            current[column] = min(cost, far)
        if min(current) > errors:
            return False
        before, last = last, current
    return last[-1] <= errors


def _candidates(shape: str) -> Sequence[str]:
    letters = frozenset(shape)
    return [
        known
        for known in _SHAPES
        if abs(len(known) - len(shape)) <= _MAX_ERRORS
        and len(letters ^ _LETTERS[known]) <= 2 * _MAX_ERRORS
    ]


def nearest(key: str) -> Parameter | None:
    """The parameter that ``key`` looks like a mistake of, or None."""
    shape = _shape(key)
    if not _MIN_CHARS <= len(shape) <= _MAX_CHARS:
        return None
    if shape in _SHAPES:
        return _SHAPES[shape]
    for errors in range(1, _MAX_ERRORS + 1):
        for known in _candidates(shape):
            if _within(shape, known, errors):
                return _SHAPES[known]
    if shape.startswith(_OWN):
        close = difflib.get_close_matches(shape, list(_SHAPES), n=1, cutoff=0.0)
        return _SHAPES[close[0]]
    return None
