"""Which key of ours an unknown one was meant to be, if any.

Real files hold hundreds of keys that are none of ours, some of them alike by nature. So a key
counts as a mistake only when it is within two typing errors of one of ours, lacks up to two of
its segments, or stands in our own name space ``evertone.*``.
"""

from __future__ import annotations

from evertone.config.parameter import Parameter
from evertone.config.schema import PARAMETERS

__all__ = ["nearest"]

_MAX_ERRORS = 2
_MIN_CHARS = 8  # shorter keys are near to too much
_MAX_CHARS = 80
_MIN_PARTS, _MAX_MISSING = 3, 2  # segments; fewer are part of too much
_OWN = ("evertone.", "account.#.evertone.")


def _shape(key: str) -> str:
    """The key in lower case with one sign for numbers and placeholders."""
    parts = (
        "#" if part.isdigit() or part in ("X", "Y", "N", "K") else part.lower()
        for part in key.replace("-", "_").split(".")
    )
    return ".".join(parts)


def _letters(shape: str) -> int:
    """A bit per letter that occurs: a cheap first sieve."""
    bits = 0
    for char in shape:
        bits |= 1 << (ord(char) & 63)
    return bits


_SHAPES = {
    _shape(name): parameter
    for parameter in PARAMETERS
    for name in (parameter.key, *parameter.aliases)
}
_BY_LAST: dict[str, list[list[str]]] = {}
for _known in _SHAPES:
    _BY_LAST.setdefault(_known.rpartition(".")[2], []).append(_known.split("."))
_LETTERS = {shape: _letters(shape) for shape in _SHAPES}
_OWN_SHAPES = tuple(shape for shape in _SHAPES if shape.startswith(_OWN))


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


def _candidates(shape: str) -> list[str]:
    letters = _letters(shape)
    return [
        known
        for known, known_letters in _LETTERS.items()
        if abs(len(known) - len(shape)) <= _MAX_ERRORS
        and (letters ^ known_letters).bit_count() <= 2 * _MAX_ERRORS
    ]


def _lacking(shape: str) -> str | None:
    """The known shape of which ``shape`` has all but a segment or two, the last one included."""
    parts = shape.split(".")
    if len(parts) < _MIN_PARTS:
        return None
    whole: list[list[str]] = []
    for segments in _BY_LAST.get(parts[-1], ()):
        rest = iter(segments)
        in_order = all(part in rest for part in parts)
        if in_order and len(segments) - len(parts) <= _MAX_MISSING:
            whole.append(segments)
    shortest: list[str] = min(whole, key=len, default=[])
    return ".".join(shortest) or None


def _common_start(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def nearest(key: str) -> Parameter | None:
    """The parameter that ``key`` looks like a mistake of, or None."""
    shape = _shape(key)
    if not _MIN_CHARS <= len(shape) <= _MAX_CHARS:
        return None
    if shape in _SHAPES:
        return _SHAPES[shape]
    candidates = _candidates(shape)
    for errors in range(1, _MAX_ERRORS + 1):
        for known in candidates:
            if _within(shape, known, errors):
                return _SHAPES[known]
    whole = _lacking(shape)
    if whole is not None:
        return _SHAPES[whole]
    if shape.startswith(_OWN):
        return _SHAPES[max(_OWN_SHAPES, key=lambda known: _common_start(shape, known))]
    return None
