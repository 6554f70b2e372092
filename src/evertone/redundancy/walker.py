"""Conducts walks: locate, try a hop, judge its outcome, go on.

It decides nothing itself: outcomes are judged in :mod:`judging`, moves looked up in
:mod:`policy`, and what they mean for the line is the :class:`Host`'s business.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from evertone.events import Refused, RequestSent, TargetFailed
from evertone.model import Attempt, Cause, Group, Hop, Outcome, OutcomeKind, Target
from evertone.redundancy.hoplist import Change, HopList
from evertone.redundancy.interface import Abandon, Extend, Locate, Located, Send
from evertone.redundancy.judging import judge, silence_of, why_sent
from evertone.redundancy.marks import Judgement
from evertone.redundancy.policy import (
    CAUSE_RULES,
    Move,
    MoveRow,
    Step,
    Verdict,
    move,
)
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.redundancy.walk import Purpose, Stage, Walk
from evertone.rules import Rule

__all__ = ["Host", "Walker"]

_NO_TARGET = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.UNREACHABLE, text="no target to try")
_BINDING_PURPOSES = frozenset({Purpose.REGISTER, Purpose.HOME, Purpose.PROBE})
_FOLLOWING = frozenset({Purpose.REGISTER, Purpose.REQUEST})
_FULL_TIME_PURPOSES = frozenset({Purpose.REGISTER, Purpose.REQUEST, Purpose.IN_DIALOG})  # S3

# Members under names of their own: an enumeration's attribute costs as much as a call.
_LOCATING, _TRYING, _REGISTERING = Stage.LOCATING, Stage.TRYING, Stage.REGISTERING
_REQUEST, _REMOVAL = Purpose.REQUEST, Purpose.REMOVAL
_NEXT, _DONE = Step.NEXT, Step.DONE
_SKIP = Judgement.SKIP


def _turn(walk: Walk) -> TimerKey:
    return TimerKey(TimerKind.SPREAD, request=walk.request)


class Host(Protocol):
    """What a walk means for the line."""

    def list_changed(self, lst: HopList, change: Change, now: float) -> None:
        """A resolution brought other targets (B8)."""

    def hops_for(self, walk: Walk, lst: HopList, now: float) -> list[Hop]:
        """The order in which ``walk`` tries the list (B1-B4, B6, C2)."""

    def must_register(self, walk: Walk, hop: Hop, now: float) -> bool:
        """True if a REGISTER must go to ``hop`` before the request (B9, F3, C5)."""

    def may_wait(self, walk: Walk, now: float) -> bool:
        """False where a REGISTER gets S1's time only, even at the last target (S3)."""

    def registered(self, walk: Walk, attempt: Attempt, expires_s: int, now: float) -> None:
        """A 2xx to a REGISTER that makes or renews a binding."""

    def hop_failed(self, walk: Walk, hop: Hop, outcome: Outcome, now: float) -> None:
        """A hop did not serve; the walk goes on by itself."""

    def home_passed_over(self, walk: Walk, hop: Hop, now: float) -> None:
        """A refresh that was to be the try home (B3) goes to its own target instead (A2, X1)."""

    def leg_spent(self, walk: Walk, row: MoveRow, now: float) -> None:
        """A whole list did not serve (F8); the walk goes on by itself."""

    def ended(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """The walk is over: DONE, RESULT (a live server refused), or NEXT (all are spent)."""


class Walker:
    """All walks of one line."""

    __slots__ = ("_attempts", "_host", "_joiners", "_next_attempt", "_next_own", "_state", "walks")

    def __init__(self, state: LineState, host: Host) -> None:
        self._state = state
        self._host = host
        self.walks: dict[int, Walk] = {}
        self._attempts: dict[int, Walk] = {}
        self._joiners: dict[int, list[Walk]] = {}
        self._next_attempt = 0
        self._next_own = 0

    # --- verbs of the engine ------------------------------------------------------------------

    def own_request(self) -> int:
        """A number for a walk of the engine's own: negative, the phone's are not."""
        self._next_own -= 1
        return self._next_own

    def begin(self, walk: Walk, now: float) -> None:
        """Start a walk. One with hops in its queue needs no resolution."""
        self.walks[walk.request] = walk
        self._enter_leg(walk, now)

    def begin_later(self, walk: Walk, now: float) -> None:
        """Start a walk after its turn in a crowd (X2); at once without ``spread``."""
        self.walks[walk.request] = walk
        self._in_turn(walk, now)

    def turn_due(self, request: int, now: float) -> None:
        """A walk's turn has come (X2)."""
        walk = self.walks.get(request)
        if walk is not None and walk.stage is Stage.DELAYED:
            walk.stage = Stage.LOCATING
            if walk.last_attempt is None:
                self._enter_leg(walk, now)
            else:
                self._advance(walk, now)

    def located(self, answer: Located, now: float) -> None:
        """A resolution came back: whoever waits for it goes on."""
        group, registrar = answer.group, answer.registrar
        lst = self._state.hop_list(registrar, group)
        waiting = self._waiting(group, registrar)
        change = lst.update(answer.hops, now)
        if change is not Change.NONE:
            self._host.list_changed(lst, change, now)
        for walk in waiting:
            if self.walks.get(walk.request) is walk and walk.stage is _LOCATING:
                walk.queue = self._host.hops_for(walk, lst, now)
                walk.spare = answer.spare if walk.purpose in _FULL_TIME_PURPOSES else ()
                self._advance(walk, now)

    def locate_failed(self, group: Group, registrar: int, text: str, now: float) -> None:
        """A name led nowhere: its server is unavailable (D14)."""
        for walk in self._waiting(group, registrar):
            if self.walks.get(walk.request) is walk:
                walk.last_outcome = Outcome(
                    OutcomeKind.UNAVAILABLE, cause=Cause.UNREACHABLE, text=text
                )
                self._leg_spent(walk, now)

    def silent(self, attempt_id: int, now: float) -> None:
        """S1's time is up: the last target gets 64*T1, any other is left (S3)."""
        walk = self._attempts.get(attempt_id)
        if walk is None or walk.attempt is None:
            return
        outcome = silence_of(walk.attempt, self._state.sip_timers)
        if self._is_last_chance(walk, now):
            walk.extended = True
            self._state.out.append(Extend(attempt_id))
            self._leave_extended(attempt_id, outcome, now)
            return
        self._state.out.append(Abandon(attempt_id))
        self.finished(attempt_id, outcome, 0, now)

    def _leave_extended(self, attempt_id: int, outcome: Outcome, now: float) -> None:
        """A REGISTER waits for 64*T1 as its last; a call that had joined it and may go elsewhere
        waits no longer than S1's time (S3)."""
        for joiner in list(self._joiners.get(attempt_id, ())):
            if joiner.purpose is _REQUEST and not self._is_last_chance(joiner, now):
                self._joiners[attempt_id].remove(joiner)
                if joiner.hop is not None:
                    self._tell_failed(joiner, joiner.hop, "REGISTER", outcome, Rule.S1, now)
                self._joined_over(joiner, outcome, _NEXT, now)

    def finished(self, attempt_id: int, outcome: Outcome, expires_s: int, now: float) -> None:
        """An attempt ended: judge it and go on."""
        walk = self._attempts.pop(attempt_id, None)
        if walk is None or walk.attempt is None:
            return
        attempt, walk.attempt = walk.attempt, None
        if walk.extended and outcome.cause is Cause.SILENCE:
            outcome = replace(outcome, text=f"in {self._state.sip_timers.timeout_s:g} s")
        walk.last_attempt, walk.last_outcome, walk.extended = attempt, outcome, False
        judged = judge(walk, attempt, outcome, self._state.settings)
        self._mark(attempt.hop.target, outcome, judged, now)
        if judged.step is not _NEXT and len(self.walks) > 1:
            self.served(attempt.registrar, attempt.hop.target)
        joiners = self._joiners.pop(attempt_id, ())
        if walk.stage is _REGISTERING:
            self._registering_over(walk, attempt, outcome, judged, expires_s, now)
        elif judged.step is _NEXT and walk.purpose is not _REMOVAL:
            self._hop_failed(walk, attempt, outcome, judged, now)
        else:
            if judged.step is _DONE and attempt.method == "REGISTER" and attempt.expires_s:
                self._host.registered(walk, attempt, expires_s, now)
            self._end(walk, outcome, judged.step, now)
        for joiner in joiners:
            self._joined_over(joiner, outcome, judged.step, now)

    def served(self, registrar: int, target: Target) -> None:
        """What a walk found wanting before serves again: that is no failure of where the line
        is by now (B5, B6)."""
        for walk in self.walks.values():
            walk.failed.pop((registrar, target), None)

    def cancel(self, request: int, now: float) -> None:
        """Nobody wants the request any more (A13). A REGISTER made for it runs to its end."""
        walk = self.walks.get(request)
        if walk is None:
            return
        walk.cancelled = True
        if walk.stage is Stage.REGISTERING:
            return
        del self.walks[request]
        if walk.attempt is not None:  # the caller cancels the transaction itself
            self._attempts.pop(walk.attempt.id, None)
            self._state.marks.withdrawn(walk.attempt.hop.target)

    def withdraw(self, walk: Walk, now: float) -> None:
        """Call a walk off: its attempt is abandoned, whoever had joined it looks anew."""
        self.walks.pop(walk.request, None)
        self._state.timers.cancel(_turn(walk))
        if walk.attempt is None:
            return
        attempt_id = walk.attempt.id
        self._attempts.pop(attempt_id, None)
        self._state.marks.withdrawn(walk.attempt.hop.target)
        self._state.out.append(Abandon(attempt_id))
        walk.attempt, walk.extended = None, False
        for joiner in self._joiners.pop(attempt_id, ()):
            if self.walks.get(joiner.request) is joiner:
                joiner.leg_anew()  # the line may have moved (B2-B4)
                self._enter_leg(joiner, now)

    def restart(self, walk: Walk, now: float) -> None:
        """Call its attempt off and let it look anew, unless nobody wants it any more (A13)."""
        self.withdraw(walk, now)
        if not walk.cancelled:
            walk.leg_anew()
            self.begin(walk, now)

    def tell_refused(self, walk: Walk, rule: Rule, outcome: Outcome, now: float) -> None:
        """Announce that a live server refused, and that by ``rule`` no other is asked (A6, A7)."""
        self._state.tell(
            Refused,
            now,
            walk.registrar,
            hop=walk.hop,
            rule=rule,
            reason=str(outcome),
            method=walk.method,
            outcome=outcome,
        )

    # --- one step -------------------------------------------------------------------------------

    def _waiting(self, group: Group, registrar: int) -> list[Walk]:
        return [
            walk
            for walk in self.walks.values()
            if walk.stage is _LOCATING and walk.registrar == registrar and walk.group is group
        ]

    def _enter_leg(self, walk: Walk, now: float) -> None:
        if walk.queue:
            self._advance(walk, now)
            return
        walk.stage = _LOCATING
        self._state.out.append(Locate(walk.group, walk.registrar, walk.someone_waits))

    def _advance(self, walk: Walk, now: float) -> None:
        hop = self._pick(walk, now)
        if hop is None:
            self._leg_spent(walk, now)
        else:
            self._try(walk, hop, now)

    def _pick(self, walk: Walk, now: float) -> Hop | None:
        """The next hop that no mark forbids; forbidden ones are kept for the end (A2, X1)."""
        if walk.hop is not None:
            self._follow_the_line(walk)
        while (hop := walk.take_hop()) is not None:
            if self._state.marks.judge(hop.target, now) is not _SKIP:
                return hop
            walk.pass_over(hop)
            if walk.trying_home and hop.index == 0:
                self._host.home_passed_over(walk, hop, now)
        return None

    def _follow_the_line(self, walk: Walk) -> None:
        """B7: the line has moved since this leg began, so where it is by now comes next: to reach
        the primary by the old order would be a way home that nothing asked for (B2-B4, B6)."""
        lst = self._state.lists.get((walk.registrar, walk.group))
        if lst is None or lst.current is None or walk.purpose not in _FOLLOWING:
            return
        if lst.stay != walk.found:
            walk.bring_forward(lst.current)

    def _try(self, walk: Walk, hop: Hop, now: float) -> None:
        walk.hop = hop
        first = walk.purpose is _REQUEST and self._host.must_register(walk, hop, now)
        if first or walk.purpose in _BINDING_PURPOSES:
            # RFC 3261 §10.2: no REGISTER while another one to the same place is under way
            attempts = self._attempts
            in_flight = self._register_in_flight(walk.registrar, hop.target) if attempts else None
            if in_flight is not None:
                self._join(walk, in_flight, now)
                return
        walk.stage = _REGISTERING if first else _TRYING
        self._send(walk, hop, "REGISTER" if first else walk.method, now)

    def _join(self, walk: Walk, attempt_id: int, now: float) -> None:
        """Wait for somebody else's REGISTER. One whose time by S1 is up says nothing of now: a
        call that has no other way lets it begin anew, others look elsewhere (S3)."""
        walk.stage = Stage.JOINED
        self._joiners.setdefault(attempt_id, []).append(walk)
        other = self._attempts[attempt_id]
        if not other.extended or other.attempt is None:
            return
        if walk.purpose is _REQUEST and self._is_last_chance(walk, now):
            self.restart(other, now)
        else:
            self._leave_extended(attempt_id, silence_of(other.attempt, self._state.sip_timers), now)

    def _register_in_flight(self, registrar: int, target: Target) -> int | None:
        for attempt_id, walk in self._attempts.items():
            made = walk.attempt
            if (
                made is not None
                and made.method == "REGISTER"
                and made.expires_s
                and made.registrar == registrar
                and made.hop.target == target
            ):
                return attempt_id
        return None

    def _send(self, walk: Walk, hop: Hop, method: str, now: float) -> None:
        state, registrar = self._state, walk.registrar
        path = state.hop_list(registrar, hop.group).path
        resends = path.invite_retry_counts if method == "INVITE" else path.retry_counts
        reason, rule, why = why_sent(walk, method, state.fallback)
        expires = None
        if method == "REGISTER":
            removal = walk.purpose is _REMOVAL
            expires = 0 if removal else state.settings.server(registrar).expires
        self._next_attempt += 1
        attempt = Attempt(
            id=self._next_attempt,
            request=walk.request,
            line=state.settings.line,
            registrar=registrar,
            hop=hop,
            method=method,
            resends=resends,
            give_up_s=state.span_s(method, resends),
            reason=reason,
            rule=rule,
            expires_s=expires,
        )
        walk.attempt = attempt
        self._attempts[attempt.id] = walk
        state.marks.sent(hop.target, now)
        state.out.append(Send(attempt))
        state.tell(RequestSent, now, registrar, hop=hop, rule=rule, reason=why, attempt=attempt)

    def _mark(self, target: Target, outcome: Outcome, judged: Verdict, now: float) -> None:
        if judged.alive:
            self._state.marks.answered(target)
            return
        self._state.marks.failed(
            target,
            now,
            retry_after_s=outcome.retry_after_s,
            skip_s=self._state.settings.skip_unavailable,
        )

    def _registering_over(
        self,
        walk: Walk,
        attempt: Attempt,
        outcome: Outcome,
        judged: Verdict,
        expires_s: int,
        now: float,
    ) -> None:
        """B9, F3: the REGISTER that had to come first is over."""
        if judged.step is Step.DONE:
            self._host.registered(walk, attempt, expires_s, now)
        if walk.cancelled:
            self.walks.pop(walk.request, None)
            if judged.step is _NEXT:  # nobody waits, but others pass it over now (X1)
                self._tell_failed(walk, attempt.hop, "REGISTER", outcome, judged.rule, now)
        elif judged.step is Step.DONE:
            walk.stage = Stage.TRYING
            self._send(walk, attempt.hop, walk.method, now)
        else:
            self._hop_failed(walk, attempt, outcome, judged, now)

    def _joined_over(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        """The REGISTER that this walk had waited for is over."""
        if self.walks.get(walk.request) is not walk or walk.hop is None:
            return
        walk.last_outcome = outcome
        if walk.method == "REGISTER" and step is not Step.NEXT:  # it was what this one wanted
            self._end(walk, outcome, step, now)
        elif step is Step.DONE:
            self._try(walk, walk.hop, now)
        elif self._says_little(walk, outcome):
            walk.path_alive = walk.heard_little = True
            walk.pass_over(walk.hop)
            self._advance(walk, now)
        else:
            self._found_wanting(walk, walk.hop, outcome)
            self._advance(walk, now)

    def _says_little(self, walk: Walk, outcome: Outcome) -> bool:
        """What a live proxy could not deliver before the user dialled says little of now: if
        nothing else is left, the call asks once itself (P1, S6)."""
        stalled = outcome.cause is Cause.STALLED
        return stalled and walk.purpose is _REQUEST and not walk.heard_little

    def _found_wanting(self, walk: Walk, hop: Hop, outcome: Outcome) -> None:
        walk.failed[walk.registrar, hop.target] = outcome
        # P1: who said 100 is alive, it is what lies behind that says nothing (S6)
        if outcome.kind is not OutcomeKind.UNAVAILABLE or outcome.cause is Cause.STALLED:
            walk.path_alive = True

    def _hop_failed(
        self, walk: Walk, attempt: Attempt, outcome: Outcome, judged: Verdict, now: float
    ) -> None:
        hop = attempt.hop
        self._found_wanting(walk, hop, outcome)
        self._tell_failed(walk, hop, attempt.method, outcome, judged.rule, now)
        was_try_home = walk.trying_home
        self._host.hop_failed(walk, hop, outcome, now)
        # a failover that nobody waits for; but B3 sends the refresh to its own target at once
        if walk.purpose is Purpose.REGISTER and not was_try_home:
            self._in_turn(walk, now)
        else:
            self._advance(walk, now)

    def _tell_failed(
        self, walk: Walk, hop: Hop, method: str, outcome: Outcome, rule: Rule, now: float
    ) -> None:
        """``rule`` judged an answer; where there was none, its cause has the rule."""
        self._state.tell(
            TargetFailed,
            now,
            walk.registrar,
            hop=hop,
            rule=CAUSE_RULES[outcome.cause] if outcome.cause is not None else rule,
            reason=str(outcome),
            method=method,
            outcome=outcome,
        )

    def _in_turn(self, walk: Walk, now: float) -> None:
        """X2: a thousand phones shall not come at once."""
        delay_s = self._state.spread_s()
        walk.stage = Stage.DELAYED
        if delay_s > 0:
            self._state.timers.set(_turn(walk), now + delay_s)
        else:
            self.turn_due(walk.request, now)

    def _move(self, walk: Walk) -> MoveRow:
        return move(
            hops_left=walk.hops_left(),
            behind_proxy=bool(walk.paths),
            path_alive=walk.path_alive,
            paths_left=walk.paths_left,
            registrars_left=walk.registrars_left,
        )

    def _leg_spent(self, walk: Walk, now: float) -> None:
        row = self._move(walk)
        if row.move is Move.GIVE_UP and walk.passed_over and walk.purpose in _FULL_TIME_PURPOSES:
            self._try(walk, self._passed_over(walk), now)
            return
        self._host.leg_spent(walk, row, now)
        if row.move is Move.NEXT_REGISTRAR:
            walk.next_registrar()
            self._enter_leg(walk, now)
        elif row.move is Move.NEXT_PATH:
            walk.next_path()
            self._enter_leg(walk, now)
        else:
            self._end(walk, walk.last_outcome or _NO_TARGET, Step.NEXT, now)

    def _passed_over(self, walk: Walk) -> Hop:
        """A2: nothing else is left, so a target that asked for peace is used after all: first
        the one that the line is at by now, if it is among them (B6)."""
        kept = walk.passed_over[0]
        lst = self._state.hop_list(walk.registrars[kept.leg[0]], kept.hop.group)
        return walk.take_passed_over(lst.order())

    def _is_last_chance(self, walk: Walk, now: float) -> bool:
        if walk.purpose not in _FULL_TIME_PURPOSES or walk.passed_over:
            return False
        if self._move(walk).move is not Move.GIVE_UP:
            return False
        return self._host.may_wait(walk, now)

    def _end(self, walk: Walk, outcome: Outcome, step: Step, now: float) -> None:
        self.walks.pop(walk.request, None)
        self._host.ended(walk, outcome, step, now)
