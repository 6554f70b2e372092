"""What the name servers said, for as long as it may be kept, and a while longer (D11, D12, D14)."""

from __future__ import annotations

from evertone.dns.records import Answer, AnswerKind, Question
from evertone.fixed import fixed

__all__ = ["Cache", "CacheEntry"]

_MAX_ENTRIES = 1024
_MAX_FAILURE_S = 30.0  # D11: SERVFAIL and time-outs
_MAX_NEGATIVE_S = 3 * 3600.0  # RFC 2308 §5


@fixed
class CacheEntry:
    """One answer, fresh until ``expires_at``. ``extra``: it came unasked, in the additional
    section of another answer (D12)."""

    answer: Answer
    expires_at: float
    extra: bool = False


class Cache:
    """Answers by question. Failures are remembered beside them: a name server's silence does
    not undo what it said before (D14)."""

    def __init__(self, stale_s: float, max_entries: int = _MAX_ENTRIES) -> None:
        """``stale_s``: for how long an answer can serve after its time, 0 for not at all."""
        self._stale_s = stale_s
        self._max_entries = max_entries
        self._entries: dict[Question, CacheEntry] = {}
        self._failures: dict[Question, CacheEntry] = {}

    def put(self, answer: Answer, now: float) -> CacheEntry:
        """Keep an answer, and what came beside it as far as that was wanted (dns_cache_type 2)."""
        entry = CacheEntry(answer, now + _kept_s(answer))
        if answer.kind is AnswerKind.FAILED:
            self._store(self._failures, entry, now)
            return entry
        self._failures.pop(answer.question, None)
        self._store(self._entries, entry, now)
        for extra in answer.extra:
            # RFC 2181 §5.4.1: what was asked for ranks above what came along
            if self._fresh(self._entries, extra.question, now) is None:
                self._store(self._entries, CacheEntry(extra, now + _kept_s(extra), True), now)
        return entry

    def fresh(self, question: Question, now: float, *, with_extra: bool) -> CacheEntry | None:
        """The answer whose time has not run out; a failure only where there is no answer.

        Without ``with_extra`` answers that came unasked don't count (dns_cache_type 1).
        """
        entry = self._fresh(self._entries, question, now)
        if entry is not None and (with_extra or not entry.extra):
            return entry
        return self._fresh(self._failures, question, now)

    def stale(self, question: Question, now: float) -> CacheEntry | None:
        """The last answer known, while D14 lets it serve."""
        entry = self._entries.get(question)
        if entry is None or self._stale_s <= 0 or now > entry.expires_at + self._stale_s:
            return None
        return entry

    def forget_failures(self) -> None:
        """Forget which questions failed (R8)."""
        self._failures.clear()

    def entries(self) -> tuple[CacheEntry, ...]:
        """Everything kept, by name and type (for snapshots)."""
        kept = [*self._entries.values(), *self._failures.values()]
        return tuple(sorted(kept, key=lambda e: (e.answer.question.name, str(e.answer.question))))

    def _fresh(
        self, table: dict[Question, CacheEntry], question: Question, now: float
    ) -> CacheEntry | None:
        entry = table.get(question)
        return entry if entry is not None and now < entry.expires_at else None

    def _store(self, table: dict[Question, CacheEntry], entry: CacheEntry, now: float) -> None:
        question = entry.answer.question
        if question not in table and len(table) >= self._max_entries:
            del table[min(table, key=lambda q: table[q].expires_at)]
        table[question] = entry


def _kept_s(answer: Answer) -> float:
    """How long an answer is fresh, in seconds."""
    match answer.kind:
        case AnswerKind.RECORDS:
            return answer.ttl_s
        case AnswerKind.FAILED:
            return _MAX_FAILURE_S
        case AnswerKind.NO_DATA | AnswerKind.NO_NAME:
            return min(answer.ttl_s, _MAX_NEGATIVE_S)
