"""Requests that come in: found a line, a call or nothing, and answered (RFC 3261 §8.2, §12.2.2)."""

from __future__ import annotations

from collections.abc import Callable

from evertone.errors import SipParseError
from evertone.phone.call import Call
from evertone.phone.call_states import CallEvent, CallState
from evertone.phone.calls import Calls
from evertone.phone.flow_table import Flow
from evertone.phone.identity import LINE_PARAM
from evertone.phone.line import Line
from evertone.phone.reading import lenient
from evertone.phone.replace import Answered
from evertone.phone.services import Services
from evertone.phone.watching import message_waiting
from evertone.rules import Rule
from evertone.sip import dialog_info, message_summary
from evertone.sip.build import ALLOW, new_tag, response_to
from evertone.sip.check import check_request, unsupported_extensions
from evertone.sip.dialog import Dialog, DialogId
from evertone.sip.grammar import unescape
from evertone.sip.message import Request, Response
from evertone.sip.replaces import OPTION_TAG, parse_replaces
from evertone.sip.sdp import SDP_TYPE
from evertone.sip.transaction import GotAck, GotCancel, GotRequest, NoAck

__all__ = ["INSIDE", "OUTSIDE", "Uas"]

_ACCEPTED_EVENTS = frozenset({"message-summary", "check-sync", "reg", "keep-alive"})
_ALLOW_EVENTS = f"{message_summary.PACKAGE}, {dialog_info.PACKAGE}"
_SUPPORTED = (OPTION_TAG,)
_KNOWN_METHODS = frozenset(
    {"REGISTER", "SUBSCRIBE", "REFER", "MESSAGE", "INFO", "PRACK", "PUBLISH", "UPDATE"}
)


