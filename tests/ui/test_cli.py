"""The group of commands."""

from __future__ import annotations

import subprocess
import sys

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
