"""A whole phone without I/O: the one object that bytes, time and the user drive."""

from __future__ import annotations

import random
from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

from evertone.clock import TimerTable, earliest
from evertone.config.settings import PhoneSettings
from evertone.dns.locate import BOTH_FAMILIES, Families
from evertone.dns.locator import Located, LocateFailed, Locator
from evertone.dns.order import Draw
from evertone.errors import SipParseError, UsageError
from evertone.events import NetworkChanged
from evertone.flows import (
    Announce,
    CloseFlow,
    DnsFailed,
    DnsReceived,
    DnsSend,
    Effect,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    Nameserver,
    Received,
    ShellInput,
    Transmit,
    Unreachable,
)
from evertone.model import Cause
from evertone.phone.call_states import CallEvent
from evertone.phone.calls import Calls
from evertone.phone.exchange import Exchange
from evertone.phone.exchanges import Exchanges
from evertone.phone.flow_table import Flow, FlowTable
from evertone.phone.keepalive import PONG, KeepAlive
from evertone.phone.line import LOCATE, Line
from evertone.phone.redirect import Place, where_of
from evertone.phone.refusal import refusal_of
from evertone.phone.services import Services
from evertone.phone.snapshot import PhoneSnapshot
from evertone.phone.timer import LOCATOR, TRANSACTIONS, Timer, TimerKind
from evertone.phone.uas import Uas
from evertone.phone.warnings import Warnings
from evertone.redundancy import interface as engine
from evertone.redundancy.marks import TargetMarks
from evertone.rules import Rule
from evertone.sip import transaction as tx
from evertone.sip.framing import Ping, Pong
from evertone.sip.message import parse
from evertone.sip.sdp import Direction

__all__ = ["Phone"]

_REDIRECT = "redirect"
_IDLE_DATAGRAM = b"\r\n\0"


