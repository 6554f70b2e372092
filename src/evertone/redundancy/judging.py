"""What an attempt's outcome means for its walk, and what a send is told to be for.

Pure lookups over :mod:`policy`: nothing here changes a walk or a mark.
"""

from __future__ import annotations

from evertone.config.settings import LineSettings
from evertone.model import Attempt, Cause, Outcome, OutcomeKind, Reason
from evertone.redundancy.policy import Ask, FallbackType, Step, Verdict, verdict
from evertone.redundancy.walk import Stage, Walk
from evertone.rules import Rule
from evertone.schedule import SipTimers, send_times

__all__ = ["judge", "silence_of", "why_sent"]

# Members under names of their own: an enumeration's attribute costs as much as a call.
_ASK_REGISTER, _ASK_REQUEST = Ask.REGISTER, Ask.REQUEST
_REGISTERING = Stage.REGISTERING


def silence_of(attempt: Attempt, timers: SipTimers) -> Outcome:
    """That no answer came in S1's time."""
    sends = len(send_times(attempt.method, attempt.resends, timers))
    if attempt.hop.target.transport.reliable:
        sends = 1
    text = f"after {sends} send{'s' if sends != 1 else ''}"
    return Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.SILENCE, text=text)


def judge(walk: Walk, attempt: Attempt, outcome: Outcome, settings: LineSettings) -> Verdict:
    """Whether ``walk`` is done with ``outcome``, goes on, or has to live with it (A1-A4)."""
    row = verdict(
        _ASK_REGISTER if attempt.method == "REGISTER" else _ASK_REQUEST,
        outcome.kind,
        outcome.code,
        refusal_moves=bool(settings.redundancy_with_reg_fail_enable),
        via_proxy=attempt.hop.group.is_proxy,
        alerted=outcome.alerted,
    )
    if walk.trying_home and row.step is Step.RESULT and attempt.hop.index == 0:
        return Verdict(Step.NEXT, Rule.B3, row.alive)  # the refresh still has its own target
    return row


def why_sent(walk: Walk, method: str, fallback: FallbackType) -> tuple[Reason, Rule, str]:
    """Reason, rule and words for the send of ``method`` that ``walk`` is about to make."""
    if walk.stage is _REGISTERING:
        falls_back = walk.registrar_index > 0
        successive = fallback is FallbackType.SUCCESSIVE
        rule = Rule.F3 if falls_back and successive else Rule.B9
        reason = Reason.FALLBACK if falls_back else Reason.INITIAL
        return reason, rule, f"registered there before {walk.method} goes"
    last = walk.last_outcome
    if walk.last_attempt is None or last is None or last.ok:
        return walk.reason, walk.rule, walk.reason.text
    moved_on = walk.last_attempt.registrar != walk.registrar
    reason = Reason.FALLBACK if moved_on else Reason.FAILOVER
    rule = Rule.C1 if moved_on and method != "REGISTER" else Rule.A1
    if moved_on and method == "REGISTER":
        rule = Rule.F2
    return reason, rule, f"{walk.last_attempt.hop.target}: {last}"
