"""``evertone simulate``: the user's own configuration in a lab that fits it, in simulated time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from evertone.config.load import load
from evertone.errors import ConfigError, EvertoneError, UsageError
from evertone.events import to_dict
from evertone.flows import Nameserver
from evertone.lab.rehearsal.calls import CallPlan, parse_calls
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.report import Rehearsal
from evertone.lab.rehearsal.spans import Span, parse_time, time_text, total_s
from evertone.lab.rehearsal.strikes import VERBS, Strike
from evertone.observe.ladder import ladder, ladder_text
from evertone.observe.page import render
from evertone.observe.text import printable
from evertone.observe.timeline import summary, timeline, timeline_text, verdict
from evertone.ui.options import files_argument, json_option
from evertone.ui.progress import Progress
from evertone.ui.records import check_records, records_options, zone_for

__all__ = ["command"]

_VERBS_HELP = "\n".join(f"  {row.usage:18} {row.meaning}" for row in VERBS.values())


# --- options ------------------------------------------------------------------------------------


def _reading(read: Callable[[str], object]) -> Any:
    """An option's type from a function that raises EvertoneError."""

    def convert(text: str) -> object:
        try:
            return read(text)
        except EvertoneError as error:
            raise click.BadParameter(str(error)) from error

    return click.types.FuncParamType(convert)


# --- what it prints -----------------------------------------------------------------------------


def _text(rehearsal: Rehearsal, *, with_ladder: bool) -> list[str]:
    site = rehearsal.site
    lines = [f"DNS: {printable(site.zone.source)}"]
    lines += [f"  {printable(remark)}" for remark in site.remarks]
    lines += ["", "TIMELINE", *timeline_text(timeline(rehearsal))]
    if with_ladder:
        lines += ["", "LADDER", *ladder_text(ladder(rehearsal))]
    lines += ["", f"SUMMARY of {time_text(rehearsal.for_s)}, seed {rehearsal.seed}"]
    lines += [*summary(rehearsal), "", verdict(rehearsal)]
    if not rehearsal.strikes:
        names = ", ".join(site.names.shown)
        lines.append(f"Nothing failed: let something fail with --fault. Targets: {names}")
    return lines


def _spans(spans: tuple[Span, ...]) -> list[list[float]]:
    return [[begin, end] for begin, end in spans]


def _strike(strike: Strike) -> dict[str, object]:
    return {
        "target": strike.target,
        "verb": strike.verb,
        "hosts": list(strike.hosts),
        "from_s": strike.at_s,
        "to_s": None if math.isinf(strike.until_s) else strike.until_s,
    }


def _json(rehearsal: Rehearsal, *, with_ladder: bool) -> dict[str, object]:
    report: dict[str, object] = {
        "for_s": rehearsal.for_s,
        "seed": rehearsal.seed,
        "dns": {"source": rehearsal.site.zone.source, "remarks": list(rehearsal.site.remarks)},
        "targets": list(rehearsal.site.names.shown),
        "faults": [_strike(strike) for strike in rehearsal.strikes],
        "verdict": verdict(rehearsal),
        "lines": [
            {
                "line": line.line,
                "label": line.label,
                "unregistered_s": line.unregistered_s,
                "unregistered": _spans(line.unregistered),
                "unreachable_s": line.unreachable_s,
                "unreachable": _spans(line.unreachable),
                "registered_at": {name: _spans(spans) for name, spans in line.bound.items()},
            }
            for line in rehearsal.lines
        ],
        "calls": [
            {
                "line": call.line,
                "at": call.at,
                "end": call.end.value,
                "rang_after_s": call.waited_s,
                "delayed": call.delayed,
                "host": call.host,
                "reason": call.reason,
            }
            for call in rehearsal.calls
        ],
        "hosts": [
            {
                "name": one.host.name,
                "address": one.host.address,
                "role": one.host.role,
                "packets": one.packets,
                "down_s": total_s(one.down),
            }
            for one in rehearsal.hosts
        ],
        "events": [to_dict(event) for event in rehearsal.events],
    }
    if with_ladder:
        rows = (step for fold in ladder(rehearsal).rows for step in fold.items if step.source)
        report["ladder"] = [
            {
                "at": step.at,
                "from": step.source,
                "to": step.target,
                "message": step.label,
                "lost": step.lost,
            }
            for step in rows
        ]
    return report


