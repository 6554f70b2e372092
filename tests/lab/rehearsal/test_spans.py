"""Times in words, and stretches of time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import UsageError
from evertone.lab.rehearsal.spans import (
    Span,
    clip,
    common,
    cut,
    gaps,
    merge,
    parse_time,
    time_text,
    total_s,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("90s", 90), ("1.5", 1.5), ("10m", 600), ("1h30m", 5400), ("24h", 86_400),
        ("2d", 172_800), ("1d2h3m4.5s", 93_784.5), (" 10M ", 600), ("0", 0),
    ],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "5m3h", "1e9", "10 m 5", "9" * 30, "1.5h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="write 90s, 10m, 1h30m or 2d"):
        parse_time(text)


@given(st.integers(0, 10**7))
def test_whole_seconds_survive_being_written(seconds: int) -> None:
    assert parse_time(time_text(seconds).replace(" ", "")) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.02, "0.02s"), (7.5, "7.5s"), (59.96, "60.0s"), (3607, "1h 7s")],
)
def test_how_times_are_written(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda x: (float(x[0]), float(x[1])))
)


def seconds(spans: list[Span]) -> set[int]:
    """The whole seconds that ``spans`` cover."""
    return {s for begin, end in spans for s in range(int(begin), int(end))}


@given(SPANS, SPANS)
def test_spans_are_sets_of_time(one: list[Span], two: list[Span]) -> None:
    assert seconds(merge(one)) == seconds(one)
    assert seconds(common(one, two)) == seconds(one) & seconds(two)
    assert seconds(cut(one, two)) == seconds(one) - seconds(two)
    assert seconds(gaps(one, 50)) == set(range(50)) - seconds(one)
    assert seconds(clip(one, 50)) == seconds(one) & set(range(50))
    assert total_s(one) == len(seconds(one))


@given(SPANS)
def test_merged_spans_are_apart(spans: list[Span]) -> None:
    merged = merge(spans)
    assert all(one[1] < two[0] for one, two in itertools.pairwise(merged))
