"""``evertone demo --fast``: told, judged, in under a second; and a judgement that can fail."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket

import pytest
from click.testing import CliRunner

from evertone.config.settings import LineSettings
from evertone.errors import UsageError
from evertone.lab import demo
from evertone.ui import demo_cmd
from evertone.ui.demo_cmd import command
from evertone.ui.options import EXIT_NOT_ACHIEVED


def test_fast_tells_and_judges_all_four() -> None:
    result = CliRunner().invoke(command, ["--fast"])
    assert result.exit_code == 0
    for words in (
        "the working server falls silent",
        "phone A → working server: INVITE again (resend 3)",
        "phone A → secondary server: INVITE",
        "[S1]",
        "the primary server is back",
        "What the guide says, and what the phone did",
        "4 scenarios in",
    ):
        assert words in result.output
    assert "✗" not in result.output


def test_json_is_one_object() -> None:
    result = CliRunner().invoke(command, ["--fast", "--json"])
    report = json.loads(result.output)
    assert report["held"] is True
    assert report["seconds"] < 1
    keys = [scenario["scenario"] for scenario in report["scenarios"]]
    assert keys == [story.key for story in demo.STORIES]
    assert 7.5 <= report["scenarios"][1]["without_service_s"] < 8


def test_its_addresses_are_counted_up_from_where_it_is_told() -> None:
    result = CliRunner().invoke(command, ["--fast", "--bind", "127.0.30.100"])
    assert result.exit_code == 0, result.output
    assert "127.0.30.111" in result.output
    assert "127.0.20." not in result.output


@pytest.mark.parametrize("address", ["here", "::1", "255.255.255.250"])
def test_an_address_without_room_after_it_is_an_error(address: str) -> None:
    result = CliRunner().invoke(command, ["--fast", "--bind", address])
    assert result.exit_code == 2
    assert "no IPv4 address with room after it" in result.output


def test_a_phone_that_does_otherwise_is_not_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    story = demo.STORIES[0]

    def hasty(told: demo.Story, user: str) -> LineSettings:
        line = story.line(told, user)
        first, second = (dataclasses.replace(s, retry_counts=0) for s in line.sip_server)
        return dataclasses.replace(line, sip_server=(first, second))

    stories = (dataclasses.replace(story, line=hasty), *demo.STORIES[1:])
    monkeypatch.setattr(demo_cmd, "STORIES", stories)
    result = CliRunner().invoke(command, ["--fast"])
    assert result.exit_code == EXIT_NOT_ACHIEVED
    assert "✗ " in result.output


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    story = demo.STORIES[0]
    (address, _), *_ = story.names().items()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        # whoever else runs a demo meanwhile has the port as well
        with contextlib.suppress(OSError):
            other.bind((address, 5060))
        result = CliRunner().invoke(command, [])
    assert isinstance(result.exception, UsageError)
    assert "5060: Address already in use" in str(result.exception)
    assert "'evertone demo --fast' needs no port" in str(result.exception)
