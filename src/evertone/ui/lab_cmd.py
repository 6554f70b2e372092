"""``evertone lab``: a name server and SIP servers on loopback that can be made to fail."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from evertone.errors import EvertoneError, ScenarioError, UsageError
from evertone.lab.faults import FAULTS, parse_fault
from evertone.lab.record import Packet, Record, Remark
from evertone.lab.scenario import (
    DEFAULT_SCENARIO,
    NameServerSpec,
    Scenario,
    ServerSpec,
    load_scenario,
    parse_scenario,
)
from evertone.lab.serve import LabTls, LoopbackStage
from evertone.lab.sip_server import SipServer
from evertone.lab.stage import put_on_stage
from evertone.lab.teller import PacketTeller, tell_remark
from evertone.lab.wire import read_packet
from evertone.model import Target, Transport
from evertone.observe.text import printable
from evertone.ui.lab_script import read_script
from evertone.ui.options import ADDRESS, Seconds, with_remedy

__all__ = ["command"]

MAX_TYPED_LINES = 10_000
MAX_LINE_BYTES = 65_536

_REMEDIES = {
    errno.EADDRINUSE: "another lab or demo runs (--bind chooses other addresses), or a SIP server "
    "that listens at every address"
}
_COMMANDS = {
    "heal": "heal HOST              end every fault that strikes it",
    "status": "status                 who is registered where, and what strikes whom",
    "help": "help                   this list",
    "quit": "quit                   stop the lab",
}


def _stations(scenario: Scenario) -> list[ServerSpec | NameServerSpec]:
    return [*scenario.servers, *scenario.name_servers]


class _Lab:
    """The lab while it runs: what it prints, and what is typed."""

    def __init__(self, stage: LoopbackStage, scenario: Scenario, as_json: bool) -> None:
        self.stage = stage
        self.done = asyncio.Event()
        self._json = as_json
        self._started = stage.now
        names = {s.address: s.name for s in _stations(scenario)}
        self._names = names
        self._teller = PacketTeller(names)
        self._servers: dict[str, SipServer] = {}
        stage.record.on_packet = self._packet
        stage.record.on_remark = self._remark

    def begin(self, scenario: Scenario) -> None:
        """Attach the servers; their faults count from now."""
        now = self.stage.now
        shifted = [
            dataclasses.replace(f, at_s=f.at_s + now, until_s=f.until_s + now)
            for f in scenario.faults
        ]
        self._servers = put_on_stage(
            self.stage, dataclasses.replace(scenario, faults=tuple(shifted))
        )

    # --- out --------------------------------------------------------------------------------

    def say(self, text: str, **fields: object) -> None:
        """One line: plain, or a JSON object with the same fields."""
        at = round(self.stage.now - self._started, 3)
        if self._json:
            click.echo(json.dumps({"at": at, "text": text, **fields}))
        else:
            click.echo(f"{at:8.3f}  {text}")

    def _packet(self, packet: Packet) -> None:
        self.stage.record.packets.clear()  # shown, not kept: a lab may run for days
        text = self._teller.tell(packet)
        if text is None:
            return
        message = read_packet(packet, self._names)
        fields = dataclasses.asdict(message) if message is not None else {}
        fields.pop("at", None)
        self.say(printable(text), kind="packet", transport=packet.kind, **fields)

    def _remark(self, remark: Remark) -> None:
        self.say(tell_remark(remark), kind="fault", fault=remark.text)

    # --- in ---------------------------------------------------------------------------------

    def obey(self, line: str) -> None:
        """One command; a mistake is said, not raised."""
        words = line.split()
        if not words or words[0].startswith("#"):
            return
        own: dict[str, Callable[[list[str]], None]] = {
            "heal": self._heal,
            "status": self._status,
            "help": self._help,
            "quit": lambda rest: self.done.set(),
        }
        try:
            verb = own.get(words[0])
            if verb is not None:
                verb(words[1:])
            else:
                self.stage.inject(parse_fault(line, self.stage.now))
        except EvertoneError as error:
            self.say(f"{error} (help lists what there is)", kind="mistake")

    def _heal(self, rest: list[str]) -> None:
        for name in rest or self.stage.hosts():
            self.stage.heal(name)

    def _help(self, rest: list[str]) -> None:
        for text in _COMMANDS.values():
            self.say(text, kind="help")
        for row in FAULTS.values():
            self.say(f"{row.usage:<22} {row.meaning}", kind="help")
        self.say("after a fault: from S, to S or for S (seconds from now)", kind="help")

    def _status(self, rest: list[str]) -> None:
        for name in self.stage.hosts():
            struck = ", ".join(str(f) for f in self.stage.faults_of(name).active) or "well"
            self.say(f"{name}: {struck}", kind="status", host=name)
            server = self._servers.get(name)
            now = self.stage.now
            for binding in server.store.all(now) if server else ():
                left_s = round(binding.expires_at - now)
                text = f"  {binding.aor} at {binding.contact} for {left_s} s"
                self.say(printable(text), kind="binding", host=name, aor=binding.aor)


class _Lines:
    """Cuts what is typed, pasted or piped into commands. ``sys.stdin`` would not do: it takes
    all that is there and gives one line, so the rest waited for the next key; and half a line
    made it wait, and the servers with it."""

    def __init__(self, obey: Callable[[str], None]) -> None:
        self._obey = obey
        self._begun = b""

    def feed(self, data: bytes) -> None:
        """Obey the lines that are complete now; at the end of input also what was begun."""
        *lines, begun = (self._begun + data).split(b"\n")
        self._begun = begun[:MAX_LINE_BYTES]
        if not data:
            lines, self._begun = [begun], b""
        for line in lines:
            self._obey(line.decode("utf-8", "replace"))


def _watch_stdin(lab: _Lab) -> None:
    """Obey what is typed. The end of input stops nothing: labs run without a terminal too."""
    loop = asyncio.get_running_loop()
    typed = _Lines(lab.obey)

    def readable() -> None:
        data = os.read(number, MAX_LINE_BYTES)
        typed.feed(data)
        if not data:
            loop.remove_reader(number)

    try:
        number = sys.stdin.fileno()
        loop.add_reader(number, readable)
    except (OSError, ValueError):
        # a plain file cannot be waited for: take it as a whole
        for _, line in zip(range(MAX_TYPED_LINES), sys.stdin, strict=False):
            lab.obey(line)


async def _run(
    scenario: Scenario,
    tls: LabTls | None,
    script: list[tuple[float, str]],
    seconds: float | None,
    as_json: bool,
) -> None:
    loop = asyncio.get_running_loop()
    async with LoopbackStage(Record(), both_ways=True, tls=tls) as stage:
        lab = _Lab(stage, scenario, as_json)
        lab.begin(scenario)
        await stage.open()
        for stop in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stop, lab.done.set)
        for text in _welcome(scenario):
            lab.say(text, kind="welcome")
        for at, command in script:
            loop.call_later(at, lab.obey, command)
        if seconds is not None:
            loop.call_later(seconds, lab.done.set)
        _watch_stdin(lab)
        await lab.done.wait()


def _welcome(scenario: Scenario) -> list[str]:
    lines = [f"{s.name}: {', '.join(str(end) for end in s.listen)}" for s in scenario.servers]
    lines += [f"{s.name}: DNS {s.address}:{s.port}" for s in scenario.name_servers]
    users = ", ".join(scenario.users) or "anyone"
    lines.append(f"domain {scenario.domain}, users {users}; type help for what you can do")
    return lines


def _moved(scenario: Scenario, bind: str) -> Scenario:
    """The scenario with its addresses counted up from ``bind`` (IPv4), zones included."""
    first, _, last = bind.rpartition(".")
    if not last.isdigit():
        raise ScenarioError(f"--bind {bind}: an IPv4 address that the first server gets")
    stations = _stations(scenario)
    if int(last) + len(stations) > 255:
        raise ScenarioError(f"--bind {bind}: no room for {len(stations)} addresses after it")
    new = {s.address: f"{first}.{int(last) + i}" for i, s in enumerate(stations)}

    def swap(text: str) -> str:
        return re.sub(r"\d+\.\d+\.\d+\.\d+", lambda m: new.get(m[0], m[0]), text)

    return dataclasses.replace(
        scenario,
        servers=tuple(
            dataclasses.replace(
                s,
                address=new[s.address],
                listen=tuple(e._replace(address=new[s.address]) for e in s.listen),
                domains=tuple(map(swap, s.domains)),
                certificate=tuple(map(swap, s.certificate)),
            )
            for s in scenario.servers
        ),
        name_servers=tuple(
            dataclasses.replace(
                s, address=new[s.address], zones={o: swap(z) for o, z in s.zones.items()}
            )
            for s in scenario.name_servers
        ),
    )


def _write_authority(file: Path, tls: LabTls | None) -> None:
    if tls is None:
        raise click.UsageError(
            "--ca goes with TLS: no server of this lab listens for it, so there is no authority"
        )
    file.write_bytes(tls.pem())


def _without_tls(scenario: Scenario) -> Scenario:
    def keep(ends: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(end for end in ends if end.transport is not Transport.TLS)

    servers = tuple(dataclasses.replace(s, listen=keep(s.listen)) for s in scenario.servers)
    return dataclasses.replace(scenario, servers=servers)


@click.command(
    epilog="""\b
