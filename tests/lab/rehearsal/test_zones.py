"""Zones for rehearsals: read from a file, invented, harvested."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evertone.config import load
from evertone.config.settings import (
    DnsSettings,
    LineSettings,
    PhoneSettings,
    ServerSettings,
    StaticA,
    StaticNaptr,
    StaticSrv,
)
from evertone.dns.codec import Soa, decode, encode_query
from evertone.dns.records import Question, RrType
from evertone.errors import ScenarioError
from evertone.lab.name_server import NameServer
from evertone.lab.rehearsal.zones import (
    MAX_ZONE_BYTES,
    Harvest,
    addresses_in,
    every_where,
    invent_zone,
    read_zone,
)
from evertone.model import Group

EXAMPLES = Path(__file__).parents[3] / "examples"
NAME = "pbx.example"


def phone(server: ServerSettings, **dns: object) -> PhoneSettings:
    line = LineSettings(enable=1, user_name="1001", sip_server=(server, ServerSettings()))
    return PhoneSettings(lines=(line,), dns=DnsSettings(**dns))  # type: ignore[arg-type]


NAPTR = ServerSettings(address=NAME, port=0, transport_type=3)


# --- files ------------------------------------------------------------------------------------


def test_a_zone_file() -> None:
    zone = read_zone("pbx.zone", b"$ORIGIN pbx.example.\n@ A 192.0.2.1\nsip 60 AAAA 2001:db8::1\n")
    assert addresses_in(zone) == {NAME: ("192.0.2.1",), f"sip.{NAME}": ("2001:db8::1",)}
    assert zone.source == "zone file pbx.zone, 2 records"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"pbx.example. A 192.0.2.1\npbx.example. A 192.0.2.999\n", "pbx.zone:2: "),
        (b"pbx.example. SRV 0 0 5060\n", "pbx.zone:1: "),
        (b"\n\nwhat is this\n", "pbx.zone:3: "),
        (b"@ A 192.0.2.1\n", "pbx.zone:1: '@' and short names need a domain"),
        (b"; nothing\n", "pbx.zone: no record in it"),
        (b"pbx.example. A 192.0.2.1\n; \xff\n", "pbx.zone:2: not UTF-8"),
        (b";" * (MAX_ZONE_BYTES + 1), "pbx.zone: longer than"),
        (b"$INCLUDE /etc/passwd\n", "pbx.zone:1: "),
        (
            b"$TTL 60\n$ORIGIN pbx.example.\n$GENERATE 1-100000000 a$ A 192.0.2.1\n",
            "pbx.zone:3: zone file directive '$GENERATE' is not allowed; there are $ORIGIN",
        ),
        (b"\na.example. A 192.0.2.1\na.example. CNAME b.example.\n", "pbx.zone:3: "),
    ],
)
def test_a_zone_file_with_an_error_names_file_and_line(data: bytes, place: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        read_zone("pbx.zone", data)
    assert str(raised.value).startswith(place)


def test_a_zone_file_as_name_servers_have_it() -> None:
    """With its SOA and NS records, and with those of another zone after it."""
    soa = "@ IN SOA ns hostmaster (\n  7 3600 600\n  86400 77 )\n@ IN NS ns\nns IN A 192.0.2.53\n"
    text = f"$TTL 60\n$ORIGIN pbx.example.\n{soa}@ A 192.0.2.1\n$ORIGIN other.example.\n{soa}"
    zone = read_zone("pbx.zone", text.encode())
    assert addresses_in(zone)[NAME] == ("192.0.2.1",)
    query = encode_query(1, Question.of(f"absent.{NAME}", RrType.A))
    (told,) = decode(NameServer({".": zone.text}).answer(query) or b"").authority
    assert told.name == NAME
    assert isinstance(told.data, Soa)
    assert told.data.minimum_s == 77


# --- inventions -------------------------------------------------------------------------------


def invented(settings: PhoneSettings) -> list[str]:
    return [x.removeprefix("invented: ") for x in invent_zone(settings).remarks]


def test_a_name_that_asks_for_naptr_gets_a_primary_and_a_secondary() -> None:
    assert invented(phone(NAPTR)) == [
        f'{NAME}. NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.{NAME}.',
        f"_sip._udp.{NAME}. SRV 0 1 5060 primary.{NAME}.",
        f"primary.{NAME}. A 192.0.2.11",
        f"_sip._udp.{NAME}. SRV 1 1 5060 secondary.{NAME}.",
        f"secondary.{NAME}. A 192.0.2.12",
    ]


@pytest.mark.parametrize(
    ("transport_type", "service", "port"),
    [(0, "_sip._udp", 5060), (1, "_sip._tcp", 5060), (2, "_sips._tcp", 5061)],
)
def test_port_0_asks_for_srv_of_the_transport(transport_type: int, service: str, port: int) -> None:
    records = invented(phone(ServerSettings(NAME, 0, transport_type)))
    assert f"{service}.{NAME}. SRV 0 1 {port} primary.{NAME}." in records


def test_a_port_asks_for_an_address_only() -> None:
    assert invented(phone(ServerSettings(NAME, 5080, 3))) == [f"{NAME}. A 192.0.2.11"]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "[2001:db8::7]", "a..b", ""])
def test_what_needs_no_record_or_is_no_name_gets_none(address: str) -> None:
    assert invented(phone(ServerSettings(address, 0, 3))) == []


def test_where_nothing_is_invented_nothing_is_said_to_be() -> None:
    assert invent_zone(phone(NAPTR)).source == "invented from the names"
    source = invent_zone(phone(ServerSettings("192.0.2.1", 0, 3))).source
    assert source == "nothing invented, nothing is asked for"


def test_addresses_that_are_configured_are_not_given_away() -> None:
    settings = phone(ServerSettings(NAME, 5060), static_a=(StaticA("x.example", "192.0.2.11"),))
    assert invented(settings) == [f"{NAME}. A 192.0.2.12"]


@pytest.mark.rule("D13")
def test_what_static_records_say_is_not_invented() -> None:
    assert invented(phone(NAPTR, static_a=(StaticA(NAME, "192.0.2.5"),))) == []
    srv = (StaticSrv(f"_sip._tcp.{NAME}", f"one.{NAME}", 5060),)
    assert invented(phone(NAPTR, static_srv=srv)) == [f"one.{NAME}. A 192.0.2.11"]
    naptr = (StaticNaptr(NAME, f"_sip._tcp.{NAME}", "S", "SIP+D2T"),)
    records = invented(phone(NAPTR, static_naptr=naptr))
    assert [r.split()[0] for r in records if "SRV" in r] == [f"_sip._tcp.{NAME}."] * 2


@pytest.mark.rule("P1")
def test_behind_proxies_the_registrar_is_somewhere_too() -> None:
    settings = load([EXAMPLES / "guide-failover.cfg"]).settings
    groups = [where.group for _, _, where in every_where(settings)]
    assert groups == [Group.PROXY1, Group.SERVER1]


# --- harvests ---------------------------------------------------------------------------------

FULL = """
example. SOA a. b. 1 2 3 4 77
pbx.example. SOA a. b. 1 2 3 4 78
pbx.example. 60 NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.pbx.example.
_sip._udp.pbx.example. 61 SRV 1 2 5070 sip.pbx.example.
sip.pbx.example. 62 CNAME host.pbx.example.
host.pbx.example. 63 A 192.0.2.1
host.pbx.example. 64 AAAA 2001:db8::1
"""
QUESTIONS = [
    Question.of(NAME, RrType.NAPTR),
    Question.of(f"_sip._udp.{NAME}", RrType.SRV),
    Question.of(f"sip.{NAME}", RrType.A),
    Question.of(f"sip.{NAME}", RrType.AAAA),
    Question.of("absent.example", RrType.A),
    Question.of(NAME, RrType.SRV),
]


def test_what_was_harvested_answers_the_same() -> None:
    live = NameServer({".": FULL}, additional=False)
    harvest = Harvest()
    for question in QUESTIONS:
        harvest.take(live.answer(encode_query(1, question)) or b"")
    frozen = NameServer({".": harvest.zone().text}, additional=False)
    for question in QUESTIONS:
        query = encode_query(2, question)
        one, other = (decode(zone.answer(query) or b"") for zone in (live, frozen))
        assert other == one


def test_what_is_no_dns_message_is_left_out() -> None:
    harvest, rng = Harvest(), random.Random(1)
    for size in range(100):
        harvest.take(rng.randbytes(size))
    assert harvest.zone().text == ""
    assert not harvest.answered
