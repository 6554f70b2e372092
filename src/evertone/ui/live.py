"""What ``run`` shows: the events as they happen, and how each line stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evertone.events import Event
from evertone.observe.jsonlines import to_json
from evertone.observe.text import clock_text, event_line, printable
from evertone.phone.snapshot import LineSnapshot, LineState, PhoneSnapshot

__all__ = ["JsonView", "PlainView", "TableView", "View", "line_cells", "line_text"]

Wall = Callable[[float], float]
"""Turns a time of the phone's clock into seconds since the epoch."""

COLUMNS = ("line", "state", "server", "target", "since", "next", "why")

_STYLES: dict[LineState, str] = {
    LineState.OFF: "dim",
    LineState.REGISTERING: "yellow",
    LineState.REGISTERED: "green",
    LineState.REFUSED: "red",
    LineState.FAILED: "red",
}


class View(Protocol):
    """One way to show a phone at work."""

    def event(self, event: Event) -> None:
        """Something happened. OSError if there is nobody left to tell."""

    def refresh(self, phone: PhoneSnapshot) -> None:
        """Show how the lines stand now."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def line_cells(line: LineSnapshot, wall: Wall) -> tuple[str, ...]:
    """How one line stands, one text for each of :data:`COLUMNS`."""
    return (
        f"{line.line} {printable(line.label)}".rstrip(),
        line.state.value,
        str(line.server) if line.server else "-",
        str(line.target) if line.target is not None else "-",
        _time(line.since, wall),
        _time(line.next_refresh, wall) if line.next_refresh is not None else "-",
        printable(line.why),
    )


def line_text(line: LineSnapshot, wall: Wall) -> str:
    """How one line stands, in one line of text."""
    who, state, server, target, since, following, why = line_cells(line, wall)
    text = f"line {who}: {state}"
    if server != "-":
        text += f", server {server}"
    if target != "-":
        text += f", {target}"
    text += f", since {since}, next REGISTER {following}"
    return f"{text}: {why}" if why else text


def _time(at: float, wall: Wall) -> str:
    return clock_text(wall(at)).partition(".")[0]


class PlainView:
    """Lines appended, for pipes and logs: each event, and each line when it stands anew."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._shown: dict[int, tuple[object, ...]] = {}

    def event(self, event: Event) -> None:
        """Append the event."""
        click.echo(event_line(event, self._wall(event.at)))

    def refresh(self, phone: PhoneSnapshot) -> None:
        """Append the lines that stand otherwise than when they were last shown."""
        for line in phone.lines:
            stands = (line.state, line.server, line.target, line.since)
            if self._shown.get(line.line) == stands:
                continue
            self._shown[line.line] = stands
            with contextlib.suppress(OSError):  # event() reports that nobody reads any more
                click.echo(f"{clock_text(self._wall(phone.at))} = {line_text(line, self._wall)}")

    def close(self) -> None:
        """Nothing to undo."""


class JsonView:
    """The events as JSON lines."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall

    def event(self, event: Event) -> None:
        """Append the event."""
        click.echo(to_json(event, self._wall(event.at)))

    def refresh(self, phone: PhoneSnapshot) -> None:
        """The events say it all."""

    def close(self) -> None:
        """Nothing to undo."""


class TableView:
    """A terminal: a table of the lines that stays below the events scrolling by."""

    def __init__(self, wall: Wall, console: Console) -> None:
        self._wall = wall
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def event(self, event: Event) -> None:
        """Print the event above the table."""
        self._live.console.print(Text(event_line(event, self._wall(event.at))))

    def refresh(self, phone: PhoneSnapshot) -> None:
        """Draw the table anew."""
        table = Table(*COLUMNS)
        for line in phone.lines:
            cells = line_cells(line, self._wall)
            style = _STYLES[line.state]
            table.add_row(Text(cells[0]), Text(cells[1], style=style), *map(Text, cells[2:]))
        self._live.update(table, refresh=True)

    def close(self) -> None:
        """Leave the last table on the screen."""
        self._live.stop()
