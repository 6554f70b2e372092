"""A network namespace of a test's own, in which addresses and routes may be changed.

A test that uses one bears ``@pytest.mark.needs("ip", "unshare")``.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import tools

__all__ = ["COMMAND", "ip", "run_inside"]

COMMAND = ("unshare", "--user", "--map-root-user", "--net")
"""What precedes a command that is to run in a new namespace."""


def run_inside(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``python -m MODULE WORDS`` in a namespace, without root's help.

    Skips the test, also with CI=true, where the kernel lets nobody have a namespace: that is
    a fact about the machine, which no package mends.
    """
    if refused := _refused():
        pytest.skip(f"the kernel allows no network namespace here: {refused}")
    return subprocess.run(
        [*COMMAND, sys.executable, "-m", module, *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ip(*words: str) -> None:
    """``ip WORDS``; for use inside the namespace."""
    command = [tools.program("ip"), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@cache
def _refused() -> str:
    """What is said where there can be no namespace; empty if there can."""
    command = [*COMMAND, tools.program("ip"), "link", "set", "lo", "up"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return (done.stderr.strip() or f"exit {done.returncode}") if done.returncode else ""
