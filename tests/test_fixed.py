"""Records that are made by the million: equal by value, hashable, without a dictionary each."""

from __future__ import annotations

import dataclasses

import pytest

from evertone.fixed import fixed, fixed_by_name


@fixed
class Point:
    x: int
    y: int = 0


@fixed_by_name
class Event:
    at: float
    reason: str = ""


@fixed_by_name
class Moved(Event):
    to: Point


def test_equal_by_value_and_hashable() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2
    assert Moved(at=1.0, to=Point(1)) == Moved(at=1.0, reason="", to=Point(1))
    assert repr(Point(1)) == "Point(x=1, y=0)"


def test_fields_have_slots_and_can_be_replaced_and_listed() -> None:
    point = Point(1, 2)
    assert not hasattr(point, "__dict__")
    assert dataclasses.replace(point, y=3) == Point(1, 3)
    assert [field.name for field in dataclasses.fields(Moved)] == ["at", "reason", "to"]


def test_by_name_only() -> None:
    with pytest.raises(TypeError):
        Event(1.0)  # type: ignore[call-arg]
