"""A SIP server without I/O: registrar and proxy, a :class:`evertone.flows.Node`."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from evertone.clock import earliest
from evertone.errors import LimitError, SipParseError
from evertone.flows import (
    CloseFlow,
    Effect,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    Received,
    ShellInput,
    Transmit,
    Unreachable,
)
from evertone.lab.faults import HostFaults, Verb
from evertone.lab.location import Location
from evertone.lab.notifier import Notifier
from evertone.lab.peers import Peer, Peers
from evertone.lab.proxy import Proxy
from evertone.lab.registrar import Registrar
from evertone.lab.registrations import RegistrationStore
from evertone.model import Target
from evertone.schedule import SipTimers
from evertone.sip.auth import DigestServer, Verdict
from evertone.sip.build import new_tag, response_to
from evertone.sip.framing import Ping
from evertone.sip.message import Request, Response, parse
from evertone.sip.message_summary import MessageSummary
from evertone.sip.transaction import (
    Gone,
    GotAck,
    GotCancel,
    GotRequest,
    GotResponse,
    Out,
    TimedOut,
    TimeIsUp,
    TransactionLayer,
)

__all__ = ["SipServer"]

MAX_MAILBOXES = 10_000


class SipServer:
    """Registrar and proxy for ``domains``.

    ``listen`` are its endpoints; ``users`` maps user names to passwords (empty: everyone is
    let in); servers given one ``store`` share their bindings, and then must name the same
    domain first: it is the one of all addresses of record. ``routes`` maps a domain, or
    ``"*"`` for own users without a binding, to the server that a request is relayed to.
    ``owners`` maps digest user names to the users that they may register, where that is not the
    same one. Times are seconds on the shell's clock.
    """

    def __init__(
        self,
        name: str,
        listen: Iterable[Target],
        domains: Iterable[str],
        users: Mapping[str, str],
        store: RegistrationStore,
        rng: random.Random,
        *,
        realm: str = "",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        min_expires_s: int = 10,
        max_expires_s: int = 7200,
        nonce_lifetime_s: float = 300.0,
        routes: Mapping[str, Target] | None = None,
        owners: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.kind = "sip"
        self.name = name
        self.listen = tuple(listen)
        self.domains = tuple(domains)
        self.store = store
        self.dropped = 0
        """Messages that could not be read, or belonged to nothing."""
        self._rng = rng
        self._users = dict(users)
        self._owners = dict(owners or {})
        self._realm = realm or self.domains[0]
        self._algorithms = algorithms
        self._limits_s = (min_expires_s, max_expires_s)
        self._nonce_lifetime_s = nonce_lifetime_s
        self._status = 0
        self._retry_after_s = 0
        self._location = Location(name, self.listen, self.domains, self._users, store, routes or {})
        self._mailboxes: dict[str, MessageSummary] = {}
        self._out: list[Effect] = []
        self._begin()

    def _begin(self) -> None:
        """All that a restart forgets; bindings are the store's."""
        timers = SipTimers()
        self._layer = TransactionLayer(timers, self._rng, proxy=True)
        self._peers = Peers(self._out)
        self._challenger = self._digest(proxy=True)
        self._registrar = Registrar(
            self.name,
            self.domains[0],
            self.store,
            self._rng,
            auth=self._digest(proxy=False),
            min_expires_s=self._limits_s[0],
            max_expires_s=self._limits_s[1],
            owners=self._owners,
        )
        self._proxy = Proxy(
            self._layer,
            self._peers,
            self._location,
            self._rng,
            timers,
            self.listen,
            lambda flow, data: self._out.append(Transmit(flow, data)),
            realm=self._realm if self._users else "",
        )
        self._notifier = Notifier(
            self._layer,
            self._peers,
            self._rng,
            timers,
            self._proxy.end_of,
            self._mailboxes,
            min_expires_s=self._limits_s[0],
        )

    def _digest(self, *, proxy: bool) -> DigestServer | None:
        if not self._users:
            return None
        return DigestServer(
            self._realm,
            self._users.get,
            self._rng,
            lifetime_s=self._nonce_lifetime_s,
            algorithms=self._algorithms,
            proxy=proxy,
        )

    # --- faults that it plays itself ----------------------------------------------------------

    def afflict(self, faults: HostFaults) -> None:
        """The faults that strike it have changed."""
        answer = faults.of(Verb.ANSWER)
        self.answer_with(int(answer.value) if answer else 0, answer.retry_after_s if answer else 0)

    def answer_with(self, status: int, retry_after_s: int = 0) -> None:
        """From now on answer every request but ACK with ``status``; 0: as usual again."""
        self._status = status
        self._retry_after_s = retry_after_s

    def grant_at_least(self, seconds: int) -> None:
        """From now on registrations are granted for so long, even if less is asked for."""
        self._registrar.grants_at_least_s = seconds

    def restart(self, now: float) -> None:
        """Start anew: transactions, flows and the bindings made here are forgotten."""
        self._out.clear()
        self.store.forget(self.name)
        self._begin()

    # --- what its users are told ----------------------------------------------------------------

    def leave_message(self, user: str, now: float, *, new: int = 1, old: int = 0) -> None:
        """The mailbox of ``user`` holds so many messages from now on; subscribers are told."""
        if user not in self._mailboxes and len(self._mailboxes) >= MAX_MAILBOXES:
            raise LimitError("too many mailboxes")
        self._mailboxes[user] = MessageSummary(bool(new or old), new, old)
        self._notifier.mailbox_changed(user, now)
        self._work(now)

    def end_subscriptions(self, reason: str, now: float) -> None:
        """End every subscription for ``reason`` (RFC 6665 §4.1.3)."""
        self._notifier.end_all(reason, now)
        self._work(now)

    def subscriptions(self, now: float) -> list[tuple[str, str]]:
        """Those that stand, as (package, user)."""
        return self._notifier.held(now)

    # --- the shell's verbs ------------------------------------------------------------------

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""
        if isinstance(event, Received):
            self._received(event.flow, event.data, now)
        elif isinstance(event, FlowOpened):
            self._peers.opened(event)
        elif isinstance(event, FlowFailed):
            self._peers.failed(event.target, event.cause.value)
        elif isinstance(event, FlowClosed):
            self._closed(event.flow, now)
        elif isinstance(event, Unreachable):
            self._unreachable(event.target, now)
        self._work(now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        self._layer.handle_timer(now)
        self._proxy.handle_timer(now)
        self._notifier.handle_timer(now)
        self._work(now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""
        return earliest((self._layer.timers, self._proxy.timers, self._notifier.timers))

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order."""
        out = self._out.copy()
        self._out.clear()
        return out

    # --- bytes in ---------------------------------------------------------------------------

    def _received(self, flow: int, data: bytes, now: float) -> None:
        peer = self._peers.get(flow)
        if peer is None:
            return
        if peer.framer is None:
            self._message(peer, data, now)
            return
        try:
            pieces = peer.framer.feed(data)
        except SipParseError:
            self.dropped += 1
            self._closed(flow, now)
            self._out.append(CloseFlow(flow))
            return
        for piece in pieces:
            if isinstance(piece, bytes):
                self._message(peer, piece, now)
            elif isinstance(piece, Ping):
                self._out.append(Transmit(flow, b"\r\n"))  # RFC 5626 §4.4.1

    def _message(self, peer: Peer, data: bytes, now: float) -> None:
        if not data.strip(b"\r\n\0"):
            return  # a keep-alive
        try:
            message = parse(data)
            source = (peer.target.address, peer.target.port)
            self._layer.receive(message, peer.flow, peer.reliable, now, source)
        except SipParseError:
            self.dropped += 1

    def _closed(self, flow: int, now: float) -> None:
        self._peers.closed(flow)
        self._proxy.flow_broken(flow, now)

    def _unreachable(self, target: Target, now: float) -> None:
        for flow in self._peers.to(target):
            self._proxy.flow_broken(flow, now)

    # --- what the transactions tell -----------------------------------------------------------

    def _work(self, now: float) -> None:
        while self._layer.pending:
            for effect in self._layer.effects():
                told = _TOLD.get(type(effect))
                if told is not None:
                    told(self, effect, now)

    def _sent(self, effect: Out, now: float) -> None:
        self._out.append(effect)

    def _got_request(self, effect: GotRequest, now: float) -> None:
        try:
            self._dispatch(effect.tid, effect.request, effect.flow, now)
        except SipParseError as error:
            self.dropped += 1
            if error.status:
                self._layer.respond(effect.tid, self._answer(effect.request, error.status), now)

    def _got_response(self, effect: GotResponse, now: float) -> None:
        if self._notifier.owns(effect.tid):
            self._notifier.answered(effect.tid, effect.response)
            return
        self._notifier.response_passed(effect.response, now)
        self._proxy.answered(effect.tid, effect.response, now)

    def _gone(self, effect: Gone, now: float) -> None:
        self._proxy.gone(effect.tid)
        self._notifier.gone(effect.tid)

    def _got_ack(self, effect: GotAck, now: float) -> None:
        self._proxy.forward_ack(effect.request, effect.flow, now)

    def _got_cancel(self, effect: GotCancel, now: float) -> None:
        self._proxy.cancel(effect.tid, now)

    def _time_is_up(self, effect: TimeIsUp, now: float) -> None:
        self._layer.extend(effect.tid, now)

    def _timed_out(self, effect: TimedOut, now: float) -> None:
        self._proxy.timed_out(effect.tid, now)
        self._notifier.timed_out(effect.tid)

    def _dispatch(self, tid: int, request: Request, flow: int, now: float) -> None:
        if self._status:
            response = self._answer(request, self._status)
            if self._retry_after_s:
                response.add("Retry-After", self._retry_after_s)
            self._layer.respond(tid, response, now)
        elif request.method == "REGISTER" and self._location.is_us(request.request_uri):
            self._layer.respond(tid, self._registrar.register(request, flow, now), now)
        elif request.method == "OPTIONS" and self._is_for_us(request):
            self._layer.respond(tid, self._answer(request, 200), now)
        elif not self._is_let_in(tid, request, flow, now):
            return
        elif request.method == "SUBSCRIBE" and self._location.is_us(request.request_uri):
            self._notifier.subscribe(tid, request, flow, now)
        else:
            self._notifier.request_passed(request, now)
            self._proxy.forward(tid, request, flow, now)

    def _is_for_us(self, request: Request) -> bool:
        uri = request.request_uri
        return not uri.user and self._location.is_us(uri)

    def _is_let_in(self, tid: int, request: Request, flow: int, now: float) -> bool:
        """RFC 3261 §22.3: own users must prove who they are; then no one in a dialog again."""
        peer = self._peers.get(flow)
        if self._challenger is None or request.to.tag:
            return True
        if peer is not None and self._location.is_relay(peer.target.address):
            return True
        verified = self._challenger.verify(request, now)
        if verified.verdict is Verdict.OK:
            return True
        self._layer.respond(tid, self._challenger.challenge(request, verified.verdict, now), now)
        return False

    def _answer(self, request: Request, status: int) -> Response:
        return response_to(request, status, to_tag=new_tag(self._rng))


# What the transactions tell; a stray message or a missing ACK is nothing to a server.
_TOLD: dict[type, Callable[[SipServer, Any, float], None]] = {
    Out: SipServer._sent,
    GotRequest: SipServer._got_request,
    GotResponse: SipServer._got_response,
    Gone: SipServer._gone,
    GotAck: SipServer._got_ack,
    GotCancel: SipServer._got_cancel,
    TimeIsUp: SipServer._time_is_up,
    TimedOut: SipServer._timed_out,
}
