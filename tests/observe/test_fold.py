"""What repeats is said once, and nothing is lost by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evertone.observe.fold import LEAST_TIMES, MAX_PERIOD, Fold, fold


def folded(text: str) -> list[tuple[str, int]]:
    return [("".join(one.items), one.times) for one in fold(text, lambda c: c)]


def test_runs_and_blocks() -> None:
    assert folded("") == []
    assert folded("aab") == [("a", 1), ("a", 1), ("b", 1)]
    assert folded("xaaay") == [("x", 1), ("a", 3), ("y", 1)]
    assert folded("abababab") == [("ab", 4)]
    assert folded("aaaaaa") == [("a", 6)]
    assert folded("abcabcab") == [("a", 1), ("b", 1), ("c", 1), ("a", 1), ("b", 1), ("c", 1),
                                  ("a", 1), ("b", 1)]  # fmt: skip


def test_the_longest_run_wins() -> None:
    assert folded("aaabaaabaaab") == [("aaab", 3)]


def test_the_last_of_a_run_is_kept() -> None:
    items = [("x", at) for at in range(5)]
    assert fold(items, lambda item: item[0]) == [Fold((("x", 0),), 5, ("x", 4))]


def test_a_block_that_is_too_long_is_left_as_it_is() -> None:
    text = "".join(chr(97 + n) for n in range(MAX_PERIOD + 1)) * LEAST_TIMES
    assert all(times == 1 for _, times in folded(text))


@given(st.text("abc", max_size=200))
def test_unfolded_it_is_what_it_was(text: str) -> None:
    assert "".join(block * times for block, times in folded(text)) == text
