"""``evertone simulate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evertone.ui.cli import cli, main

EXAMPLES = Path(__file__).parents[2] / "examples"
FAILOVER = EXAMPLES / "failover.cfg"
OUTAGE = ("--fault", "server1.primary silence 10m..25m", "--calls", "every 5m", "--for", "2h")


def simulate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["simulate", *map(str, arguments)])


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> str:
    """What the program says on standard error where it ends with exit code 1."""
    monkeypatch.setattr("sys.argv", ["evertone", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_the_story_and_the_figures() -> None:
    result = simulate(FAILOVER, *OUTAGE)
    assert result.exit_code == 0, result.output
    for said in (
        "DNS: invented from the names",
        "invented: primary.yealink.pbx.com. A 192.0.2.11",
        "00:10:00.0 ! server1.primary: it does not answer",
        "calls delayed          3 of 23, by 7.5 s, at most 7.5 s",
        "The phone could be called all the time.",
    ):
        assert said in result.output, said
    assert "LADDER" not in result.output


def test_without_faults_the_targets_are_listed() -> None:
    output = simulate(FAILOVER, "--for", "1h").output
    assert "Targets: server1.primary, server1.2, dns, server1, all, phone" in output


def test_the_ladder() -> None:
    output = simulate(FAILOVER, *OUTAGE, "--ladder").output
    assert "INVITE (resend 3)" in output


def test_json() -> None:
    result = simulate(FAILOVER, *OUTAGE, "--json", "--ladder")
    report = json.loads(result.output)
    assert report["faults"] == [
        {
            "target": "server1.primary",
            "verb": "silence",
            "hosts": ["server1.primary"],
            "from_s": 600.0,
            "to_s": 1500.0,
        }
    ]
    assert [c["at"] for c in report["calls"] if c["delayed"]] == [600.0, 900.0, 1200.0]
    assert report["lines"][0]["unreachable_s"] < 0.1
    packets = {host["name"]: host["packets"] for host in report["hosts"]}
    assert packets["server1.2"] > 0
    assert report["ladder"][0]["message"] == "REGISTER"
    assert {event["event"] for event in report["events"]} >= {"Registered", "FailedOver"}


def test_same_seed_same_output() -> None:
    arguments = (FAILOVER, "--fault", "all lose:40% 10m..90m", "--for", "2h", "--json")
    assert simulate(*arguments).output == simulate(*arguments).output
    assert simulate(*arguments).output != simulate(*arguments, "--seed", "2").output


def test_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = simulate(FAILOVER, *OUTAGE, "--html", page)
    assert f"Page: {page}" in result.output
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "Who was available" in page.read_text("utf-8")


def test_a_page_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(
        monkeypatch, capsys, "simulate", str(FAILOVER), "--for", "1m",
        "--html", str(tmp_path / "no" / "page.html"),
    )  # fmt: skip
    assert "page.html: No such file or directory" in said


# --- where the records come from --------------------------------------------------------------


def test_a_zone_file(tmp_path: Path) -> None:
    zone = tmp_path / "pbx.zone"
    zone.write_text("yealink.pbx.com. 300 A 192.0.2.77\n")
    output = simulate(FAILOVER, "--for", "1h", "--zone", zone).output
    assert f"DNS: zone file {zone}, 1 record\n" in output
    assert "server1 (192.0.2.77)" in output


def test_the_live_dns(nameserver: str, tmp_path: Path) -> None:
    config = tmp_path / "phone.cfg"
    text = FAILOVER.read_text().replace("yealink.pbx.com", "yealink.pbx.example")
    config.write_text(text)
    bound = ("--bind", "127.0.0.1")
    result = simulate(config, "--live-dns", "--dns", nameserver, *bound, *OUTAGE)
    assert result.exit_code == 0, result.output
    assert "DNS: live DNS, taken once" in result.output
    assert "server1.primary (192.168.1.1" in result.output
    assert "invented" not in result.output


def test_the_live_dns_that_knows_nothing_of_a_name(nameserver: str) -> None:
    result = simulate(FAILOVER, "--live-dns", "--dns", nameserver, "--for", "1h")
    assert result.exit_code == 0, result.output
    assert "the live DNS leads nowhere: yealink.pbx.com: no such name" in result.output
    assert "without registration   1h of 1h (100 %)" in result.output


def test_a_live_dns_that_does_not_answer_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = ("--live-dns", "--dns", "127.0.0.1:1")
    said = refused(monkeypatch, capsys, "simulate", str(FAILOVER), *nobody)
    assert said.startswith("evertone: no name server gave an answer (127.0.0.1 port 1)")


# --- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--fault", "server9 silence 1m..2m"), "no target 'server9'; there are: server1.primary"),
        (("--fault", "server1 silence 9m..2m"), "did you mean 2m..9m?"),
        (("--fault", "server1 silence 25h.."), "the rehearsal of 1d is over"),
    ],
)
def test_a_fault_that_makes_no_sense(
    words: tuple[str, ...],
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert advice in refused(monkeypatch, capsys, "simulate", str(FAILOVER), *words)


def test_a_zone_file_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    zone = tmp_path / "pbx.zone"
    zone.write_text("pbx.example. A 192.0.2.1\npbx.example. A 192.0.2.300\n")
    said = refused(monkeypatch, capsys, "simulate", str(FAILOVER), "--zone", str(zone))
    assert f"{zone}:2: " in said


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--for", "soon"), "write 90s, 10m, 1h30m or 2d"),
        (("--calls", "often"), "write 'every 5m'"),
        (("--html", ""), "'' is no file: name the page to write"),
        (("--html", "."), "'.' is no file"),
        (("--zone", str(FAILOVER), "--live-dns"), "give one"),
        (("--dns", "192.0.2.53"), "goes with --live-dns"),
        (("--bind", "192.0.2.1"), "goes with --live-dns"),
    ],
)
def test_options_that_make_no_sense(words: tuple[str, ...], advice: str) -> None:
    result = simulate(FAILOVER, *words)
    assert result.exit_code == 2
    assert advice in " ".join(result.output.split())


def test_what_check_refuses_is_refused_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "phone.cfg"
    config.write_text(f"{FAILOVER.read_text()}account.1.sip_server.1.port = 99999\n")
    checked = CliRunner().invoke(cli, ["check", str(config)]).output
    said = refused(monkeypatch, capsys, "simulate", str(config)).strip()
    assert said.removeprefix("evertone: ") in checked


def test_no_line_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "phone.cfg"
    config.write_text("#!version:1.0.0.1\naccount.1.enable = 0\n")
    assert "no line is in use" in refused(monkeypatch, capsys, "simulate", str(config))
