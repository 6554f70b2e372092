"""The names of the phone's own timers."""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = ["LOCATOR", "TRANSACTIONS", "Timer", "TimerKind"]

# Two parts keep timers of their own; a snapshot tells the earliest of each under these names.
TRANSACTIONS = "transactions"
LOCATOR = "locator"


class TimerKind(enum.StrEnum):
    """What falls due."""

    ENGINE = "engine"  # a line's engine's; the id is the line
    BINDINGS = "bindings"  # a line's earliest binding runs out; the id is the line
    CONNECT = "connect"  # an exchange waits for its flow (S4)
    LINGER = "linger"  # a flow that nobody holds
    PING = "ping"  # a flow's next keep-alive (R9)
    PONG = "pong"  # a flow's answer to it is overdue (R9)
    CALL = "call"  # ringing has a limit, A12's wait too; a re-INVITE after a 491
    SUBSCRIPTION = "subscription"  # its refresh, or the next try


class Timer(NamedTuple):
    """A timer's key: what falls due, and whose it is."""

    kind: TimerKind
    id: int | str = 0

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}" if self.id else self.kind.value
