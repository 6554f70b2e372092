"""Runs transactions by the rows of :mod:`transaction_tables`: store, timers, actions."""

from __future__ import annotations

import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import TypeAlias

from evertone.clock import TimerTable
from evertone.schedule import SipTimers, send_times
from evertone.sip import build
from evertone.sip.message import Message, Request, Response
from evertone.sip.transaction_effects import (
    Gone,
    GotAck,
    GotResponse,
    NoAck,
    Out,
    SipEffect,
    TimedOut,
    TimeIsUp,
)
from evertone.sip.transaction_tables import (
    CLIENT_CANCEL,
    Action,
    Event,
    Row,
    State,
    Table,
)

__all__ = ["KEEP_S", "Runner", "Transaction", "compile_table"]

_GONE = State.GONE

KEEP_S = 300.0
"""How long a transaction that was let go waits for stragglers (A8)."""

NEVER = math.inf

_LET_GO = Request("", "")

_ALL_RESENDS = 64  # more than any schedule holds: send_times() ends at 64*T1 by itself

Index: TypeAlias = dict[Hashable, "Transaction"]
_Do: TypeAlias = "Callable[[Runner, Transaction, Message | None, float], None]"
Compiled: TypeAlias = "tuple[tuple[tuple[State | None, tuple[_Do, ...]], ...], ...]"


class Transaction:
    """One transaction. ``key`` finds it in ``index``; ``data`` is what it sends (again): the
    request of a client, the last response of a server. A ``quiet`` one tells its owner nothing:
    the layer is its owner. ``resend_at`` and ``expire_at`` are its two timers."""

    __slots__ = (
        "data",
        "due_at",
        "expire_at",
        "flow",
        "gone_at",
        "index",
        "key",
        "late",
        "memory_key",
        "quiet",
        "reliable",
        "remembered",
        "request",
        "resend_at",
        "response",
        "rows",
        "schedule",
        "sent",
        "start",
        "state",
        "tid",
        "wait_s",
    )

    gone_at: float
    """When it has absorbed repetitions for long enough, once it only does that."""

    def __init__(
        self,
        tid: int,
        index: Index,
        key: Hashable,
        rows: Compiled,
        state: State,
        request: Request,
        flow: int,
        reliable: bool,
        start: float,
    ) -> None:
        self.tid = tid
        self.index = index
        self.key = key
        self.rows = rows
        self.state = state
        self.request = request
        self.flow = flow
        self.reliable = reliable
        self.start = start
        self.data = b""
        self.response: Response | None = None  # server: the last one sent
        self.schedule: tuple[float, ...] = ()  # client: seconds after start of each send
        self.sent = 1  # how much of the schedule has been sent
        self.wait_s = 0.0  # server: the wait before the next repetition of the response
        self.late = self.quiet = False
        self.remembered = False  # its end is told: by memory_key, or as an INVITE accepted
        self.memory_key: Hashable = None
        self.resend_at = self.expire_at = NEVER
        self.due_at = NEVER  # what the runner's table has: the earlier of the two


