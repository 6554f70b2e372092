"""The walk of RFC 3263: D1-D11 by zone texts, and every hole that a hostile zone may have."""

from __future__ import annotations

import itertools

import pytest

from evertone.config.settings import DnsSettings, StaticSrv
from evertone.dns.locate import FLAGS, SERVICES, Flag
from evertone.model import HopSource, Transport
from tests.dns.bench import Bench, bench, targets, where

GUIDE = """
yealink.pbx.example. 600 IN NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp.yealink.pbx.example.
yealink.pbx.example. 600 IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp.yealink.pbx.example.
_sip._tcp.yealink.pbx.example. 500 IN SRV 0 1 5060 server1.yealink.pbx.example.
_sip._tcp.yealink.pbx.example. 500 IN SRV 0 2 5060 server2.yealink.pbx.example.
_sip._udp.yealink.pbx.example. 500 IN SRV 0 1 5060 server1.yealink.pbx.example.
Server1.yealink.pbx.example. 400 IN A 192.168.1.13
Server2.yealink.pbx.example. 300 IN A 192.168.1.14
"""
"""Appendix A of the guide."""

HOSTS = """
sip.example. 300 IN A 192.0.2.9
one.sip.example. 300 IN A 192.0.2.1
two.sip.example. 300 IN A 192.0.2.2
three.sip.example. 300 IN A 192.0.2.3
"""


@pytest.mark.rule("D3", "D4", "D7", "D11")
def test_the_example_of_the_guides_appendix() -> None:
    b = bench(GUIDE)
    hops = b.hops(where("yealink.pbx.example"))
    assert targets(hops) == ["TCP 192.168.1.14:5060", "TCP 192.168.1.13:5060"]
    assert hops[0].why == ("NAPTR 90/50", "SRV 0/2", "A 192.168.1.14")
    assert [hop.index for hop in hops] == [0, 1]
    assert hops[0].ttl_s == 300
    assert hops[1].ttl_s == 400
    # the shortest TTL behind the list is that of an address; times of answers differ a little
    assert hops[0].valid_until == pytest.approx(300, abs=0.1)
    assert {hop.source for hop in hops} == {HopSource.DNS}


@pytest.mark.rule("D3")
def test_naptr_then_srv_then_addresses_are_asked() -> None:
    b = bench(GUIDE)
    b.hops(where("yealink.pbx.example"))
    assert b.questions() == [
        "NAPTR yealink.pbx.example",
        "SRV _sip._tcp.yealink.pbx.example",
        "A server2.yealink.pbx.example",
        "A server1.yealink.pbx.example",
    ]


@pytest.mark.rule("D1")
@pytest.mark.parametrize(
    ("address", "transport_type", "port", "expected"),
    [
        ("192.0.2.7", 3, 0, "UDP 192.0.2.7:5060"),
        ("192.0.2.7", 0, 0, "UDP 192.0.2.7:5060"),
        ("192.0.2.7", 1, 5070, "TCP 192.0.2.7:5070"),
        ("192.0.2.7", 2, 0, "TLS 192.0.2.7:5061"),
        ("[2001:DB8::7]", 3, 0, "UDP [2001:db8::7]:5060"),
        ("2001:db8:0::7", 1, 0, "TCP [2001:db8::7]:5060"),
    ],
)
def test_a_literal_needs_no_dns(
    address: str, transport_type: int, port: int, expected: str
) -> None:
    b = bench()
    hops = b.hops(where(address, transport_type=transport_type, port=port))
    assert targets(hops) == [expected]
    assert hops[0].source is HopSource.LITERAL
    assert hops[0].valid_until == float("inf")
    assert b.questions() == []


@pytest.mark.rule("D2")
def test_type_3_with_a_port_asks_for_addresses_only() -> None:
    b = bench(GUIDE + HOSTS)
    hops = b.hops(where(port=5070))
    assert targets(hops) == ["UDP 192.0.2.9:5070"]
    assert b.questions() == ["A sip.example"]


# --- NAPTR ------------------------------------------------------------------------------------


@pytest.mark.rule("D4")
def test_unusable_naptr_records_are_dropped() -> None:
    b = bench(
        HOSTS
        + """
sip.example. IN NAPTR 1 1 "s" "SIP+D2S" "" one.sip.example.
sip.example. IN NAPTR 2 1 "s" "E2U+sip" "" one.sip.example.
sip.example. IN NAPTR 3 1 "a" "SIP+D2U" "!^.*$!sip:x@y!" .
sip.example. IN NAPTR 3 2 "a" "SIP+D2U" "!^.*$!sip:x@y!" one.sip.example.
sip.example. IN NAPTR 4 1 "u" "SIP+D2U" "" one.sip.example.
sip.example. IN NAPTR 5 1 "p" "SIP+D2U" "" one.sip.example.
sip.example. IN NAPTR 6 1 "x" "SIP+D2U" "" one.sip.example.
sip.example. IN NAPTR 7 2 "A" "sip+d2t" "" two.sip.example.
sip.example. IN NAPTR 7 1 "A" "sIPs+d2t" "" three.sip.example.
"""
    )
    hops = b.hops(where())
    assert targets(hops) == ["TLS 192.0.2.3:5061"]
    assert hops[0].why == ("NAPTR 7/1", "A 192.0.2.3")


