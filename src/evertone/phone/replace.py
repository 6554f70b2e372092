"""One call in place of another (RFC 3891): how an established call changes its server (X5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertone.model import Hop
from evertone.phone.call_out import OutgoingCall
from evertone.phone.dialogs import SurplusBye
from evertone.phone.flow_table import Flow
from evertone.rules import Rule
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request
from evertone.sip.replaces import OPTION_TAG, Replaces

if TYPE_CHECKING:
    from evertone.phone.call import Call, CallOwner

__all__ = ["Answered", "ReplacingCall", "number_of"]


def number_of(call: Call) -> str:
    """What to call to reach the peer of ``call`` again: as it was dialled, or who it is from.

    A caller of our own domain is called at whichever server serves, any other one at its own.
    """
    if call.direction == "out" or call.dialog is None:
        return call.peer
    uri, settings = call.dialog.remote.uri, call.line.settings
    servers = settings.registrars()
    ours = {settings.domain(y) for y in servers} | {settings.server(y).address for y in servers}
    if uri.user and uri.bare_host in ours:
        return uri.user
    return str(uri._replace(params=(), headers=""))


class ReplacingCall(OutgoingCall):
    """The INVITE that takes the place of ``original``. The user sees the original only: it
    takes over this one's dialog, or hears that it came to nothing."""

    def __init__(self, original: Call, owner: CallOwner) -> None:
        assert original.dialog is not None
        super().__init__(
            f"{original.id} moving",
            original.line,
            number_of(original),
            owner,
            session=original.session,
        )
        self.won_at: Hop | None = None
        self._replaces = Replaces.of(original.dialog)

    def decorate(self, request: Request) -> None:
        """Whoever does not know Replaces must not ring (RFC 3891 §4)."""
        request.add("Replaces", self._replaces)
        request.add("Require", OPTION_TAG)

    def tell(
        self,
        now: float,
        *,
        code: int = 0,
        reason: str = "",
        rule: Rule | None = None,
        hop: Hop | None = None,
    ) -> None:
        """The user is told nothing of it; where it was answered, the original will say."""
        self.won_at = hop if hop is not None else self.won_at

    def let_go(self, now: float) -> None:
        """The original has taken over: it holds the flow itself."""
        if self.own is not None:
            self.services.flows.release(self.own, self._holder, now)


class Answered:
    """A 200 of ours within an established call, until its ACK: to a re-INVITE, or to an INVITE
    that took the place of ``replaced``, a dialog and its flow."""

    def __init__(self, call: Call, replaced: tuple[Dialog, Flow] | None = None) -> None:
        self.call = call
        self._replaced = replaced

    def acked(self, now: float) -> None:
        """The peer is on the new dialog: the old one is ended (RFC 3891 §3), where it is and
        nowhere else, for its way is dead as a rule."""
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            dialog, own = replaced
            SurplusBye(self.call.line, dialog).say(own, now)
