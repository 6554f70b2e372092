"""What every call has: a place in the table of states, a dialog, a media port, an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evertone.errors import SipParseError
from evertone.events import CallChanged
from evertone.model import Hop, Target
from evertone.phone.call_states import PUBLIC, TABLE, Act, CallEvent, CallState
from evertone.phone.dialogs import Farewell, SurplusBye
from evertone.phone.flow_table import Flow, Holder
from evertone.phone.line import Line
from evertone.phone.services import Services
from evertone.phone.snapshot import CallSnapshot
from evertone.phone.timer import Timer, TimerKind
from evertone.rules import Rule
from evertone.sip import sdp
from evertone.sip.build import with_sdp
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response

__all__ = ["Call", "CallOwner"]


class CallOwner(Protocol):
    """Who keeps the calls."""

    def changed(self, call: Call, now: float) -> None:
        """A call changed its state, server or dialog."""


class Call:
    """One call. Subclasses are the caller's and the callee's side."""

    direction = ""

    def __init__(
        self, id: str, line: Line, peer: str, state: CallState, owner: CallOwner, *, server: int = 0
    ) -> None:
        self.id = id
        self.line = line
        self.peer = peer
        self.state = state
        self.server = server
        self.dialog: Dialog | None = None
        self.own: Flow | None = None  # the flow by which the dialog was made
        self._owner = owner
        self._media_port = line.services.media_ports.lend()
        self._sdp_version = 0

    @property
    def services(self) -> Services:
        """The phone's."""
        return self.line.services

    @property
    def over(self) -> bool:
        """True once the call has ended for the user."""
        return self.state is CallState.ENDED

    def step(
        self,
        event: CallEvent,
        now: float,
        *,
        code: int = 0,
        reason: str = "",
        rule: Rule | None = None,
        hop: Hop | None = None,
    ) -> bool:
        """Let ``event`` happen; False where the table knows nothing to do about it."""
        before, step = self.state, TABLE[self.state][event]
        self.state = step.state
        if step.state is not before:
            self.tell(now, code=code, reason=reason or event.value, rule=rule, hop=hop)
        if step.act is not Act.NOTHING:
            self.acts[step.act](now)
        if step.state is not before:
            if self.over:
                self._release(now)
            self._owner.changed(self, now)
        return step.state is not before or step.act is not Act.NOTHING

    def tell(
        self,
        now: float,
        *,
        code: int = 0,
        reason: str = "",
        rule: Rule | None = None,
        hop: Hop | None = None,
    ) -> None:
        """Announce the present state."""
        self.services.announce(
            CallChanged(
                at=now,
                line=self.line.number,
                server=self.server,
                hop=hop,
                rule=rule,
                reason=reason,
                call=self.id,
                state=PUBLIC[self.state],
                direction=self.direction,
                peer=self.peer,
                code=code,
            )
        )

    @property
    def acts(self) -> dict[Act, Callable[[float], None]]:
        """What the acts of the table are, on this side of a call."""
        raise NotImplementedError

    def timer_due(self, now: float) -> None:
        """The call's own timer is due."""
        raise NotImplementedError

    def snapshot(self) -> CallSnapshot:
        """For people and checkers."""
        target: Target | None = self.own.target if self.own is not None else None
        return CallSnapshot(
            self.id,
            self.line.number,
            self.direction,
            PUBLIC[self.state],
            self.peer,
            self.server,
            target,
        )

    # --- media ----------------------------------------------------------------------------------

    def put_offer(self, message: Request | Response, flow: Flow) -> None:
        """Give ``message`` our offer: G.711 at our address on ``flow``."""
        self._sdp_version += 1
        offer = sdp.offer(flow.local[0], self._media_port, version=self._sdp_version)
        with_sdp(message, offer.to_bytes())

    def put_description(self, response: Response, request: Request, flow: Flow) -> None:
        """Give the 200 to an INVITE its description: the answer to the offer of
        ``request``, or our offer where it has none (RFC 3264, RFC 3261 §13.3.1.4).

        Raises SipParseError (400, 488) where the offer cannot be met.
        """
        if not request.body:
            self.put_offer(response, flow)
            return
        self._sdp_version += 1
        answer = sdp.answer(
            sdp.parse(request.body),
            flow.local[0],
            self._media_port,
            version=self._sdp_version,
        )
        with_sdp(response, answer.to_bytes())

    def can_meet(self, request: Request) -> SipParseError | None:
        """Why the offer of ``request`` cannot be met; None if it can."""
        if not request.body:
            return None
        try:
            sdp.answer(sdp.parse(request.body), "127.0.0.1", self._media_port)
        except SipParseError as error:
            return error
        return None

    # --- the end --------------------------------------------------------------------------------

    def hold(self, flow: Flow) -> None:
        """The dialog was made by ``flow``: it is held while the call lasts."""
        self.own = flow
        self.services.flows.hold_open(flow, self._holder)

    def say_bye(self, now: float) -> None:
        """End the dialog at the peer's side, too; for us it has ended already (C4)."""
        if self.dialog is None or self.own is None:
            return
        if self.services.stopping:  # engines conduct nothing any more
            SurplusBye(self.line, self.dialog).say(self.own, now)
        else:
            Farewell(self.line, self.dialog, self.own, self.server).say(now)

    def arm(self, at: float) -> None:
        """Set the call's own timer."""
        self.services.timers.set(Timer(TimerKind.CALL, self.id), at)

    def disarm(self) -> None:
        """Forget it."""
        self.services.timers.cancel(Timer(TimerKind.CALL, self.id))

    def discard(self) -> None:
        """It came to nothing before it began."""
        self.services.media_ports.give_back(self._media_port)

    @property
    def _holder(self) -> Holder:
        return ("call", self.id)

    def _release(self, now: float) -> None:
        self.disarm()
        self.services.media_ports.give_back(self._media_port)
        if self.own is not None:
            self.services.flows.release(self.own, self._holder, now)
