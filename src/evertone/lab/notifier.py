"""A notifier (RFC 6665): takes SUBSCRIBE, sends NOTIFY about mailboxes and calls of its users.

It knows the packages message-summary (RFC 3842) and dialog (RFC 4235), the latter from the calls
that pass through its server's proxy.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from evertone.clock import TimerTable
from evertone.errors import LimitError
from evertone.lab.peers import Peer, Peers
from evertone.model import Target
from evertone.schedule import SipTimers
from evertone.sip import dialog_info, message_summary
from evertone.sip.build import new_branch, new_tag, response_to, stamp_via
from evertone.sip.dialog import Dialog, DialogId
from evertone.sip.dialog_info import DialogInfo, DialogState, Watched
from evertone.sip.event import EventType, SubscriptionState, SubState, parse_event
from evertone.sip.grammar import unescape
from evertone.sip.message import Request, Response
from evertone.sip.message_summary import MessageSummary
from evertone.sip.transaction import TransactionLayer
from evertone.sip.values import NameAddr, Uri

__all__ = ["Notifier"]

MAX_SUBSCRIPTIONS = 10_000
MAX_CALLS = 5_000
_MAX_EXPIRES_S = 7200
_RESENDS = 10  # all that fit into 64*T1

_PROGRESS = {1: DialogState.EARLY, 2: DialogState.CONFIRMED}


@dataclass(slots=True)
class _Subscription:
    dialog: Dialog
    flow: int
    event: EventType
    user: str
    expires_at: float
    version: int = 0


@dataclass(slots=True)
class _Call:
    """A call that passes through: who called whom, and how far it has come."""

    caller: str
    callee: str
    state: DialogState


class Notifier:
    """The subscriptions at one server. ``users`` are whom it knows; empty: everybody is.
    ``end_of`` names the server's own endpoint on the side of a peer."""

    def __init__(
        self,
        layer: TransactionLayer,
        peers: Peers,
        rng: random.Random,
        timers: SipTimers,
        end_of: Callable[[Peer], Target],
        mailboxes: dict[str, MessageSummary],
        *,
        min_expires_s: int,
    ) -> None:
        self._layer = layer
        self._peers = peers
        self._rng = rng
        self._timers = timers
        self._end_of = end_of
        self._mailboxes = mailboxes
        self._min_expires_s = min_expires_s
        self._subscriptions: dict[DialogId, _Subscription] = {}
        self._calls: dict[str, _Call] = {}
        self._by_tid: dict[int, DialogId] = {}
        self.timers: TimerTable[DialogId] = TimerTable()

    # --- SUBSCRIBE ------------------------------------------------------------------------------

    def subscribe(self, tid: int, request: Request, flow: int, now: float) -> None:
        """Answer a SUBSCRIBE to this server, and notify (RFC 6665 §4.2.1)."""
        peer = self._peers.get(flow)
        if peer is None:
            return
        event = parse_event(request.get("Event") or "")
        if event.package not in _DOCUMENTS:
            self._refuse(tid, request, 489, now)
            return
        asked = request.expires
        seconds = _MAX_EXPIRES_S if asked is None else min(asked, _MAX_EXPIRES_S)
        if 0 < seconds < self._min_expires_s:
            self._refuse(tid, request, 423, now)
        elif request.to.tag:
            self._refresh(tid, request, peer, seconds, now)
        elif len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            self._refuse(tid, request, 503, now)
        else:
            self._begin(tid, request, peer, event, seconds, now)

    def _begin(
        self, tid: int, request: Request, peer: Peer, event: EventType, seconds: int, now: float
    ) -> None:
        answer = self._answer(request, 200, peer, seconds)
        dialog = Dialog.as_callee(request, answer)
        user = unescape(request.request_uri.user)
        held = _Subscription(dialog, peer.flow, event, user, now + seconds)
        self._subscriptions[dialog.id] = held
        self.timers.set(dialog.id, held.expires_at)
        self._layer.respond(tid, answer, now)
        self._notify(dialog.id, held, now)

    def _refresh(self, tid: int, request: Request, peer: Peer, seconds: int, now: float) -> None:
        id = DialogId(request.call_id, request.to.tag, request.from_.tag)
        held = self._subscriptions.get(id)
        if held is None:
            self._refuse(tid, request, 481, now)
            return
        held.dialog, status = held.dialog.receive(request)
        if status:
            self._refuse(tid, request, status, now)
            return
        held.flow, held.expires_at = peer.flow, now + seconds
        self.timers.set(id, held.expires_at)
        self._layer.respond(tid, self._answer(request, 200, peer, seconds), now)
        self._notify(id, held, now)

    def _answer(self, request: Request, status: int, peer: Peer, seconds: int) -> Response:
        answer = response_to(request, status, to_tag=new_tag(self._rng))
        answer.add("Contact", self._contact(peer))
        answer.add("Expires", seconds)
        return answer

    def _refuse(self, tid: int, request: Request, status: int, now: float) -> None:
        answer = response_to(request, status, to_tag=new_tag(self._rng))
        if status == 423:
            answer.add("Min-Expires", self._min_expires_s)
        elif status == 489:
            answer.add("Allow-Events", ", ".join(_DOCUMENTS))
        self._layer.respond(tid, answer, now)

    def _contact(self, peer: Peer) -> NameAddr:
        end = self._end_of(peer)
        host = f"[{end.address}]" if ":" in end.address else end.address
        params: tuple[tuple[str, str | None], ...] = ()
        if end.transport.reliable:
            params = (("transport", end.transport.text.lower()),)
        return NameAddr(Uri("sip", "", host, end.port, params))

    # --- NOTIFY ---------------------------------------------------------------------------------

    def _notify(
        self, id: DialogId, held: _Subscription, now: float, reason: str = "timeout"
    ) -> None:
        """Tell how things stand; of a subscription whose time is over, that it is."""
        peer = self._peers.get(held.flow)
        left = round(held.expires_at - now)
        if left > 0:
            state = SubscriptionState(SubState.ACTIVE, expires_s=left)
        else:
            state = SubscriptionState(SubState.TERMINATED, reason)
            self._forget(id)
        if peer is None:
            self._forget(id)
            return
        held.dialog, request = held.dialog.request("NOTIFY")
        request.add("Event", held.event)
        request.add("Subscription-State", state)
        kind, document = _DOCUMENTS[held.event.package]
        request.add("Content-Type", kind)
        request.body = document(self, held)
        end = self._end_of(peer)
        branch = new_branch(self._rng)
        stamp_via(request, end.transport.text, end.address, end.port, branch)
        try:
            tid = self._layer.send_request(
                request, peer.flow, peer.reliable, _RESENDS, self._timers.timeout_s, now
            )
        except LimitError:
            return
        self._by_tid[tid] = id

    def _mailbox(self, held: _Subscription) -> bytes:
        return self._mailboxes.get(held.user, MessageSummary(False)).to_bytes()

    def _dialogs(self, held: _Subscription) -> bytes:
        seen = [
            Watched(call_id, call.state, "initiator" if held.user == call.caller else "recipient")
            for call_id, call in self._calls.items()
            if held.user in (call.caller, call.callee)
        ]
        info = DialogInfo(f"sip:{held.user}", held.version, True, tuple(seen))
        held.version += 1
        return info.to_bytes()

    def _forget(self, id: DialogId) -> None:
        self._subscriptions.pop(id, None)
        self.timers.cancel(id)

    # --- what there is to tell --------------------------------------------------------------------

    def mailbox_changed(self, user: str, now: float) -> None:
        """Messages came or were heard."""
        self._tell(message_summary.PACKAGE, {user}, now)

    def request_passed(self, request: Request, now: float) -> None:
        """A request on its way through the proxy: a call begins or ends."""
        if request.method == "INVITE" and not request.to.tag and len(self._calls) < MAX_CALLS:
            caller, callee = unescape(request.from_.uri.user), unescape(request.to.uri.user)
            self._calls.setdefault(request.call_id, _Call(caller, callee, DialogState.TRYING))
        elif request.method == "BYE":
            self._call_is(request.call_id, DialogState.TERMINATED, now)

    def response_passed(self, response: Response, now: float) -> None:
        """An answer on its way back: a call rings, stands, or came to nothing."""
        if response.cseq.method == "INVITE" and response.status > 100:
            call = self._calls.get(response.call_id)
            if call is not None and call.state is not DialogState.CONFIRMED:  # only BYE ends that
                state = _PROGRESS.get(response.status // 100, DialogState.TERMINATED)
                self._call_is(response.call_id, state, now)

    def _call_is(self, call_id: str, state: DialogState, now: float) -> None:
        call = self._calls.get(call_id)
        if call is None or call.state is state:
            return
        call.state = state
        if state is _ENDED:
            del self._calls[call_id]
        self._tell(dialog_info.PACKAGE, {call.caller, call.callee}, now)

    def _tell(self, package: str, users: set[str], now: float) -> None:
        for id, held in list(self._subscriptions.items()):
            if held.event.package == package and held.user in users:
                self._notify(id, held, now)

    def end_all(self, reason: str, now: float) -> None:
        """End every subscription, and say why (RFC 6665 §4.2.2)."""
        for id, held in list(self._subscriptions.items()):
            held.expires_at = now
            self._notify(id, held, now, reason)

    # --- answers and time -------------------------------------------------------------------------

    def owns(self, tid: int) -> bool:
        """True for the transaction of a NOTIFY."""
        return tid in self._by_tid

    def answered(self, tid: int, response: Response) -> None:
        """RFC 6665 §4.2.2: who does not take its notification is subscribed no more."""
        id = self._by_tid.get(tid)
        if id is not None and response.status >= 300:
            self._forget(id)

    def timed_out(self, tid: int) -> None:
        """Nobody is there."""
        id = self._by_tid.get(tid)
        if id is not None:
            self._forget(id)

    def gone(self, tid: int) -> None:
        """The layer has done with it."""
        self._by_tid.pop(tid, None)

    def handle_timer(self, now: float) -> None:
        """Subscriptions run out."""
        for id in self.timers.pop_due(now):
            held = self._subscriptions.get(id)
            if held is not None:
                self._notify(id, held, now)

    def held(self, now: float) -> list[tuple[str, str]]:
        """The subscriptions that stand, as (package, user), for checkers and people."""
        return [
            (held.event.package, held.user)
            for held in self._subscriptions.values()
            if held.expires_at > now
        ]


_ENDED = DialogState.TERMINATED

_DOCUMENTS: dict[str, tuple[str, Callable[[Notifier, _Subscription], bytes]]] = {
    message_summary.PACKAGE: (message_summary.MESSAGE_SUMMARY_TYPE, Notifier._mailbox),
    dialog_info.PACKAGE: (dialog_info.DIALOG_INFO_TYPE, Notifier._dialogs),
}
"""The packages that it knows: what a body is called, and how it is made."""
