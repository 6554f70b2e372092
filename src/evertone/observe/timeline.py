"""A rehearsal as a story: what struck, what the phone did about it, by which rule, in one line
each; and the few figures that it comes down to."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from evertone.events import (
    BOUND,
    CallChanged,
    CallMoved,
    ConfigApplied,
    Event,
    FailedBack,
    FailedOver,
    FellBack,
    LampChanged,
    MediaChanged,
    MessageWaiting,
    NetworkChanged,
    ProbeFailed,
    Refreshed,
    Refused,
    Registered,
    RequestSent,
    Resolved,
    ResolveFailed,
    ServerDown,
    SubscriptionChanged,
    TargetFailed,
    Unregistered,
    Warned,
)
from evertone.lab.rehearsal.report import CallEnd, CallReport, LineReport, Rehearsal
from evertone.lab.rehearsal.site import Site
from evertone.lab.rehearsal.spans import length_text, time_text
from evertone.lab.rehearsal.strikes import VERBS, Harm, Strike
from evertone.observe.fold import Fold, fold
from evertone.observe.text import describe, printable
from evertone.rules import Rule

__all__ = [
    "Entry",
    "Tone",
    "at_text",
    "fold_text",
    "short_names",
    "strike_entries",
    "summary",
    "timeline",
    "timeline_text",
    "verdict",
]


class Tone(enum.Enum):
    """What an entry is about; the value is a sign for plain text."""

    FAULT = "!"
    MENDED = "o"
    BAD = "-"
    MOVE = ">"
    GOOD = "+"
    PLAIN = " "


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story: ``at`` seconds after the start, ``rule`` if one decided."""

    at: float
    text: str
    tone: Tone
    rule: Rule | None = None


_TONES: dict[type[Event], Tone | None] = {
    Resolved: Tone.PLAIN,
    ResolveFailed: Tone.BAD,
    RequestSent: None,  # the ladder shows them
    TargetFailed: Tone.BAD,
    Registered: Tone.GOOD,
    Refreshed: Tone.GOOD,
    Unregistered: Tone.PLAIN,
    FailedOver: Tone.MOVE,
    FellBack: Tone.MOVE,
    FailedBack: Tone.GOOD,
    ServerDown: Tone.BAD,
    ProbeFailed: Tone.BAD,
    Refused: Tone.BAD,
    CallChanged: None,  # each call is one entry of its own, where it is worth one
    CallMoved: Tone.MOVE,
    MediaChanged: None,  # nothing of servers
    SubscriptionChanged: None,  # in any trouble the registration's own entries say the same
    MessageWaiting: None,
    LampChanged: None,
    ConfigApplied: Tone.PLAIN,
    NetworkChanged: Tone.MOVE,
    Warned: Tone.PLAIN,
}
"""How each kind of event is told; None: not in the story. A test finds no kind missing."""


def at_text(seconds: float) -> str:
    """A moment: ``1d 02:03:04.5`` after the start."""
    tenths = math.floor(seconds * 10 + 0.5)
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (f"{days}d " if days else "") + f"{hour:02}:{minute:02}:{second:02}.{tenth}"


_TARGET = re.compile(r"(?:UDP|TCP|TLS) (\[[0-9a-f:.]+\]|[0-9.]+):\d+")


def short_names(text: str, site: Site) -> str:
    """``text`` with the lab's names in place of targets such as ``UDP 192.0.2.11:5060``."""

    def name(found: re.Match[str]) -> str:
        host = site.at(found[1].strip("[]"))
        return host.name if host is not None else found[0]

    return _TARGET.sub(name, text)


# --- entries ----------------------------------------------------------------------------------


def timeline(rehearsal: Rehearsal) -> list[Fold[Entry]]:
    """The story in order, what repeats folded: each line and server for itself, and anew with
    every fault that comes or goes. Routine is left out: refreshes that just work, calls that
    just get through."""
    entries = [
        *strike_entries(rehearsal),
        *_told(rehearsal.events, rehearsal.site),
        *(_call(call) for call in rehearsal.calls if _is_notable(call)),
    ]
    entries.sort(key=lambda entry: entry.at)  # stable: what struck comes before what it did
    folds: list[Fold[Entry]] = []
    while entries:
        end = next((n for n, e in enumerate(entries) if n and e.tone in _TURNS), len(entries))
        folds += _folded(_together(entries[:end]))
        entries = entries[end:]
    return folds


