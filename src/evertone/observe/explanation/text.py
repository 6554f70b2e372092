"""Figures in plain words, for somebody who has never seen the guide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from evertone.config.settings import LineSettings
from evertone.lab.rehearsal.spans import length_text, time_text
from evertone.lab.rehearsal.watch import LONG_S
from evertone.observe.explanation.advice import Change, Figure, Metric
from evertone.observe.explanation.explain import Explanation, LineExplanation, Stop
from evertone.observe.explanation.faults import PATIENCE_S
from evertone.observe.explanation.figures import Home, Missed, Outcome, Waits
from evertone.observe.explanation.watches import MOST_EVENTS
from evertone.observe.text import printable
from evertone.rules import Rule

__all__ = [
    "Words",
    "advice_words",
    "case_title",
    "habits",
    "home_words",
    "how_measured",
    "missed_words",
    "rules_named",
    "story",
    "waits_words",
    "what_was_cut",
]

Words = tuple[str, tuple[Rule, ...]]
"""What is said, and the rules behind it."""

_A_MOMENT_S = 1.0


def _names(names: Iterable[str], most: int = 3) -> str:
    some = list(names)
    shown = ", ".join(some[:most])
    return shown if len(some) <= most else f"{shown} and {len(some) - most} more"


def case_title(outcome: Outcome) -> str:
    """The case as a table calls it: ``server1.primary is silent``."""
    return outcome.case.title.format(_names(outcome.struck))


# --- calls made -------------------------------------------------------------------------------


def waits_words(waits: Waits) -> Words:
    """What becomes of calls that are made in the outage."""
    if not waits.hampered:
        return "at once", waits.rules
    if waits.lost == waits.of:
        return f"lost: rings nowhere in {time_text(PATIENCE_S)}", waits.rules
    if waits.first_only:
        late = length_text(waits.late[0]) if waits.late else "lost"
        return f"{late}, only the first call", waits.rules
    parts = []
    if waits.late:
        who = "each call" if len(waits.late) == waits.of else f"{len(waits.late)} of {waits.of}"
        parts.append(f"{length_text(max(waits.late))}, {who}")
    if waits.lost:
        parts.append(f"{waits.lost} of {waits.of} lost")
    return "; ".join(parts), waits.rules


def missed_words(outcome: Outcome) -> Words:
    """What becomes of calls to the phone."""
    missed = outcome.missed
    if missed.lost_s < _A_MOMENT_S:
        return (f"get through, by {missed.by}" if missed.by else "get through"), missed.rules
    since = f"after {length_text(missed.from_s)}: " if missed.from_s > _A_MOMENT_S else ""
    if math.isinf(missed.lost_s):
        return f"{since}lost for as long as it lasts", missed.rules
    return f"{since}lost for {length_text(missed.lost_s)} at worst", missed.rules


def home_words(outcome: Outcome) -> Words:
    """When the phone is where it belongs after the fault."""
    home = outcome.home
    if home.moved and math.isinf(home.after_s):
        text = f"not within {length_text(home.watched_s)}"
    elif home.moved:
        text = length_text(home.after_s)
        if Rule.B1 in home.rules:
            text += ", or with its next request"
    elif home.after_s >= _A_MOMENT_S and not math.isinf(home.after_s):
        text = f"stays; registered again after {length_text(home.after_s)}"
    else:
        text = "never leaves"
    rules = home.rules
    if home.deaf_s >= _A_MOMENT_S and home.deaf_s != home.after_s:
        more = "ever" if math.isinf(home.deaf_s) else f"{length_text(home.deaf_s)} more"
        text += f"; calls to it are lost for {more}"
        rules = tuple(dict.fromkeys((*rules, *home.deaf_rules)))
    return text, rules


# --- sentences --------------------------------------------------------------------------------


def story(line: LineExplanation) -> Iterator[str]:
    """What happens in the two cases that people ask about first, as sentences."""
    yield from _nowhere(line)
    told = [outcome for outcome in line.outcomes if outcome.case.verb == "silence"]
    if told:
        yield _told(told[0])
    last = next((o for o in reversed(told) if not o.case.of_dns), None)
    if last is not None and last is not told[0]:
        yield _told(last)


def _nowhere(line: LineExplanation) -> Iterator[str]:
    """Names that no record is known of."""
    comes = (
        "there is no other way, so the phone never registers, nobody can call it and no call that "
        "it makes gets through."
        if line.scene.leads_nowhere
        else "the phone lives by what comes after it."
        if not line.order[0].hops
        else "it cannot help where the others fail."
    )
    empty = [f"{_stop_name(stop)} ({stop.address})" for stop in line.order if not stop.hops]
    if empty:
        lead = "lead" if len(dict.fromkeys(empty)) > 1 else "leads"
        yield f"{_names(dict.fromkeys(empty))} {lead} nowhere: {comes}"


def _stop_name(stop: Stop) -> str:
    return stop.group.value.capitalize()


def _told(outcome: Outcome) -> str:
    what = outcome.case.what.format(_names(outcome.struck))
    return f"When {what}: {_you_call(outcome.waits)} {_they_call(outcome.missed)} " + _way_home(
        outcome.home
    )


def _you_call(waits: Waits) -> str:
    by = f" by {_names(waits.hosts)}" if waits.hosts else ""
    if not waits.hampered:
        return f"calls that you make ring at once{by}."
    if waits.lost == waits.of:
        return "no call that you make gets through."
    if waits.first_only and waits.late:
        return (
            f"the first call that you make waits {length_text(waits.late[0])} before it rings"
            f"{by}; those after it ring at once."
        )
    if len(waits.late) == waits.of:
        return f"each call that you make waits {length_text(max(waits.late))}, then it rings{by}."
    return f"of {waits.of} calls that you make, {len(waits.late)} ring late and {waits.lost} never."


def _they_call(missed: Missed) -> str:
    if missed.lost_s < _A_MOMENT_S:
        return "Who calls you notices nothing."
    since = f" after {length_text(missed.from_s)}" if missed.from_s > _A_MOMENT_S else ""
    if math.isinf(missed.lost_s):
        return f"Nobody can call you{since} while it lasts."
    return (
        f"Nobody can call you{since} for {length_text(missed.lost_s)} at worst, that is if "
        "nobody uses the phone meanwhile."
    )


def _way_home(home: Home) -> str:
    watched = length_text(home.watched_s)
    if home.moved and math.isinf(home.after_s):
        return f"It has not gone home {watched} after all is well again."
    if home.moved:
        return f"It goes home by itself, {length_text(home.after_s)} after the end at worst."
    if math.isinf(home.deaf_s):
        return f"Nobody can call you {watched} after all is well again."
    if home.deaf_s >= _A_MOMENT_S:
        return f"{length_text(home.deaf_s)} after the end at worst you can be called again."
    if _A_MOMENT_S <= home.after_s < math.inf:
        return f"It is registered again {length_text(home.after_s)} after the end at worst."
    return "It stays where it is."


_HABITS: tuple[tuple[Callable[[LineSettings], bool], str, Rule], ...] = (
    (
        lambda line: len(line.registrars()) == 2 and not line.successive,
        "It registers with both servers at once; server 1 serves as long as it works.",
        Rule.F1,
    ),
    (
        lambda line: len(line.registrars()) == 2 and line.successive,
        "It registers with one server at a time; with the other when its registration has run out.",
        Rule.F2,
    ),
    (
        lambda line: bool(line.proxies()),
        "All it sends goes through the outbound proxy; the server itself is never asked for.",
        Rule.P1,
    ),
    (
        lambda line: len(line.proxies()) == 2,
        "Proxy 2 serves while proxy 1 is down.",
        Rule.P2,
    ),
)

_MODES: dict[int, tuple[str, Rule]] = {
    0: ("every request tries the first of them, dead or not", Rule.B1),
    1: ("it stays where it got through and tries to go home when the DNS TTL has run", Rule.B2),
    2: ("it stays where it got through and tries to go home with its next refresh", Rule.B3),
    3: ("it stays where it got through and tries to go home after failback_timeout", Rule.B4),
}

_SHARING = {
    True: "each has registrations of its own (register_on_enable = 1)",
    False: "they are taken to share registrations (register_on_enable = 0)",
}


def habits(line: LineExplanation) -> Iterator[Words]:
    """How the line uses what it is led to, one sentence each."""
    for holds, text, rule in _HABITS:
        if holds(line.scene.line):
            yield text, (rule,)
    yield from dict.fromkeys(_habits_of_lists(line))  # a proxy leads to both servers, say it once


def _habits_of_lists(line: LineExplanation) -> Iterator[Words]:
    for stop in line.order:
        path = line.scene.line.path(stop.group, stop.registrar)
        if len(stop.hops) > 1:
            said, rule = _MODES[path.failback_mode]
            shared = _SHARING[path.register_on_enable]
            where = f"{_stop_name(stop)} leads to {len(stop.hops)} targets"
            yield f"{where}: {said}; {shared}.", (rule, Rule.B9)


# --- advice -----------------------------------------------------------------------------------

_VALUES: dict[Metric, Callable[[Figure], str]] = {
    Metric.WAIT: lambda f: "lost" if math.isinf(f.value) else length_text(f.value),
    Metric.HAMPERED: lambda f: f"{f.value:.0f} of {f.of}",
    Metric.MISSED: lambda f: "as long as it lasts" if math.isinf(f.value) else _brief(f.value),
    Metric.HOME: lambda f: "not in that time" if math.isinf(f.value) else length_text(f.value),
    Metric.DEAF: lambda f: "all that time" if math.isinf(f.value) else _brief(f.value),
}


def _brief(seconds: float) -> str:
    return "never" if seconds < _A_MOMENT_S else length_text(seconds)


def advice_words(change: Change, outcomes: Iterable[Outcome]) -> str:
    """``server1.primary is silent: a call waits 31.5s -> 4s``."""
    outcome = next(o for o in outcomes if o.case.key == change.case.key)
    show = _VALUES[change.before.metric]
    # what is lost to the end is lost for as long as the rehearsal happened to last
    watched = length_text(change.span_s // 60 * 60)
    span = f" for {watched}" if math.isinf(change.before.value) else ""
    return (
        f"{case_title(outcome)}{span}: {change.before.metric.value} "
        f"{show(change.before)} -> {show(change.after)}"
    )


# --- the small print --------------------------------------------------------------------------


def how_measured(explanation: Explanation) -> str:
    """Where the figures come from."""
    return (
        "Nothing here is computed: the phone that 'evertone run' puts on the network went through "
        f"each of these in simulated time. DNS: {printable(explanation.zone.source)}. A fault "
        "begins just after the phone has registered and ends just after the last thing that it "
        "sends before the longest pause: the worst moments. Who calls waits "
        f"{time_text(PATIENCE_S)} at most; calls to the phone go by any server that lets it ring."
    )


def what_was_cut(explanation: Explanation) -> Iterator[str]:
    """Where a rehearsal was not quite what the settings ask for, or ended too early."""
    outcomes = [outcome for line in explanation.lines for outcome in line.outcomes]
    lengthened = dict.fromkeys(case_title(o) for o in outcomes if o.lengthened)
    if lengthened:
        yield (
            f"Short registrations and a long way home ({_names(lengthened)}): when the phone had "
            f"moved and could be called, servers granted {time_text(LONG_S)} at least, for else it "
            "would have done nothing but refresh. When it goes home does not depend on that."
        )
    cut = dict.fromkeys(case_title(o) for o in outcomes if o.cut)
    if cut:
        yield (
            f"Not seen to the end ({_names(cut)}): the phone does more there than is rehearsed, "
            f"{MOST_EVENTS} steps. What would have come later is not in these figures."
        )


def rules_named(explanation: Explanation) -> list[Rule]:
    """Every rule that the explanation names, in the order of the registry."""
    named: set[Rule] = set()
    for line in explanation.lines:
        for _, rules in habits(line):
            named.update(rules)
        for outcome in line.outcomes:
            for _, rules in (
                waits_words(outcome.waits),
                missed_words(outcome),
                home_words(outcome),
            ):
                named.update(rules)
        named.update(change.rule for change in line.changes)
    named.update(f.rule for f in explanation.findings if f.rule)
    return [rule for rule in Rule if rule in named]
