"""A frozen view of a phone for people, pages and the lab's checkers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from evertone.model import Target

__all__ = [
    "BindingSnapshot",
    "CallSnapshot",
    "FlowSnapshot",
    "LineSnapshot",
    "LineState",
    "PhoneSnapshot",
    "SubscriptionSnapshot",
]


class LineState(enum.Enum):
    """How a line stands with its servers. The value is what a person is shown."""

    OFF = "off"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFUSED = "refused"
    FAILED = "unavailable"


@dataclass(frozen=True, slots=True)
class BindingSnapshot:
    """One binding of the line at one target, until ``expires_at`` (seconds, shell's clock)."""

    server: int
    target: Target
    contact: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class LineSnapshot:
    """One line: ``server`` and ``target`` that serve it (0, None: none), since when, when its
    next refresh is due (None: none), and why it stands where it does."""

    line: int
    label: str
    state: LineState
    server: int
    target: Target | None
    since: float
    next_refresh: float | None
    why: str
    bindings: tuple[BindingSnapshot, ...]


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """One call: its public id (as in events), line, direction ("in", "out"), state, peer, the
    registrar (0: none yet) and target it hangs on, and who sends voice (as in events)."""

    call: str
    line: int
    direction: str
    state: str
    peer: str
    server: int
    target: Target | None
    media: str = "sendrecv"


@dataclass(frozen=True, slots=True)
class SubscriptionSnapshot:
    """One subscription: to which package, about whom ("": the line itself), the registrar (0:
    none) and target that it hangs on, and when it runs out (None: it does not stand)."""

    line: int
    package: str
    subject: str
    state: str
    server: int
    target: Target | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class FlowSnapshot:
    """One flow: who holds it (``holders`` names), open or still opening (``flow`` 0)."""

    flow: int
    target: Target
    incoming: bool
    holders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhoneSnapshot:
    """The whole phone. ``transactions`` counts those that still want an answer or an ACK (not
    those that only wait for stragglers), ``lingering`` the others, ``attempts`` the engine's
    attempts in flight, ``timers`` names what is set and when it falls due."""

    at: float
    lines: tuple[LineSnapshot, ...]
    calls: tuple[CallSnapshot, ...]
    flows: tuple[FlowSnapshot, ...]
    timers: tuple[tuple[str, float], ...]
    attempts: int
    transactions: int
    lingering: int
    stopped: bool
    subscriptions: tuple[SubscriptionSnapshot, ...] = ()

    @property
    def idle(self) -> bool:
        """True when the phone has no call in any state (B5)."""
        return not self.calls
