"""One event of every kind, built field by field, so that a new kind cannot be forgotten."""

from __future__ import annotations

import dataclasses

from evertone import events
from evertone.events import Event
from evertone.model import (
    Attempt,
    Cause,
    Group,
    Hop,
    Outcome,
    OutcomeKind,
    Reason,
    Target,
    Transport,
)
from evertone.rules import Rule

TARGET = Target("192.0.2.1", 5060, Transport.UDP)
HOP = Hop(Group.SERVER1, 0, TARGET, why=("A 192.0.2.1",))
OUTCOME = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.SILENCE)
ATTEMPT = Attempt(
    id=1, request=1, line=1, registrar=1, hop=HOP, method="REGISTER", resends=3, give_up_s=7.5,
    reason=Reason.INITIAL, rule=Rule.R1, expires_s=3600,
)  # fmt: skip

_VALUES: dict[str, object] = {
    "at": 12.5,
    "line": 1,
    "server": 1,
    "hop": HOP,
    "rule": Rule.R1,
    "reason": "because",
    "hops": (HOP,),
    "attempt": ATTEMPT,
    "method": "REGISTER",
    "outcome": OUTCOME,
    "expires_s": 3600,
    "origin": Target("192.0.2.2", 5060, Transport.UDP),
    "origin_server": 2,
    "call": "1",
    "state": "ringing",
    "direction": "out",
    "peer": "sip:bob@example.com",
    "code": 180,
    "lines": (1, 2),
    "media": "sendrecv",
    "package": "dialog",
    "subject": "1002",
    "waiting": True,
    "new": 2,
    "old": 1,
}


def every_kind() -> list[type[Event]]:
    """The kinds of event that there are."""
    kinds = [value for value in vars(events).values() if isinstance(value, type)]
    return [kind for kind in kinds if issubclass(kind, Event) and kind is not Event]


def example(kind: type[Event]) -> Event:
    """An event of ``kind`` with every field filled in."""
    return kind(**{f.name: _VALUES[f.name] for f in dataclasses.fields(kind)})  # type: ignore[arg-type]


def bare(kind: type[Event]) -> Event:
    """An event of ``kind`` with only what it cannot do without."""
    must = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
    return kind(**{name: _VALUES[name] for name in must})  # type: ignore[arg-type]