class Runner:
    """The store of a node's transactions and the interpreter of their tables."""

    __slots__ = (
        "_ended",
        "_lingering_long",
        "_lingering_short",
        "_schedules",
        "_sweep_at",
        "_tids",
        "abandoned_limit",
        "by_tid",
        "clients",
        "flow",
        "let_go",
        "out",
        "rng",
        "servers",
        "sip_timers",
        "timeout_s",
        "timers",
    )

    def __init__(
        self,
        sip_timers: SipTimers,
        rng: random.Random,
        abandoned_limit: int,
        ended: Callable[[Transaction, float], None],
    ) -> None:
        self.sip_timers = sip_timers
        self.timeout_s = sip_timers.timeout_s
        self.rng = rng
        self.abandoned_limit = abandoned_limit
        self.clients: Index = {}
        self.servers: Index = {}
        self.by_tid: dict[int, Transaction] = {}
        self.let_go: OrderedDict[int, Transaction] = OrderedDict()
        self.out: list[SipEffect] = []
        self.flow = 0  # where the message at hand came from
        self._sweep_at = NEVER  # when the first of them has lingered for long enough
        self._ended = ended
        self._tids = 0
        self.timers: TimerTable[int] = TimerTable()
        self._schedules: dict[tuple[bool, int], tuple[float, ...]] = {}
        # What only absorbs repetitions needs no wake-up: it is swept at the next activity. Each
        # queue has one constant wait, so its front is always the first to end.
        self._lingering_short: deque[Transaction] = deque()
        self._lingering_long: deque[Transaction] = deque()

    # --- the store ---

    def open(
        self,
        index: Index,
        key: Hashable,
        rows: Compiled,
        state: State,
        request: Request,
        flow: int,
        reliable: bool,
        now: float,
    ) -> Transaction:
        """A new transaction under the next id."""
        self._tids += 1
        tx = Transaction(self._tids, index, key, rows, state, request, flow, reliable, now)
        index[key] = tx
        self.by_tid[tx.tid] = tx
        return tx

    def drop(self, tx: Transaction, now: float) -> None:
        """Forget a transaction and its timers; harmless if it is forgotten."""
        if tx.index.get(tx.key) is tx:
            self._retire(tx)
            self._forget(tx, now)

    def _forget(self, tx: Transaction, now: float) -> None:
        if tx.index.get(tx.key) is tx:
            del tx.index[tx.key]
            if tx.remembered:
                self._ended(tx, now)

    def sweep(self, now: float) -> None:
        """Forget those that have absorbed repetitions for long enough."""
        if now < self._sweep_at:
            return
        sweep_at = NEVER
        for queue in (self._lingering_short, self._lingering_long):
            while queue:
                tx = queue[0]
                if tx.gone_at > now:
                    sweep_at = min(sweep_at, tx.gone_at)
                    break
                queue.popleft()
                self._forget(tx, now)
        self._sweep_at = sweep_at

    # --- the interpreter ---

    def feed(self, tx: Transaction, event: Event, message: Message | None, now: float) -> None:
        """Carry out the row of the transaction's state and ``event``."""
        following, actions = tx.rows[tx.state][event]
        if following is not None:
            tx.state = following
        for action in actions:
            action(self, tx, message, now)
        if following is _GONE:
            self.drop(tx, now)
        self.arm(tx)

    def arm(self, tx: Transaction) -> None:
        """Have the transaction's earlier timer in the table."""
        due_at = tx.expire_at
        if tx.resend_at < due_at:  # min() takes far longer, and this is every message's
            due_at = tx.resend_at
        if due_at == tx.due_at:
            return
        tx.due_at = due_at
        if due_at == NEVER:
            self.timers.cancel(tx.tid)
        else:
            self.timers.set(tx.tid, due_at)

    def handle_timer(self, now: float) -> None:
        """Feed the timers that have fallen due."""
        self.sweep(now)
        for tid in self.timers.pop_due(now):
            tx = self.by_tid.get(tid)
            if tx is None:
                continue
            tx.due_at = NEVER
            if tx.resend_at <= tx.expire_at:
                tx.resend_at = NEVER
                self.feed(tx, Event.RESEND, None, now)
            else:
                tx.expire_at = NEVER
                self.feed(tx, Event.EXPIRY, None, now)

    def timer_names(self) -> tuple[tuple[str, float], ...]:
        """The timers that are set, as (method, transaction and kind, when), earliest first."""
        named = []
        for tx in self.by_tid.values():
            for kind, at in (("resend", tx.resend_at), ("expiry", tx.expire_at)):
                if at != NEVER:
                    named.append((f"{tx.request.method} {tx.tid} {kind}", at))
        return tuple(sorted(named, key=itemgetter(1)))

    # --- client: sending ---

    def begin_sending(self, tx: Transaction, resends: int, now: float) -> None:
        """Send the request the first time and set its first resend (S1).

        ``expire_at`` has been set.
        """
        tx.data = tx.request.to_bytes()
        self.out.append(Out(tx.flow, tx.data))
        if not tx.reliable:  # S4: a reliable transport resends by itself
            tx.schedule = self._schedule(tx, resends)
            self._next_resend(tx)
        self.arm(tx)

    def _schedule(self, tx: Transaction, resends: int) -> tuple[float, ...]:
        is_invite = tx.request.method == "INVITE"
        times = self._schedules.get((is_invite, resends))
        if times is None:
            times = send_times("INVITE" if is_invite else "", resends, self.sip_timers)
            self._schedules[is_invite, resends] = times
        return times

    def _next_resend(self, tx: Transaction) -> None:
        if tx.sent < len(tx.schedule):
            tx.resend_at = tx.start + tx.schedule[tx.sent]

    def _send_again(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        self.out.append(Out(tx.flow, tx.data))
        tx.sent += 1
        self._next_resend(tx)

    def _send_again_t2(self, tx: Transaction, _message: Message | None, now: float) -> None:
        self.out.append(Out(tx.flow, tx.data))
        tx.resend_at = now + self.sip_timers.t2

    def _next_resends(self, tx: Transaction, _message: Message | None, now: float) -> None:
        """S3: what the schedule of RFC 3261 had for the time that has passed is one send, now."""
        if tx.reliable:
            return
        tx.schedule = self._schedule(tx, _ALL_RESENDS)
        due = sum(1 for after_s in tx.schedule if tx.start + after_s <= now)
        if due > tx.sent:
            self.out.append(Out(tx.flow, tx.data))
            tx.sent = due
        self._next_resend(tx)

    def _resend_t2(self, tx: Transaction, _message: Message | None, now: float) -> None:
        if not tx.reliable and tx.resend_at == NEVER:
            tx.resend_at = now + self.sip_timers.t2

    def _send_ack(self, tx: Transaction, message: Message | None, _now: float) -> None:
        assert isinstance(message, Response)
        self.out.append(Out(tx.flow, build.ack_for(tx.request, message).to_bytes()))

    def _send_cancel(self, tx: Transaction, _message: Message | None, now: float) -> None:
        cancel = build.cancel_for(tx.request)
        key = (cancel.via.branch, "CANCEL")
        own = self.open(
            self.clients, key, _CANCEL_ROWS, State.CALLING, cancel, tx.flow, tx.reliable, now
        )
        own.quiet = True
        own.expire_at = now + self.timeout_s
        self.begin_sending(own, _ALL_RESENDS, now)

    # --- server: sending ---

    def _send_response(self, tx: Transaction, message: Message | None, _now: float) -> None:
        assert isinstance(message, Response)
        tx.response = message
        tx.data = message.to_bytes()
        self.out.append(Out(tx.flow, tx.data))

    def _send_trying(self, tx: Transaction, _message: Message | None, now: float) -> None:
        self._send_response(tx, build.response_to(tx.request, 100), now)

    def _send_last(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        self.out.append(Out(tx.flow, tx.data))

    def _send_last_backoff(self, tx: Transaction, _message: Message | None, now: float) -> None:
        self.out.append(Out(tx.flow, tx.data))
        tx.wait_s = min(2 * tx.wait_s, self.sip_timers.t2)
        tx.resend_at = now + tx.wait_s

    def _backoff(self, tx: Transaction, message: Message | None, now: float) -> None:
        if not tx.reliable:
            self._backoff_always(tx, message, now)

    def _backoff_always(self, tx: Transaction, _message: Message | None, now: float) -> None:
        tx.wait_s = self.sip_timers.t1
        tx.resend_at = now + tx.wait_s

    # --- timers ---

    def _stop_resends(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        tx.resend_at = NEVER

    def _stop_expiry(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        tx.expire_at = NEVER

    def _expire_64t1(self, tx: Transaction, _message: Message | None, now: float) -> None:
        tx.expire_at = now + self.timeout_s

    def _expire_start_64t1(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        tx.expire_at = tx.start + self.timeout_s

    def _expire_keep(self, tx: Transaction, _message: Message | None, now: float) -> None:
        tx.expire_at = now + KEEP_S

    # --- telling the owner ---

    def _report(self, tx: Transaction, message: Message | None, _now: float) -> None:
        assert isinstance(message, Response)
        self.out.append(GotResponse(tx.tid, message, tx.late))

    def _report_time_up(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        self.out.append(TimeIsUp(tx.tid))

    def _report_timed_out(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        self.out.append(TimedOut(tx.tid))

    def _report_stalled(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        self.out.append(TimedOut(tx.tid, stalled=True))

    def _report_ack(self, tx: Transaction, message: Message | None, _now: float) -> None:
        assert isinstance(message, Request)
        self.out.append(GotAck(message, self.flow, tx.tid))

    def _report_no_ack(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        if not tx.quiet:
            self.out.append(NoAck(tx.tid))

    def _report_gone(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        if not tx.quiet:
            self.out.append(Gone(tx.tid))

    # --- keeping ---

    def _let_go(self, tx: Transaction, _message: Message | None, now: float) -> None:
        tx.late = True
        self.let_go[tx.tid] = tx
        if len(self.let_go) > self.abandoned_limit:
            oldest = next(iter(self.let_go.values()))
            self._report_gone(oldest, None, now)
            self.drop(oldest, now)

    def _take_back(self, tx: Transaction, _message: Message | None, _now: float) -> None:
        tx.late = False
        del self.let_go[tx.tid]

    def _linger_short(self, tx: Transaction, _message: Message | None, now: float) -> None:
        if tx.reliable:  # RFC 3261: timers D, I, J and K are zero there
            self.drop(tx, now)
        else:
            tx.data = b""  # what still comes is absorbed, and calls for nothing
            self._linger(tx, self._lingering_short, now + self.sip_timers.t4)

    def _linger_long(self, tx: Transaction, _message: Message | None, now: float) -> None:
        if tx.reliable:
            self.drop(tx, now)
        else:
            self._linger_always(tx, _message, now)

    def _linger_always(self, tx: Transaction, _message: Message | None, now: float) -> None:
        self._linger(tx, self._lingering_long, now + self.timeout_s)

    def _linger(self, tx: Transaction, queue: deque[Transaction], at: float) -> None:
        tx.gone_at = at
        queue.append(tx)
        if at < self._sweep_at:
            self._sweep_at = at
        self._retire(tx)

    def _retire(self, tx: Transaction) -> None:
        """Its owner knows it no more; only repetitions still find it, by its key.

        But for an INVITE, they need ``data`` at most: the messages are let go at once, for
        to free them later, when they are out of the processor's caches, takes far longer.
        """
        if tx.request.method != "INVITE":
            tx.request, tx.response = _LET_GO, None
        self.by_tid.pop(tx.tid, None)
        if tx.late:
            self.let_go.pop(tx.tid, None)
        tx.resend_at = tx.expire_at = NEVER
        if tx.due_at != NEVER:
            tx.due_at = NEVER
            self.timers.cancel(tx.tid)


# A mapping of every action to its method; a test holds it against the enum.
ACTIONS: dict[Action, _Do] = {
    action: getattr(Runner, f"_{action.name.lower()}") for action in Action
}


def compile_table(table: Table) -> Compiled:
    """The table as tuples, indexed by state and event, with methods for actions.

    Events that have no row belong to another kind of machine and are never fed to this one.
    """
    nothing = Row()
    compiled = []
    for state in State:
        rows = table.get(state, {})
        cells = [rows.get(event, nothing) for event in Event]
        compiled.append(
            tuple((cell.next, tuple(ACTIONS[action] for action in cell.actions)) for cell in cells)
        )
    return tuple(compiled)


_CANCEL_ROWS = compile_table(CLIENT_CANCEL)
