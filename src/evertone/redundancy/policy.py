"""The tables of the redundancy engine: every decision is a row, every row names its rule.

Nothing here has state. The engine looks rows up; a test walks the whole product of each
table's columns and finds no hole; docs draw their diagrams from the same rows.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import product

from evertone.model import Cause, OutcomeKind
from evertone.rules import Rule

__all__ = [
    "CAUSE_RULES",
    "DOWN_ROWS",
    "FAILBACK",
    "MOVE_ROWS",
    "PROXY_GAVE_UP",
    "VERDICT_ROWS",
    "Ask",
    "DownAction",
    "DownRow",
    "DownTrigger",
    "Failback",
    "FailbackTrigger",
    "FallbackType",
    "Move",
    "MoveRow",
    "Start",
    "Step",
    "Verdict",
    "down_row",
    "move",
    "verdict",
]


class Ask(enum.Enum):
    """What kind of request an answer is for."""

    __hash__ = object.__hash__  # looked up with every answer

    REGISTER = "REGISTER"
    REQUEST = "other request"


class Step(enum.Enum):
    """What one attempt's outcome means for its walk."""

    DONE = "done"
    NEXT = "next target"
    RESULT = "the result"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The step, and whether the target proved alive."""

    step: Step
    rule: Rule
    alive: bool


VERDICT_ROWS: dict[tuple[Ask, OutcomeKind, bool], Verdict] = {
    # (kind of request, outcome, may a refusal go elsewhere: redundancy_with_reg_fail, A6)
    (Ask.REGISTER, OutcomeKind.OK, False): Verdict(Step.DONE, Rule.R1, alive=True),
    (Ask.REGISTER, OutcomeKind.OK, True): Verdict(Step.DONE, Rule.R1, alive=True),
    (Ask.REGISTER, OutcomeKind.UNAVAILABLE, False): Verdict(Step.NEXT, Rule.A1, alive=False),
    (Ask.REGISTER, OutcomeKind.UNAVAILABLE, True): Verdict(Step.NEXT, Rule.A1, alive=False),
    (Ask.REGISTER, OutcomeKind.BUSY, False): Verdict(Step.NEXT, Rule.A2, alive=False),
    (Ask.REGISTER, OutcomeKind.BUSY, True): Verdict(Step.NEXT, Rule.A2, alive=False),
    (Ask.REGISTER, OutcomeKind.CHALLENGED, False): Verdict(Step.RESULT, Rule.A3, alive=True),
    (Ask.REGISTER, OutcomeKind.CHALLENGED, True): Verdict(Step.NEXT, Rule.A6, alive=True),
    (Ask.REGISTER, OutcomeKind.REFUSED, False): Verdict(Step.RESULT, Rule.A6, alive=True),
    (Ask.REGISTER, OutcomeKind.REFUSED, True): Verdict(Step.NEXT, Rule.A6, alive=True),
    (Ask.REQUEST, OutcomeKind.OK, False): Verdict(Step.DONE, Rule.A7, alive=True),
    (Ask.REQUEST, OutcomeKind.OK, True): Verdict(Step.DONE, Rule.A7, alive=True),
    (Ask.REQUEST, OutcomeKind.UNAVAILABLE, False): Verdict(Step.NEXT, Rule.A1, alive=False),
    (Ask.REQUEST, OutcomeKind.UNAVAILABLE, True): Verdict(Step.NEXT, Rule.A1, alive=False),
    (Ask.REQUEST, OutcomeKind.BUSY, False): Verdict(Step.NEXT, Rule.A2, alive=False),
    (Ask.REQUEST, OutcomeKind.BUSY, True): Verdict(Step.NEXT, Rule.A2, alive=False),
    (Ask.REQUEST, OutcomeKind.CHALLENGED, False): Verdict(Step.RESULT, Rule.A3, alive=True),
    (Ask.REQUEST, OutcomeKind.CHALLENGED, True): Verdict(Step.RESULT, Rule.A3, alive=True),
    (Ask.REQUEST, OutcomeKind.REFUSED, False): Verdict(Step.RESULT, Rule.A7, alive=True),
    (Ask.REQUEST, OutcomeKind.REFUSED, True): Verdict(Step.RESULT, Rule.A7, alive=True),
}

PROXY_GAVE_UP = frozenset({408, 504})  # P1: a live path that could not reach the registrar
_REGISTRAR_CANNOT = frozenset({408, 500, 502, 504})  # A5

CAUSE_RULES: dict[Cause, Rule] = {
    Cause.SILENCE: Rule.S1,
    Cause.STALLED: Rule.S6,
    Cause.ICMP: Rule.S5,
    Cause.CONNECT_REFUSED: Rule.S4,
    Cause.CONNECT_TIMEOUT: Rule.S4,
    Cause.RESET: Rule.S4,
    Cause.UNREACHABLE: Rule.S4,
    Cause.TLS: Rule.S4,
    Cause.CERTIFICATE: Rule.S4,
    Cause.LOCAL: Rule.S4,
}
"""Which rule judged a target that gave no answer."""


def verdict(
    ask: Ask, kind: OutcomeKind, code: int, *, refusal_moves: bool, via_proxy: bool, alerted: bool
) -> Verdict:
    """The row for an outcome. ``alerted``: after an 18x an answer is the result (A2, P1)."""
    row = VERDICT_ROWS[ask, kind, refusal_moves]
    if kind is OutcomeKind.BUSY and code in _REGISTRAR_CANNOT:
        return Verdict(row.step, Rule.A5, alive=False)
    if kind is OutcomeKind.REFUSED and via_proxy and code in PROXY_GAVE_UP and not alerted:
        return Verdict(Step.NEXT, Rule.P1, alive=True)
    return row


class Move(enum.Enum):
    """Where a walk goes when one target did not serve."""

    NEXT_HOP = "the next target of the list"
    NEXT_PATH = "the other outbound proxy"
    NEXT_REGISTRAR = "the other server"
    GIVE_UP = "nowhere: all are spent"


@dataclass(frozen=True, slots=True)
class MoveRow:
    """One row; None in a column means either."""

    hops_left: bool | None
    behind_proxy: bool | None
    path_alive: bool | None
    paths_left: bool | None
    registrars_left: bool | None
    move: Move
    rule: Rule


MOVE_ROWS: tuple[MoveRow, ...] = (
    # hops_left, behind_proxy, path_alive, paths_left, registrars_left
    MoveRow(True, None, None, None, None, Move.NEXT_HOP, Rule.A1),
    MoveRow(False, False, None, None, True, Move.NEXT_REGISTRAR, Rule.C1),
    MoveRow(False, False, None, None, False, Move.GIVE_UP, Rule.F8),
    # a live path whose registrar cannot serve: the other registrar by the same path
    MoveRow(False, True, True, None, True, Move.NEXT_REGISTRAR, Rule.P1),
    MoveRow(False, True, True, None, False, Move.GIVE_UP, Rule.P1),
    # a dead path: the other proxy; with none left, another registrar would not help
    MoveRow(False, True, False, True, None, Move.NEXT_PATH, Rule.P2),
    MoveRow(False, True, False, False, None, Move.GIVE_UP, Rule.P2),
)


def _expand_moves() -> dict[tuple[bool, ...], MoveRow]:
    table: dict[tuple[bool, ...], MoveRow] = {}
    for key in product((True, False), repeat=5):
        rows = [
            row
            for row in MOVE_ROWS
            if all(
                want is None or want is have
                for want, have in zip(
                    (
                        row.hops_left,
                        row.behind_proxy,
                        row.path_alive,
                        row.paths_left,
                        row.registrars_left,
                    ),
                    key,
                    strict=True,
                )
            )
        ]
        if len(rows) != 1:  # a hole or an overlap would be a mistake in the table itself
            raise AssertionError(f"{len(rows)} rows of MOVE_ROWS match {key}")
        table[key] = rows[0]
    return table


_MOVES = _expand_moves()


def move(
    *,
    hops_left: bool,
    behind_proxy: bool,
    path_alive: bool,
    paths_left: bool,
    registrars_left: bool,
) -> MoveRow:
    """The row for a walk whose last target did not serve."""
    return _MOVES[hops_left, behind_proxy, path_alive, paths_left, registrars_left]


class Start(enum.Enum):
    """Where in the list a request outside a dialog begins."""

    TOP = "the primary"
    CURRENT = "the last used target"
    REGISTERED = "the last registered target"


class FailbackTrigger(enum.Enum):
    """What makes a try home fall due."""

    NONE = "every request begins there"
    TTL = "the full TTL of the current target's address"
    REFRESH = "the refresh of the registration"
    DURATION = "failback_timeout"


@dataclass(frozen=True, slots=True)
class Failback:
    """One failback mode."""

    start: Start
    trigger: FailbackTrigger
    needs_idle: bool
    rule: Rule


FAILBACK: dict[int, Failback] = {
    0: Failback(Start.TOP, FailbackTrigger.NONE, needs_idle=False, rule=Rule.B1),
    1: Failback(Start.CURRENT, FailbackTrigger.TTL, needs_idle=True, rule=Rule.B2),
    2: Failback(Start.CURRENT, FailbackTrigger.REFRESH, needs_idle=True, rule=Rule.B3),
    3: Failback(Start.REGISTERED, FailbackTrigger.DURATION, needs_idle=True, rule=Rule.B4),
}
"""``failback_mode`` of the guide, one row each."""


class FallbackType(enum.Enum):
    """How a line uses its servers."""

    SINGLE = "one server"
    CONCURRENT = "concurrent"
    SUCCESSIVE = "successive"


class DownTrigger(enum.Enum):
    """What found a server's whole list unavailable."""

    REGISTER = "a REGISTER"
    REQUEST = "another request"
    EXPIRY = "the binding ran out"


