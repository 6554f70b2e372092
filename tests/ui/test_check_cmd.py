"""``evertone check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evertone.ui.cli import cli

_EXAMPLES = Path(__file__).parents[2] / "examples"
_GOOD = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 4605
account.1.password = geheim
account.1.sip_server.1.address = 192.0.2.1
lang.gui = English
"""


def _check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, arguments)])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.cfg"
    file.write_text(_GOOD, "utf-8")
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.cfg"
    file.write_text(_GOOD + "account.1.sip_server.1.port = 99999\n", "utf-8")
    return file


def test_clean(good: Path) -> None:
    result = _check(good)
    assert result.exit_code == 0
    assert result.output == (
        "0 errors, 0 warnings, 0 notices. Settings of ours: 4; others, ignored: 1. "
        "Lines in use: 1.\n"
    )


def test_all_lists_the_others_without_their_values(good: Path) -> None:
    output = _check(good, "--all").output
    assert f"{good}:6: lang.gui: none of ours" in output
    assert "English" not in output


def test_an_error_is_exit_code_1(bad: Path) -> None:
    result = _check(bad)
    assert result.exit_code == 1
    first = result.output.splitlines()[0]
    assert first.startswith(f"{bad}:7: error: account.1.sip_server.1.port = 99999")
    assert first.endswith("allowed: a whole number from 0 to 65535")


def test_layers(good: Path, bad: Path) -> None:
    assert _check(bad, good).exit_code == 1
    later = good.parent / "later.cfg"
    later.write_text("#!version:1.0.0.1\naccount.1.sip_server.1.port = 5080\n", "utf-8")
    assert _check(bad, later).exit_code == 0


def test_json(bad: Path) -> None:
    result = _check(bad, "--json", "--all")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert (report["errors"], report["warnings"], report["foreign"]) == (1, 0, 1)
    assert report["enabled_lines"] == [1]
    assert report["foreign_keys"] == [{"file": str(bad), "line": 6, "key": "lang.gui"}]
    (finding,) = report["findings"]
    assert finding["line"] == 7
    assert finding["value"] == "99999"
    assert "geheim" not in result.output


@pytest.mark.parametrize("arguments", [[], ["no-such-file.cfg"], ["--frobnicate"]])
def test_called_wrongly(arguments: list[str]) -> None:
    assert _check(*arguments).exit_code == 2


def test_help_teaches() -> None:
    output = _check("--help").output
    assert "Exit code: 0" in output
    assert "Examples:" in output


@pytest.mark.parametrize("file", sorted(_EXAMPLES.glob("*.cfg")), ids=lambda file: file.name)
def test_the_examples_have_no_errors(file: Path) -> None:
    assert _check(file).exit_code == 0
