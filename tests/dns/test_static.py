"""Static records as answers (D13)."""

from __future__ import annotations

import pytest

from evertone.config.settings import DnsSettings, StaticA, StaticNaptr, StaticSrv
from evertone.dns.records import Address, Naptr, Question, RrType, Srv
from evertone.dns.static import StaticAnswer, StaticRecords


@pytest.mark.rule("D13")
def test_names_match_without_case_and_last_dot() -> None:
    statics = StaticRecords(DnsSettings(static_a=(StaticA("SIP.Example.", "192.0.2.1", 60),)))
    expected = StaticAnswer((Address("192.0.2.1"),), 60)
    assert statics.lookup(Question.of("sip.example", RrType.A)) == expected
    assert statics.lookup(Question.of("sip.EXAMPLE.", RrType.A)) == expected
    assert statics.lookup(Question.of("sip.example", RrType.SRV)) is None


@pytest.mark.rule("D13")
def test_several_are_all_there_in_their_order_with_the_shortest_ttl() -> None:
    records = tuple(StaticA("sip.example", f"192.0.2.{i}", 100 + i) for i in (9, 3, 5))
    answer = StaticRecords(DnsSettings(static_a=records)).lookup(
        Question.of("sip.example", RrType.A)
    )
    assert answer == StaticAnswer(tuple(Address(f"192.0.2.{i}") for i in (9, 3, 5)), 103)


@pytest.mark.rule("D9", "D13")
def test_an_ipv6_literal_is_an_aaaa_record() -> None:
    statics = StaticRecords(DnsSettings(static_a=(StaticA("sip.example", "[2001:DB8::1]"),)))
    assert statics.lookup(Question.of("sip.example", RrType.A)) is None
    answer = statics.lookup(Question.of("sip.example", RrType.AAAA))
    assert answer is not None
    assert answer.records == (Address("2001:db8::1"),)


@pytest.mark.rule("D13")
def test_blank_records_do_not_exist() -> None:
    settings = DnsSettings(
        static_a=(StaticA("", "192.0.2.1"), StaticA("a.example", " "), StaticA("b.example", "x")),
        static_srv=(StaticSrv("_sip._udp.a.example", ""), StaticSrv(" ", "a.example")),
        static_naptr=(StaticNaptr("a.example", ""), StaticNaptr("", "b.example")),
    )
    assert not StaticRecords(settings)


@pytest.mark.rule("D13")
def test_fields_are_those_of_the_record_types() -> None:
    settings = DnsSettings(
        static_srv=(StaticSrv("_sip._tcp.a.example", "B.example.", 5070, 3, 7),),
        static_naptr=(StaticNaptr("a.example", "_SIP._tcp.a.example", "S", "SIP+D2T", 90, 50),),
    )
    statics = StaticRecords(settings)
    srv = statics.lookup(Question.of("_sip._tcp.a.example", RrType.SRV))
    naptr = statics.lookup(Question.of("a.example", RrType.NAPTR))
    assert srv is not None
    assert srv.records == (Srv(3, 7, 5070, "b.example"),)
    assert naptr is not None
    assert naptr.records == (Naptr(90, 50, "s", "sip+d2t", "", "_sip._tcp.a.example"),)
