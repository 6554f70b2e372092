"""One question to the name servers, until an answer or the last time-out (D16). No I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeAlias

from evertone.dns.codec import Cname, Message, ResourceRecord, Soa, decode, encode_query
from evertone.dns.records import (
    Address,
    Answer,
    AnswerKind,
    Naptr,
    Question,
    Record,
    RrType,
    Srv,
)
from evertone.errors import DnsError
from evertone.fixed import fixed
from evertone.flows import DnsFailed, DnsReceived, DnsSend, Nameserver

__all__ = ["Answered", "Patience", "Query", "QueryEffect", "QuerySnapshot"]

_MAX_CNAMES = 8
_MAX_RECORDS = 128  # of one answer; what is beyond them is left out
_MAX_EXTRA = 128

_ANSWERED = ("NOERROR", "NXDOMAIN")
"""Response codes that are an answer; with any other the next name server is asked."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for one try, in seconds, and how many more tries to make (D16)."""

    timeout_s: float = 3.0
    retries: int = 2


@fixed
class Answered:
    """The question is over."""

    answer: Answer


QueryEffect: TypeAlias = DnsSend | Answered


@dataclass(frozen=True, slots=True)
class QuerySnapshot:
    """A question in flight: whom it waits for, the tries made, the messages ignored."""

    question: Question
    nameserver: Nameserver
    tries: int
    ignored: int


class Query:
    """One question: the five verbs, begun by its construction. Ends with one Answered.

    Each try goes to the next name server in turn, under an id of its own from ``rng``. An
    answer to an earlier try still counts. Messages with a wrong id, from a wrong name server,
    to another question, or unreadable are ignored and counted: time goes on. A CNAME whose
    target the answer doesn't tell is followed with a question of its own.
    Raises DnsError where the name is no domain name. ``nameservers`` has at least one.
    """

    def __init__(
        self,
        question: Question,
        nameservers: tuple[Nameserver, ...],
        rng: random.Random,
        now: float,
        patience: Patience = Patience(),
    ) -> None:
        self.question = question
        self.wants_extra = False
        """True where the additional section is wanted too (D12)."""
        self.ignored = 0
        self.odd = ""
        """Why the last message was ignored."""
        self._nameservers = nameservers
        self._rng = rng
        self._patience = patience
        self._effects: list[QueryEffect] = []
        self._asked = question  # differs from `question` behind a CNAME
        self._seen = {question.name}
        self._ttl_s = float("inf")  # of the CNAMEs so far
        self._ask(question, now)

    # --- the five verbs --------------------------------------------------------------------

    def receive(self, event: DnsReceived | DnsFailed, now: float) -> None:
        """Take what came from a name server. Harmless when the question is over."""
        if self.done:
            return
        if isinstance(event, DnsFailed):
            self._failed(event, now)
            return
        try:
            message = decode(event.data)
        except DnsError as error:
            self._ignore(str(error))
            return
        sent = (event.nameserver, message.id)
        if not message.response or self._sent.get(sent) != event.tcp:
            self._ignore("a message that answers no question of ours")
        elif message.question != self._asked:
            self._ignore("an answer to another question")
        else:
            current = sent == self._current
            del self._sent[sent]
            self._take(message, event, current, now)

    def handle_timer(self, now: float) -> None:
        """Make the next try if this one's time is up."""
        if self._deadline is not None and now >= self._deadline:
            self._next_try(f"no answer from {self._current[0].address}", now)

    def next_deadline(self) -> float | None:
        """When the time of this try is up; None when the question is over."""
        return self._deadline

    def effects(self) -> list[QueryEffect]:
        """Drain what is to be sent and, at the end, the answer."""
        effects, self._effects = self._effects, []
        return effects

    def restart(self, now: float) -> None:
        """Begin again with the first name server and all tries. Harmless when it is over."""
        if not self.done:
            self._ask(self._asked, now)

    def snapshot(self) -> QuerySnapshot:
        """A frozen view for people."""
        return QuerySnapshot(self.question, self._current[0], self._tries, self.ignored)

    @property
    def done(self) -> bool:
        """True when Answered has been given."""
        return self._deadline is None

    def expects(self, nameserver: Nameserver, query_id: int) -> bool:
        """Whether a message with this id from there can be meant for this question."""
        return (nameserver, query_id) in self._sent

    # --- tries -----------------------------------------------------------------------------

    def _ask(self, question: Question, now: float) -> None:
        self._asked = question
        self._tries = 0
        self._sent: dict[tuple[Nameserver, int], bool] = {}  # whether over TCP
        self._send(self._nameservers[0], now)

    def _send(self, nameserver: Nameserver, now: float, *, tcp: bool = False) -> None:
        query_id = self._rng.getrandbits(16)
        data = encode_query(query_id, self._asked)
        if not tcp:
            self._tries += 1
        self._current = (nameserver, query_id)
        self._sent[self._current] = tcp
        self._deadline: float | None = now + self._patience.timeout_s
        self._effects.append(DnsSend(nameserver, data, tcp))

    def _next_try(self, why: str, now: float) -> None:
        if self._tries > self._patience.retries:
            self._end(Answer(self.question, AnswerKind.FAILED, text=why))
            return
        self._send(self._nameservers[self._tries % len(self._nameservers)], now)

    def _failed(self, event: DnsFailed, now: float) -> None:
        sent = (event.nameserver, event.query_id)
        if self._sent.pop(sent, None) is not None and sent == self._current:
            self._next_try(f"name server {event.nameserver}: {event.text}", now)

    def _ignore(self, why: str) -> None:
        self.ignored += 1
        self.odd = why

    # --- answers ---------------------------------------------------------------------------

    def _take(self, message: Message, event: DnsReceived, current: bool, now: float) -> None:
        address = event.nameserver.address
        if message.truncated and not event.tcp:
            self._send(event.nameserver, now, tcp=True)  # RFC 1123 §6.1.3.2
        elif message.truncated or message.rcode not in _ANSWERED:
            why = "a truncated answer" if message.truncated else message.rcode
            if current:  # else: a later try is already on its way
                self._next_try(f"{why} from {address}", now)
        else:
            self._read(message, now)

    def _read(self, message: Message, now: float) -> None:
        name = self._asked.name
        aliases = {rr.name: rr for rr in message.answer if isinstance(rr.data, Cname)}
        while not (found := _records_at(message.answer, name, self.question.rtype)):
            alias = aliases.get(name)
            if alias is None or not isinstance(alias.data, Cname):
                break
            self._ttl_s = min(self._ttl_s, alias.ttl_s)
            name = alias.data.target
            if name in self._seen or len(self._seen) > _MAX_CNAMES:
                why = "a circle of CNAMEs" if name in self._seen else "too many CNAMEs"
                self._end(Answer(self.question, AnswerKind.FAILED, text=why))
                return
            self._seen.add(name)
        if found:
            self._end_with(found, message)
        elif name != self._asked.name and message.rcode == "NOERROR" and not _has_soa(message):
            self._follow(name, now)
        else:
            self._end(self._negative(message))

    def _follow(self, name: str, now: float) -> None:
        try:
            self._ask(Question.of(name, self.question.rtype), now)
        except DnsError as error:
            self._end(Answer(self.question, AnswerKind.FAILED, text=str(error)))

    def _end_with(self, found: list[ResourceRecord], message: Message) -> None:
        records = tuple([_record(rr) for rr in found[:_MAX_RECORDS]])
        ttl_s = min(self._ttl_s, *[rr.ttl_s for rr in found])
        extra = _extra(records, message.additional) if self.wants_extra else ()
        self._end(Answer(self.question, AnswerKind.RECORDS, records, ttl_s, extra=extra))

    def _negative(self, message: Message) -> Answer:
        kind = AnswerKind.NO_NAME if message.rcode == "NXDOMAIN" else AnswerKind.NO_DATA
        # RFC 2308 §5: the lesser of the SOA's own TTL and its minimum; without SOA not kept
        soas = [
            min(rr.ttl_s, rr.data.minimum_s) for rr in message.authority if isinstance(rr.data, Soa)
        ]
        ttl_s = min(self._ttl_s, soas[0]) if soas else 0.0
        return Answer(self.question, kind, ttl_s=ttl_s)

    def _end(self, answer: Answer) -> None:
        self._deadline = None
        self._sent.clear()
        self._effects.append(Answered(answer))


