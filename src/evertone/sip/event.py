"""Events (RFC 6665): what is subscribed to, and how a subscription stands."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.grammar import (
    Params,
    find_param,
    format_params,
    is_token,
    parse_integer,
    parse_params,
)

__all__ = [
    "AGAIN",
    "Again",
    "EventType",
    "SubState",
    "SubscriptionState",
    "parse_event",
    "parse_subscription_state",
]


@dataclass(frozen=True, slots=True)
class EventType:
    """The Event header (RFC 6665 §8.2.1): the package in lower case and its parameters."""

    package: str
    params: Params = ()

    @property
    def id(self) -> str:
        """What tells two subscriptions of one dialog apart; "" if there is none."""
        return find_param(self.params, "id") or ""

    def same_as(self, other: EventType) -> bool:
        """The same subscription of a dialog (§4.5.2): package and id, nothing else."""
        return (self.package, self.id) == (other.package, other.id)

    def __str__(self) -> str:
        return self.package + format_params(self.params)


def parse_event(text: str) -> EventType:
    """Read an Event header. Raises SipParseError (489) where there is none that is one."""
    package, semicolon, rest = text.strip().partition(";")
    package = package.strip().lower()
    if not is_token(package):
        raise SipParseError("Event: not a package", 489)
    return EventType(package, parse_params(semicolon + rest))


class SubState(enum.Enum):
    """The states that a notifier may tell (RFC 6665 §4.1.3)."""

    ACTIVE = "active"
    PENDING = "pending"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """The Subscription-State header. ``expires_s`` and ``retry_after_s`` are None where it
    bears none, ``reason`` is in lower case, "" where there is none."""

    state: SubState
    reason: str = ""
    expires_s: int | None = None
    retry_after_s: int | None = None

    @property
    def over(self) -> bool:
        """True if the subscription has ended."""
        return self.state is SubState.TERMINATED

    def __str__(self) -> str:
        params = (
            ("reason", self.reason or None),
            ("expires", self.expires_s),
            ("retry-after", self.retry_after_s),
        )
        said = "".join(f";{name}={value}" for name, value in params if value is not None)
        return self.state.value + said


_STATES: Final = {state.value: state for state in SubState}


def parse_subscription_state(text: str) -> SubscriptionState:
    """Read a Subscription-State header.

    An unknown state is taken as active: it says only that the subscription stands
    (RFC 6665 §4.1.3). Raises SipParseError where it is malformed.
    """
    value, semicolon, rest = text.strip().partition(";")
    value = value.strip().lower()
    if not is_token(value):
        raise SipParseError("Subscription-State: not a state")
    params = parse_params(semicolon + rest)
    return SubscriptionState(
        _STATES.get(value, SubState.ACTIVE),
        (find_param(params, "reason") or "").lower(),
        _seconds(params, "expires"),
        _seconds(params, "retry-after"),
    )


def _seconds(params: Params, name: str) -> int | None:
    text = find_param(params, name)
    return None if text is None else parse_integer(text, f"Subscription-State {name}")


class Again(enum.Enum):
    """When to subscribe anew after a notifier has ended the subscription."""

    AT_ONCE = "at once"
    LATER = "after retry-after, else after our own interval"
    NEVER = "not by ourselves"


AGAIN: Final[dict[str, Again]] = {
    "deactivated": Again.AT_ONCE,
    "probation": Again.LATER,
    "rejected": Again.NEVER,
    "timeout": Again.AT_ONCE,
    "giveup": Again.LATER,
    "noresource": Again.NEVER,
    "invariant": Again.NEVER,
    "": Again.LATER,
}
"""The reasons of RFC 6665 §4.1.3; an unknown one means what none means. "At any time" is later:
who was just thrown out does not knock again in the same moment."""
