"""A stateful, record-routing proxy (RFC 3261 §16): targets found, requests forked, the best answer.

One callee, that is one ``+sip.instance``, is called once, by its latest binding; another of its
bindings serves only if the first one's flow is broken (RFC 5626 §5.3).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from evertone.clock import TimerTable
from evertone.errors import LimitError
from evertone.lab.location import Location, Place
from evertone.lab.peers import Peer, Peers
from evertone.model import Target, Transport
from evertone.schedule import SipTimers
from evertone.sip.build import new_branch, new_tag, response_to
from evertone.sip.message import Request, Response
from evertone.sip.transaction import TransactionLayer
from evertone.sip.values import NameAddr, Uri, Via

__all__ = ["Proxy"]

TIMER_C_S = 180.0
"""RFC 3261 §16.6 step 11: how long a proxy waits for the end of an INVITE that rings."""
MAX_FORKS = 20
MAX_CONTEXTS = 5000

_RESENDS = 10  # all that fit into 64*T1


@dataclass(slots=True)
class _Branch:
    """One place to which a request was forwarded. ``spare`` are the callee's other bindings."""

    spare: list[Place]
    tid: int = 0
    flow: int = 0
    final: Response | None = None
    done: bool = False


@dataclass(slots=True)
class _Context:
    """One request on its way (RFC 3261 §16.2): its server transaction and its branches."""

    tid: int
    request: Request
    flow: int
    branches: list[_Branch] = field(default_factory=list)
    answered: bool = False
    cancelled: bool = False


