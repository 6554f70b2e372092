"""Faults in a person's words, ``TARGET VERB FROM..TO``, against the hosts of a rehearsal.

One table holds the verbs: what they are called here, what they take, which fault of the lab
they become (:mod:`evertone.lab.faults`), and what that means for the host it strikes.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evertone.errors import FaultError, UsageError
from evertone.lab.faults import Fault, make_fault
from evertone.lab.rehearsal.spans import Span, clip, parse_time, time_text

__all__ = ["VERBS", "Harm", "Names", "Strike", "VerbRow", "parse_strike", "struck"]

MAX_PHRASE_CHARS = 200
MAX_STRIKES = 200


class Harm(enum.Enum):
    """What a fault means for those who need the host."""

    DOWN = "down"
    """It serves nobody."""
    WORSE = "degraded"
    """It still serves, slower or with losses."""
    MOMENT = "restart"
    """Over in a moment; what it knew is gone."""


@dataclass(frozen=True, slots=True)
class Names:
    """Whom faults may strike: host names by whatever they may be called (lower case), the
    phone's own name, and what to show of it to somebody who named none of these."""

    hosts: Mapping[str, tuple[str, ...]]
    phone: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault as it was asked for: the hosts it strikes, and what the lab makes of it.

    ``target`` and ``verb`` are the person's words. ``until_s`` inf: to the end.
    """

    target: str
    verb: str
    hosts: tuple[str, ...]
    at_s: float
    until_s: float
    harm: Harm
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.target} {self.verb} {self.when}"

    @property
    def when(self) -> str:
        """``10m..25m``, ``10m..`` or, of what takes no time, ``10m``."""
        begin = time_text(self.at_s).replace(" ", "")
        if self.harm is Harm.MOMENT:
            return begin
        end = "" if math.isinf(self.until_s) else time_text(self.until_s).replace(" ", "")
        return f"{begin}..{end}"


_Build = Callable[[str, str, str, "tuple[float, float]"], Fault]
"""host, phone, argument, (from, to) in seconds -> the lab's fault."""


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One verb: how it is written, its meaning for people, and how it becomes a fault."""

    usage: str
    meaning: str
    build: _Build
    harm: Harm = Harm.DOWN
    argument: str = ""  # a pattern that the argument must match; "" where there is none


def _plain(verb: str) -> _Build:
    def build(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
        return make_fault(verb, host, at_s=span[0], until_s=span[1])

    return build


def _restart(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
    return make_fault("restart", host, at_s=span[0])


def _answer(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
    status, _, retry_after = argument.partition(":")
    return make_fault(
        "answer",
        host,
        at_s=span[0],
        until_s=span[1],
        value=int(status),
        retry_after_s=int(retry_after or 0),
    )


def _delay(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
    return make_fault("delay", host, at_s=span[0], until_s=span[1], value=parse_time(argument))


def _lose(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
    share = float(argument.removesuffix("%")) / 100
    if share > 1:
        raise FaultError("more than 100 % cannot be lost")
    return make_fault("lose", host, at_s=span[0], until_s=span[1], value=share)


def _partition(*, requests: bool) -> _Build:
    def build(host: str, phone: str, argument: str, span: tuple[float, float]) -> Fault:
        if host == phone:
            raise FaultError("the phone is not cut off from itself; silence cuts its network")
        one, other = (phone, host) if requests else (host, phone)
        return make_fault("partition", one, at_s=span[0], until_s=span[1], peer=other)

    return build


VERBS: dict[str, VerbRow] = {
    "silence": VerbRow("silence", "it does not answer", _plain("silence")),
    "refuse": VerbRow("refuse", "its ports are closed", _plain("refuse")),
    "answer": VerbRow(
        "503 or 503:SECONDS",
        "it answers every request so, with Retry-After if told (any status from 300)",
        _answer,
        argument=r"[3-6]\d\d(:\d{1,5})?",
    ),
    "freeze": VerbRow(
        "freeze", "it stands still and afterwards works off what came", _plain("freeze")
    ),
    "restart": VerbRow(
        "restart", "it starts anew and has forgotten its registrations", _restart, Harm.MOMENT
    ),
    "delay": VerbRow(
        "delay:TIME", "packets take that much longer each way", _delay, Harm.WORSE, r"[\d.dhms]+"
    ),
    "lose": VerbRow(
        "lose:20%",
        "so many packets of a hundred are lost each way",
        _lose,
        Harm.WORSE,
        r"\d{1,3}(\.\d+)?%",
    ),
    "deaf": VerbRow("deaf", "what the phone sends does not reach it", _partition(requests=True)),
    "mute": VerbRow("mute", "what it sends does not reach the phone", _partition(requests=False)),
    "servfail": VerbRow("servfail", "a name server answers SERVFAIL", _plain("servfail")),
    "truncate": VerbRow(
        "truncate", "a name server's UDP answers are cut", _plain("truncate"), Harm.WORSE
    ),
}
"""The verbs by name; a bare status such as 503 means ``answer``."""

_STATUS = re.compile(r"[3-6]\d\d(:\d+)?")
_NUMBER = re.compile(r"\d{1,3}(\.\d+)?")
_SYNONYMS = {"down": "silence", "partition": "mute", "slow": "delay", "reset": "refuse"}


def parse_strike(phrase: str, names: Names, for_s: float) -> Strike:
    """A fault from ``TARGET VERB FROM..TO``; raises FaultError that says what would be right.

    ``for_s`` is how long the rehearsal lasts: a fault after its end is a mistake.
    """
    words = phrase[:MAX_PHRASE_CHARS].split()
    if len(words) != 3:
        row = VERBS.get(words[1].lower()) if len(words) > 3 else None
        verb = row.usage.partition(" or ")[0] if row is not None else "silence"
        raise FaultError(
            f"{phrase!r} is no fault: write TARGET VERB FROM..TO, such as "
            f"'{names.shown[0]} {verb} 10m..25m'"
        )
    target, verb, when = words
    hosts = _hosts(target, names)
    name, argument = _verb(verb)
    row = VERBS[name]
    span = _span(phrase, when, row, for_s)
    try:
        faults = tuple(row.build(host, names.phone, argument, span) for host in hosts)
    except (FaultError, UsageError) as error:
        raise FaultError(f"{phrase!r}: {error}") from None
    end = span[0] if row.harm is Harm.MOMENT else span[1]
    return Strike(target, verb, hosts, span[0], end, row.harm, faults)


def _hosts(target: str, names: Names) -> tuple[str, ...]:
    hosts = names.hosts.get(target.lower().rstrip("."))
    if hosts is None:
        raise FaultError(f"no target {target!r}; there are: {', '.join(names.shown)}")
    return hosts


def _verb(word: str) -> tuple[str, str]:
    """The row's name and the argument."""
    if _STATUS.fullmatch(word):
        return "answer", word
    name, _, argument = word.lower().partition(":")
    name = _SYNONYMS.get(name, name)
    row = VERBS.get(name)
    if row is None:
        known = ", ".join(row.usage for row in VERBS.values())
        raise FaultError(f"no fault {word!r}; there are: {known}")
    if not re.fullmatch(row.argument, argument):
        raise FaultError(f"{word!r} must be written {_right(name, argument)}")
    return name, argument


