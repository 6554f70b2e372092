"""One mutant for every row of the tables that decide: made from the tables themselves.

A row's rule is mutated, too, where somebody is told of it: in an event, or with an attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeVar

from scripts.mutation.equal import EQUAL
from scripts.mutation.members import member_mutants
from scripts.mutation.mutant import Mutant

from evertone.dns.locate import FLAGS, SERVICES, Flag
from evertone.dns.sources import ORDER
from evertone.model import OutcomeKind
from evertone.phone.call_states import TABLE as CALLS
from evertone.phone.call_states import Step as CallStep
from evertone.phone.outcome import ROWS
from evertone.phone.subscription_states import TABLE as SUBSCRIPTIONS
from evertone.phone.subscription_states import Step as SubscriptionStep
from evertone.redundancy.policy import (
    CAUSE_RULES,
    DOWN_ROWS,
    FAILBACK,
    MOVE_ROWS,
    VERDICT_ROWS,
    DownAction,
    DownTrigger,
    FailbackTrigger,
    Move,
    Start,
    Step,
)
from evertone.sip.transaction_tables import IGNORED, MACHINES
from evertone.sip.transaction_tables import Row as TransactionRow

__all__ = ["row_mutants"]

POLICY = "redundancy/policy.py"
_REPLACE = "import dataclasses as _d\n"


def row_mutants() -> list[Mutant]:
    """All of them. A row that no test can tell has its reason in :data:`equal.EQUAL`."""
    return [
        *_verdicts(),
        *_causes(),
        *_moves(),
        *_failbacks(),
        *_downs(),
        *_outcomes(),
        *_dns(),
        *_calls(),
        *_subscriptions(),
        *_transactions(),
        *member_mutants(),
    ]


def _row(name: str, file: str, tail: str, *rules: str, tests: tuple[str, ...] = ()) -> Mutant:
    return Mutant(name, file, rules, tail=tail, tests=tests, equal=EQUAL.get(name, ""))


# --- redundancy/policy ----------------------------------------------------------------------------

_OTHER_STEP = {Step.DONE: Step.NEXT, Step.NEXT: Step.RESULT, Step.RESULT: Step.NEXT}


def _verdicts() -> Iterator[Mutant]:
    for (ask, kind, moves), row in VERDICT_ROWS.items():
        key = f"Ask.{ask.name}, OutcomeKind.{kind.name}, {moves}"
        at = f"VERDICT_ROWS[{key}]"
        flipped = f"step=Step.{_OTHER_STEP[row.step].name}"
        yield _row(
            f"{at}.step",
            POLICY,
            f"{_REPLACE}{at} = _d.replace({at}, {flipped})",
            row.rule.id,
        )
        yield _row(
            f"{at}.alive",
            POLICY,
            f"{_REPLACE}{at} = _d.replace({at}, alive={not row.alive})",
            row.rule.id,
        )
        # of a target without an answer CAUSE_RULES tells, of a result the event itself
        if row.step is Step.NEXT and kind is not OutcomeKind.UNAVAILABLE:
            yield _told(at, row.rule.id)


def _told(at: str, rule: str) -> Mutant:
    other = "C1" if rule != "C1" else "S1"
    return _row(f"{at}.rule", POLICY, f"{_REPLACE}{at} = _d.replace({at}, rule=Rule.{other})", rule)


def _causes() -> Iterator[Mutant]:
    for cause, rule in CAUSE_RULES.items():
        at = f"CAUSE_RULES[Cause.{cause.name}]"
        yield _row(at, POLICY, f"{at} = Rule.C1", rule.id)


_OTHER_MOVE = {
    Move.NEXT_HOP: Move.GIVE_UP,
    Move.NEXT_PATH: Move.GIVE_UP,
    Move.NEXT_REGISTRAR: Move.GIVE_UP,
    Move.GIVE_UP: Move.NEXT_REGISTRAR,
}


def _moves() -> Iterator[Mutant]:
    for index, row in enumerate(MOVE_ROWS):
        other = _OTHER_MOVE[row.move]
        tail = (
            f"{_REPLACE}_flipped = _d.replace(MOVE_ROWS[{index}], move=Move.{other.name})\n"
            f"_MOVES.update({{k: _flipped for k, v in _MOVES.items() if v == MOVE_ROWS[{index}]}})"
        )
        yield _row(f"MOVE_ROWS[{index}]", POLICY, tail, row.rule.id)


def _failbacks() -> Iterator[Mutant]:
    for mode, row in FAILBACK.items():
        at = f"FAILBACK[{mode}]"
        changes = [("start", str(start)) for start in Start if start is not row.start]
        changes += [("trigger", str(to)) for to in FailbackTrigger if to is not row.trigger]
        changes += [("needs_idle", str(not row.needs_idle))]
        for field, value in changes:
            rule = "B5" if field == "needs_idle" and row.needs_idle else row.rule.id
            tail = f"{_REPLACE}{at} = _d.replace({at}, {field}={value})"
            yield _row(f"{at}.{field} {value}", POLICY, tail, rule)
        yield _told(at, row.rule.id)


_TOLD_ACTIONS = {
    DownAction.SERVE_OTHER_NOW,
    DownAction.REGISTER_NOW,
    DownAction.FALL_BACK,
    DownAction.BEGIN_AGAIN,
}


def _downs() -> Iterator[Mutant]:
    for (fallback, registrar, trigger), row in DOWN_ROWS.items():
        at = f"DOWN_ROWS[FallbackType.{fallback.name}, {registrar}, DownTrigger.{trigger.name}]"
        other = DownAction.NOTHING
        if row.action is DownAction.NOTHING:
            expired = trigger is DownTrigger.EXPIRY
            other = DownAction.BEGIN_AGAIN if expired else DownAction.REGISTER_NOW
        elif row.action is DownAction.RETRY:
            other = DownAction.SERVE_OTHER_RETRY
        tail = f"{_REPLACE}{at} = _d.replace({at}, action=DownAction.{other.name})"
        yield _row(at, POLICY, tail, row.rule.id)
        if row.action in _TOLD_ACTIONS:
            yield _told(at, row.rule.id)


# --- phone/outcome ------------------------------------------------------------------------------

_OTHER_KIND = {"OK": "REFUSED", "REFUSED": "BUSY", "CHALLENGED": "REFUSED", "BUSY": "REFUSED"}


def _outcomes() -> Iterator[Mutant]:
    for method, rows in ROWS.items():
        for status, (kind, rule) in rows.items():
            at = f"ROWS[{method!r}][{status}]"
            tail = f"{at} = (OutcomeKind.{_OTHER_KIND[kind.name]}, Rule.{rule.id})"
            yield _row(at, "phone/outcome.py", tail, rule.id)
            tail = f"{at} = (OutcomeKind.{kind.name}, Rule.C1)"
            yield _row(f"{at}.rule", "phone/outcome.py", tail, rule.id)


# --- dns ------------------------------------------------------------------------------------------


def _dns() -> Iterator[Mutant]:
    for flag, meaning in FLAGS.items():
        other = Flag.ADDRESS if meaning is not Flag.ADDRESS else Flag.SRV
        at = f"FLAGS[{flag!r}]"
        yield _row(at, "dns/locate.py", f"{at} = Flag.{other.name}", "D4")
    for service in SERVICES:
        at = f"SERVICES[{service!r}]"
        yield _row(at, "dns/locate.py", f"del {at}", "D4")
    for build in (0, 1):
        at = f"_SRV_TRANSPORTS[{build}]"
        yield _row(at, "dns/locate.py", f"{at} = (Transport.TCP,)", "D5")
    for priority, order in ORDER.items():
        for here in range(len(order) - 1):
            at = f"ORDER[{priority}]"
            swapped = [*order]
            swapped[here], swapped[here + 1] = swapped[here + 1], swapped[here]
            names = ", ".join(f"Source.{source.name}" for source in swapped)
            rules = ("D12", "D13", "D14")
            yield _row(f"{at} from {here}", "dns/sources.py", f"{at} = ({names})", *rules)
    yield _row(
        "SRV_ORDERS['rfc2782']",
        "dns/order.py",
        "SRV_ORDERS['rfc2782'] = _by_guide",
        "X4",
    )
    yield _row("SRV_ORDERS['guide']", "dns/order.py", "SRV_ORDERS['guide'] = _by_rfc2782", "D7")


# --- tables that bear no rules ------------------------------------------------------------------


S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)


def _calls() -> Iterator[Mutant]:
    return _states("phone/call_states.py", CALLS, "tests/phone")


def _subscriptions() -> Iterator[Mutant]:
    file, test = "phone/subscription_states.py", "tests/phone/test_subscription.py"
    return _states(file, SUBSCRIPTIONS, test)


def _states(
    file: str, table: Mapping[S, Mapping[E, CallStep | SubscriptionStep]], *tests: str
) -> Iterator[Mutant]:
    """A cell of ``TABLE`` without all of it, and without what it does beside the new state."""
    for state, steps in table.items():
        for event, step in steps.items():
            acts, moves = step.act.name != "NOTHING", step.state is not state
            at = f"TABLE[{state}][{event}]"
            if acts or moves:
                yield _row(at, file, f"{at} = Step({state})", tests=tests)
            if acts and moves:
                yield _row(f"{at}.act", file, f"{at} = Step({step.state})", tests=tests)


def _transactions() -> Iterator[Mutant]:
    tests = tuple(f"tests/sip/test_transaction_{x}.py" for x in ("events", "client", "server"))
    for machine, (table, _) in MACHINES.items():
        for state, rows in table.items():
            for event, row in rows.items():
                if row == IGNORED:
                    continue
                at = f"MACHINES[{machine!r}][0][State.{state.name}][Event.{event.name}]"
                for lost, other in _less(row):
                    name = f"{machine}[{state.name}][{event.name}]{lost}"
                    yield _row(name, "sip/transaction_tables.py", f"{at} = {other}", tests=tests)


def _less(row: TransactionRow) -> Iterator[tuple[str, str]]:
    """A cell without all of it, without its change of state, without each of its actions."""
    yield "", "IGNORED"
    to = f"State.{row.next.name}" if row.next is not None else "None"
    acts = [f"Action.{action.name}" for action in row.actions]
    if row.next is not None and acts:
        yield ".next", f"_row(None, {', '.join(acts)})"
    if len(acts) > 1 or row.next is not None:
        for index, action in enumerate(row.actions):
            left = ", ".join([to, *acts[:index], *acts[index + 1 :]])
            yield f" without {action.name}", f"_row({left})"
