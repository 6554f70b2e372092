"""Somebody to call: a user agent that rings, answers, and hangs up when it is told to.

Its registration with the servers is made, not asked for.
"""

from __future__ import annotations

import math
import random

from evertone.clock import TimerTable
from evertone.errors import SipParseError
from evertone.flows import Effect, FlowClosed, FlowOpened, Received, ShellInput, Transmit
from evertone.lab.registrations import Binding
from evertone.lab.rehearsal.site import CALLEE, CALLEE_ADDRESS
from evertone.schedule import SipTimers
from evertone.sip import sdp
from evertone.sip.build import new_tag, response_to, with_sdp
from evertone.sip.message import Request, Response, parse
from evertone.sip.transaction import GotCancel, GotRequest, Out, TransactionLayer
from evertone.sip.values import Uri

__all__ = ["ANSWERS_AFTER_S", "Callee", "callee_at"]

ANSWERS_AFTER_S = 2.0
_RTP_PORT = 40_000
_MAX_RINGING = 1000


class Callee:
    """Takes every call over UDP: 180 at once, 200 after two seconds. A node of the lab.

    The same INVITE by a second way is answered 482 (RFC 3261 §8.2.2.2): it rings once.
    """

    def __init__(self, address: str, rng: random.Random) -> None:
        self._address = address
        self._rng = rng
        self._layer = TransactionLayer(SipTimers(), rng)
        self._ringing: dict[int, tuple[Request, str]] = {}
        self._due: TimerTable[int] = TimerTable()
        self._peers: dict[int, tuple[str, int]] = {}
        self._out: list[Effect] = []
        self._contact = f"<sip:callee@{address}:5060>"

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""
        if isinstance(event, FlowOpened):
            self._peers[event.flow] = (event.target.address, event.target.port)
        elif isinstance(event, FlowClosed):
            self._peers.pop(event.flow, None)
        elif isinstance(event, Received) and event.data.strip(b"\r\n\0"):
            try:
                message = parse(event.data)
                source = self._peers[event.flow]
                self._layer.receive(message, event.flow, False, now, source)
            except SipParseError:
                return
        self._work(now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        self._layer.handle_timer(now)
        for tid in self._due.pop_due(now):
            self._answer(tid, now)
        self._work(now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next."""
        due = [x for x in (self._layer.next_deadline(), self._due.next_deadline()) if x is not None]
        return min(due, default=None)

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order."""
        out, self._out = self._out, []
        return out

    def _work(self, now: float) -> None:
        while effects := self._layer.effects():
            for effect in effects:
                if isinstance(effect, Out):
                    self._out.append(Transmit(effect.flow, effect.data))
                elif isinstance(effect, GotRequest):
                    self._request(effect.tid, effect.request, now)
                elif isinstance(effect, GotCancel):
                    self._cancelled(effect.tid, now)

    def _request(self, tid: int, request: Request, now: float) -> None:
        if request.method != "INVITE":
            self._layer.respond(tid, response_to(request, 200, to_tag=new_tag(self._rng)), now)
            return
        if request.to.tag or len(self._ringing) >= _MAX_RINGING:
            self._layer.respond(tid, self._said(request, 200 if request.to.tag else 486, ""), now)
            return
        tag = new_tag(self._rng)
        self._ringing[tid] = (request, tag)
        self._layer.respond(tid, self._said(request, 180, tag), now)
        self._due.set(tid, now + ANSWERS_AFTER_S)

    def _answer(self, tid: int, now: float) -> None:
        request, tag = self._ringing.pop(tid)
        self._layer.respond(tid, self._said(request, 200, tag), now)

    def _cancelled(self, tid: int, now: float) -> None:
        ringing = self._ringing.pop(tid, None)
        if ringing is not None:
            self._due.cancel(tid)
            self._layer.respond(tid, self._said(ringing[0], 487, ringing[1]), now)

    def _said(self, request: Request, status: int, tag: str) -> Response:
        response = response_to(request, status, to_tag=tag or new_tag(self._rng))
        if status >= 300:
            return response
        response.add("Contact", self._contact)
        if status == 200:
            try:
                offered = sdp.parse(request.body)
                described = sdp.answer(offered, self._address, _RTP_PORT)
            except SipParseError:
                described = sdp.offer(self._address, _RTP_PORT)
            with_sdp(response, described.to_bytes())
        return response


def callee_at(domain: str) -> Binding:
    """The callee's registration in ``domain``: it stands for good, whatever servers do."""
    contact = Uri("sip", CALLEE, CALLEE_ADDRESS, 5060)
    return Binding(
        aor=f"{CALLEE}@{domain}",
        contact=contact,
        text=f"<{contact}>",
        instance="",
        reg_id="",
        call_id=CALLEE,
        cseq=1,
        server="",
        flow=0,
        registered_at=0.0,
        expires_at=math.inf,
    )