_TURNS = (Tone.FAULT, Tone.MENDED)


def _folded(entries: Iterable[Entry]) -> list[Fold[Entry]]:
    """What one line does at one server over and over is told where it begins."""
    streams: dict[str, list[tuple[int, Entry]]] = {}
    for number, entry in enumerate(entries):
        who = entry.text.partition(": ")[0]
        streams.setdefault(who, []).append((number, entry))
    folds = [
        one
        for stream in streams.values()
        for one in fold(stream, lambda numbered: (numbered[1].text, numbered[1].tone))
    ]
    folds.sort(key=lambda one: one.items[0][0])
    return [Fold(tuple(e for _, e in one.items), one.times, one.last[1]) for one in folds]


_LINE = re.compile(r"line (\d+)(?=[,:])")


def _together(entries: Iterable[Entry]) -> list[Entry]:
    """What several lines do in one moment, said once: ``lines 1-6, 9: call lost: no answer``."""
    doing: dict[tuple[str, str, Tone], tuple[Entry, list[int]]] = {}
    for number, entry in enumerate(entries):
        found = _LINE.match(entry.text)
        said = entry.text[found.end() :] if found else f"{number} {entry.text}"
        lines = doing.setdefault((at_text(entry.at), said, entry.tone), (entry, []))[1]
        if found and int(found[1]) not in lines:
            lines.append(int(found[1]))
        elif found:  # the same line did it again: that is another time
            doing[at_text(entry.at), f"{number} {entry.text}", entry.tone] = (entry, [])
    return [
        replace(entry, text=f"lines {_ranges(lines)}{_LINE.sub('', entry.text, count=1)}")
        if len(lines) > 1
        else entry
        for entry, lines in doing.values()
    ]


def _ranges(numbers: Iterable[int]) -> str:
    """``1-6, 9`` for the numbers in order."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)


def strike_entries(rehearsal: Rehearsal) -> Iterator[Entry]:
    """The faults as entries: each where it begins, and where it ends."""
    for strike in rehearsal.strikes:
        who = (
            strike.target
            if strike.hosts == (strike.target,)
            else (f"{strike.target} ({', '.join(strike.hosts)})")
        )
        yield Entry(strike.at_s, f"{who}: {_meaning(strike)}", Tone.FAULT)
        if strike.harm is not Harm.MOMENT and strike.until_s <= rehearsal.for_s:
            yield Entry(strike.until_s, f"{who}: works again", Tone.MENDED)


def _meaning(strike: Strike) -> str:
    """The verb in plain words."""
    fault = strike.faults[0]
    match fault.verb.value:
        case "answer":
            later = f" with Retry-After {fault.retry_after_s} s" if fault.retry_after_s else ""
            return f"answers every request {fault.value:.0f}{later}"
        case "delay":
            return f"packets take {time_text(fault.value)} longer each way"
        case "lose":
            return f"{100 * fault.value:g}% of the packets are lost each way"
        case "partition":
            row = VERBS["mute" if fault.subject == strike.hosts[0] else "deaf"]
            return row.meaning
        case verb:
            return VERBS[verb].meaning


def _told(events: Iterable[Event], site: Site) -> Iterator[Entry]:
    well: dict[tuple[int, int], object] = {}
    for event in events:
        tone = _TONES[type(event)]
        place = (event.line, event.server)
        target = event.hop.target if event.hop is not None else None
        if isinstance(event, TargetFailed | Refused | ServerDown | Unregistered):
            well.pop(place, None)
        if tone is None or (isinstance(event, Refreshed) and well.get(place) == target):
            continue
        if isinstance(event, BOUND):
            well[place] = target
        yield Entry(event.at, short_names(describe(event), site), tone, event.rule)


def _is_notable(call: CallReport) -> bool:
    return call.failed or call.delayed


def _call(call: CallReport) -> Entry:
    text = f"line {call.line}: call "
    if call.end is CallEnd.LOST:
        return Entry(call.at, f"{text}lost: {printable(call.reason)}", Tone.BAD)
    if call.end is CallEnd.DROPPED:
        return Entry(call.at, f"{text}cut off: {printable(call.reason)}", Tone.BAD)
    where = f" by {call.host}" if call.host else ""
    return Entry(call.at, f"{text}rings after {call.waited_s:.1f} s{where}", Tone.MOVE)


def timeline_text(folds: Iterable[Fold[Entry]]) -> list[str]:
    """The story as lines of text."""
    lines = []
    for one in folds:
        lines += [f"{at_text(e.at):>13} {e.tone.value} {e.text}" for e in one.items]
        if one.times > 1:
            lines.append(f"{'':>13}   ... {fold_text(one, one.last.at)}")
    return lines


def fold_text(one: Fold[Any], last_at: float) -> str:
    """How often a block came, in words."""
    what = "this" if len(one.items) == 1 else f"these {len(one.items)} lines"
    return f"{what} {one.times} times in all, until {at_text(last_at)}"


# --- figures ----------------------------------------------------------------------------------


def summary(rehearsal: Rehearsal) -> list[str]:
    """What it comes down to, as lines of text."""
    lines = []
    for line in rehearsal.lines:
        lines += [
            f"line {line.line} ({printable(line.label)})",
            f"  without registration   {_share(line.unregistered_s, rehearsal.for_s)}",
            f"  nobody could call it   {_share(line.unreachable_s, rehearsal.for_s)}",
        ]
        lines += _calls_of(rehearsal, line)
    lines.append("packets sent by the phone")
    width = max((len(str(report.host)) for report in rehearsal.hosts), default=0)
    lines += [f"  {report.host!s:{width}}  {report.packets:>7}" for report in rehearsal.hosts]
    return lines


def _share(seconds: float, for_s: float) -> str:
    """``15m 7.5s of 1d, 1.1 %``; a start that took milliseconds is no outage."""
    if seconds < 1:
        return "never" if seconds < 0.1 else length_text(seconds)
    return f"{length_text(seconds)} of {time_text(for_s)} ({_percent(seconds / for_s)})"


def _percent(share: float) -> str:
    """``100 %``, ``12 %``, ``1.2 %``, ``0.04 %``: two digits that count."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.2g} %"