Examples:
  evertone lab                        a cluster of two, a fallback server, a name server
  evertone lab my.toml --script s.txt where s.txt holds lines like: 10 silence primary for 20
  evertone register phone.cfg --dns 127.0.20.53:10053      in another terminal
Typed while it runs: silence primary · refuse primary for 30 · answer primary 503
  retry-after 20 · freeze primary · heal primary · status · help · quit
"""
)
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines of SECONDS COMMAND, obeyed at their time.",
)
@click.option(
    "--bind",
    metavar="ADDRESS",
    type=ADDRESS,
    help="The first server's address; the others follow it.",
)
@click.option("--no-tls", is_flag=True, help="Leave the TLS ports out.")
@click.option(
    "--ca",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the lab's certificate authority here (PEM), for phones to trust.",
)
@click.option("--seconds", metavar="S", type=Seconds(min=0), help="Stop after so long.")
@click.option("--print", "show", is_flag=True, help="Print the default scenario file and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(
    file: Path | None,
    script: Path | None,
    bind: str | None,
    no_tls: bool,
    ca: Path | None,
    seconds: float | None,
    show: bool,
    as_json: bool,
) -> None:
    """Start a name server and SIP servers that can be made to fail.

    FILE is a scenario (TOML; docs/lab.md says what it may hold); without it a default one is
    used ('evertone lab --print' shows it). Every message is one line. Faults are typed, scripted,
    or in the scenario file. A real phone can register: point its DNS, or its server address, at
    what the lab says at start.
    """
    if show:
        click.echo(DEFAULT_SCENARIO, nl=False)
        return
    scenario = load_scenario(file) if file else parse_scenario(DEFAULT_SCENARIO)
    if no_tls:
        scenario = _without_tls(scenario)
    if bind:
        scenario = _moved(scenario, bind)
    timed = read_script(script, scenario, _COMMANDS) if script else []
    ends = [end for server in scenario.servers for end in server.listen]
    speaks_tls = any(end.transport is Transport.TLS for end in ends)
    tls = LabTls() if speaks_tls else None
    if ca is not None:
        _write_authority(ca, tls)
    try:
        asyncio.run(_run(scenario, tls, timed, seconds, as_json))
    except UsageError as error:
        raise with_remedy(error, _REMEDIES) from None
