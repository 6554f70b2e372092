"""``evertone explain``: what a configuration means, shown by rehearsing it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evertone.config.finding import Severity, to_dict
from evertone.config.load import load_texts, read
from evertone.flows import Nameserver
from evertone.model import Hop
from evertone.observe.explanation.advice import Change
from evertone.observe.explanation.explain import Explanation, LineExplanation, Stop, explain
from evertone.observe.explanation.figures import Outcome
from evertone.observe.explanation.text import (
    Words,
    advice_words,
    case_title,
    habits,
    home_words,
    how_measured,
    missed_words,
    rules_named,
    story,
    waits_words,
    what_was_cut,
)
from evertone.observe.text import printable
from evertone.rules import Rule
from evertone.ui.options import files_argument, json_option
from evertone.ui.records import check_records, records_options, zone_for

__all__ = ["command"]

_WIDTH = 100  # where there is no terminal to say
_MOST_WIDTH = 120
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}


# --- text -------------------------------------------------------------------------------------


def _ruled(words: Words, style: str = "") -> Text:
    """What is said, with the rules behind it in brackets."""
    said, rules = words
    text = Text(printable(said), style=style)
    if rules:
        text.append(f" [{' '.join(rule.id for rule in rules)}]", style="dim")
    return text


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _indented(*parts: RenderableType) -> Padding:
    return Padding(Group(*parts), (0, 0, 0, 2))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _title(line: LineExplanation) -> Text:
    settings = line.scene.line
    name = printable(settings.label or settings.user)
    text = Text(f"Line {settings.line}  {name}", style="bold reverse")
    if line.others:
        text.append(
            f"  and {len(line.others)} more set up alike: "
            f"{', '.join(str(number) for number in line.others)}",
            style="not reverse dim",
        )
    return text


def _order(line: LineExplanation) -> Table:
    table = _table("", "by", "target", "called here", "led there by")
    number = 0
    for stop in line.order:
        if not stop.hops:
            table.add_row("-", _way(stop), Text("leads nowhere", style="red"), "", "")
        for hop, host in zip(stop.hops, stop.hosts, strict=True):
            number += 1
            first = hop is stop.hops[0]
            table.add_row(
                str(number), _way(stop) if first else "", str(hop.target), host, _why(hop)
            )
    return table


def _way(stop: Stop) -> Text:
    to = f" to server {stop.registrar}" if stop.group.is_proxy else ""
    return Text(f"{stop.group.value}{to}: {printable(stop.address)}")


def _why(hop: Hop) -> Text:
    return Text(" > ".join(hop.why) or "the address itself")


def _styled(outcome: Outcome) -> tuple[str, str]:
    """The colours of what callers and called notice."""
    waits, missed = outcome.waits, outcome.missed
    calls = "red" if waits.lost else "yellow" if waits.hampered else "green"
    deaf = "green" if not missed.lost_s else "red" if math.isinf(missed.lost_s) else "yellow"
    return calls, deaf


def _faults(line: LineExplanation) -> Table:
    table = _table(
        "when", "a call you make rings", "calls to you", "home again after its end, at worst"
    )
    for outcome in line.outcomes:
        calls, deaf = _styled(outcome)
        table.add_row(
            Text(case_title(outcome)),
            _ruled(waits_words(outcome.waits), calls),
            _ruled(missed_words(outcome), deaf),
            _ruled(home_words(outcome)),
        )
    return table


def _change(changes: Sequence[Change], line: LineExplanation) -> Group:
    """One change, with all that it betters and what it costs."""
    parts: list[RenderableType] = []
    for key, old, new in changes[0].lines:
        text = Text(key, style="cyan")
        text.append(f"  {printable(old) or 'not set'} -> ", style="default")
        text.append(printable(new), style="bold default")
        parts.append(text)
    said = [_ruled((advice_words(change, line.outcomes), (change.rule,))) for change in changes]
    costs = dict.fromkeys(f"It costs: {change.cost}." for change in changes)
    said += [Text(cost, style="dim") for cost in costs]
    return Group(*parts, *(Padding(text, (0, 0, 0, 2)) for text in said))


def _advice(line: LineExplanation) -> Iterable[RenderableType]:
    if not line.changes:
        yield Text("Nothing that was tried makes these outages shorter.")
    alike: dict[tuple[tuple[str, str, str], ...], list[Change]] = {}
    for change in line.changes:
        alike.setdefault(change.lines, []).append(change)
    for changes in alike.values():
        yield _change(changes, line)


def _line(line: LineExplanation) -> Group:
    sentences = Table.grid(padding=(0, 1))
    for said in story(line):
        sentences.add_row("-", Text(printable(said)))
    parts: list[RenderableType] = [
        Text(),
        _title(line),
        _heading("In short"),
        _indented(sentences),
        _heading("Where it goes, in this order"),
        _indented(_order(line), *(_ruled(words) for words in habits(line))),
    ]
    if line.outcomes:
        parts += [
            _heading("What happens when ..."),
            _indented(_faults(line)),
            _heading("What would help"),
            _indented(*_advice(line)),
        ]
    return Group(*parts)


def _findings(explanation: Explanation) -> Iterable[RenderableType]:
    for finding in explanation.findings:
        text = Text(f"{finding.severity.value} ", style=_COLOURS[finding.severity])
        key = printable(finding.key)
        if finding.line:
            key += f" = {printable(finding.value)} ({printable(finding.file)}:{finding.line})"
        text.append(f"{key}: {finding.message}", style="default")
        text.append(f" [{finding.rule}]", style="dim")
        yield text


def _rules(rules: Iterable[Rule]) -> Table:
    table = Table.grid(padding=(0, 2))
    for rule in rules:
        table.add_row(Text(rule.id, style="dim"), Text(rule.meaning, style="dim"))
    return table


def _show(console: Console, explanation: Explanation) -> None:
    for line in explanation.lines:
        console.print(_line(line))
    findings = list(_findings(explanation))
    if findings:
        console.print(_heading("Settings that contradict each other, or do less than they seem to"))
        console.print(_indented(*findings))
    console.print(_heading("The rules in brackets"))
    console.print(_indented(_rules(rules_named(explanation))))
    console.print(_heading("How this was found"))
    remarks = [Text(printable(remark), style="dim") for remark in _remarks(explanation)]
    cuts = [Text(said) for said in what_was_cut(explanation)]
    console.print(_indented(Text(how_measured(explanation)), *cuts, *remarks))


def _remarks(explanation: Explanation) -> list[str]:
    """What was invented or found for the labs, each once."""
    sites = (line.scene.site for line in explanation.lines)
    return list(dict.fromkeys(remark for site in sites for remark in site.remarks))


# --- JSON -------------------------------------------------------------------------------------


def _number(value: float) -> float | None:
    """Seconds to the millisecond; None for what does not end."""
    return None if math.isinf(value) else round(value, 3)


def _ids(rules: Iterable[Rule]) -> list[str]:
    return [rule.id for rule in rules]


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    waits, missed, home = outcome.waits, outcome.missed, outcome.home
    return {
        "case": outcome.case.key,
        "title": case_title(outcome),
        "struck": list(outcome.struck),
        "rehearsed_outage_s": _number(outcome.outage_s),
        "registrations_lengthened": outcome.lengthened,
        "cut": outcome.cut,
        "calls": {
            "made": waits.of,
            "late_s": [_number(wait) for wait in waits.late],
            "lost": waits.lost,
            "first_only": waits.first_only,
            "by": list(waits.hosts),
            "rules": _ids(waits.rules),
            "text": waits_words(waits)[0],
        },
        "incoming": {
            "lost_s": _number(missed.lost_s),
            "from_s": _number(missed.from_s),
            "by": missed.by,
            "rules": _ids(missed.rules),
            "text": missed_words(outcome)[0],
        },
        "home": {
            "moved": home.moved,
            "after_s": _number(home.after_s),
            "lost_after_s": _number(home.deaf_s),
            "rules": _ids(home_words(outcome)[1]),
            "text": home_words(outcome)[0],
        },
    }


def _change_json(change: Change, line: LineExplanation) -> dict[str, object]:
    return {
        "advice": change.advice,
        "rule": change.rule.id,
        "changes": [
            {"key": key, "before": old or None, "after": new} for key, old, new in change.lines
        ],
        "case": change.case.key,
        "metric": change.before.metric.name.lower(),
        "before": _number(change.before.value),
        "after": _number(change.after.value),
        "cost": change.cost,
        "text": advice_words(change, line.outcomes),
    }


def _stop_json(stop: Stop) -> dict[str, object]:
    return {
        "server": stop.registrar,
        "group": stop.group.value,
        "address": stop.address,
        "hops": [
            {"target": str(hop.target), "host": host, "why": list(hop.why)}
            for hop, host in zip(stop.hops, stop.hosts, strict=True)
        ],
    }


def _json(explanation: Explanation) -> dict[str, object]:
    return {
        "seed": explanation.seed,
        "dns": {"source": explanation.zone.source, "remarks": _remarks(explanation)},
        "lines": [
            {
                "line": line.scene.line.line,
                "alike": list(line.others),
                "label": line.scene.line.label or line.scene.line.user,
                "story": list(story(line)),
                "order": [_stop_json(stop) for stop in line.order],
                "faults": [_outcome_json(outcome) for outcome in line.outcomes],
                "advice": [_change_json(change, line) for change in line.changes],
            }
            for line in explanation.lines
        ],
        "findings": [to_dict(finding) for finding in explanation.findings],
        "cuts": list(what_was_cut(explanation)),
        "rules": {rule.id: rule.meaning for rule in rules_named(explanation)},
    }


# --- the command ------------------------------------------------------------------------------


@click.command(
    "explain",
    epilog="""\b
