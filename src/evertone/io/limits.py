"""Bounds of the real-socket shell: nothing that a peer does may make the phone grow."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "RateLimit"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one driver; sizes in bytes.

    ``datagram_bytes`` is what RFC 3261 §18.1.1 obliges everyone to take.
    """

    datagram_bytes: int = 65_535
    send_buffer_bytes: int = 1 << 20  # a stream peer that reads slower than this is cut off
    udp_peers: int = 4096  # strangers that sent us datagrams; the one silent longest goes
    connections: int = 1024  # connections that peers made to us
    connect_s: float = 32.0  # RFC 3261 §17: nobody waits longer than 64*T1
    handshake_s: float = 10.0  # for peers that connect to us and then dawdle
    linger_s: float = 2.0  # how long a closed stream may flush what it still holds
    warnings_per_s: float = 5.0


class RateLimit:
    """A token bucket: ``allow`` says yes ``per_s`` times a second on average, ``burst`` at once."""

    __slots__ = ("_at", "_burst", "_per_s", "_tokens", "suppressed")

    def __init__(self, per_s: float, burst: int = 10) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = float("-inf")
        self.suppressed = 0
        """How many were refused since the last one that was allowed."""

    def allow(self, now: float) -> bool:
        """Whether one more may pass at ``now``; reset ``suppressed`` after reading it."""
        gained = (now - self._at) * self._per_s
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._at = now
        if self._tokens < 1.0:
            self.suppressed += 1
            return False
        self._tokens -= 1.0
        return True
