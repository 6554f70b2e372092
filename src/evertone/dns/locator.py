"""One per phone: takes addresses to be located, answers with hop lists (D11-D16)."""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from evertone.config.settings import DnsSettings
from evertone.dns.locate import BOTH_FAMILIES, Families, Where
from evertone.flows import Announce, DnsFailed, DnsReceived, DnsSend, Nameserver
from evertone.model import Hop

__all__ = ["LocateFailed", "Located", "Locator", "LocatorEffect", "LocatorSnapshot"]


@dataclass(frozen=True, slots=True)
class Located:
    """The answer to :meth:`Locator.locate`: at least one hop, the primary first.

    ``spare`` are targets from static records that are not among ``hops``, numbered on from
    them: for this request only, if none of the hops can be reached (D13).
    """

    ticket: Hashable
    hops: tuple[Hop, ...]
    spare: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class LocateFailed:
    """The answer to :meth:`Locator.locate` when the address leads nowhere (D14)."""

    ticket: Hashable
    text: str


LocatorEffect: TypeAlias = DnsSend | Announce | Located | LocateFailed
"""Announce bears only :class:`evertone.events.Warned`: odd messages of name servers."""


@dataclass(frozen=True, slots=True)
class LocatorSnapshot:
    """What the locator knows and does, for people (being filled in)."""


class Locator:
    """From addresses to hop lists: the five verbs.

    ``nameservers`` are asked in turn; with none, only static records serve. ``rng`` makes
    query ids and the phone's own draw among equals (D7). ``families``: the address families
    that this host can send to (4, 6); no other is asked for (D9).
    """

    def __init__(
        self,
        settings: DnsSettings,
        nameservers: tuple[Nameserver, ...],
        rng: random.Random,
        *,
        families: Families = BOTH_FAMILIES,
    ) -> None:
        raise NotImplementedError

    def locate(
        self, ticket: Hashable, where: Where, now: float, *, someone_waits: bool = False
    ) -> None:
        """Start to locate; one Located or LocateFailed bears ``ticket``, often at once.

        ``someone_waits``: after 1.8 s the last list known is taken (D16).
        UsageError if the ticket is in use.
        """
        raise NotImplementedError

    def cancel(self, ticket: Hashable) -> None:
        """Forget the ticket: no answer follows. Harmless if it is not in use."""
        raise NotImplementedError

    def network_changed(self, now: float) -> None:
        """Forget which questions failed: another network may answer them (R8)."""
        raise NotImplementedError

    def receive(self, event: DnsReceived | DnsFailed, now: float) -> None:
        """Take what the shell brings from a name server; what nobody asked for is counted."""
        raise NotImplementedError

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""
        raise NotImplementedError

    def effects(self) -> list[LocatorEffect]:
        """Drain what is to be sent and what has been located, in order."""
        raise NotImplementedError

    def snapshot(self, now: float) -> LocatorSnapshot:
        """A frozen view for people and checkers."""
        raise NotImplementedError
