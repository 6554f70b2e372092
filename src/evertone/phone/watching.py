"""What subscriptions are about: what is asked for, and what the notifier's bodies tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from evertone.config.settings import LineSettings
from evertone.events import Event, LampChanged, MessageWaiting
from evertone.rules import Rule
from evertone.sip import dialog_info, message_summary
from evertone.sip.event import EventType
from evertone.sip.grammar import Params

__all__ = [
    "LAMP",
    "MESSAGES",
    "SHARED_LINE",
    "Interest",
    "Kind",
    "View",
    "interests_of",
    "message_waiting",
]

_WATCHED_SHARED_LINE = 3  # account.X.shared_line
_MAX_DIALOGS = 256


class View(Protocol):
    """What one subscription has told so far."""

    def take(self, body: bytes) -> bool:
        """Read one NOTIFY's body. False: something is missing, a whole picture must be asked for.

        Raises SipParseError for a body that cannot be read.
        """

    def news(self, line: int, server: int, subject: str, now: float) -> Event | None:
        """What has changed since this was last asked."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``working_only``: with two servers at once it lives on the working server alone (F7)."""

    package: str
    params: Params
    accept: str
    working_only: bool
    view: Callable[[], View]

    @property
    def event(self) -> EventType:
        """The Event header that asks for it."""
        return EventType(self.package, self.params)


@dataclass(frozen=True, slots=True)
class Interest:
    """What a line wants to be told: about ``subject`` ("": itself), for ``period_s`` at a time
    (0: as long as the notifier likes)."""

    kind: Kind
    subject: str
    period_s: int


def message_waiting(
    summary: message_summary.MessageSummary, line: int, server: int, now: float
) -> MessageWaiting:
    """The event that tells of a mailbox."""
    return MessageWaiting(
        at=now,
        line=line,
        server=server,
        rule=Rule.F7,
        waiting=summary.waiting,
        new=summary.new,
        old=summary.old,
    )


class _Messages:
    """A mailbox."""

    def __init__(self) -> None:
        self._told: message_summary.MessageSummary | None = None
        self._known: message_summary.MessageSummary | None = None

    def take(self, body: bytes) -> bool:
        self._known = message_summary.parse_message_summary(body)
        return True

    def news(self, line: int, server: int, subject: str, now: float) -> Event | None:
        if self._known is None or self._known == self._told:
            return None
        self._told = self._known
        return message_waiting(self._known, line, server, now)


class _Lamp:
    """Somebody's dialogs, put together from full and partial documents (RFC 4235 §4.3)."""

    def __init__(self) -> None:
        self._told: dialog_info.Lamp | None = None
        self._version = -1
        self._dialogs: dict[str, dialog_info.Watched] = {}

    def take(self, body: bytes) -> bool:
        document = dialog_info.parse_dialog_info(body)
        if document.version <= self._version and not document.full:
            return True  # overtaken by a later one
        complete = document.full or document.version == self._version + 1
        if document.full:
            self._dialogs.clear()
        self._version = document.version
        for dialog in document.dialogs:
            self._dialogs.pop(dialog.id, None)
            alive = dialog.state is not dialog_info.DialogState.TERMINATED
            if alive and len(self._dialogs) < _MAX_DIALOGS:
                self._dialogs[dialog.id] = dialog
        return complete

    def news(self, line: int, server: int, subject: str, now: float) -> Event | None:
        if self._version < 0:
            return None
        lamp = dialog_info.lamp_of(self._dialogs.values())
        if lamp is self._told:
            return None
        self._told = lamp
        return LampChanged(
            at=now, line=line, server=server, rule=Rule.F7, subject=subject, state=lamp.value
        )


MESSAGES = Kind(message_summary.PACKAGE, (), message_summary.MESSAGE_SUMMARY_TYPE, True, _Messages)
SHARED_LINE = Kind(dialog_info.PACKAGE, (("sla", None),), dialog_info.DIALOG_INFO_TYPE, True, _Lamp)
LAMP = Kind(dialog_info.PACKAGE, (), dialog_info.DIALOG_INFO_TYPE, False, _Lamp)


def interests_of(settings: LineSettings, watched: tuple[str, ...]) -> tuple[Interest, ...]:
    """What a line subscribes to by its settings and the keys that ``watched`` somebody by it."""
    found = []
    if settings.subscribe_mwi:
        found.append(Interest(MESSAGES, "", settings.subscribe_mwi_expires))
    if settings.shared_line == _WATCHED_SHARED_LINE:
        number = settings.bla_number or settings.user
        found.append(Interest(SHARED_LINE, number, settings.bla_subscribe_period))
    found += [Interest(LAMP, number, settings.blf_subscribe_period) for number in watched]
    return tuple(found)
