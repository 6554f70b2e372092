"""``evertone register``: register every line once and say where each landed."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from evertone.events import Event
from evertone.flows import Nameserver
from evertone.observe.text import event_line, printable
from evertone.phone.snapshot import LineSnapshot, LineState, PhoneSnapshot
from evertone.phone.timer import LOCATOR
from evertone.ui.options import (
    EXIT_NOT_ACHIEVED,
    Seconds,
    files_argument,
    json_option,
    network_options,
    prepare,
)
from evertone.ui.session import Session, run_session

__all__ = ["Landing", "Watch", "command"]

_FAILED = (LineState.FAILED, LineState.REFUSED)

_NOT_LET_IN = "the server takes neither account.{0}.auth_name nor its password"
_ADVICE = {
    "401": _NOT_LET_IN,
    "403": "the server knows account.{0}.user_name or our address, and forbids it",
    "404": "the server knows no account.{0}.user_name of that name",
    "407": _NOT_LET_IN,
}
"""Where to look, by the code of the refusal."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Where one line landed, ``took_s`` seconds after the start (None: not yet, it ``waits``)."""

    line: LineSnapshot
    took_s: float | None
    waits: str = ""

    @property
    def registered(self) -> bool:
        """Whether a server serves the line."""
        return self.line.state is LineState.REGISTERED

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "line": self.line.line,
            "label": self.line.label,
            "registered": self.registered,
            "state": self.line.state.value,
            "server": self.line.server or None,
            "target": str(self.line.target) if self.line.target else None,
            "took_s": None if self.took_s is None else round(self.took_s, 3),
            "why": self.line.why,
            "waits_for": self.waits or None,
            "bindings": [{"server": b.server, "target": str(b.target)} for b in self.line.bindings],
        }

    def __str__(self) -> str:
        text = f"line {self.line.line} {self.line.label}".rstrip()
        if self.took_s is None:
            text += f": still {self.line.state.value}"
        elif self.registered:
            text += f": registered with server {self.line.server} at {self.line.target}"
        else:
            text += f": {self.line.state.value}"
        if self.took_s is not None:
            text += f" after {self.took_s:.3f} s"
        others = [b for b in self.line.bindings if b.target != self.line.target]
        text += "".join(f", and with server {b.server} at {b.target}" for b in others)
        if not self.registered and self.line.why:
            text += f": {self.line.why}"
        if self.waits:
            text += f", waits for {self.waits}"
        advice = _ADVICE.get(self.line.why.partition(" ")[0])
        if self.line.state is LineState.REFUSED and advice is not None:
            text += f" ({advice.format(self.line.line)})"
        return printable(text)


class Watch:
    """Watches the lines land; show it every snapshot. ``started_at`` is on the phone's clock.

    A line is registered when a server *serves* it: registered with the fallback server, but
    still waiting for the working one (F1), it has not landed. And it has failed only when the
    phone has nothing more under way: in between one server and the next it looks failed, too.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._landed_at: dict[int, float] = {}

    def look(self, phone: PhoneSnapshot) -> tuple[Landing, ...]:
        """How the lines have fared so far."""
        busy = phone.attempts > 0 or any(name == LOCATOR for name, _ in phone.timers)
        for line in phone.lines:
            if line.state is LineState.REGISTERED:
                self._landed_at.setdefault(line.line, phone.at)
            elif line.state in _FAILED and not busy:
                self._landed_at[line.line] = line.since
            else:
                self._landed_at.pop(line.line, None)
        return tuple(self._landing(line, _waits(phone)) for line in phone.lines)

    def _landing(self, line: LineSnapshot, waits: str) -> Landing:
        took_s = self._took_s(line.line)
        return Landing(line, took_s, waits if took_s is None else "")

    def _took_s(self, line: int) -> float | None:
        at = self._landed_at.get(line)
        return None if at is None else at - self._started_at


def _waits(phone: PhoneSnapshot) -> str:
    """What the lines that have not landed wait for."""
    asks = any(name == LOCATOR for name, _ in phone.timers)
    parts = ("the name servers" * asks, "a server to answer" * (phone.attempts > 0))
    return " and ".join(filter(None, parts))


@click.command(
    "register",
    epilog="""\b
Examples:
  evertone register phone.cfg
  evertone register phone.cfg --verbose       see each server that is tried, and why
  evertone register phone.cfg --dns 127.0.0.1:5353 --json""",
)
@files_argument
@click.option("--keep", is_flag=True, help="Leave the registrations to run out by themselves.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=Seconds(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Give up waiting for lines that are still trying.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell the events as they happen, on stderr.")
@json_option
@network_options
def command(
    files: tuple[str, ...],
    keep: bool,
    timeout_s: float,
    verbose: bool,
    as_json: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
    state: Path | None,
) -> None:
    """Register all lines that FILE enables, once, and say where each landed and how long it took.

    A line walks its servers as the settings say: with a silent primary and the guide's default
    of 3 retries, expect 7.5 seconds before the next target is tried. Afterwards the
    registrations are removed again, unless --keep is given.

    Exit codes: 0 all lines are registered, 1 wrong settings or a port in use, 2 wrong usage,
    3 not all lines are registered.
    """
    setup = prepare(files, dns, bind, state)
    body = functools.partial(_register, timeout_s=timeout_s, verbose=verbose)
    found = run_session(setup, body, keep=keep)
    if found is None:
        sys.exit(EXIT_NOT_ACHIEVED)
    achieved = all(landing.registered for landing in found)
    if as_json:
        lines = [landing.to_dict() for landing in found]
        click.echo(json.dumps({"registered": achieved, "lines": lines}, indent=2))
    else:
        for landing in found:
            click.echo(str(landing))
    if not achieved:
        sys.exit(EXIT_NOT_ACHIEVED)


async def _register(session: Session, *, timeout_s: float, verbose: bool) -> tuple[Landing, ...]:
    def tell(event: Event) -> None:
        click.echo(event_line(event, session.driver.wall(event.at)), err=True)

    def settled() -> bool:
        return all(landing.took_s is not None for landing in watch.look(session.snapshot()))

    if verbose:
        session.listeners.append(tell)
    session.start()
    watch = Watch(session.started_at)
    await session.driver.until(settled, timeout_s)
    return watch.look(session.snapshot())