class Uas:
    """The server side of one phone."""

    def __init__(
        self, services: Services, lines: dict[int, Line], calls: Calls, *, auto_answer: bool
    ) -> None:
        self._services = services
        self._lines = lines
        self._calls = calls
        self._auto_answer = auto_answer
        self._tokens = {
            token: (line, server)
            for line in lines.values()
            for token, server in line.identity.tokens.items()
        }

    # --- from the transaction layer -------------------------------------------------------------

    def got_request(self, effect: GotRequest, flow: Flow, now: float) -> None:
        """A new server transaction."""
        tid, request = effect.tid, effect.request
        fault = check_request(request, supported=_SUPPORTED)
        if fault is not None:
            self._refuse(tid, request, fault[0], now, reason=fault[1])
            return
        table = INSIDE if request.to.tag else OUTSIDE
        handler = table.get(request.method)
        if handler is not None:
            handler(self, tid, request, flow, now)
            return
        # RFC 3261 §8.2.1: a method that we know but do not take, and one that nobody told us of
        self._refuse(tid, request, 405 if request.method in _KNOWN_METHODS else 501, now)

    def got_ack(self, effect: GotAck, now: float) -> None:
        """The ACK to a 200 of ours."""
        answered = self._calls.answered_by(effect.tid)
        if answered is not None:
            answered.call.session.take_answer(effect.request.body)
            answered.acked(now)
        call = self._calls.of_transaction(effect.tid)
        if call is not None:
            call.session.take_answer(effect.request.body)  # of an offer in our 200
            call.step(CallEvent.ACKED, now)

    def got_cancel(self, effect: GotCancel, now: float) -> None:
        """The caller gave up; the layer has answered the CANCEL itself."""
        call = self._calls.of_transaction(effect.tid)
        if call is not None:
            call.step(CallEvent.CANCELLED, now, code=487)

    def no_ack(self, effect: NoAck, now: float) -> None:
        """Our answer was never acknowledged.

        RFC 3261 §14.2 ends a call whose re-INVITE is not. With ``call_survival`` that is a sign
        of a dead server, and no outage ends a call (C4, X5): it looks for its peer.
        """
        answered = self._calls.answered_by(effect.tid)
        if answered is not None and answered.call.answered_last == effect.tid:
            if answered.call.line.settings.call_survival:
                answered.call.way.look(now)
            else:
                answered.call.step(CallEvent.NOT_ACKED, now)
        call = self._calls.of_transaction(effect.tid)
        if call is not None and call.state in (CallState.ANSWERING, CallState.ENDED):
            call.step(CallEvent.NOT_ACKED, now)

    # --- outside a dialog -------------------------------------------------------------------------

    def _invite(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        found = self._line_of(request, flow)
        if found is None:
            self._refuse(tid, request, 404, now)
            return
        if self._calls.has_invite(request.call_id, request.from_.tag):  # F6, RFC 3261 §8.2.2.2
            self._refuse(tid, request, 482, now)
            return
        line, server = found
        if "Replaces" in request:
            self._take_over(tid, request, flow, server, now)
            return
        if self._calls.full or self._services.stopping:
            self._refuse(tid, request, 486, now)
            return
        call = self._calls.ring(line, tid, request, flow, server)
        error = call.can_meet(request)
        if error is not None:
            call.discard()
            self._refuse(tid, request, error.status or 400, now)
            return
        try:
            self._calls.took(call, now)
        except SipParseError as unfit:
            call.discard()
            self._refuse(tid, request, unfit.status or 400, now)
            return
        if self._auto_answer:
            call.step(CallEvent.ANSWER, now)

    def _take_over(self, tid: int, request: Request, flow: Flow, server: int, now: float) -> None:
        """X5, RFC 3891 §3: a call goes on in another dialog. It does not ring; the dialog
        replaced is ended once the new one is acknowledged."""
        try:
            call = self._replaced(request, now)
            answer = self._response(request, 200)
            answer.add("Contact", call.line.identity.contact(server, flow))
            dialog = Dialog.as_callee(request, answer)
            call.put_description(answer, request, flow)
        except SipParseError as error:
            self._refuse(tid, request, error.status or 400, now)
            return
        assert call.dialog is not None
        assert call.own is not None
        self._calls.has_answered(tid, Answered(call, (call.dialog, call.own)))
        origin, hop = call.own.target, call.line.hop_at(flow.target)
        call.take_over(dialog, flow, server, now)
        if hop is not None:
            call.tell_moved(origin, hop, Rule.X5, "the peer has moved it", now)
        self._services.layer.respond(tid, answer, now)
        call.tell_media(now)

    def _replaced(self, request: Request, now: float) -> Call:
        """The call that an INVITE with Replaces is about. Raises SipParseError with the status
        to refuse it with."""
        if request.count("Replaces") > 1:
            raise SipParseError("more than one Replaces", 400)
        replaces = parse_replaces(request.get("Replaces") or "")
        call = self._calls.of_dialog(replaces.dialog)
        if call is None or call.state is not CallState.ESTABLISHED:
            raise SipParseError("Replaces: no such dialog", 481)
        if replaces.early_only:
            raise SipParseError("Replaces: it has been answered", 486)
        unfit = call.can_meet(request)
        if unfit is not None:
            raise unfit
        if not call.way.may_answer(now):
            raise SipParseError("Replaces: we are replacing it ourselves", 491)
        return call

    def _options(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        """RFC 3261 §11.2: what we can do. No call is meant, so no description either."""
        response = self._response(request, 200)
        response.add("Allow", ALLOW)
        response.add("Accept", SDP_TYPE)
        self._services.layer.respond(tid, response, now)

    def _notify(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        """Unasked, as some servers send it: taken where it asks nothing of a subscription."""
        event = (request.get("Event") or "").partition(";")[0].strip().lower()
        if event == message_summary.PACKAGE:
            self._tell_messages(request, flow, now)
        self._refuse(tid, request, 200 if event in _ACCEPTED_EVENTS else 481, now)

    def _tell_messages(self, request: Request, flow: Flow, now: float) -> None:
        found = self._line_of(request, flow)
        summary = lenient(lambda: message_summary.parse_message_summary(request.body), None)
        if found is not None and summary is not None:
            line, server = found
            self._services.announce(message_waiting(summary, line.number, server, now))

    def _notify_within(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        """RFC 6665 §4.1.3: told to the subscription that it belongs to; 481 ends a strange one."""
        status = 0
        try:
            for line in self._lines.values():
                status = status or line.subscriptions.notified(request, flow, now)
        except SipParseError as error:
            status = error.status or 400
        self._refuse(tid, request, status or 481, now)

    def _no_dialog(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        self._refuse(tid, request, 481, now)

    # --- within a dialog --------------------------------------------------------------------------

    def _within(self, tid: int, request: Request, now: float) -> Call | None:
        """The call that a request belongs to; otherwise it is answered here."""
        id = DialogId(request.call_id, request.to.tag, request.from_.tag)
        call = self._calls.of_dialog(id)
        if call is None or call.dialog is None:
            self._refuse(tid, request, 481, now)
            return None
        call.dialog, status = call.dialog.receive(request)
        if status:
            self._refuse(tid, request, status, now)
            return None
        return call

    def _bye(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        call = self._within(tid, request, now)
        if call is not None:
            self._refuse(tid, request, 200, now)
            call.step(CallEvent.PEER_BYE, now)

    def _describe(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        """A re-INVITE: the session goes on as the peer describes it (RFC 3261 §14.2)."""
        call = self._within(tid, request, now)
        if call is None:
            return
        if call.state is not CallState.ESTABLISHED or not call.way.may_answer(now):
            self._refuse(tid, request, 491, now)
            return
        response = self._response(request, 200)
        response.add("Contact", call.line.identity.contact(call.server, flow))
        try:
            call.put_description(response, request, flow)
        except SipParseError as error:
            self._refuse(tid, request, error.status or 400, now)
            return
        self._calls.has_answered(tid, Answered(call))
        self._services.layer.respond(tid, response, now)
        call.reached_by(flow, now)
        call.tell_media(now)

    def _options_within(self, tid: int, request: Request, flow: Flow, now: float) -> None:
        if self._within(tid, request, now) is not None:
            self._options(tid, request, flow, now)

    # --- inside -----------------------------------------------------------------------------------

    def _line_of(self, request: Request, flow: Flow) -> tuple[Line, int] | None:
        """R10: by the parameter of our Contact, else by the user and whom the flow leads to."""
        uri = request.request_uri
        found = self._tokens.get(uri.param(LINE_PARAM) or "")
        if found is not None:
            return found
        user = unescape(uri.user)
        for line in self._lines.values():
            if user and unescape(line.identity.user) == user:
                return line, line.server_at(flow.target)
        return None

    def _response(self, request: Request, status: int, reason: str = "") -> Response:
        tag = "" if request.to.tag else new_tag(self._services.rng)
        return response_to(request, status, reason, to_tag=tag)

    def _refuse(
        self, tid: int, request: Request, status: int, now: float, *, reason: str = ""
    ) -> None:
        """Answer with a status alone."""
        try:
            response = self._response(request, status, reason)
        except SipParseError:  # not even To can be read: nothing that could be answered
            return
        if status == 405:
            response.add("Allow", ALLOW)
        elif status == 489:
            response.add("Allow-Events", _ALLOW_EVENTS)
        elif status == 420:
            for tag in unsupported_extensions(request, _SUPPORTED):
                response.add("Unsupported", tag)
        self._services.layer.respond(tid, response, now)


_Handler = Callable[[Uas, int, Request, Flow, float], None]

OUTSIDE: dict[str, _Handler] = {
    "INVITE": Uas._invite,
    "OPTIONS": Uas._options,
    "NOTIFY": Uas._notify,
    "BYE": Uas._no_dialog,
}
"""What a request without To tag leads to."""

INSIDE: dict[str, _Handler] = {
    "INVITE": Uas._describe,
    "BYE": Uas._bye,
    "OPTIONS": Uas._options_within,
    "NOTIFY": Uas._notify_within,
}
"""What a request with To tag leads to."""
