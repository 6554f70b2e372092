"""``evertone call``: what its report makes of the events, and calls that nobody takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.errors import UsageError
from evertone.events import CallChanged, Event, RequestSent, TargetFailed
from evertone.model import (
    Attempt,
    Cause,
    Group,
    Hop,
    Outcome,
    OutcomeKind,
    Reason,
    Target,
    Transport,
)
from evertone.rules import Rule
from evertone.ui.call_cmd import CallReport
from evertone.ui.cli import cli
from tests.ui.serving import LOOPBACK, config, free_port, registrar, serving

FIRST = Hop(Group.SERVER1, 0, Target("192.0.2.1", 5060, Transport.UDP))
SECOND = Hop(Group.SERVER2, 0, Target("192.0.2.2", 5060, Transport.UDP))
SILENT = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.SILENCE)


def sent(at: float, hop: Hop, method: str = "INVITE") -> RequestSent:
    server = hop.group.number
    attempt = Attempt(1, 1, 1, server, hop, method, 3, 7.5, Reason.INITIAL, Rule.C1)
    return RequestSent(at=at, line=1, server=server, hop=hop, attempt=attempt)


def failed(at: float, hop: Hop) -> TargetFailed:
    return TargetFailed(at=at, line=1, hop=hop, method="INVITE", outcome=SILENT)


def changed(
    at: float, state: str, *, code: int = 0, reason: str = "", hop: Hop | None = None
) -> Event:
    return CallChanged(
        at=at, line=1, server=hop.group.number if hop else 0, hop=hop, reason=reason,
        call="c1", state=state, direction="out", peer="sip:1002@example.com", code=code,
    )  # fmt: skip


@pytest.mark.rule("C3")
def test_the_report_names_each_server_tried_and_who_answered() -> None:
    report = CallReport(100.0)
    events = [
        changed(100.0, "calling"),
        sent(100.0, FIRST),
        sent(100.1, FIRST, "REGISTER"),
        failed(107.5, FIRST),
        sent(107.5, SECOND),
        changed(107.6, "ringing", code=180, hop=SECOND),
        changed(108.0, "established", code=200, hop=SECOND),
        changed(113.0, "ended", hop=SECOND),
    ]
    for event in events:
        report(event)
    assert report.to_dict() == {
        "answered": True,
        "answered_s": 8.0,
        "ended_s": 13.0,
        "server": 2,
        "target": "UDP 192.0.2.2:5060",
        "code": None,
        "why": "",
        "tried": [
            {"server": 1, "target": "UDP 192.0.2.1:5060", "at_s": 0.0, "outcome": "no answer"},
            {"server": 2, "target": "UDP 192.0.2.2:5060", "at_s": 7.5, "outcome": "answered"},
        ],
    }
    assert str(report) == "answered after 8.000 s through server 2 at UDP 192.0.2.2:5060"


@pytest.mark.parametrize("reason", ["Busy\x1b Here", "486 Busy\x1b Here"])
def test_a_call_that_is_refused_says_by_what(reason: str) -> None:
    report = CallReport(0.0)
    for event in (sent(0.0, FIRST), changed(0.2, "ended", code=486, reason=reason)):
        report(event)
    assert report.decided
    assert not report.answered
    assert str(report) == "not answered: 486 Busy� Here"
    assert report.tried[0]["outcome"] == "486 Busy� Here"


def test_a_call_that_nobody_took_in_time_says_how_long_it_rang() -> None:
    report = CallReport(0.0, waited_s=20.0)
    for event in (sent(0.0, FIRST), changed(20.0, "ended", reason="the user hangs up")):
        report(event)
    assert str(report) == "not answered: nobody answered within 20 s"
    assert report.to_dict()["why"] == "nobody answered within 20 s"
    assert report.tried[0]["outcome"] == "nobody answered within 20 s"


def test_a_call_that_still_rings_is_undecided() -> None:
    report = CallReport(0.0)
    for event in (sent(0.0, FIRST), changed(0.2, "ringing", code=180)):
        report(event)
    assert not report.decided
    assert str(report) == "not answered in time"


def test_nobody_registered_there_is_exit_code_3(tmp_path: Path) -> None:
    server = registrar()
    with serving(server):
        options = ["--bind", LOOPBACK, "--state", str(tmp_path)]
        path = config(tmp_path, server.listen[0].port)
        result = CliRunner().invoke(cli, ["call", path, "1002", "--json", *options])
    assert result.exit_code == 3, result.output
    report = json.loads(result.stdout)
    assert report["answered"] is False
    assert report["code"] in (404, 480)
    assert "INVITE to" in result.stderr


@pytest.mark.rule("C1")
def test_with_no_server_at_all_each_is_shown_and_the_call_ends(tmp_path: Path) -> None:
    dead = (free_port(), free_port())
    options = ["--bind", LOOPBACK, "--state", str(tmp_path)]
    result = CliRunner().invoke(cli, ["call", config(tmp_path, *dead), "1002", "--json", *options])
    assert result.exit_code == 3, result.output
    tried = {row["target"] for row in json.loads(result.stdout)["tried"]}
    assert tried == {f"UDP 127.0.0.1:{port}" for port in dead}


def test_a_line_that_is_not_in_use_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = config(tmp_path, free_port())
    result = CliRunner().invoke(
        cli, ["call", path, "1002", "--line", "3", "--state", str(tmp_path)]
    )
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "line 3 is not in use; in use: 1"
