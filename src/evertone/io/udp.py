"""UDP for a driver: one socket per local address, flows by peer, ICMP errors per target (S5).

One *unconnected* socket carries every flow, so a datagram can never reach the wrong one:
its source address says whose it is, and a stranger's opens an incoming flow. ICMP errors
come through the socket's error queue (``IP_RECVERR``, Linux), which names the destination
of the datagram that could not be delivered: so the error is that target's and nobody
else's. Elsewhere ICMP goes unnoticed and silence (S1) decides.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from collections import OrderedDict
from dataclasses import dataclass

from evertone.errors import UsageError
from evertone.flows import FlowClosed, FlowFailed, FlowOpened, Received, Unreachable
from evertone.io.host import (
    Host,
    cannot_leave,
    canonical,
    cause_of,
    error_text,
    family_of,
    local_towards,
)
from evertone.io.limits import Limits
from evertone.model import Cause, Target, Transport

__all__ = ["UdpFlows"]

_PER_WAKE_UP = 64  # datagrams read before other sockets have their turn
_SEND_TRIES = 4  # a send may be refused for the error of an earlier datagram

# linux/in.h, linux/in6.h, linux/errqueue.h: the socket module of Python 3.11 lacks them
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # errno, origin, type, code, pad, info, data
_FROM_ICMP = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_TOO_BIG = errno.EMSGSIZE  # the path's MTU: the kernel fragments the next send

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Peer = tuple[str, int]


@dataclass(slots=True)
class _Flow:
    """One peer on one socket. ``address`` is what the socket calls it (scope id included)."""

    id: int
    target: Target
    endpoint: _Endpoint
    address: SocketAddress
    incoming: bool

    @property
    def peer(self) -> Peer:
        return self.address[:2]


class UdpFlows:
    """Every UDP socket and flow of one driver. ``bind`` is where outgoing flows leave from."""

    def __init__(self, host: Host, bind: str, limits: Limits) -> None:
        self._host = host
        self._bind = bind
        self._limits = limits
        self._endpoints: list[_Endpoint] = []
        self._flows: dict[int, _Flow] = {}
        self._strangers: OrderedDict[int, None] = OrderedDict()

    def listen(self, address: str, port: int) -> tuple[str, int]:
        """Bind a socket; returns the address it got. UsageError where that is not possible."""
        endpoint = _Endpoint(self, self._host, address, port, self._limits.datagram_bytes)
        self._endpoints.append(endpoint)
        return endpoint.local

    def open(self, target: Target) -> None:
        """Open a flow: FlowOpened, or FlowFailed where no route or socket of ours leads there."""
        address = canonical(target.address)
        why_not = cannot_leave(self._bind, address)
        if why_not:
            self._host.deliver(FlowFailed(target, Cause.UNREACHABLE, why_not))
            return
        try:
            endpoint = self._endpoint_for(address)
            local = endpoint.local_for(address, target.port)
        except (OSError, UsageError) as error:
            text = error_text(error)
            self._host.deliver(FlowFailed(target, cause_of(error, Transport.UDP), text))
            return
        flow = _Flow(self._host.next_flow(), target, endpoint, (address, target.port), False)
        self._admit(flow, local)

    def transmit(self, flow_id: int, data: bytes) -> bool:
        """Send a datagram; False if the flow is not one of these."""
        flow = self._flows.get(flow_id)
        if flow is None:
            return False
        failed = flow.endpoint.send(data, flow.address)
        if failed is not None:
            self._host.deliver(Unreachable(flow.target, failed))
        return True

    def close_flow(self, flow_id: int) -> bool:
        """Forget a flow; False if it is not one of these."""
        flow = self._flows.pop(flow_id, None)
        if flow is None:
            return False
        self._strangers.pop(flow_id, None)
        if flow.endpoint.peers.get(flow.peer) is flow:
            del flow.endpoint.peers[flow.peer]
        return True

    def close(self) -> None:
        """Close every socket."""
        for endpoint in self._endpoints:
            endpoint.close()
        self._endpoints.clear()
        self._flows.clear()
        self._strangers.clear()

    # --- what the sockets report -----------------------------------------------------------

    def datagram(self, endpoint: _Endpoint, source: SocketAddress, data: bytes) -> None:
        """A datagram came: on the flow of its source, or on a new incoming one."""
        flow = endpoint.peers.get(source[:2]) or self._stranger(endpoint, source)
        if flow is None:
            return
        if flow.incoming:
            self._strangers.move_to_end(flow.id)
        self._host.deliver(Received(flow.id, data))

    def icmp(self, endpoint: _Endpoint, destination: Peer, text: str) -> None:
        """A datagram to ``destination`` could not be delivered."""
        flow = endpoint.peers.get(destination)
        if flow is not None:  # else: an error about a flow closed since
            self._host.deliver(Unreachable(flow.target, text))

    # --- flows -----------------------------------------------------------------------------

    def _endpoint_for(self, address: str) -> _Endpoint:
        family = family_of(address)
        for endpoint in self._endpoints:
            if endpoint.family == family:
                return endpoint
        self.listen(self._bind or ("::" if family == socket.AF_INET6 else "0.0.0.0"), 0)
        return self._endpoints[-1]

    def _stranger(self, endpoint: _Endpoint, source: SocketAddress) -> _Flow | None:
        target = Target(source[0], source[1], Transport.UDP)
        try:
            local = endpoint.local_for(source[0], source[1])
        except OSError as error:
            self._host.warn(f"datagram from {target} dropped: {error_text(error)}")
            return None
        if len(self._strangers) >= self._limits.udp_peers:
            oldest = next(iter(self._strangers))
            self.close_flow(oldest)
            self._host.deliver(FlowClosed(oldest, Cause.LOCAL, "too many peers"))
        flow = _Flow(self._host.next_flow(), target, endpoint, source, True)
        self._strangers[flow.id] = None
        self._admit(flow, local)
        return flow

    def _admit(self, flow: _Flow, local: str) -> None:
        self._flows[flow.id] = flow
        flow.endpoint.peers[flow.peer] = flow
        port = flow.endpoint.local[1]
        self._host.deliver(FlowOpened(flow.id, flow.target, (local, port), flow.incoming))


class _Endpoint:
    """One bound, unconnected UDP socket and the flows over it by peer."""

    def __init__(
        self, owner: UdpFlows, host: Host, address: str, port: int, max_bytes: int
    ) -> None:
        self._owner = owner
        self._host = host
        self._max_bytes = max_bytes
        self._buffer = bytearray(max_bytes + 1)
        self._loop = asyncio.get_running_loop()
        self.family = family_of(address)
        self.peers: dict[Peer, _Flow] = {}
        self._socket = _bound(self.family, address, port)
        self.local: Peer = self._socket.getsockname()[:2]
        self._wildcard = self.local[0] in ("0.0.0.0", "::")
        self._loop.add_reader(self._socket, self._readable)

    def local_for(self, address: str, port: int) -> str:
        """Our address as that peer sees it; OSError where no route leads there."""
        return local_towards(address, port) if self._wildcard else self.local[0]

    def send(self, data: bytes, address: SocketAddress) -> str | None:
        """Send; returns why the *kernel* refuses to send there, None if it took it.

        The socket reports an earlier datagram's ICMP error once, to whichever call comes
        next, with that call's own work undone: the queue is read and the send repeated.
        """
        error: OSError | None = None
        for _ in range(_SEND_TRIES):
            try:
                self._socket.sendto(data, address)
            except BlockingIOError:
                return None  # full buffer: lost like any datagram, S1 resends
            except OSError as failure:
                error = failure
                if failure.errno == _TOO_BIG:
                    self._host.warn(f"{len(data)} bytes are too many for one datagram: dropped")
                    return None
                self._read_errors()
            else:
                return None
        assert error is not None
        return error_text(error)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self.peers.clear()

    def _readable(self) -> None:
        for number in range(_PER_WAKE_UP):
            if self._socket.fileno() < 0:
                return  # closed by what an earlier datagram caused
            try:
                size, source = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                if number == 0:  # woken, but not by a datagram
                    self._read_errors()
                return
            except OSError:
                self._read_errors()  # of some datagram: of which one, the queue says
                continue
            if size > self._max_bytes:
                self._host.warn(f"datagram over {self._max_bytes} bytes from {source[0]} dropped")
                continue
            self._owner.datagram(self, source, bytes(memoryview(self._buffer)[:size]))

    def _read_errors(self) -> None:
        if not _HAS_ERROR_QUEUE:
            return
        for _ in range(_PER_WAKE_UP):
            if self._socket.fileno() < 0:
                return
            try:
                _, controls, _, destination = self._socket.recvmsg(
                    0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
                )
            except OSError:
                return  # the queue is empty
            for _, _, control in controls:
                self._take_error(control, destination)

    def _take_error(self, control: bytes, destination: SocketAddress) -> None:
        if len(control) < _EXTENDED_ERROR.size:
            return
        number, origin, *_ = _EXTENDED_ERROR.unpack_from(control)
        if origin in _FROM_ICMP and number != _TOO_BIG:
            self._owner.icmp(self, destination[:2], os.strerror(number))


_HAS_ERROR_QUEUE = sys.platform == "linux"


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if _HAS_ERROR_QUEUE and family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        elif _HAS_ERROR_QUEUE:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen at {Target(address, port, Transport.UDP)}: {error_text(error)}"
        ) from error
    return sock
