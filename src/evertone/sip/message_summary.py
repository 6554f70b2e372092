"""Message waiting (RFC 3842): the body of a NOTIFY about a mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evertone.errors import SipParseError

__all__ = ["MESSAGE_SUMMARY_TYPE", "PACKAGE", "MessageSummary", "parse_message_summary"]

PACKAGE: Final = "message-summary"
MESSAGE_SUMMARY_TYPE: Final = "application/simple-message-summary"
_MAX_BYTES: Final = 8_192
_MAX_LINES: Final = 100
_MAX_COUNT: Final = 2**32 - 1
_COUNTS: Final = re.compile(r"([0-9]{1,10})/([0-9]{1,10})(?:[ \t]*\([^)]*\))?")


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """``waiting``: there are messages at all. ``new`` and ``old`` count the voice messages, 0
    where the body does not say. ``account`` is the mailbox, "" where it is not named."""

    waiting: bool
    new: int = 0
    old: int = 0
    account: str = ""

    def to_bytes(self) -> bytes:
        """The body."""
        lines = [f"Messages-Waiting: {'yes' if self.waiting else 'no'}"]
        if self.account:
            lines.append(f"Message-Account: {self.account}")
        lines.append(f"Voice-Message: {self.new}/{self.old} (0/0)")
        return "".join(f"{line}\r\n" for line in lines).encode()


def parse_message_summary(body: bytes) -> MessageSummary:
    """Read a body: linear in its length; what is no line of RFC 3842 §5.2 is passed over.

    Raises SipParseError (400) where it does not say whether messages wait.
    """
    if len(body) > _MAX_BYTES:
        raise SipParseError("message-summary: too long", 400)
    fields: dict[str, str] = {}
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    status = fields.get("messages-waiting", "").lower()
    if status not in ("yes", "no"):
        raise SipParseError("message-summary: no Messages-Waiting", 400)
    new, old = _counts(fields.get("voice-message", ""))
    return MessageSummary(status == "yes", new, old, fields.get("message-account", ""))


def _counts(text: str) -> tuple[int, int]:
    match = _COUNTS.fullmatch(text)
    if match is None:
        return 0, 0
    return min(int(match[1]), _MAX_COUNT), min(int(match[2]), _MAX_COUNT)
