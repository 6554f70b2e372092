"""The timer table: deadlines by key, ties in the order of setting, no growth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.clock import TimerTable


def test_an_empty_table_wants_nothing() -> None:
    table: TimerTable[str] = TimerTable()
    assert table.next_deadline() is None
    assert list(table.pop_due(1e9)) == []
    assert len(table) == 0


def test_timers_fire_in_order_of_time_then_of_setting() -> None:
    table: TimerTable[str] = TimerTable()
    for key, at in (("late", 3.0), ("b", 1.0), ("a", 1.0), ("never", 9.0)):
        table.set(key, at)
    assert table.next_deadline() == 1.0
    assert list(table.pop_due(3.0)) == ["b", "a", "late"]
    assert table.next_deadline() == 9.0
    assert "a" not in table
    assert "never" in table


def test_setting_again_moves_a_timer_either_way() -> None:
    table: TimerTable[str] = TimerTable()
    table.set("x", 1.0)
    table.set("x", 5.0)
    assert list(table.pop_due(4.0)) == []
    table.set("x", 2.0)
    assert table.deadline("x") == 2.0
    assert list(table.pop_due(4.0)) == ["x"]
    assert list(table.pop_due(9.0)) == []


def test_a_cancelled_timer_neither_fires_nor_counts() -> None:
    table: TimerTable[str] = TimerTable()
    table.set("x", 1.0)
    table.cancel("x")
    table.cancel("unknown")
    assert table.deadline("x") is None
    assert table.next_deadline() is None
    assert list(table.pop_due(2.0)) == []


def test_a_timer_set_while_firing_fires_in_the_same_pass_if_due() -> None:
    table: TimerTable[str] = TimerTable()
    table.set("first", 1.0)
    fired = []
    for key in table.pop_due(2.0):
        fired.append(key)
        if key == "first":
            table.set("due", 1.5)
            table.set("later", 2.5)
    assert fired == ["first", "due"]
    assert table.next_deadline() == 2.5


def test_a_timer_cancelled_while_firing_does_not_fire() -> None:
    table: TimerTable[str] = TimerTable()
    table.set("a", 1.0)
    table.set("b", 1.0)
    fired = []
    for key in table.pop_due(1.0):
        fired.append(key)
        table.cancel("b")
    assert fired == ["a"]


def test_items_are_earliest_first_and_clear_forgets_all() -> None:
    table: TimerTable[str] = TimerTable()
    table.set("b", 2.0)
    table.set("a", 1.0)
    assert table.items() == [("a", 1.0), ("b", 2.0)]
    table.clear()
    assert table.items() == []
    assert table.next_deadline() is None


@pytest.mark.parametrize("later", [True, False])
def test_moving_one_timer_for_ever_does_not_grow_the_table(later: bool) -> None:
    table: TimerTable[int] = TimerTable()
    table.set(1, -1e9)
    for n in range(10_000):
        table.set(0, float(n if later else -n))
    assert len(table._heap) < 200
    assert list(table.pop_due(1e9)) == [1, 0]


def test_timers_cancelled_under_an_earlier_one_do_not_grow_the_table() -> None:
    table: TimerTable[int] = TimerTable()
    table.set(0, 1.0)
    for n in range(1, 10_000):
        table.set(n, 2.0)
        table.cancel(n)
    assert len(table._heap) < 200
    assert list(table.pop_due(1e9)) == [0]


@given(st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 50)), max_size=60))
def test_it_behaves_like_a_plain_dictionary(steps: list[tuple[int, int | None]]) -> None:
    """The model: key -> (time, order of setting); None cancels."""
    table: TimerTable[int] = TimerTable()
    model: dict[int, tuple[int, int]] = {}
    for order, (key, at) in enumerate(steps):
        if at is None:
            table.cancel(key)
            model.pop(key, None)
        else:
            table.set(key, float(at))
            model[key] = (at, order)
        assert table.next_deadline() == min((at for at, _ in model.values()), default=None)
        assert len(table) == len(model)
    due = sorted((entry, key) for key, entry in model.items() if entry[0] <= 25)
    assert list(table.pop_due(25.0)) == [key for _, key in due]
