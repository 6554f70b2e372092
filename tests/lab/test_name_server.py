"""The lab's name server: what a zone says is what is answered, and how a no looks."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import ScenarioError
from evertone.lab.name_server import NameServer

ZONE = {
    "pbx.example": """
@           IN SOA ns. admin. 1 3600 600 86400 60
@           IN NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp
_sip._udp   IN SRV 0 2 5060 one
_sip._udp   IN SRV 0 1 5060 two
one         IN A 127.0.20.1
two         IN A 127.0.20.2
two         IN AAAA ::2
www         IN CNAME one
loop        IN CNAME loop
"""
}


def ask(server: NameServer, name: str, rdtype: str, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype)
    wire = server.answer(query.to_wire(), tcp=tcp)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert query.is_response(answer)
    return answer


def test_naptr_comes_with_what_it_leads_to() -> None:
    answer = ask(NameServer(ZONE), "pbx.example", "NAPTR")
    assert len(answer.answer[0]) == 1
    more = {(str(r.name), dns.rdatatype.to_text(r.rdtype)) for r in answer.additional}
    assert more == {
        ("_sip._udp.pbx.example.", "SRV"),
        ("one.pbx.example.", "A"),
        ("two.pbx.example.", "A"),
        ("two.pbx.example.", "AAAA"),
    }


def test_additional_can_be_left_out() -> None:
    answer = ask(NameServer(ZONE, additional=False), "_sip._udp.pbx.example", "SRV")
    assert len(answer.answer[0]) == 2
    assert not answer.additional


def test_names_compare_without_case() -> None:
    answer = ask(NameServer(ZONE), "ONE.PBX.example", "A")
    assert answer.answer[0][0].address == "127.0.20.1"


def test_cname_is_followed() -> None:
    answer = ask(NameServer(ZONE), "www.pbx.example", "A")
    assert [dns.rdatatype.to_text(r.rdtype) for r in answer.answer] == ["CNAME", "A"]


def test_cname_loop_ends() -> None:
    assert len(ask(NameServer(ZONE), "loop.pbx.example", "A").answer) <= 8


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        ("nobody.pbx.example", "A", dns.rcode.NXDOMAIN),
        ("one.pbx.example", "SRV", dns.rcode.NOERROR),
        ("_udp.pbx.example", "A", dns.rcode.NOERROR),
    ],
)
def test_a_no_bears_the_soa(name: str, rdtype: str, rcode: int) -> None:
    answer = ask(NameServer(ZONE), name, rdtype)
    assert answer.rcode() == rcode
    assert not answer.answer
    assert answer.authority[0].rdtype == dns.rdatatype.SOA


def test_what_lies_above_a_name_exists() -> None:
    server = NameServer("a.b.example 60 IN A 127.0.20.1")
    assert ask(server, "b.example", "A").rcode() == dns.rcode.NOERROR


def test_faults() -> None:
    server = NameServer(ZONE)
    server.fails = True
    assert ask(server, "one.pbx.example", "A").rcode() == dns.rcode.SERVFAIL
    server.fails = False
    server.truncates = True
    cut = ask(server, "one.pbx.example", "A")
    assert cut.flags & dns.flags.TC
    assert not cut.answer
    assert ask(server, "one.pbx.example", "A", tcp=True).answer


def test_an_answer_too_long_for_udp_is_truncated() -> None:
    zone = "\n".join(f"big.example. 60 IN A 127.0.{i // 250}.{i % 250}" for i in range(400))
    server = NameServer(zone)
    assert ask(server, "big.example", "A").flags & dns.flags.TC
    assert len(ask(server, "big.example", "A", tcp=True).answer[0]) == 400


def test_a_zone_can_change() -> None:
    server = NameServer(ZONE)
    server.load("one.pbx.example. 60 IN A 127.0.20.9")
    assert ask(server, "one.pbx.example", "A").answer[0][0].address == "127.0.20.9"
    assert ask(server, "two.pbx.example", "A").rcode() == dns.rcode.NXDOMAIN


def test_a_zone_that_cannot_be_read_is_a_scenario_error() -> None:
    with pytest.raises(ScenarioError, match="zone"):
        NameServer("one IN A nonsense")


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_ignored(data: bytes) -> None:
    answer = NameServer(ZONE).answer(data)
    assert answer is None or answer[:2] == data[:2]
