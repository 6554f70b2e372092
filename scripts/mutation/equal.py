"""Row mutants that no test can tell from the original, each with its reason."""

from __future__ import annotations

__all__ = ["EQUAL"]

_ONE = "a line with one server stands on none (F2): what an expiry leads to is for two"
_NOBODY = "there is no other server that could serve; that it is tried again is R6's own code"
_STANDS = "a concurrent line stands on no server (F2): what an expiry leads to is successive"
_MOVES = "successive: only a binding moves the line; that it is tried again is R6's own code"
_NO_RESENDS = "no resend is set in that state: stopping it again only says so"
_NO_EXPIRY = "without its other timer PROCEEDING does in every event what RINGING does"
_NOTHING_THERE = "such a subscription has no dialog, no request and no timer to be forgotten"

EQUAL: dict[str, str] = (
    {
        f"DOWN_ROWS[FallbackType.{fallback}, {registrar}, DownTrigger.{trigger}]": reason
        for fallback, trigger, reason in (
            ("SINGLE", "EXPIRY", _ONE),
            ("SINGLE", "REGISTER", _NOBODY),
            ("CONCURRENT", "EXPIRY", _STANDS),
            ("SUCCESSIVE", "REGISTER", _MOVES),
        )
        for registrar in (1, 2)
    }
    | {
        f"TABLE[SubscriptionState.{state}][SubscriptionEvent.{event}].act": _NOTHING_THERE
        for state, event in (("WAITING", "STOP"), ("REFUSED", "STOP"), ("REFUSED", "UNREGISTERED"))
    }
    | {
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
    | {"client INVITE[PROCEEDING][PROVISIONAL].next": _NO_EXPIRY}
)