class DownAction(enum.Enum):
    """What the line does when a server is down."""

    NOTHING = "nothing: the registration's own timers go on"
    RETRY = "register again after the interval"
    SERVE_OTHER_RETRY = "the other server serves; register again after the interval"
    SERVE_OTHER_NOW = "the other server serves; register again at once"
    REGISTER_NOW = "register again at once"
    FALL_BACK = "register with the fallback server"
    BEGIN_AGAIN = "begin at the working server"


@dataclass(frozen=True, slots=True)
class DownRow:
    """One row of the server-down table."""

    action: DownAction
    rule: Rule


DOWN_ROWS: dict[tuple[FallbackType, int, DownTrigger], DownRow] = {
    (FallbackType.SINGLE, 1, DownTrigger.REGISTER): DownRow(DownAction.RETRY, Rule.R6),
    (FallbackType.SINGLE, 1, DownTrigger.REQUEST): DownRow(DownAction.NOTHING, Rule.R2),
    (FallbackType.SINGLE, 1, DownTrigger.EXPIRY): DownRow(DownAction.NOTHING, Rule.R6),
    (FallbackType.SINGLE, 2, DownTrigger.REGISTER): DownRow(DownAction.RETRY, Rule.R6),
    (FallbackType.SINGLE, 2, DownTrigger.REQUEST): DownRow(DownAction.NOTHING, Rule.R2),
    (FallbackType.SINGLE, 2, DownTrigger.EXPIRY): DownRow(DownAction.NOTHING, Rule.R6),
    (FallbackType.CONCURRENT, 1, DownTrigger.REGISTER): DownRow(
        DownAction.SERVE_OTHER_RETRY, Rule.F1
    ),
    (FallbackType.CONCURRENT, 1, DownTrigger.REQUEST): DownRow(DownAction.SERVE_OTHER_NOW, Rule.F1),
    (FallbackType.CONCURRENT, 1, DownTrigger.EXPIRY): DownRow(DownAction.NOTHING, Rule.F1),
    # both fail: requests begin at the working server again
    (FallbackType.CONCURRENT, 2, DownTrigger.REGISTER): DownRow(
        DownAction.SERVE_OTHER_RETRY, Rule.F5
    ),
    (FallbackType.CONCURRENT, 2, DownTrigger.REQUEST): DownRow(DownAction.REGISTER_NOW, Rule.F5),
    (FallbackType.CONCURRENT, 2, DownTrigger.EXPIRY): DownRow(DownAction.NOTHING, Rule.R6),
    (FallbackType.SUCCESSIVE, 1, DownTrigger.REGISTER): DownRow(DownAction.RETRY, Rule.F2),
    (FallbackType.SUCCESSIVE, 1, DownTrigger.REQUEST): DownRow(DownAction.NOTHING, Rule.F3),
    (FallbackType.SUCCESSIVE, 1, DownTrigger.EXPIRY): DownRow(DownAction.FALL_BACK, Rule.F2),
    (FallbackType.SUCCESSIVE, 2, DownTrigger.REGISTER): DownRow(DownAction.RETRY, Rule.F5),
    (FallbackType.SUCCESSIVE, 2, DownTrigger.REQUEST): DownRow(DownAction.NOTHING, Rule.F3),
    (FallbackType.SUCCESSIVE, 2, DownTrigger.EXPIRY): DownRow(DownAction.BEGIN_AGAIN, Rule.F5),
}


def down_row(fallback: FallbackType, registrar: int, trigger: DownTrigger) -> DownRow:
    """The row for server ``registrar`` whose whole list is unavailable (F8)."""
    return DOWN_ROWS[fallback, registrar, trigger]
