"""What the rehearsals of one case come to: waits, incoming calls lost, the way home; each figure
with the rules that the events name as its cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evertone.events import (
    BOUND,
    LEFT,
    Event,
    FailedBack,
    ServerDown,
    TargetFailed,
)
from evertone.lab.rehearsal.report import CallEnd, CallReport, IncomingReport, Rehearsal
from evertone.observe.explanation.faults import PATIENCE_S, Case, Scene, Stage
from evertone.rules import Rule

__all__ = ["Home", "Missed", "Outcome", "Waits", "back_of", "home_of", "missed_of", "waits_of"]

_AT_ONCE_S = 1.0
_SOON_S = 0.5  # within which a call follows what made it possible


@dataclass(frozen=True, slots=True)
class Waits:
    """Calls made in the outage. ``late``: how long those waited that did not ring at once, in
    order; ``lost``: how many reached nobody while a caller waits; ``hosts`` carried the rest;
    ``first_only``: none but the first waited or was lost."""

    of: int
    late: tuple[float, ...]
    lost: int
    first_only: bool
    hosts: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def worst_s(self) -> float:
        """The longest wait in seconds; inf if a call was lost."""
        return float("inf") if self.lost else max(self.late, default=0.0)

    @property
    def hampered(self) -> int:
        """How many did not ring at once."""
        return len(self.late) + self.lost


@dataclass(frozen=True, slots=True)
class Missed:
    """Calls to an idle phone: lost for ``lost_s`` seconds (inf: as long as the outage, or for
    longer than was rehearsed), from ``from_s`` after its beginning on."""

    lost_s: float
    from_s: float
    rules: tuple[Rule, ...]
    by: str = ""
    """The server that lets the phone ring in the outage."""


@dataclass(frozen=True, slots=True)
class Home:
    """The way back: ``moved`` says whether the phone had left, ``after_s`` how long after the
    end of the fault it was home at worst (inf: not while it was watched, for ``watched_s``),
    ``deaf_s`` how long after the end of the fault nobody could call it yet."""

    moved: bool
    after_s: float
    deaf_s: float
    rules: tuple[Rule, ...]
    deaf_rules: tuple[Rule, ...] = ()
    watched_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """All figures of one case. ``outage_s``: how long it was watched in the outage, until all
    was seen; ``lengthened``: registrations were longer there than the settings ask for while
    the phone waited to go home; ``cut``: more happens than was rehearsed."""

    case: Case
    struck: tuple[str, ...]
    outage_s: float
    lengthened: bool
    cut: bool
    waits: Waits
    missed: Missed
    home: Home

    @classmethod
    def of(cls, stage: Stage, case: Case) -> Outcome:
        """Play it and see."""
        home = home_of(stage, case)
        return cls(
            case=case,
            struck=tuple(host.name for host in case.struck(stage.scene)),
            outage_s=stage.rehearsed_s(case),
            lengthened=case.key in stage.lengthened,
            cut=case.key in stage.cut,
            waits=waits_of(stage, case),
            missed=missed_of(stage, case),
            home=home,
        )


def _rules(events: Iterable[Event]) -> tuple[Rule, ...]:
    return tuple(dict.fromkeys(event.rule for event in events if event.rule is not None))


# --- calls made -------------------------------------------------------------------------------


def waits_of(stage: Stage, case: Case) -> Waits:
    """How long calls wait in the outage."""
    rehearsal = stage.calls(case)
    began = rehearsal.strikes[0].at_s
    calls = [call for call in rehearsal.calls if call.at > began]
    hampered = [c for c in calls if c.delayed or c.end is not CallEnd.ANSWERED]
    return Waits(
        of=len(calls),
        late=tuple(c.waited_s for c in calls if c.delayed and c.waited_s is not None),
        lost=sum(call.waited_s is None for call in calls),
        first_only=len(calls) > 1 and hampered == calls[:1],
        hosts=tuple(dict.fromkeys(c.host for c in calls if c.waited_s is not None and c.host)),
        rules=_why_waited(rehearsal, stage.scene, case, calls, hampered),
    )


def _why_waited(
    rehearsal: Rehearsal,
    scene: Scene,
    case: Case,
    calls: Sequence[CallReport],
    hampered: Sequence[CallReport],
) -> tuple[Rule, ...]:
    """What failed before the first late call rang; what moved the line, or why every call waits."""
    if not hampered:
        return ()
    first = hampered[0]
    until = first.at + (PATIENCE_S if first.waited_s is None else first.waited_s + _SOON_S)
    within = [event for event in rehearsal.events if first.at <= event.at <= until]
    failed = [e for e in within if isinstance(e, TargetFailed) and e.method == "INVITE"]
    moved = [e for e in rehearsal.events if isinstance(e, LEFT)]
    rules = _rules(failed[:1]) or _rules(e for e in within if isinstance(e, TargetFailed))[:1]
    rules = rules or ((Rule.D16,) if case.of_dns else ())
    again = _rules(e for e in moved if e.at >= first.at)[:1]
    if len(hampered) == len(calls) and first.waited_s is not None and not case.of_dns:
        again = (Rule.B1,) if len(scene.first.path) > 1 else (Rule.P2,)
    return tuple(dict.fromkeys((*rules, *again)))


# --- calls to the phone -----------------------------------------------------------------------


def missed_of(stage: Stage, case: Case) -> Missed:
    """For how long an idle phone cannot be called: the longest stretch."""
    rehearsal = stage.idle(case)
    calls = [call for call in rehearsal.incoming if call.at >= stage.begin_s]
    worst: tuple[float, float, float] = (0.0, 0.0, 0.0)  # how long, from, until
    since: float | None = None
    for call in calls:
        if not call.host and since is None:
            since = call.at
        elif call.host and since is not None:
            worst = max(worst, (call.at - since, since, call.at))
            since = None
    if since is not None:
        worst = (float("inf"), since, float("inf"))
    lost_s, from_s, until_s = worst
    by = tuple(dict.fromkeys(call.host for call in calls if call.host and call.at >= until_s))
    return Missed(
        lost_s=lost_s,
        from_s=max(0.0, from_s - calls[0].at) if lost_s else 0.0,
        rules=_registered_at(rehearsal, until_s) if lost_s else _why_reached(stage.scene, calls),
        by=by[0] if by else "",
    )


def _registered_at(rehearsal: Rehearsal, until_s: float) -> tuple[Rule, ...]:
    """The rule of the registration that made the phone reachable."""
    return _rules(
        event
        for event in rehearsal.events
        if isinstance(event, BOUND) and until_s - _SOON_S <= event.at <= until_s
    )[:1]


def _why_reached(scene: Scene, calls: Sequence[IncomingReport]) -> tuple[Rule, ...]:
    """Why nothing was lost though a server failed: registrations shared, or with both."""
    hosts = {scene.site.host(call.host) for call in calls if call.host}
    home = scene.first.registrars
    if not hosts or (home and hosts == {home[0]}):
        return ()
    if all(host in home for host in hosts):
        return (Rule.B9,)
    return (Rule.F1,) if not scene.line.successive else ()


# --- home again -------------------------------------------------------------------------------


def home_of(stage: Stage, case: Case, most_s: float = float("inf")) -> Home:
    """When the phone is back where it belongs, at worst; inf if it takes more than ``most_s``."""
    rehearsal, end_s = stage.mended(case, most_s)
    events = [event for event in rehearsal.events if event.at >= stage.begin_s]
    before = [event for event in events if event.at <= end_s]
    after = [event for event in events if event.at > end_s]
    left = any(isinstance(e, LEFT) for e in before)
    in_need = left or any(isinstance(e, TargetFailed | ServerDown) for e in before)
    came = [e for e in after if isinstance(e, FailedBack)][-1:]
    again = [e for e in after if isinstance(e, BOUND)][:1]
    last = came if left else again if in_need else []
    deaf_s, reached_at = back_of(rehearsal, end_s)
    return Home(
        moved=left,
        after_s=last[0].at - end_s if last else float("inf") if in_need else 0.0,
        deaf_s=deaf_s,
        rules=_rules(last),
        deaf_rules=_registered_at(rehearsal, reached_at) if deaf_s else (),
        watched_s=rehearsal.for_s - end_s,
    )


def back_of(rehearsal: Rehearsal, end_s: float) -> tuple[float, float]:
    """How long after ``end_s`` nobody could call the phone, and when somebody could again."""
    calls = [call for call in rehearsal.incoming if call.at >= end_s]
    if not calls or calls[0].host:
        return 0.0, end_s
    reached = next((call.at for call in calls if call.host), float("inf"))
    return reached - calls[0].at, reached
