"""The caller's side: one INVITE, walked over targets by the engine (C1, A1, A8, A12, A13)."""

from __future__ import annotations

from collections.abc import Callable

from evertone.model import Attempt, Cause, Outcome, OutcomeKind
from evertone.phone import outcome as outcomes
from evertone.phone.attempt import AttemptJob
from evertone.phone.call import Call, CallOwner
from evertone.phone.call_states import Act, CallEvent, CallState
from evertone.phone.dialogs import SurplusBye, send_ack
from evertone.phone.exchange import Exchange, Leg
from evertone.phone.flow_table import Flow
from evertone.phone.line import Line
from evertone.phone.media_session import MediaSession
from evertone.phone.reading import lenient
from evertone.rules import Rule
from evertone.sip.build import new_call_id, new_tag, request_to
from evertone.sip.dialog import Dialog, DialogId, Forks
from evertone.sip.message import Request, Response
from evertone.sip.replaces import OPTION_TAG
from evertone.sip.values import NameAddr

__all__ = ["OutgoingCall"]

_FIRST_CSEQ = 1
_RING_LIMIT_S = 200.0  # since the last provisional; more than RFC 3261's timer C (§16.6)
_RINGING = frozenset({180, 183})
_MERGED = 482
_NO_DIALOG = Outcome(OutcomeKind.REFUSED, 500, text="a 2xx that makes no dialog")


class InviteJob(AttemptJob):
    """The INVITE at one target. ``detached``: taken back after a 482, the engine has done (A12)."""

    __slots__ = ("call", "detached", "ended", "exchange", "forks", "leg")

    def __init__(self, call: OutgoingCall, attempt: Attempt) -> None:
        super().__init__(call.line, attempt)
        self.call = call
        self.detached = False
        self.forks: Forks | None = None
        self.leg: Leg | None = None
        self.exchange: Exchange | None = None
        self.ended: set[str] = set()  # tags of surplus dialogs that had their BYE

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The INVITE: same Call-ID, From tag and CSeq at every target (A1)."""
        call, server = self.call, self.attempt.registrar
        identity = self.line.identity
        uri = identity.callee(call.peer, server)
        request = request_to(
            "INVITE",
            uri,
            from_=identity.aor(server, call.from_tag),
            to=NameAddr(uri),
            call_id=call.call_id,
            # Without credentials first, at every target: so the INVITE that a callee sees has
            # the same CSeq whichever way it came, and is known as merged (RFC 3261 §8.2.2.2).
            cseq=_FIRST_CSEQ + exchange.round,
            contact=identity.contact(server, flow),
            # P1: the proxy is where it is sent, not a Route of ours; R11 is what names routes.
            routes=self.line.book.routes(server, self.attempt.hop.target),
            user_agent=self.line.services.user_agent,
        )
        call.put_offer(request, flow)
        call.decorate(request)
        self.forks = Forks(request)
        return request

    def provisional(self, leg: Leg, response: Response, now: float) -> None:
        """The call rings, or at least proceeds (S6)."""
        self.leg = leg
        self._dialog(response)
        self.call.progress(self, response.status, now)

    def answered(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx makes the call; a final answer else is the engine's to judge."""
        self.leg = leg
        if 200 <= response.status < 300:
            self.call.accepted(self, leg, response, now)
        elif self.detached:
            self.call.detached_over(self, now)
        else:
            super().answered(leg, response, now)

    def failed(self, exchange: Exchange, cause: Cause, text: str, now: float) -> None:
        """No answer."""
        self.leg = exchange.leg
        if self.detached:
            self.call.detached_over(self, now)
        else:
            super().failed(exchange, cause, text, now)

    def silent(self, exchange: Exchange, now: float) -> None:
        """S1's time is up."""
        self.leg = exchange.leg
        super().silent(exchange, now)

    def late(self, leg: Leg, response: Response, now: float) -> None:
        """A8: an abandoned leg does not stay up."""
        self.end_surplus(leg, response, now)

    def dialog_of(self, response: Response) -> Dialog | None:
        """The dialog that a 2xx makes; None where it makes none."""
        return self._dialog(response)

    def end_surplus(self, leg: Leg, response: Response, now: float) -> None:
        """ACK and BYE for a 2xx that is not wanted; a repeated one is ACKed again."""
        dialog = self._dialog(response)
        if dialog is None:
            return
        send_ack(self.line.services, dialog, leg.request, leg.flow, now)
        tag = dialog.id.remote_tag
        if tag not in self.ended:
            self.ended.add(tag)
            SurplusBye(self.line, dialog).say(leg.flow, now)

    def _dialog(self, response: Response) -> Dialog | None:
        forks = self.forks
        return lenient(lambda: forks.receive(response), None) if forks is not None else None


