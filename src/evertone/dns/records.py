"""The nouns of this package: questions, records, answers, and what a walk is told of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from evertone.fixed import fixed
from evertone.model import HopSource

__all__ = [
    "Address",
    "Answer",
    "AnswerKind",
    "Found",
    "Naptr",
    "Question",
    "Record",
    "RrType",
    "Srv",
    "canonical",
]


class RrType(enum.Enum):
    """The record types that a phone asks for; the value is the name in zone files."""

    A = "A"
    AAAA = "AAAA"
    SRV = "SRV"
    NAPTR = "NAPTR"

    __hash__ = object.__hash__  # members are single


def canonical(name: str) -> str:
    """A domain name as it is compared: without case and last dot (D13, RFC 1034 §3.1)."""
    return name.strip().rstrip(".").lower()


class Question(NamedTuple):
    """What is asked. Make it with :meth:`of`, so that equal questions are equal."""

    name: str
    rtype: RrType

    @classmethod
    def of(cls, name: str, rtype: RrType) -> Question:
        """A question whose name is canonical."""
        return cls(canonical(name), rtype)

    def __str__(self) -> str:
        return f"{self.rtype.value} {self.name}"


@dataclass(frozen=True, slots=True)
class Address:
    """The data of an A or AAAA record, in the short form of :mod:`ipaddress`."""

    ip: str


@dataclass(frozen=True, slots=True)
class Srv:
    """The data of an SRV record (RFC 2782); the target is canonical, ``""`` stands for ``.``."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Naptr:
    """The data of a NAPTR record (RFC 3403); flags and service are lower case."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


Record: TypeAlias = Address | Srv | Naptr


class AnswerKind(enum.Enum):
    """What asking the name servers came to."""

    def __init__(self, text: str) -> None:
        self.text = text
        """The value: what people are told."""

    RECORDS = "records"
    NO_DATA = "no such record"  # RFC 2308 §2.2
    NO_NAME = "no such name"  # RFC 2308 §2.1
    FAILED = "no answer"  # time-outs, SERVFAIL and their kind


@fixed
class Answer:
    """What the name servers said to one question.

    ``ttl_s`` is how long that may be kept: the shortest TTL of the records and of the CNAMEs
    that led to them, or the negative TTL of RFC 2308 §5 (0: not at all). ``text`` tells why
    it FAILED. ``extra`` are answers to other questions, found in the additional section, for
    names that this answer points to (D12).
    """

    question: Question
    kind: AnswerKind
    records: tuple[Record, ...] = ()
    ttl_s: float = 0.0
    text: str = ""
    extra: tuple[Answer, ...] = ()


@fixed
class Found:
    """What a walk is told about a question: records in the order they were given, or none.

    ``valid_until`` is when the question must be asked again (D11), ``ttl_s`` the full TTL.
    ``unanswered``: there is nothing because no name server answered, not because they said so.
    """

    records: tuple[Record, ...]
    ttl_s: float
    valid_until: float
    source: HopSource = HopSource.DNS
    text: str = ""
    unanswered: bool = False
