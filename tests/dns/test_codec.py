"""DNS messages as bytes: what is taken, what is left out, what is refused."""

from __future__ import annotations

import struct

import dns.message
import pytest

from evertone.dns.codec import Cname, Soa, decode, encode_query, message_id
from evertone.dns.records import Address, Naptr, Question, RrType, Srv
from evertone.errors import DnsError
from tests.dns.wire import reply

QUESTION = Question.of("sip.example", RrType.NAPTR)
QUERY = encode_query(0xBEEF, QUESTION)


@pytest.mark.parametrize("rtype", RrType)
def test_a_query_is_recursive_and_asks_one_thing(rtype: RrType) -> None:
    question = Question.of("_sip._udp.Sip.Example.", rtype)
    data = encode_query(1, question)
    message = decode(data)
    assert (message.id, message.response, message.question) == (1, False, question)
    assert struct.unpack_from("!H", data, 2)[0] & 0x0100  # RD
    assert message_id(data) == 1


def test_records_of_every_type() -> None:
    message = decode(
        reply(
            QUERY,
            'Sip.Example. 7 IN NAPTR 90 50 "S" "SIP+D2T" "" _sip._tcp.Sip.Example.',
            "a.example. 8 IN SRV 1 2 5060 B.example.",
            "a.example. 8 IN SRV 1 2 0 .",
            "a.example. 9 IN A 192.0.2.1",
            "a.example. 9 IN AAAA 2001:DB8:0:0::1",
            "a.example. 9 IN CNAME B.example.",
            'a.example. 9 IN TXT "left out"',
            'a.example. 9 CH TXT "left out"',
            authority=("example. 900 IN SOA a. b. 1 2 3 4 60",),
        )
    )
    assert [rr.data for rr in message.answer] == [
        Naptr(90, 50, "s", "sip+d2t", "", "_sip._tcp.sip.example"),
        Srv(1, 2, 5060, "b.example"),
        Srv(1, 2, 0, ""),
        Address("192.0.2.1"),
        Address("2001:db8::1"),
        Cname("b.example"),
    ]
    assert (message.answer[0].name, message.answer[0].ttl_s) == ("sip.example", 7.0)
    assert [rr.data for rr in message.authority] == [Soa(60.0)]


def test_a_truncated_message_bears_no_records() -> None:
    message = decode(reply(QUERY, "sip.example. 9 IN A 192.0.2.1", truncated=True))
    assert message.truncated
    assert message.question == QUESTION
    assert message.answer == ()


@pytest.mark.parametrize(
    "question", [("sip.example", "MX"), ("sip.example", "ANY")], ids=lambda q: q[1]
)
def test_a_question_that_we_never_ask_is_none(question: tuple[str, str]) -> None:
    assert decode(reply(QUERY, question=question)).question is None


def test_two_questions_are_none() -> None:
    message = dns.message.from_wire(QUERY)
    message.question.append(message.question[0])
    assert decode(message.to_wire()).question is None


@pytest.mark.parametrize("size", [0, 1, 11, 13, 65_536])
def test_what_is_no_message_is_refused(size: int) -> None:
    with pytest.raises(DnsError):
        decode((QUERY + bytes(size))[:size])


def test_pointers_that_circle_are_refused() -> None:
    header = struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0)
    for pointer in (12, 14, 40):
        record = struct.pack("!HHHIH", 0xC000 | pointer, 1, 1, 60, 4) + b"\1\2\3\4"
        question = struct.pack("!HHH", 0xC000 | pointer, 1, 1)
        with pytest.raises(DnsError):
            decode(header + question + record)


@pytest.mark.parametrize("size", [0, 2, 11])
def test_what_has_no_header_has_no_id(size: int) -> None:
    assert message_id(QUERY[:size]) is None


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join("abc" * 30 for _ in range(9))])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DnsError):
        encode_query(1, Question.of(name, RrType.A))


def test_a_name_with_odd_bytes_goes_there_and_back() -> None:
    odd = decode(reply(QUERY, r"sip.example. 9 IN SRV 1 1 1 a\.b\032\255.example."))
    (record,) = odd.answer
    assert isinstance(record.data, Srv)
    question = Question.of(record.data.target, RrType.A)
    assert decode(encode_query(2, question)).question == question