class Phone:
    """A SIP phone, a :class:`evertone.flows.Node`.

    ``instance`` is the ``urn:uuid:...`` of this device, stable over restarts (R5); ``rng`` is
    its only source of randomness, ``draw`` its lot among equal DNS records, for those who want
    to know it beforehand. ``families``: those that this host can send to (D9).
    ``auto_answer``: incoming calls are answered at once.
    After every verb the shell drains :meth:`effects` and asks :meth:`next_deadline`.
    All times are seconds on the shell's monotonic clock.
    """

    __slots__ = (
        "_calls",
        "_clocks",
        "_layer",
        "_lines",
        "_locator",
        "_out",
        "_served",
        "_services",
        "_started",
        "_timers",
        "_uas",
        "_warnings",
        "settings",
    )

    def __init__(
        self,
        settings: PhoneSettings,
        instance: str,
        rng: random.Random,
        nameservers: tuple[Nameserver, ...] = (),
        *,
        auto_answer: bool = False,
        user_agent: str = "Evertone",
        draw: Draw | None = None,
        families: Families = BOTH_FAMILIES,
    ) -> None:
        self.settings = settings
        self._out: list[Effect] = []
        self._timers: TimerTable[Timer] = TimerTable()
        self._layer = tx.TransactionLayer(settings.timers, rng)
        self._locator = Locator(settings.dns, nameservers, rng, draw=draw, families=families)
        self._clocks = (self._timers, self._layer.timers, self._locator.timers)
        flows = FlowTable(self._out, self._timers)
        exchanges = Exchanges(
            self._layer, flows, self._timers, settings.timers, rng, self._locate_place
        )
        self._services = Services(
            settings=settings,
            instance=instance,
            user_agent=user_agent,
            rng=rng,
            out=self._out,
            timers=self._timers,
            flows=flows,
            layer=self._layer,
            exchanges=exchanges,
            keepalive=KeepAlive(self._out, self._timers, rng),
            resolver=self._locator,
        )
        self._warnings = Warnings(self._services.announce)
        marks = TargetMarks()
        self._lines = {
            line.line: Line(line, self._services, marks) for line in settings.enabled_lines()
        }
        self._calls = Calls(self._lines)
        self._uas = Uas(self._services, self._lines, self._calls, auto_answer=auto_answer)
        self._served: dict[int, Flow] = {}  # server transactions and the flows they hold
        self._started = False

    # --- the user's verbs -----------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin to register every enabled line (R1, R7). Once per phone."""
        if self._started:
            raise UsageError("the phone has been started already")
        self._started = True
        for line in self._lines.values():
            line.start(now)
        self._settle(now)

    def stop(self, now: float) -> None:
        """End all calls, remove our bindings (R5); :attr:`stopped` tells when that is done."""
        if self._services.stopping:
            return
        self._services.stopping = True
        self._calls.hang_up_all(now)
        for line in self._lines.values():
            line.subscriptions.stop(now)
            line.tell(engine.Stopped(), now)
        self._settle(now)

    @property
    def stopped(self) -> bool:
        """True when nothing of a clean stop is left to wait for."""
        return (
            self._services.stopping
            and self._services.exchanges.live == 0
            and all(line.stopped for line in self._lines.values())
        )

    def call(self, line: int, number: str, now: float) -> str:
        """Call ``number`` (a user part or a whole SIP URI) from ``line``; the id of the call.

        Raises UsageError for a line that is not enabled or a number that cannot be called,
        LimitError when there are too many calls.
        """
        caller = self._lines.get(line)
        if caller is None or self._services.stopping:
            raise UsageError(f"line {line} is not in use")
        for server in caller.settings.registrars():
            caller.identity.callee(number, server)
        call = self._calls.dial(caller, number, now)
        self._settle(now)
        return call

    def answer(self, call: str, now: float) -> None:
        """Answer an incoming call that rings. UsageError if it does not."""
        self._calls.user_says(call, CallEvent.ANSWER, now)
        self._settle(now)

    def reject(self, call: str, now: float) -> None:
        """Decline an incoming call that rings (603). UsageError if it does not."""
        self._calls.user_says(call, CallEvent.REJECT, now)
        self._settle(now)

    def hangup(self, call: str, now: float) -> None:
        """End a call in whatever state; for the user it is over at once (C4, A13).

        An incoming call that rings is answered 486. UsageError if there is no such call.
        """
        self._calls.user_says(call, CallEvent.HANGUP, now)
        self._settle(now)

    def hold(self, call: str, now: float) -> None:
        """Put an established call on hold: we send (music, or silence), the peer does not.

        UsageError if there is no such call, if it is not established, or held already.
        """
        self._calls.get(call).set_media(Direction.SENDONLY, now)
        self._settle(now)

    def resume(self, call: str, now: float) -> None:
        """Take a call back that is on hold. UsageError as for :meth:`hold`."""
        self._calls.get(call).set_media(Direction.SENDRECV, now)
        self._settle(now)

    def network_changed(self, now: float, reason: str = "") -> None:
        """The network changed, or the machine resumed: all lines register anew (R8).

        Not of a phone that stops, or has not begun: it has nothing to make anew.
        """
        if self._services.stopping or not self._started:
            return
        self._services.announce(NetworkChanged(at=now, rule=Rule.R8, reason=reason))
        self._locator.network_changed(now)
        self._services.flows.retire_all()
        for line in self._lines.values():
            line.forget_bindings(now)
            line.tell(engine.NetworkChanged(), now)
        self._settle(now)

    def snapshot(self, now: float) -> PhoneSnapshot:
        """A frozen view for people and checkers."""
        layer = self._layer.snapshot(now)
        return PhoneSnapshot(
            at=now,
            lines=tuple(line.snapshot() for line in self._lines.values()),
            calls=self._calls.snapshot(),
            flows=self._services.flows.snapshot(),
            timers=self._deadlines(),
            attempts=sum(line.running for line in self._lines.values()),
            transactions=layer.active,
            lingering=layer.lingering,
            stopped=self.stopped,
            subscriptions=tuple(
                each for line in self._lines.values() for each in line.subscriptions.snapshot()
            ),
        )

    # --- the shell's verbs ----------------------------------------------------------------

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""
        _INPUTS[type(event)](self, event, now)
        self._settle(now)

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        due = True
        while due:
            for timer in self._timers.pop_due(now):
                _TIMERS[timer.kind](self, timer.id, now)
                self._settle(now)
            at = earliest(self._clocks)  # the table is done with: a part's
            due = at is not None and at <= now
            if due:
                self._layer.handle_timer(now)
                self._locator.handle_timer(now)
                self._settle(now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""
        return earliest(self._clocks)

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order."""
        effects = self._out.copy()
        self._out.clear()
        return effects

    def _deadlines(self) -> tuple[tuple[str, float], ...]:
        named = [(str(timer), at) for timer, at in self._timers.items()]
        for name, part in ((TRANSACTIONS, self._layer), (LOCATOR, self._locator)):
            at = part.next_deadline()
            if at is not None:
                named.append((name, at))
        return tuple(sorted(named, key=itemgetter(1)))

    # --- inputs ---------------------------------------------------------------------------

    def _received(self, event: Received, now: float) -> None:
        flow = self._services.flows.get(event.flow)
        if flow is None:
            return
        flow.touched = now
        if flow.framer is None:
            if event.data.strip(_IDLE_DATAGRAM):  # keep-alive of some peers: no message at all
                self._message(event.data, flow, now)
            return
        try:
            frames = flow.framer.feed(event.data)
        except SipParseError as error:
            self._broken_stream(flow, error, now)
            return
        for frame in frames:
            if isinstance(frame, Pong):
                self._services.keepalive.got_pong(flow)
            elif isinstance(frame, Ping):
                self._out.append(Transmit(flow.id, PONG))
            else:
                self._message(frame, flow, now)
        if flow.framer.failed is not None:
            self._broken_stream(flow, flow.framer.failed, now)

    def _message(self, data: bytes, flow: Flow, now: float) -> None:
        target = flow.target
        try:
            message = parse(data)
            self._layer.receive(message, flow.id, flow.reliable, now, (target.address, target.port))
        except SipParseError as error:
            self._warnings.warn(f"malformed message: {error}", now, target)
            answer = refusal_of(data, error)
            if answer is not None:
                self._out.append(Transmit(flow.id, answer))
            return
        self._from_layer(now)

    def _broken_stream(self, flow: Flow, error: SipParseError, now: float) -> None:
        """Nothing more can be read from this connection: it is closed, as if it had ended."""
        self._warnings.warn(f"unreadable stream: {error}", now, flow.target)
        self._out.append(CloseFlow(flow.id))
        self._flow_closed(FlowClosed(flow.id, Cause.RESET, "unreadable"), now)

    def _flow_opened(self, event: FlowOpened, now: float) -> None:
        self._services.flows.opened(event, now)

    def _flow_failed(self, event: FlowFailed, now: float) -> None:
        self._services.flows.failed(event, now)

    def _flow_closed(self, event: FlowClosed, now: float) -> None:
        flow = self._services.flows.closed(event)
        if flow is None:
            return
        self._services.keepalive.forget(flow)
        self._services.exchanges.flow_lost(flow, event.cause, event.text, now)
        for line in self._lines.values():
            line.flow_lost(flow, now)
        self._calls.flow_lost(flow, now)

    def _unreachable(self, event: Unreachable, now: float) -> None:
        self._services.exchanges.unreachable(event, now)

    def _dns(self, event: DnsReceived | DnsFailed, now: float) -> None:
        self._locator.receive(event, now)

    # --- timers ---------------------------------------------------------------------------

    def _engine_due(self, id: int, now: float) -> None:
        self._lines[id].handle_timer(now)

    def _bindings_due(self, id: int, now: float) -> None:
        self._lines[id].bindings_due(now)

    def _connect_due(self, id: int, now: float) -> None:
        self._services.exchanges.connect_due(id, now)

    def _linger_due(self, id: int, now: float) -> None:
        self._services.flows.linger_over(id, now)

    def _ping_due(self, id: int, now: float) -> None:
        self._services.keepalive.ping_due(id, now)

    def _pong_due(self, id: int, now: float) -> None:
        flow = self._services.keepalive.pong_missed(id)
        if flow is not None:
            self._out.append(CloseFlow(flow.id))
            self._flow_closed(FlowClosed(flow.id, Cause.SILENCE, "no pong"), now)

    def _call_due(self, id: str, now: float) -> None:
        self._calls.timer_due(id, now)

    def _subscription_due(self, id: str, now: float) -> None:
        line, _, number = id.partition("/")
        self._lines[int(line)].subscriptions.due(int(number), now)

    # --- what the components say ------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Carry out what the components have to say until they are silent."""
        of_layer, of_locator = self._layer.pending, self._locator.pending
        while of_layer or of_locator:
            if of_layer:
                self._from_layer(now)
            else:
                self._from_locator(now)

    def _from_layer(self, now: float) -> None:
        for effect in self._layer.effects():
            _LAYER[type(effect)](self, effect, now)

    def _out_of_layer(self, effect: tx.Out, now: float) -> None:
        self._out.append(effect)

    def _got_response(self, effect: tx.GotResponse, now: float) -> None:
        self._services.exchanges.got_response(effect, now)

    def _time_is_up(self, effect: tx.TimeIsUp, now: float) -> None:
        self._services.exchanges.time_is_up(effect.tid, now)

    def _timed_out(self, effect: tx.TimedOut, now: float) -> None:
        self._services.exchanges.timed_out(effect.tid, effect.stalled, now)

    def _gone(self, effect: tx.Gone, now: float) -> None:
        services = self._services
        if services.exchanges.gone(effect.tid, now):
            return
        self._calls.transaction_gone(effect.tid, now)
        flow = self._served.pop(effect.tid, None)
        if flow is not None:
            services.flows.release(flow, _server_holder(effect.tid), now)

    def _got_request(self, effect: tx.GotRequest, now: float) -> None:
        flow = self._services.flows.get(effect.flow)
        if flow is None:
            return
        self._served[effect.tid] = flow
        self._services.flows.hold_open(flow, _server_holder(effect.tid))
        self._uas.got_request(effect, flow, now)

    def _got_ack(self, effect: tx.GotAck, now: float) -> None:
        self._uas.got_ack(effect, now)

    def _got_cancel(self, effect: tx.GotCancel, now: float) -> None:
        self._uas.got_cancel(effect, now)

    def _no_ack(self, effect: tx.NoAck, now: float) -> None:
        self._uas.no_ack(effect, now)

    def _stray(self, effect: tx.Stray, now: float) -> None:
        flow = self._services.flows.get(effect.flow)
        self._warnings.warn(effect.why, now, flow.target if flow is not None else None)

    def _from_locator(self, now: float) -> None:
        for effect in self._locator.effects():
            if isinstance(effect, (DnsSend, Announce)):
                self._out.append(effect)
            else:
                self._located(effect, now)

    def _located(self, effect: Located | LocateFailed, now: float) -> None:
        kind, owner, number = cast("tuple[str, int, int]", effect.ticket)
        if kind == LOCATE:
            self._lines[owner].located(number, effect, now)
            return
        hops = effect.hops if isinstance(effect, Located) else ()
        self._services.exchanges.located(owner, tuple(hop.target for hop in hops), now)

    def _locate_place(self, exchange: Exchange, place: Place, now: float) -> None:
        """A9: the name that a redirect gave."""
        ticket = (_REDIRECT, exchange.id, exchange.redirects)
        self._locator.locate(ticket, where_of(place), now, someone_waits=True)


def _server_holder(tid: int) -> tuple[str, int]:
    return ("server transaction", tid)


_INPUTS: dict[type, Callable[[Phone, Any, float], None]] = {
    FlowOpened: Phone._flow_opened,
    FlowFailed: Phone._flow_failed,
    FlowClosed: Phone._flow_closed,
    Received: Phone._received,
    Unreachable: Phone._unreachable,
    DnsReceived: Phone._dns,
    DnsFailed: Phone._dns,
}

_TIMERS: dict[TimerKind, Callable[[Phone, Any, float], None]] = {
    TimerKind.ENGINE: Phone._engine_due,
    TimerKind.BINDINGS: Phone._bindings_due,
    TimerKind.CONNECT: Phone._connect_due,
    TimerKind.LINGER: Phone._linger_due,
    TimerKind.PING: Phone._ping_due,
    TimerKind.PONG: Phone._pong_due,
    TimerKind.CALL: Phone._call_due,
    TimerKind.SUBSCRIPTION: Phone._subscription_due,
}

_LAYER: dict[type, Callable[[Phone, Any, float], None]] = {
    tx.Out: Phone._out_of_layer,
    tx.GotResponse: Phone._got_response,
    tx.TimeIsUp: Phone._time_is_up,
    tx.TimedOut: Phone._timed_out,
    tx.Gone: Phone._gone,
    tx.GotRequest: Phone._got_request,
    tx.GotAck: Phone._got_ack,
    tx.GotCancel: Phone._got_cancel,
    tx.NoAck: Phone._no_ack,
    tx.Stray: Phone._stray,
}
