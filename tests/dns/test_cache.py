"""What is kept, for how long, and how much of it (D11, D12, D14)."""

from __future__ import annotations

import pytest

from evertone.dns.cache import Cache
from evertone.dns.records import Address, Answer, AnswerKind, Question, RrType

A = Question.of("sip.example", RrType.A)


def answer(question: Question = A, ttl_s: float = 100.0, ip: str = "192.0.2.1") -> Answer:
    return Answer(question, AnswerKind.RECORDS, (Address(ip),), ttl_s)


def failure(question: Question = A) -> Answer:
    return Answer(question, AnswerKind.FAILED, text="SERVFAIL")


@pytest.mark.rule("D11")
def test_an_answer_is_fresh_until_its_ttl_has_run_out() -> None:
    cache = Cache(3600.0)
    cache.put(answer(), 10.0)
    entry = cache.fresh(A, 109.9, with_extra=False)
    assert entry is not None
    assert entry.expires_at == 110.0
    assert cache.fresh(A, 110.0, with_extra=False) is None


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("kind", "ttl_s", "kept_s"),
    [
        (AnswerKind.RECORDS, 1e6, 1e6),
        (AnswerKind.NO_NAME, 60.0, 60.0),
        (AnswerKind.NO_DATA, 1e6, 10800.0),  # RFC 2308 §5
        (AnswerKind.FAILED, 0.0, 30.0),
    ],
)
def test_every_kind_has_its_time(kind: AnswerKind, ttl_s: float, kept_s: float) -> None:
    assert Cache(0.0).put(Answer(A, kind, ttl_s=ttl_s), 5.0).expires_at == 5.0 + kept_s


@pytest.mark.rule("D14")
def test_a_failure_does_not_undo_what_was_known() -> None:
    cache = Cache(3600.0)
    cache.put(answer(), 0.0)
    cache.put(failure(), 200.0)
    fresh, stale = cache.fresh(A, 201.0, with_extra=False), cache.stale(A, 201.0)
    assert fresh is not None
    assert fresh.answer.kind is AnswerKind.FAILED
    assert stale is not None
    assert stale.answer.kind is AnswerKind.RECORDS
    cache.put(answer(ip="192.0.2.2"), 210.0)
    again = cache.fresh(A, 211.0, with_extra=False)
    assert again is not None
    assert again.answer.records == (Address("192.0.2.2"),)
    assert len(cache.entries()) == 1


@pytest.mark.rule("D12")
def test_what_came_along_ranks_below_what_was_asked_for() -> None:
    along = answer(ip="192.0.2.66")
    srv = Answer(Question.of("_sip._udp.sip.example", RrType.SRV), AnswerKind.RECORDS, ttl_s=50.0)
    srv = Answer(srv.question, srv.kind, ttl_s=50.0, extra=(along,))
    cache = Cache(0.0)
    cache.put(answer(), 0.0)
    cache.put(srv, 10.0)
    entry = cache.fresh(A, 20.0, with_extra=True)
    assert entry is not None
    assert entry.answer.records == (Address("192.0.2.1"),)
    cache.put(srv, 101.0)
    entry = cache.fresh(A, 102.0, with_extra=True)
    assert entry is not None
    assert entry.extra
    assert cache.fresh(A, 102.0, with_extra=False) is None


def test_the_size_is_bounded_and_what_expires_first_goes_first() -> None:
    cache = Cache(0.0, max_entries=3)
    questions = [Question.of(f"h{i}.example", RrType.A) for i in range(6)]
    for i, question in enumerate(questions):
        cache.put(answer(question, ttl_s=100.0 - i if i else 1000.0), 0.0)
        cache.put(failure(Question.of(f"f{i}.example", RrType.A)), 0.0)
    assert len(cache.entries()) == 6  # three of each table
    assert cache.fresh(questions[0], 500.0, with_extra=False) is not None
    assert cache.fresh(questions[5], 1.0, with_extra=False) is not None
