"""Faults as data: a verb, whom it strikes, from when to when. Worlds carry them out.

One table says for each verb whom it may strike and what it must be told; the scenario file,
the typed commands and the worlds all go by it. A fault holds on a world's clock, in seconds.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from evertone.errors import FaultError

__all__ = [
    "FAULTS",
    "Afflicted",
    "Fault",
    "FaultRow",
    "HostFaults",
    "Verb",
    "check_fault",
    "make_fault",
    "parse_fault",
]

MAX_COMMAND_CHARS = 200


class Verb(enum.Enum):
    """What can go wrong."""

    SILENCE = "silence"
    REFUSE = "refuse"
    ANSWER = "answer"
    DELAY = "delay"
    LOSE = "lose"
    PARTITION = "partition"
    FREEZE = "freeze"
    RESTART = "restart"
    DNS_DOWN = "dns_down"
    SERVFAIL = "servfail"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class FaultRow:
    """``strikes``: "any", "sip" or "dns" hosts. ``value``: (least, most) of the number that the
    verb needs, None if it takes none. ``peer``: it needs a second host. ``momentary``: it has
    no end. ``meaning`` and ``usage`` are for people."""

    strikes: str
    meaning: str
    usage: str
    value: tuple[float, float] | None = None
    peer: bool = False
    momentary: bool = False


FAULTS: dict[Verb, FaultRow] = {
    Verb.SILENCE: FaultRow("any", "nothing reaches it, nothing leaves it", "silence HOST"),
    Verb.REFUSE: FaultRow(
        "any", "its ports are closed: ICMP error or RST, connections are reset", "refuse HOST"
    ),
    Verb.ANSWER: FaultRow(
        "sip",
        "it answers every request with this status",
        "answer HOST STATUS [retry-after SECONDS]",
        value=(300, 699),
    ),
    Verb.DELAY: FaultRow(
        "any", "packets to and from it take this many seconds more", "delay HOST SECONDS", (0, 600)
    ),
    Verb.LOSE: FaultRow(
        "any", "this share of the packets to and from it is lost", "lose HOST SHARE", (0, 1)
    ),
    Verb.PARTITION: FaultRow(
        "any", "packets from the one to the other are lost, one way", "partition FROM TO", peer=True
    ),
    Verb.FREEZE: FaultRow(
        "any", "it stands still; what arrives is worked off when it thaws", "freeze HOST"
    ),
    Verb.RESTART: FaultRow(
        "sip", "it starts anew and has forgotten its bindings", "restart HOST", momentary=True
    ),
    Verb.DNS_DOWN: FaultRow("dns", "the name server does not answer", "dns_down HOST"),
    Verb.SERVFAIL: FaultRow("dns", "the name server answers SERVFAIL", "servfail HOST"),
    Verb.TRUNCATE: FaultRow("dns", "UDP answers are empty with the TC bit", "truncate HOST"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``verb`` strikes ``subject`` from ``at_s`` until ``until_s`` (inf: for good).

    ``value`` is the status, the seconds or the share; ``peer`` the receiving end of a
    partition; ``retry_after_s`` goes with ANSWER (0: no Retry-After).
    """

    verb: Verb
    subject: str
    at_s: float = 0.0
    until_s: float = math.inf
    value: float = 0.0
    peer: str = ""
    retry_after_s: int = 0

    def __str__(self) -> str:
        words = [self.verb.value, self.subject]
        if self.peer:
            words.append(self.peer)
        if FAULTS[self.verb].value is not None:
            words.append(f"{self.value:g}")
        if self.retry_after_s:
            words.append(f"retry-after {self.retry_after_s}")
        return " ".join(words)


def make_fault(
    verb: str,
    subject: str,
    *,
    at_s: float = 0.0,
    until_s: float = math.inf,
    value: float | None = None,
    peer: str = "",
    retry_after_s: int = 0,
) -> Fault:
    """A fault checked against its row. Raises FaultError that says what would be right."""
    try:
        kind = Verb(verb.lower())
    except ValueError:
        known = ", ".join(v.value for v in Verb)
        raise FaultError(f"unknown fault {verb!r}; there are: {known}") from None
    row = FAULTS[kind]
    if row.value is None and value is not None:
        raise FaultError(f"{kind.value} takes no number; write: {row.usage}")
    if row.value is not None:
        least, most = row.value
        if value is None or not least <= value <= most:
            raise FaultError(f"{row.usage}: a number from {least:g} to {most:g} is needed")
    if row.peer != bool(peer):
        raise FaultError(f"write: {row.usage}")
    if retry_after_s and kind is not Verb.ANSWER:
        raise FaultError(f"retry-after goes with answer only; write: {row.usage}")
    if not (math.isfinite(at_s) and 0 <= at_s < until_s) or retry_after_s < 0:
        raise FaultError(
            f"{kind.value} {subject}: it must begin at 0 s or later, and before its end"
        )
    return Fault(kind, subject, at_s, until_s, value or 0.0, peer, retry_after_s)


