"""Who may answer a question, source by source (D12-D14)."""

from __future__ import annotations

import pytest

from evertone.config.settings import DnsSettings, StaticA
from evertone.dns.locate import Where
from evertone.dns.records import Address, Answer, AnswerKind, Question, RrType
from evertone.dns.sources import Sources
from evertone.model import HopSource
from tests.dns.bench import where

A = Question.of("sip.example", RrType.A)
DNS, STATIC = Address("192.0.2.1"), Address("192.0.2.200")

KINDS = {
    "records": Answer(A, AnswerKind.RECORDS, (DNS,), 100.0),
    "no data": Answer(A, AnswerKind.NO_DATA, ttl_s=60.0),
    "no name": Answer(A, AnswerKind.NO_NAME, ttl_s=60.0),
    "failed": Answer(A, AnswerKind.FAILED, text="SERVFAIL"),
}


def _found(kind: str, static: bool, stale: bool, pri: int, cache: int) -> HopSource | None:
    """Who answers when the name servers have just said ``kind``."""
    records = (StaticA("sip.example", STATIC.ip, 50),) if static else ()
    sources = Sources(DnsSettings(static_a=records), has_nameservers=True)
    asked: Where = where(static_cache_pri=pri, dns_cache_type=cache)
    if stale:
        sources.put(KINDS["records"], 0.0)
    now = 200.0
    if not (pri and static):
        assert sources.find(A, asked, now) is None  # the name servers must be asked
    entry = sources.put(KINDS[kind], now)
    found = sources.find(A, asked, now, entry)
    assert found is not None
    assert bool(found.records) is not found.text.startswith(("no such", "SERVFAIL"))
    return found.source if found.records else None


@pytest.mark.rule("D12", "D13", "D14")
@pytest.mark.parametrize("cache", [0, 1, 2])
@pytest.mark.parametrize("pri", [0, 1])
@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_whole_product(kind: str, static: bool, stale: bool, pri: int, cache: int) -> None:
    expected: HopSource | None = None
    if static and pri:
        expected = HopSource.STATIC
    elif kind == "records":
        expected = HopSource.DNS
    elif static:
        expected = HopSource.STATIC
    elif stale and kind == "failed":
        expected = HopSource.STALE
    assert _found(kind, static, stale, pri, cache) is expected


@pytest.mark.rule("D13")
def test_known_asks_nobody_and_takes_static_first() -> None:
    records = (StaticA("sip.example", STATIC.ip, 50),)
    sources = Sources(DnsSettings(static_a=records), has_nameservers=True)
    other = Question.of("other.example", RrType.A)
    assert sources.known(A, 0.0).source is HopSource.STATIC
    assert sources.known(other, 0.0).records == ()
    sources.put(Answer(other, AnswerKind.RECORDS, (DNS,), 10.0), 0.0)
    assert sources.known(other, 20.0).records == (DNS,)


@pytest.mark.rule("D14")
def test_a_stale_answer_serves_30_s_before_dns_is_asked_again() -> None:
    sources = Sources(DnsSettings(), has_nameservers=True)
    sources.put(KINDS["records"], 0.0)
    entry = sources.put(KINDS["failed"], 200.0)
    found = sources.find(A, where(), 210.0)
    assert found is not None
    assert found.valid_until == 240.0  # RFC 8767 §4
    assert sources.find(A, where(), entry.expires_at) is None


@pytest.mark.rule("D14")
def test_without_name_servers_nothing_known_is_a_failure_that_says_so() -> None:
    found = Sources(DnsSettings(), has_nameservers=False).find(A, where(), 5.0)
    assert found is not None
    assert found.unanswered
    assert "no name server" in found.text
