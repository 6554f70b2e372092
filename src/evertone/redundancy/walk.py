"""One request on its way over hops, paths and registrars until one serves or all are spent."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

from evertone.model import Attempt, Group, Hop, Outcome, Reason, Target
from evertone.redundancy.policy import Ask
from evertone.rules import Rule

__all__ = ["Purpose", "Stage", "Walk"]


class Purpose(enum.Enum):
    """What a walk is for; it decides where it may go and how long it may take (S3)."""

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


@dataclass(slots=True)
class Walk:
    """The state of one walk. ``registrars`` x ``paths`` are its legs; ``queue`` the hops left."""

    request: int
    method: str
    purpose: Purpose
    registrars: tuple[int, ...]
    paths: tuple[Group, ...]  # outbound proxies; empty: each server is its own path
    reason: Reason
    rule: Rule
    someone_waits: bool = False
    first: Target | None = None  # begin here, whatever the failback mode (R9, C2)
    refresh: bool = False  # R3; in mode 2 it may be the try home as well (B3)
    trying_home: bool = False  # B3: the attempt under way is that try
    stage: Stage = Stage.LOCATING
    registrar_index: int = 0
    path_index: int = 0
    queue: deque[Hop] = field(default_factory=deque)
    spare: tuple[Hop, ...] = ()  # D13: when all of the list have failed
    passed_over: list[tuple[int, int, Hop]] = field(default_factory=list)
    failed: dict[tuple[int, Target], Outcome] = field(default_factory=dict)
    path_alive: bool = False
    tried: int = 0
    hop: Hop | None = None
    attempt: Attempt | None = None
    last_attempt: Attempt | None = None
    last_outcome: Outcome | None = None
    extended: bool = False
    cancelled: bool = False
    overtaken: bool = False  # a removal: meanwhile a REGISTER was granted what it takes away

    @property
    def registrar(self) -> int:
        """The server whose domain the request bears on this leg."""
        return self.registrars[self.registrar_index]

    @property
    def registrars_to_come(self) -> tuple[int, ...]:
        """The server of this leg and those after it."""
        return self.registrars[self.registrar_index :]

    @property
    def group(self) -> Group:
        """The hop list of this leg."""
        if self.paths:
            return self.paths[self.path_index]
        return Group.SERVER1 if self.registrar == 1 else Group.SERVER2

    @property
    def ask(self) -> Ask:
        """Which verdicts apply to the walk's own method."""
        return Ask.REGISTER if self.method == "REGISTER" else Ask.REQUEST

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
        self.registrar_index += 1
        self._new_leg()

    def next_path(self) -> None:
        """On to the other outbound proxy (P2)."""
        self.path_index += 1
        self._new_leg()

    def _new_leg(self) -> None:
        self.queue.clear()
        self.spare = ()
        self.path_alive = False
        self.stage = Stage.LOCATING

    def hops_left(self) -> bool:
        """A hop of this leg remains that this walk has not found wanting."""
        left = (*self.queue, *self.spare)
        return any((self.registrar, hop.target) not in self.failed for hop in left)

    def take_hop(self) -> Hop | None:
        """The next hop of this leg that has not failed this walk."""
        while self.queue or self.spare:
            if not self.queue:
                self.queue.extend(self.spare)
                self.spare = ()
            hop = self.queue.popleft()
            if (self.registrar, hop.target) not in self.failed:
                return hop
        return None
