"""Events as JSON lines: one object a line, whatever the wire held."""

from __future__ import annotations

import io
import json

import pytest

from evertone.events import Event, Warned
from evertone.observe.jsonlines import JsonLines, to_json
from tests.observe.events_of_all_kinds import every_kind, example


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_every_kind_becomes_one_json_object(kind: type[Event]) -> None:
    text = to_json(example(kind), 1_700_000_000.5)
    assert "\n" not in text
    plain = json.loads(text)
    assert plain["event"] == kind.__name__
    assert plain["time"] == "2023-11-14T22:13:20.500+00:00"
    assert plain["rule"] == "R1"
    assert plain["hop"]["target"]["address"] == "192.0.2.1"


def test_bytes_of_the_wire_stay_inside_their_string() -> None:
    text = to_json(Warned(at=0.0, reason='"}\n\x1b\udcff'), 0.0)
    assert text.isascii()
    assert json.loads(text)["reason"] == '"}\n\x1b\udcff'


def test_lines_are_written_with_the_wall_clock_as_they_come() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream, lambda at: at + 1000.0)
    lines(Warned(at=1.0, reason="a"))
    lines(Warned(at=2.0, reason="b"))
    times = [json.loads(line)["time"] for line in stream.getvalue().splitlines()]
    assert times == ["1970-01-01T00:16:41.000+00:00", "1970-01-01T00:16:42.000+00:00"]
