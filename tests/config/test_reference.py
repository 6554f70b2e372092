"""The reference page."""

from __future__ import annotations

from pathlib import Path

from evertone.config.reference import render
from evertone.config.schema import PARAMETERS

_PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_the_page_is_current() -> None:
    assert _PAGE.read_text("utf-8") == render(), (
        "write it anew: python -m evertone.config.reference > docs/parameters.md"
    )


def test_every_parameter_is_on_the_page() -> None:
    page = render()
    assert all(f"### `{parameter.key}`\n" in page for parameter in PARAMETERS)
