"""Row mutants that no test can tell from the original, each with its reason."""

from __future__ import annotations

__all__ = ["EQUAL"]

# what a server that is down leads to
_ONE = "a line with one server stands on none (F2): what an expiry leads to is for two"
_NOBODY = "there is no other server that could serve; that it is tried again is R6's own code"
_STANDS = "a concurrent line stands on no server (F2): what an expiry leads to is successive"
_MOVES = "successive: only a binding moves the line; that it is tried again is R6's own code"
# calls
_OWED = "owing is done by waiting: that BYE comes once the ACK does, or is given up, says ENDED"
# subscriptions
_NOTHING_THERE = "such a subscription has no dialog, no request and no timer to be forgotten"
# transactions
_NO_RESENDS = "no resend is set in that state: stopping it again only says so"
_ALL_RESENT = "64*T1 is over: the last resend of RFC 3261's schedule was before"
_TIME_SET = "the time was set when S1's was up"
_SET_ALREADY = (
    "the time was set when S1's was up, and a resend of the schedule is set until its end"
)
_ABSORBED = "it is reached by repeated requests only now, and both states answer those alike"
_NO_EXPIRY = "without its other timer PROCEEDING does in every event what RINGING does"

_DOWN = {
    f"DOWN_ROWS[FallbackType.{fallback}, {registrar}, DownTrigger.{trigger}]": reason
    for fallback, trigger, reason in (
        ("SINGLE", "EXPIRY", _ONE),
        ("SINGLE", "REGISTER", _NOBODY),
        ("CONCURRENT", "EXPIRY", _STANDS),
        ("SUCCESSIVE", "REGISTER", _MOVES),
    )
    for registrar in (1, 2)
}

_SUBSCRIPTIONS = {
    f"TABLE[SubscriptionState.{state}][SubscriptionEvent.{event}].act": _NOTHING_THERE
    for state, event in (("WAITING", "STOP"), ("REFUSED", "STOP"), ("REFUSED", "UNREGISTERED"))
}

_STOPPED = {
    f"client INVITE[{state}][{event}] without STOP_RESENDS": _NO_RESENDS
    for state, events in (
        ("OVERDUE", ("TRYING", "PROVISIONAL", "OK", "EXPIRY", "ABANDON")),
        ("PROCEEDING", ("PROVISIONAL", "OK", "EXPIRY", "ABANDON")),
        ("RINGING", ("OK", "ABANDON")),
        ("ABANDONED", ("OK",)),
        ("CANCELLED", ("OK",)),
    )
    for event in events
}

EQUAL: dict[str, str] = {
    **_DOWN,
    **_SUBSCRIPTIONS,
    **_STOPPED,
    "TABLE[CallState.ANSWERING][CallEvent.HANGUP].act": _OWED,
    "client INVITE[EXTENDED][EXPIRY] without STOP_RESENDS": _ALL_RESENT,
    "client INVITE[PROCEEDING][PROVISIONAL].next": _NO_EXPIRY,
    "client non-INVITE[EXTENDED][EXPIRY] without STOP_RESENDS": _ALL_RESENT,
    "client non-INVITE[EXTENDED][PROVISIONAL] without EXPIRE_START_64T1": _SET_ALREADY,
    "client non-INVITE[EXTENDED][PROVISIONAL] without RESEND_T2": _SET_ALREADY,
    "client non-INVITE[EXTENDED][TRYING] without EXPIRE_START_64T1": _SET_ALREADY,
    "client non-INVITE[EXTENDED][TRYING] without RESEND_T2": _SET_ALREADY,
    "client non-INVITE[OVERDUE][TRYING] without EXPIRE_START_64T1": _TIME_SET,
    "client non-INVITE[OVERDUE][PROVISIONAL] without EXPIRE_START_64T1": _TIME_SET,
    "client non-INVITE[OVERDUE][ABANDON] without STOP_RESENDS": _NO_RESENDS,
    "client non-INVITE[OVERDUE][EXPIRY] without STOP_RESENDS": _NO_RESENDS,
    "server non-INVITE[PROCEEDING][OK].next": _ABSORBED,
    "server non-INVITE[PROCEEDING][REFUSAL].next": _ABSORBED,
}
