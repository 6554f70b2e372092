"""One cell played: the same course for all, told by nothing but the packets and events."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from evertone.events import CallChanged, Event, RequestSent
from evertone.lab.record import Record
from evertone.lab.wire import Message, read_packet
from tests.matrix.cells import (
    ADDRESSES,
    FAULT_S,
    HANGUP_S,
    RECOVERY_S,
    REQUEST_S,
    STANDING_CALL_S,
    WITNESS_S,
    Cell,
    Fault,
    Presence,
    Request,
    struck_by,
)
from tests.matrix.oracle import Prediction
from tests.matrix.site import build, faults_of

__all__ = ["Ask", "Seen", "play"]

NAMES = {address: name for name, address in ADDRESSES.items()}
_TO_TAG = re.compile(rb"\r\nTo:[^\r]*;tag=")
_TALK_S = 2.0
_PATIENCE_S = WITNESS_S - REQUEST_S - 2 * _TALK_S
_AFTER_HOME_S = 5.0
_FINAL_S = 5.0


@dataclass(slots=True)
class Ask:
    """One client transaction of the caller as the wire shows it: every send, its final answer
    (0: none came) and when that was sent; ``alive_at``: the first provisional one. ``inside``:
    it belongs to a dialog."""

    method: str
    host: str
    call_id: str
    expires: int | None
    sends: list[float]
    reliable: bool
    inside: bool
    status: int = 0
    answered_at: float = 0.0
    alive_at: float = float("inf")


@dataclass(slots=True)
class Seen:
    """What there was to see. Calls are ids in the caller's events."""

    cell: Cell
    record: Record
    request_call: str = ""
    witness_call: str = ""
    final_call: str = ""
    final_at: float = 0.0
    asks: list[Ask] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    """The branches of requests within a dialog, whoever sent them."""

    def read(self) -> None:
        """Read the packets once."""
        asks: dict[tuple[str, str, str], Ask] = {}
        for packet in self.record.packets:
            message = read_packet(packet, NAMES)
            if message is None or self._is_lost(message):
                continue
            self.messages.append(message)
            if not message.status and _TO_TAG.search(packet.data):
                self.inside.add(message.branch)
            if message.source == "caller" and not message.status:
                key = (message.branch, message.method, message.target)
                if key in asks:
                    asks[key].sends.append(message.at)
                    continue
                asks[key] = Ask(
                    method=message.method,
                    host=message.target,
                    call_id=message.call_id,
                    expires=message.expires,
                    sends=[message.at],
                    reliable=packet.kind != "UDP",
                    inside=message.branch in self.inside,
                )
            elif message.target == "caller" and message.status:
                ask = asks.get((message.branch, message.method, message.source))
                if ask is None or ask.status:
                    continue
                if message.status < 200:
                    ask.alive_at = min(ask.alive_at, message.at)
                else:
                    ask.status, ask.answered_at = message.status, message.at
        self.asks = list(asks.values())

    def _is_lost(self, message: Message) -> bool:
        """True for an answer that is known not to have reached the caller."""
        lost = self.cell.fault is Fault.ANSWERS_LOST and FAULT_S <= message.at < RECOVERY_S
        struck = struck_by(self.cell.topology)
        return lost and message.source in struck and message.target == "caller"

    def tries(self, method: str, begin: float, end: float) -> list[str]:
        """The hosts that the caller turned to with ``method`` in that time, in order; on a
        connection that cannot be made nothing else shows it."""
        return [
            NAMES[event.attempt.hop.target.address]
            for event in self.of_caller(RequestSent)
            if isinstance(event, RequestSent)
            and event.attempt.method == method
            and begin <= event.at <= end
        ]

    def of_caller(self, *kinds: type[Event]) -> list[Event]:
        """The caller's events of these kinds."""
        return [e for e in self.record.events_of("caller") if isinstance(e, kinds)]

    def states(self, call: str) -> dict[str, CallChanged]:
        """The first event of each state that a call came to."""
        found: dict[str, CallChanged] = {}
        for event in self.record.events_of("caller"):
            if isinstance(event, CallChanged) and event.call == call:
                found.setdefault(event.state, event)
        return found

    def granted(self, method: str, host: str, after: float) -> list[Ask]:
        """REGISTERs or SUBSCRIBEs at ``host`` (no removals) granted at ``after`` or later."""
        return [
            ask
            for ask in self.asks
            if ask.method == method
            and ask.host == host
            and ask.status == 200
            and ask.expires != 0
            and ask.answered_at >= after
        ]


class _Course:
    """The caller's user at work."""

    def __init__(self, cell: Cell, seed: int) -> None:
        self.cell = cell
        self.world, self.phone = build(cell, seed)
        self.seen = Seen(cell, self.world.record)

    def run(self, prediction: Prediction) -> Seen:
        world, cell, seen = self.world, self.cell, self.seen
        for fault in faults_of(cell):
            world.inject(fault)
        world.do("caller", self.phone.start)
        standing = self._standing_call()
        world.run_until(REQUEST_S)
        if cell.request is Request.INVITE:
            seen.request_call = self._call("callee")
            self._talk(seen.request_call)
        elif cell.request is Request.BYE:
            seen.request_call = standing
            self._hang_up(standing)
        elif cell.request is Request.REINVITE:
            seen.request_call = standing
            world.do("caller", lambda now: self.phone.hold(standing, now))
        world.run_until(WITNESS_S)
        seen.witness_call = self._call("callee")
        self._talk(seen.witness_call)
        world.run_until(HANGUP_S)
        if standing:
            self._hang_up(standing)
        seen.final_at = max(prediction.home_latest_s, HANGUP_S) + _AFTER_HOME_S
        if cell.request is Request.SUBSCRIBE:
            seen.final_at = max(seen.final_at, prediction.subscribed_latest_s)
        world.run_until(seen.final_at)
        seen.final_call = self._call("callee")
        world.run_for(_FINAL_S)
        self._hang_up(seen.final_call)
        world.run_for(_FINAL_S)
        seen.read()
        return seen

    def _standing_call(self) -> str:
        self.world.run_until(STANDING_CALL_S)
        if self.cell.request in (Request.BYE, Request.REINVITE):
            return self._call("callee")
        return self._call("friend") if self.cell.presence is Presence.IN_CALL else ""

    def _call(self, whom: str) -> str:
        return self.world.do("caller", lambda now: self.phone.call(1, whom, now))

    def _talk(self, call: str) -> None:
        """Until it stands or has failed; then for a moment."""
        self.world.run_till(lambda: self._state(call) in ("established", ""), _PATIENCE_S)
        self.world.run_for(_TALK_S)
        self._hang_up(call)

    def _hang_up(self, call: str) -> None:
        if self._state(call):
            self.world.do("caller", lambda now: self.phone.hangup(call, now))

    def _state(self, call: str) -> str:
        calls = self.phone.snapshot(self.world.now).calls
        return next((c.state for c in calls if c.call == call), "")


def play(cell: Cell, seed: int, prediction: Prediction) -> Seen:
    """Play ``cell`` to its end; ``prediction`` only says how long that is."""
    return _Course(cell, seed).run(prediction)
