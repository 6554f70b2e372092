"""All calls of a phone: where they are found, how many there may be, what the engines hear."""

from __future__ import annotations

from collections.abc import Iterable

from evertone.errors import LimitError, UsageError
from evertone.events import FailedOver, FellBack
from evertone.phone.call import Call
from evertone.phone.call_in import IncomingCall
from evertone.phone.call_out import OutgoingCall
from evertone.phone.call_states import CallEvent
from evertone.phone.flow_table import Flow
from evertone.phone.line import Line
from evertone.phone.replace import Answered
from evertone.phone.snapshot import CallSnapshot
from evertone.sip.dialog import DialogId
from evertone.sip.message import Request

__all__ = ["MAX_CALLS", "Calls"]

MAX_CALLS = 64
"""Calls of one phone at one time, over all its lines."""


class Calls:
    """The calls of one phone. They leave when they end for the user (C4)."""

    __slots__ = (
        "_answered",
        "_by_dialog",
        "_by_tid",
        "_calls",
        "_dialog_of",
        "_last",
        "_lines",
    )

    def __init__(self, lines: dict[int, Line]) -> None:
        self._lines = lines
        self._calls: dict[str, Call] = {}
        self._by_dialog: dict[DialogId, Call] = {}
        self._dialog_of: dict[str, DialogId] = {}
        self._by_tid: dict[int, IncomingCall] = {}
        self._answered: dict[int, Answered] = {}
        for line in lines.values():
            line.follower = self
        self._last = 0

    def __len__(self) -> int:
        return len(self._calls)

    # --- the user ---------------------------------------------------------------------------

    def dial(self, line: Line, number: str, now: float) -> str:
        """Place a call; its id."""
        if len(self._calls) >= MAX_CALLS:
            raise LimitError(f"there are {MAX_CALLS} calls already")
        call = OutgoingCall(self._new_id(), line, number.strip(), self)
        self._calls[call.id] = call
        self._tell_engines(now)
        call.begin(now)
        return call.id

    def get(self, call: str) -> Call:
        """The call of this id. Raises UsageError."""
        found = self._calls.get(call)
        if found is None:
            raise UsageError(f"there is no call {call!r}")
        return found

    def user_says(self, call: str, event: CallEvent, now: float) -> None:
        """A verb of the user. Raises UsageError where it means nothing in the call's state."""
        found = self.get(call)
        if not found.step(event, now):
            raise UsageError(f"call {call!r} is {found.state.value}: {event.value}? not now")

    def hang_up_all(self, now: float) -> None:
        """End every call."""
        for call in list(self._calls.values()):
            call.step(CallEvent.HANGUP, now)

    # --- the network --------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """True when no further call can be taken."""
        return len(self._calls) >= MAX_CALLS

    def ring(self, line: Line, tid: int, invite: Request, flow: Flow, server: int) -> IncomingCall:
        """A call comes in: it does not ring yet."""
        return IncomingCall(self._new_id(), line, self, tid, invite, flow, server)

    def took(self, call: IncomingCall, now: float) -> None:
        """Let a call ring. Raises SipParseError where its INVITE cannot make a dialog."""
        self._calls[call.id] = call
        self._by_tid[call.tid] = call
        try:
            call.begin(now)
        except BaseException:
            del self._calls[call.id], self._by_tid[call.tid]
            raise

    def of_dialog(self, id: DialogId) -> Call | None:
        """The call that a dialog belongs to."""
        return self._by_dialog.get(id)

    def has_answered(self, tid: int, answered: Answered) -> None:
        """An INVITE within a call was answered 200 (or one in the place of its dialog)."""
        self._answered[tid] = answered
        answered.call.answered_last = tid

    def answered_by(self, tid: int) -> Answered | None:
        """What waits for the ACK of this INVITE within a call."""
        return self._answered.get(tid)

    def of_transaction(self, tid: int) -> IncomingCall | None:
        """The call that an INVITE's server transaction belongs to, ended or not."""
        return self._by_tid.get(tid)

    def has_invite(self, call_id: str, remote_tag: str) -> bool:
        """True while a call with this Call-ID and From tag is here (F6)."""
        return any(
            call.invite.call_id == call_id and call.invite.from_.tag == remote_tag
            for call in self._by_tid.values()
            if not call.over
        )

    def transaction_gone(self, tid: int, now: float) -> None:
        """The layer has done with an INVITE's server transaction. To a call that was not
        acknowledged by then that means a broken connection."""
        self._answered.pop(tid, None)
        call = self._by_tid.get(tid)
        if call is None:
            return
        call.transaction_over = True
        if call.over:
            del self._by_tid[tid]
        else:
            call.step(CallEvent.BROKEN, now)

    def timer_due(self, call: str, now: float) -> None:
        """A call's own timer."""
        found = self._calls.get(call)
        if found is not None:
            found.timer_due(now)

    # --- line.Follower, and connections (X5, R9) --------------------------------------------------

    def line_moved(self, line: Line, event: FailedOver | FellBack, now: float) -> None:
        """A target or a whole server was found dead: calls that hang on it look for their peer."""
        for call in list(self._calls.values()):
            if call.line is line and _left_behind(call, event):
                call.way.look(now)

    def line_registered(self, line: Line, now: float) -> None:
        """Calls that had lost their way may find one now."""
        for call in list(self._calls.values()):
            if call.line is line and call.way.adrift:
                call.way.look(now)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection ended: the calls that hung on it look for their peer."""
        for call in list(self._calls.values()):
            if call.own is flow:
                call.way.look(now)

    # --- call.CallOwner -----------------------------------------------------------------------

    def changed(self, call: Call, now: float) -> None:
        """Keep the indexes, and tell the engines who is idle (B5) and what hangs where (F4)."""
        known = self._dialog_of.get(call.id)
        current = call.dialog.id if call.dialog is not None and not call.over else None
        if known != current:
            if known is not None:
                self._by_dialog.pop(known, None)
                del self._dialog_of[call.id]
            if current is not None:
                self._by_dialog[current] = call
                self._dialog_of[call.id] = current
        if call.over:
            self._calls.pop(call.id, None)
            if isinstance(call, IncomingCall) and call.transaction_over:
                self._by_tid.pop(call.tid, None)
        self._tell_engines(now)

    def snapshot(self) -> tuple[CallSnapshot, ...]:
        """For people and checkers."""
        return tuple(call.snapshot() for call in self._calls.values())

    def _new_id(self) -> str:
        self._last += 1
        return f"call-{self._last}"

    def _tell_engines(self, now: float) -> None:
        idle = not self._calls
        for line in self._lines.values():
            line.calls_changed(idle, _servers(self._calls.values(), line), now)


def _left_behind(call: Call, event: FailedOver | FellBack) -> bool:
    """True if ``call`` hangs on what the line has just left, or on anything but where the line
    stands again after it stood nowhere."""
    if isinstance(event, FailedOver) and event.origin is not None:
        return call.hangs_on(event.origin)
    left = event.origin_server if isinstance(event, FellBack) else event.server
    stays = event.hop is not None and call.hangs_on(event.hop.target)
    return call.server == left and not stays


def _servers(calls: Iterable[Call], line: Line) -> frozenset[int]:
    return frozenset(call.server for call in calls if call.line is line and call.server)
