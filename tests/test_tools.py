"""A missing tool skips its tests by name and with the remedy; with CI=true it fails them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_NO_TOOLS = "from tests import tools; tools.PATH = '/nonexistent'"
_NO_NAMESPACE = "from tests.io import namespace; namespace.COMMAND = ('false',)"

_WATCH = "tests/io/test_watch.py::test_a_network_of_its_own_changes_and_the_watch_tells[polling]"
_RUN = "tests/ui/test_run_network.py"
_RUN += "::test_in_another_network_the_phone_registers_anew_from_its_new_address"
_REGISTER = "tests/interop/test_servers.py::test_sipp_registers_at_kamailio"

_MISSING = [
    (_REGISTER, "kamailio is missing: apt-get install kamailio"),
    (_WATCH, "ip is missing: apt-get install iproute2"),
    (_RUN, "ip is missing: apt-get install iproute2"),
]


def _run(test: str, ci: str, prepared: str) -> subprocess.CompletedProcess[str]:
    """One test in a process that was ``prepared``; the rest of the environment is empty."""
    words = ["-q", "-p", "no:cacheprovider", test]
    code = f"import sys, pytest; {prepared}; sys.exit(pytest.main({words}))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ci", ["", "false"])
@pytest.mark.parametrize(("test", "remedy"), _MISSING)
def test_a_missing_tool_skips_with_the_command_that_installs_it(
    test: str, remedy: str, ci: str
) -> None:
    done = _run(test, ci, _NO_TOOLS)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert remedy in done.stdout


@pytest.mark.parametrize(("test", "remedy"), _MISSING)
def test_with_ci_a_missing_tool_is_a_failure(test: str, remedy: str) -> None:
    done = _run(test, "true", _NO_TOOLS)
    assert done.returncode == 1, done.stdout
    assert f"with CI=true every tool must be there; {remedy}" in done.stdout


@pytest.mark.needs("ip", "unshare")
@pytest.mark.parametrize("test", [_WATCH, _RUN])
def test_what_no_package_mends_is_a_skip_that_says_so(test: str) -> None:
    done = _run(test, "true", _NO_NAMESPACE)
    assert done.returncode == 0, done.stdout
    assert "the kernel allows no network namespace here: exit 1" in done.stdout
