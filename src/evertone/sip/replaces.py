"""The Replaces header (RFC 3891): this INVITE takes the place of a dialog that stands."""

from __future__ import annotations

from dataclasses import dataclass

from evertone.errors import SipParseError
from evertone.sip.dialog import Dialog, DialogId
from evertone.sip.grammar import find_param, parse_params

__all__ = ["OPTION_TAG", "Replaces", "parse_replaces"]

OPTION_TAG = "replaces"
_MAX_CALL_ID = 512


@dataclass(frozen=True, slots=True)
class Replaces:
    """The dialog to be replaced, as its reader names it: ``to_tag`` is the reader's own tag.

    ``early_only``: not if it has been answered (§3).
    """

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def of(cls, dialog: Dialog) -> Replaces:
        """What tells our peer in ``dialog`` to replace it."""
        return cls(dialog.call_id, dialog.remote.tag, dialog.local.tag)

    @property
    def dialog(self) -> DialogId:
        """The dialog's identity at the reader."""
        return DialogId(self.call_id, self.to_tag, self.from_tag)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def parse_replaces(text: str) -> Replaces:
    """Read a Replaces header. Raises SipParseError (400) where it is malformed (§6.1)."""
    call_id, semicolon, rest = text.strip().partition(";")
    call_id = call_id.strip()
    if not call_id or len(call_id) > _MAX_CALL_ID or not call_id.isprintable() or " " in call_id:
        raise SipParseError("Replaces: no Call-ID", 400)
    params = parse_params(semicolon + rest)
    names = [name for name, _ in params]
    to_tag, from_tag = find_param(params, "to-tag"), find_param(params, "from-tag")
    if not to_tag or not from_tag or names.count("to-tag") + names.count("from-tag") != 2:
        raise SipParseError("Replaces: it needs one to-tag and one from-tag", 400)
    return Replaces(call_id, to_tag, from_tag, "early-only" in names)
