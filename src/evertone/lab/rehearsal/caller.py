"""Somebody who calls the phone: by one server after the other until it rings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from evertone.errors import SipParseError
from evertone.flows import (
    Effect,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    OpenFlow,
    Received,
    ShellInput,
    Transmit,
)
from evertone.model import Target
from evertone.schedule import SipTimers
from evertone.sip import sdp
from evertone.sip.build import new_branch, new_call_id, new_tag, request_to, stamp_via, with_sdp
from evertone.sip.message import parse
from evertone.sip.transaction import GotResponse, Out, TimedOut, TimeIsUp, TransactionLayer
from evertone.sip.values import NameAddr, Uri

__all__ = ["Caller", "Way"]

GIVE_UP_S = 2.0
"""How long a server may be silent: the network of the lab takes milliseconds."""
_RESENDS = 2
_RTP_PORT = 40_000


@dataclass(frozen=True, slots=True)
class Way:
    """A server by its name, where it is reached, and what the phone is called there."""

    server: str
    target: Target
    uri: Uri


@dataclass(slots=True)
class _Call:
    """One call under way: the ways that are left."""

    number: int
    ways: list[Way]
    way: Way


class Caller:
    """Calls over UDP and hangs up as soon as it rings. A node of the lab.

    ``rung`` says by the number of a call which server let the phone ring; a call that is not
    in there has reached nobody yet.
    """

    def __init__(self, address: str, rng: random.Random) -> None:
        self.rung: dict[int, str] = {}
        self._address = address
        self._rng = rng
        self._layer = TransactionLayer(SipTimers(), rng)
        self._calls: dict[int, _Call] = {}
        self._flows: dict[Target, tuple[int, tuple[str, int]]] = {}
        self._waiting: dict[Target, list[_Call]] = {}
        self._out: list[Effect] = []
        self._last = 0

    def call(self, ways: Sequence[Way], now: float) -> int:
        """Call by the first of ``ways``; by the next where that does not let it ring."""
        self._last += 1
        if ways:
            self._try(_Call(self._last, list(ways[1:]), ways[0]), now)
        self._work(now)
        return self._last

    # --- the shell's verbs ------------------------------------------------------------------

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""
        if isinstance(event, FlowOpened):
            self._flows[event.target] = (event.flow, event.local)
            for call in self._waiting.pop(event.target, ()):
                self._try(call, now)
        elif isinstance(event, FlowFailed):
            for call in self._waiting.pop(event.target, ()):
                self._next(call, now)
        elif isinstance(event, FlowClosed):
            self._flows = {t: f for t, f in self._flows.items() if f[0] != event.flow}
        elif isinstance(event, Received) and event.data.strip(b"\r\n\0"):
            try:
                self._layer.receive(parse(event.data), event.flow, False, now)
            except SipParseError:
                return
        self._work(now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        self._layer.handle_timer(now)
        self._work(now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next."""
        return self._layer.next_deadline()

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order."""
        out, self._out = self._out, []
        return out

    # --- inside -----------------------------------------------------------------------------

    def _try(self, call: _Call, now: float) -> None:
        """Send the INVITE of one way; the flow is opened before."""
        target, uri = call.way.target, call.way.uri
        known = self._flows.get(target)
        if known is None:
            waiting = self._waiting.setdefault(target, [])
            waiting.append(call)
            if len(waiting) == 1:
                self._out.append(OpenFlow(target))
            return
        flow, (address, port) = known
        me = Uri("sip", "caller", address, port)
        # a call of its own by each way: the phone may not take it for one that came before
        invite = request_to(
            "INVITE",
            uri,
            from_=NameAddr(me, "", (("tag", new_tag(self._rng)),)),
            to=NameAddr(uri),
            call_id=new_call_id(self._rng),
            cseq=1,
            contact=NameAddr(me),
        )
        stamp_via(invite, target.transport.text, address, port, new_branch(self._rng))
        with_sdp(invite, sdp.offer(address, _RTP_PORT).to_bytes())
        tid = self._layer.send_request(invite, flow, False, _RESENDS, GIVE_UP_S, now)
        self._calls[tid] = call

    def _next(self, call: _Call, now: float) -> None:
        if call.ways:
            call.way = call.ways.pop(0)
            self._try(call, now)

    def _work(self, now: float) -> None:
        while effects := self._layer.effects():
            for effect in effects:
                if isinstance(effect, Out):
                    self._out.append(Transmit(effect.flow, effect.data))
                elif isinstance(effect, GotResponse):
                    self._answered(effect.tid, effect.response.status, now)
                elif isinstance(effect, TimeIsUp | TimedOut):
                    self._silent(effect.tid, now)

    def _answered(self, tid: int, status: int, now: float) -> None:
        if status == 100 or tid not in self._calls:
            return
        call = self._calls.pop(tid)
        if status < 200:
            self.rung[call.number] = call.way.server
            self._layer.cancel(tid, now)
        else:
            self._next(call, now)

    def _silent(self, tid: int, now: float) -> None:
        call = self._calls.pop(tid, None)
        if call is not None:
            self._layer.abandon(tid, now)
            self._next(call, now)
