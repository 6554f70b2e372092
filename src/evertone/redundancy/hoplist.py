"""One hop list and where in it the line stands (B)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from evertone.config.settings import PathSettings
from evertone.model import Group, Hop, HopSource, Target
from evertone.redundancy.policy import FAILBACK, Failback, FailbackTrigger, Start

__all__ = ["HOME_SPACING_S", "Change", "HopList"]

_SECOND_HAND = (HopSource.PARTIAL, HopSource.STATIC, HopSource.STALE)

HOME_SPACING_S = 30.0  # B6: tries home are at least this far apart


class Change(enum.Enum):
    """What a new resolution did to the list."""

    NONE = "same targets"
    FIRST = "first resolution"
    CHANGED = "other targets"
    NEW_PRIMARY = "a new primary above the current target"  # B8
    CURRENT_GONE = "the current target is no longer listed"  # B8


@dataclass(slots=True)
class HopList:
    """The targets that one server or proxy resolves to, and the one in use.

    ``current`` is where requests start in modes 1-3, and for mode 0 the last that answered.
    ``away_since`` is the failover's time, None at home. ``home_due``: a try home fell due in
    a call and waits for its end (B5). ``failback`` is the failback mode's row.
    """

    group: Group
    registrar: int
    path: PathSettings
    has_name: bool
    hops: tuple[Hop, ...] = ()
    current: Target | None = None
    away_since: float | None = None
    stay: int = 0  # counts the times that the line came here or left
    home_due: bool = False
    last_home_try: float = field(default=float("-inf"))
    answers_since: float | None = None  # X3: the primary has answered every OPTIONS since then
    failback: Failback = field(init=False)

    def __post_init__(self) -> None:
        # an address that is no name has no failback (B)
        self.failback = FAILBACK[self.path.failback_mode if self.has_name else 0]

    @property
    def registered_only(self) -> bool:
        """B10: counts only with ``register_on_enable`` 1 and a failback mode 1-3."""
        return (
            self.path.only_signal_with_registered
            and self.path.register_on_enable
            and self.failback.trigger is not FailbackTrigger.NONE
        )

    @property
    def away(self) -> bool:
        """True while the current target is not the primary."""
        current = self.current
        return current is not None and bool(self.hops) and current != self.hops[0].target

    @property
    def goes_home(self) -> bool:
        """False where the line stays until the current target fails (B4 with 0)."""
        in_time = self.failback.trigger is FailbackTrigger.DURATION
        return self.path.failback_timeout > 0 or not in_time

    def hop_of(self, target: Target | None) -> Hop | None:
        """The hop of ``target``, None if it is not listed."""
        if target is None:
            return None
        for hop in self.hops:
            if hop.target == target:
                return hop
        return None

    def update(self, hops: tuple[Hop, ...], now: float) -> Change:
        """Take a new resolution; say what it changed (B8)."""
        old = self.hops
        if not old:
            self.hops = hops
            return Change.FIRST
        if hops is old:
            return Change.NONE
        before = self.hop_of(self.current)
        if before is not None and hops[0].source in _SECOND_HAND:
            hops = _beside(before, old, hops)
        self.hops = hops
        if len(hops) == len(old) and all(
            a.target == b.target for a, b in zip(hops, old, strict=True)
        ):
            return Change.NONE
        if before is None:
            return Change.CHANGED
        after = self.hop_of(self.current)
        if after is None:
            self.current = None
            self.stay += 1
            self.away_since = None
            return Change.CURRENT_GONE
        if after.index > 0 and hops[0].target not in {h.target for h in old[: before.index]}:
            self.away_since = now
            return Change.NEW_PRIMARY
        if after.index == 0:
            self.away_since = None
        return Change.CHANGED

    def settled(self, settle_s: float, now: float) -> bool:
        """X3: the primary has answered for ``settle_s``; True where 0 asks for nothing."""
        if settle_s <= 0:
            return True
        return self.answers_since is not None and now - self.answers_since >= settle_s

    def order(self, first: Target | None = None, *, stay: bool = False) -> list[Hop]:
        """The hops in the order in which a request outside a dialog tries them (B1-B4, B7).

        ``first`` overrides where it begins; ``stay`` begins at the current target in mode 0
        too (X3).
        """
        begin = first
        if begin is None:
            if not self.away:
                return list(self.hops)
            if stay or self.failback.start is not Start.TOP:
                begin = self.current
        start = self.hop_of(begin)
        if start is None or start.index == 0:
            return list(self.hops)
        return [start, *(hop for hop in self.hops if hop is not start)]

    def used(self, hop: Hop, now: float) -> bool:
        """``hop`` served: it is current now. True if the line moved to it."""
        if self.current == hop.target:
            return False
        listed = self.hop_of(hop.target) or hop  # the list may have changed since it was taken
        moved = self.current is not None or listed.index > 0
        if not self.away:
            self.answers_since = None  # X3: what the primary says from now on
        self.current = hop.target
        self.stay += 1
        self.away_since = now if listed.index > 0 else None
        self.home_due = False  # what fell due before counted from another failover (B2, B4)
        return moved

    def leave(self) -> None:
        """Nothing is in use any more; the next request begins at the primary (R1)."""
        self.current, self.away_since, self.home_due = None, None, False
        self.stay += 1

    def home_at(self) -> float | None:
        """When a try home falls due by itself, None if never (B2, B4)."""
        if self.away_since is None or not self.away:
            return None
        trigger = self.failback.trigger
        if trigger is FailbackTrigger.DURATION:
            timeout = self.path.failback_timeout
            return self.away_since + timeout if timeout else None
        if trigger is FailbackTrigger.TTL:
            hop = self.hop_of(self.current)
            ttl = hop.ttl_s if hop is not None else float("inf")
            return None if ttl == float("inf") else self.away_since + ttl
        return None


def _beside(kept: Hop, old: tuple[Hop, ...], new: tuple[Hop, ...]) -> tuple[Hop, ...]:
    """B8: a partial, static or stale list never displaces a target that answers. ``kept`` stays,
    and what was known before keeps its order: it is no new primary either."""
    rank = {hop.target: hop.index for hop in old}
    hops = {hop.target: hop for hop in (kept, *new)}
    ranked = sorted(hops.values(), key=lambda hop: rank.get(hop.target, len(old)))
    return tuple(replace(hop, index=index) for index, hop in enumerate(ranked))
