"""``evertone resolve`` against a name server on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.io.host import has_ipv6
from evertone.ui import options, resolution
from evertone.ui.cli import cli
from evertone.ui.resolve_cmd import command

FAILOVER = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 1001
account.1.sip_server.1.address = yealink.pbx.example
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "phone.cfg"
    path.write_text(FAILOVER)
    return path


@pytest.mark.rule("D3")
def test_the_hop_list_and_the_records_behind_it(nameserver: str, file: Path) -> None:
    result = CliRunner().invoke(command, [str(file), "--dns", nameserver])
    assert result.exit_code == 0, result.output
    title, *hops = result.stdout.splitlines()
    assert title == "line 1, server 1: yealink.pbx.example (DNS-NAPTR, port 0)"
    assert [" ".join(hop.split()) for hop in hops] == [
        "1 TCP 192.168.1.14:5060 dns, 300 s NAPTR 90/50 > SRV 0/2 > A 192.168.1.14",
        "2 TCP 192.168.1.13:5060 dns, 400 s NAPTR 90/50 > SRV 0/1 > A 192.168.1.13",
    ]


@pytest.mark.rule("D9")
def test_a_family_that_cannot_be_sent_to_from_here_is_not_asked_for(
    nameserver: str, file: Path, tmp_path: Path
) -> None:
    text = FAILOVER.replace("yealink.pbx.example", "dual.yealink.pbx.example")
    file.write_text(text.replace("port = 0", "port = 9") + "sip.listen_port = 0\n")
    options = [str(file), "--dns", nameserver]
    both = CliRunner().invoke(cli, ["resolve", *options]).stdout
    assert "127.0.0.1:9 " in both
    assert ("[::1]:9 " in both) == has_ipv6()
    options += ["--bind", "127.0.0.1"]
    one = CliRunner().invoke(cli, ["resolve", *options]).stdout
    assert "127.0.0.1:9 " in one
    assert "::1" not in one
    options += ["--state", str(tmp_path), "--timeout", "1", "--verbose"]
    tried = CliRunner().invoke(cli, ["register", *options]).stderr
    assert "REGISTER to UDP 127.0.0.1:9 " in tried
    assert "::1" not in tried


@pytest.mark.rule("P1", "P4")
def test_json_of_a_line_behind_a_proxy(nameserver: str, file: Path) -> None:
    with file.open("a") as config:
        config.write("account.1.outbound_proxy_enable = 1\n")
        config.write("account.1.outbound_proxy.1.address = Server1.yealink.pbx.example\n")
    result = CliRunner().invoke(
        command, [str(file), "--json", "--dns", nameserver, "--bind", "127.0.0.1"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    (only,) = report["lists"]
    assert (only["group"], only["server"], only["error"]) == ("proxy 1", 1, None)
    assert only["hops"] == [
        {
            "index": 0,
            "transport": "UDP",
            "address": "192.168.1.13",
            "port": 5060,
            "tls_name": "",
            "ttl_s": 400,
            "source": "dns",
            "why": ["A 192.168.1.13"],
        }
    ]


def test_a_server_that_leads_nowhere_is_exit_code_3(nameserver: str, file: Path) -> None:
    with file.open("a") as config:
        config.write("account.1.sip_server.2.address = gone.example\n")
    result = CliRunner().invoke(command, [str(file), "--dns", nameserver])
    assert result.exit_code == 3
    assert "no such name" in result.stdout
    assert "TCP 192.168.1.14:5060" in result.stdout


def test_a_name_server_that_is_none_is_wrong_usage(file: Path) -> None:
    result = CliRunner().invoke(command, [str(file), "--dns", "ns.example"])
    assert result.exit_code == 2
    assert "ADDRESS:PORT" in result.output


@pytest.mark.parametrize(("address", "told"), [("pbx.example", True), ("127.0.0.1", False)])
def test_without_any_name_server_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, told: bool
) -> None:
    monkeypatch.setattr(options, "choose_nameservers", lambda settings, told: ())
    path = tmp_path / "phone.cfg"
    path.write_text(
        "#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.user_name = 1\n"
        f"account.1.sip_server.1.address = {address}\n"
    )
    result = CliRunner().invoke(command, [str(path)])
    assert result.exit_code == (3 if told else 0)
    assert ("no name server is known; give one: --dns ADDRESS" in result.stderr) is told


def test_it_says_what_it_waits_for(
    nameserver: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolution, "_PATIENCE_S", 0.0)
    result = CliRunner().invoke(command, [str(file), "--dns", nameserver])
    assert result.exit_code == 0, result.output
    assert result.stderr == "waiting for the name servers ...\n"
    assert "TCP 192.168.1.14:5060" in result.stdout
