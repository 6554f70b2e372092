"""Keep-alive of the flows that carry registrations (R9, RFC 5626 §3.5.1, §4.4.1)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evertone.clock import TimerTable
from evertone.flows import Effect, Transmit
from evertone.phone.flow_table import Flow
from evertone.phone.timer import Timer, TimerKind

__all__ = ["PING", "PONG", "PONG_WAIT_S", "KeepAlive"]

PING = b"\r\n\r\n"
PONG = b"\r\n"
PONG_WAIT_S = 10.0
_STREAM_RANGE_S = (95.0, 120.0)
_FLOW_TIMER_SHARE = (0.8, 1.0)  # of the server's Flow-Timer (RFC 5626 §4.4.1)
_MIN_INTERVAL_S = 5.0  # whatever a Flow-Timer or a setting says


@dataclass(slots=True)
class _Kept:
    flow: Flow
    range_s: tuple[float, float]
    answers: bool = False  # Flow-Timer or a pong showed that the peer supports it


class KeepAlive:
    """Pings flows at random intervals; a missing pong ends the flow, where pongs are known."""

    def __init__(self, out: list[Effect], timers: TimerTable[Timer], rng: random.Random) -> None:
        self._out = out
        self._timers = timers
        self._rng = rng
        self._kept: dict[int, _Kept] = {}

    def keep(
        self, flow: Flow, now: float, *, udp_interval_s: float = 0, flow_timer_s: float = 0
    ) -> None:
        """Keep ``flow`` alive from now on; harmless if it is kept already.

        ``udp_interval_s`` 0: a UDP flow is not kept alive. ``flow_timer_s``: what the server's
        Flow-Timer says, 0 where it says nothing.
        """
        kept = self._kept.get(flow.id)
        if kept is None:
            if not flow.reliable and udp_interval_s <= 0:
                return
            spread = _STREAM_RANGE_S if flow.reliable else (udp_interval_s, udp_interval_s)
            kept = self._kept[flow.id] = _Kept(flow, spread)
            self._arm(kept, now)
        if flow_timer_s > 0 and flow.reliable and not kept.answers:
            kept.range_s = tuple(flow_timer_s * share for share in _FLOW_TIMER_SHARE)  # type: ignore[assignment]
            kept.answers = True
            self._arm(kept, now)

    def forget(self, flow: Flow) -> None:
        """The flow is closed, or carries no registration any more."""
        if self._kept.pop(flow.id, None) is not None:
            self._timers.cancel(Timer(TimerKind.PING, flow.id))
            self._timers.cancel(Timer(TimerKind.PONG, flow.id))

    def got_pong(self, flow: Flow) -> None:
        """A pong came: the peer is alive, and from now on it must answer."""
        kept = self._kept.get(flow.id)
        if kept is not None:
            kept.answers = True
            self._timers.cancel(Timer(TimerKind.PONG, flow.id))

    def ping_due(self, flow_id: int, now: float) -> None:
        """Send the next keep-alive."""
        kept = self._kept.get(flow_id)
        if kept is None:
            return
        self._out.append(Transmit(flow_id, PING))
        self._arm(kept, now)
        pong = Timer(TimerKind.PONG, flow_id)
        if kept.flow.reliable and kept.answers and pong not in self._timers:
            self._timers.set(pong, now + PONG_WAIT_S)

    def pong_missed(self, flow_id: int) -> Flow | None:
        """The pong is overdue: the flow that is to be given up (R9)."""
        kept = self._kept.get(flow_id)
        return kept.flow if kept is not None else None

    def _arm(self, kept: _Kept, now: float) -> None:
        low, high = kept.range_s
        wait = max(self._rng.uniform(low, high), _MIN_INTERVAL_S)
        self._timers.set(Timer(TimerKind.PING, kept.flow.id), now + wait)
