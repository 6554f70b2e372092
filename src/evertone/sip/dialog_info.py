"""Dialog events (RFC 4235): who is on the telephone, as a lamp on a desk shows it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from evertone.errors import SipParseError

__all__ = [
    "DIALOG_INFO_TYPE",
    "PACKAGE",
    "DialogInfo",
    "DialogState",
    "Lamp",
    "Watched",
    "lamp_of",
    "parse_dialog_info",
]

PACKAGE: Final = "dialog"
DIALOG_INFO_TYPE: Final = "application/dialog-info+xml"
_NAMESPACE: Final = "urn:ietf:params:xml:ns:dialog-info"
_MAX_BYTES: Final = 65_535
_MAX_DIALOGS: Final = 256
_MAX_DEPTH: Final = 32


class DialogState(enum.Enum):
    """The states of RFC 4235 §3.7.1."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


_STATES: Final = {state.value: state for state in DialogState}


@dataclass(frozen=True, slots=True)
class Watched:
    """One dialog of the one who is watched. ``direction``: who called ("initiator": they did,
    "recipient", or "" where it is not said)."""

    id: str
    state: DialogState
    direction: str = ""


@dataclass(frozen=True, slots=True)
class DialogInfo:
    """One document. ``full``: it names every dialog; else only those that changed (§4.3)."""

    entity: str
    version: int
    full: bool
    dialogs: tuple[Watched, ...] = ()

    def to_bytes(self) -> bytes:
        """The document."""
        entries = "".join(map(_entry, self.dialogs))
        return (
            '<?xml version="1.0"?>\r\n'
            f'<dialog-info xmlns="{_NAMESPACE}" version="{self.version}" '
            f'state="{"full" if self.full else "partial"}" entity={quoteattr(self.entity)}>'
            f"{entries}</dialog-info>\r\n"
        ).encode()


def _entry(dialog: Watched) -> str:
    direction = f" direction={quoteattr(dialog.direction)}" if dialog.direction else ""
    state = escape(dialog.state.value)
    return f"<dialog id={quoteattr(dialog.id)}{direction}><state>{state}</state></dialog>"


class Lamp(enum.Enum):
    """What a person is shown of somebody's dialogs."""

    IDLE = "idle"
    RINGING = "ringing"
    BUSY = "busy"


_LAMPS: Final = {
    DialogState.TRYING: Lamp.BUSY,
    DialogState.PROCEEDING: Lamp.BUSY,
    DialogState.EARLY: Lamp.BUSY,
    DialogState.CONFIRMED: Lamp.BUSY,
    DialogState.TERMINATED: Lamp.IDLE,
}


def lamp_of(dialogs: Iterable[Watched]) -> Lamp:
    """Busy in any call of theirs; ringing while somebody calls them and they have not answered."""
    lamps = {_lamp(dialog) for dialog in dialogs}
    return next((lamp for lamp in (Lamp.BUSY, Lamp.RINGING) if lamp in lamps), Lamp.IDLE)


def _lamp(dialog: Watched) -> Lamp:
    if dialog.state is DialogState.EARLY and dialog.direction != "initiator":
        return Lamp.RINGING
    return _LAMPS[dialog.state]


def parse_dialog_info(body: bytes) -> DialogInfo:
    """Read a document of RFC 4235 §4.

    Raises SipParseError (400) for what is malformed or beyond our bounds. A document type is
    refused, and with it every entity that could be made to grow.
    """
    if len(body) > _MAX_BYTES:
        raise SipParseError("dialog-info: too long", 400)
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as error:
        raise SipParseError(f"dialog-info: {expat.ErrorString(error.code)}", 400) from None
    return reader.document()


class _Reader:
    """Collects what one document says. Names are read without their namespace's prefix."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._root: dict[str, str] | None = None
        self._dialogs: dict[str, Watched] = {}
        self._now: tuple[str, str] | None = None  # id and direction of the dialog being read
        self._state = ""
        self._path: list[str] = []

    def _doctype(self, *args: object) -> None:
        raise SipParseError("dialog-info: a document type", 400)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise SipParseError("dialog-info: too deep", 400)
        if self._path == ["dialog-info"]:
            self._root = attributes
        elif self._path == ["dialog-info", "dialog"]:
            if len(self._dialogs) >= _MAX_DIALOGS:
                raise SipParseError("dialog-info: too many dialogs", 400)
            self._now = (attributes.get("id", ""), attributes.get("direction", "").lower())
            self._state = ""

    def _text(self, data: str) -> None:
        if self._path == ["dialog-info", "dialog", "state"]:
            self._state += data

    def _end(self, name: str) -> None:
        if self._path == ["dialog-info", "dialog"] and self._now is not None:
            id, direction = self._now
            state = _STATES.get(self._state.strip().lower())
            if state is None:
                raise SipParseError("dialog-info: a dialog without a state", 400)
            self._dialogs[id] = Watched(id, state, direction)
        self._path.pop()

    def document(self) -> DialogInfo:
        """What was read."""
        root = self._root
        if root is None or not root.get("version", "").isascii():
            raise SipParseError("dialog-info: another document", 400)
        version = root.get("version", "")
        if not version.isdigit() or len(version) > 10:
            raise SipParseError("dialog-info: no version", 400)
        full = root.get("state", "full").lower() == "full"
        return DialogInfo(root.get("entity", ""), int(version), full, tuple(self._dialogs.values()))
