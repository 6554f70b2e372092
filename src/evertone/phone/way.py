"""The way of an established call: asked for, lost, found again (C2, B10, X5, R9).

A re-INVITE asks: for hold and resume, and to see whether the peer can still be reached when the
call's server seems dead. It goes by the dialog's own way, then by the other targets of its list
(C2). Where none leads to the peer, ``call_survival`` has the call moved by an INVITE with
Replaces through the server that serves (X5): by the caller at once, by the callee only when the
caller has not done so. Whatever comes of it, voice goes on (C4).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from evertone.errors import UsageError
from evertone.model import Attempt, Outcome, Target
from evertone.phone.call_states import CallEvent, CallState
from evertone.phone.reinvite import Reinvite, Verdict
from evertone.rules import Rule
from evertone.sip.sdp import Direction

if TYPE_CHECKING:
    from evertone.phone.call import Call
    from evertone.phone.replace import ReplacingCall

__all__ = ["Way", "WayState"]

_CALLEE_WAITS_S = 4.0  # the caller moves the call; only then its callee
_MAX_GLARES = 5
_DIED = "its server died"
_OWNER_WAITS_S = (2.1, 4.0)  # RFC 3261 §14.1: who made the Call-ID
_OTHER_WAITS_S = (0.0, 2.0)


class WayState(enum.Enum):
    """What is being done about the way."""

    QUIET = "nothing"
    ASKING = "a re-INVITE is out"
    PAUSING = "the peer was asking, too: again soon"  # RFC 3261 §14.1
    STANDING_BY = "the caller is given time to move the call"
    MOVING = "an INVITE with Replaces is out"  # X5


class Way:
    """The way of ``call``."""

    def __init__(self, call: Call) -> None:
        self.state = WayState.QUIET
        self.adrift = False  # the last try found no way: again when the line registers (X5)
        self._call = call
        self._reinvite: Reinvite | None = None
        self._mover: ReplacingCall | None = None
        self._by_user = False  # a request of the user's, not a look of ours, is under way
        self._again = False
        self._glares = 0
        self._asked_for = Direction.SENDRECV
        self._origin: Target | None = None  # the target that the last re-INVITE led away from

    # --- what is wanted -----------------------------------------------------------------------

    def want(self, direction: Direction, now: float) -> None:
        """The user holds or resumes. Raises UsageError where that is so already."""
        session = self._call.session
        if session.wanted is direction:
            raise UsageError(f"call {self._call.id!r} is {direction.value} already")
        session.wanted = direction
        self._ask(now, by_user=True)

    def look(self, now: float) -> None:
        """Is the peer still to be reached? Only with ``call_survival`` (X5)."""
        call = self._call
        alive = call.state is CallState.ESTABLISHED and not call.services.stopping
        if alive and call.line.settings.call_survival and self.state is WayState.QUIET:
            self._ask(now, by_user=False)

    def _ask(self, now: float, *, by_user: bool) -> None:
        self._by_user = self._by_user or by_user
        if self.state is not WayState.QUIET:
            self._again = self._again or by_user
            return
        self._again = False
        self.state = WayState.ASKING
        self._asked_for = self._call.session.wanted
        self._reinvite = Reinvite(self._call, self._reinvited)
        self._reinvite.begin(now)

    # --- what the peer does -------------------------------------------------------------------

    def may_answer(self, now: float) -> bool:
        """May a re-INVITE or an INVITE with Replaces of the peer's be taken now? Where both ask
        at once, the caller refuses with 491 (RFC 3261 §14.2) and the callee gives in: but for a
        wish of its user's, which it asks for later."""
        out = self._call.direction == "out"
        busy = self.state in (WayState.ASKING, WayState.MOVING)
        if busy and (out or (self._by_user and self.state is WayState.ASKING)):
            return False
        self._withdraw(now)
        self._quiet(now)
        return True

    # --- how a re-INVITE ended ----------------------------------------------------------------

    def _reinvited(
        self, verdict: Verdict, outcome: Outcome, attempt: Attempt | None, now: float
    ) -> None:
        reinvite, self._reinvite = self._reinvite, None
        self._origin = reinvite.first if reinvite is not None and reinvite.moved else None
        if self._call.over:
            return
        _AFTER[verdict](self, outcome, attempt, now)

    def _done(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        self._glares = 0
        if self._origin is not None and attempt is not None:
            self._call.tell_moved(self._origin, attempt.hop, Rule.C2, _DIED, now)
        self._call.tell_media(now)
        self._quiet(now)

    def _glare(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        self._glares += 1
        if self._glares > _MAX_GLARES:
            self._refused(outcome, attempt, now)
            return
        low, high = _OWNER_WAITS_S if self._call.direction == "out" else _OTHER_WAITS_S
        self.state = WayState.PAUSING
        self._call.arm(now + round(self._call.services.rng.uniform(low, high), 2))

    def _refused(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """RFC 3261 §14.1: the session stays as it was."""
        self._glares = 0
        session = self._call.session
        if session.wanted is self._asked_for and session.direction is not None:
            session.wanted = _as_agreed(session.direction)
        self._call.tell_media(now, reason=str(outcome))
        self._quiet(now)

    def _gone(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        self._call.step(
            CallEvent.PEER_GONE, now, code=outcome.code, reason=str(outcome), rule=Rule.C2
        )

    def _cut_off(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """408 by the call's own server ends it (RFC 3261 §12.2.1.2); X5 tries its move instead,
        for a server that has just restarted may not find a peer whose voice still comes."""
        if self._call.line.settings.call_survival:
            self._lost(outcome, attempt, now)
        else:
            self._call.step(CallEvent.CUT_OFF, now, code=outcome.code, rule=Rule.C2)

    def _lost(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        call = self._call
        if not call.line.settings.call_survival:
            self._give_up(now)
        elif call.direction == "out":
            self._move(now)
        else:
            self.state = WayState.STANDING_BY
            call.arm(now + _CALLEE_WAITS_S)

    # --- X5: the move -------------------------------------------------------------------------

    def _move(self, now: float) -> None:
        from evertone.phone.replace import ReplacingCall  # it is a call itself, with a way

        self.state = WayState.MOVING
        self._mover = ReplacingCall(self._call, self)
        self._mover.begin(now)

    def changed(self, mover: Call, now: float) -> None:
        """call.CallOwner: the INVITE with Replaces was answered, or came to nothing."""
        ours = self._mover
        if ours is None or mover is not ours:
            return
        if mover.state is CallState.ESTABLISHED:
            self._mover = None
            self._adopt(ours, now)
        elif mover.over:
            self._mover = None
            self._give_up(now)

    def _adopt(self, mover: ReplacingCall, now: float) -> None:
        assert mover.dialog is not None
        assert mover.own is not None
        call = self._call
        origin = call.own.target if call.own is not None else mover.own.target
        call.take_over(mover.dialog, mover.own, mover.server, now)
        mover.let_go(now)
        if mover.won_at is not None:
            call.tell_moved(origin, mover.won_at, Rule.X5, _DIED, now)
        call.tell_media(now)
        self._quiet(now)

    def _give_up(self, now: float) -> None:
        """No way leads to the peer. Voice goes on (C4), unless B10 has the call ended now that a
        request of its own was due."""
        call = self._call
        if self._by_user and not call.may_signal(now):
            call.step(CallEvent.CUT_OFF, now, rule=Rule.B10)
            return
        self.adrift = True
        session = call.session
        if self._by_user and session.direction is not None:
            session.wanted = _as_agreed(session.direction)
            call.tell_media(now, reason="the peer could not be asked")
        self._quiet(now, found=False)

    # --- inside -------------------------------------------------------------------------------

    def timer_due(self, now: float) -> None:
        """Ask again after a 491, or move the call in the caller's place."""
        if self.state is WayState.PAUSING:
            self.state = WayState.QUIET
            self._ask(now, by_user=self._by_user)
        elif self.state is WayState.STANDING_BY:
            self._move(now)

    def close(self, now: float) -> None:
        """The call is over."""
        self._withdraw(now)
        self.state = WayState.QUIET

    def _withdraw(self, now: float) -> None:
        reinvite, self._reinvite = self._reinvite, None
        mover, self._mover = self._mover, None
        if reinvite is not None:
            reinvite.withdraw(now)
        if mover is not None:
            mover.step(CallEvent.HANGUP, now)

    def _quiet(self, now: float, *, found: bool = True) -> None:
        self._call.disarm()
        self.state = WayState.QUIET
        self.adrift = self.adrift and not found
        wish = self._again
        self._again = self._by_user = False
        if wish and self._call.session.wanted is not self._asked_for:
            self._ask(now, by_user=True)


def _as_agreed(agreed: Direction) -> Direction:
    """What we want by what stands: to send at least, so that the peer's hold is not ours."""
    return Direction.SENDONLY if agreed is Direction.SENDONLY else Direction.SENDRECV


_AFTER: dict[Verdict, Callable[[Way, Outcome, Attempt | None, float], None]] = {
    Verdict.DONE: Way._done,
    Verdict.GLARE: Way._glare,
    Verdict.REFUSED: Way._refused,
    Verdict.GONE: Way._gone,
    Verdict.CUT_OFF: Way._cut_off,
    Verdict.LOST: Way._lost,
}
