"""How a line is shown: as a line of text when it stands anew, and as a row of the table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from evertone.events import Warned
from evertone.model import Target, Transport
from evertone.observe.text import clock_text
from evertone.phone.snapshot import LineSnapshot, LineState, PhoneSnapshot
from evertone.ui.live import COLUMNS, JsonView, PlainView, TableView, line_cells, line_text

EPOCH_S = 1_700_000_000.0


def wall(at: float) -> float:
    return EPOCH_S + at


def line(state: LineState = LineState.REGISTERED, **changes: object) -> LineSnapshot:
    values: dict[str, object] = {
        "line": 1,
        "label": "1001",
        "state": state,
        "server": 1,
        "target": Target("192.0.2.1", 5060, Transport.TCP),
        "since": 10.0,
        "next_refresh": 3550.0,
        "why": "initial",
        "bindings": (),
    }
    return LineSnapshot(**{**values, **changes})  # type: ignore[arg-type]


def phone(*lines: LineSnapshot) -> PhoneSnapshot:
    return PhoneSnapshot(
        at=11.0, lines=lines, calls=(), flows=(), timers=(),
        attempts=0, transactions=0, lingering=0, stopped=False,
    )  # fmt: skip


def test_every_column_has_its_cell() -> None:
    since, following = (clock_text(wall(at))[:8] for at in (10.0, 3550.0))
    cells = line_cells(line(), wall)
    assert len(cells) == len(COLUMNS)
    assert cells == ("1 1001", "registered", "1", "TCP 192.0.2.1:5060", since, following, "initial")


def test_a_line_that_nobody_serves_has_no_server_to_show() -> None:
    off = line(LineState.FAILED, server=0, target=None, next_refresh=None, why="no\x1banswer")
    text = line_text(off, wall)
    assert text.startswith("line 1 1001: unavailable, since ")
    assert "server" not in text
    assert text.isprintable()


def test_plain_lines_are_appended_only_when_a_line_stands_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = PlainView(wall)
    view.event(Warned(at=10.5, reason="odd"))
    for state in (LineState.REGISTERED, LineState.REGISTERED, LineState.FAILED):
        view.refresh(phone(line(state)))
    view.close()
    event, registered, failed = capsys.readouterr().out.splitlines()
    assert event.endswith("phone: odd")
    assert "= line 1 1001: registered, server 1, TCP 192.0.2.1:5060" in registered
    assert "= line 1 1001: unavailable" in failed


def test_json_has_events_only(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView(wall)
    view.event(Warned(at=10.5, reason="odd"))
    view.refresh(phone(line()))
    view.close()
    (text,) = capsys.readouterr().out.splitlines()
    assert '"reason": "odd"' in text


def test_a_terminal_gets_a_table_below_the_events() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120, color_system=None)
    view = TableView(wall, console)
    view.refresh(phone(line(), line(LineState.REFUSED, line=2, label="[red]1002")))
    view.event(Warned(at=10.5, reason="[bold]odd"))
    view.close()
    text = output.getvalue()
    for words in ("registered", "refused", "TCP 192.0.2.1:5060", "[red]1002", "phone: [bold]odd"):
        assert words in text