def _right(name: str, argument: str) -> str:
    """How it is written; of a share without its %, both of what may have been meant."""
    if name != "lose" or not _NUMBER.fullmatch(argument):
        return VERBS[name].usage
    number = float(argument)
    meant = f"lose:{argument}%"
    return f"{meant} or lose:{100 * number:g}%" if 0 < number <= 1 else meant


def _span(phrase: str, when: str, row: VerbRow, for_s: float) -> tuple[float, float]:
    begin, dots, end = when.partition("..")
    try:
        at_s = parse_time(begin) if begin else 0.0
        until_s = parse_time(end) if end else math.inf
    except UsageError as error:
        raise FaultError(f"{phrase!r}: {error}") from None
    if row.harm is Harm.MOMENT and dots:
        raise FaultError(f"{phrase!r}: a restart takes no time; write one, such as 10m")
    if row.harm is not Harm.MOMENT and not dots:
        raise FaultError(f"{phrase!r}: write from when to when, such as 10m..25m, or 10m..")
    if until_s == at_s:
        raise FaultError(f"{phrase!r} takes no time: let it end later than it begins")
    if until_s < at_s:
        raise FaultError(f"{phrase!r} ends before it begins; did you mean {end or 0}..{begin}?")
    if at_s >= for_s:
        raise FaultError(
            f"{phrase!r} begins when the rehearsal of {time_text(for_s)} is over; make that longer "
            f"(--for), or begin earlier"
        )
    return at_s, until_s


def struck(strikes: Sequence[Strike], harm: Harm, for_s: float) -> dict[str, list[Span]]:
    """By host name, when it was struck so within ``for_s`` seconds."""
    found: dict[str, list[Span]] = {}
    for strike in strikes:
        if strike.harm is harm:
            for host in strike.hosts:
                found.setdefault(host, []).append((strike.at_s, strike.until_s))
    return {host: clip(spans, for_s) for host, spans in found.items()}
