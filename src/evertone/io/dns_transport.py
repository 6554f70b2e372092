"""Carries DNS messages over UDP and TCP on asyncio; decides nothing (D16 is the core's)."""

from __future__ import annotations

from collections.abc import Callable

from evertone.flows import DnsFailed, DnsReceived, DnsSend

__all__ = ["DnsTransport"]


class DnsTransport:
    """Sends :class:`DnsSend`, hands what comes back to ``deliver``.

    Every message has a socket of its own, so that its port is a secret too (RFC 5452 §9.2).
    A socket ends by itself after a few seconds; there are never more than a bounded number.
    ``bind`` is the local address to send from, "" leaves it to the system. Use it on a running
    event loop.
    """

    def __init__(
        self, deliver: Callable[[DnsReceived | DnsFailed], None], *, bind: str = ""
    ) -> None:
        raise NotImplementedError

    def send(self, message: DnsSend) -> None:
        """Send; returns at once. What comes of it is delivered from the event loop."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every socket; nothing is delivered afterwards."""
        raise NotImplementedError