@pytest.mark.rule("D4")
def test_a_later_naptr_serves_where_an_earlier_yields_no_target() -> None:
    b = bench(
        HOSTS
        + """
sip.example. IN NAPTR 1 1 "s" "SIP+D2T" "" _sip._tcp.gone.example.
sip.example. IN NAPTR 2 1 "a" "SIP+D2U" "" two.sip.example.
"""
    )
    assert targets(b.hops(where())) == ["UDP 192.0.2.2:5060"]


@pytest.mark.rule("D4")
def test_the_empty_flag_goes_on_to_naptr() -> None:
    b = bench(
        HOSTS
        + """
sip.example. IN NAPTR 1 1 "" "SIP+D2U" "" next.example.
next.example. IN NAPTR 5 6 "s" "SIP+D2T" "" _sip._tcp.next.example.
_sip._tcp.next.example. IN SRV 1 1 5080 one.sip.example.
"""
    )
    hops = b.hops(where())
    assert targets(hops) == ["TCP 192.0.2.1:5080"]
    assert hops[0].why == ("NAPTR 1/1", "NAPTR 5/6", "SRV 1/1", "A 192.0.2.1")


@pytest.mark.rule("D4")
@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("next.example. IN SRV 1 1 5080 one.sip.example.\n", "TCP 192.0.2.1:5080"),
        ("next.example. IN A 192.0.2.44\n", "TCP 192.0.2.44:5060"),
    ],
)
def test_the_empty_flag_without_naptr_goes_on_to_srv_then_a(zone: str, expected: str) -> None:
    b = bench('sip.example. IN NAPTR 1 1 "" "SIP+D2T" "" next.example.\n' + HOSTS + zone)
    assert targets(b.hops(where())) == [expected]


@pytest.mark.rule("D4")
@pytest.mark.parametrize("names", [["sip"], ["sip", "b"], ["sip", "b", "c"]])
def test_a_circle_of_naptr_records_is_an_error(names: list[str]) -> None:
    around = zip(names, names[1:] + names[:1], strict=True)
    zone = "".join(f'{a}.example. IN NAPTR 1 1 "" "SIP+D2U" "" {b}.example.\n' for a, b in around)
    b = bench(zone + HOSTS)
    assert "circle" in b.failure(where())


@pytest.mark.rule("D4")
def test_more_than_eight_steps_are_an_error() -> None:
    def chain(steps: int) -> Bench:
        names = ["sip", *(f"n{i}" for i in range(1, steps))]
        links = itertools.pairwise(names)
        zone = "".join(
            f'{a}.example. IN NAPTR 1 1 "" "SIP+D2U" "" {b}.example.\n' for a, b in links
        )
        last = f'{names[-1]}.example. IN NAPTR 1 1 "a" "SIP+D2U" "" one.sip.example.\n'
        return bench(zone + last + HOSTS)

    assert targets(chain(8).hops(where())) == ["UDP 192.0.2.1:5060"]
    assert "more than 8 steps" in chain(9).failure(where())


@pytest.mark.rule("D4")
def test_a_circle_leaves_a_later_record_in_service() -> None:
    b = bench(
        HOSTS
        + """
sip.example. IN NAPTR 1 1 "" "SIP+D2U" "" sip.example.
sip.example. IN NAPTR 2 1 "a" "SIP+D2U" "" one.sip.example.
"""
    )
    assert targets(b.hops(where())) == ["UDP 192.0.2.1:5060"]


@pytest.mark.rule("D4")
def test_every_flag_of_the_standards_has_its_row() -> None:
    assert set(FLAGS) == {"s", "a", "u", "p", ""}
    assert set(FLAGS.values()) == set(Flag)
    assert set(SERVICES.values()) == set(Transport)


@pytest.mark.rule("D4")
def test_a_domain_that_offers_tls_alone_is_not_asked_for_less() -> None:
    b = bench(HOSTS + 'sip.example. IN NAPTR 1 1 "s" "SIPS+D2T" "" _sips._tcp.sip.example.\n')
    b.failure(where())
    assert b.questions() == ["NAPTR sip.example", "SRV _sips._tcp.sip.example"]


# --- SRV --------------------------------------------------------------------------------------

_EACH = """
_sip._udp.sip.example. IN SRV 1 1 5060 one.sip.example.
_sip._tcp.sip.example. IN SRV 1 1 5060 two.sip.example.
_sips._tcp.sip.example. IN SRV 1 1 5061 three.sip.example.
"""


