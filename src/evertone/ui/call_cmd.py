"""``evertone call``: place one call and show each server that was tried."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import click

from evertone.errors import UsageError
from evertone.events import CallChanged, Event, RequestSent, TargetFailed
from evertone.flows import Nameserver
from evertone.observe.text import event_line, printable
from evertone.ui.options import (
    EXIT_NOT_ACHIEVED,
    Seconds,
    Setup,
    files_argument,
    json_option,
    network_options,
    prepare,
)
from evertone.ui.session import Session, run_session

__all__ = ["CallReport", "command"]

_ESTABLISHED, _ENDED = "established", "ended"
_HANGUP_S = 2.0  # for the BYE to be answered before the phone itself stops


@dataclass(slots=True)
class CallReport:
    """What the events say about one call; feed it every event.

    ``tried`` holds one row for each target an INVITE went to: server, target and what came of
    it. Times are seconds since the call was placed.
    """

    began_at: float
    call: str = ""
    answered_s: float | None = None
    ended_s: float | None = None
    server: int = 0
    target: str = ""
    code: int = 0
    why: str = ""
    waited_s: float | None = None
    """How long somebody waited who then hung up."""
    tried: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RequestSent) and event.attempt.method == "INVITE":
            self._tried(event)
        elif isinstance(event, TargetFailed) and event.method == "INVITE" and self.tried:
            self.tried[-1]["outcome"] = str(event.outcome)
        elif isinstance(event, CallChanged) and event.direction == "out":
            self._changed(event)

    @property
    def answered(self) -> bool:
        """Whether somebody took the call."""
        return self.answered_s is not None

    @property
    def decided(self) -> bool:
        """Answered, or over without."""
        return self.answered or self.ended_s is not None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "answered": self.answered,
            "answered_s": _rounded(self.answered_s),
            "ended_s": _rounded(self.ended_s),
            "server": self.server or None,
            "target": self.target or None,
            "code": self.code or None,
            "why": self.why if self.waited_s is None else self._end(),
            "tried": self.tried,
        }

    def __str__(self) -> str:
        if self.answered_s is not None:
            return f"answered after {self.answered_s:.3f} s through {self._place()}"
        if self.ended_s is None:
            return "not answered in time" if self.waited_s is None else self._end()
        return f"not answered: {self._end() or 'the call ended'}"

    def _end(self) -> str:
        if self.waited_s is not None:
            return f"nobody answered within {self.waited_s:g} s"
        code = str(self.code or "")
        return printable(self.why if self.why.startswith(code) else f"{code} {self.why}")

    def _place(self) -> str:
        return f"server {self.server} at {self.target}" if self.target else "no server"

    def _tried(self, event: RequestSent) -> None:
        hop = event.attempt.hop
        self.tried.append(
            {
                "server": event.attempt.registrar,
                "target": str(hop.target),
                "at_s": _rounded(event.at - self.began_at),
                "outcome": None,
            }
        )

    def _changed(self, event: CallChanged) -> None:
        self.call = event.call
        if event.state == _ESTABLISHED and self.answered_s is None:
            self.answered_s = event.at - self.began_at
            self.server = event.server
            self.target = str(event.hop.target) if event.hop is not None else ""
            if self.tried:
                self.tried[-1]["outcome"] = "answered"
        elif event.state == _ENDED and self.ended_s is None:
            self.ended_s = event.at - self.began_at
            self.code, self.why = event.code, event.reason
            if self.tried and self.tried[-1]["outcome"] is None:
                self.tried[-1]["outcome"] = self._end()


@click.command(
    "call",
    epilog="""\b
Examples:
  evertone call phone.cfg 1002
  evertone call common.cfg phone.cfg 1002 --line 2 --seconds 10
  evertone call phone.cfg sip:bob@example.com --json""",
)
@files_argument
@click.argument("number")
@click.option(
    "--line",
    "line",
    metavar="N",
    type=click.IntRange(min=1),
    help="Call from account N. Default: the first that is enabled.",
)
@click.option(
    "--seconds",
    "seconds",
    metavar="S",
    type=Seconds(min=0),
    default=5.0,
    show_default=True,
    help="Hang up so long after the answer.",
)
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=Seconds(min=0, min_open=True),
    default=90.0,
    show_default=True,
    help="Hang up if nobody has answered by then.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell all events, registration too.")
@json_option
@network_options
def command(
    files: tuple[str, ...],
    number: str,
    line: int | None,
    seconds: float,
    timeout_s: float,
    verbose: bool,
    as_json: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
    state: Path | None,
) -> None:
    """Call NUMBER from the phone that FILE describes and show each server that is tried.

    NUMBER is an extension, such as 1002, or a whole address, such as sip:bob@example.com. The
    INVITE starts at once, beside the registration of its line, and walks the servers as the
    settings say; the events are told on stderr as they happen, the result comes on stdout.

    Exit codes: 0 the call was answered, 1 wrong settings or a port in use, 2 wrong usage,
    3 it was not answered.
    """
    setup = _one_line(prepare(files, dns, bind, state), line)
    body = functools.partial(
        _call, number=number, seconds=seconds, timeout_s=timeout_s, verbose=verbose
    )
    report = run_session(setup, body)
    if report is None:
        sys.exit(EXIT_NOT_ACHIEVED)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else str(report))
    if not report.answered:
        sys.exit(EXIT_NOT_ACHIEVED)


def _one_line(setup: Setup, number: int | None) -> Setup:
    """The phone with the calling line alone: the others need not register for this."""
    lines = setup.settings.enabled_lines()
    chosen = [line for line in lines if number in (None, line.line)][:1]
    if not chosen:
        usable = ", ".join(str(line.line) for line in lines)
        raise UsageError(f"line {number} is not in use; in use: {usable}")
    return dataclasses.replace(
        setup, settings=dataclasses.replace(setup.settings, lines=tuple(chosen))
    )


async def _call(
    session: Session, *, number: str, seconds: float, timeout_s: float, verbose: bool
) -> CallReport:
    driver, phone = session.driver, session.phone
    line = session.phone.settings.lines[0].line

    def tell(event: Event) -> None:
        if verbose or _about_calls(event):
            click.echo(event_line(event, driver.wall(event.at)), err=True)

    session.start()
    report = CallReport(driver.now())
    session.listeners += [tell, report]
    driver.do(lambda now: phone.call(line, number, now))
    await driver.until(lambda: report.decided, timeout_s)
    if report.answered:
        await driver.until(lambda: report.ended_s is not None, seconds)
    if report.ended_s is None and report.call:
        report.waited_s = None if report.answered else timeout_s
        driver.do(lambda now: phone.hangup(report.call, now))
        await driver.until(lambda: session.snapshot().idle, _HANGUP_S)
    return report


def _about_calls(event: Event) -> bool:
    if isinstance(event, RequestSent):
        return event.attempt.method == "INVITE"
    if isinstance(event, TargetFailed):
        return event.method == "INVITE"
    return isinstance(event, CallChanged)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
