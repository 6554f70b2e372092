"""The states of a subscription as a table: what each event does in each state (RFC 6665 §4.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["TABLE", "Act", "Step", "SubscriptionEvent", "SubscriptionState"]


class SubscriptionState(enum.Enum):
    """Where a subscription stands."""

    WAITING = "waiting"  # for a registration that it can live on
    SUBSCRIBING = "subscribing"
    ACTIVE = "active"
    REFRESHING = "refreshing"
    RESTING = "resting"  # until it is tried again
    REFUSED = "refused"  # by a notifier that wants no other try
    OVER = "over"


class SubscriptionEvent(enum.Enum):
    """What happens to a subscription."""

    REGISTERED = "the line is registered"
    MOVED = "the line's registration moved"
    GRANTED = "the notifier grants it time"
    FAILED = "no server took it"
    LOST = "the notifier does not know it any more"
    DUE = "its time has come"
    ENDED_NOW = "the notifier ended it, and wants it anew"
    ENDED_LATER = "the notifier ended it"
    ENDED_FOR_GOOD = "the notifier ended it for good"
    CUT = "its connection ended"
    UNREGISTERED = "the line has no registration that it could live on"
    STOP = "the phone stops"


class Act(enum.Enum):
    """What the phone does about it, beside the change of state."""

    NOTHING = "nothing"
    SUBSCRIBE = "send SUBSCRIBE outside a dialog"
    REFRESH = "send SUBSCRIBE within the dialog"
    KEEP = "wait for the refresh"
    REST = "forget the dialog, wait for the next try"
    ANEW = "forget the dialog, subscribe"
    MOVE = "end the dialog, subscribe"
    DROP = "forget the dialog"
    END = "end the dialog"


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what to do."""

    state: SubscriptionState
    act: Act = Act.NOTHING


_S, _E = SubscriptionState, SubscriptionEvent

_SUBSCRIBE = Step(_S.SUBSCRIBING, Act.SUBSCRIBE)
_ANEW = Step(_S.SUBSCRIBING, Act.ANEW)
_MOVE = Step(_S.SUBSCRIBING, Act.MOVE)
_KEEP = Step(_S.ACTIVE, Act.KEEP)
_REST = Step(_S.RESTING, Act.REST)
_WAIT = Step(_S.WAITING, Act.DROP)
_REFUSED = Step(_S.REFUSED, Act.DROP)

_ROWS: dict[tuple[SubscriptionState, SubscriptionEvent], Step] = {
    (_S.WAITING, _E.REGISTERED): _SUBSCRIBE,
    (_S.WAITING, _E.MOVED): _SUBSCRIBE,
    (_S.SUBSCRIBING, _E.GRANTED): _KEEP,
    (_S.SUBSCRIBING, _E.FAILED): _REST,
    (_S.SUBSCRIBING, _E.MOVED): _MOVE,
    (_S.SUBSCRIBING, _E.ENDED_NOW): _REST,
    (_S.SUBSCRIBING, _E.ENDED_LATER): _REST,
    (_S.SUBSCRIBING, _E.ENDED_FOR_GOOD): _REFUSED,
    (_S.SUBSCRIBING, _E.UNREGISTERED): _WAIT,
    (_S.ACTIVE, _E.DUE): Step(_S.REFRESHING, Act.REFRESH),
    (_S.ACTIVE, _E.GRANTED): _KEEP,
    (_S.ACTIVE, _E.MOVED): _MOVE,
    (_S.ACTIVE, _E.ENDED_NOW): _ANEW,
    (_S.ACTIVE, _E.ENDED_LATER): _REST,
    (_S.ACTIVE, _E.ENDED_FOR_GOOD): _REFUSED,
    (_S.ACTIVE, _E.CUT): _REST,
    (_S.ACTIVE, _E.UNREGISTERED): _WAIT,
    (_S.REFRESHING, _E.GRANTED): _KEEP,
    (_S.REFRESHING, _E.FAILED): _REST,
    (_S.REFRESHING, _E.LOST): _ANEW,
    (_S.REFRESHING, _E.MOVED): _MOVE,
    (_S.REFRESHING, _E.ENDED_NOW): _ANEW,
    (_S.REFRESHING, _E.ENDED_LATER): _REST,
    (_S.REFRESHING, _E.ENDED_FOR_GOOD): _REFUSED,
    (_S.REFRESHING, _E.UNREGISTERED): _WAIT,
    (_S.RESTING, _E.DUE): _SUBSCRIBE,
    (_S.RESTING, _E.MOVED): _SUBSCRIBE,
    (_S.RESTING, _E.UNREGISTERED): _WAIT,
    (_S.REFUSED, _E.MOVED): _SUBSCRIBE,
    (_S.REFUSED, _E.UNREGISTERED): _WAIT,
} | {(state, _E.STOP): Step(_S.OVER, Act.END) for state in _S if state is not _S.OVER}

TABLE: dict[SubscriptionState, dict[SubscriptionEvent, Step]] = {
    state: {event: _ROWS.get((state, event), Step(state)) for event in SubscriptionEvent}
    for state in SubscriptionState
}
"""The whole product: what is not a row changes nothing."""
