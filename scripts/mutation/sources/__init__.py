"""Rules that are no rows: for each one change of the sources that disables it.

The old text must stand in its file exactly once; where it has gone, the list is out of date
and the run says so.
"""

from __future__ import annotations

from scripts.mutation.mutant import Mutant
from scripts.mutation.sources import (
    answers,
    failback,
    fallback,
    names,
    own_keys,
    paths,
    registration,
    sending,
)

__all__ = ["source_mutants"]

_CHAPTERS = (sending, answers, names, registration, failback, fallback, paths, own_keys)


def source_mutants() -> list[Mutant]:
    """All of them."""
    return [
        Mutant(f"{rule}: without '{lost}'", file, (rule,), old, new)
        for part in _CHAPTERS
        for rule, lost, file, old, new in part.ROWS
    ]
