"""Transactions: requests sent until answered or given up, answers repeated until heard.

RFC 3261 §17 with RFC 6026 (Accepted), RFC 4320 (non-INVITE), RFC 3581 (rport), and the rules
S1-S6, A8, A10, A11, A13 and F6. The machines are the rows of :mod:`transaction_tables`, run by
:mod:`transaction_runner`; here messages find their transactions.

Who does what with a leg that was let go (A8): the layer sends the CANCEL when a provisional
comes and the ACK to a 3xx-6xx; a 2xx is reported ``late``, and the owner, who has the dialog,
sends ACK and BYE.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from evertone.errors import LimitError, SipParseError, UsageError
from evertone.schedule import SipTimers
from evertone.sip import build
from evertone.sip.merged import MergedRequests
from evertone.sip.message import Message, Request, Response
from evertone.sip.transaction_effects import (
    Gone,
    GotAck,
    GotCancel,
    GotRequest,
    GotResponse,
    NoAck,
    Out,
    SipEffect,
    Stray,
    TimedOut,
    TimeIsUp,
)
from evertone.sip.transaction_runner import Runner, Transaction, compile_table
from evertone.sip.transaction_tables import (
    CLIENT_INVITE,
    CLIENT_OTHER,
    SERVER_INVITE,
    SERVER_OTHER,
    Event,
    State,
)

__all__ = [
    "Gone",
    "GotAck",
    "GotCancel",
    "GotRequest",
    "GotResponse",
    "Limits",
    "NoAck",
    "Out",
    "SipEffect",
    "Stray",
    "TimeIsUp",
    "TimedOut",
    "TransactionLayer",
    "TransactionSnapshot",
]

_CLIENT_INVITE: Final = compile_table(CLIENT_INVITE)
_CLIENT_OTHER: Final = compile_table(CLIENT_OTHER)
_SERVER_INVITE: Final = compile_table(SERVER_INVITE)
_SERVER_OTHER: Final = compile_table(SERVER_OTHER)

# Members under names of their own: an enumeration's attribute costs as much as a call.
_CALLING, _FRESH = State.CALLING, State.FRESH

_TRYING_AFTER_S: Final = 0.2  # RFC 3261 §17.2.1: the 100 that the layer sends by itself
_OVERLOAD_RETRY_S: Final = 5  # Retry-After of the stateless 503


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one layer. Over ``transactions``, a request that comes in is answered 503
    without state and ``send_request`` raises LimitError; over ``abandoned`` and ``merged``
    the oldest is forgotten."""

    transactions: int = 10_000
    abandoned: int = 1_000
    merged: int = 10_000


@dataclass(frozen=True, slots=True)
class TransactionSnapshot:
    """``active`` still wants an answer or an ACK; ``lingering`` only waits for stragglers;
    ``timers`` are what is set, as (name, due)."""

    active: int
    lingering: int
    timers: tuple[tuple[str, float], ...]


_EVENT_OF: Final = {
    100: Event.TRYING,
    **dict.fromkeys(range(101, 200), Event.PROVISIONAL),
    **dict.fromkeys(range(200, 300), Event.OK),
    **dict.fromkeys(range(300, 700), Event.REFUSAL),
}


