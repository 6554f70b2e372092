"""Where the servers and proxies of a configuration lead, asked once on real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Hashable, Sequence
from typing import TypeAlias

import click

from evertone.config.settings import DnsSettings, LineSettings
from evertone.dns.locate import Where
from evertone.dns.locator import Located, LocateFailed, Locator
from evertone.flows import DnsFailed, DnsReceived, Effect, Nameserver, ShellInput
from evertone.io.driver import Driver
from evertone.io.host import families_from
from evertone.observe.text import printable

__all__ = ["Answer", "Wanted", "resolve", "wanted_by"]

_PATIENCE_S = 2.0  # so long without a word

_TRANSPORT_TYPES = {0: "UDP", 1: "TCP", 2: "TLS", 3: "DNS-NAPTR"}

Answer: TypeAlias = Located | LocateFailed


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """One hop list to be found: what ``line`` sends through on its way to ``registrar``."""

    line: int
    registrar: int
    where: Where

    def __str__(self) -> str:
        way = f" to server {self.registrar}" if self.where.group.is_proxy else ""
        return (
            f"line {self.line}, {self.where.group.value}{way}: {printable(self.where.address)} "
            f"({_TRANSPORT_TYPES[self.where.transport_type]}, port {self.where.port})"
        )


def wanted_by(lines: Sequence[LineSettings]) -> list[Wanted]:
    """The hop lists of ``lines``; behind outbound proxies the proxies' (P1)."""
    return [
        Wanted(line.line, registrar, Where.of(line, group, registrar))
        for line in lines
        for registrar in line.registrars()
        for group in line.paths(registrar)
    ]


def resolve(
    settings: DnsSettings,
    nameservers: tuple[Nameserver, ...],
    bind: str,
    lists: Sequence[Wanted],
) -> list[Answer]:
    """The answers in the order of ``lists``; every walk ends by itself."""
    return asyncio.run(_resolve(settings, nameservers, bind, lists))


class _Resolution:
    """A node that locates and does nothing else."""

    def __init__(
        self,
        settings: DnsSettings,
        nameservers: tuple[Nameserver, ...],
        bind: str,
        lists: Sequence[Wanted],
    ) -> None:
        # as the phone: nobody is to guess the ids of its questions
        rng = random.SystemRandom()
        self._locator = Locator(settings, nameservers, rng, families=families_from(bind))
        self._lists = lists
        self.answers: dict[Hashable, Answer] = {}

    def is_done(self) -> bool:
        return len(self.answers) == len(self._lists)

    def locate(self, now: float) -> None:
        for number, wanted in enumerate(self._lists):
            self._locator.locate(number, wanted.where, now)

    def receive(self, event: ShellInput, now: float) -> None:
        if isinstance(event, DnsReceived | DnsFailed):
            self._locator.receive(event, now)

    def handle_timer(self, now: float) -> None:
        self._locator.handle_timer(now)

    def next_deadline(self) -> float | None:
        return self._locator.next_deadline()

    def effects(self) -> list[Effect]:
        effects: list[Effect] = []
        for effect in self._locator.effects():
            if isinstance(effect, Located | LocateFailed):
                self.answers[effect.ticket] = effect
            else:
                effects.append(effect)
        return effects


async def _resolve(
    settings: DnsSettings,
    nameservers: tuple[Nameserver, ...],
    bind: str,
    lists: Sequence[Wanted],
) -> list[Answer]:
    node = _Resolution(settings, nameservers, bind, lists)
    async with Driver(node, bind=bind) as driver:
        driver.do(node.locate)
        if not await driver.until(node.is_done, _PATIENCE_S):
            click.echo("waiting for the name servers ...", err=True)
            await driver.until(node.is_done, None)
    return [node.answers[number] for number in range(len(lists))]
