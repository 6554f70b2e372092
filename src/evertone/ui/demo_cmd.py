"""``evertone demo``: the guide's four scenarios, told as they happen and judged at the end."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import ipaddress
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evertone.errors import UsageError
from evertone.events import Refreshed, RequestSent
from evertone.lab.demo import BASE, CALLER, STORIES, Story, Verdict, tell
from evertone.lab.record import Happening, Packet, Record, Remark
from evertone.lab.serve import LoopbackStage
from evertone.lab.stage import play
from evertone.lab.teller import PacketTeller, tell_remark
from evertone.lab.world import World
from evertone.observe.text import describe, printable
from evertone.ui.options import EXIT_NOT_ACHIEVED, with_remedy

__all__ = ["command"]

_TOLERANCE_S = 0.3  # real sockets on a machine that does other things too
_ADDRESSES = 10 * (1 + max(story.network for story in STORIES))
_COLOURS = {"packet": "dim", "decision": "bold cyan", "fault": "bold red"}

_REMEDIES = {
    errno.EADDRINUSE: "another demo or lab runs (--bind chooses other addresses), or a SIP server "
    "that listens at every address; 'evertone demo --fast' needs no port"
}

# the packets tell of these already
_TOLD_BY_PACKETS = (RequestSent, Refreshed)


@dataclass(frozen=True, slots=True)
class _Line:
    """One thing that happened: ``at`` seconds since the story began."""

    at: float
    story: Story
    kind: str
    text: str


class _Reporter:
    """Turns what one story's record takes down into lines, phone A's side of it."""

    def __init__(self, story: Story, record: Record, out: Callable[[_Line], None]) -> None:
        self._story = story
        self._out = out
        self._teller = PacketTeller(story.names())
        self._own = {address for address, name in story.names().items() if name == CALLER}
        self.started = 0.0
        record.on_packet = self._packet
        record.on_event = self._event
        record.on_remark = self._remark

    def _say(self, at: float, kind: str, text: str) -> None:
        self._out(_Line(at - self.started, self._story, kind, printable(text)))

    def _packet(self, packet: Packet) -> None:
        if packet.source[0] in self._own or packet.target[0] in self._own:
            text = self._teller.tell(packet)
            if text is not None:
                self._say(packet.at, "packet", text)

    def _event(self, happening: Happening) -> None:
        if happening.node == CALLER and not isinstance(happening.event, _TOLD_BY_PACKETS):
            text = describe(happening.event).removeprefix("line 1, ").removeprefix("line 1: ")
            self._say(happening.event.at, "decision", f"{CALLER}: {text}")

    def _remark(self, remark: Remark) -> None:
        self._say(remark.at, "fault", tell_remark(remark))


async def _on_loopback(story: Story, out: Callable[[_Line], None]) -> Verdict:
    record = Record()
    reporter = _Reporter(story, record, out)
    async with LoopbackStage(record) as stage:
        reporter.started = stage.now
        return await stage.play(tell(story, stage, tolerance_s=_TOLERANCE_S))


async def _all_on_loopback(stories: Sequence[Story], out: Callable[[_Line], None]) -> list[Verdict]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_on_loopback(story, out)) for story in stories]
    return [task.result() for task in tasks]


def _all_in_simulated_time(stories: Sequence[Story], out: Callable[[_Line], None]) -> list[Verdict]:
    """The same scripts; what happened is told afterwards, in the order of time."""
    lines: list[_Line] = []
    verdicts = []
    for story in stories:
        world = World(1)
        _Reporter(story, world.record, lines.append)
        verdicts.append(play(world, tell(story, world)))
    for line in sorted(lines, key=lambda line: line.at):
        out(line)
    return verdicts


def _print_line(console: Console, line: _Line) -> None:
    text = Text(f"{line.at:5.1f} s  {line.story.title:<18} ")
    text.append(line.text, style=_COLOURS[line.kind])
    console.print(text, soft_wrap=True)


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(title="What the guide says, and what the phone did")
    for heading in ("scenario", "expected by the guide", "", "seen", "time without service"):
        table.add_column(heading, overflow="fold")
    for story, verdict in zip(STORIES, verdicts, strict=True):
        name, gap = Text(story.title, style="bold"), f"{verdict.gap_s:.1f} s {verdict.gap_text}"
        for claim in verdict.claims:
            mark = Text("✓", style="green") if claim.held else Text("✗", style="bold red")
            table.add_row(name, claim.expected, mark, claim.seen, gap)
            name, gap = Text(), ""
        table.add_section()
    return table


def _report(verdicts: list[Verdict], seconds: float) -> dict[str, object]:
    return {
        "held": all(verdict.held for verdict in verdicts),
        "seconds": round(seconds, 3),
        "scenarios": [
            {
                "scenario": story.key,
                "held": verdict.held,
                "without_service_s": round(verdict.gap_s, 3) if verdict.served else None,
                "without_service": verdict.gap_text,
                "claims": [
                    {"expected": c.expected, "seen": c.seen, "held": c.held} for c in verdict.claims
                ],
            }
            for story, verdict in zip(STORIES, verdicts, strict=True)
        ],
    }


def _room_for_all(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """The address, if it is one and as many as the stories need come after it."""
    try:
        if value is not None:
            _ = ipaddress.IPv4Address(value) + _ADDRESSES
    except ipaddress.AddressValueError:
        raise click.BadParameter(f"{value!r} is no IPv4 address with room after it") from None
    return value


@click.command(
    epilog="""\b
Examples:
  evertone demo              on loopback sockets, in about 40 seconds
  evertone demo --fast       the same scripts in simulated time, in under a second
  evertone demo --fast --json
  evertone demo --bind 127.0.30.0    beside another demo
"""
)
@click.option("--fast", is_flag=True, help="Play in simulated time instead of on real sockets.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tale.")
@click.option(
    "--bind",
    metavar="ADDRESS",
    callback=_room_for_all,
    help=f"The IPv4 address that the demo's are counted up from.  [default: {BASE}]",
)
def command(fast: bool, as_json: bool, bind: str | None) -> None:
    """See the phone survive its servers: the guide's four scenarios, side by side.

    Two SIP servers with digest, a name server and two phones per scenario, on loopback addresses
    of this machine. The server in charge falls silent; the phone is told nothing.
    Each line says who sends what to whom, which server is down, what phone A decides and by
    which rule. The judgement at the end is made from the packets.

    Exit code: 0 if the phone did all that the guide says, 3 if not, 1 for an error.
    """
    console = Console(highlight=False)

    def out(line: _Line) -> None:
        if not as_json:
            _print_line(console, line)

    began = time.monotonic()
    stories = [dataclasses.replace(story, base=bind or BASE) for story in STORIES]
    verdicts = _all_in_simulated_time(stories, out) if fast else _run(stories, out)
    seconds = time.monotonic() - began
    if as_json:
        click.echo(json.dumps(_report(verdicts, seconds), indent=2))
    else:
        console.print(_table(verdicts))
        console.print(f"{len(verdicts)} scenarios in {seconds:.1f} s")
    sys.exit(0 if all(verdict.held for verdict in verdicts) else EXIT_NOT_ACHIEVED)


def _run(stories: Sequence[Story], out: Callable[[_Line], None]) -> list[Verdict]:
    try:
        return asyncio.run(_all_on_loopback(stories, out))
    except BaseExceptionGroup as group:
        error = group.exceptions[0]  # one story's, not its nesting
        raise (with_remedy(error, _REMEDIES) if isinstance(error, UsageError) else error) from None
