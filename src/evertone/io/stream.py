"""TCP and TLS for a driver: connections made and taken, each one a flow."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any, cast

from evertone.errors import UsageError
from evertone.flows import FlowClosed, FlowFailed, FlowOpened, Received
from evertone.io.host import Host, cannot_leave, cause_of, error_text, family_of
from evertone.io.limits import Limits
from evertone.io.tls import ClientTls, identity_matches
from evertone.model import Cause, Target, Transport

__all__ = ["StreamFlows"]

_BACKLOG = 128


class StreamFlows:
    """Every connection of one driver. ``bind`` is the source address of those it makes."""

    def __init__(
        self,
        host: Host,
        bind: str,
        limits: Limits,
        client: ClientTls | None,
        server: ssl.SSLContext | None,
    ) -> None:
        self._host = host
        self._bind = bind
        self._limits = limits
        self._client = client
        self._server = server
        self._connections: dict[int, _Connection] = {}
        self._incoming = 0
        self._connecting: dict[Target, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()  # called off, but not over yet
        self._servers: list[asyncio.Server] = []

    async def listen(self, address: str, port: int, transport: Transport) -> tuple[str, int]:
        """Take connections; returns the address bound. UsageError where that is not possible."""
        secure = transport is Transport.TLS
        if secure and self._server is None:
            raise UsageError("listening on TLS needs a certificate")
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self, self._limits, transport, None),
                address,
                port,
                family=family_of(address),
                backlog=_BACKLOG,
                ssl=self._server if secure else None,
                ssl_handshake_timeout=self._limits.handshake_s if secure else None,
            )
        except OSError as error:
            where = Target(address, port, transport)
            raise UsageError(f"cannot listen at {where}: {error_text(error)}") from error
        self._servers.append(server)
        return cast("tuple[str, int]", server.sockets[0].getsockname()[:2])

    def open(self, target: Target) -> None:
        """Begin to connect, and no longer as before: FlowOpened or FlowFailed follows, at the
        latest after ``connect_s``."""
        self._call_off(target)
        why_not = cannot_leave(self._bind, target.address)
        if why_not:
            self.failed(target, Cause.UNREACHABLE, why_not)
            return
        if target.transport is Transport.TLS and self._client is None:
            self.failed(target, Cause.LOCAL, "no TLS here")
            return
        task = asyncio.get_running_loop().create_task(self._connect(target))
        self._connecting[target] = task
        task.add_done_callback(lambda done: self._is_over(target, done))

    def transmit(self, flow_id: int, data: bytes) -> bool:
        """Send bytes; False if the flow is not one of these."""
        connection = self._connections.get(flow_id)
        if connection is None:
            return False
        connection.write(data)
        return True

    def close_flow(self, flow_id: int) -> bool:
        """Close after what is still to be sent; False if the flow is not one of these."""
        connection = self._connections.get(flow_id)
        if connection is None:
            return False
        self.forget(connection)
        connection.close()
        return True

    async def close(self) -> None:
        """Stop listening and connecting, and cut every connection off."""
        for server in self._servers:
            server.close()
        for target in tuple(self._connecting):
            self._call_off(target)
        for connection in tuple(self._connections.values()):
            self.forget(connection)
            connection.abort()
        await asyncio.gather(*self._ending, return_exceptions=True)
        self._servers.clear()

    # --- what the connections report ---------------------------------------------------------

    def opened(self, connection: _Connection, peer: Target, local: tuple[str, int]) -> bool:
        """A connection stands; False if it must not stay."""
        if connection.incoming and self._incoming >= self._limits.connections:
            self._host.warn(f"connection from {peer} refused: too many")
            return False
        self._incoming += connection.incoming
        connection.id = self._host.next_flow()
        self._connections[connection.id] = connection
        self._host.deliver(FlowOpened(connection.id, peer, local, connection.incoming))
        return True

    def failed(self, target: Target, cause: Cause, text: str) -> None:
        """A connection came to nothing."""
        self._host.deliver(FlowFailed(target, cause, text))

    def received(self, connection: _Connection, data: bytes) -> None:
        """Bytes came; those of a connection that is being closed are nobody's."""
        if connection.id in self._connections:
            self._host.deliver(Received(connection.id, data))

    def lost(self, connection: _Connection, text: str) -> None:
        """A connection that stood is gone, and not by our wish."""
        if self.forget(connection):
            self._host.deliver(FlowClosed(connection.id, Cause.RESET, text))

    def forget(self, connection: _Connection) -> bool:
        """Take a connection out of the books; False if it was in none."""
        if self._connections.pop(connection.id, None) is None:
            return False
        self._incoming -= connection.incoming
        return True

    def wrong_certificate(self, target: Target, transport: asyncio.BaseTransport) -> bool:
        """Whether the peer's certificate is not one of the name asked for (RFC 5922 §7.2)."""
        if target.transport is not Transport.TLS or not (self._client and self._client.check_name):
            return False
        certificate = transport.get_extra_info("peercert") or {}
        return not identity_matches(certificate, target.tls_name or target.address)

    # --- connecting ----------------------------------------------------------------------------

    def _call_off(self, target: Target) -> None:
        task = self._connecting.pop(target, None)
        if task is not None:
            task.cancel()
            self._ending.add(task)

    def _is_over(self, target: Target, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if self._connecting.get(target) is task:
            del self._connecting[target]

    async def _connect(self, target: Target) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self, self._limits, target.transport, target),
                    target.address,
                    target.port,
                    local_addr=(self._bind, 0) if self._bind else None,
                    **self._tls_arguments(target),
                )
        except (OSError, ssl.CertificateError, ValueError) as error:
            # ValueError: a port or server name that no connection can be made with
            self.failed(target, cause_of(error, target.transport), error_text(error))

    def _tls_arguments(self, target: Target) -> dict[str, Any]:
        if target.transport is not Transport.TLS or self._client is None:
            return {}
        return {
            "ssl": self._client.context,
            "server_hostname": _server_name(target),
            "ssl_handshake_timeout": self._limits.connect_s,
            "ssl_shutdown_timeout": self._limits.linger_s,
        }


