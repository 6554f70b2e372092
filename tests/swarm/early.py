"""Invariant 5 from the other side: nobody comes home too early, or in a call (B2-B6).

Told by the events alone. Where an event leaves open why a line is at its primary again (another
network, a list that changed, a whole server left), the next failover begins a new account.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from evertone.config.kinds import is_address
from evertone.config.settings import LineSettings, PathSettings
from evertone.events import (
    CallChanged,
    Event,
    FailedBack,
    FailedOver,
    FellBack,
    NetworkChanged,
    ProbeFailed,
    Refreshed,
    Registered,
    RequestSent,
    Resolved,
    ServerDown,
    TargetFailed,
    Unregistered,
)
from evertone.lab.record import Record
from evertone.model import Group, Reason, Target
from evertone.rules import Rule

__all__ = ["home_too_early"]

_DNSTTL, _DURATION = 1, 3
_AT_HOME = frozenset({Rule.B2, Rule.B3, Rule.B4})
_ROUNDING_S = 0.01


@dataclass
class _Account:
    """One hop list: away ``since`` then, at ``current``; not ``kept`` while nobody can tell."""

    path: PathSettings
    began: dict[tuple[int, int], float]  # when a request was first sent, wherever
    kept: bool = False
    since: float = 0.0
    ttl_s: float = 0.0
    current: Target | None = None
    registers: dict[Target, float] = field(default_factory=dict)
    granted: tuple[float, Target] | None = None

    def take(self, event: Event) -> Iterator[str]:
        """One event about this list; what is wrong with it."""
        assert event.hop is not None
        if isinstance(event, FailedOver):
            self.kept, self.since = True, event.at
            self.ttl_s, self.current = event.hop.ttl_s, event.hop.target
        elif isinstance(event, TargetFailed) and event.hop.target == self.current:
            self.kept = False  # B7 may lead home, from the top of the list
        elif isinstance(event, ProbeFailed) and event.rule is Rule.B6:
            self.since = event.at
        elif isinstance(event, Resolved) and event.rule is Rule.B8:
            self.kept = False
        elif isinstance(event, RequestSent) and event.attempt.expires_s:  # no removal
            began = self.began.setdefault((event.line, event.attempt.request), event.at)
            self.registers[event.hop.target] = began
        elif isinstance(event, Registered | Refreshed):
            self.granted = (event.at, event.hop.target)
        elif isinstance(event, FailedBack) and event.rule in _AT_HOME:
            yield from self._home(event, event.hop.target)
            self.kept, self.current = False, event.hop.target

    def _home(self, event: FailedBack, home: Target) -> Iterator[str]:
        away_s = event.at - self.since + _ROUNDING_S
        if not self.kept:
            return
        if self.granted != (event.at, home):
            yield "home without a REGISTER (B6)"
        if self.registers.get(home, 0.0) <= self.since:
            return  # the answer to one that was on its way when the line moved
        timeout = self.path.failback_timeout
        if self.path.failback_mode == _DURATION and (not timeout or away_s < timeout):
            yield f"home after {away_s:.1f} s, failback_timeout is {timeout} (B4)"
        if self.path.failback_mode == _DNSTTL and away_s < self.ttl_s:
            yield f"home after {away_s:.1f} s, the TTL is {self.ttl_s:.0f} (B2)"


def _tell_all(
    event: Event, line: LineSettings | None, accounts: dict[tuple[int, int, Group], _Account]
) -> None:
    """What one line finds unavailable, or what asks for peace, is passed over by all (X1, A2)."""
    failed = isinstance(event, TargetFailed)
    peace = isinstance(event, TargetFailed) and event.outcome.retry_after_s > 0
    # a removal that came to nothing says no more than that the binding is none of ours
    skips = line is not None and line.skip_unavailable > 0 and (failed or bool(event.reason))
    if event.hop is not None and (peace or skips):
        for account in accounts.values():
            account.kept &= account.current != event.hop.target


def home_too_early(record: Record, phone: str, lines: tuple[LineSettings, ...]) -> Iterator[str]:
    """What ``phone`` did before its failback mode lets it, or in a call."""
    settings = {line.line: line for line in lines}
    accounts: dict[tuple[int, int, Group], _Account] = {}
    began: dict[tuple[int, int], float] = {}
    calls: set[str] = set()
    for event in record.events_of(phone):
        if isinstance(event, TargetFailed | Unregistered):
            _tell_all(event, settings.get(event.line), accounts)
        if isinstance(event, CallChanged):
            (calls.discard if event.state == "ended" else calls.add)(event.call)
        elif isinstance(event, NetworkChanged | ServerDown | FellBack | Unregistered):
            for (line, _, _), account in accounts.items():
                account.kept &= event.line not in (0, line)
        elif event.hop is not None and event.line in settings:
            key = (event.line, event.server, event.hop.group)
            path = settings[event.line].path(event.hop.group, event.server)
            if is_address(path.address) or not path.failback_mode:
                continue
            account = accounts.setdefault(key, _Account(path, began))
            where = f"line {event.line}, {event.hop.group.value}, {event.at:.2f} s"
            yield from (f"{where}: {text}" for text in account.take(event))
            tries = isinstance(event, RequestSent) and event.attempt.reason is Reason.FAILBACK
            if calls and tries:
                yield f"{where}: a try home in a call (B5)"
