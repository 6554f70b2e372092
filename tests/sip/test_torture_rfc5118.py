"""Every message of RFC 5118: IPv6 in SIP; all but one are to be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertone.sip.check import check_request
from evertone.sip.message import Request, parse

CORPUS = Path(__file__).parent / "corpus" / "rfc5118"

SECTIONS = {
    "ipv6-good": "4.1",
    "ipv6-bad": "4.2",
    "port-ambiguous": "4.3",
    "port-unambiguous": "4.4",
    "via-received-param-with-delim": "4.5",
    "via-received-param-no-delim": "4.5",
    "ipv6-in-sdp": "4.6",
    "mult-ip-in-header": "4.7",
    "mult-ip-in-sdp": "4.8",
    "ipv4-mapped-ipv6": "4.9",
    "ipv6-bug-abnf-3-colons": "4.10",
    "ipv6-correct-abnf-2-colons": "4.10",
}


def request(name: str) -> Request:
    message = parse((CORPUS / f"{name}.dat").read_bytes())
    assert isinstance(message, Request)
    return message


def test_every_message_of_the_rfc_has_its_case() -> None:
    assert set(SECTIONS) == {path.stem for path in CORPUS.glob("*.dat")}


@pytest.mark.parametrize("name", SECTIONS)
def test_outcome(name: str) -> None:
    answer = check_request(request(name))
    if name == "ipv6-bad":
        assert answer is not None
        assert answer[0] == 400
    else:
        assert answer is None


@pytest.mark.parametrize("name", SECTIONS)
def test_round_trip_keeps_every_byte(name: str) -> None:
    assert request(name).to_bytes() == (CORPUS / f"{name}.dat").read_bytes()


def test_4_1_references_everywhere() -> None:
    message = request("ipv6-good")
    assert (message.request_uri.host, message.request_uri.port) == ("[2001:db8::10]", None)
    assert message.request_uri.bare_host == "2001:db8::10"
    assert message.via.host == "[2001:db8::9:1]"
    assert message.contacts[0].uri.host == "[2001:db8::1]"


def test_4_3_port_within_the_brackets_is_address() -> None:
    uri = request("port-ambiguous").request_uri
    assert (uri.host, uri.port) == ("[2001:db8::10:5070]", None)


def test_4_4_port_after_the_brackets_is_port() -> None:
    uri = request("port-unambiguous").request_uri
    assert (uri.host, uri.port) == ("[2001:db8::10]", 5070)


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_4_5_received_with_and_without_brackets(name: str) -> None:
    via = request(name).via
    assert via.received == "2001:db8::9:255"
    assert via.branch.startswith("z9hG4bKas3")


def test_4_7_mixed_vias() -> None:
    vias = request("mult-ip-in-header").vias
    assert [(via.host, via.port) for via in vias] == [
        ("[2001:db8::9:1]", 6050),
        ("192.0.2.1", None),
        ("[2001:db8::9:255]", None),
    ]
    assert vias[2].received == "192.0.2.200"


def test_4_9_ipv4_mapped() -> None:
    message = request("ipv4-mapped-ipv6")
    assert (message.via.host, message.via.port) == ("[::ffff:192.0.2.10]", 19823)
    assert message.contacts[0].display == "T. desk phone"
    assert message.contacts[0].uri.bare_host == "::ffff:192.0.2.2"


def test_4_10_three_colons_are_tolerated_and_mean_two() -> None:
    bug = request("ipv6-bug-abnf-3-colons").request_uri
    correct = request("ipv6-correct-abnf-2-colons").request_uri
    assert bug.bare_host == "2001:db8::192.0.2.1" == correct.bare_host
    assert str(bug) == "sip:user@[2001:db8:::192.0.2.1]"
