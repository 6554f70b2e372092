"""The DNS records of a rehearsal as options: from a zone file, the live DNS, or invented."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from evertone.config.settings import PhoneSettings
from evertone.dns.locator import Located, LocateFailed, Locator
from evertone.errors import ScenarioError, UsageError
from evertone.flows import DnsFailed, DnsReceived, Effect, Nameserver, ShellInput
from evertone.io.driver import Driver
from evertone.io.nameservers import choose_nameservers
from evertone.lab.rehearsal.zones import (
    MAX_ZONE_BYTES,
    Harvest,
    Zone,
    every_where,
    invent_zone,
    literal,
    read_zone,
    without_static_records,
)
from evertone.ui.options import ADDRESS, NAMESERVER

__all__ = ["check_records", "records_options", "zone_for"]

F = TypeVar("F", bound=Callable[..., Any])


def records_options(command: F) -> F:
    """``--zone``, ``--live-dns``, ``--dns`` and ``--bind``, passed as ``zone_file``, ``live``,
    ``dns`` and ``bind``."""
    for option in (
        click.option(
            "--bind",
            metavar="ADDRESS",
            type=ADDRESS,
            help="Ask the live DNS from this local address.",
        ),
        click.option(
            "--dns",
            metavar="ADDRESS[:PORT]",
            type=NAMESERVER,
            multiple=True,
            help="The name server to ask with --live-dns; may be given again.",
        ),
        click.option(
            "--live-dns", "live", is_flag=True, help="DNS records from the live DNS, taken once."
        ),
        click.option(
            "--zone",
            "zone_file",
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="DNS records from a zone file (RFC 1035).",
        ),
    ):
        command = option(command)
    return command


def check_records(
    zone_file: Path | None, live: bool, dns: tuple[Nameserver, ...], bind: str | None
) -> None:
    """Raises click.UsageError for options that do not go together."""
    if zone_file is not None and live:
        raise click.UsageError("--zone and --live-dns are two sources of the same: give one")
    if dns and not live:
        raise click.UsageError("--dns goes with --live-dns: a rehearsal asks nobody else")
    if bind is not None and not live:
        raise click.UsageError("--bind goes with --live-dns: a rehearsal sends nothing else")


def zone_for(
    settings: PhoneSettings,
    zone_file: Path | None,
    live: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
) -> Zone:
    """The records that the options ask for; invented from the names if they ask for none.

    Raises ScenarioError for a file that cannot be used, UsageError without a name server that
    answers.
    """
    if zone_file is not None:
        try:
            with zone_file.open("rb") as opened:
                return read_zone(str(zone_file), opened.read(MAX_ZONE_BYTES + 1))
        except OSError as error:
            raise ScenarioError(f"{zone_file}: {error.strerror or 'cannot be read'}") from error
    if live:
        nameservers = choose_nameservers(settings.dns, dns)
        if not nameservers:
            raise UsageError("no name server to ask: give one with --dns ADDRESS")
        return asyncio.run(_frozen(settings, nameservers, bind or ""))
    return invent_zone(settings)


class _Freezer:
    """A node that asks the live DNS for all that the phone may ask, and keeps the answers."""

    def __init__(self, settings: PhoneSettings, nameservers: tuple[Nameserver, ...]) -> None:
        self._nameservers = nameservers
        # nobody is to guess the ids of its questions; without static records first, so that
        # DNS is asked for what they hide; with them, for what only they lead to
        kinds = (without_static_records(settings.dns), settings.dns)
        self._locators = [Locator(kind, nameservers, random.SystemRandom()) for kind in kinds]
        wheres = (where for _, _, where in every_where(settings))
        self._wheres = [w for w in dict.fromkeys(wheres) if literal(w.address) is None]
        self._left = len(self._wheres) * len(self._locators)
        self._nowhere: dict[str, None] = {}
        self._harvest = Harvest()

    @property
    def done(self) -> bool:
        """True when every question has been answered or given up."""
        return self._left == 0

    def zone(self) -> Zone:
        """What was answered. Raises UsageError if no name server has answered anything."""
        if self._wheres and not self._harvest.answered:
            asked = ", ".join(f"{one.address} port {one.port}" for one in self._nameservers)
            raise UsageError(
                f"no name server gave an answer ({asked}): name one that does with --dns ADDRESS, "
                "or give the records with --zone FILE"
            )
        zone = self._harvest.zone()
        return replace(zone, remarks=(*self._nowhere, *zone.remarks))

    def start(self, now: float) -> None:
        for locator in self._locators:
            for where in self._wheres:
                locator.locate(where, where, now)

    def receive(self, event: ShellInput, now: float) -> None:
        if isinstance(event, DnsReceived):
            self._harvest.take(event.data)
        if isinstance(event, DnsReceived | DnsFailed):
            for locator in self._locators:
                locator.receive(event, now)

    def handle_timer(self, now: float) -> None:
        for locator in self._locators:
            locator.handle_timer(now)

    def next_deadline(self) -> float | None:
        due = [at for one in self._locators if (at := one.next_deadline()) is not None]
        return min(due, default=None)

    def effects(self) -> list[Effect]:
        effects: list[Effect] = []
        for locator in self._locators:
            for effect in locator.effects():
                if isinstance(effect, LocateFailed):
                    self._nowhere[f"the live DNS leads nowhere: {effect.text}"] = None
                if isinstance(effect, Located | LocateFailed):
                    self._left -= 1
                else:
                    effects.append(effect)
        return effects


async def _frozen(settings: PhoneSettings, nameservers: tuple[Nameserver, ...], bind: str) -> Zone:
    """The records of the live DNS that ``settings`` lead to. Every walk ends by itself."""
    node = _Freezer(settings, nameservers)
    async with Driver(node, bind=bind) as driver:
        driver.do(node.start)
        await driver.until(lambda: node.done, None)
    return node.zone()
