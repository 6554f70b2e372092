"""The simulated network: datagrams, ordered streams, TLS names, ICMP, DNS, seeded delay and loss.

It knows no SIP. Whatever a host's faults say is obeyed here: both when bytes leave a host and
when they arrive at one.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any, Protocol

from evertone.errors import LimitError, UsageError
from evertone.flows import (
    CloseFlow,
    DnsFailed,
    DnsReceived,
    DnsSend,
    Effect,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    OpenFlow,
    Received,
    ShellInput,
    Unreachable,
)
from evertone.lab.hosts import Act, Flow, Host, NameHost, Station
from evertone.lab.record import Endpoint, Packet
from evertone.model import Cause, Target, Transport

__all__ = ["Clock", "Network"]

CONNECT_TIMEOUT_S = 32.0
"""How long a SYN is resent before the connection is given up."""
STREAM_TIMEOUT_S = 900.0
"""How long bytes on a stream are resent before the connection is given up."""
MAX_STALLED = 1000
"""Pieces that a stream keeps for a peer that does not acknowledge."""

_UDP = Transport.UDP  # under a name of its own: an enumeration's attribute costs as much as a call

_RESEND_FIRST_S = 0.2
_RESEND_MOST_S = 60.0
_SYN_RESEND_S = 1.0


class Clock(Protocol):
    """What the network needs of the world."""

    now: float
    notes_packets: bool
    """False where :meth:`note` does nothing."""

    def schedule(self, at: float, act: Act, *args: Any) -> None:
        """Call ``act(*args)`` at ``at``."""

    def pump(self, host: Host) -> None:
        """Carry out what the host's node wants."""

    def note(self, packet: Packet) -> None:
        """Write a packet down."""