_NUMBER = re.compile(r"\d+(\.\d+)?")
_OPTIONS = {"from": "at_s", "at": "at_s", "to": "until_s", "until": "until_s", "for": "for_s"}


def parse_fault(command: str, now: float = 0.0) -> Fault:
    """A fault from words: ``VERB HOST [HOST|NUMBER] [retry-after S] [from S] [to S | for S]``.

    Times count from ``now``. Raises FaultError that says what would be right.
    """
    words = command[:MAX_COMMAND_CHARS].split()
    if len(words) < 2:
        raise FaultError("write: VERB HOST [NUMBER] [from S] [to S | for S]")
    verb, subject, rest = words[0], words[1], words[2:]
    value: float | None = None
    peer = ""
    times: dict[str, float] = {}
    while rest:
        word = rest.pop(0)
        option = "retry" if word == "retry-after" else _OPTIONS.get(word)
        if option is not None:
            if not rest or not _NUMBER.fullmatch(rest[0]):
                raise FaultError(f"{word!r} must be followed by seconds")
            times[option] = float(rest.pop(0))
        elif _NUMBER.fullmatch(word) and value is None:
            value = float(word)
        elif not peer:
            peer = word
        else:
            raise FaultError(f"{word!r} is one word too many")
    start = times.get("at_s", 0.0)
    end = times.get("until_s", start + times["for_s"] if "for_s" in times else math.inf)
    return make_fault(
        verb,
        subject,
        at_s=now + start,
        until_s=now + end,
        value=value,
        peer=peer,
        retry_after_s=int(times.get("retry", 0)),
    )


class HostFaults:
    """The faults that strike one host now, boiled down to what a packet needs to know.

    ``any`` is False while none does, so that a healthy host costs one look.
    """

    __slots__ = ("active", "any", "cut_from", "delay_s", "frozen", "loss", "refusing", "silent")

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._boil_down()

    def begin(self, fault: Fault) -> None:
        """The fault strikes from now on."""
        self.active.append(fault)
        self._boil_down()

    def end(self, fault: Fault) -> None:
        """The fault is over; harmless if it was not active."""
        if fault in self.active:
            self.active.remove(fault)
            self._boil_down()

    def of(self, verb: Verb) -> Fault | None:
        """The latest active fault of this verb."""
        return next((f for f in reversed(self.active) if f.verb is verb), None)

    def _boil_down(self) -> None:
        verbs = {fault.verb for fault in self.active}
        self.any = bool(self.active)
        self.silent = bool(verbs & {Verb.SILENCE, Verb.DNS_DOWN})
        self.refusing = Verb.REFUSE in verbs
        self.frozen = Verb.FREEZE in verbs
        self.delay_s = sum(f.value for f in self.active if f.verb is Verb.DELAY)
        passing = math.prod(1 - f.value for f in self.active if f.verb is Verb.LOSE)
        self.loss = 1 - passing
        # a partition is kept at its receiving end
        self.cut_from = frozenset(f.subject for f in self.active if f.verb is Verb.PARTITION)


@runtime_checkable
class Afflicted(Protocol):
    """A server that plays some faults itself (a status, SERVFAIL, a restart)."""

    kind: str
    """"sip" or "dns", as in :attr:`FaultRow.strikes`."""

    def afflict(self, faults: HostFaults) -> None:
        """The faults that strike it have changed."""

    def restart(self, now: float) -> None:
        """It starts anew."""


def check_fault(fault: Fault, subject: object) -> None:
    """Raise FaultError if the fault cannot strike this node."""
    strikes = FAULTS[fault.verb].strikes
    kind = subject.kind if isinstance(subject, Afflicted) else ""
    if strikes not in ("any", kind):
        raise FaultError(f"{fault}: {fault.subject} is no {strikes.upper()} server")
