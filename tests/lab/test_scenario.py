"""Scenario files: what they say is what is built, and mistakes say what would be right."""

from __future__ import annotations

import contextlib
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import ScenarioError
from evertone.lab.faults import Verb
from evertone.lab.scenario import (
    DEFAULT_SCENARIO,
    build_servers,
    load_scenario,
    parse_scenario,
)
from evertone.model import Target, Transport

SMALL = """
domain = "pbx.example"
[[server]]
name = "one"
address = "127.0.20.1"
"""


def test_the_default_scenario_is_a_cluster_and_a_fallback_server() -> None:
    scenario = parse_scenario(DEFAULT_SCENARIO)
    servers = build_servers(scenario, random.Random)
    assert list(servers) == ["primary", "secondary", "fallback"]
    assert servers["primary"].store is servers["secondary"].store
    assert servers["primary"].store is not servers["fallback"].store
    assert servers["fallback"].domains == ("pbx.example", "127.0.20.3")


def test_a_small_one_has_sensible_defaults() -> None:
    spec = parse_scenario(SMALL).servers[0]
    assert spec.listen == (
        Target("127.0.20.1", 5060, Transport.UDP),
        Target("127.0.20.1", 5060, Transport.TCP),
        Target("127.0.20.1", 5061, Transport.TLS),
    )
    assert spec.certificate == ("pbx.example", "127.0.20.1")


def test_faults_are_read() -> None:
    text = SMALL + '[[fault]]\nverb = "answer"\nhost = "one"\nvalue = 503\nfrom = 5\nto = 9\n'
    fault = parse_scenario(text).faults[0]
    assert (fault.verb, fault.value, fault.at_s, fault.until_s) == (Verb.ANSWER, 503, 5, 9)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("domain", "not TOML"),
        ("[users]", "domain is missing"),
        ('domain = "x"', r"at least one \[\[server\]\]"),
        ("domain = 3", "must be a text"),
        (SMALL + 'colour = "red"', "unknown key 'colour'; allowed: name, address, domains, listen"),
        (SMALL.replace("127.0.20.1", "localhost"), "is no IP address"),
        (SMALL + 'listen = ["sctp:5060"]', "udp:PORT, tcp:PORT or tls:PORT"),
        (SMALL + 'listen = ["udp:99999"]', "udp:PORT"),
        (SMALL + 'relay = "two"', "is no other server"),
        (SMALL + "min_expires = true", "must be a whole number"),
        (SMALL + "min_expires = 0", "from 1 to 86400"),
        (SMALL + '[[server]]\nname = "one"\naddress = "127.0.20.2"', "two servers are called"),
        (SMALL + '[[server]]\nname = "two"\naddress = "127.0.20.1"', "have the address"),
        (SMALL + '[[fault]]\nverb = "burn"\nhost = "one"', "unknown fault 'burn'"),
        (
            SMALL + '[[name_server]]\naddress = "127.0.20.9"\nzones = { x = "y IN A z" }',
            "name_server 'dns': zones: the zone x cannot be read: its line 1: ",
        ),
        (
            SMALL + '[[fault]]\nverb = "silence"\nhost = "two"',
            "fault 1: no host 'two'; there are: one",
        ),
        (SMALL + '[[fault]]\nverb = "servfail"\nhost = "one"', "fault 1: .*one is no DNS server"),
        (SMALL + "[users]\n1001 = 1001", "must be a text in quotes"),
    ],
)
def test_mistakes_say_what_would_be_right(text: str, hint: str) -> None:
    with pytest.raises(ScenarioError, match=hint):
        parse_scenario(text)


def test_a_file_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nothing\.toml"):
        load_scenario(tmp_path / "nothing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        load_scenario(tmp_path / "bytes.toml")
    (tmp_path / "good.toml").write_text(SMALL)
    assert load_scenario(tmp_path / "good.toml").domain == "pbx.example"


def test_passwords_are_not_shown() -> None:
    assert "1001" not in repr(parse_scenario(SMALL + '[users]\nbob = "1001"'))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        parse_scenario(text)


# --- its documentation ------------------------------------------------------------------------

LAB_MD = (Path(__file__).parents[2] / "docs" / "lab.md").read_text("utf-8")


def test_the_documented_example_works() -> None:
    scenario = parse_scenario(LAB_MD.split("```toml\n")[1].split("```")[0])
    assert [s.name for s in scenario.servers] == ["primary", "secondary"]
    assert [s.name for s in scenario.name_servers] == ["dns"]
    assert len(scenario.faults) == 1
    assert list(build_servers(scenario, random.Random)) == ["primary", "secondary"]


@pytest.mark.parametrize(
    ("table", "needed"),
    [
        ("server", 'name = "two"\naddress = "127.0.20.2"'),
        ("name_server", 'address = "127.0.20.9"\nzones = {}'),
        ("fault", 'verb = "silence"\nhost = "one"'),
    ],
)
def test_every_key_is_documented(table: str, needed: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(f"{SMALL}[[{table}]]\n{needed}\ncolour = 1\n")
    allowed = str(raised.value).partition("allowed: ")[2].split(", ")
    rows = LAB_MD.split(f"\n`[[{table}]]`")[1].split("\n`[[")[0]
    assert sorted(re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)) == sorted(allowed)
