"""All subscriptions of one line: when they may be made, where they live, who is notified."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from evertone.model import Hop
from evertone.phone.flow_table import Flow
from evertone.phone.snapshot import SubscriptionSnapshot
from evertone.phone.subscription import Subscription
from evertone.phone.subscription_states import SubscriptionEvent
from evertone.phone.watching import Interest
from evertone.redundancy.snapshot import RegistrationSnapshot
from evertone.rules import Rule
from evertone.sip.dialog import Dialog, DialogId
from evertone.sip.message import Request

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["Subscriptions"]

_MAX_ENDING = 64


class Subscriptions:
    """Nothing where the line has no interests."""

    __slots__ = ("_all", "_ending", "_line")

    def __init__(self, line: Line, interests: tuple[Interest, ...]) -> None:
        self._line = line
        self._all = [Subscription(line, n, i, self) for n, i in enumerate(interests, 1)]
        self._ending: OrderedDict[DialogId, None] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._all)

    # --- what the line says ---------------------------------------------------------------------

    def registered(self, now: float) -> None:
        """A REGISTER succeeded: those that waited for it are made."""
        for subscription in self._all:
            if self.may_live(subscription, now):
                subscription.step(SubscriptionEvent.REGISTERED, now)

    def moved(self, registrar: int, now: float) -> None:
        """B11, F7: the registration with ``registrar`` is elsewhere now, or the line itself is:
        what lives there is made anew at once."""
        for subscription in self._all:
            if not self._stays_elsewhere(subscription, registrar):
                subscription.step(SubscriptionEvent.MOVED, now, rule=Rule.B11)

    def _stays_elsewhere(self, subscription: Subscription, registrar: int) -> bool:
        """Concurrent: it lives with the other server."""
        if self._line.settings.successive:
            return False
        server = subscription.server
        if subscription.interest.kind.working_only:
            server = self._line.working_server
        return server not in (0, registrar)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection ended."""
        for subscription in self._all:
            subscription.flow_lost(flow, now)

    def forget(self, now: float) -> None:
        """R8: the addresses that notifiers know may be gone."""
        for subscription in self._all:
            subscription.step(SubscriptionEvent.UNREGISTERED, now, rule=Rule.R8)

    def stop(self, now: float) -> None:
        """A clean stop ends them."""
        for subscription in self._all:
            subscription.step(SubscriptionEvent.STOP, now)

    def due(self, number: int, now: float) -> None:
        """The timer of one is due."""
        self._all[number - 1].due(now)

    def notified(self, request: Request, flow: Flow, now: float) -> int:
        """Take a NOTIFY; the status to answer with, 0 if it is none of ours."""
        for subscription in self._all:
            if subscription.is_meant_by(request):
                return subscription.notified(request, flow, now)
        dialog = DialogId(request.call_id, request.to.tag, request.from_.tag)
        return 200 if dialog in self._ending else 0

    def snapshot(self) -> tuple[SubscriptionSnapshot, ...]:
        """For people and checkers."""
        return tuple(subscription.snapshot() for subscription in self._all)

    # --- subscription.SubscriptionOwner -----------------------------------------------------------

    def may_live(self, subscription: Subscription, now: float) -> bool:
        """F7: message waiting and a shared line at the working server only, where two serve at
        once."""
        pinned = self._line.working_server if subscription.interest.kind.working_only else 0
        return any(
            self._stands(registration, now) and pinned in (0, registration.registrar)
            for registration in self._line.registrations()
        )

    def has_moved(self, subscription: Subscription, hop: Hop, now: float) -> bool:
        """B11: another server serves, or the registration is with another address."""
        pinned = subscription.interest.kind.working_only and self._line.working_server
        if not pinned and self._line.serving != subscription.server:
            return True
        for registration in self._line.registrations():
            if registration.registrar == subscription.server and self._stands(registration, now):
                at = registration.hop
                return at is not None and at.target.address != hop.target.address
        return False

    def ending(self, dialog: Dialog) -> None:
        """Its last NOTIFY is welcome."""
        self._ending[dialog.id] = None
        if len(self._ending) > _MAX_ENDING:
            self._ending.popitem(last=False)

    def _stands(self, registration: RegistrationSnapshot, now: float) -> bool:
        """A binding that has time left; where two serve at once, with one that was not found
        wanting since. Elsewhere nobody registers for that (R2), so nobody would say when it is
        back: the next try finds out."""
        settings = self._line.settings
        at_once = len(settings.registrars()) > 1 and not settings.successive
        expires_at = registration.expires_at
        found_wanting = at_once and not registration.available  # F1: it is registered with anew
        return not found_wanting and expires_at is not None and now < expires_at
