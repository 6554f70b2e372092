"""Events as plain lines for people: who, what, where, by which rule and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from evertone.events import (
    CallChanged,
    CallMoved,
    ConfigApplied,
    Event,
    FailedBack,
    FailedOver,
    FellBack,
    LampChanged,
    MediaChanged,
    MessageWaiting,
    NetworkChanged,
    ProbeFailed,
    Refreshed,
    Refused,
    Registered,
    RequestSent,
    Resolved,
    ResolveFailed,
    ServerDown,
    SubscriptionChanged,
    TargetFailed,
    Unregistered,
    Warned,
)

__all__ = ["clock_text", "describe", "event_line", "printable"]

_LONGEST = 400  # characters of text that came over the wire, as far as a line shows them
_HOPS_SHOWN = 8


def printable(text: str) -> str:
    """``text`` fit for a terminal: on one line, bounded, no control characters, no lone bytes.

    Reason phrases and numbers come from strangers; an escape sequence in one must not act.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return "".join(c if c.isprintable() else "�" for c in text)


def clock_text(epoch_s: float) -> str:
    """The local time of day with milliseconds, for seconds since the epoch."""
    moment = datetime.fromtimestamp(epoch_s).astimezone()
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def describe(event: Event) -> str:
    """What happened, in one line without the time: ``line 1, server 2: registered at ...``."""
    parts = [f"line {event.line}" if event.line else "phone"]
    if event.server:
        parts.append(f"server {event.server}")
    said = _TEXTS[type(event)](event)
    why = event.reason if event.reason and event.reason not in said else ""
    rule = event.rule.id if event.rule is not None else ""
    note = ": ".join(part for part in (rule, why) if part)
    return printable(f"{', '.join(parts)}: {said}" + (f" [{note}]" if note else ""))


def event_line(event: Event, epoch_s: float) -> str:
    """The event with the time of day before it; ``epoch_s`` is ``event.at`` on the wall clock."""
    return f"{clock_text(epoch_s)} {describe(event)}"


def _where(event: Event) -> str:
    return str(event.hop.target) if event.hop is not None else "no target"


def _resolved(event: Resolved) -> str:
    shown = ", ".join(str(hop.target) for hop in event.hops[:_HOPS_SHOWN])
    more = len(event.hops) - _HOPS_SHOWN
    return f"resolved to {shown}" + (f" and {more} more" if more > 0 else "")


def _request_sent(event: RequestSent) -> str:
    method = event.attempt.method
    if method == "REGISTER" and event.attempt.expires_s == 0:
        method = "REGISTER (removal)"
    return f"{method} to {_where(event)}"


def _fell_back(event: FellBack) -> str:
    if event.origin_server == event.server and event.hop is not None:
        return f"{event.hop.group.value} takes over at {_where(event)}"
    place = f" at {_where(event)}" if event.hop is not None else ""
    return f"server {event.server} serves in place of server {event.origin_server}{place}"


def _failed_over(event: FailedOver) -> str:
    return f"moved to {_where(event)}" + (f" away from {event.origin}" if event.origin else "")


def _failed_back(event: FailedBack) -> str:
    place = f" at {_where(event)}" if event.hop is not None else ""
    return f"home again{place}" + (f", away from {event.origin}" if event.origin else "")


def _probe_failed(event: ProbeFailed) -> str:
    place = f" at {_where(event)}" if event.hop is not None else ""
    return f"try home{place} failed: {event.outcome}"


def _call(event: CallChanged) -> str:
    code = f" ({event.code})" if event.code else ""
    place = f" at {_where(event)}" if event.hop is not None else ""
    to_from = "from" if event.direction == "in" else "to"
    return f"call {to_from} {event.peer}: {event.state}{code}{place}"


def _subscription(event: SubscriptionChanged) -> str:
    about = f" about {event.subject}" if event.subject else ""
    place = f" at {_where(event)}" if event.hop is not None else ""
    return f"{event.package}{about}: {event.state}{place}"


def _messages(event: MessageWaiting) -> str:
    if not event.waiting:
        return "no messages wait"
    return f"messages wait: {event.new} new, {event.old} old"


_TEXTS: dict[type[Event], Callable[[Any], str]] = {
    Resolved: _resolved,
    ResolveFailed: lambda e: "the name leads nowhere",
    RequestSent: _request_sent,
    TargetFailed: lambda e: f"{e.method} to {_where(e)} failed: {e.outcome}",
    Registered: lambda e: f"registered at {_where(e)} for {e.expires_s} s",
    Refreshed: lambda e: f"registration at {_where(e)} renewed for {e.expires_s} s",
    Unregistered: lambda e: f"registration at {_where(e)} ended",
    FailedOver: _failed_over,
    FellBack: _fell_back,
    FailedBack: _failed_back,
    ServerDown: lambda e: "unavailable, its whole list",
    ProbeFailed: _probe_failed,
    Refused: lambda e: f"{e.method} refused at {_where(e)}: {e.outcome}",
    CallChanged: _call,
    CallMoved: lambda e: f"the call goes on by {_where(e)}, away from {e.origin}",
    MediaChanged: lambda e: f"media of the call: {e.media}",
    SubscriptionChanged: _subscription,
    MessageWaiting: _messages,
    LampChanged: lambda e: f"{e.subject} is {e.state}",
    ConfigApplied: lambda e: f"settings in effect, lines {', '.join(map(str, e.lines)) or 'none'}",
    NetworkChanged: lambda e: "all lines register anew",
    Warned: lambda e: e.reason,
}
"""What each kind of event says; a test finds no kind missing."""