class Network:
    """Carries what nodes send. ``latency_s`` is the range of the one-way delay."""

    def __init__(self, clock: Clock, rng: random.Random, latency_s: tuple[float, float]) -> None:
        self._clock = clock
        self._random = rng.random
        self._delay_s, self._spread_s = latency_s[0], latency_s[1] - latency_s[0]
        self._stations: dict[str, Station] = {}
        self._udp: dict[Endpoint, Host] = {}
        self._streams: dict[tuple[Endpoint, Transport], Host] = {}
        self._names: dict[Endpoint, NameHost] = {}

    # --- building ---------------------------------------------------------------------------

    def attach(self, host: Host, listen: tuple[Target, ...]) -> None:
        """Give the host its addresses and ports."""
        self._claim(host)
        for end in listen:
            endpoint = (end.address, end.port)
            if end.address not in host.addresses:
                raise UsageError(f"{host.name} listens on {end}, which is not its address")
            if end.transport is Transport.UDP:
                self._udp[endpoint] = host
                host.udp_port = host.udp_port or end.port
            else:
                self._streams[endpoint, end.transport] = host
        if not host.udp_port:
            host.udp_port = host.new_port()
        for address in host.addresses:
            self._udp.setdefault((address, host.udp_port), host)

    def attach_name_server(self, host: NameHost, port: int) -> None:
        """Give the name server its address and port."""
        self._claim(host)
        self._names[host.addresses[0], port] = host

    def _claim(self, station: Station) -> None:
        for address in station.addresses:
            if address in self._stations:
                raise UsageError(f"{address} belongs to {self._stations[address].name} already")
            self._stations[address] = station

    # --- effects of nodes -------------------------------------------------------------------

    def carry(self, host: Host, effect: Effect) -> None:
        """Carry out an effect other than Transmit and Announce."""
        if isinstance(effect, OpenFlow):
            self._open(host, effect.target)
        elif isinstance(effect, CloseFlow):
            self._close(host, effect.flow)
        elif isinstance(effect, DnsSend):
            self._ask(host, effect)

    def transmit(self, host: Host, flow_id: int, data: bytes) -> None:
        """Send bytes on a flow; on one that is gone they are dropped."""
        flow = host.flows.get(flow_id)
        if flow is None:
            return
        clock, target = self._clock, flow.target
        if clock.notes_packets:
            clock.note(Packet(clock.now, target.transport.text, flow.local, flow.peer, data))
        if target.transport is not _UDP:
            self._send_piece(flow, data)
            return
        delay = self._delay_s + self._random() * self._spread_s
        if host.faults.any:
            more = self._leaves(host)
            if more is None:
                return
            delay += more
        # what leaves on one flow arrives in order, as it does on nearly every real network
        at = clock.now + delay
        if at < flow.arrives_at:
            at = flow.arrives_at
        flow.arrives_at = at
        clock.schedule(at, self._datagram, host, flow.local, flow.peer, data)

    # --- what faults do to a packet ---------------------------------------------------------

    def _leaves(self, host: Station) -> float | None:
        """The delay that a packet suffers on leaving; None if it is lost."""
        faults = host.faults
        if faults.silent or (faults.loss and self._random() < faults.loss):
            return None
        return faults.delay_s

    def _enters(self, host: Station, sender: Station) -> float | None:
        """The delay that a packet suffers on arriving; None if it is lost."""
        if sender.name in host.faults.cut_from:
            return None
        return self._leaves(host)

    def _latency_s(self) -> float:
        return self._delay_s + self._random() * self._spread_s

    # --- datagrams --------------------------------------------------------------------------

    def _datagram(
        self, sender: Host, source: Endpoint, to: Endpoint, data: bytes, late: bool = False
    ) -> None:
        host = self._udp.get(to)
        station = host or self._stations.get(to[0])
        if station is None:
            return  # an address that nobody has is silent
        faults = station.faults
        if faults.any and not late:
            more = self._enters(station, sender)
            if more is None:
                return
            if more:
                at = self._clock.now + more
                self._clock.schedule(at, self._datagram, sender, source, to, data, True)
                return
        if host is None or faults.refusing:
            self._icmp(station, sender, source, to)
        elif faults.frozen:
            host.hold(self._deliver, (host, to, source, data))
        else:
            self._deliver(host, to, source, data)

    def _deliver(self, host: Host, local: Endpoint, peer: Endpoint, data: bytes) -> None:
        flow = host.udp_flows.get((local, peer))
        now = self._clock.now
        if flow is None:
            target = Target(peer[0], peer[1], Transport.UDP)
            flow = Flow(host, target, local, incoming=True)
            host.udp_flows[local, peer] = flow
            host.node.receive(FlowOpened(flow.id, target, local, True), now)
        host.node.receive(Received(flow.id, data), now)
        self._clock.pump(host)

    def _icmp(self, station: Station, sender: Host, source: Endpoint, to: Endpoint) -> None:
        """RFC 1122 §3.2.2.1: port unreachable, back to whoever sent the datagram."""
        self._clock.note(Packet(self._clock.now, "UDP", to, source, b"", "icmp"))
        delay = self._latency_s()
        if station.faults.any:
            more = self._leaves(station)
            if more is None:
                return
            delay += more
        self._clock.schedule(
            self._clock.now + delay, self._icmp_arrives, station, sender, source, to
        )

    def _icmp_arrives(self, station: Station, sender: Host, source: Endpoint, to: Endpoint) -> None:
        if sender.faults.any and self._enters(sender, station) is None:
            return
        flow = sender.udp_flows.get((source, to))
        if flow is not None:
            self._input(sender, Unreachable(flow.target, "port unreachable"))

    def _input(self, host: Host, item: ShellInput) -> None:
        """Bring the node one input, now or after its freeze."""
        if host.faults.frozen:
            host.hold(self._input, (host, item))
            return
        host.node.receive(item, self._clock.now)
        self._clock.pump(host)

    # --- opening and closing ----------------------------------------------------------------

    def _open(self, host: Host, target: Target) -> None:
        address = host.address_towards(target.address)
        if address is None:
            host.ready.append(FlowFailed(target, Cause.UNREACHABLE, "no address of that family"))
        elif target.transport is Transport.UDP:
            local = (address, host.udp_port)
            flow = Flow(host, target, local, incoming=False)
            host.udp_flows[local, flow.peer] = flow
            host.ready.append(FlowOpened(flow.id, target, local))
        else:
            local = (address, host.new_port())
            self._note(target.transport, local, target, "connect")
            host.opening[target] = local  # an attempt of before, if any, is called off
            self._syn(host, target, local, self._clock.now + CONNECT_TIMEOUT_S, _SYN_RESEND_S)

    def _note(self, transport: Transport, source: Endpoint, target: Target, note: str) -> None:
        to = (target.address, target.port)
        self._clock.note(Packet(self._clock.now, transport.text, source, to, b"", note))

    def _syn(
        self, host: Host, target: Target, local: Endpoint, end: float, resend_s: float
    ) -> None:
        """One SYN; lost ones are resent with growing pauses until ``end``."""
        if host.opening.get(target) != local:
            return  # called off
        clock = self._clock
        station = self._stations.get(target.address)
        there = self._pass(host, station)
        back = self._pass(station, host) if station is not None else None
        if there is None or back is None or station is None:
            again = clock.now + resend_s
            if again < end:
                clock.schedule(again, self._syn, host, target, local, end, 2 * resend_s)
            else:
                failed = FlowFailed(target, Cause.CONNECT_TIMEOUT, "no answer")
                clock.schedule(end, self._not_opened, host, local, failed)
            return
        listener = self._streams.get(((target.address, target.port), target.transport))
        if listener is None or listener.faults.refusing:
            self._note(target.transport, local, target, "refused")
            failed = FlowFailed(target, Cause.CONNECT_REFUSED, "")
            clock.schedule(clock.now + there + back, self._not_opened, host, local, failed)
            return
        # the kernel accepts, a frozen process's too; TLS waits for the process
        act = self._handshake if target.transport is Transport.TLS else self._connected
        clock.schedule(clock.now + there + back, act, host, listener, target, local)

    def _pass(self, sender: Station | None, receiver: Station | None) -> float | None:
        """The time of one way between two stations; None if the packet is lost."""
        if sender is None or receiver is None:
            return None
        out = self._leaves(sender) if sender.faults.any else 0.0
        if out is None:
            return None
        into = self._enters(receiver, sender) if receiver.faults.any else 0.0
        return None if into is None else self._latency_s() + out + into

    def _handshake(self, host: Host, listener: Host, target: Target, local: Endpoint) -> None:
        """TLS: the server proves its name (RFC 5922 §4); it costs one more round trip."""
        if listener.faults.frozen:
            listener.hold(self._handshake, (host, listener, target, local))
            return
        at = self._clock.now + 2 * self._latency_s()
        if target.tls_name and target.tls_name.lower() not in listener.certificate:
            names = ", ".join(sorted(listener.certificate)) or "no name"
            self._note(target.transport, local, target, "wrong certificate")
            text = f"it proves {names}, not {target.tls_name}"
            failed = FlowFailed(target, Cause.CERTIFICATE, text)
            self._clock.schedule(at, self._not_opened, host, local, failed)
            return
        self._clock.schedule(at, self._connected, host, listener, target, local)

    def _not_opened(self, host: Host, local: Endpoint, failed: FlowFailed) -> None:
        if host.opening.get(failed.target) == local:
            del host.opening[failed.target]
            self._input(host, failed)

    def _connected(self, host: Host, listener: Host, target: Target, local: Endpoint) -> None:
        if host.opening.get(target) != local:
            return  # called off
        if listener.faults.refusing:  # it went away meanwhile
            failed = FlowFailed(target, Cause.RESET, "connection reset")
            self._not_opened(host, local, failed)
            return
        del host.opening[target]
        ours = Flow(host, target, local, incoming=False)
        peer = Target(local[0], local[1], target.transport)
        theirs = Flow(listener, peer, ours.peer, incoming=True)
        ours.other, theirs.other = theirs, ours
        self._note(target.transport, local, target, "connected")
        self._input(listener, FlowOpened(theirs.id, peer, theirs.local, True))
        self._input(host, FlowOpened(ours.id, target, local))

    def _close(self, host: Host, flow_id: int) -> None:
        flow = host.flows.pop(flow_id, None)
        if flow is None:
            return
        if flow.target.transport is Transport.UDP:
            if host.udp_flows.get((flow.local, flow.peer)) is flow:
                del host.udp_flows[flow.local, flow.peer]
        elif flow.other is not None:
            other, flow.other = flow.other, None
            self._note(flow.target.transport, flow.local, flow.target, "close")
            # a close follows the bytes sent before it
            at = max(self._clock.now + self._latency_s(), flow.arrives_at)
            self._clock.schedule(at, self._closes, flow, other)

    def _closes(self, flow: Flow, other: Flow) -> None:
        if other.host.flows.get(other.id) is not other:
            return
        if self._pass(flow.host, other.host) is None:
            return  # the other end finds out when it sends
        self._drop(other, "closed by the peer")

    def _drop(self, flow: Flow, text: str) -> None:
        """This end of a stream is gone; tell its node."""
        if flow.host.flows.pop(flow.id, None) is not None:
            flow.other = None
            self._input(flow.host, FlowClosed(flow.id, Cause.RESET, text))

    def reset_all(self, host: Host) -> None:
        """The host's process is gone: connections are reset at both ends, flows forgotten."""
        for flow in list(host.flows.values()):
            other = flow.other
            self._drop(flow, "the process ended")
            if other is not None and not host.faults.silent:
                self._note(flow.target.transport, flow.local, flow.target, "reset")
                at = self._clock.now + self._latency_s()
                self._clock.schedule(at, self._drop, other, "connection reset")
        host.udp_flows.clear()

    # --- streams ----------------------------------------------------------------------------

    def _send_piece(self, flow: Flow, data: bytes) -> None:
        if flow.stalled is not None:
            if len(flow.stalled) >= MAX_STALLED:
                raise LimitError(f"{flow.host.name} sends into a connection that takes nothing")
            flow.stalled.append(data)
            return
        other = flow.other
        if other is None or other.host.flows.get(other.id) is not other:
            # the other end is gone: the answer to these bytes is a RST
            self._clock.schedule(
                self._clock.now + 2 * self._latency_s(), self._drop, flow, "connection reset"
            )
            return
        delay = self._pass(flow.host, other.host)
        if delay is None:
            flow.stalled = deque([data])
            end = self._clock.now + STREAM_TIMEOUT_S
            at = self._clock.now + _RESEND_FIRST_S
            self._clock.schedule(at, self._resend, flow, end, 2 * _RESEND_FIRST_S)
            return
        self._hand_over(flow, other, data, delay)

    def _hand_over(self, flow: Flow, other: Flow, data: bytes, delay: float) -> None:
        flow.arrives_at = max(flow.arrives_at, self._clock.now + delay)  # in order
        self._clock.schedule(flow.arrives_at, self._piece, other, data)

    def _resend(self, flow: Flow, end: float, pause_s: float) -> None:
        """RFC 9293 §3.8.1: bytes that were not acknowledged go out again, ever more rarely."""
        stalled, other = flow.stalled, flow.other
        if stalled is None or flow.host.flows.get(flow.id) is not flow or other is None:
            return
        delay = self._pass(flow.host, other.host)
        if delay is not None:
            flow.stalled = None
            for data in stalled:
                self._hand_over(flow, other, data, delay)
        elif self._clock.now + pause_s < end:
            at = self._clock.now + pause_s
            pause_s = min(2 * pause_s, _RESEND_MOST_S)
            self._clock.schedule(at, self._resend, flow, end, pause_s)
        else:
            self._clock.schedule(end, self._drop, flow, "connection timed out")

    def _piece(self, flow: Flow, data: bytes) -> None:
        if flow.host.flows.get(flow.id) is flow:
            if flow.host.faults.frozen:
                flow.host.hold(self._piece, (flow, data))
                return
            flow.host.node.receive(Received(flow.id, data), self._clock.now)
            self._clock.pump(flow.host)

    # --- DNS --------------------------------------------------------------------------------

    def _ask(self, host: Host, query: DnsSend) -> None:
        server = query.nameserver
        source = (host.address_towards(server.address) or "", 0)
        if self._clock.notes_packets:
            to = (server.address, server.port)
            self._clock.note(Packet(self._clock.now, "DNS", source, to, query.data))
        station = self._stations.get(server.address)
        delay = self._pass(host, station)
        if delay is not None:
            at = self._clock.now + delay
            self._clock.schedule(at, self._question, host, query, source)

    def _question(self, host: Host, query: DnsSend, source: Endpoint) -> None:
        to = (query.nameserver.address, query.nameserver.port)
        name_host = self._names.get(to)
        station = name_host or self._stations[to[0]]
        if station.faults.frozen:
            station.hold(self._question, (host, query, source))
            return
        back = self._pass(station, host)
        if back is None:
            return
        at = self._clock.now + back
        if name_host is None or station.faults.refusing:
            query_id = int.from_bytes(query.data[:2], "big")
            failed = DnsFailed(query.nameserver, query_id, "port unreachable")
            self._clock.schedule(at, self._input, host, failed)
            return
        answer = name_host.server.answer(query.data, tcp=query.tcp)
        if answer is not None:
            if self._clock.notes_packets:
                self._clock.note(Packet(self._clock.now, "DNS", to, source, answer))
            reply = DnsReceived(query.nameserver, answer, query.tcp)
            self._clock.schedule(at, self._input, host, reply)
