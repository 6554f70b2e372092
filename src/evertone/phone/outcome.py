"""What a final answer means to the redundancy engine: the table of SEMANTICS A.

The engine sees the code too: what a live proxy's 408 or 504 means behind P1 is its business.
"""

from __future__ import annotations

from functools import lru_cache

from evertone.model import Cause, Outcome, OutcomeKind
from evertone.rules import Rule

__all__ = ["ROWS", "failed", "kind_of", "of_response", "rule_of"]

_Row = tuple[OutcomeKind, Rule]

# By method (None: every other method) and status; a status that is not listed is looked up by
# its class (2 to 6).
ROWS: dict[str | None, dict[int, _Row]] = {
    "REGISTER": {
        2: (OutcomeKind.OK, Rule.R4),
        3: (OutcomeKind.REFUSED, Rule.A6),
        4: (OutcomeKind.REFUSED, Rule.A6),
        5: (OutcomeKind.REFUSED, Rule.A6),
        6: (OutcomeKind.REFUSED, Rule.A6),
        401: (OutcomeKind.CHALLENGED, Rule.A3),
        407: (OutcomeKind.CHALLENGED, Rule.A3),
        408: (OutcomeKind.BUSY, Rule.A5),
        500: (OutcomeKind.BUSY, Rule.A5),
        502: (OutcomeKind.BUSY, Rule.A5),
        503: (OutcomeKind.BUSY, Rule.A2),
        504: (OutcomeKind.BUSY, Rule.A5),
    },
    None: {
        2: (OutcomeKind.OK, Rule.A7),
        3: (OutcomeKind.REFUSED, Rule.A7),
        4: (OutcomeKind.REFUSED, Rule.A7),
        5: (OutcomeKind.REFUSED, Rule.A7),
        6: (OutcomeKind.REFUSED, Rule.A7),
        401: (OutcomeKind.CHALLENGED, Rule.A3),
        407: (OutcomeKind.CHALLENGED, Rule.A3),
        503: (OutcomeKind.BUSY, Rule.A2),
    },
}

_HEEDS_RETRY_AFTER = frozenset({500, 503})  # A2, A5
_MAX_RETRY_AFTER_S = 24 * 3600.0  # a server that asks for more is asked again after a day
_MAX_REASON = 128


def _row(method: str, status: int) -> _Row:
    rows = ROWS.get(method) or ROWS[None]
    return rows.get(status) or rows[status // 100]


def kind_of(method: str, status: int) -> OutcomeKind:
    """What a final ``status`` (200 to 699) to ``method`` comes to."""
    return _row(method, status)[0]


def rule_of(method: str, status: int) -> Rule:
    """The rule by which :func:`kind_of` answers."""
    return _row(method, status)[1]


def of_response(
    method: str, status: int, reason: str, retry_after_s: float | None, *, rang: bool = False
) -> Outcome:
    """The outcome of a final answer.

    ``rang``: a provisional above 100 came before; then whatever the answer is, it is the
    result, because another target could ring twice (A2, S6).
    """
    return _of_response(method, status, reason[:_MAX_REASON], retry_after_s, rang)


@lru_cache(maxsize=256)
def _of_response(
    method: str, status: int, text: str, retry_after_s: float | None, rang: bool
) -> Outcome:
    """Remembered, for most answers are 200 OK."""
    kind = kind_of(method, status)
    if rang and kind is OutcomeKind.BUSY:
        kind = OutcomeKind.REFUSED
    wait = 0.0
    if status in _HEEDS_RETRY_AFTER and retry_after_s:
        wait = min(float(retry_after_s), _MAX_RETRY_AFTER_S)
    return Outcome(kind, status, retry_after_s=wait, text=text, alerted=rang)


def failed(cause: Cause, text: str, *, rang: bool = False) -> Outcome:
    """The outcome of silence or a transport fault (S1, S4-S6).

    After a 18x it is no reason to go elsewhere: the call gets the 503 that RFC 3261 §8.1.3.1
    gives to a transport error.
    """
    if rang:
        return Outcome(OutcomeKind.REFUSED, 503, text=cause.value, alerted=True)
    return Outcome(OutcomeKind.UNAVAILABLE, 0, cause, text=text[:_MAX_REASON])
