"""The group of commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.errors import UsageError
from evertone.ui import cli as cli_module
from evertone.ui.cli import COMMANDS, cli, main


def test_help_lists_the_commands() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert COMMANDS["check"].split()[0] in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli, ["frobnicate"]).exit_code == 2


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output.startswith("evertone, version ")


def test_help_imports_no_command() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from evertone.ui.cli import cli;"
        "CliRunner().invoke(cli, ['--help']);"
        "print([m for m in sys.modules if m.endswith('_cmd')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_errors_raised_on_purpose_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise UsageError("not now")

    monkeypatch.setattr(cli_module.cli, "main", refuse)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "evertone: not now\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "evertone", "lab", "--print"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "evertone: No space left on device\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "ca.pem"
    done = subprocess.run(
        [sys.executable, "-m", "evertone", "lab", "--ca", str(absent), "--seconds", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"evertone: {absent}: No such file or directory\n"