def _page(text: str) -> Path:
    """A file to write to."""
    if not text or Path(text).is_dir():
        raise click.BadParameter(f"{text!r} is no file: name the page to write, such as page.html")
    return Path(text)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, "utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or 'cannot be written'}") from error


@click.command(
    "simulate",
    epilog=f"""\b
A fault is TARGET VERB FROM..TO. Verbs:
{_VERBS_HELP}

\b
Examples:
  evertone simulate phone.cfg
  evertone simulate phone.cfg --fault "server1.primary silence 10m..25m" --calls "every 5m"
  evertone simulate phone.cfg --zone pbx.zone --fault "server1 503:120 1h..2h" --html page.html
  evertone simulate phone.cfg --live-dns --fault "dns silence 1h.." --for 3d --json
""",
)
@files_argument
@json_option
@click.option(
    "--fault",
    "faults",
    metavar='"TARGET VERB FROM..TO"',
    multiple=True,
    help="What goes wrong, and when; may be given again. Without a fault the targets are listed.",
)
@click.option(
    "--for",
    "for_s",
    metavar="TIME",
    type=_reading(parse_time),
    default="24h",
    show_default=True,
    help="How long to rehearse.",
)
@click.option(
    "--calls",
    metavar='"every TIME [for TIME]"',
    type=_reading(parse_calls),
    help="Let every line call somebody who answers.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same result.")
@records_options
@click.option("--ladder", "with_ladder", is_flag=True, help="Print each message sent, too.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.types.FuncParamType(_page),
    help="Write a page that explains it to anybody: pictures, nothing to load, no secrets.",
)
def command(
    files: tuple[str, ...],
    as_json: bool,
    faults: tuple[str, ...],
    for_s: float,
    calls: CallPlan | None,
    seed: int,
    zone_file: Path | None,
    live: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
    with_ladder: bool,
    html: Path | None,
) -> None:
    """Rehearse what the phone of FILE does when its servers fail, without touching them.

    The phone is the one that 'evertone run' puts on the network; its servers, proxies and name
    servers are invented to fit FILE, and time is simulated: a day takes a second. Names are
    resolved by invented records, said so, unless --zone or --live-dns brings real ones.

    Printed are the timeline (what the phone did, when, and by which rule) and a summary: time
    without registration, time in which nobody could call the phone, calls lost and delayed,
    packets sent to each server. '!' marks a fault, 'o' its end, '-' a failure, '>' a change of
    server, '+' what went well.

    TARGETs are server1, server1.primary, server1.2, proxy1, dns, all, phone (its own network),
    an address or a host name; line2.server1 where lines differ.

    Exit code: 0 if it ran, 1 if FILE, zone or faults cannot be used, 2 if the command was
    called wrongly.
    """
    check_records(zone_file, live, dns, bind)
    settings = load(files).settings
    if not settings.enabled_lines():
        raise ConfigError(
            "no line is in use: one needs account.X.enable = 1, a user_name and "
            "sip_server.1.address"
        )
    zone = zone_for(settings, zone_file, live, dns, bind)
    with Progress(f"rehearsing {time_text(for_s)}") as progress:
        rehearsal = rehearse(
            settings,
            zone=zone,
            faults=faults,
            calls=calls,
            for_s=for_s,
            seed=seed,
            keep_packets=with_ladder or html is not None,
            progress=progress,
        )
    if html is not None:
        _write(html, render(rehearsal))
    if as_json:
        click.echo(json.dumps(_json(rehearsal, with_ladder=with_ladder), indent=2))
        return
    click.echo("\n".join(_text(rehearsal, with_ladder=with_ladder)))
    if html is not None:
        click.echo(f"Page: {html}")
