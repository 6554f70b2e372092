"""``evertone lab``: starts, obeys scripts and typed lines, names mistakes, stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.lab.scenario import parse_scenario
from evertone.ui.lab_cmd import command

SMALL = """
domain = "pbx.example"
[[server]]
name = "one"
address = "127.0.22.1"
listen = ["udp:5060"]
[[name_server]]
address = "127.0.22.53"
port = 10053
zones = { "pbx.example" = "@ IN A 127.0.22.1" }
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_print_shows_a_scenario_that_can_be_read() -> None:
    result = CliRunner().invoke(command, ["--print"])
    assert len(parse_scenario(result.output).servers) == 3


def test_it_obeys_what_is_typed_and_scripted(small: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("# a comment\n0.05 silence one\n0.1 heal\n0.15 status\n")
    result = CliRunner().invoke(
        command, [str(small), "--script", str(script), "--seconds", "0.3"], input="burn one\nhelp\n"
    )
    assert result.exit_code == 0, result.output
    for words in (
        "one: UDP 127.0.22.1:5060",
        "dns: DNS 127.0.22.53:10053",
        "unknown fault 'burn'",
        "answer HOST STATUS [retry-after SECONDS]",
        "the one falls silent",
        "the one is back",
        "one: well",
    ):
        assert words in result.output


def _piped(small: Path, *parts: bytes) -> str:
    """What the lab says when ``parts`` come through a pipe, one after the other."""
    with subprocess.Popen(
        [sys.executable, "-m", "evertone", "lab", str(small), "--seconds", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as lab:
        try:
            assert lab.stdin is not None
            assert lab.stdout is not None
            while b"type help" not in lab.stdout.readline():
                pass
            for part in parts:
                os.write(lab.stdin.fileno(), part)
                time.sleep(0.1)
            assert lab.wait(timeout=10) == 0
            return lab.stdout.read().decode()
        finally:
            lab.kill()


def test_lines_that_come_at_once_are_all_obeyed_at_once(small: Path) -> None:
    said = _piped(small, b"silence one\nheal one\nburn one\n")
    assert "the one falls silent" in said
    assert "the one is back" in said
    assert "unknown fault 'burn'" in said


def test_half_a_line_is_waited_for_and_nothing_stands_still_meanwhile(small: Path) -> None:
    said = _piped(small, b"silence ", b"one\nheal", b" one")  # and --seconds ends it
    assert "the one falls silent" in said
    assert "the one is back" not in said


def test_quit_stops_and_json_is_one_object_per_line(small: Path) -> None:
    result = CliRunner().invoke(command, [str(small), "--json"], input="quit\n")
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert {line["kind"] for line in lines} == {"welcome"}


def test_bind_moves_every_address(small: Path) -> None:
    result = CliRunner().invoke(command, [str(small), "--bind", "127.0.23.7"], input="quit\n")
    assert "one: UDP 127.0.23.7:5060" in result.output
    assert "dns: DNS 127.0.23.8:10053" in result.output


@pytest.mark.parametrize("line", ["silence one", "x silence one", "10"])
def test_a_script_that_cannot_be_read_names_the_line(
    small: Path, tmp_path: Path, line: str
) -> None:
    script = tmp_path / "script.txt"
    script.write_text(f"1 status\n{line}\n")
    result = CliRunner().invoke(command, [str(small), "--script", str(script)])
    assert result.exit_code == 1
    assert "script.txt:2: write SECONDS COMMAND" in str(result.exception)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("9 burn one", "unknown fault 'burn'; there are: silence"),
        ("9 silence two", "no host 'two'; there are: one, dns"),
        ("9 heal two", "no host 'two'; there are: one, dns"),
        ("9 servfail one", "one is no DNS server"),
        ("9 partition one two", "no host 'two'"),
    ],
)
def test_a_script_is_checked_before_anything_starts(
    small: Path, tmp_path: Path, line: str, advice: str
) -> None:
    script = tmp_path / "script.txt"
    script.write_text(f"1 status\n\n{line}\n")
    result = CliRunner().invoke(command, [str(small), "--script", str(script), "--seconds", "0"])
    assert result.exit_code == 1
    assert f"script.txt:3: {advice}" in str(result.exception).replace("servfail one: ", "")
    assert not result.output


def test_tls_needs_its_package_or_is_left_out(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with_tls = tmp_path / "tls.toml"
    with_tls.write_text(SMALL.replace('"udp:5060"', '"udp:5060", "tls:5061"'))
    result = CliRunner().invoke(command, [str(with_tls)], input="quit\n")
    assert "needs the package trustme" in str(result.exception)
    result = CliRunner().invoke(command, [str(with_tls), "--no-tls"], input="quit\n")
    assert result.exit_code == 0
    assert "TLS" not in result.output


def test_the_authority_is_written_for_phones_to_trust(small: Path, tmp_path: Path) -> None:
    with_tls = tmp_path / "tls.toml"
    with_tls.write_text(SMALL.replace('"udp:5060"', '"udp:5060", "tls:5061"'))
    pem = tmp_path / "ca.pem"
    result = CliRunner().invoke(command, [str(with_tls), "--ca", str(pem)], input="quit\n")
    assert result.exit_code == 0
    assert pem.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")


def test_an_authority_that_no_server_needs_is_not_passed_over(small: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(small), "--ca", str(tmp_path / "ca.pem")])
    assert result.exit_code == 2
    assert "--ca goes with TLS" in result.output


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_seconds_are_a_number(small: Path, seconds: str) -> None:
    result = CliRunner().invoke(command, [str(small), "--seconds", seconds])
    assert result.exit_code == 2
    assert "is no number of seconds" in result.output
