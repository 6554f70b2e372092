"""A line's registration with one server: its bindings, and the one that is *the* registration."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from evertone.config.settings import LineSettings
from evertone.fixed import fixed
from evertone.model import Hop, Target

__all__ = ["Binding", "RegState", "Registration", "refresh_delay_s", "retry_delay_s"]

_DEFAULT_OVERLAP_S = 60  # R3
_LEAST_RETRY_S = 1.0  # R6: an interval of 0 would be a loop without end


class RegState(enum.Enum):
    """What a person is told about the registration."""

    IDLE = "idle"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFUSED = "refused"
    FAILED = "failed"


@fixed
class Binding:
    """One binding that a server granted us."""

    hop: Hop
    granted_s: int
    since: float
    expires_at: float
    leaving: bool = False  # it is being removed


@dataclass(slots=True)
class Registration:
    """The bindings at one server's targets. With shared registrations there is one at most."""

    registrar: int
    bindings: dict[Target, Binding] = field(default_factory=dict)
    newest: Target | None = None
    last: Target | None = None  # where it was last, though it may have run out since (B11)
    state: RegState = RegState.IDLE
    since: float = 0.0
    why: str = ""
    failures: int = 0
    available: bool = True  # F1: False from "whole list unavailable" to the next 2xx
    refused: bool = False  # A6: the last try was refused by a live server

    def binding(self, now: float) -> Binding | None:
        """*The* registration, if it still stands (B9: the newest)."""
        held = self.bindings.get(self.newest) if self.newest is not None else None
        return held if held is not None and now < held.expires_at else None

    def stands_at(self, target: Target, now: float) -> bool:
        """True if we are registered through this very target, and mean to stay so."""
        held = self.bindings.get(target)
        return held is not None and now < held.expires_at and not held.leaving

    def leave(self, target: Target) -> None:
        """The binding at ``target`` is being removed: nothing is to build on it (B9, B10)."""
        held = self.bindings.get(target)
        if held is not None:
            self.bindings[target] = replace(held, leaving=True)

    def record(self, hop: Hop, granted_s: int, now: float, *, shared: bool) -> bool:
        """Note a 2xx. True if it is a new binding, False if the one we had was renewed."""
        held = self.binding(now)
        new = held is None or held.hop.target != hop.target
        since = now if new or held is None else held.since
        if shared:
            self.bindings.clear()
        self.bindings[hop.target] = Binding(hop, granted_s, since, now + granted_s)
        self.newest = self.last = hop.target
        self.failures = 0
        self.available = True
        self.refused = False
        return new

    def forget(self, target: Target) -> None:
        """The binding at ``target`` is gone."""
        self.bindings.pop(target, None)
        if self.newest == target:
            self.newest = None

    def clear(self, now: float) -> None:
        """Every binding is void (R8)."""
        self.bindings.clear()
        self.newest = None
        self.be(RegState.IDLE, now, "network changed")

    def drop_expired(self, now: float) -> None:
        """Forget what has run out."""
        for target in [t for t, b in self.bindings.items() if b.expires_at <= now]:
            self.forget(target)

    def be(self, state: RegState, now: float, why: str) -> None:
        """Enter ``state``; ``since`` moves only when the state changes."""
        if self.state is not state:
            self.state = state
            self.since = now
        self.why = why


def refresh_delay_s(line: LineSettings, granted_s: int) -> float:
    """Seconds from a grant to its refresh (R3): the overlap is at most half of it."""
    overlap = line.register_expires_overlap
    if overlap < 0:
        overlap = _DEFAULT_OVERLAP_S
    return granted_s - min(overlap, granted_s / 2)


def retry_delay_s(line: LineSettings, failures: int, draw: float) -> float:
    """Seconds until the next try after ``failures`` in a row (R6). ``draw`` in [0, 1)."""
    base = line.reg_failed_retry_min_time
    if base <= 0:
        return max(line.reg_fail_retry_interval, _LEAST_RETRY_S)
    # RFC 5626 §4.5: min(max-time, base * 2^consecutive-failures), then 50-100 % of it
    longest = max(line.reg_failed_retry_max_time, base)
    wait = min(longest, base * 2.0 ** min(failures, 32))
    return wait * (0.5 + 0.5 * draw)
