"""How far something long has come, as a terminal sees it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from evertone.ui.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(step_s: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step_s


def shown(stream: io.StringIO, step_s: float) -> str:
    with Progress("rehearsing 1 d", stream, clock(step_s).__next__) as progress:
        for tenth in range(1, 10):
            progress(tenth / 10)
    return stream.getvalue()


def test_one_line_is_kept_up_to_date_and_cleared() -> None:
    parts = shown(Terminal(), 0.5).split("\r")
    assert parts[:3] == ["", "rehearsing 1 d: 20%", "rehearsing 1 d: 30%"]
    assert parts[-2:] == [" " * len("rehearsing 1 d: 90%"), ""]


def test_what_is_quick_needs_no_word() -> None:
    assert shown(Terminal(), 0.1) == ""


def test_a_file_is_told_nothing() -> None:
    assert shown(io.StringIO(), 10.0) == ""


def test_it_is_cleared_after_an_error_too() -> None:
    stream = Terminal()

    def fail() -> None:
        with Progress("x", stream, clock(5.0).__next__) as progress:
            progress(0.5)
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        fail()
    assert stream.getvalue() == "\rx: 50%\r      \r"
