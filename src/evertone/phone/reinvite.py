"""A re-INVITE: the session once more, by the dialog's own way or what serves in its place (C2)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from evertone.model import Attempt, Outcome, OutcomeKind
from evertone.phone.attempt import AttemptJob
from evertone.phone.dialogs import hop_of, send_ack
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow
from evertone.phone.next_hop import reroute, rerouted
from evertone.phone.reading import lenient
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response

if TYPE_CHECKING:
    from evertone.phone.call import Call

__all__ = ["Reinvite", "Verdict"]


class Verdict(enum.Enum):
    """What the end of a re-INVITE means for its call."""

    DONE = "the peer agreed"
    GLARE = "the peer was asking, too"
    REFUSED = "the peer does not want it: all stays as it is"
    GONE = "the peer knows no such call"
    CUT_OFF = "the peer cannot be reached by the call's own way"
    LOST = "no other way leads to the peer"


_OWN: dict[int, Verdict] = {408: Verdict.CUT_OFF, 481: Verdict.GONE, 491: Verdict.GLARE}
"""What a refusal by the dialog's own next hop means; else REFUSED (RFC 3261 §12.2.1.2, §14.1)."""

_PEERS_OWN = frozenset({488, 491, 606})
"""By another target only these can have come from the peer: a server that was never in the
dialog may say anything else of itself (C2)."""


class _ReinviteJob(AttemptJob):
    """The re-INVITE at one target: a new transaction with the next CSeq (C2)."""

    __slots__ = ("_answered", "_dialog", "_reinvite")

    def __init__(self, reinvite: Reinvite, attempt: Attempt) -> None:
        super().__init__(reinvite.call.line, attempt)
        self._reinvite = reinvite
        self._answered = False
        self._dialog: Dialog | None = None  # as it is by this target

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """With our Contact on the flow that it goes by."""
        self._dialog, request = self._reinvite.build(self.attempt, exchange, flow)
        return request

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx is acknowledged each time it comes (RFC 3261 §13.2.2.4)."""
        if 200 <= response.status < 300:
            self._acknowledge(leg, now)
            if self._answered:
                return
            self._answered = True
            self._reinvite.agreed(self.attempt, leg, response, now)
        super().answered(leg, response, now)

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx to one that was given up: acknowledged, for the peer waits for that; what it
        says of the session, a later re-INVITE has said again."""
        self._acknowledge(leg, now)

    def _acknowledge(self, leg: Leg, now: float) -> None:
        """By the way that the INVITE went (A13)."""
        if self._dialog is not None:
            send_ack(self.line.services, self._dialog, leg.request, leg.flow, now)


class Reinvite:
    """One re-INVITE of ``call``, walked by the engine; ``over`` hears its end once."""

    def __init__(
        self, call: Call, over: Callable[[Verdict, Outcome, Attempt | None, float], None]
    ) -> None:
        assert call.dialog is not None
        assert call.own is not None
        self.call = call
        self.first = hop_of(call.services, call.dialog, call.own)
        self.moved = False
        """True once the peer agreed by another target than the dialog's own (C2)."""
        self._over = over
        self._request = 0

    def begin(self, now: float) -> None:
        """Send it: to the dialog's next hop, then to the other targets of its list."""
        call = self.call
        self._request = call.line.want(
            self, "INVITE", now, someone_waits=True, at=self.first, server=call.server
        )

    def withdraw(self, now: float) -> None:
        """Nobody wants to know any more."""
        if self._request:
            self.call.line.unwant(self._request, now)

    # --- line.Wanted --------------------------------------------------------------------------

    def send(self, attempt: Attempt, now: float) -> Exchange:
        """Make this attempt."""
        return _ReinviteJob(self, attempt).start(now)

    def completed(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """The engine has the result."""
        self._request = 0
        self._over(self._verdict(outcome, attempt), outcome, attempt, now)

    def _verdict(self, outcome: Outcome, attempt: Attempt | None) -> Verdict:
        if outcome.ok:
            return Verdict.DONE
        if attempt is None or outcome.kind is OutcomeKind.UNAVAILABLE:
            return Verdict.LOST
        if attempt.hop.target != self.first and outcome.code not in _PEERS_OWN:
            return Verdict.LOST
        return _OWN.get(outcome.code, Verdict.REFUSED)

    # --- from the jobs ------------------------------------------------------------------------

    def build(self, attempt: Attempt, exchange: Exchange, flow: Flow) -> tuple[Dialog, Request]:
        """The request for the target of ``exchange``, and the dialog by that target."""
        call = self.call
        assert call.dialog is not None
        contact = call.line.identity.contact(attempt.registrar, flow)
        call.dialog, request = replace(call.dialog, contact=contact).request("INVITE")
        dialog = call.dialog
        if exchange.target != self.first:
            reroute(request, self.first, exchange.target)
            routes = rerouted(dialog.route_set, self.first, exchange.target)
            dialog = replace(dialog, route_set=routes)
        call.put_offer(request, flow)
        return dialog, request

    def agreed(self, attempt: Attempt, leg: Leg, response: Response, now: float) -> None:
        """The first 2xx: the session is as both have said now; so is the way."""
        call = self.call
        if call.dialog is None or call.over:
            return
        dialog = call.dialog
        call.dialog = lenient(lambda: dialog.answered(response), dialog)
        call.session.take_answer(response.body)
        if attempt.hop.target != self.first:
            self.moved = True
            call.reroute(self.first, attempt.hop.target)
        call.go_by(leg.flow, now)
