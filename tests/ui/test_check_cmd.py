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


# --- with the DNS ---------------------------------------------------------------------------------

_NAMED = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 4605
account.1.sip_server.1.address = yealink.pbx.example
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
account.1.sip_server.2.address = yaelink.pbx.example
"""


@pytest.fixture
def named(tmp_path: Path) -> Path:
    file = tmp_path / "named.cfg"
    file.write_text(_NAMED, "utf-8")
    return file


def _nowhere(result: Result) -> list[str]:
    return [line for line in result.output.splitlines() if "leads nowhere" in line]


@pytest.mark.rule("D14")
@pytest.mark.parametrize("more", [(), ("--bind", "127.0.0.1"), ("--live-dns",)])
def test_a_name_that_leads_nowhere_is_a_warning(
    named: Path, nameserver: str, more: tuple[str, ...]
) -> None:
    result = _check(named, "--dns", nameserver, *more)
    assert result.exit_code == 0, result.output
    (warning,) = _nowhere(result)
    assert warning.startswith(
        f"{named}:7: warning: account.1.sip_server.2.address = yaelink.pbx.example: leads nowhere"
    )
    assert "no such name" in warning
    assert warning.endswith("[D14]")


def test_nobody_is_asked_unless_told_so(named: Path) -> None:
    assert _nowhere(_check(named)) == []


@pytest.mark.rule("P1")
def test_behind_a_proxy_its_name_counts_and_once(named: Path, nameserver: str) -> None:
    with named.open("a", encoding="utf-8") as file:
        file.write("account.1.outbound_proxy_enable = 1\n")
        file.write("account.1.outbound_proxy.1.address = gone.pbx.example\n")
    report = json.loads(_check(named, "--dns", nameserver, "--json").output)
    (found,) = [f for f in report["findings"] if "leads nowhere" in f["message"]]
    assert (found["key"], found["line"], found["rule"], found["severity"]) == (
        "account.1.outbound_proxy.1.address",
        9,
        "D14",
        "warning",
    )


def test_files_with_errors_are_not_asked_for(named: Path, nameserver: str) -> None:
    with named.open("a", encoding="utf-8") as file:
        file.write("account.1.sip_server.1.port = 99999\n")
    result = _check(named, "--dns", nameserver)
    assert result.exit_code == 1
    assert _nowhere(result) == []


def test_a_name_server_that_is_no_address_is_wrong_usage(named: Path) -> None:
    result = _check(named, "--dns", "ns.example")
    assert result.exit_code == 2
    assert "ADDRESS:PORT" in result.output


@pytest.mark.rule("P3")
def test_with_firmware_80_the_proxys_own_key_is_named(named: Path, nameserver: str) -> None:
    with named.open("a", encoding="utf-8") as file:
        file.write("evertone.firmware = 80\naccount.1.outbound_proxy_enable = 1\n")
        file.write("account.1.outbound_host = gone.pbx.example\n")
    (warning,) = _nowhere(_check(named, "--dns", nameserver))
    assert f"{named}:10: warning: account.1.outbound_host = gone.pbx.example: " in warning


def test_of_a_long_name_the_reason_is_told_too(named: Path, nameserver: str) -> None:
    name = ".".join(["a-really-long-label"] * 6) + ".example"
    with named.open("a", encoding="utf-8") as file:
        file.write(f"account.1.sip_server.2.address = {name}\n")
    (warning,) = _nowhere(_check(named, "--dns", nameserver))
    assert "no such name" in warning


@pytest.mark.rule("P1")
@pytest.mark.parametrize(("types", "found"), [((1, 0), 1), ((1, 1), 1), ((0, 0), 0)])
def test_a_proxy_may_lead_somewhere_for_one_of_the_servers(
    named: Path, nameserver: str, types: tuple[int, int], found: int
) -> None:
    with named.open("a", encoding="utf-8") as file:
        file.writelines(
            f"account.1.sip_server.{y}.transport_type = {each}\n" for y, each in enumerate(types, 1)
        )
        file.write("account.1.outbound_proxy_enable = 1\n")
        file.write("account.1.outbound_proxy.1.address = udp-only.yealink.pbx.example\n")
        file.write("account.1.outbound_proxy.1.port = 0\n")
    warnings = _nowhere(_check(named, "--dns", nameserver))
    assert len(warnings) == found
    assert all("_sip._tcp.udp-only" in warning for warning in warnings)


@pytest.mark.rule("D16")
@pytest.mark.parametrize("wrong", [("--dns", "127.0.0.1:9"), ("--bind", "203.0.113.5")])
def test_a_name_that_could_not_be_asked_for_is_not_called_wrong(
    named: Path, nameserver: str, wrong: tuple[str, str]
) -> None:
    options = wrong if "--dns" in wrong else ("--dns", nameserver, *wrong)
    result = _check(named, *options)
    assert result.exit_code == 0, result.output
    assert _nowhere(result) == []
    assert "warning: 2 names could not be asked for: " in result.stdout