def _server_name(target: Target) -> str:
    """The SNI to send: a name, never an address (RFC 6066 §3); empty: none."""
    try:
        ipaddress.ip_address(target.tls_name)
    except ValueError:
        return target.tls_name
    return ""


class _Connection(asyncio.Protocol):
    """One connection; ``target`` is None where the peer made it."""

    def __init__(
        self, owner: StreamFlows, limits: Limits, transport: Transport, target: Target | None
    ) -> None:
        self._owner = owner
        self._limits = limits
        self._kind = transport
        self._target = target
        self._transport: asyncio.Transport | None = None
        self.incoming = target is None
        self.id = 0

    # --- from asyncio --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        local = transport.get_extra_info("sockname")[:2]
        if self._target is None:
            name = transport.get_extra_info("peername")
            if name is None:  # gone again before we looked
                self.abort()
                return
            peer = Target(name[0], name[1], self._kind)
        else:
            peer = self._target
            if self._owner.wrong_certificate(peer, transport):
                self.abort()
                text = f"the certificate is not one of {peer.tls_name or peer.address}"
                self._owner.failed(peer, Cause.CERTIFICATE, text)
                return
        if not self._owner.opened(self, peer, local):
            self.abort()

    def data_received(self, data: bytes) -> None:
        self._owner.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.id:
            self._owner.lost(self, error_text(exc) if exc else "closed by the peer")

    # --- from the owner ------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, unless the peer has stopped reading: then the connection is cut off."""
        assert self._transport is not None
        if self._transport.get_write_buffer_size() + len(data) > self._limits.send_buffer_bytes:
            self.abort()
            self._owner.lost(self, "the peer does not read")
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close once the buffer has gone out, within ``linger_s`` at most."""
        assert self._transport is not None
        self._transport.close()
        loop = asyncio.get_running_loop()
        loop.call_later(self._limits.linger_s, self._transport.abort)

    def abort(self) -> None:
        """Cut off at once."""
        assert self._transport is not None
        self._transport.abort()
