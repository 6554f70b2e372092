"""The script of ``evertone lab``: lines of ``SECONDS COMMAND``, checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from evertone.errors import EvertoneError, ScenarioError
from evertone.lab.faults import parse_fault
from evertone.lab.scenario import Scenario

__all__ = ["read_script"]

MAX_SCRIPT_LINES = 10_000

_LINE = re.compile(r"(\d+(?:\.\d+)?)\s+(\S.*)")


def read_script(
    path: Path, scenario: Scenario, commands: Collection[str]
) -> list[tuple[float, str]]:
    """Seconds and command of each line. ``commands`` are those that are no faults.

    Raises ScenarioError that names file and line.
    """
    timed: list[tuple[float, str]] = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(timed) >= MAX_SCRIPT_LINES:
            raise ScenarioError(f"{path}:{number}: more than {MAX_SCRIPT_LINES} lines")
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ScenarioError(
                f"{path}:{number}: write SECONDS COMMAND, as in: 10 silence primary"
            )
        try:
            _check(match[2], scenario, commands)
        except EvertoneError as error:
            raise ScenarioError(f"{path}:{number}: {error}") from None
        timed.append((float(match[1]), match[2]))
    return timed


def _check(command: str, scenario: Scenario, commands: Collection[str]) -> None:
    """Raises EvertoneError for what the lab would not obey."""
    verb, *rest = command.split()
    if verb not in commands:
        scenario.check_fault(parse_fault(command))
    elif verb == "heal":
        for name in rest:
            scenario.check_host(name)
