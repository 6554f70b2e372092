"""Where the answer to one question is taken from, and in which order (D12-D14)."""

from __future__ import annotations

import enum
from dataclasses import replace

from evertone.config.settings import DnsSettings
from evertone.dns.cache import Cache, CacheEntry
from evertone.dns.locate import Where
from evertone.dns.records import Answer, AnswerKind, Found, Question
from evertone.dns.static import StaticRecords
from evertone.fixed import fixed
from evertone.model import HopSource

__all__ = ["ORDER", "Source", "Sources"]

_STALE_S = 30.0  # RFC 8767 §4: how long a stale answer serves before DNS is asked again
_NO_NAMESERVER = "no name server is configured"


class Source(enum.Enum):
    """Who may answer a question."""

    CACHE = "what DNS or a static record answered, while its TTL runs"
    DNS = "the name servers"
    STATIC = "the static records"
    STALE = "the last answer known"


ORDER: dict[int, tuple[Source, ...]] = {
    0: (Source.CACHE, Source.DNS, Source.STATIC, Source.STALE),
    1: (Source.STATIC, Source.CACHE, Source.DNS, Source.STALE),
}
"""``static_cache_pri`` (D13)."""


_RECORDS = AnswerKind.RECORDS


@fixed
class _Inquiry:
    """One question on behalf of one line; ``said`` is the name servers' word, if it is known."""

    question: Question
    where: Where
    now: float
    said: CacheEntry | None


class Sources:
    """Cache and static records of a phone, consulted in the order that a line wants."""

    def __init__(self, settings: DnsSettings, *, has_nameservers: bool) -> None:
        stale_s = settings.last_cache_expired if settings.last_cache_expired_enable else 0
        self.cache = Cache(float(stale_s))
        self.statics = StaticRecords(settings)
        self.has_statics = bool(self.statics)
        self._has_nameservers = has_nameservers
        self._held: dict[Question, float] = {}  # static answers that serve, and until when

    def find(
        self, question: Question, where: Where, now: float, asked: CacheEntry | None = None
    ) -> Found | None:
        """What is known, be it that there is nothing; None: the name servers must be asked.

        ``asked`` is their answer once they have been; then there is always something found.
        """
        said = asked if asked is not None else self._fresh(question, where, now)
        if not self.has_statics:  # then the order is no matter: the answer, or nothing yet
            if said is None and self._has_nameservers:
                return None
            if said is not None and said.answer.kind is _RECORDS:
                return self._answered(said, where, now)
        inquiry = _Inquiry(question, where, now, said)
        for source in ORDER[where.static_cache_pri]:
            if source is Source.DNS:
                if said is None and self._has_nameservers:
                    return None
            elif (found := self._take(source, inquiry)) is not None:
                return found
        return self._nothing(inquiry)

    def known(self, question: Question, now: float) -> Found:
        """What static records or else any answer in the cache say, without asking (D13: what
        static records offer beside what DNS gave)."""
        static = self.statics.lookup(question)
        if static is not None:
            until = now + static.ttl_s
            return Found(static.records, static.ttl_s, until, HopSource.STATIC)
        entry = self.cache.fresh(question, now, with_extra=True) or self.cache.stale(question, now)
        if entry is None:
            return Found((), 0.0, now, text="not asked")
        return _found(entry.answer, entry.expires_at)

    def put(self, answer: Answer, now: float) -> CacheEntry:
        """Keep what the name servers said; stale copies are wanted even where the cache isn't."""
        return self.cache.put(answer, now)

    def _fresh(self, question: Question, where: Where, now: float) -> CacheEntry | None:
        if where.dns_cache_type == 0:
            return None
        return self.cache.fresh(question, now, with_extra=where.dns_cache_type == 2)

    def _take(self, source: Source, inquiry: _Inquiry) -> Found | None:
        match source:
            case Source.CACHE:
                return self._cached(inquiry)
            case Source.STATIC:
                return self._static(inquiry)
            case Source.STALE:
                return self._stale(inquiry)
            case Source.DNS:
                return None

    def _cached(self, inquiry: _Inquiry) -> Found | None:
        said, where = inquiry.said, inquiry.where
        if said is not None and said.answer.kind is AnswerKind.RECORDS:
            return self._answered(said, where, inquiry.now)
        held_until = self._held.get(inquiry.question, inquiry.now)
        if where.dns_cache_type and held_until > inquiry.now:
            return self._static(inquiry)
        return None

    def _answered(self, said: CacheEntry, where: Where, now: float) -> Found:
        # D12: without a cache a list serves one request
        return _found(said.answer, said.expires_at if where.dns_cache_type else now)

    def _static(self, inquiry: _Inquiry) -> Found | None:
        answer = self.statics.lookup(inquiry.question)
        if answer is None:
            return None
        until = self._held.get(inquiry.question, inquiry.now)
        if until <= inquiry.now:
            until = self._held[inquiry.question] = inquiry.now + answer.ttl_s
        return Found(answer.records, answer.ttl_s, until, HopSource.STATIC)

    def _stale(self, inquiry: _Inquiry) -> Found | None:
        entry = self.cache.stale(inquiry.question, inquiry.now)
        if entry is None or entry.answer.kind is not AnswerKind.RECORDS:
            return None  # nothing known, or the last that DNS said is that there is nothing
        found = _found(entry.answer, inquiry.now + _STALE_S)
        return replace(found, source=HopSource.STALE)

    def _nothing(self, inquiry: _Inquiry) -> Found:
        if inquiry.said is None:
            until = inquiry.now + _STALE_S
            return Found((), 0.0, until, text=_NO_NAMESERVER, unanswered=True)
        return _found(inquiry.said.answer, inquiry.said.expires_at)


def _found(answer: Answer, until: float) -> Found:
    return Found(
        answer.records,
        answer.ttl_s,
        until,
        text=answer.text or answer.kind.text,
        unanswered=answer.kind is AnswerKind.FAILED,
    )
