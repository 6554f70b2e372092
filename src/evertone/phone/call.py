"""What every call has: a place in the table of states, a dialog, a media port, an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from evertone.errors import SipParseError, UsageError
from evertone.events import CallChanged, CallMoved, MediaChanged
from evertone.model import Hop, Target
from evertone.phone.call_states import PUBLIC, TABLE, Act, CallEvent, CallState
from evertone.phone.dialogs import Farewell, SurplusBye, hop_of
from evertone.phone.flow_table import Flow, Holder
from evertone.phone.line import Line
from evertone.phone.media_session import MediaSession
from evertone.phone.next_hop import rerouted
from evertone.phone.services import Services
from evertone.phone.snapshot import CallSnapshot
from evertone.phone.timer import Timer, TimerKind
from evertone.phone.way import Way
from evertone.rules import Rule
from evertone.sip.build import with_sdp
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response
from evertone.sip.sdp import Direction

__all__ = ["Call", "CallOwner"]


class CallOwner(Protocol):
    """Who keeps the calls."""

    def changed(self, call: Call, now: float) -> None:
        """A call changed its state, server or dialog."""


class Call:
    """One call. Subclasses are the caller's and the callee's side."""

    direction = ""

    def __init__(
        self,
        id: str,
        line: Line,
        peer: str,
        state: CallState,
        owner: CallOwner,
        *,
        server: int = 0,
        session: MediaSession | None = None,
    ) -> None:
        self.id = id
        self.line = line
        self.peer = peer
        self.state = state
        self.server = server
        self.dialog: Dialog | None = None
        self.own: Flow | None = None  # the flow by which the dialog was made
        self.answered_last = 0  # the transaction of the peer's last INVITE within the call
        self._owner = owner
        self._borrows = session is not None
        self.session = session or MediaSession(line.services.media_ports.lend())
        self.way = Way(self)
        self._told_media = Direction.SENDRECV

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
        if self.state is CallState.ESTABLISHED:
            self.way.timer_due(now)
        else:
            self.ring_due(now)

    def ring_due(self, now: float) -> None:
        """It has not been answered for a while."""
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
            self._told_media.value,
        )

    # --- media ----------------------------------------------------------------------------------

    def set_media(self, direction: Direction, now: float) -> None:
        """Hold (sendonly) or resume (sendrecv). Raises UsageError where that means nothing."""
        if self.state is not CallState.ESTABLISHED:
            raise UsageError(f"call {self.id!r} is {self.state.value}: nothing to hold")
        self.way.want(direction, now)

    def put_offer(self, message: Request | Response, flow: Flow) -> None:
        """Give ``message`` our offer: G.711 at our address on ``flow``."""
        with_sdp(message, self.session.offer(flow.local[0]))

    def put_description(self, response: Response, request: Request, flow: Flow) -> None:
        """Give the 200 to an INVITE its description: the answer to the offer of
        ``request``, or our offer where it has none (RFC 3264, RFC 3261 §13.3.1.4).

        Raises SipParseError (400, 488) where the offer cannot be met.
        """
        if not request.body:
            self.put_offer(response, flow)
            return
        with_sdp(response, self.session.answer(request.body, flow.local[0]))

    def can_meet(self, request: Request) -> SipParseError | None:
        """Why the offer of ``request`` cannot be met; None if it can."""
        return self.session.can_meet(request.body) if request.body else None

    def tell_media(self, now: float, *, reason: str = "") -> None:
        """Announce who sends, if that is news."""
        direction = self.session.direction
        if direction is None or direction is self._told_media:
            return
        self._told_media = direction
        self.services.announce(
            MediaChanged(
                at=now,
                line=self.line.number,
                server=self.server,
                reason=reason,
                call=self.id,
                media=direction.value,
            )
        )

    # --- the way (C2, X5) -----------------------------------------------------------------------

    @property
    def next_hop(self) -> Target | None:
        """Where the dialog's next request goes; None without one."""
        if self.dialog is None or self.own is None:
            return None
        return hop_of(self.services, self.dialog, self.own)

    def hangs_on(self, target: Target) -> bool:
        """True if the call's requests go to ``target``, or come from there."""
        return self.own is not None and target in (self.own.target, self.next_hop)

    def may_signal(self, now: float) -> bool:
        """False where B10 forbids a re-INVITE to the dialog's own next hop."""
        hop = self.next_hop
        return hop is None or self.line.may_signal("INVITE", self.server, hop, now)

    def reroute(self, dead: Target, instead: Target) -> None:
        """C2: from now on ``instead`` takes the place of ``dead`` in the route set."""
        if self.dialog is not None:
            routes = rerouted(self.dialog.route_set, dead, instead)
            self.dialog = replace(self.dialog, route_set=routes)

    def go_by(self, flow: Flow, now: float) -> None:
        """The call hangs on ``flow`` now."""
        before = self.own
        self.hold(flow)
        if before is not None and before is not flow:
            self.services.flows.release(before, self._holder, now)

    def reached_by(self, flow: Flow, now: float) -> None:
        """The peer's re-INVITE came by ``flow``. Where that leads to another server of ours
        than the dialog does, the peer has left that one: so do we (C2)."""
        own = self.own
        hop = self.line.hop_at(flow.target)
        if own is None or hop is None or flow is own or flow.target == own.target:
            return
        if self.next_hop == own.target:
            self.reroute(own.target, flow.target)
        self.go_by(flow, now)
        self.tell_moved(own.target, hop, Rule.C2, "the peer asks by another server", now)

    def tell_moved(self, origin: Target, hop: Hop, rule: Rule, reason: str, now: float) -> None:
        """Announce that the call goes on by ``hop`` (C3)."""
        self.services.announce(
            CallMoved(
                at=now,
                line=self.line.number,
                server=self.server,
                hop=hop,
                rule=rule,
                reason=reason,
                call=self.id,
                origin=origin,
            )
        )

    def take_over(self, dialog: Dialog, flow: Flow, server: int, now: float) -> None:
        """The call goes on in another dialog (RFC 3891)."""
        self.dialog, self.server = dialog, server
        self.go_by(flow, now)
        self._owner.changed(self, now)

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
        self.services.media_ports.give_back(self.session.port)

    @property
    def _holder(self) -> Holder:
        return ("call", self.id)

    def _release(self, now: float) -> None:
        self.disarm()
        self.way.close(now)
        if not self._borrows:
            self.services.media_ports.give_back(self.session.port)
        if self.own is not None:
            self.services.flows.release(self.own, self._holder, now)