def _rtype(data: Record) -> RrType:
    match data:
        case Srv():
            return RrType.SRV
        case Naptr():
            return RrType.NAPTR
        case Address():
            return RrType.AAAA if ":" in data.ip else RrType.A


def _record(rr: ResourceRecord) -> Record:
    assert not isinstance(rr.data, Cname | Soa)
    return rr.data


def _records_at(
    section: tuple[ResourceRecord, ...], name: str, rtype: RrType
) -> list[ResourceRecord]:
    return [
        rr
        for rr in section
        if rr.name == name and not isinstance(rr.data, Cname | Soa) and _rtype(rr.data) is rtype
    ]


def _has_soa(message: Message) -> bool:
    return any(isinstance(rr.data, Soa) for rr in message.authority)


def _pointed_at(records: tuple[Record, ...]) -> set[str]:
    names = {r.target for r in records if isinstance(r, Srv)}
    return names | {r.replacement for r in records if isinstance(r, Naptr)}


def _extra(
    records: tuple[Record, ...], additional: tuple[ResourceRecord, ...]
) -> tuple[Answer, ...]:
    """The additional section as answers, as far as the answer points there: nothing else of it
    is to be believed (RFC 2181 §5.4.1)."""
    usable = [rr for rr in additional if not isinstance(rr.data, Cname | Soa)][:_MAX_EXTRA]
    names = _pointed_at(records)
    # a NAPTR points to SRV records, and these to addresses
    names |= _pointed_at(tuple(_record(rr) for rr in usable if rr.name in names))
    grouped: dict[Question, list[ResourceRecord]] = {}
    for rr in usable:
        if rr.name in names:
            question = Question(rr.name, _rtype(_record(rr)))
            grouped.setdefault(question, []).append(rr)
    return tuple(
        Answer(
            question,
            AnswerKind.RECORDS,
            tuple(_record(rr) for rr in group),
            min(rr.ttl_s for rr in group),
        )
        for question, group in grouped.items()
    )
