"""The transaction machines as rows: state x event -> next state and actions.

Four machines of RFC 3261 §17 as changed by RFC 6026 and RFC 4320 and extended by S1-S6, A8, A10,
A11 and A13, and a small one for the layer's own CANCELs. Every pair has a row: where an event
means nothing, the row says so (``IGNORED`` keeps the state and does nothing).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "CLIENT_CANCEL",
    "CLIENT_INVITE",
    "CLIENT_OTHER",
    "MACHINES",
    "SERVER_INVITE",
    "SERVER_OTHER",
    "Action",
    "Event",
    "Row",
    "State",
    "Table",
]


class State(enum.IntEnum):
    """Where a transaction stands. GONE is the end: no rows, the transaction is forgotten."""

    # client
    CALLING = 0  # sent, nothing heard
    OVERDUE = enum.auto()  # S1's time is up: the owner decides; no resends
    EXTENDED = enum.auto()  # the owner said: until 64*T1, resends going on (S3)
    PROCEEDING = enum.auto()  # a 100 (INVITE), any provisional (other); server: one was sent
    RINGING = enum.auto()  # 101-199 to an INVITE
    ABANDONED = enum.auto()  # let go before anything was heard
    CANCELLED = enum.auto()  # let go, CANCEL sent
    # server
    FRESH = enum.auto()  # nothing answered yet
    CONFIRMED = enum.auto()  # the final answer was acknowledged
    RELAYED = enum.auto()  # a proxy passed a 2xx: the user agents repeat and ACK it
    # both
    ACCEPTED = enum.auto()  # a 2xx to INVITE (RFC 6026)
    COMPLETED = enum.auto()  # any other final
    GONE = enum.auto()


class Event(enum.IntEnum):
    """What happens to a transaction. Responses are received by clients, sent by servers."""

    TRYING = 0  # 100
    PROVISIONAL = enum.auto()  # 101-199
    OK = enum.auto()  # 2xx
    REFUSAL = enum.auto()  # 3xx-6xx
    RELAYED_OK = enum.auto()  # 2xx passed on by a proxy
    FORBIDDEN = enum.auto()  # a response that RFC 4320 does not let us send
    REQUEST = enum.auto()  # the request again
    ACK = enum.auto()  # an ACK
    RESEND = enum.auto()  # the resend timer: A, E, G
    EXPIRY = enum.auto()  # the other timer; what it means is the state's matter
    EXTEND = enum.auto()  # the owner's verbs
    ABANDON = enum.auto()
    RECLAIM = enum.auto()
    FAULT = enum.auto()  # the transport failed


class Action(enum.Enum):
    """What a row has done; :mod:`transaction` says how."""

    # sending
    SEND_AGAIN = "send the request again and set the next resend of the schedule"
    SEND_AGAIN_T2 = "send the request again and once more after T2"
    SEND_LAST = "send the last response again"
    SEND_LAST_BACKOFF = (
        "send the last response again and once more after twice the wait, T2 at most"
    )
    SEND_RESPONSE = "send this response and keep it"
    SEND_TRYING = "send a 100 of our own"
    SEND_ACK = "acknowledge the final answer"
    SEND_CANCEL = "cancel the INVITE"
    # timers
    NEXT_RESENDS = "take up the schedule of RFC 3261 where it was left"
    RESEND_T2 = "send again after T2 unless a resend is set"
    BACKOFF = "send the response again after T1, on unreliable transports only"
    BACKOFF_ALWAYS = "send the response again after T1 on every transport"
    STOP_RESENDS = "stop the resends"
    STOP_EXPIRY = "stop the other timer"
    EXPIRE_64T1 = "64*T1 from now"
    EXPIRE_START_64T1 = "64*T1 from the first send"
    EXPIRE_KEEP = "five minutes from now"
    # telling the owner
    REPORT = "report the response"
    REPORT_TIME_UP = "report that S1's time is up"
    REPORT_TIMED_OUT = "report 64*T1 without an answer"
    REPORT_STALLED = "report a 100 and then nothing"
    REPORT_ACK = "report the ACK to a 2xx"
    REPORT_NO_ACK = "report that nobody acknowledged"
    REPORT_GONE = "report that nothing more will come"
    # keeping
    LET_GO = "what comes now is late"
    TAKE_BACK = "what comes now is not late"
    # lingering stops both timers
    LINGER_SHORT = "absorb repetitions for T4 (none on reliable transports)"
    LINGER_LONG = "absorb repetitions for 64*T1 (none on reliable transports)"
    LINGER_ALWAYS = "absorb repetitions for 64*T1 on every transport"


@dataclass(frozen=True, slots=True)
class Row:
    """One cell: the state that follows, None for the same, and what is done, in order."""

    next: State | None = None
    actions: tuple[Action, ...] = ()


Table: TypeAlias = Mapping[State, Mapping[Event, Row]]

IGNORED = Row()

S, E, A = State, Event, Action


def _row(next_state: State | None, *actions: Action) -> Row:
    return Row(next_state, actions)


def _ignored(*events: Event) -> dict[Event, Row]:
    return dict.fromkeys(events, IGNORED)


# --- client ------------------------------------------------------------------------------------

# An abandoned leg neither rings nor stays up: let go, kept five minutes (A8, A11).
_LET_GO = (A.STOP_RESENDS, A.LET_GO, A.EXPIRE_KEEP)
# RFC 6026 §7.2: after a 2xx timer M absorbs, further 2xx (repeated, forked) are the owner's.
_INVITE_OK = _row(S.ACCEPTED, A.STOP_RESENDS, A.EXPIRE_64T1, A.REPORT)
# RFC 3261 §17.1.1.2: ACK to 300-699 is the transaction's; timer D absorbs repetitions.
_INVITE_REFUSAL = _row(S.COMPLETED, A.SEND_ACK, A.REPORT, A.REPORT_GONE, A.LINGER_LONG)
_BROKEN = _row(S.GONE, A.REPORT_GONE)

# A 100 stops S1, and 64*T1 of nothing more is a stall (S6); anything above never times out.
_INVITE_ANSWERS = {
    E.TRYING: _row(S.PROCEEDING, A.STOP_RESENDS, A.EXPIRE_64T1, A.REPORT),
    E.PROVISIONAL: _row(S.RINGING, A.STOP_RESENDS, A.STOP_EXPIRY, A.REPORT),
    E.OK: _INVITE_OK,
    E.REFUSAL: _INVITE_REFUSAL,
    E.FAULT: _BROKEN,
}

CLIENT_INVITE: Table = {
    S.CALLING: {
        **_INVITE_ANSWERS,
        E.RESEND: _row(None, A.SEND_AGAIN),
        E.EXPIRY: _row(S.OVERDUE, A.EXPIRE_START_64T1, A.REPORT_TIME_UP),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.EXTEND, E.RECLAIM),
    },
    S.OVERDUE: {
        **_INVITE_ANSWERS,
        E.EXPIRY: _row(S.ABANDONED, A.REPORT_TIMED_OUT, *_LET_GO),
        E.EXTEND: _row(S.EXTENDED, A.NEXT_RESENDS),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.RESEND, E.RECLAIM),
    },
    S.EXTENDED: {
        **_INVITE_ANSWERS,
        E.RESEND: _row(None, A.SEND_AGAIN),
        E.EXPIRY: _row(S.ABANDONED, A.REPORT_TIMED_OUT, *_LET_GO),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.EXTEND, E.RECLAIM),
    },
    S.PROCEEDING: {
        **_INVITE_ANSWERS,
        E.TRYING: _row(None, A.REPORT),  # a second 100 is not "more": the stall timer runs on
        # A13: the CANCEL goes where its INVITE went
        E.EXPIRY: _row(S.CANCELLED, A.SEND_CANCEL, A.REPORT_STALLED, *_LET_GO),
        E.ABANDON: _row(S.CANCELLED, A.SEND_CANCEL, *_LET_GO),
        **_ignored(E.RESEND, E.EXTEND, E.RECLAIM),
    },
    S.RINGING: {
        **_INVITE_ANSWERS,
        E.TRYING: _row(None, A.REPORT),
        E.PROVISIONAL: _row(None, A.REPORT),
        E.ABANDON: _row(S.CANCELLED, A.SEND_CANCEL, *_LET_GO),
        **_ignored(E.RESEND, E.EXPIRY, E.EXTEND, E.RECLAIM),
    },
    S.ABANDONED: {
        # RFC 3261 §9.1: no CANCEL before a provisional; the first one, 100 too, releases it (A8)
        E.TRYING: _row(S.CANCELLED, A.SEND_CANCEL, A.REPORT),
        E.PROVISIONAL: _row(S.CANCELLED, A.SEND_CANCEL, A.REPORT),
        E.OK: _INVITE_OK,
        E.REFUSAL: _INVITE_REFUSAL,
        E.FAULT: _BROKEN,
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        E.RECLAIM: _row(S.OVERDUE, A.TAKE_BACK, A.EXPIRE_START_64T1),
        **_ignored(E.RESEND, E.EXTEND, E.ABANDON),
    },
    S.CANCELLED: {
        E.TRYING: _row(None, A.REPORT),
        E.PROVISIONAL: _row(None, A.REPORT),
        E.OK: _INVITE_OK,
        E.REFUSAL: _INVITE_REFUSAL,
        E.FAULT: _BROKEN,
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        **_ignored(E.RESEND, E.EXTEND, E.ABANDON, E.RECLAIM),
    },
    S.ACCEPTED: {
        E.OK: _row(None, A.REPORT),
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        E.FAULT: _BROKEN,
        **_ignored(E.TRYING, E.PROVISIONAL, E.REFUSAL),
        **_ignored(E.RESEND, E.EXTEND, E.ABANDON, E.RECLAIM),
    },
    S.COMPLETED: {
        E.REFUSAL: _row(None, A.SEND_ACK),
        **_ignored(E.TRYING, E.PROVISIONAL, E.OK),
        **_ignored(E.RESEND, E.EXPIRY, E.EXTEND, E.ABANDON, E.RECLAIM, E.FAULT),
    },
}

# RFC 3261 §17.1.2.2: a final answer ends it; timer K absorbs repetitions.
_OTHER_FINAL = _row(S.COMPLETED, A.REPORT, A.REPORT_GONE, A.LINGER_SHORT)
# A10: alive, so S1 is over: every T2 until timer F.
_OTHER_ALIVE = _row(S.PROCEEDING, A.RESEND_T2, A.EXPIRE_START_64T1, A.REPORT)

_OTHER_ANSWERS = {
    E.TRYING: _OTHER_ALIVE,
    E.PROVISIONAL: _OTHER_ALIVE,
    E.OK: _OTHER_FINAL,
    E.REFUSAL: _OTHER_FINAL,
    E.FAULT: _BROKEN,
}

CLIENT_OTHER: Table = {
    S.CALLING: {
        **_OTHER_ANSWERS,
        E.RESEND: _row(None, A.SEND_AGAIN),
        E.EXPIRY: _row(S.OVERDUE, A.EXPIRE_START_64T1, A.REPORT_TIME_UP),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.EXTEND, E.RECLAIM),
    },
    S.OVERDUE: {
        **_OTHER_ANSWERS,
        E.EXPIRY: _row(S.ABANDONED, A.REPORT_TIMED_OUT, *_LET_GO),
        E.EXTEND: _row(S.EXTENDED, A.NEXT_RESENDS),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.RESEND, E.RECLAIM),
    },
    S.EXTENDED: {
        **_OTHER_ANSWERS,
        E.RESEND: _row(None, A.SEND_AGAIN),
        E.EXPIRY: _row(S.ABANDONED, A.REPORT_TIMED_OUT, *_LET_GO),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.EXTEND, E.RECLAIM),
    },
    S.PROCEEDING: {
        E.TRYING: _row(None, A.REPORT),
        E.PROVISIONAL: _row(None, A.REPORT),
        E.OK: _OTHER_FINAL,
        E.REFUSAL: _OTHER_FINAL,
        E.FAULT: _BROKEN,
        E.RESEND: _row(None, A.SEND_AGAIN_T2),
        E.EXPIRY: _row(S.ABANDONED, A.REPORT_TIMED_OUT, *_LET_GO),
        E.ABANDON: _row(S.ABANDONED, *_LET_GO),
        **_ignored(E.EXTEND, E.RECLAIM),
    },
    S.ABANDONED: {
        E.TRYING: _row(None, A.REPORT),
        E.PROVISIONAL: _row(None, A.REPORT),
        E.OK: _OTHER_FINAL,
        E.REFUSAL: _OTHER_FINAL,
        E.FAULT: _BROKEN,
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        **_ignored(E.RESEND, E.EXTEND, E.ABANDON, E.RECLAIM),
    },
    S.COMPLETED: {
        **_ignored(E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL),
        **_ignored(E.RESEND, E.EXPIRY, E.EXTEND, E.ABANDON, E.RECLAIM, E.FAULT),
    },
}

# The layer's own CANCEL: its answers matter to nobody.
_CANCEL_DONE = _row(S.COMPLETED, A.LINGER_SHORT)

CLIENT_CANCEL: Table = {
    S.CALLING: {
        E.OK: _CANCEL_DONE,
        E.REFUSAL: _CANCEL_DONE,
        E.RESEND: _row(None, A.SEND_AGAIN),
        E.EXPIRY: _row(S.GONE),
        E.FAULT: _row(S.GONE),
        **_ignored(E.TRYING, E.PROVISIONAL, E.EXTEND, E.ABANDON, E.RECLAIM),
    },
    S.COMPLETED: {
        **_ignored(E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL),
        **_ignored(E.RESEND, E.EXPIRY, E.EXTEND, E.ABANDON, E.RECLAIM, E.FAULT),
    },
}

# --- server ------------------------------------------------------------------------------------

# RFC 3261 §13.3.1.4: the user agent repeats its 2xx, on every transport, until the ACK comes.
_SERVE_OK = _row(S.ACCEPTED, A.SEND_RESPONSE, A.BACKOFF_ALWAYS, A.EXPIRE_64T1)
# RFC 6026 §7.1: a proxy only passes 2xx on, as many as come, until timer L.
_SERVE_RELAYED = _row(S.RELAYED, A.SEND_RESPONSE, A.EXPIRE_64T1)
# RFC 3261 §17.2.1: timers G and H.
_SERVE_REFUSAL = _row(S.COMPLETED, A.SEND_RESPONSE, A.BACKOFF, A.EXPIRE_64T1)
_UNACKNOWLEDGED = _row(S.GONE, A.REPORT_NO_ACK, A.REPORT_GONE)
_RESPONSES = (E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL, E.RELAYED_OK)

SERVER_INVITE: Table = {
    S.FRESH: {
        E.TRYING: _row(S.PROCEEDING, A.STOP_EXPIRY, A.SEND_RESPONSE),
        E.PROVISIONAL: _row(S.PROCEEDING, A.STOP_EXPIRY, A.SEND_RESPONSE),
        E.OK: _SERVE_OK,
        E.RELAYED_OK: _SERVE_RELAYED,
        E.REFUSAL: _SERVE_REFUSAL,
        E.EXPIRY: _row(S.PROCEEDING, A.SEND_TRYING),  # RFC 3261 §17.2.1: a 100 within 200 ms
        E.FAULT: _BROKEN,
        **_ignored(E.REQUEST, E.ACK, E.RESEND),
    },
    S.PROCEEDING: {
        E.TRYING: _row(None, A.SEND_RESPONSE),
        E.PROVISIONAL: _row(None, A.SEND_RESPONSE),
        E.OK: _SERVE_OK,
        E.RELAYED_OK: _SERVE_RELAYED,
        E.REFUSAL: _SERVE_REFUSAL,
        E.REQUEST: _row(None, A.SEND_LAST),
        E.FAULT: _BROKEN,
        **_ignored(E.ACK, E.RESEND, E.EXPIRY),
    },
    S.COMPLETED: {
        E.REQUEST: _row(None, A.SEND_LAST),
        E.ACK: _row(S.CONFIRMED, A.REPORT_GONE, A.LINGER_SHORT),
        E.RESEND: _row(None, A.SEND_LAST_BACKOFF),
        E.EXPIRY: _UNACKNOWLEDGED,
        E.FAULT: _BROKEN,
        **_ignored(*_RESPONSES),
    },
    S.ACCEPTED: {
        E.ACK: _row(S.CONFIRMED, A.REPORT_ACK, A.REPORT_GONE, A.LINGER_ALWAYS),
        E.RESEND: _row(None, A.SEND_LAST_BACKOFF),
        E.EXPIRY: _UNACKNOWLEDGED,
        E.FAULT: _BROKEN,
        # RFC 6026 §7.1: a repeated INVITE is absorbed, the 2xx comes again by itself
        **_ignored(E.REQUEST, *_RESPONSES),
    },
    S.RELAYED: {
        E.RELAYED_OK: _row(None, A.SEND_RESPONSE),
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        E.FAULT: _BROKEN,
        E.ACK: _row(None, A.REPORT_ACK),  # an old caller's, with the branch of its INVITE
        **_ignored(E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL, E.REQUEST, E.RESEND),
    },
    S.CONFIRMED: {
        **_ignored(*_RESPONSES, E.REQUEST, E.ACK, E.RESEND, E.EXPIRY, E.FAULT),
    },
}

_ANSWERED = _row(S.COMPLETED, A.SEND_RESPONSE, A.REPORT_GONE, A.LINGER_LONG)

SERVER_OTHER: Table = {
    S.FRESH: {
        E.OK: _ANSWERED,
        E.REFUSAL: _ANSWERED,
        # RFC 4320 §4.1: the only provisional is a 100, and not before the client has slowed to T2
        E.EXPIRY: _row(S.PROCEEDING, A.SEND_TRYING, A.EXPIRE_START_64T1),
        E.FAULT: _BROKEN,
        **_ignored(E.TRYING, E.PROVISIONAL, E.FORBIDDEN, E.REQUEST),
    },
    S.PROCEEDING: {
        E.OK: _ANSWERED,
        E.REFUSAL: _ANSWERED,
        E.REQUEST: _row(None, A.SEND_LAST),
        # RFC 4320 §4.2: the client's timer F has fired, an answer would only confuse
        E.EXPIRY: _row(S.GONE, A.REPORT_GONE),
        E.FAULT: _BROKEN,
        **_ignored(E.TRYING, E.PROVISIONAL, E.FORBIDDEN),
    },
    S.COMPLETED: {
        E.REQUEST: _row(None, A.SEND_LAST),
        **_ignored(E.OK, E.REFUSAL, E.TRYING, E.PROVISIONAL, E.FORBIDDEN, E.EXPIRY, E.FAULT),
    },
}

_CLIENT_EVENTS = (
    *(E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL, E.RESEND, E.EXPIRY),
    *(E.EXTEND, E.ABANDON, E.RECLAIM, E.FAULT),
)

MACHINES: Mapping[str, tuple[Table, tuple[Event, ...]]] = {
    "client INVITE": (CLIENT_INVITE, _CLIENT_EVENTS),
    "client non-INVITE": (CLIENT_OTHER, _CLIENT_EVENTS),
    "client CANCEL": (CLIENT_CANCEL, _CLIENT_EVENTS),
    "server INVITE": (
        SERVER_INVITE,
        (*_RESPONSES, E.REQUEST, E.ACK, E.RESEND, E.EXPIRY, E.FAULT),
    ),
    "server non-INVITE": (
        SERVER_OTHER,
        (
            *(E.TRYING, E.PROVISIONAL, E.OK, E.REFUSAL, E.FORBIDDEN),
            *(E.REQUEST, E.EXPIRY, E.FAULT),
        ),
    ),
}
"""Each machine's table and the events that can reach it (a test walks the product)."""
