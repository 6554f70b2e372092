"""One subscription of a line: made, refreshed, moved and ended (RFC 6665, F7, B11, A4, A11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from evertone.events import SubscriptionChanged
from evertone.model import Attempt, Hop, Outcome
from evertone.phone.dialogs import hop_of
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow, Holder
from evertone.phone.next_hop import reroute, rerouted
from evertone.phone.reading import lenient
from evertone.phone.snapshot import SubscriptionSnapshot
from evertone.phone.subscription_jobs import RefreshJob, SubscribeJob, Unsubscribe
from evertone.phone.subscription_states import TABLE, Act, SubscriptionEvent, SubscriptionState
from evertone.phone.timer import Timer, TimerKind
from evertone.phone.watching import Interest
from evertone.rules import Rule
from evertone.sip.build import new_call_id, new_tag, request_to
from evertone.sip.dialog import Dialog, DialogId
from evertone.sip.event import AGAIN, Again, parse_event, parse_subscription_state
from evertone.sip.event import SubscriptionState as Told
from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["Subscription", "SubscriptionOwner"]

_OVERLAP_S = 60.0  # as R3: refreshed so long before its end, or after half of its time
_LEAST_REFRESH_S = 5.0
_LEAST_REST_S = 1.0
_STOOD_S = 5.0  # one that ended sooner is not made anew in the same moment
_LONGEST_INTERVAL_S = 7 * 24 * 3600  # a Min-Expires beyond it is not followed (A4)
_DEFAULT_S = 3600  # where neither side says how long
_UNKNOWN = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"""RFC 5057 §5.1: answers to a refresh that end the subscription or its dialog."""

_ENDED: dict[Again, SubscriptionEvent] = {
    Again.AT_ONCE: SubscriptionEvent.ENDED_NOW,
    Again.LATER: SubscriptionEvent.ENDED_LATER,
    Again.NEVER: SubscriptionEvent.ENDED_FOR_GOOD,
}


class SubscriptionOwner(Protocol):
    """Who keeps a line's subscriptions."""

    def may_live(self, subscription: Subscription, now: float) -> bool:
        """True if the line is registered where the subscription may live."""

    def has_moved(self, subscription: Subscription, hop: Hop, now: float) -> bool:
        """True if the line's registration is elsewhere than ``hop``, where the dialog was made."""

    def ending(self, dialog: Dialog) -> None:
        """``dialog`` is being ended by us: its last NOTIFY may still come."""


