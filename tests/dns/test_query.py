"""One question (D16): tries, time-outs, TCP, CNAMEs, and answers that are not to be believed."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.dns.codec import decode, message_id
from evertone.dns.query import Answered, Patience, Query
from evertone.dns.records import Address, Answer, AnswerKind, Question, RrType, Srv
from evertone.errors import DnsError
from evertone.flows import DnsFailed, DnsReceived, DnsSend, Nameserver
from tests.dns.wire import reply

NS1, NS2 = Nameserver("192.0.2.53"), Nameserver("192.0.2.54")
A = Question.of("sip.example", RrType.A)
SRV = Question.of("_sip._udp.sip.example", RrType.SRV)
PATIENT = Patience()
ONE = "sip.example. 300 IN A 192.0.2.1"


class Asked:
    """A query and what it wanted so far."""

    def __init__(
        self,
        question: Question = A,
        nameservers: tuple[Nameserver, ...] = (NS1, NS2),
        patience: Patience = PATIENT,
        seed: int = 7,
        *,
        wants_extra: bool = False,
    ) -> None:
        self.query = Query(question, nameservers, random.Random(seed), 0.0, patience)
        self.query.wants_extra = wants_extra
        self.sends: list[DnsSend] = []
        self.answer: Answer | None = None
        self.take()

    def take(self) -> None:
        for effect in self.query.effects():
            if isinstance(effect, Answered):
                assert self.answer is None
                self.answer = effect.answer
            else:
                self.sends.append(effect)

    @property
    def last(self) -> DnsSend:
        return self.sends[-1]

    def receive(
        self, data: bytes, nameserver: Nameserver = NS1, now: float = 0.1, *, tcp: bool = False
    ) -> None:
        self.query.receive(DnsReceived(nameserver, data, tcp), now)
        self.take()

    def fail(self, send: DnsSend, text: str = "refused", now: float = 0.1) -> None:
        query_id = message_id(send.data)
        assert query_id is not None
        self.query.receive(DnsFailed(send.nameserver, query_id, text), now)
        self.take()

    def time_out(self) -> float:
        at = self.query.next_deadline()
        assert at is not None
        self.query.handle_timer(at)
        self.take()
        return at


def test_a_plain_answer() -> None:
    asked = Asked()
    assert decode(asked.last.data).question == A
    asked.receive(reply(asked.last.data, ONE, "sip.example. 60 IN A 192.0.2.2"))
    assert asked.answer == Answer(
        A, AnswerKind.RECORDS, (Address("192.0.2.1"), Address("192.0.2.2")), 60.0
    )
    assert asked.query.next_deadline() is None


@pytest.mark.rule("D16")
def test_three_tries_of_three_seconds_name_servers_in_turn() -> None:
    asked = Asked()
    times = [asked.time_out() for _ in range(3)]
    assert times == [3.0, 6.0, 9.0]
    assert [send.nameserver for send in asked.sends] == [NS1, NS2, NS1]
    assert asked.answer is not None
    assert asked.answer.kind is AnswerKind.FAILED
    assert asked.answer.text == "no answer from 192.0.2.53"


@pytest.mark.rule("D16")
@pytest.mark.parametrize(("retries", "timeout_s", "end"), [(0, 3.0, 3.0), (4, 1.0, 5.0)])
def test_time_out_and_retries_are_settings(retries: int, timeout_s: float, end: float) -> None:
    asked = Asked(patience=Patience(timeout_s, retries))
    at = 0.0
    while asked.answer is None:
        at = asked.time_out()
    assert at == end
    assert len(asked.sends) == retries + 1


@pytest.mark.rule("D16")
@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"])
def test_a_name_server_that_cannot_makes_way_for_the_next_at_once(rcode: str) -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, rcode=rcode))
    assert asked.last.nameserver == NS2
    asked.receive(reply(asked.last.data, ONE), NS2)
    assert asked.answer is not None
    assert asked.answer.kind is AnswerKind.RECORDS


@pytest.mark.rule("D16")
def test_a_name_server_that_cannot_be_reached_makes_way_at_once() -> None:
    asked = Asked()
    asked.fail(asked.last)
    asked.fail(asked.last)
    asked.fail(asked.last, "connection refused")
    assert asked.answer is not None
    assert asked.answer.text == "name server 192.0.2.53:53: connection refused"
    assert len(asked.sends) == 3


def test_an_answer_to_an_earlier_try_counts() -> None:
    asked = Asked()
    first = asked.last
    asked.time_out()
    asked.receive(reply(first.data, ONE), now=3.5)
    assert asked.answer is not None
    assert asked.answer.records == (Address("192.0.2.1"),)


def test_a_late_failure_of_an_earlier_try_changes_nothing() -> None:
    asked = Asked()
    first = asked.last
    asked.time_out()
    asked.receive(reply(first.data, rcode="SERVFAIL"), now=3.5)
    asked.fail(first, now=3.6)
    assert len(asked.sends) == 2
    assert asked.query.next_deadline() == 6.0


@pytest.mark.rule("D16")
def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, ONE, truncated=True), now=2.0)
    assert asked.last.tcp
    assert asked.last.nameserver == NS1
    assert asked.query.next_deadline() == 5.0
    asked.receive(reply(asked.last.data, ONE), tcp=True)
    assert asked.answer is not None
    assert asked.answer.records == (Address("192.0.2.1"),)


@pytest.mark.rule("D16")
def test_a_refused_tcp_connection_makes_way_for_the_next_name_server() -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, truncated=True))
    asked.fail(asked.last)
    assert (asked.last.nameserver, asked.last.tcp) == (NS2, False)


def test_truncated_over_tcp_makes_way_too() -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, truncated=True))
    asked.receive(reply(asked.last.data, truncated=True), tcp=True)
    assert (asked.last.nameserver, asked.last.tcp) == (NS2, False)


def test_even_a_truncated_message_cut_in_its_records_leads_to_tcp() -> None:
    asked = Asked()
    whole = reply(asked.last.data, ONE, truncated=True)
    asked.receive(whole[:-3])
    assert asked.last.tcp


# --- what is not to be believed -----------------------------------------------------------------


@pytest.mark.rule("D16")
@pytest.mark.parametrize(
    "forge",
    [
        lambda q: reply(q, ONE, query_id=(message_id(q) or 0) ^ 1),
        lambda q: reply(q, ONE, question=("other.example", "A")),
        lambda q: reply(q, ONE, question=("sip.example", "AAAA")),
        lambda q: reply(q, ONE, question=("sip.example", "MX")),
        lambda q: q,  # our own question reflected
        lambda q: q[:12],
        lambda q: reply(q, ONE)[:-2],
        lambda q: b"",
    ],
    ids=["id", "name", "type", "type that nobody asks", "query", "header", "cut", "empty"],
)
def test_a_wrong_answer_is_ignored_and_counted(forge) -> None:  # type: ignore[no-untyped-def]
    asked = Asked()
    asked.receive(forge(asked.last.data))
    assert asked.query.snapshot().ignored == 1
    assert asked.query.odd
    assert asked.answer is None
    assert len(asked.sends) == 1
    asked.receive(reply(asked.last.data, ONE))  # the true one still counts
    assert asked.answer is not None


@pytest.mark.rule("D16")
def test_a_true_answer_from_a_wrong_place_is_ignored() -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, ONE), NS2)
    asked.receive(reply(asked.last.data, ONE), Nameserver(NS1.address, 5353))
    asked.receive(reply(asked.last.data, ONE), tcp=True)
    assert asked.query.ignored == 3
    assert asked.answer is None


@given(data=st.binary(max_size=600), seed=st.integers(0, 1000))
def test_any_bytes_are_survived(data: bytes, seed: int) -> None:
    asked = Asked(seed=seed)
    header = asked.last.data[:2] + b"\x80\x00\x00\x01\x00\x05\x00\x01\x00\x01"
    question = asked.last.data[12:]
    for forged in (data, header + data, header + question + data):
        asked.receive(forged)
    assert asked.answer is None or asked.answer.kind in AnswerKind


@given(flips=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=6))
def test_a_damaged_answer_is_survived(flips: list[tuple[int, int]]) -> None:
    asked = Asked(SRV)
    data = bytearray(
        reply(
            asked.last.data,
            "_sip._udp.sip.example. 300 IN SRV 1 2 5060 one.sip.example.",
            "_sip._udp.sip.example. 300 IN SRV 1 2 5060 two.sip.example.",
            authority=("example. 300 IN SOA a. b. 1 2 3 4 5",),
            additional=("one.sip.example. 300 IN A 192.0.2.1",),
        )
    )
    for place, flip in flips:
        data[place % len(data)] ^= flip
    asked.receive(bytes(data))
    assert asked.query.ignored <= 1


@given(st.binary(max_size=300))
def test_the_decoder_raises_its_one_error(data: bytes) -> None:
    with contextlib.suppress(DnsError):
        decode(data)


def test_a_message_of_many_records_is_cut() -> None:
    asked = Asked()
    lines = [f"sip.example. 300 IN A 10.0.{i // 250}.{i % 250}" for i in range(3000)]
    asked.receive(reply(asked.last.data, *lines))
    assert asked.answer is not None
    assert len(asked.answer.records) == 128


# --- what there is not --------------------------------------------------------------------------

SOA = "example. 900 IN SOA ns.example. admin.example. 1 2 3 4 60"


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("rcode", "kind"), [("NXDOMAIN", AnswerKind.NO_NAME), ("NOERROR", AnswerKind.NO_DATA)]
)
@pytest.mark.parametrize(
    ("authority", "ttl_s"),
    [((SOA,), 60.0), ((SOA.replace("900", "30"),), 30.0), ((), 0.0)],
    ids=["minimum", "ttl of the SOA", "no SOA"],
)
def test_negative_answers_by_rfc_2308(
    rcode: str, kind: AnswerKind, authority: tuple[str, ...], ttl_s: float
) -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, rcode=rcode, authority=authority))
    assert asked.answer == Answer(A, kind, ttl_s=ttl_s)


def test_ttls_beyond_31_bits_count_as_zero() -> None:
    asked = Asked()
    data = bytearray(reply(asked.last.data, "sip.example. 257 IN A 192.0.2.1"))
    at = data.rindex((257).to_bytes(4, "big"))
    data[at] = 0x80  # RFC 2181 §8
    asked.receive(bytes(data))
    assert asked.answer is not None
    assert asked.answer.ttl_s == 0.0


# --- CNAME --------------------------------------------------------------------------------------


def test_a_chain_within_the_answer() -> None:
    asked = Asked()
    asked.receive(
        reply(
            asked.last.data,
            "b.example. 300 IN CNAME c.example.",
            "SIP.example. 40 IN CNAME B.example.",
            "c.example. 300 IN A 192.0.2.3",
        )
    )
    assert asked.answer is not None
    assert asked.answer.records == (Address("192.0.2.3"),)
    assert asked.answer.ttl_s == 40
    assert asked.answer.question == A


def test_a_chain_that_the_answer_does_not_finish_is_asked_on() -> None:
    asked = Asked()
    asked.receive(reply(asked.last.data, "sip.example. 40 IN CNAME b.elsewhere.example."))
    assert decode(asked.last.data).question == Question.of("b.elsewhere.example", RrType.A)
    asked.receive(reply(asked.last.data, "b.elsewhere.example. 300 IN A 192.0.2.3"))
    assert asked.answer == Answer(A, AnswerKind.RECORDS, (Address("192.0.2.3"),), 40.0)


def test_a_chain_to_nothing() -> None:
    asked = Asked()
    alias = "sip.example. 40 IN CNAME b.example."
    asked.receive(reply(asked.last.data, alias, rcode="NXDOMAIN", authority=(SOA,)))
    assert asked.answer == Answer(A, AnswerKind.NO_NAME, ttl_s=40.0)


def test_a_chain_that_the_name_server_itself_finished_is_not_asked_on() -> None:
    asked = Asked()
    alias = "sip.example. 40 IN CNAME b.example."
    asked.receive(reply(asked.last.data, alias, authority=(SOA,)))  # RFC 2308 §2.2: no data
    assert asked.answer == Answer(A, AnswerKind.NO_DATA, ttl_s=40.0)
    assert len(asked.sends) == 1


@pytest.mark.parametrize("names", [["sip"], ["sip", "b"], ["sip", "b", "c", "d"]])
def test_a_circle_in_one_answer_ends_the_question(names: list[str]) -> None:
    asked = Asked()
    around = zip(names, names[1:] + names[:1], strict=True)
    asked.receive(
        reply(asked.last.data, *(f"{a}.example. 300 IN CNAME {b}.example." for a, b in around))
    )
    assert asked.answer is not None
    assert asked.answer.text == "a circle of CNAMEs"


def test_a_chain_without_end_is_bounded() -> None:
    asked = Asked()
    for i in range(20):
        name = decode(asked.last.data).question
        assert name is not None
        asked.receive(reply(asked.last.data, f"{name.name}. 300 IN CNAME n{i}.example."))
        if asked.answer is not None:
            break
    assert asked.answer is not None
    assert asked.answer.text == "too many CNAMEs"
    assert len(asked.sends) == 9


# --- the additional section ---------------------------------------------------------------------


@pytest.mark.rule("D12")
def test_the_additional_section_is_read_by_who_wants_it_only() -> None:
    for wants_extra in (False, True):
        asked = Asked(SRV, wants_extra=wants_extra)
        srv = "_sip._udp.sip.example. 300 IN SRV 1 2 5060 one.example."
        asked.receive(reply(asked.last.data, srv, additional=("one.example. 200 IN A 192.0.2.1",)))
        assert asked.answer is not None
        assert bool(asked.answer.extra) is wants_extra


@pytest.mark.rule("D12")
def test_of_the_additional_section_only_what_the_answer_points_to() -> None:
    asked = Asked(SRV, wants_extra=True)
    asked.receive(
        reply(
            asked.last.data,
            "_sip._udp.sip.example. 300 IN SRV 1 2 5060 one.example.",
            additional=(
                "one.example. 200 IN A 192.0.2.1",
                "one.example. 100 IN A 192.0.2.2",
                "one.example. 100 IN AAAA 2001:db8::1",
                "bank.example. 100 IN A 192.0.2.66",
            ),
        )
    )
    assert asked.answer is not None
    assert asked.answer.records == (Srv(1, 2, 5060, "one.example"),)
    assert [(str(x.question), x.ttl_s, len(x.records)) for x in asked.answer.extra] == [
        ("A one.example", 100.0, 2),
        ("AAAA one.example", 100.0, 1),
    ]


@pytest.mark.rule("D12")
def test_a_naptr_points_to_srv_records_and_these_to_addresses() -> None:
    asked = Asked(Question.of("sip.example", RrType.NAPTR), wants_extra=True)
    asked.receive(
        reply(
            asked.last.data,
            'sip.example. 300 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.sip.example.',
            additional=(
                "one.example. 200 IN A 192.0.2.1",
                "_sip._udp.sip.example. 300 IN SRV 1 2 5060 one.example.",
                "_sip._tcp.sip.example. 300 IN SRV 1 2 5060 bank.example.",
                "bank.example. 100 IN A 192.0.2.66",
            ),
        )
    )
    assert asked.answer is not None
    assert [str(x.question) for x in asked.answer.extra] == [
        "A one.example",
        "SRV _sip._udp.sip.example",
    ]


def test_spurious_calls_are_harmless() -> None:
    asked = Asked()
    asked.query.handle_timer(1.0)
    assert len(asked.sends) == 1
    asked.receive(reply(asked.last.data, ONE))
    asked.query.handle_timer(100.0)
    asked.receive(reply(asked.last.data, ONE))
    asked.fail(asked.last)
    assert asked.query.effects() == []
    assert asked.query.done
