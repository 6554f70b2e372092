"""The SUBSCRIBEs of a subscription: outside its dialog, within it, and the last one (RFC 6665)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertone.model import Attempt
from evertone.phone.attempt import AttemptJob
from evertone.phone.dialogs import hop_of
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow
from evertone.phone.last_word import LastWord
from evertone.phone.reading import lenient
from evertone.schedule import give_up_s
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request, Response

if TYPE_CHECKING:
    from evertone.phone.subscription import Subscription

__all__ = ["RefreshJob", "SubscribeJob", "Unsubscribe"]

_FIRST_CSEQ = 1
_UNSUBSCRIBE_RESENDS = 3


class SubscribeJob(AttemptJob):
    """A SUBSCRIBE outside a dialog, at one target."""

    __slots__ = ("subscription",)

    def __init__(self, subscription: Subscription, attempt: Attempt) -> None:
        super().__init__(subscription.line, attempt)
        self.subscription = subscription

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """Same Call-ID, From tag and CSeq at every target of one server (A1)."""
        return self.subscription.build(self.attempt, flow, _FIRST_CSEQ + exchange.round)

    def learned(self, response: Response) -> bool:
        """A4."""
        return self.subscription.too_brief(response)

    def succeeded(self, leg: Leg, response: Response, now: float) -> int:
        """A 2xx."""
        self.subscription.granted(self.attempt, leg, response, now)
        return 0

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A11: it was given up, so this one is surplus."""
        dialog = lenient(lambda: Dialog.as_caller(leg.request, response), None)
        if dialog is not None:
            self.subscription.end_surplus(dialog, leg.flow, now)


class RefreshJob(AttemptJob):
    """A SUBSCRIBE within the dialog, at one target (C2)."""

    __slots__ = ("subscription",)

    def __init__(self, subscription: Subscription, attempt: Attempt) -> None:
        super().__init__(subscription.line, attempt)
        self.subscription = subscription

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """A new transaction with the next CSeq, for its target (C2)."""
        return self.subscription.build_refresh(self.attempt, exchange, flow)

    def learned(self, response: Response) -> bool:
        """A4."""
        return self.subscription.too_brief(response)

    def succeeded(self, leg: Leg, response: Response, now: float) -> int:
        """A 2xx."""
        self.subscription.refreshed(self.attempt, leg, response, now)
        return 0


class Unsubscribe(LastWord):
    """The last SUBSCRIBE of a dialog. It goes where the dialog is and nowhere else, and for S1's
    time only: a notifier that cannot be reached lets the subscription run out."""

    method = "SUBSCRIBE"

    def __init__(self, subscription: Subscription, dialog: Dialog) -> None:
        self._subscription = subscription
        self._dialog = dialog

    def say(self, own: Flow, now: float) -> None:
        """Send it."""
        line = self._subscription.line
        services = line.services
        timers = services.settings.timers
        services.exchanges.start(
            self,
            hop_of(services, self._dialog, own),
            now,
            resends=_UNSUBSCRIBE_RESENDS,
            give_up_s=give_up_s("SUBSCRIBE", _UNSUBSCRIBE_RESENDS, timers),
            credentials=line.credentials,
        )

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """Expires 0."""
        self._dialog, request = self._dialog.request("SUBSCRIBE")
        self._subscription.describe_end(request)
        return request