@pytest.mark.rule("D5")
@pytest.mark.parametrize(
    ("naptr_build", "expected"),
    [
        (0, ["UDP 192.0.2.1:5060"]),
        (1, ["UDP 192.0.2.1:5060", "TCP 192.0.2.2:5060", "TLS 192.0.2.3:5061"]),
    ],
)
def test_naptr_build_says_which_srv_are_asked_for(naptr_build: int, expected: list[str]) -> None:
    b = bench(HOSTS + _EACH)
    assert targets(b.hops(where(naptr_build=naptr_build))) == expected


@pytest.mark.rule("D5")
def test_a_static_srv_makes_its_transport_asked_for() -> None:
    static = StaticSrv("_SIP._TCP.sip.example.", "two.sip.example", 5060)
    b = bench(HOSTS, settings=DnsSettings(static_srv=(static,)))
    assert targets(b.hops(where())) == ["TCP 192.0.2.2:5060"]
    assert "SRV _sip._udp.sip.example" in b.questions()


@pytest.mark.rule("D6")
@pytest.mark.parametrize(
    ("transport_type", "expected"),
    [(0, "UDP 192.0.2.1:5060"), (1, "TCP 192.0.2.2:5060"), (2, "TLS 192.0.2.3:5061")],
)
def test_a_configured_transport_asks_for_its_own_srv(transport_type: int, expected: str) -> None:
    b = bench(HOSTS + _EACH)
    hops = b.hops(where(transport_type=transport_type))
    assert targets(hops) == [expected]
    assert hops[0].target.tls_name == ("sip.example" if transport_type == 2 else "")
    assert not [q for q in b.questions() if q.startswith("NAPTR")]


@pytest.mark.rule("D6", "D8")
@pytest.mark.parametrize(
    ("transport_type", "port", "expected"),
    [
        (0, 0, "UDP 192.0.2.9:5060"),
        (1, 0, "TCP 192.0.2.9:5060"),
        (2, 0, "TLS 192.0.2.9:5061"),
        (2, 5060, "TLS 192.0.2.9:5060"),
        (1, 5075, "TCP 192.0.2.9:5075"),
    ],
)
def test_without_srv_or_with_a_port_the_name_itself(
    transport_type: int, port: int, expected: str
) -> None:
    b = bench(HOSTS)
    assert targets(b.hops(where(transport_type=transport_type, port=port))) == [expected]
    assert any(q.startswith("SRV") for q in b.questions()) is (port == 0)


@pytest.mark.rule("D7")
def test_lowest_priority_then_highest_weight() -> None:
    b = bench(
        HOSTS
        + """
_sip._udp.sip.example. IN SRV 20 900 5060 three.sip.example.
_sip._udp.sip.example. IN SRV 10 1 5060 one.sip.example.
_sip._udp.sip.example. IN SRV 10 7 5062 two.sip.example.
"""
    )
    hops = b.hops(where())
    assert targets(hops) == ["UDP 192.0.2.2:5062", "UDP 192.0.2.1:5060", "UDP 192.0.2.3:5060"]
    assert hops[2].why == ("SRV 20/900", "A 192.0.2.3")


@pytest.mark.rule("D7")
def test_the_target_dot_offers_nothing_and_a_is_not_tried() -> None:
    b = bench(HOSTS + "_sip._udp.sip.example. IN SRV 0 0 0 .\n")
    assert "not offered" in b.failure(where())
    assert not [q for q in b.questions() if q.startswith("A ")]


@pytest.mark.rule("D7")
def test_the_target_dot_of_one_transport_leaves_the_others() -> None:
    zone = "_sip._udp.sip.example. IN SRV 0 0 0 .\n"
    zone += "_sip._tcp.sip.example. IN SRV 0 0 5060 two.sip.example.\n"
    b = bench(HOSTS + zone)
    assert targets(b.hops(where(naptr_build=1))) == ["TCP 192.0.2.2:5060"]


@pytest.mark.rule("D8")
def test_an_srv_port_of_zero_is_the_default() -> None:
    zone = "_sip._udp.sip.example. IN SRV 0 0 0 one.sip.example.\n"
    zone += "_sips._tcp.sip.example. IN SRV 0 0 0 one.sip.example.\n"
    b = bench(HOSTS + zone)
    hops = b.hops(where(naptr_build=1))
    assert targets(hops) == ["UDP 192.0.2.1:5060", "TLS 192.0.2.1:5061"]


@pytest.mark.rule("D8")
def test_all_addresses_of_a_host_are_targets() -> None:
    b = bench("sip.example. IN A 192.0.2.1\nsip.example. IN A 192.0.2.2\n")
    assert sorted(targets(b.hops(where(port=5060)))) == ["UDP 192.0.2.1:5060", "UDP 192.0.2.2:5060"]


