"""The states of a call as a table: what each event does in each state."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["PUBLIC", "TABLE", "Act", "CallEvent", "CallState", "Step"]


class CallState(enum.Enum):
    """Where a call stands. CALLING to RINGING are the caller's, ALERTING and ANSWERING the
    callee's, the others belong to both."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    RINGING = "ringing"
    ALERTING = "alerting"
    ANSWERING = "answering"
    ESTABLISHED = "established"
    ENDED = "ended"


PUBLIC: dict[CallState, str] = {state: state.value for state in CallState} | {
    CallState.ALERTING: "ringing"
}
"""The states' names in events and snapshots: whoever rings, it is ringing."""


class CallEvent(enum.Enum):
    """What happens to a call."""

    MOVED = "another target is tried"
    TRYING = "the server is working on it"
    RINGS = "a 180 or 183 came"
    ACCEPTED = "the peer answered"
    REFUSED = "the last answer, or none at all"
    ANSWER = "the user answers"
    ACKED = "our answer was acknowledged"
    NOT_ACKED = "our answer was never acknowledged"
    BROKEN = "its connection broke before our answer was acknowledged"
    REJECT = "the user declines"
    CANCELLED = "the caller gave up"
    TOO_LONG = "it rang for too long"
    HANGUP = "the user hangs up"
    PEER_BYE = "the peer hung up"
    PEER_GONE = "the peer knows no such call"
    CUT_OFF = "the peer cannot be reached any more"


class Act(enum.Enum):
    """What the phone does about it, beside the change of state."""

    NOTHING = "nothing"
    ACK = "acknowledge"
    CANCEL = "cancel the INVITE"
    BYE = "send BYE"
    ACCEPT = "answer 200"
    DECLINE = "answer 603"
    BUSY = "answer 486"
    UNAVAILABLE = "answer 480"
    TERMINATED = "answer 487"
    OWE_BYE = "send BYE once the ACK comes, or is given up (RFC 3261 §15)"


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what to do."""

    state: CallState
    act: Act = Act.NOTHING


_S, _E = CallState, CallEvent

_ROWS: dict[tuple[CallState, CallEvent], Step] = {
    # the caller
    (_S.CALLING, _E.TRYING): Step(_S.PROCEEDING),
    (_S.CALLING, _E.RINGS): Step(_S.RINGING),
    (_S.CALLING, _E.ACCEPTED): Step(_S.ESTABLISHED, Act.ACK),
    (_S.CALLING, _E.REFUSED): Step(_S.ENDED),
    (_S.CALLING, _E.HANGUP): Step(_S.ENDED, Act.CANCEL),
    (_S.PROCEEDING, _E.MOVED): Step(_S.CALLING),
    (_S.PROCEEDING, _E.RINGS): Step(_S.RINGING),
    (_S.PROCEEDING, _E.ACCEPTED): Step(_S.ESTABLISHED, Act.ACK),
    (_S.PROCEEDING, _E.REFUSED): Step(_S.ENDED),
    (_S.PROCEEDING, _E.HANGUP): Step(_S.ENDED, Act.CANCEL),
    (_S.RINGING, _E.ACCEPTED): Step(_S.ESTABLISHED, Act.ACK),
    (_S.RINGING, _E.REFUSED): Step(_S.ENDED),
    (_S.RINGING, _E.TOO_LONG): Step(_S.ENDED, Act.CANCEL),
    (_S.RINGING, _E.HANGUP): Step(_S.ENDED, Act.CANCEL),
    # the callee
    (_S.ALERTING, _E.ANSWER): Step(_S.ANSWERING, Act.ACCEPT),
    (_S.ALERTING, _E.REJECT): Step(_S.ENDED, Act.DECLINE),
    (_S.ALERTING, _E.HANGUP): Step(_S.ENDED, Act.BUSY),
    (_S.ALERTING, _E.CANCELLED): Step(_S.ENDED, Act.TERMINATED),
    (_S.ALERTING, _E.TOO_LONG): Step(_S.ENDED, Act.UNAVAILABLE),
    (_S.ALERTING, _E.PEER_BYE): Step(_S.ENDED, Act.TERMINATED),
    (_S.ALERTING, _E.BROKEN): Step(_S.ENDED),  # nobody would hear what we answer
    (_S.ANSWERING, _E.ACKED): Step(_S.ESTABLISHED),
    (_S.ANSWERING, _E.NOT_ACKED): Step(_S.ENDED, Act.BYE),
    (_S.ANSWERING, _E.BROKEN): Step(_S.ENDED, Act.BYE),
    (_S.ANSWERING, _E.HANGUP): Step(_S.ENDED, Act.OWE_BYE),
    (_S.ANSWERING, _E.PEER_BYE): Step(_S.ENDED),
    # both
    (_S.ESTABLISHED, _E.HANGUP): Step(_S.ENDED, Act.BYE),
    (_S.ESTABLISHED, _E.PEER_BYE): Step(_S.ENDED),
    (_S.ESTABLISHED, _E.PEER_GONE): Step(_S.ENDED),
    (_S.ESTABLISHED, _E.CUT_OFF): Step(_S.ENDED, Act.BYE),
    (_S.ESTABLISHED, _E.NOT_ACKED): Step(_S.ENDED, Act.BYE),
    # what was owed when the user hung up between 200 and ACK
    (_S.ENDED, _E.ACKED): Step(_S.ENDED, Act.BYE),
    (_S.ENDED, _E.NOT_ACKED): Step(_S.ENDED, Act.BYE),
}

TABLE: dict[CallState, dict[CallEvent, Step]] = {
    state: {event: _ROWS.get((state, event), Step(state)) for event in CallEvent}
    for state in CallState
}
"""The whole product: what is not a row changes nothing."""