class OutgoingCall(Call):
    """A call of ours, from the first INVITE to the end."""

    direction = "out"

    def __init__(
        self,
        id: str,
        line: Line,
        number: str,
        owner: CallOwner,
        *,
        session: MediaSession | None = None,
    ) -> None:
        super().__init__(id, line, number, CallState.CALLING, owner, session=session)
        rng = line.services.rng
        self.call_id = new_call_id(rng)
        self.from_tag = new_tag(rng)
        self._jobs: list[InviteJob] = []
        self._request = 0
        self._winner: Leg | None = None
        self._won: DialogId | None = None

    def begin(self, now: float) -> None:
        """Have the INVITE conducted."""
        self.tell(now, reason="the user calls")
        self._request = self.line.want(self, "INVITE", now, someone_waits=True)

    def decorate(self, request: Request) -> None:
        """Add to an INVITE what this kind of call needs beyond the usual."""
        request.add("Supported", OPTION_TAG)

    # --- line.Wanted --------------------------------------------------------------------------

    def send(self, attempt: Attempt, now: float) -> Exchange:
        """One more target; the user sees it (C3)."""
        first = not self._jobs
        self.server = attempt.registrar
        job = InviteJob(self, attempt)
        self._jobs.append(job)
        moved = False if first else self.step(CallEvent.MOVED, now, rule=Rule.C3, hop=attempt.hop)
        if not first and not moved:
            self.tell(now, reason=CallEvent.MOVED.value, rule=Rule.C3, hop=attempt.hop)
        self._owner.changed(self, now)
        job.exchange = job.start(now, preemptive=False)
        return job.exchange

    def completed(self, outcome: Outcome, attempt: Attempt | None, now: float) -> None:
        """The engine has the result; a 482 may mean that an earlier leg is being served (A12)."""
        self._request = 0
        if outcome.ok:
            return
        if outcome.code == _MERGED and self._reclaim(now):
            return
        rule = outcomes.rule_of("INVITE", outcome.code) if outcome.code else Rule.C1
        hop = attempt.hop if attempt is not None else None
        self.step(
            CallEvent.REFUSED, now, code=outcome.code, reason=str(outcome), rule=rule, hop=hop
        )

    # --- from the jobs ------------------------------------------------------------------------

    def progress(self, job: InviteJob, status: int, now: float) -> None:
        """A provisional answer of a leg that is not given up."""
        hop = job.attempt.hop
        if status in _RINGING:
            self.step(CallEvent.RINGS, now, code=status, hop=hop, rule=Rule.S6)
        else:
            self.step(CallEvent.TRYING, now, code=status, hop=hop, rule=Rule.S6)
        if self.state is CallState.RINGING:
            self.arm(now + _RING_LIMIT_S)

    def accepted(self, job: InviteJob, leg: Leg, response: Response, now: float) -> None:
        """A 2xx, the first or one more."""
        dialog = job.dialog_of(response)
        if dialog is None:
            if self._winner is None:
                self.line.finished(job.attempt, _NO_DIALOG, 0, now)
            return
        if self._winner is None and not self.over:
            self._win(job, leg, dialog, response, now)
        elif leg is self._winner and dialog.id == self._won:
            # the ACK was lost: the peer says 200 again (RFC 3261 §13.2.2.4)
            send_ack(self.services, dialog, leg.request, leg.flow, now)
        else:
            job.end_surplus(leg, response, now)

    def detached_over(self, job: InviteJob, now: float) -> None:
        """A12: a leg that had been taken back brought nothing."""
        job.detached = False
        if not any(j.detached for j in self._jobs):
            self.step(
                CallEvent.REFUSED,
                now,
                code=_MERGED,
                reason="the callee has it by an earlier way, which never answered",
                rule=Rule.A12,
            )

    # --- acts of the table ----------------------------------------------------------------------

    @property
    def acts(self) -> dict[Act, Callable[[float], None]]:
        """The caller's."""
        return {Act.ACK: self._ack, Act.CANCEL: self._cancel, Act.BYE: self.say_bye}

    def ring_due(self, now: float) -> None:
        """It rang for longer than anybody lets it ring."""
        self.step(CallEvent.TOO_LONG, now, code=408)

    def _ack(self, now: float) -> None:
        if self._winner is None or self.dialog is None:
            return
        send_ack(self.services, self.dialog, self._winner.request, self._winner.flow, now)

    def _cancel(self, now: float) -> None:
        """A13: no failover from here on; a CANCEL to each leg when it answers provisionally."""
        if self._request:
            self.line.unwant(self._request, now)
        for job in self._jobs:
            if job.exchange is not None:
                self.services.exchanges.abandon(job.exchange, now)

    # --- inside -------------------------------------------------------------------------------

    def _win(
        self, job: InviteJob, leg: Leg, dialog: Dialog, response: Response, now: float
    ) -> None:
        self._winner = leg
        self._won = dialog.id
        self.dialog = dialog
        self.server = job.attempt.registrar
        self.hold(leg.flow)
        self.session.take_answer(response.body)
        self.disarm()
        self.step(CallEvent.ACCEPTED, now, code=response.status, rule=Rule.C1, hop=job.attempt.hop)
        for other in self._jobs:
            if other is not job and other.detached and other.exchange is not None:
                other.detached = False
                self.services.exchanges.abandon(other.exchange, now)
        if not job.detached:
            ok = Outcome(OutcomeKind.OK, response.status, text=response.reason)
            self.line.finished(job.attempt, ok, 0, now)

    def _reclaim(self, now: float) -> bool:
        """A12: wait for the legs that were given up for silence."""
        for job in self._jobs[:-1]:
            if job.leg is not None and self.services.exchanges.reclaim(job.leg, now):
                job.detached = True
        return any(job.detached for job in self._jobs)
