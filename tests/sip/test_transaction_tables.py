"""The tables have no hole, and lead nowhere that has no rows."""

from __future__ import annotations

import itertools

import pytest

from evertone.sip.transaction_runner import ACTIONS
from evertone.sip.transaction_tables import MACHINES, Action, Event, State

CELLS = [
    pytest.param(name, state, event, id=f"{name}-{state.name}-{event.name}")
    for name, (table, events) in MACHINES.items()
    for state, event in itertools.product(table, events)
]


@pytest.mark.parametrize(("name", "state", "event"), CELLS)
def test_every_state_has_a_row_for_every_event(name: str, state: State, event: Event) -> None:
    table, _ = MACHINES[name]
    row = table[state][event]
    assert row.next is None or row.next is State.GONE or row.next in table


@pytest.mark.parametrize("name", MACHINES)
def test_no_row_stands_for_an_event_that_cannot_come(name: str) -> None:
    table, events = MACHINES[name]
    for state, rows in table.items():
        assert set(rows) == set(events), state


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached_and_left(name: str) -> None:
    table, _ = MACHINES[name]
    first = next(iter(table))
    reached, open_ = {first}, [first]
    while open_:
        for row in table[open_.pop()].values():
            if row.next is not None and row.next is not State.GONE and row.next not in reached:
                reached.add(row.next)
                open_.append(row.next)
    assert reached == set(table)
    # a state that is not left says so: its repetitions are swept by the runner
    stays = {s for s, rows in table.items() if all(row.next in (None, s) for row in rows.values())}
    assert stays <= {State.COMPLETED, State.CONFIRMED}


def test_every_action_is_carried_out_by_a_method_and_used_by_a_row() -> None:
    used = {
        action
        for table, _ in MACHINES.values()
        for rows in table.values()
        for row in rows.values()
        for action in row.actions
    }
    assert set(ACTIONS) == set(Action) == used


@pytest.mark.parametrize("name", MACHINES)
def test_who_is_told_the_end_is_told_once(name: str) -> None:
    """No way through a machine reports Gone twice: after it only silent states follow."""
    table, _ = MACHINES[name]
    for rows in table.values():
        for row in rows.values():
            if Action.REPORT_GONE in row.actions and row.next is not State.GONE:
                assert row.next is not None
                following = table[row.next]
                told = {a for cell in following.values() for a in cell.actions}
                assert not any(action.name.startswith("REPORT") for action in told)
