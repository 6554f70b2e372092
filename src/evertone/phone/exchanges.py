"""Conducts one request at one target until its result: flow, transaction, challenges, redirects.

It opens (or shares) the flow, sends the request that the exchange's *job* builds, answers
challenges at the same target (A3), asks once more after a 423 (A4), follows redirects (A9), and
tells the job exactly one end: ``answered`` or ``failed``, unless it is abandoned. Transactions
that are abandoned stay known as *legs* until the layer has done with them (A8, A11).
"""

from __future__ import annotations

import random
from collections.abc import Callable

from evertone.clock import TimerTable
from evertone.errors import LimitError
from evertone.flows import Unreachable
from evertone.model import Cause, Target
from evertone.phone.exchange import Exchange, Job, Leg, State
from evertone.phone.flow_table import Flow, FlowTable
from evertone.phone.redirect import MAX_REDIRECTS, Place, places_of
from evertone.phone.timer import Timer, TimerKind
from evertone.schedule import SipTimers
from evertone.sip.auth import Credentials
from evertone.sip.build import new_branch, stamp_via
from evertone.sip.message import Response
from evertone.sip.transaction import GotResponse, TransactionLayer

__all__ = ["Exchanges", "Locate"]

_MIN_WAIT_S = 0.001  # connecting took (nearly) all of S1's time

# Members under names of their own: an enumeration's attribute costs as much as a call.
_OPENING, _WAITING, _OVER = State.OPENING, State.WAITING, State.OVER

Locate = Callable[[Exchange, Place, float], None]


