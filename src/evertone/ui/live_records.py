"""The DNS records that a configuration leads to, taken once from the live DNS."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from evertone.config.settings import PhoneSettings
from evertone.dns.locator import Located, LocateFailed, Locator
from evertone.errors import UsageError
from evertone.flows import DnsFailed, DnsReceived, Effect, Nameserver, ShellInput
from evertone.io.driver import Driver
from evertone.lab.rehearsal.zones import (
    Harvest,
    Zone,
    every_where,
    literal,
    without_static_records,
)

__all__ = ["take"]


def take(settings: PhoneSettings, nameservers: tuple[Nameserver, ...], bind: str) -> Zone:
    """All that the phone may ask, answered. UsageError if no name server answers."""
    return asyncio.run(_frozen(settings, nameservers, bind))


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