class Proxy:
    """Forwards requests of one server over its flows and transactions. ``realm``: the one that
    it lets callers prove themselves for; empty: it asks nobody."""

    def __init__(
        self,
        layer: TransactionLayer,
        peers: Peers,
        location: Location,
        rng: random.Random,
        timers: SipTimers,
        listen: tuple[Target, ...],
        transmit: Callable[[int, bytes], None],
        *,
        realm: str = "",
    ) -> None:
        self._layer = layer
        self._peers = peers
        self._location = location
        self._rng = rng
        self._sip_timers = timers
        self._listen = listen
        self._transmit = transmit
        self._realm = realm
        self._contexts: dict[int, _Context] = {}
        self._by_tid: dict[int, tuple[_Context, _Branch]] = {}
        self.timers: TimerTable[int] = TimerTable()

    # --- requests ---------------------------------------------------------------------------

    def forward(self, tid: int, request: Request, flow: int, now: float) -> None:
        """Send a request on its way; its answers come back through the server transaction."""
        refusal = self._check(request)
        if refusal:
            self._respond(tid, request, refusal, now)
            return
        if request.method == "INVITE":
            self._respond(tid, request, 100, now)
        places, status = self._places(request, flow, now)
        if not places:
            self._respond(tid, request, status, now)
            return
        context = _Context(tid, request, flow)
        self._contexts[tid] = context
        if request.method == "INVITE":
            self.timers.set(tid, now + TIMER_C_S)
        for callee in places:
            branch = _Branch(callee[1:])
            context.branches.append(branch)
            self._send(context, branch, callee[0], now)

    def _check(self, request: Request) -> int:
        """RFC 3261 §16.3: the status to refuse with, 0 if nothing is wrong."""
        if request.max_forwards == 0:
            return 483
        if request.get("Proxy-Require"):
            return 420
        return 503 if len(self._contexts) >= MAX_CONTEXTS else 0

    def _places(self, request: Request, flow: int, now: float) -> tuple[list[list[Place]], int]:
        """§16.4, §16.5: own Routes off; then the next Route, else the Request-URI's places."""
        while request.routes and self._location.is_us(request.routes[0].uri):
            request.remove_first("Route")
        uri = request.request_uri
        if request.routes:
            place = self._location.by_uri(request.routes[0].uri, uri, now)
            return ([[place]] if place else []), 404
        peer = self._peers.get(flow)
        source = peer.target.address if peer else ""
        places, status = self._location.find(uri, source, now)
        return places[:MAX_FORKS], status

    def _send(self, context: _Context, branch: _Branch, place: Place, now: float) -> None:
        """Forward to one place, over the flow it registered on or one to its address."""

        def use(peer: Peer) -> None:
            self._start(context, branch, place, peer, now)

        def fail(why: str) -> None:
            self._broken(context, branch, now)

        peer = self._peers.get(place.flow) if place.flow else None
        if peer is not None:
            use(peer)
        elif place.target is None:
            self._broken(context, branch, now)
        else:
            self._peers.reach(place.target, use, fail)

    def _start(
        self, context: _Context, branch: _Branch, place: Place, peer: Peer, now: float
    ) -> None:
        if context.answered or context.cancelled:
            self._finish(context, branch, None, now)
            return
        copy = self._copy(context.request, place.uri, context.flow, peer)
        give_up_s = self._sip_timers.timeout_s
        try:
            tid = self._layer.send_request(copy, peer.flow, peer.reliable, _RESENDS, give_up_s, now)
        except LimitError:
            self._finish(context, branch, None, now)
            return
        branch.tid, branch.flow = tid, peer.flow
        self._by_tid[tid] = (context, branch)

    def _copy(self, request: Request, uri: Uri, flow: int, peer: Peer) -> Request:
        """§16.6 steps 1-8: the request as it leaves us."""
        copy = request.copy()
        copy.uri = str(uri)
        copy.set("Max-Forwards", (request.max_forwards or 71) - 1)
        self._take_credentials(copy)
        if request.method in ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE"):
            inner = self._route_of(self._peers.get(flow))
            outer = self._route_of(peer)
            # RFC 5658: two entries where the sides differ, so that each finds its own way back
            for route in dict.fromkeys((inner, outer)):
                if route:
                    copy.prepend("Record-Route", route)
        copy.prepend("Via", self._via(peer))
        return copy

    def _take_credentials(self, request: Request) -> None:
        """RFC 3261 §22.3: ours are used up here, those for another realm go on."""
        given = request.get_all("Proxy-Authorization")
        request.remove("Proxy-Authorization")
        for value in given:
            if not self._realm or f'realm="{self._realm}"' not in value:
                request.add("Proxy-Authorization", value)

    def _via(self, peer: Peer) -> Via:
        end = self.end_of(peer)
        host = f"[{end.address}]" if ":" in end.address else end.address
        branch = new_branch(self._rng)
        return Via(end.transport.text, host, end.port, (("branch", branch), ("rport", None)))

    def end_of(self, peer: Peer) -> Target:
        """Our listening endpoint on the side of ``peer``."""
        transport = peer.target.transport
        local = Target(peer.local[0], peer.local[1], transport)
        if local in self._listen:
            return local
        same = [x for x in self._listen if x.transport is transport and x.address == local.address]
        return same[0] if same else local

    def _route_of(self, peer: Peer | None) -> str:
        if peer is None:
            return ""
        end = self.end_of(peer)
        host = f"[{end.address}]" if ":" in end.address else end.address
        params: tuple[tuple[str, str | None], ...] = (("lr", None),)
        if end.transport is not Transport.UDP:
            params = (("transport", end.transport.text.lower()), *params)
        return str(NameAddr(Uri("sip", "", host, end.port, params)))

    def forward_ack(self, request: Request, flow: int, now: float) -> None:
        """An ACK to a 2xx has no transaction: it is just passed on (RFC 3261 §16.11)."""
        if request.max_forwards == 0:
            return
        places, _ = self._places(request, flow, now)

        def use(peer: Peer) -> None:
            copy = self._copy(request, places[0][0].uri, flow, peer)
            self._transmit(peer.flow, copy.to_bytes())

        if places:
            place = places[0][0]
            peer = self._peers.get(place.flow) if place.flow else None
            if peer is not None:
                use(peer)
            elif place.target is not None:
                self._peers.reach(place.target, use, lambda why: None)

    def cancel(self, tid: int, now: float) -> None:
        """The caller's CANCEL: every branch is cancelled; its 487 ends the INVITE (§16.10)."""
        context = self._contexts.get(tid)
        if context is None or context.answered:
            return
        context.cancelled = True
        # RFC 3261 §9.1: a branch that does not answer within 64*T1 counts as cancelled
        self.timers.set(tid, now + self._sip_timers.timeout_s)
        for branch in context.branches:
            if branch.tid and not branch.done:
                self._layer.cancel(branch.tid, now)
        self._conclude(context, now)

    # --- answers ----------------------------------------------------------------------------

    def answered(self, tid: int, response: Response, now: float) -> None:
        """A branch was answered (§16.7)."""
        found = self._by_tid.get(tid)
        if found is None:
            return
        context, branch = found
        status = response.status
        if status == 100:
            return
        ours = response.copy()
        ours.remove_first("Via")
        if status < 200:
            if context.request.method == "INVITE" and not context.cancelled:
                self.timers.set(context.tid, now + TIMER_C_S)
            if not context.answered:
                self._layer.respond(context.tid, ours, now)
        elif status < 300:
            branch.done, branch.final = True, ours
            context.answered = True
            self._layer.respond(context.tid, ours, now)
            self._cancel_others(context, now)
            self._conclude(context, now)
        else:
            if status >= 600:
                self._cancel_others(context, now)
            self._finish(context, branch, ours, now)

    def timed_out(self, tid: int, now: float) -> None:
        """A branch gave no answer in 64*T1."""
        found = self._by_tid.get(tid)
        if found is not None:
            self._finish(*found, None, now)

    def gone(self, tid: int) -> None:
        """A client transaction is over."""
        self._by_tid.pop(tid, None)

    def flow_broken(self, flow: int, now: float) -> None:
        """A flow ended, or an ICMP error came: its branches try the callee's next binding."""
        broken = [(c, b) for c, b in self._by_tid.values() if b.flow == flow and not b.done]
        for context, branch in broken:
            self._layer.transport_failed(branch.tid, now)
            self._by_tid.pop(branch.tid, None)
            self._broken(context, branch, now)

    def _broken(self, context: _Context, branch: _Branch, now: float) -> None:
        if branch.spare and not context.answered and not context.cancelled:
            self._send(context, branch, branch.spare.pop(0), now)
        else:
            self._finish(context, branch, None, now)

    def _finish(
        self, context: _Context, branch: _Branch, final: Response | None, now: float
    ) -> None:
        """A branch came to its end: with a final answer but 2xx, or with none."""
        if not branch.done:
            branch.done, branch.final = True, final
            self._conclude(context, now)

    def _cancel_others(self, context: _Context, now: float) -> None:
        for branch in context.branches:
            if branch.tid and not branch.done:
                self._layer.cancel(branch.tid, now)

    def _conclude(self, context: _Context, now: float) -> None:
        """When every branch has ended, the best answer goes back (§16.7 step 6)."""
        if not all(branch.done for branch in context.branches):
            return
        if self._contexts.pop(context.tid, None) is None:
            return
        self.timers.cancel(context.tid)
        if context.answered:
            return
        finals = [b.final for b in context.branches if b.final is not None]
        if finals:
            best = min(finals, key=_rank)
            if best.status == 503:
                # §16.7 step 6: it is the callee that is busy, not we
                best.status, best.reason = 500, "Server Internal Error"
            self._layer.respond(context.tid, best, now)
        else:
            self._respond(context.tid, context.request, 487 if context.cancelled else 408, now)
        context.answered = True

    def _respond(self, tid: int, request: Request, status: int, now: float) -> None:
        tag = "" if status == 100 else new_tag(self._rng)
        response = response_to(request, status, to_tag=tag)
        if status == 420:
            response.add("Unsupported", request.get("Proxy-Require") or "")
        self._layer.respond(tid, response, now)

    # --- time -------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Timer C, and the end of waiting for cancelled branches."""
        for tid in self.timers.pop_due(now):
            context = self._contexts.get(tid)
            if context is None:
                continue
            for branch in list(context.branches):
                if branch.tid and not branch.done and not context.cancelled:
                    self._layer.cancel(branch.tid, now)
                self._finish(context, branch, None, now)


def _rank(response: Response) -> tuple[int, int]:
    """§16.7 step 6: a 6xx first, then the lowest class."""
    kind = response.status // 100
    return (0 if kind == 6 else kind, response.status)
