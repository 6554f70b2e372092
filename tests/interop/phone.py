"""Evertone as its users start it: a process with a configuration file and an event stream."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from tests.interop.bind import Bind
from tests.interop.net import place
from tests.interop.process import Process, wait_until

__all__ = ["Event", "Phone", "epoch_s", "evertone", "network"]

_EVERTONE = str(Path(sys.executable).with_name("evertone"))

Event = dict[str, Any]
"""One line of ``--events``: ``evertone.events.to_dict``, the class name under ``event``."""


def epoch_s(event: Event) -> float:
    """When it happened, on the clock of the packet capture."""
    return datetime.fromisoformat(event["time"]).timestamp()


class Phone(Process):
    """``evertone run`` on one configuration, its SIP from ``bind``, its names from ``names``."""

    end_s: ClassVar[float] = 8.0  # a clean stop may take 5 s, and the test wants to see it end

    def __init__(
        self,
        directory: Path,
        config: str,
        *,
        names: Bind,
        bind: str,
        name: str = "phone",
        answer: bool = False,
    ) -> None:
        self.bind = bind
        self.config = directory / f"{name}.cfg"
        self.config.write_text(config, encoding="utf-8")
        self._events = directory / f"{name}.events"
        command = [_EVERTONE, "run", str(self.config)]
        command += network(names, bind, directory / f"{name}.state")
        command += ["--events", str(self._events), *["--answer"] * answer]
        super().__init__(name, command, directory)

    def events(self, event: str = "", *, since: int = 0, **fields: object) -> list[Event]:
        """What has been announced from index ``since`` on, narrowed to a class and to values."""
        wanted = {"event": event, **fields} if event else fields
        return [
            found
            for found in list(self._lines())[since:]
            if all(found.get(name) == value for name, value in wanted.items())
        ]

    def mark(self) -> int:
        """The index of the next event: give it as ``since`` to look at what comes after."""
        return len(self.events())

    def wait_for(self, event: str, timeout_s: float, *, since: int = 0, **fields: object) -> Event:
        """The first such event; TimeoutError shows the last events and the log's end."""

        def met() -> bool:
            return not self.running or bool(self.events(event, since=since, **fields))

        try:
            wait_until(f"{event} {fields or ''}", met, timeout_s)
            return self.events(event, since=since, **fields)[0]
        except (TimeoutError, IndexError) as error:
            last = "\n".join(json.dumps(line) for line in self.events()[-10:])
            raise TimeoutError(f"{self.name}: {error}\n{last}\n{self.log_tail()}") from None

    def _lines(self) -> Iterator[Event]:
        if not self._events.exists():
            return
        for line in self._events.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may be half written
                yield json.loads(line)


def evertone(*arguments: str | Path, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run one command of ours to its end; its output is text."""
    return subprocess.run(
        [_EVERTONE, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def network(names: Bind, bind: str, state: Path) -> list[str]:
    """The options that put a command of ours on the network of a test."""
    where = ["--dns", place(names.address, names.port), "--bind", bind]
    return [*where, "--state", str(state)]
