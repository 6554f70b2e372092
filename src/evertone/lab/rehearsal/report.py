"""What came of a rehearsal: calls, lines, hosts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from evertone.events import Event
from evertone.lab.record import Packet
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.site import Host, Site
from evertone.lab.rehearsal.spans import Span, total_s
from evertone.lab.rehearsal.strikes import Strike

__all__ = [
    "CallEnd",
    "CallReport",
    "HostReport",
    "IncomingReport",
    "LineReport",
    "Rehearsal",
]

DELAYED_S = 1.0
"""A call that rings later than this after it was dialled counts as delayed."""


class CallEnd(enum.Enum):
    """What became of a call."""

    ANSWERED = "answered"
    RANG = "rang"
    """The caller hung up, as planned, before the callee takes a call."""
    LOST = "lost"
    """Nobody was reached."""
    DROPPED = "dropped"
    """It was answered, and ended before its time."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call: when it was dialled, how long until it rang (``waited_s``, None: never), the
    host that carried it ("": none), and why it ended so where it was lost or dropped."""

    line: int
    at: float
    end: CallEnd
    waited_s: float | None
    host: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        """True if it was lost or dropped."""
        return self.end in (CallEnd.LOST, CallEnd.DROPPED)

    @property
    def delayed(self) -> bool:
        """True if it rang, but not at once."""
        return self.waited_s is not None and self.waited_s > DELAYED_S


@dataclass(frozen=True, slots=True)
class IncomingReport:
    """Somebody called the line at ``at``: ``host`` is the server that let it ring, "" none."""

    line: int
    at: float
    host: str


@dataclass(frozen=True, slots=True)
class LineReport:
    """One line. ``bound`` says by host when a registration of the line stood that was made
    there. ``unregistered``: no registrar knew the line. ``unreachable``: none that worked did,
    so that nobody could call it; that includes the time without registration."""

    line: int
    label: str
    bound: Mapping[str, tuple[Span, ...]]
    unregistered: tuple[Span, ...]
    unreachable: tuple[Span, ...]

    @property
    def unregistered_s(self) -> float:
        """Seconds without any registration."""
        return total_s(self.unregistered)

    @property
    def unreachable_s(self) -> float:
        """Seconds in which incoming calls were lost."""
        return total_s(self.unreachable)


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host: when it was down, when degraded, when it restarted (seconds), and how many
    packets the phone sent to it."""

    host: Host
    packets: int
    down: tuple[Span, ...]
    worse: tuple[Span, ...]
    restarts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run and what is known of it.

    ``events`` are the phone's, in order; ``wire`` what went between it and the SIP servers, if
    that was asked for (``wire_cut``: only the beginning was kept). ``incoming`` are the calls
    that the phone got, by time, if those were asked for.
    """

    site: Site
    for_s: float
    seed: int
    plan: CallPlan | None
    strikes: tuple[Strike, ...]
    events: tuple[Event, ...]
    lines: tuple[LineReport, ...]
    calls: tuple[CallReport, ...]
    hosts: tuple[HostReport, ...]
    incoming: tuple[IncomingReport, ...] = ()
    wire: tuple[Packet, ...] = field(default=(), repr=False)
    wire_cut: bool = False

    @property
    def packets(self) -> dict[str, int]:
        """Packets that the phone sent, by host name."""
        return {report.host.name: report.packets for report in self.hosts}

    def ended(self, end: CallEnd) -> list[CallReport]:
        """The calls that ended so."""
        return [call for call in self.calls if call.end is end]

    @property
    def delayed(self) -> list[CallReport]:
        """The calls that rang late."""
        return [call for call in self.calls if call.delayed]
