"""One request on its way over hops, paths and registrars until one serves or all are spent."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from evertone.model import Attempt, Group, Hop, Outcome, Reason, Target
from evertone.rules import Rule

__all__ = ["PassedOver", "Purpose", "Stage", "Walk"]


class Purpose(enum.Enum):
    """What a walk is for; it decides where it may go and how long it may take (S3)."""

    __hash__ = object.__hash__  # looked up at every step

    REGISTER = "registration"
    HOME = "try home"  # B6: the primary alone
    PROBE = "probe"  # F4, P2: the working server or proxy
    REMOVAL = "removal"  # B6, R5: one hop
    SETTLE = "is it back for good"  # X3: OPTIONS to the primary alone
    REQUEST = "request"  # outside a dialog
    IN_DIALOG = "in-dialog request"  # C2: one list


class Stage(enum.Enum):
    """What the walk waits for."""

    LOCATING = "a resolution"
    TRYING = "an attempt"
    REGISTERING = "a registration at the hop"  # B9, F3
    JOINED = "somebody else's REGISTER at the hop"
    DELAYED = "its turn among many phones"  # X2


_SERVERS = {1: Group.SERVER1, 2: Group.SERVER2}


class PassedOver(NamedTuple):
    """A hop that a mark forbade, kept for the end (A2, X1)."""

    leg: tuple[int, int]  # registrar_index and path_index
    hop: Hop
    found: int  # the line's stay in the list of that leg


@dataclass(slots=True)
class Walk:
    """The state of one walk. ``registrars`` x ``paths`` are its legs; ``queue`` the hops left.

    ``registrar`` is the server whose domain the request bears on this leg, ``group`` the leg's
    hop list; :meth:`begin_at` chooses the leg.
    """

    request: int
    method: str
    purpose: Purpose
    registrars: tuple[int, ...]
    paths: tuple[Group, ...]  # outbound proxies; empty: each server is its own path
    reason: Reason
    rule: Rule
    someone_waits: bool = False
    first: Target | None = field(default=None, init=False)  # begin here whatever the mode (R9, C2)
    refresh: bool = field(default=False, init=False)  # R3; in mode 2 perhaps the try home (B3)
    trying_home: bool = field(default=False, init=False)  # B3: the attempt under way is that try
    stage: Stage = field(default=Stage.LOCATING, init=False)
    registrar_index: int = field(default=0, init=False)
    path_index: int = field(default=0, init=False)
    registrar: int = field(init=False)
    group: Group = field(init=False)
    queue: list[Hop] = field(default_factory=list, init=False)
    spare: tuple[Hop, ...] = field(default=(), init=False)  # D13: when all of the list have failed
    passed_over: list[PassedOver] = field(default_factory=list, init=False)
    failed: dict[tuple[int, Target], Outcome] = field(default_factory=dict, init=False)
    path_alive: bool = field(default=False, init=False)
    hop: Hop | None = field(default=None, init=False)
    attempt: Attempt | None = field(default=None, init=False)
    last_attempt: Attempt | None = field(default=None, init=False)
    last_outcome: Outcome | None = field(default=None, init=False)
    extended: bool = field(default=False, init=False)
    cancelled: bool = field(default=False, init=False)
    # of a REGISTER that it had joined, which came to nothing: that counts once only
    heard_little: bool = field(default=False, init=False)
    # the line's stay in the list of this leg when the leg began
    found: int = field(default=-1, init=False)
    # a removal: meanwhile a REGISTER was granted what it takes away
    overtaken: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.registrar = self.registrars[0]
        self.group = self.paths[0] if self.paths else _SERVERS[self.registrar]

    @property
    def registrars_to_come(self) -> tuple[int, ...]:
        """The server of this leg and those after it."""
        return self.registrars[self.registrar_index :]

    @property
    def paths_left(self) -> bool:
        """Another outbound proxy has not been tried."""
        return self.path_index + 1 < len(self.paths)

    @property
    def registrars_left(self) -> bool:
        """Another server has not been tried."""
        return self.registrar_index + 1 < len(self.registrars)

    def next_registrar(self) -> None:
        """On to the other server: by the same live proxy, if there is one (P1)."""
        self._new_leg(self.registrar_index + 1, self.path_index)

    def next_path(self) -> None:
        """On to the other outbound proxy (P2)."""
        self._new_leg(self.registrar_index, self.path_index + 1)

    def by(self, paths: tuple[Group, ...]) -> None:
        """Go by these outbound proxies, from the first on; none: straight to the server."""
        self.paths = paths
        self.begin_at(self.registrar_index, 0)

    def begin_at(self, registrar_index: int, path_index: int) -> None:
        """Be on that leg."""
        self.registrar_index, self.path_index = registrar_index, path_index
        self.registrar = self.registrars[registrar_index]
        if self.paths:
            self.group = self.paths[path_index]
        else:
            self.group = _SERVERS[self.registrar]

    def _new_leg(self, registrar_index: int, path_index: int) -> None:
        self.begin_at(registrar_index, path_index)
        self.queue.clear()
        self.spare = ()
        self.path_alive = False
        self.stage = Stage.LOCATING

    def leg_anew(self) -> None:
        """Begin this leg once more, but for what has failed."""
        leg = (self.registrar_index, self.path_index)
        self.passed_over = [each for each in self.passed_over if each.leg != leg]
        self._new_leg(*leg)

    def pass_over(self, hop: Hop) -> None:
        """Keep ``hop`` of this leg for the end (A2, X1)."""
        leg = (self.registrar_index, self.path_index)
        self.passed_over.append(PassedOver(leg, hop, self.found))

    def take_passed_over(self, order: list[Hop]) -> Hop:
        """One of the hops kept of the earliest leg, the first by ``order``; the walk is back on
        that leg, as it was found (A2)."""
        leg = self.passed_over[0].leg
        rank = {hop.target: place for place, hop in enumerate(order)}
        kept = min(
            (each for each in self.passed_over if each.leg == leg),
            key=lambda each: rank.get(each.hop.target, len(rank)),
        )
        self.passed_over.remove(kept)
        self.begin_at(*kept.leg)
        self.found = kept.found
        return kept.hop

    def hops_left(self) -> bool:
        """A hop of this leg remains that this walk has not found wanting."""
        left = (*self.queue, *self.spare)
        return any((self.registrar, hop.target) not in self.failed for hop in left)

    def bring_forward(self, target: Target) -> None:
        """If ``target`` is still to be tried on this leg, it is the next."""
        self.queue.sort(key=lambda hop: hop.target != target)  # stable: the others keep their order

    def take_hop(self) -> Hop | None:
        """The next hop of this leg that has not failed this walk."""
        while self.queue or self.spare:
            if not self.queue:
                self.queue.extend(self.spare)
                self.spare = ()
            hop = self.queue.pop(0)
            if not self.failed or (self.registrar, hop.target) not in self.failed:
                return hop
        return None