class Exchanges:
    """All exchanges of one phone. ``locate`` resolves the name of a redirect's place and answers
    with :meth:`located`."""

    __slots__ = (
        "_connecting",
        "_flows",
        "_last_id",
        "_layer",
        "_legs",
        "_locate",
        "_locating",
        "_rng",
        "_sip_timers",
        "_timers",
    )

    def __init__(
        self,
        layer: TransactionLayer,
        flows: FlowTable,
        timers: TimerTable[Timer],
        sip_timers: SipTimers,
        rng: random.Random,
        locate: Locate,
    ) -> None:
        self._layer = layer
        self._flows = flows
        self._timers = timers
        self._sip_timers = sip_timers
        self._rng = rng
        self._locate = locate
        self._last_id = 0
        self._legs: dict[int, Leg] = {}
        self._connecting: dict[int, Exchange] = {}
        self._locating: dict[int, Exchange] = {}

    # --- the owner's verbs ------------------------------------------------------------------

    def start(
        self,
        job: Job,
        target: Target,
        now: float,
        *,
        resends: int,
        give_up_s: float,
        credentials: Credentials | None = None,
        preemptive: bool = True,
    ) -> Exchange:
        """Send the job's request to ``target``. ``give_up_s`` is S1's time, connecting included."""
        self._last_id += 1
        exchange = Exchange(
            self._last_id, job, target, resends, give_up_s, credentials, preemptive, now
        )
        self._turn_to(exchange, target, now)
        return exchange

    def extend(self, exchange: Exchange, now: float) -> None:
        """Let it go on until 64*T1 (S3)."""
        if exchange.over:
            return
        exchange.extended = True
        if exchange.state is State.OPENING:
            end = exchange.began + self._sip_timers.timeout_s
            self._timers.set(Timer(TimerKind.CONNECT, exchange.id), end)
        elif exchange.leg is not None:
            self._layer.extend(exchange.leg.tid, now)

    def abandon(self, exchange: Exchange, now: float) -> None:
        """Let go of it; its transaction stays for stragglers, an INVITE is cancelled (A8, A13)."""
        if exchange.over:
            return
        if exchange.state is State.OPENING:
            self._stop_connecting(exchange, now)
        elif exchange.state is State.WAITING and exchange.leg is not None:
            self._layer.abandon(exchange.leg.tid, now)
        self._locating.pop(exchange.id, None)
        exchange.state = State.OVER

    def reclaim(self, leg: Leg, now: float) -> bool:
        """Take the leg of an abandoned INVITE back (A12); False where it is too late."""
        if leg.tid in self._legs and self._layer.reclaim(leg.tid, now):
            leg.exchange.leg = leg
            leg.exchange.state = State.WAITING
            return True
        return False

    # --- what the flow table says (flow_table.Waiter by _Opening) -----------------------------

    def opened(self, exchange: Exchange, flow: Flow, now: float) -> None:
        """The exchange's flow is open: send."""
        if exchange.state is not State.OPENING:
            self._flows.release(flow, _holder(exchange), now)
            return
        self._connecting.pop(exchange.id, None)
        self._timers.cancel(Timer(TimerKind.CONNECT, exchange.id))
        self._send(exchange, flow, now)
        self._flows.release(flow, _holder(exchange), now)

    def not_opened(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        """The exchange's flow could not be opened (S4)."""
        if exchange.state is not State.OPENING:
            return
        self._connecting.pop(exchange.id, None)
        self._timers.cancel(Timer(TimerKind.CONNECT, exchange.id))
        self._fail(exchange, cause, text, now)

    def connect_due(self, exchange_id: int, now: float) -> None:
        """S1's time ran out while the flow was being opened (S4)."""
        exchange = self._connecting.get(exchange_id)
        if exchange is None:
            return
        if exchange.extended:
            self._stop_connecting(exchange, now)
            self._fail(exchange, Cause.CONNECT_TIMEOUT, "", now)
            return
        self._silence(exchange, now)

    # --- what the transaction layer says ------------------------------------------------------

    def got_response(self, effect: GotResponse, now: float) -> None:
        """An answer to one of our transactions."""
        leg = self._legs.get(effect.tid)
        if leg is None:
            return
        response, exchange = effect.response, leg.exchange
        if effect.late:
            if 200 <= response.status < 300:
                exchange.job.late(leg, response, now)
            return
        if response.status < 200:
            leg.seen = max(leg.seen, response.status)
            exchange.job.provisional(leg, response, now)
            return
        step = _STEPS.get(response.status)
        if step is None or not step(self, leg, response, now):
            self._finish(exchange, leg, response, now)

    def time_is_up(self, tid: int, now: float) -> None:
        """S1's time of a transaction is up."""
        leg = self._legs.get(tid)
        if leg is None or leg.exchange.leg is not leg or leg.exchange.over:
            self._layer.abandon(tid, now)
            return
        self._silence(leg.exchange, now)

    def timed_out(self, tid: int, stalled: bool, now: float) -> None:
        """64*T1 are over, or a 100 was all that came (S6)."""
        leg = self._legs.get(tid)
        if leg is None or leg.exchange.leg is not leg or leg.exchange.over:
            return
        alive = stalled or leg.seen > 0
        self._fail(leg.exchange, Cause.STALLED if alive else Cause.SILENCE, "", now)

    def gone(self, tid: int, now: float) -> bool:
        """The layer has forgotten a transaction; False if it was none of ours."""
        leg = self._legs.pop(tid, None)
        if leg is None:
            return False
        self._flows.release(leg.flow, ("transaction", tid), now)
        if leg.exchange.state is _OVER and leg.exchange.leg is leg:
            leg.exchange.leg = None  # no circle: both are free at once
        return True

    # --- what the shell says ------------------------------------------------------------------

    def flow_lost(self, flow: Flow, cause: Cause, text: str, now: float) -> None:
        """A connection ended: what runs on it ends too (S4, S6), or goes by a new one (R9)."""
        for tid in self._layer.on_flow(flow.id):
            leg = self._legs.get(tid)
            self._layer.transport_failed(tid, now)
            if leg is None or leg.exchange.leg is not leg or leg.exchange.over:
                continue
            unheard = not leg.seen and not leg.exchange.round
            if leg.exchange.reused and unheard and cause is Cause.RESET:
                leg.exchange.reused = False
                self._reach(leg.exchange, now)
            else:
                self._fail(leg.exchange, cause, text, now)

    def unreachable(self, event: Unreachable, now: float) -> None:
        """An ICMP error for a UDP target: requests without any answer yet have failed (S5)."""
        flow = self._flows.open_to(event.target)
        if flow is None:
            return
        for tid in self._layer.on_flow(flow.id):
            leg = self._legs.get(tid)
            if leg is None or leg.seen or leg.exchange.leg is not leg or leg.exchange.over:
                continue
            self._layer.transport_failed(tid, now)
            self._fail(leg.exchange, Cause.ICMP, event.text, now)

    def located(self, exchange_id: int, targets: tuple[Target, ...], now: float) -> None:
        """The answer to ``locate``: the targets of a redirect, none where it leads nowhere."""
        exchange = self._locating.pop(exchange_id, None)
        if exchange is None:
            return
        place = exchange.uri_override
        if targets and place is not None:
            self._turn_to(exchange, targets[0], now)
        else:
            self._next_place(exchange, now)

    @property
    def live(self) -> int:
        """How many exchanges have no result yet."""
        waiting = sum(
            1 for leg in self._legs.values() if leg.exchange.leg is leg and not leg.exchange.over
        )
        return waiting + len(self._connecting) + len(self._locating)

    # --- inside -------------------------------------------------------------------------------

    def _turn_to(self, exchange: Exchange, target: Target, now: float) -> None:
        exchange.target = target
        exchange.began = now
        exchange.round = 0
        exchange.extended = False
        flow = self._flows.open_to(target)
        exchange.reused = flow is not None and flow.reliable and not flow.incoming
        self._reach(exchange, now)

    def _reach(self, exchange: Exchange, now: float) -> None:
        """Send by the flow to the exchange's target, which has to be opened perhaps."""
        flow = self._flows.open_to(exchange.target)
        if flow is not None:
            self._send(exchange, flow, now)
            return
        exchange.state = _OPENING
        self._connecting[exchange.id] = exchange
        end = exchange.began + self._whole(exchange)
        self._timers.set(Timer(TimerKind.CONNECT, exchange.id), end)
        self._flows.hold(exchange.target, _holder(exchange), _Opening(self, exchange), now)

    def _whole(self, exchange: Exchange) -> float:
        """How long this target has: S1's time, or 64*T1 (S3)."""
        return self._sip_timers.timeout_s if exchange.extended else exchange.give_up_s

    def _send(self, exchange: Exchange, flow: Flow, now: float) -> None:
        job, target = exchange.job, exchange.target
        request = job.build(exchange, flow)
        if exchange.uri_override is not None:
            request.uri = str(exchange.uri_override.uri)  # RFC 3261 §8.1.3.4
        if exchange.credentials is not None and (exchange.preemptive or exchange.round):
            exchange.credentials.authorize(request, _asker(exchange), now)
        host, port = flow.local
        stamp_via(request, target.transport.text, host, port, new_branch(self._rng))
        spent = now - exchange.began if exchange.round == 0 else 0.0
        wait = max(self._whole(exchange) - spent, _MIN_WAIT_S)
        try:
            tid = self._layer.send_request(
                request, flow.id, flow.reliable, exchange.resends, wait, now
            )
        except LimitError as error:
            self._fail(exchange, Cause.LOCAL, str(error), now)
            return
        self._flows.hold_open(flow, ("transaction", tid))
        exchange.leg = self._legs[tid] = Leg(exchange, tid, request, flow)
        exchange.state = _WAITING

    def _send_again(self, exchange: Exchange, flow: Flow, now: float) -> None:
        exchange.round += 1
        self._send(exchange, flow, now)

    def _challenged(self, leg: Leg, response: Response, now: float) -> bool:
        """A3: once more at the same target, with credentials."""
        exchange = leg.exchange
        known = exchange.credentials
        if known is None or not known.challenged(leg.request, response, _asker(exchange)):
            return False
        self._send_again(exchange, leg.flow, now)
        return True

    def _taught(self, leg: Leg, response: Response, now: float) -> bool:
        """Once more: with the server's Min-Expires (A4), or without outbound."""
        exchange = leg.exchange
        if response.status in exchange.taught or not exchange.job.learned(response):
            return False
        exchange.taught = (*exchange.taught, response.status)
        self._send_again(exchange, leg.flow, now)
        return True

    def _redirected(self, leg: Leg, response: Response, now: float) -> bool:
        """A9: to the places that the redirect names, for this request only."""
        exchange = leg.exchange
        exchange.redirected_by = (leg, response)
        exchange.places[:0] = places_of(response, exchange.target)
        if exchange.redirects >= MAX_REDIRECTS or not exchange.places:
            return False
        return self._next_place(exchange, now)

    def _next_place(self, exchange: Exchange, now: float) -> bool:
        """Turn to the next place of a redirect; where none is left, the redirect is the result."""
        if exchange.places and exchange.redirects < MAX_REDIRECTS:
            place = exchange.places.pop(0)
            exchange.redirects += 1
            exchange.uri_override = place
            if place.target is not None:
                self._turn_to(exchange, place.target, now)
            else:
                exchange.state = State.LOCATING
                self._locating[exchange.id] = exchange
                self._locate(exchange, place, now)
            return True
        if exchange.redirected_by is not None:
            self._finish(exchange, *exchange.redirected_by, now)
        return True

    def _finish(self, exchange: Exchange, leg: Leg, response: Response, now: float) -> None:
        exchange.state = _OVER
        exchange.job.answered(leg, response, now)

    def _silence(self, exchange: Exchange, now: float) -> None:
        if exchange.redirects:  # the hop itself is alive: its redirect's next place
            self.abandon(exchange, now)
            self._next_place(exchange, now)
            return
        exchange.job.silent(exchange, now)
        if not exchange.extended:
            self._retire_silent(exchange)
            self.abandon(exchange, now)

    def _retire_silent(self, exchange: Exchange) -> None:
        leg = exchange.leg
        if leg is not None and leg.flow.reliable and not leg.seen:
            self._flows.retire(leg.flow)

    def _fail(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        if exchange.redirects and not exchange.rang:
            self._next_place(exchange, now)
            return
        if cause is Cause.SILENCE:
            self._retire_silent(exchange)
        exchange.state = State.OVER
        exchange.job.failed(exchange, cause, text, now)

    def _stop_connecting(self, exchange: Exchange, now: float) -> None:
        self._connecting.pop(exchange.id, None)
        self._timers.cancel(Timer(TimerKind.CONNECT, exchange.id))
        self._flows.release_target(exchange.target, _holder(exchange), now)


class _Opening:
    """Waits for a flow on behalf of one exchange."""

    __slots__ = ("_exchange", "_exchanges")

    def __init__(self, exchanges: Exchanges, exchange: Exchange) -> None:
        self._exchanges = exchanges
        self._exchange = exchange

    def flow_ready(self, flow: Flow, now: float) -> None:
        """The flow is open."""
        self._exchanges.opened(self._exchange, flow, now)

    def flow_failed(self, cause: Cause, text: str, now: float) -> None:
        """It could not be opened."""
        self._exchanges.not_opened(self._exchange, cause, text, now)


def _asker(exchange: Exchange) -> tuple[Target, bool]:
    """Who at the target asks for the password (A3): its registrar or its proxy.

    Often both use one realm, but a nonce of the one is none to the other; and the peer of a
    call, who sees its requests, is not to see proofs that were meant for the registrar.
    """
    return exchange.target, exchange.job.method == "REGISTER"


def _holder(exchange: Exchange) -> tuple[str | int, ...]:
    return ("request", exchange.id)


_Step = Callable[[Exchanges, Leg, Response, float], bool]

# What a final answer leads to before it is the result; False: it is the result after all.
_STEPS: dict[int, _Step] = {
    301: Exchanges._redirected,
    302: Exchanges._redirected,
    401: Exchanges._challenged,
    407: Exchanges._challenged,
    423: Exchanges._taught,
    439: Exchanges._taught,
}
