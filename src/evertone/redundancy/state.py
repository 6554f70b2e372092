"""What the parts of one line's engine share: settings, lists, registrations, timers, output."""

from __future__ import annotations

import enum
import ipaddress
import random
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from evertone.clock import TimerTable
from evertone.config.settings import LineSettings
from evertone.events import Event
from evertone.flows import Announce
from evertone.model import Group, Hop
from evertone.redundancy.hoplist import HopList
from evertone.redundancy.interface import EngineOutput
from evertone.redundancy.marks import TargetMarks
from evertone.redundancy.policy import FallbackType
from evertone.redundancy.registration import Registration
from evertone.rules import Rule
from evertone.schedule import SipTimers, give_up_s

__all__ = ["LineState", "TimerKey", "TimerKind", "timer_key"]


class TimerKind(enum.StrEnum):
    """The engine's timers."""

    START = "start"  # R7
    REFRESH = "refresh"  # R3
    EXPIRE = "expire"  # F2
    RETRY = "retry"  # R6
    PROBE = "probe"  # F4
    PROXY_PROBE = "proxy probe"  # P2
    FAILBACK = "failback"  # B2, B4
    SPREAD = "spread"  # X2
    SETTLE = "settle"  # X3


class TimerKey(NamedTuple):
    """One timer: its kind, and the registrar (0: the line), the hop list or the walk it is
    about."""

    kind: TimerKind
    registrar: int = 0
    group: Group | None = None
    request: int = 0


@cache
def timer_key(kind: TimerKind, registrar: int) -> TimerKey:
    """The key of a registrar's timer; there are as many as kinds and registrars."""
    return TimerKey(kind, registrar)


def _is_name(address: str) -> bool:
    try:
        ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return True
    return False


@dataclass(slots=True)
class LineState:
    """The state of one line. ``on`` is the server of successive mode (None: not registered);
    ``proxy`` the outbound proxy in use (None: there are none); ``fallback`` is how it uses its
    servers."""

    settings: LineSettings
    sip_timers: SipTimers
    marks: TargetMarks
    rng: random.Random
    out: list[EngineOutput] = field(default_factory=list)
    timers: TimerTable[TimerKey] = field(default_factory=TimerTable)
    lists: dict[tuple[int, Group], HopList] = field(default_factory=dict)
    registrations: dict[int, Registration] = field(default_factory=dict)
    on: int | None = None
    serving: int = 1
    proxy: Group | None = None
    idle: bool = True
    call_registrars: frozenset[int] = frozenset()
    leaving: set[int] = field(default_factory=set)
    stopping: bool = False
    fallback: FallbackType = FallbackType.SINGLE
    _spans_s: dict[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        registrars = self.settings.registrars()
        self.registrations = {r: Registration(r) for r in registrars}
        self.serving = registrars[0] if registrars else 1
        proxies = self.settings.proxies()
        self.proxy = proxies[0] if proxies else None
        if len(registrars) > 1:
            successive = self.settings.successive
            self.fallback = FallbackType.SUCCESSIVE if successive else FallbackType.CONCURRENT

    def span_s(self, method: str, resends: int) -> float:
        """S1's time for such a request."""
        span = self._spans_s.get((method, resends))
        if span is None:
            span = self._spans_s[method, resends] = give_up_s(method, resends, self.sip_timers)
        return span

    def hop_list(self, registrar: int, group: Group) -> HopList:
        """The list of ``group`` on the way to ``registrar``; made when first asked for."""
        lst = self.lists.get((registrar, group))
        if lst is None:
            path = self.settings.path(group, registrar)
            lst = HopList(group, registrar, path, _is_name(path.address))
            self.lists[registrar, group] = lst
        return lst

    def paths_from_here(self) -> tuple[Group, ...]:
        """The outbound proxies in the order in which a request tries them (P2)."""
        if self.proxy is None:
            return ()
        proxies = self.settings.proxies()
        if self.proxy is proxies[0]:
            return proxies
        return (self.proxy, *(p for p in proxies if p is not self.proxy))

    def spread_s(self) -> float:
        """X2: a random delay for a REGISTER that nobody waits for."""
        spread = self.settings.spread
        return self.rng.uniform(0.0, spread) if spread > 0 else 0.0

    def tell(
        self,
        kind: type[Event],
        now: float,
        server: int,
        *,
        rule: Rule,
        reason: str,
        hop: Hop | None = None,
        **more: object,
    ) -> None:
        """Tell the world; ``more`` are the fields of that kind of event."""
        event = kind(
            at=now,
            line=self.settings.line,
            server=server,
            hop=hop,
            rule=rule,
            reason=reason,
            **more,
        )
        self.out.append(Announce(event))