class TransactionLayer:
    """All transactions of one node.

    ``proxy``: the node passes requests and responses on (RFC 3261 §16). The layer then neither
    refuses merged requests nor repeats a 2xx to INVITE, for both are the user agents' business,
    and reports every ACK that ends no transaction.
    """

    __slots__ = (
        "_accepted",
        "_limits",
        "_merged",
        "_proxy",
        "_run",
        "_slowed_s",
        "pending",
        "timers",
    )

    def __init__(
        self,
        timers: SipTimers,
        rng: random.Random,
        *,
        proxy: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._slowed_s = _slowed_s(timers)
        self._proxy = proxy
        self._run = Runner(timers, rng, self._limits.abandoned, self._ended)
        self.timers = self._run.timers
        """Its timers, for whoever asks several parts at once (:func:`evertone.clock.earliest`)."""
        self.pending = self._run.out
        """What :meth:`effects` will drain: empty if that need not be called."""
        self._merged = MergedRequests(self._limits.merged)
        self._accepted: dict[Hashable, Transaction] = {}

    # --- client ---

    def send_request(
        self,
        request: Request,
        flow: int,
        reliable: bool,
        resends: int,
        give_up_s: float,
        now: float,
    ) -> int:
        """Start a client transaction; the request already bears its Via with a fresh branch.

        ``resends`` and ``give_up_s`` (seconds from now) are S1's. Raises LimitError when there
        are too many transactions, UsageError for a branch that is in use.
        """
        run = self._run
        run.sweep(now)
        if len(run.clients) + len(run.servers) >= self._limits.transactions:
            raise LimitError("too many transactions")
        method = request.method
        key = (request.branch, method)
        if key in run.clients:
            raise UsageError(f"{method} needs a fresh branch")
        rows = _CLIENT_INVITE if method == "INVITE" else _CLIENT_OTHER
        tx = run.open(run.clients, key, rows, _CALLING, request, flow, reliable, now)
        tx.expire_at = now + min(give_up_s, run.timeout_s)  # S2
        run.begin_sending(tx, resends, now)
        return tx.tid

    def extend(self, tid: int, now: float) -> None:
        """The answer to TimeIsUp that goes on, resends included, until 64*T1 (S3)."""
        self._verb(tid, Event.EXTEND, now)

    def abandon(self, tid: int, now: float) -> None:
        """Let go: no more resends, kept 5 minutes for stragglers (A8, A11).

        An INVITE that had a provisional answer is cancelled now, else when its first
        provisional comes; a final answer but 2xx is ACKed by the layer. What comes is reported
        late: the owner ACKs and ends with BYE a late 2xx to INVITE.
        """
        self._verb(tid, Event.ABANDON, now)

    def cancel(self, tid: int, now: float) -> None:
        """The user's CANCEL of an INVITE (A13): for the transaction the same as :meth:`abandon`,
        so that the owner hears of the 487, or of a 2xx that crossed the CANCEL, as late."""
        self._verb(tid, Event.ABANDON, now)

    def reclaim(self, tid: int, now: float) -> bool:
        """Take an abandoned INVITE back: wait for its leg until 64*T1 after its first send (A12).

        False where it is too late: cancelled already, answered, or gone.
        """
        tx = self._run.by_tid.get(tid)
        if tx is None or tx.state is not State.ABANDONED or tx.rows is not _CLIENT_INVITE:
            return False
        self._run.feed(tx, Event.RECLAIM, None, now)
        return True

    def _verb(self, tid: int, event: Event, now: float) -> None:
        tx = self._run.by_tid.get(tid)
        if tx is not None and tx.index is self._run.clients:
            self._run.feed(tx, event, None, now)

    # --- both ---

    def transport_failed(self, tid: int, now: float) -> None:
        """The transaction's way is broken: it ends here, with Gone and nothing else."""
        tx = self._run.by_tid.get(tid)
        if tx is not None:
            self._run.feed(tx, Event.FAULT, None, now)

    def on_flow(self, flow: int) -> tuple[int, ...]:
        """The ids of the transactions that run over ``flow`` (for when it breaks)."""
        return tuple(tid for tid, tx in self._run.by_tid.items() if tx.flow == flow)

    def receive(
        self,
        message: Request | Response,
        flow: int,
        reliable: bool,
        now: float,
        source: tuple[str, int] | None = None,
    ) -> None:
        """Take a parsed message. ``source``: the peer's address and port, for the ``received``
        and ``rport`` of a request's Via (RFC 3581 §4)."""
        run = self._run
        run.sweep(now)
        run.flow = flow
        try:
            if isinstance(message, Response):
                self._take_response(message, now)
            else:
                if source is not None:
                    build.note_source(message, source)
                self._take_request(message, reliable, now)
        except SipParseError as error:
            self._refuse(message, error.status, f"malformed: {error}")

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        self._run.handle_timer(now)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next, in the scale of ``now``.

        Transactions that only absorb repetitions need no call: they are forgotten at the next
        activity after their time.
        """
        return self.timers.next_deadline()

    def effects(self) -> list[SipEffect]:
        """Drain what happened and what must be sent, in order."""
        effects = self.pending.copy()
        self.pending.clear()
        return effects

    def snapshot(self, now: float) -> TransactionSnapshot:
        """A frozen view at ``now``."""
        run = self._run
        run.sweep(now)
        active = sum(1 for tx in run.by_tid.values() if _is_active(tx, tx.index is run.clients))
        return TransactionSnapshot(
            active=active,
            lingering=len(run.clients) + len(run.servers) - active,
            timers=run.timer_names(),
        )

    # --- responses that come in ---

    def _take_response(self, response: Response, now: float) -> None:
        # RFC 3261 §17.1.3: branch of the topmost Via, and the method of CSeq
        tx = self._run.clients.get((response.branch, response.cseq.method))
        if tx is None:
            self._stray(response, "an answer that nobody asked for")
        else:
            self._run.feed(tx, _EVENT_OF[response.status], response, now)

    # --- server ---

    def respond(self, tid: int, response: Response, now: float) -> None:
        """Answer a server transaction.

        What the RFCs forbid (RFC 4320: 408, or a provisional of the owner's, to non-INVITE; a
        second final) and ids that are gone are ignored: answers may cross their transaction's
        end.
        """
        tx = self._run.by_tid.get(tid)
        if tx is not None and tx.index is self._run.servers:
            self._run.feed(tx, self._sent_event(tx, response.status), response, now)
            if tx.state is State.ACCEPTED:
                self._accepted[_dialog_key(tx.request)] = tx

    def _sent_event(self, tx: Transaction, status: int) -> Event:
        if tx.rows is _SERVER_OTHER:
            # RFC 4320 §4.2: a 408 tells the client nothing that its own timer F does not
            return Event.FORBIDDEN if status == 408 else _EVENT_OF[status]
        if self._proxy and 200 <= status < 300:
            return Event.RELAYED_OK
        return _EVENT_OF[status]

    def _take_request(self, request: Request, reliable: bool, now: float) -> None:
        run = self._run
        method = request.method
        # RFC 3261 §17.2.3: an ACK is matched as its INVITE is
        key = _server_key(request, "INVITE" if method == "ACK" else method)
        tx = run.servers.get(key)
        if method == "ACK":
            self._take_ack(request, tx, now)
        elif tx is not None:
            run.feed(tx, Event.REQUEST, request, now)
        elif len(run.clients) + len(run.servers) >= self._limits.transactions:
            self._refuse(request, 503, "too many transactions")
        elif method == "CANCEL":
            self._take_cancel(request, key, reliable, now)
        else:
            self._take_new(request, key, reliable, now)

    def _take_new(self, request: Request, key: Hashable, reliable: bool, now: float) -> None:
        memory_key = None if self._proxy else self._merged.key_of(request)
        merged = memory_key is not None and self._merged.known(memory_key, now)
        tx = self._open_server(request, key, reliable, now)
        if merged:  # F6, RFC 3261 §8.2.2.2: no second ring
            self._answer_itself(tx, 482, now)
            return
        if memory_key is not None:
            tx.memory_key = memory_key
            tx.remembered = True
            self._merged.begin(memory_key)
        self._run.out.append(GotRequest(tx.tid, request, self._run.flow))

    def _open_server(
        self, request: Request, key: Hashable, reliable: bool, now: float
    ) -> Transaction:
        run = self._run
        is_invite = request.method == "INVITE"
        rows = _SERVER_INVITE if is_invite else _SERVER_OTHER
        tx = run.open(run.servers, key, rows, _FRESH, request, run.flow, reliable, now)
        tx.expire_at = now + (_TRYING_AFTER_S if is_invite else self._slowed_s)
        tx.remembered = is_invite
        run.arm(tx)
        return tx

    def _answer_itself(self, tx: Transaction, status: int, now: float, to_tag: str = "") -> None:
        tx.quiet = True
        tag = to_tag or build.new_tag(self._run.rng)
        response = build.response_to(tx.request, status, to_tag=tag)
        self._run.feed(tx, _EVENT_OF[status], response, now)

    def _take_cancel(self, request: Request, key: Hashable, reliable: bool, now: float) -> None:
        """RFC 3261 §9.2: 200 if its INVITE is known, whatever becomes of that; else 481."""
        invite = self._run.servers.get(_server_key(request, "INVITE"))
        tx = self._open_server(request, key, reliable, now)
        if invite is None:
            self._answer_itself(tx, 481, now)
            return
        # §9.2: the same To tag as in the answers to the INVITE
        tag = invite.response.to.tag if invite.response is not None else ""
        self._answer_itself(tx, 200, now, tag)
        if invite.state in _CANCELLABLE:
            self._run.out.append(GotCancel(invite.tid, request))

    def _take_ack(self, ack: Request, tx: Transaction | None, now: float) -> None:
        run = self._run
        if tx is None:  # the ACK to a 2xx is a transaction of its own (RFC 3261 §13.2.2.4)
            tx = self._accepted.get(_dialog_key(ack))
        if tx is not None:
            run.feed(tx, Event.ACK, ack, now)
        elif self._proxy:
            run.out.append(GotAck(ack, run.flow))
        else:
            self._stray(ack, "an ACK that belongs to no INVITE")

    # --- what belongs to nothing ---

    def _refuse(self, message: Message, status: int, why: str) -> None:
        """Answer without state where an answer is possible; else drop it. Say so either way."""
        if (
            isinstance(message, Request)
            and message.method != "ACK"
            and status
            and message.count("Via")
        ):
            response = build.response_to(message, status, to_tag=build.new_tag(self._run.rng))
            if status == 503:
                response.add("Retry-After", _OVERLOAD_RETRY_S)
            self._run.out.append(Out(self._run.flow, response.to_bytes()))
        self._stray(message, why)

    def _stray(self, message: Message, why: str) -> None:
        self._run.out.append(Stray(message, self._run.flow, why))

    def _ended(self, tx: Transaction, now: float) -> None:
        if tx.memory_key is not None:
            self._merged.end(tx.memory_key, tx.rows is _SERVER_INVITE, now)
        if tx.rows is _SERVER_INVITE:
            self._accepted.pop(_dialog_key(tx.request), None)


_CANCELLABLE: Final = frozenset({State.FRESH, State.PROCEEDING})


def _is_active(tx: Transaction, is_client: bool) -> bool:
    """False where only stragglers and repetitions are waited for."""
    answered = State.ACCEPTED if is_client else State.RELAYED
    return not tx.late and tx.state is not answered


def _server_key(request: Request, method: str) -> Hashable:
    """What finds a server transaction: RFC 3261 §17.2.3, for clients of RFC 2543 as well."""
    branch = request.branch
    if branch.startswith(build.MAGIC_COOKIE):
        return (branch, *request.sent_by, method)
    return (
        request.uri,
        request.from_.tag,
        request.call_id,
        request.cseq.number,
        str(request.via),
        method,
    )


def _dialog_key(request: Request) -> Hashable:
    """What an INVITE and the ACK to its 2xx have in common (RFC 3261 §13.2.2.4)."""
    return (request.call_id, request.cseq.number, request.from_.tag)


def _slowed_s(timers: SipTimers) -> float:
    """How long a client of this T1 and T2 takes until its timer E is at T2 (RFC 4320 §4.1)."""
    wait_s, total_s = timers.t1, 0.0
    while wait_s < timers.t2:
        total_s += wait_s
        wait_s *= 2
    return total_s