def _calls_of(rehearsal: Rehearsal, line: LineReport) -> list[str]:
    calls = [call for call in rehearsal.calls if call.line == line.line]
    if not calls:
        return []
    lost = [call for call in calls if call.end is CallEnd.LOST]
    dropped = [call for call in calls if call.end is CallEnd.DROPPED]
    waits = [call.waited_s for call in calls if call.delayed and call.waited_s is not None]
    late = f"{len(waits)} of {len(calls)}"
    if waits:
        late += f", by {sum(waits) / len(waits):.1f} s, at most {max(waits):.1f} s"
    return [
        f"  calls lost             {len(lost)} of {len(calls)}",
        f"  calls cut off          {len(dropped)} of {len(calls)}",
        f"  calls delayed          {late}",
    ]


def verdict(rehearsal: Rehearsal) -> str:
    """The whole in a sentence or two, for somebody in a hurry."""
    unregistered_s = max((line.unregistered_s for line in rehearsal.lines), default=0.0)
    unreachable_s = max((line.unreachable_s for line in rehearsal.lines), default=0.0)
    most = "" if len(rehearsal.lines) == 1 else " at worst"
    if unreachable_s < 1:
        said = ["The phone could be called all the time."]
    elif unregistered_s < 1:
        gone = length_text(unreachable_s) + most
        said = [f"The phone was registered, but for {gone} with a server that was down."]
    else:
        gone, bare = (length_text(s) + most for s in (unreachable_s, unregistered_s))
        said = [f"Nobody could call the phone for {gone}; it had no registration for {bare}."]
    calls = rehearsal.calls
    if calls:
        lost = len(rehearsal.ended(CallEnd.LOST)) + len(rehearsal.ended(CallEnd.DROPPED))
        waits = [c.waited_s for c in rehearsal.delayed if c.waited_s is not None]
        late = f"{len(waits)} rang late, by {max(waits):.1f} s at most" if waits else "none late"
        said.append(f"Of {len(calls)} calls that it made, {lost or 'none'} failed; {late}.")
    return " ".join(said)
