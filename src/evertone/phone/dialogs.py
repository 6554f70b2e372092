"""Requests within dialogs: ACK to a 2xx, BYE by the engine (C2, C4), BYE of a surplus leg (A8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertone.flows import Transmit
from evertone.model import Attempt, Cause, Outcome, Target
from evertone.phone.attempt import AttemptJob
from evertone.phone.exchange import Exchange
from evertone.phone.flow_table import Flow
from evertone.phone.last_word import LastWord
from evertone.phone.next_hop import next_target, reroute
from evertone.phone.services import Services
from evertone.sip.build import new_branch, stamp_via
from evertone.sip.dialog import Dialog
from evertone.sip.message import Request

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["Farewell", "SurplusBye", "hop_of", "send_ack"]

_ALL_RESENDS = 10  # what fits into 64*T1 (S2)


def hop_of(services: Services, dialog: Dialog, own: Flow) -> Target:
    """Where the dialog's next request goes."""
    return next_target(dialog.next_hop, own, services.flows.get(own.id) is own)


def send_ack(services: Services, dialog: Dialog, invite: Request, own: Flow, now: float) -> None:
    """Acknowledge a 2xx to ``invite`` that came by the flow ``own`` (RFC 3261 §13.2.2.4)."""
    _Ack(services, dialog.ack(invite), own).send(hop_of(services, dialog, own), now)


class _Ack:
    """One ACK on its way; it waits for a flow where the callee is reached by another one."""

    __slots__ = ("_own", "_request", "_services", "_target")

    def __init__(self, services: Services, request: Request, own: Flow) -> None:
        self._services = services
        self._request = request
        self._own = own
        self._target = own.target

    def send(self, target: Target, now: float) -> None:
        """Send it to ``target``."""
        self._target = target
        services = self._services
        flow = services.flows.open_to(target)
        if flow is None:
            flow = services.flows.hold(target, self._holder, self, now)
        if flow is not None:
            self._transmit(flow)

    def flow_ready(self, flow: Flow, now: float) -> None:
        """The flow that it waited for is open."""
        self._transmit(flow)
        self._services.flows.release(flow, self._holder, now)

    def flow_failed(self, cause: Cause, text: str, now: float) -> None:
        """The callee cannot be reached directly: the way of the INVITE is all there is (A13)."""
        if self._services.flows.get(self._own.id) is self._own:
            self._transmit(self._own)

    @property
    def _holder(self) -> tuple[str | int, ...]:
        return ("ack", self._request.call_id, self._request.cseq.number)

    def _transmit(self, flow: Flow) -> None:
        host, port = flow.local
        branch = new_branch(self._services.rng)
        stamp_via(self._request, flow.target.transport.text, host, port, branch)
        self._services.out.append(Transmit(flow.id, self._request.to_bytes()))


class _ByeJob(AttemptJob):
    """One attempt of a BYE."""

    __slots__ = ("_farewell",)

    def __init__(self, farewell: Farewell, attempt: Attempt) -> None:
        super().__init__(farewell.line, attempt)
        self._farewell = farewell

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """A new transaction with the next CSeq, for its target (C2)."""
        return self._farewell.request(exchange.target)


class Farewell:
    """The BYE of a call that the user has hung up; the call itself is over already (C4)."""

    def __init__(self, line: Line, dialog: Dialog, own: Flow, server: int) -> None:
        self.line = line
        self._dialog = dialog
        self._first = hop_of(line.services, dialog, own)
        self._server = server

    def say(self, now: float) -> None:
        """Send it: to the dialog's next hop, or what serves in its place (C2)."""
        self.line.want(self, "BYE", now, someone_waits=False, at=self._first, server=self._server)

    def request(self, target: Target) -> Request:
        """The BYE for ``target``."""
        self._dialog, request = self._dialog.request("BYE")
        if target != self._first:
            reroute(request, self._first, target)
        return request

    def send(self, attempt: Attempt, now: float) -> Exchange:
        """line.Wanted: make this attempt."""
        return _ByeJob(self, attempt).start(now)

    def completed(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """line.Wanted: whatever came of it, nothing is left to do."""


class SurplusBye(LastWord):
    """Ends a leg that nobody wants any more: an abandoned one that was answered late (A8), or a
    second branch (RFC 3261 §13.2.2.4). It goes where the leg is and nowhere else; without an
    answer the leg dies by its own timers."""

    method = "BYE"

    def __init__(self, line: Line, dialog: Dialog) -> None:
        self._line = line
        self._dialog = dialog

    def say(self, own: Flow, now: float) -> None:
        """Send it."""
        services = self._line.services
        services.exchanges.start(
            self,
            hop_of(services, self._dialog, own),
            now,
            resends=_ALL_RESENDS,
            give_up_s=services.settings.timers.timeout_s,
            credentials=self._line.credentials,
        )

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The BYE."""
        self._dialog, request = self._dialog.request("BYE")
        return request

    def silent(self, exchange: Exchange, now: float) -> None:
        """Nothing else can be tried: it gets all of 64*T1."""
        self._line.services.exchanges.extend(exchange, now)
