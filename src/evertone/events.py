"""The one stream of public events: what happened, at which server, by which rule, and why.

Journal, ladder, metrics, pages and the lab's checkers read these and nothing else. No event
bears a secret.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Final

from evertone.fixed import fixed_by_name
from evertone.model import Attempt, Hop, Outcome, Target
from evertone.rules import Rule

__all__ = [
    "BOUND",
    "LEFT",
    "CallChanged",
    "CallMoved",
    "ConfigApplied",
    "Event",
    "FailedBack",
    "FailedOver",
    "FellBack",
    "LampChanged",
    "MediaChanged",
    "MessageWaiting",
    "NetworkChanged",
    "ProbeFailed",
    "Refreshed",
    "Refused",
    "Registered",
    "RequestSent",
    "ResolveFailed",
    "Resolved",
    "ServerDown",
    "SubscriptionChanged",
    "TargetFailed",
    "Unregistered",
    "Warned",
    "to_dict",
]


@fixed_by_name
class Event:
    """Common fields: ``at`` seconds on the shell's clock; ``line`` 0 means the whole phone;
    ``server`` is the registrar 1 or 2, 0 where none is meant; ``hop`` the target concerned."""

    at: float
    line: int = 0
    server: int = 0
    hop: Hop | None = None
    rule: Rule | None = None
    reason: str = ""


@fixed_by_name
class Resolved(Event):
    """A name became a hop list (D)."""

    hops: tuple[Hop, ...]


@fixed_by_name
class ResolveFailed(Event):
    """A name led nowhere: its server counts as unavailable (D14)."""


@fixed_by_name
class RequestSent(Event):
    """An attempt begins at ``hop``."""

    attempt: Attempt


@fixed_by_name
class TargetFailed(Event):
    """An attempt came to nothing at ``hop``; the reason says what follows."""

    method: str
    outcome: Outcome


@fixed_by_name
class Registered(Event):
    """The line has a new binding at ``hop`` for ``expires_s`` seconds."""

    expires_s: int


@fixed_by_name
class Refreshed(Event):
    """The line's binding at ``hop`` was renewed for ``expires_s`` seconds."""

    expires_s: int


@fixed_by_name
class Unregistered(Event):
    """A binding ended: removed, or run out."""


@fixed_by_name
class FailedOver(Event):
    """The line moved within one hop list, away from ``origin`` (B)."""

    origin: Target | None


@fixed_by_name
class FellBack(Event):
    """The line moved to another server or proxy (F, P)."""

    origin_server: int


@fixed_by_name
class FailedBack(Event):
    """The line is home: at the primary, or at the working server or proxy."""

    origin: Target | None = None


@fixed_by_name
class ServerDown(Event):
    """A whole hop list is unavailable (F8)."""


@fixed_by_name
class ProbeFailed(Event):
    """A try home failed (B6, F4, P2)."""

    outcome: Outcome


@fixed_by_name
class Refused(Event):
    """A live server refused (A6, A7)."""

    method: str
    outcome: Outcome


@fixed_by_name
class CallChanged(Event):
    """A call entered ``state``: calling, proceeding, ringing, established, ended ..."""

    call: str
    state: str
    direction: str
    peer: str
    code: int = 0


@fixed_by_name
class CallMoved(Event):
    """An established call goes on by ``hop``, away from ``origin``, whose server died (C2, X5)."""

    call: str
    origin: Target


@fixed_by_name
class MediaChanged(Event):
    """Who sends voice in a call now, as we see it: sendrecv, sendonly, recvonly, inactive."""

    call: str
    media: str


@fixed_by_name
class SubscriptionChanged(Event):
    """A subscription of the line to ``package`` entered ``state``: subscribing, active, ...

    ``subject`` is whom it is about, "" for the line itself.
    """

    package: str
    subject: str
    state: str


@fixed_by_name
class MessageWaiting(Event):
    """The line's mailbox: ``waiting``, and how many voice messages are ``new`` and ``old``."""

    waiting: bool
    new: int
    old: int


@fixed_by_name
class LampChanged(Event):
    """``subject``, whom a key of the line watches, is idle, ringing or busy now."""

    subject: str
    state: str


@fixed_by_name
class ConfigApplied(Event):
    """Settings took effect."""

    lines: tuple[int, ...]


@fixed_by_name
class NetworkChanged(Event):
    """The machine is in another network or has slept: all lines register anew (R8)."""


@fixed_by_name
class Warned(Event):
    """Something odd came in (a malformed packet, an answer nobody asked for); nothing was lost."""


# Kinds that are asked for together; a union made at each question costs far more than the answer.
BOUND: Final = (Registered, Refreshed)
"""A REGISTER made or renewed a binding."""
LEFT: Final = (FailedOver, FellBack)
"""The line left a target or a server that failed for another."""


def _plain(value: object) -> object:
    if isinstance(value, Rule):
        return value.id
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Target):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    return value


def to_dict(event: Event) -> dict[str, object]:
    """The event as plain JSON values, its class name under ``event``."""
    plain = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        plain[field.name] = _plain(getattr(event, field.name))  # type: ignore[assignment]
    return dict(plain)
