"""``evertone explain``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evertone.ui.cli import cli, main

EXAMPLES = Path(__file__).parents[2] / "examples"
GUIDE = EXAMPLES / "guide-failover.cfg"


def _explain(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


@pytest.fixture(scope="module")
def page() -> str:
    """The guide's failover example, explained, on one line."""
    result = _explain(GUIDE)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_a_stranger_can_tell_what_happens_when_the_primary_dies(page: str) -> None:
    assert "When server1.primary falls silent: the first call that you make waits 31.5s" in page
    assert "Who calls you notices nothing. It goes home by itself, 1h 4s after the end" in page
    assert "NAPTR 10/10 > SRV 0/1" in page
    assert "account.1.sip_server.1.invite_retry_counts 5 -> 2" in page
    assert "a call waits 31.5s -> 4s [S1]" in page


def test_every_rule_in_brackets_is_explained(page: str) -> None:
    assert "B4 failback duration: home is tried failback_timeout after the failover" in page
    assert "S1 one target: sent once" in page


def test_what_was_invented_is_said(page: str) -> None:
    assert "invented: primary.yealink.pbx.com. A 192.0.2.11" in page


def test_settings_without_effect_are_told_with_their_place(page: str) -> None:
    assert "only_signal_with_registered = 1" in page
    assert "[B10]" in page


def test_json() -> None:
    result = _explain(EXAMPLES / "fallback-register.cfg", "--json")
    report = json.loads(result.output)
    (line,) = report["lines"]
    first = line["faults"][0]
    assert first["case"] == "primary-silent"
    assert first["calls"]["first_only"] is True
    assert first["incoming"]["lost_s"] == pytest.approx(3590, abs=1)
    assert first["home"]["rules"] == ["F4"]
    assert line["faults"][-1]["incoming"]["lost_s"] is None, "as long as it lasts"
    advice = {change["advice"]: change for change in line["advice"]}
    assert advice["concurrent"]["changes"] == [
        {"key": "account.1.fallback.redundancy_type", "before": "1", "after": "0"}
    ]
    assert advice["concurrent"]["after"] == 0
    assert set(report["rules"]) >= {"S1", "F2", "F4"}


def test_no_secret_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "phone.cfg"
    file.write_text(GUIDE.read_text("utf-8").replace("password = 4605", "password = geheim"))
    assert "geheim" not in _explain(file).output
    assert "geheim" not in _explain(file, "--json").output


def test_a_zone_file(tmp_path: Path) -> None:
    zone = tmp_path / "pbx.zone"
    zone.write_text("yealink.pbx.com. A 203.0.113.7\n")
    result = _explain(GUIDE, "--zone", zone)
    assert "UDP 203.0.113.7:5060" in result.output
    assert "DNS: zone file" in " ".join(result.output.split())
    assert "invented" not in result.output


def test_names_from_files_are_shown_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "phone.cfg"
    text = GUIDE.read_text("utf-8")
    file.write_text(text.replace("label = 4605", "label = [red]x[/]"))
    assert "[red]x[/]" in _explain(file).output


def test_what_check_refuses_is_refused_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "phone.cfg"
    file.write_text(GUIDE.read_text("utf-8") + "account.1.sip_server.1.expires = 5\n")
    refused = CliRunner().invoke(cli, ["check", str(file)]).output
    monkeypatch.setattr("sys.argv", ["evertone", "explain", str(file)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    said = capsys.readouterr().err.removeprefix("evertone: ").splitlines()
    assert said
    assert all(line in refused for line in said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dns", "127.0.0.1"], "--dns goes with --live-dns"),
        (["--bind", "127.0.0.1"], "--bind goes with --live-dns"),
        (["--live-dns", "--zone", str(GUIDE)], "two sources"),
        (["--seed", "one"], "not a valid integer"),
    ],
)
def test_options_that_make_no_sense(arguments: list[str], said: str) -> None:
    result = _explain(GUIDE, *arguments)
    assert result.exit_code == 2
    assert said in result.output
