"""A missing tool skips its tests by name and with the remedy; with CI=true it fails them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def _run_without_tools(ci: str) -> subprocess.CompletedProcess[str]:
    test = "tests/interop/test_servers.py::test_sipp_registers_at_kamailio"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=_ROOT,
        env={"PATH": "/nonexistent", "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ci", ["", "false"])
def test_a_missing_tool_skips_with_the_command_that_installs_it(ci: str) -> None:
    done = _run_without_tools(ci)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "sipp is missing: apt-get install sip-tester" in done.stdout


def test_with_ci_a_missing_tool_is_a_failure() -> None:
    done = _run_without_tools("true")
    assert done.returncode == 1, done.stdout
    assert "sipp is missing: apt-get install sip-tester" in done.stdout
