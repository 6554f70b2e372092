"""The callee's side: an INVITE that rings until it is answered, declined or given up (F6)."""

from __future__ import annotations

from collections.abc import Callable

from evertone.phone.call import Call, CallOwner
from evertone.phone.call_states import Act, CallEvent, CallState
from evertone.phone.flow_table import Flow
from evertone.phone.line import Line
from evertone.sip.build import new_tag, response_to
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response

__all__ = ["IncomingCall"]

_RING_AGAIN_S = 60.0  # RFC 3261 §13.3.1.1: proxies forget a call that is silent for longer
_RING_LIMIT_S = 180.0


class IncomingCall(Call):
    """A call to us. ``tid`` is the INVITE's server transaction, ``invite`` has been checked."""

    direction = "in"

    def __init__(
        self,
        id: str,
        line: Line,
        owner: CallOwner,
        tid: int,
        invite: Request,
        flow: Flow,
        server: int,
    ) -> None:
        peer = invite.from_.uri
        super().__init__(id, line, peer.user or str(peer), CallState.ALERTING, owner, server=server)
        self.tid = tid
        self.invite = invite
        self._tag = new_tag(line.services.rng)
        self._flow = flow
        self._rings_until = 0.0
        self.transaction_over = False  # the layer has done with the INVITE

    def begin(self, now: float) -> None:
        """Ring. Raises SipParseError where the INVITE cannot make a dialog."""
        ringing = self._response(180)
        self.dialog = Dialog.as_callee(self.invite, ringing)
        self.hold(self._flow)
        self._rings_until = now + _RING_LIMIT_S
        self.services.layer.respond(self.tid, ringing, now)
        self.arm(now + _RING_AGAIN_S)
        self.tell(now, reason="a call comes in")
        self._owner.changed(self, now)

    def ring_due(self, now: float) -> None:
        """Ring once more, or give up."""
        if now >= self._rings_until:
            self.step(CallEvent.TOO_LONG, now, code=480)
            return
        self.services.layer.respond(self.tid, self._response(180), now)
        self.arm(now + _RING_AGAIN_S)

    @property
    def acts(self) -> dict[Act, Callable[[float], None]]:
        """The callee's."""
        return {
            Act.ACCEPT: self._accept,
            Act.DECLINE: lambda now: self._refuse(603, now),
            Act.BUSY: lambda now: self._refuse(486, now),
            Act.UNAVAILABLE: lambda now: self._refuse(480, now),
            Act.TERMINATED: lambda now: self._refuse(487, now),
            Act.BYE: self._bye_once,
            Act.OWE_BYE: self._owe_bye,
        }

    def _accept(self, now: float) -> None:
        self.disarm()
        answer = self._response(200)
        # The offer was tried before it rang, so this cannot raise.
        self.put_description(answer, self.invite, self._flow)
        self.dialog = Dialog.as_callee(self.invite, answer)
        self.services.layer.respond(self.tid, answer, now)

    def _refuse(self, status: int, now: float) -> None:
        self.services.layer.respond(self.tid, self._response(status), now)
        self.dialog = None

    def _owe_bye(self, now: float) -> None:
        """The dialog stays known until the ACK comes or is given up; then BYE."""

    def _bye_once(self, now: float) -> None:
        self.say_bye(now)
        self.dialog = None

    def _response(self, status: int) -> Response:
        response = response_to(self.invite, status, to_tag=self._tag)
        if status < 300:
            response.add("Contact", self.line.identity.contact(self.server, self._flow))
        return response
