"""Carries DNS messages over UDP and TCP on asyncio; decides nothing (D16 is the core's)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from evertone.dns.codec import message_id
from evertone.flows import DnsFailed, DnsReceived, DnsSend, Nameserver
from evertone.io.host import error_text

__all__ = ["DnsTransport"]

_LIFE_S = 10.0  # of a socket; an answer that comes later is of no use to the core
_MAX_SOCKETS = 128
_MAX_DATAGRAMS = 16  # on one socket: nobody answers one question more often in good faith
_LENGTH_BYTES = 2  # RFC 1035 §4.2.2: what precedes a message over TCP


class DnsTransport:
    """Sends :class:`DnsSend`, hands what comes back to ``deliver``.

    Every message has a socket of its own, so that its port is a secret too (RFC 5452 §9.2).
    A socket ends by itself after a few seconds; there are never more than a bounded number:
    the oldest goes first. ``bind`` is the local address to send from, "" leaves it to the
    system. Use it on a running event loop.
    """

    def __init__(
        self, deliver: Callable[[DnsReceived | DnsFailed], None], *, bind: str = ""
    ) -> None:
        self._deliver = deliver
        self._local = (bind, 0) if bind else None
        self._exchanges: dict[asyncio.Task[None], None] = {}
        self._closed = False

    def send(self, message: DnsSend) -> None:
        """Send; returns at once. What comes of it is delivered from the event loop."""
        if self._closed:
            return
        if len(self._exchanges) >= _MAX_SOCKETS:
            oldest = next(iter(self._exchanges))
            oldest.cancel()
            del self._exchanges[oldest]
        exchange = asyncio.get_running_loop().create_task(self._exchange(message))
        self._exchanges[exchange] = None
        exchange.add_done_callback(lambda done: self._exchanges.pop(done, None))

    async def close(self) -> None:
        """Close every socket; nothing is delivered afterwards."""
        self._closed = True
        exchanges = list(self._exchanges)
        for exchange in exchanges:
            exchange.cancel()
        await asyncio.gather(*exchanges, return_exceptions=True)

    async def _exchange(self, message: DnsSend) -> None:
        carry = self._over_tcp if message.tcp else self._over_udp
        try:
            async with asyncio.timeout(_LIFE_S):
                await carry(message)
        except TimeoutError:
            pass  # the core has a time-out of its own
        except (OSError, EOFError, ValueError) as error:
            # ValueError: asyncio's word for a local address of the other family
            self._failed(message, "connection closed" if _is_eof(error) else error_text(error))

    async def _over_udp(self, message: DnsSend) -> None:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(message.nameserver, self._received, over),
            remote_addr=(message.nameserver.address, message.nameserver.port),
            local_addr=self._local,
            flags=socket.AI_NUMERICHOST,  # whoever resolves names must not need to
        )
        try:
            transport.sendto(message.data)
            await over
        finally:
            transport.close()

    async def _over_tcp(self, message: DnsSend) -> None:
        nameserver = message.nameserver
        reader, writer = await asyncio.open_connection(
            nameserver.address,
            nameserver.port,
            local_addr=self._local,
            flags=socket.AI_NUMERICHOST,
        )
        try:
            writer.write(len(message.data).to_bytes(_LENGTH_BYTES, "big") + message.data)
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            data = await reader.readexactly(length)
            self._received(DnsReceived(nameserver, data, tcp=True))
        finally:
            writer.close()

    def _received(self, event: DnsReceived) -> None:
        if not self._closed:
            self._deliver(event)

    def _failed(self, message: DnsSend, text: str) -> None:
        query_id = message_id(message.data)
        if not self._closed and query_id is not None:
            self._deliver(DnsFailed(message.nameserver, query_id, text))


class _Datagrams(asyncio.DatagramProtocol):
    """One connected UDP socket: only the name server's own datagrams and ICMP errors arrive."""

    def __init__(
        self,
        nameserver: Nameserver,
        received: Callable[[DnsReceived], None],
        over: asyncio.Future[None],
    ) -> None:
        self._nameserver = nameserver
        self._received = received
        self._over = over
        self._left = _MAX_DATAGRAMS

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._received(DnsReceived(self._nameserver, data))
        self._left -= 1
        if self._left <= 0 and not self._over.done():
            self._over.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(exc)


def _is_eof(error: Exception) -> bool:
    return isinstance(error, EOFError)