class Subscription:
    """See the module. ``number`` tells the subscriptions of a line apart."""

    def __init__(
        self, line: Line, number: int, interest: Interest, owner: SubscriptionOwner
    ) -> None:
        self.line = line
        self.interest = interest
        self.state = SubscriptionState.WAITING
        self.server = 0
        self.dialog: Dialog | None = None
        self._owner = owner
        self._id = f"{line.number}/{number}"
        self._own: Flow | None = None
        self._hop: Hop | None = None
        self._view = interest.kind.view()
        self._request = 0  # of the engine
        self._asked: dict[int, Request] = {}  # the last SUBSCRIBE outside a dialog, by server
        self._names: dict[int, tuple[str, str]] = {}  # Call-ID and From tag, by server
        self._min_expires_s = 0
        self._expires_at = 0.0
        self._since = 0.0
        self._rest_s = 0.0

    # --- what happens to it -------------------------------------------------------------------

    def step(
        self,
        event: SubscriptionEvent,
        now: float,
        *,
        reason: str = "",
        rule: Rule | None = None,
        hop: Hop | None = None,
    ) -> None:
        """Let ``event`` happen."""
        before, step = self.state, TABLE[self.state][event]
        self.state = step.state
        if step.state is not before:
            self._tell(now, reason or event.value, rule, hop)
        if step.act is not Act.NOTHING:
            _ACTS[step.act](self, now)

    def due(self, now: float) -> None:
        """The refresh, or the next try; but only where the line's registration lets it live.

        B11 with ``failback_subscribe.enable`` 0: where the registration has moved, it follows
        with its refresh.
        """
        if not self._owner.may_live(self, now) and self.dialog is None:
            self.step(SubscriptionEvent.UNREGISTERED, now)
        elif (
            self.dialog is not None
            and self._hop is not None
            and self._owner.has_moved(self, self._hop, now)
        ):
            self.step(SubscriptionEvent.MOVED, now, rule=Rule.B11)
        else:
            self.step(SubscriptionEvent.DUE, now)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """The connection that its notifications came by has ended (R9)."""
        if flow is self._own:
            self._rest_s = _LEAST_REST_S
            self.step(SubscriptionEvent.CUT, now, rule=Rule.R9)

    # --- NOTIFY -------------------------------------------------------------------------------

    def is_meant_by(self, request: Request) -> bool:
        """True if a NOTIFY belongs to it: to its dialog, or to the SUBSCRIBE that waits for its
        answer, for the first NOTIFY may overtake that (RFC 6665 §4.1.2.4)."""
        if self.dialog is not None:
            return self.dialog.id == DialogId(request.call_id, request.to.tag, request.from_.tag)
        return self._asked_by(request) is not None

    def notified(self, request: Request, flow: Flow, now: float) -> int:
        """Take a NOTIFY of ours; the status to answer with. Raises SipParseError (400)."""
        event = parse_event(request.get("Event") or "")
        if not event.same_as(self.interest.kind.event):
            return 489
        told = parse_subscription_state(request.get("Subscription-State") or "")
        if self.dialog is None:
            self._begin_by_notify(request, flow)
        else:
            self.dialog, status = self.dialog.receive(request)
            if status:
                return status
        complete = self._view.take(request.body) if request.body else True
        self._show(now)
        self._heed(told, now)
        if not complete and self.state is SubscriptionState.ACTIVE:
            self.step(SubscriptionEvent.DUE, now, reason="a notification is missing")
        return 200

    def _begin_by_notify(self, request: Request, flow: Flow) -> None:
        asked = self._asked_by(request)
        if asked is not None:
            self.dialog = Dialog.as_subscriber(asked, request)
            self._hold(flow)

    def _asked_by(self, notify: Request) -> Request | None:
        if self.state is not SubscriptionState.SUBSCRIBING:
            return None
        for asked in self._asked.values():
            if (asked.call_id, asked.from_.tag) == (notify.call_id, notify.to.tag):
                return asked
        return None

    def _heed(self, told: Told, now: float) -> None:
        """What Subscription-State says of the time that is left, or of the end."""
        if not told.over:
            if told.expires_s is not None and self.state is SubscriptionState.ACTIVE:
                self._expires_at = now + told.expires_s
                self.step(SubscriptionEvent.GRANTED, now)
            return
        again = AGAIN.get(told.reason, Again.LATER)
        if again is Again.AT_ONCE and now < self._since + _STOOD_S:
            again = Again.LATER
        self._rest_s = float(told.retry_after_s or 0)
        self.step(_ENDED[again], now, reason=told.reason)

    def _show(self, now: float) -> None:
        news = self._view.news(self.line.number, self.server, self.interest.subject, now)
        if news is not None:
            self.line.services.announce(news)

    # --- line.Wanted --------------------------------------------------------------------------

    def send(self, attempt: Attempt, now: float) -> Exchange:
        """Make this attempt."""
        refresh = self.state is SubscriptionState.REFRESHING
        return (RefreshJob if refresh else SubscribeJob)(self, attempt).start(now)

    def completed(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """The engine has the result; a success was told by the job already."""
        self._request = 0
        if outcome.ok and self.dialog is not None:
            return
        lost = self.state is SubscriptionState.REFRESHING and outcome.code in _UNKNOWN
        self._rest_s = outcome.retry_after_s
        self.step(
            SubscriptionEvent.LOST if lost else SubscriptionEvent.FAILED,
            now,
            reason=str(outcome),
            rule=Rule.A7 if outcome.code else Rule.A1,
            hop=attempt.hop if attempt is not None else None,
        )

    # --- from the jobs ------------------------------------------------------------------------

    def build(self, attempt: Attempt, flow: Flow, cseq: int) -> Request:
        """A SUBSCRIBE outside a dialog for the target of ``attempt``."""
        line, server = self.line, attempt.registrar
        names = self._names.get(server)
        if names is None:
            rng = line.services.rng
            names = self._names[server] = (new_call_id(rng), new_tag(rng))
        subject = self.interest.subject
        uri = line.identity.callee(subject, server) if subject else line.identity.aor(server).uri
        request = request_to(
            "SUBSCRIBE",
            uri,
            from_=line.identity.aor(server, names[1]),
            to=NameAddr(uri),
            call_id=names[0],
            cseq=cseq,
            contact=line.identity.contact(server, flow),
            routes=line.book.routes(server, attempt.hop.target),
            user_agent=line.services.user_agent,
        )
        self._describe(request)
        self._asked[server] = request
        return request

    def build_refresh(self, attempt: Attempt, exchange: Exchange, flow: Flow) -> Request:
        """A SUBSCRIBE within the dialog for the target of ``exchange``."""
        assert self.dialog is not None
        contact = self.line.identity.contact(attempt.registrar, flow)
        self.dialog, request = replace(self.dialog, contact=contact).request("SUBSCRIBE")
        if self._own is not None:
            first = hop_of(self.line.services, self.dialog, self._own)
            if exchange.target != first:
                reroute(request, first, exchange.target)
        self._describe(request)
        return request

    def too_brief(self, response: Response) -> bool:
        """A4: remember the notifier's Min-Expires."""
        least = lenient(lambda: response.min_expires, None)
        asked = max(self.interest.period_s, self._min_expires_s)
        if not least or not asked < least <= _LONGEST_INTERVAL_S:
            return False
        self._min_expires_s = least
        return True

    def granted(self, attempt: Attempt, leg: Leg, response: Response, now: float) -> None:
        """A 2xx outside a dialog. Where a NOTIFY of another notifier came first, that one is
        surplus: the server that answered is the one that serves."""
        dialog = lenient(lambda: Dialog.as_caller(leg.request, response), None)
        if dialog is None:
            return
        first, own = self.dialog, self._own
        if first is not None and own is not None and first.id == dialog.id:
            dialog = replace(dialog, remote_cseq=first.remote_cseq)
        elif first is not None and own is not None:
            self.end_surplus(first, own, now)
        self.dialog, self.server, self._hop = dialog, attempt.registrar, attempt.hop
        self._since = now
        self._hold(leg.flow)
        self._grant(response, attempt, now)

    def refreshed(self, attempt: Attempt, leg: Leg, response: Response, now: float) -> None:
        """A 2xx within the dialog; at another target than its own, that is its way now (C2)."""
        if self.dialog is None or self._own is None:
            return
        dialog = self.dialog
        first = hop_of(self.line.services, dialog, self._own)
        if attempt.hop.target != first:
            routes = rerouted(dialog.route_set, first, attempt.hop.target)
            dialog = replace(dialog, route_set=routes)
        self.dialog = lenient(lambda: dialog.answered(response), dialog)
        self._hop = attempt.hop
        self._hold(leg.flow)
        self._grant(response, attempt, now)

    def _grant(self, response: Response, attempt: Attempt, now: float) -> None:
        asked = self._period_s() or _DEFAULT_S
        granted = lenient(lambda: response.expires, None)
        self._expires_at = now + (asked if granted is None else min(granted, _LONGEST_INTERVAL_S))
        # a grant of no time is an end: again after the interval, not at once
        said = SubscriptionEvent.ENDED_LATER if granted == 0 else SubscriptionEvent.GRANTED
        self.step(said, now, rule=attempt.rule, hop=attempt.hop)

    # --- acts of the table --------------------------------------------------------------------

    def _subscribe(self, now: float) -> None:
        self._names.clear()
        self._asked.clear()
        self._view = self.interest.kind.view()
        server = self.line.working_server if self.interest.kind.working_only else 0
        self._disarm()
        self._request = self.line.want(self, "SUBSCRIBE", now, someone_waits=False, server=server)

    def _refresh(self, now: float) -> None:
        assert self.dialog is not None
        assert self._own is not None
        first = hop_of(self.line.services, self.dialog, self._own)
        self._disarm()
        self._request = self.line.want(
            self, "SUBSCRIBE", now, someone_waits=False, at=first, server=self.server
        )

    def _keep(self, now: float) -> None:
        left = max(self._expires_at - now, 0.0)
        wait = max(left - min(_OVERLAP_S, left / 2), min(left, _LEAST_REFRESH_S))
        self._arm(now + max(wait, _LEAST_REST_S))

    def _rest(self, now: float) -> None:
        self._drop(now)
        interval = float(self.line.settings.sub_fail_retry_interval)
        rest, self._rest_s = self._rest_s, 0.0
        self._arm(now + max(rest or interval, _LEAST_REST_S))

    def _anew(self, now: float) -> None:
        self._drop(now)
        self._subscribe(now)

    def _move(self, now: float) -> None:
        self._end(now)
        self._subscribe(now)

    def _end(self, now: float) -> None:
        """Tell the notifier, unless B10 forbids to send there."""
        dialog, own, hop = self.dialog, self._own, self._hop
        self._drop(now)
        if dialog is None or own is None or hop is None:
            return
        line = self.line
        if line.engine.may_signal("SUBSCRIBE", self.server, hop.group, hop.target, now):
            self.end_surplus(dialog, own, now)

    def _drop(self, now: float) -> None:
        self._disarm()
        if self._request:
            request, self._request = self._request, 0
            self.line.unwant(request, now)
        self.dialog = self._hop = None
        if self._own is not None:
            self.line.services.flows.release(self._own, self._holder, now)
            self._own = None

    # --- inside -------------------------------------------------------------------------------

    def end_surplus(self, dialog: Dialog, own: Flow, now: float) -> None:
        """End a subscription that stands at a notifier and is of no use (A11)."""
        self._owner.ending(dialog)
        Unsubscribe(self, dialog).say(own, now)

    def describe_end(self, request: Request) -> None:
        """Make a SUBSCRIBE the last one (RFC 6665 §4.1.2.3)."""
        self._describe(request)
        request.set("Expires", 0)

    def _describe(self, request: Request) -> None:
        request.add("Event", self.interest.kind.event)
        request.add("Accept", self.interest.kind.accept)
        period = self._period_s()
        if period:
            request.add("Expires", period)

    def _period_s(self) -> int:
        return max(self.interest.period_s, self._min_expires_s)

    def _hold(self, flow: Flow) -> None:
        if self._own is not None and self._own is not flow:
            flows = self.line.services.flows
            flows.release(self._own, self._holder, flow.touched)
        self._own = flow
        self.line.services.flows.hold_open(flow, self._holder)

    @property
    def _holder(self) -> Holder:
        return ("subscription", self._id)

    def _arm(self, at: float) -> None:
        self.line.services.timers.set(Timer(TimerKind.SUBSCRIPTION, self._id), at)

    def _disarm(self) -> None:
        self.line.services.timers.cancel(Timer(TimerKind.SUBSCRIPTION, self._id))

    def _tell(self, now: float, reason: str, rule: Rule | None, hop: Hop | None) -> None:
        self.line.services.announce(
            SubscriptionChanged(
                at=now,
                line=self.line.number,
                server=self.server,
                hop=hop,
                rule=rule,
                reason=reason,
                package=self.interest.kind.package,
                subject=self.interest.subject,
                state=self.state.value,
            )
        )

    def snapshot(self) -> SubscriptionSnapshot:
        """For people and checkers."""
        return SubscriptionSnapshot(
            line=self.line.number,
            package=self.interest.kind.package,
            subject=self.interest.subject,
            state=self.state.value,
            server=self.server if self.dialog is not None else 0,
            target=self._own.target if self._own is not None else None,
            expires_at=self._expires_at if self.dialog is not None else None,
        )


_ACTS: dict[Act, Callable[[Subscription, float], None]] = {
    Act.SUBSCRIBE: Subscription._subscribe,
    Act.REFRESH: Subscription._refresh,
    Act.KEEP: Subscription._keep,
    Act.REST: Subscription._rest,
    Act.ANEW: Subscription._anew,
    Act.MOVE: Subscription._move,
    Act.DROP: Subscription._drop,
    Act.END: Subscription._end,
}
