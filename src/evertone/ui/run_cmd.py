"""``evertone run``: the phone, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

from evertone.errors import ConfigError
from evertone.flows import Nameserver
from evertone.observe.jsonlines import JsonLines
from evertone.ui.live import JsonView, PlainView, TableView, View, Wall
from evertone.ui.options import files_argument, json_option, network_options, prepare
from evertone.ui.session import Session, run_session

__all__ = ["command"]

_REDRAW_S = 1.0


@click.command(
    "run",
    epilog="""\b
Examples:
  evertone run phone.cfg
  evertone run common.cfg phone.cfg --answer --events events.jsonl
  evertone run phone.cfg --dns 127.0.0.1:5353 --bind 127.0.0.1""",
)
@files_argument
@click.option(
    "--events",
    "events_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append every event to FILE as a JSON line.",
)
@click.option("--answer", is_flag=True, help="Answer incoming calls.")
@json_option
@network_options
def command(
    files: tuple[str, ...],
    events_path: Path | None,
    answer: bool,
    as_json: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
    state: Path | None,
) -> None:
    """Run the phone that FILE describes until it is stopped with Ctrl-C or SIGTERM.

    On a terminal a table shows how each line stands: its state, the server and target that
    serve it, since when, when its next REGISTER is due, and why it stands there. Elsewhere the
    same comes as lines of text, each marked with '='. Between them the events: what happened,
    at which server, by which rule.

    A later FILE is laid over the earlier ones. When stopped the phone removes its registrations;
    that takes 5 seconds at most, whether or not a server answers. A second Ctrl-C ends at once.

    Exit codes: 0 stopped, 1 wrong settings or a port in use, 2 wrong usage.
    """
    setup = prepare(files, dns, bind, state, resident=True)
    with _events_file(events_path) as events_file:
        body = functools.partial(_run, as_json=as_json, events_file=events_file)
        run_session(setup, body, auto_answer=answer, resident=True)


@contextlib.contextmanager
def _events_file(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("a", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"events cannot be written to {path}: {error.strerror}") from error
    with file:
        yield file


async def _run(session: Session, *, as_json: bool, events_file: TextIO | None) -> None:
    driver = session.driver
    view = _view(driver.wall, as_json)
    if events_file is not None:
        session.listeners.append(JsonLines(events_file, driver.wall))
    news = asyncio.Event()
    session.listeners += [view.event, lambda event: news.set()]
    session.start()
    try:
        while True:
            news.clear()
            view.refresh(session.snapshot())
            with contextlib.suppress(TimeoutError):
                # not wait_for: up to Python 3.11 it swallows a stop that comes with the news
                async with asyncio.timeout(_REDRAW_S):
                    await news.wait()
    finally:
        view.close()


def _view(wall: Wall, as_json: bool) -> View:
    if as_json:
        return JsonView(wall)
    if sys.stdout.isatty():
        return TableView(wall, Console())
    return PlainView(wall)
