"""A rehearsal as one HTML page: nothing to load, nothing to run, fit to be sent to a customer.

No event bears a secret, and the ladder shows methods and statuses only; whatever comes from
the configuration or the wire is escaped.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import string
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evertone.lab.rehearsal.report import HostReport, LineReport, Rehearsal
from evertone.lab.rehearsal.spans import length_text, time_text
from evertone.observe.fold import Fold
from evertone.observe.ladder import ladder, spans_of_interest
from evertone.observe.svg import availability, close_up, draw_ladder, tag
from evertone.observe.text import printable
from evertone.observe.timeline import Entry, Tone, at_text, fold_text, timeline, verdict
from evertone.rules import Rule

__all__ = ["render"]

MAX_TIMELINE_ROWS = 400
MAX_LADDER_ROWS = 250
MAX_REMARKS = 200

_MOST_CARDS = 3
_NOTICEABLE_S = 1.0  # less than this without registration is a start, not an outage
_ROLES = {
    "server": "registrar and proxy",
    "proxy": "outbound proxy",
    "dns": "name server",
}


def render(rehearsal: Rehearsal) -> str:
    """The page. Its ladder needs a run with ``keep_packets``."""
    folds = timeline(rehearsal)
    template = importlib.resources.files("evertone.observe") / "templates" / "rehearsal.html"
    return string.Template(template.read_text("utf-8")).substitute(
        title=escape(_title(rehearsal)),
        subtitle=escape(_subtitle(rehearsal)),
        faults=_faults(rehearsal),
        verdict=escape(verdict(rehearsal)),
        verdict_class=_grade(rehearsal),
        cards=_figures(rehearsal),
        availability=availability(rehearsal, (0.0, rehearsal.for_s)),
        closeup=_close_up(rehearsal),
        call_key=_call_key(rehearsal),
        timeline=_timeline(folds),
        timeline_note=_more(sum(_rows(one) for one in folds) - MAX_TIMELINE_ROWS, "lines"),
        **_ladder(rehearsal, folds),
        hosts="".join(_host(report) for report in rehearsal.hosts),
        rules=_rules(folds),
        zone_source=escape(printable(rehearsal.site.zone.source)),
        remarks=_remarks(rehearsal),
        version=escape(importlib.metadata.version("evertone")),
        for_text=escape(time_text(rehearsal.for_s)),
        seed=rehearsal.seed,
    )


# --- head -------------------------------------------------------------------------------------


def _title(rehearsal: Rehearsal) -> str:
    labels = [printable(line.label) for line in rehearsal.lines]
    who = f"line {labels[0]} does" if len(labels) == 1 else f"{len(labels)} lines do"
    struck = list(dict.fromkeys(strike.target for strike in rehearsal.strikes))
    if not struck:
        return f"What {who} when nothing fails"
    if len(struck) == 1:
        return f"What {who} when {struck[0]} fails"
    return f"What {who} when {', '.join(struck[:-1])} and {struck[-1]} fail"


def _subtitle(rehearsal: Rehearsal) -> str:
    said = f"{time_text(rehearsal.for_s)} in simulated time"
    if rehearsal.plan is not None:
        plan = rehearsal.plan
        said += f"; every line calls every {time_text(plan.every_s)} for {time_text(plan.lasts_s)}"
    return said


def _faults(rehearsal: Rehearsal) -> str:
    if not rehearsal.strikes:
        return ""
    items = "".join(tag("li", text=printable(str(strike))) for strike in rehearsal.strikes)
    return tag("ul", items, class_="faults")


def _grade(rehearsal: Rehearsal) -> str:
    """How bad it was: the style of the verdict."""
    if any(line.unregistered_s >= _NOTICEABLE_S for line in rehearsal.lines) or any(
        call.failed for call in rehearsal.calls
    ):
        return "bad"
    late = rehearsal.delayed or any(x.unreachable_s >= _NOTICEABLE_S for x in rehearsal.lines)
    return "warn" if late else ""


@dataclass(frozen=True, slots=True)
class _Fact:
    """One figure of a line: what to show, what it is of, and its style where it is not good."""

    shown: str
    what: str
    badness: float
    style: str
    more: str = ""

    @property
    def class_(self) -> str:
        return "good" if self.badness < _NOTICEABLE_S else self.style


def _facts(rehearsal: Rehearsal, line: LineReport) -> list[_Fact]:
    calls = [call for call in rehearsal.calls if call.line == line.line]
    failed = sum(call.failed for call in calls)
    waits = [call.waited_s for call in calls if call.delayed and call.waited_s is not None]
    bare, deaf = line.unregistered_s, line.unreachable_s
    facts = [
        _Fact(_time(bare), "without registration", bare, "bad"),
        _Fact(_time(deaf), "in which nobody could call it", deaf, "warn"),
    ]
    if calls:
        of = len(calls)
        most = f", at most {max(waits):.1f} s" if waits else ""
        facts += [
            _Fact(f"{failed} of {of}", "outgoing calls lost or cut off", failed, "bad"),
            _Fact(f"{len(waits)} of {of}", "calls delayed", len(waits), "warn", most),
        ]
    return facts


def _figures(rehearsal: Rehearsal) -> str:
    """Cards for a few lines, a table for many."""
    if len(rehearsal.lines) <= _MOST_CARDS:
        return "".join(_cards(line, _facts(rehearsal, line)) for line in rehearsal.lines)
    rows = [(line, _facts(rehearsal, line)) for line in rehearsal.lines]
    head = "".join(tag("th", text=fact.what) for fact in rows[0][1])
    body = "".join(tag("tr", _row(line, facts)) for line, facts in rows)
    table = tag("thead", tag("tr", tag("th", text="line") + head)) + tag("tbody", body)
    return tag("div", tag("table", table, class_="figures"), class_="wide")


def _row(line: LineReport, facts: Sequence[_Fact]) -> str:
    name = tag("td", tag("b", text=str(line.line)) + f" {escape(printable(line.label))}")
    cells = (tag("td", text=f"{fact.shown}{fact.more}", class_=fact.class_) for fact in facts)
    return name + "".join(cells)


def _cards(line: LineReport, facts: Sequence[_Fact]) -> str:
    head = tag("h3", text=f"line {line.line}: {printable(line.label)}")
    return head + tag("div", "".join(_card(fact) for fact in facts), class_="cards")


def _card(fact: _Fact) -> str:
    said = tag("b", text=fact.shown) + tag("span", text=f"{fact.what}{fact.more}")
    return tag("div", said, class_=f"card {fact.class_}")


def _time(seconds: float) -> str:
    return "none" if seconds < _NOTICEABLE_S else length_text(seconds)


def _close_up(rehearsal: Rehearsal) -> str:
    span = close_up(rehearsal)
    if span is None:
        return ""
    return tag("h3", text="Close-up of the faults") + tag(
        "div", availability(rehearsal, span), class_="wide"
    )


def _call_key(rehearsal: Rehearsal) -> str:
    if not rehearsal.calls:
        return ""
    keys = (
        ("bg-here", "call answered"),
        ("bg-warn", "call delayed"),
        ("bg-bad", "call lost or cut off"),
    )
    return "".join(tag("li", tag("i", class_=f"{c} dot") + escape(text)) for c, text in keys)


# --- timeline ---------------------------------------------------------------------------------


def _rows(one: Fold[Entry]) -> int:
    return len(one.items) + (one.times > 1)


def _timeline(folds: list[Fold[Entry]]) -> str:
    rows: list[str] = []
    for one in folds:
        rows += [_entry(entry) for entry in one.items]
        if one.times > 1:
            cells = '<td class="time"></td><td></td>'
            said = tag("td", text=f"⟳ {fold_text(one, one.last.at)}", colspan=2)
            rows.append(tag("tr", cells + said, class_="fold"))
    return "\n".join(rows[:MAX_TIMELINE_ROWS])


def _entry(entry: Entry) -> str:
    text = entry.text
    badge = ""
    if entry.rule is not None:
        badge = tag("abbr", text=entry.rule.id, title=entry.rule.meaning)
        text = text.replace(f"[{entry.rule.id}]", "").replace(f"[{entry.rule.id}: ", "[").strip()
    cells = [
        tag("td", text=at_text(entry.at), class_="time"),
        tag("td", tag("i"), class_="sign"),
        tag("td", text=text),
        tag("td", badge),
    ]
    class_ = "" if entry.tone is Tone.PLAIN else entry.tone.name.lower()
    return tag("tr", "".join(cells), class_=class_)


def _more(count: int, what: str) -> str:
    if count <= 0:
        return ""
    return tag("p", text=f"{count} more {what} are not shown; rehearse a shorter time to see all.")


def _rules(folds: list[Fold[Entry]]) -> str:
    cited = {e.rule for one in folds for e in one.items if e.rule is not None}
    return "".join(
        tag("tr", tag("td", tag("abbr", text=rule.id)) + tag("td", text=rule.meaning))
        for rule in Rule
        if rule in cited
    )


# --- ladder and lab ---------------------------------------------------------------------------


def _ladder(rehearsal: Rehearsal, folds: list[Fold[Entry]]) -> dict[str, str]:
    drawn = ladder(rehearsal, spans_of_interest(folds))
    picture, left_out = draw_ladder(drawn, MAX_LADDER_ROWS)
    note = _more(left_out, "rows")
    if drawn.is_cut and not note:
        note = tag("p", text="There was more than is kept; rehearse a shorter time to see all.")
    return {"ladder": picture, "ladder_note": note}


def _host(report: HostReport) -> str:
    host = report.host
    ways = ", ".join(f"{t.transport.text} {t.port}" for t in host.listen) or "UDP and TCP 53"
    cells = (host.name, host.address, _ROLES[host.role], ways)
    row = "".join(tag("td", text=printable(cell)) for cell in cells)
    return tag("tr", row + tag("td", text=f"{report.packets:,}", class_="num"))


def _remarks(rehearsal: Rehearsal) -> str:
    remarks = rehearsal.site.remarks
    lines = [printable(remark) for remark in remarks[:MAX_REMARKS]]
    if len(remarks) > MAX_REMARKS:
        lines.append(f"... and {len(remarks) - MAX_REMARKS} more")
    return escape("\n".join(lines) or "no name is asked for")