@pytest.mark.rule("D7")
def test_a_numeric_srv_target_is_not_asked_for() -> None:
    static = StaticSrv("_sip._udp.sip.example", "192.0.2.77", 5064, ttl=90)
    b = bench(settings=DnsSettings(static_srv=(static,)))
    hops = b.hops(where())
    assert targets(hops) == ["UDP 192.0.2.77:5064"]
    assert hops[0].ttl_s == 90


def test_the_same_target_by_two_records_is_one_hop() -> None:
    zone = "_sip._udp.sip.example. IN SRV 0 5 5060 one.sip.example.\n"
    zone += "_sip._udp.sip.example. IN SRV 0 1 5060 same.example.\nsame.example. IN A 192.0.2.1\n"
    hops = bench(HOSTS + zone).hops(where())
    assert [hop.why for hop in hops] == [("SRV 0/5", "A 192.0.2.1")]


# --- addresses --------------------------------------------------------------------------------

_DUAL = """
_sip._udp.sip.example. IN SRV 1 1 5060 dual.example.
_sip._udp.sip.example. IN SRV 2 1 5060 two.sip.example.
dual.example. IN A 192.0.2.8
dual.example. IN AAAA 2001:db8::8
dual.example. IN AAAA fd00::8
"""


@pytest.mark.rule("D9")
def test_aaaa_beside_a_within_one_host_only() -> None:
    b = bench(HOSTS + _DUAL, families=frozenset((4, 6)))
    assert targets(b.hops(where())) == [
        "UDP [2001:db8::8]:5060",  # RFC 6724 §2.1: precedence 40
        "UDP 192.0.2.8:5060",  # 35
        "UDP [fd00::8]:5060",  # 3
        "UDP 192.0.2.2:5060",  # another priority
    ]


@pytest.mark.rule("D9")
@pytest.mark.parametrize(("family", "rtype"), [(4, "A"), (6, "AAAA")])
def test_a_family_that_cannot_be_sent_to_is_not_asked_for(family: int, rtype: str) -> None:
    b = bench(HOSTS + _DUAL, families=frozenset((family,)))
    hops = b.hops(where())
    assert {":" in hop.target.address for hop in hops} == {family == 6}
    assert {q.split()[0] for q in b.questions()} == {"NAPTR", "SRV", rtype}


@pytest.mark.rule("D10")
def test_type_3_without_srv_is_the_name_itself() -> None:
    b = bench(HOSTS)
    assert targets(b.hops(where(naptr_build=1))) == ["UDP 192.0.2.9:5060"]


def test_cnames_are_followed() -> None:
    zone = "_sip._udp.sip.example. 900 IN SRV 0 0 5060 alias.example.\n"
    zone += "alias.example. 20 IN CNAME one.sip.example.\n"
    hops = bench(HOSTS + zone).hops(where())
    assert targets(hops) == ["UDP 192.0.2.1:5060"]
    assert hops[0].ttl_s == 20


# --- where it leads nowhere -------------------------------------------------------------------


def test_a_failure_names_what_was_missing_and_each_reason_once() -> None:
    assert bench().failure(where("gone.example")) == (
        "gone.example: no such name (NAPTR, SRV _sip._udp.gone.example, A)"
    )
    assert bench("half.example. IN TXT x\n").failure(where("half.example")) == (
        "half.example: no such record (NAPTR, A); no such name (SRV _sip._udp.half.example)"
    )


@pytest.mark.parametrize("address", ["", " ", ".", "a..b", "x" * 64 + ".example", "a." * 200])
def test_what_is_no_name_fails_at_once(address: str) -> None:
    b = bench(HOSTS)
    b.failure(where(address))
    assert b.now == 0
    assert b.questions() == []


def test_a_huge_zone_is_bounded() -> None:
    srvs = "".join(f"_sip._udp.sip.example. IN SRV {i} 0 5060 h{i}.example.\n" for i in range(100))
    hosts = "".join(f"h{i}.example. IN A 10.0.{i}.{j}\n" for i in range(100) for j in range(20))
    b = bench(srvs + hosts)
    hops = b.hops(where())
    assert len(hops) == 64
    assert len(b.asked) < 70


def test_naptr_records_that_lead_to_many_questions_are_bounded() -> None:
    naptrs = "".join(
        f'sip.example. IN NAPTR {i} 1 "s" "SIP+D2U" "" s{i}.example.\n' for i in range(200)
    )
    srvs = "".join(
        f"s{i}.example. IN SRV {j} 0 5060 nowhere{i}x{j}.example.\n"
        for i in range(20)
        for j in range(32)
    )
    b = bench(naptrs + srvs)
    assert "questions" in b.failure(where())
    assert len(b.asked) <= 250