Examples:
  evertone explain phone.cfg
  evertone explain common.cfg 001565aabbcc.cfg --zone pbx.zone
  evertone explain phone.cfg --live-dns --json | jq '.lines[0].advice'
""",
)
@files_argument
@json_option
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same result.")
@records_options
def command(
    files: tuple[str, ...],
    as_json: bool,
    seed: int,
    zone_file: Path | None,
    live: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
) -> None:
    """Say in plain words what the configuration FILE means, and what would make it better.

    For each line: the servers in the order in which they are tried and the DNS records that lead
    there; for each fault how long a call is delayed, for how long nobody can call the phone, and
    when the phone goes home; then the changes that would make an outage shorter, with the
    figures before and after, and the settings that have no effect.

    No figure is computed: the phone that 'evertone run' puts on the network goes through each
    fault in simulated time, in a lab that fits FILE ('evertone simulate' shows one such run in
    full). Names are resolved by invented records unless --zone or --live-dns brings real ones.

    Exit code: 0 if it was explained, 1 if FILE or zone cannot be used, 2 if the command was
    called wrongly.
    """
    check_records(zone_file, live, dns, bind)
    texts = read(files)
    zone = zone_for(load_texts(texts).settings, zone_file, live, dns, bind)
    explanation = explain(texts, zone, seed)
    if as_json:
        click.echo(json.dumps(_json(explanation), indent=2))
        return
    console = Console(highlight=False, file=sys.stdout)
    console.width = min(console.width, _MOST_WIDTH) if console.is_terminal else _WIDTH
    _show(console, explanation)
