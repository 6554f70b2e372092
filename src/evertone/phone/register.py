"""REGISTER as a job: a binding made, renewed or removed at one target (R4, R5, R10, A4, A11)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evertone.model import Attempt, Outcome, OutcomeKind
from evertone.phone.attempt import AttemptJob
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow
from evertone.phone.reading import lenient
from evertone.phone.registration import Binding, Series, granted_s
from evertone.redundancy.interface import Late
from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["RegisterJob", "WipeJob"]

_LACKS_OUTBOUND = 439
_LONGEST_INTERVAL_S = 7 * 24 * 3600  # a Min-Expires beyond it is not followed (A4)


class RegisterJob(AttemptJob):
    """One REGISTER attempt. ``expires_s`` 0 removes the binding made through this target."""

    __slots__ = ("asked_s", "contact", "cseq", "removes")

    contact: NameAddr
    asked_s: int
    """What the last request of this attempt asked for, in seconds."""
    cseq: int
    """And its number."""

    def __init__(self, line: Line, attempt: Attempt) -> None:
        super().__init__(line, attempt)
        self.removes = attempt.expires_s == 0
        """True for a removal (B6, R5)."""

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The REGISTER; CSeq + 1 for every transaction, one Call-ID for all targets (A1)."""
        book, server = self.line.book, self.attempt.registrar
        held = book.bindings.get((server, self.attempt.hop.target))
        if self.removes and held is not None:
            self.contact = held.contact  # the one that made it, whatever flow it goes by now
        elif held is not None and held.flow is flow and held.local == flow.local:
            self.contact = held.contact
        else:
            self.contact = self.line.identity.contact(server, flow, binding=True)
        line = self.line
        series = book.series_of(server)
        self.asked_s = self._asked_s(series)
        request = series.request(
            line.identity, server, self.contact, self.asked_s, line.services.user_agent
        )
        self.cseq = series.cseq
        return request

    def succeeded(self, leg: Leg, response: Response, now: float) -> int:
        """Note the binding, or that it is gone."""
        news = self._series.is_news(self.attempt.hop.target, self.cseq)
        if self.removes and not news:
            return 0  # registered there anew meanwhile: the engine makes sure (B6)
        return self._bound(leg, response, now, 0)

    def _bound(self, leg: Leg, response: Response, now: float, waited_s: int) -> int:
        """The seconds left of what was granted ``waited_s`` seconds ago."""
        server, target = self.attempt.registrar, self.attempt.hop.target
        if self.removes:
            self.line.binding_removed(server, target, now)
            return 0
        sent = leg.request.indexed().get("contact")
        granted = granted_s(response, self.contact, self.asked_s, sent) - waited_s
        if granted <= 0:
            if not waited_s:  # what a late answer grants no more may have been granted anew
                self.line.binding_removed(server, target, now)
            return 0
        routes: tuple[NameAddr, ...] = ()
        if "service-route" in response.indexed():
            routes = lenient(lambda: response.service_routes, ())
        binding = Binding(
            server, target, self.contact, now + granted, routes, leg.flow, leg.flow.local
        )
        flow_timer_s = _flow_timer_s(response) if leg.flow.reliable else 0.0
        self.line.binding_granted(binding, flow_timer_s, now)
        return granted

    def outcome(self, response: Response, granted: int, *, rang: bool) -> Outcome:
        """A 2xx that grants us no time is no registration: again later, as after a refusal (A6)."""
        if response.status < 300 and not granted and not self.removes:
            return Outcome(OutcomeKind.REFUSED, response.status, text="it grants no time")
        return super().outcome(response, granted, rang=rang)

    def learned(self, response: Response) -> bool:
        """Remember the registrar's Min-Expires (A4), or that a proxy on the way there lacks
        outbound (RFC 5626 §11.6: First Hop Lacks Outbound Support)."""
        if response.status == _LACKS_OUTBOUND:
            return self._series.forgo_outbound()
        least = lenient(lambda: response.min_expires, None)
        if self.removes or not least or not self.asked_s < least <= _LONGEST_INTERVAL_S:
            return False
        self._series.min_expires_s = least
        return True

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A11: a 2xx to a REGISTER that was given up is a binding all the same."""
        # the registrar counts from the REGISTER, not from an answer that took minutes (a stream)
        waited_s = math.ceil(now - leg.exchange.began)
        granted = 0
        if self._series.is_news(self.attempt.hop.target, leg.request.cseq.number):
            granted = self._bound(leg, response, now, waited_s)
        if not self.removes:
            self.line.tell(Late(self.attempt, granted), now)
            self.line.subscriptions.registered(now)

    @property
    def _series(self) -> Series:
        return self.line.book.series_of(self.attempt.registrar)

    def _asked_s(self, series: Series) -> int:
        if not self.attempt.expires_s:
            return 0
        return max(self.attempt.expires_s, series.min_expires_s)


class WipeJob(RegisterJob):
    """R5, ``unregister_on_reboot``: what a life before this one left behind is removed first.

    Whatever a live server answers, the registration proper follows at the same target.
    """

    __slots__ = ()

    def __init__(self, line: Line, attempt: Attempt) -> None:
        super().__init__(line, attempt)
        self.removes = True

    def _asked_s(self, series: Series) -> int:
        return 0

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """The way is free."""
        self.line.wiped(self.attempt, now)

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """Nothing was bound by it."""


def _flow_timer_s(response: Response) -> float:
    """Flow-Timer in seconds (RFC 5626 §4.4.1); 0 where there is none."""
    text = (response.get("Flow-Timer") or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
