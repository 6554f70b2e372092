"""A SIP server without I/O: registrar and proxy, a :class:`evertone.flows.Node`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from evertone.flows import Effect, ShellInput
from evertone.lab.registrations import RegistrationStore
from evertone.model import Target

__all__ = ["SipServer"]


class SipServer:
    """Registrar and proxy for ``domains``.

    ``listen`` are its endpoints; ``users`` maps user names to passwords (empty: everyone is
    let in); servers given one ``store`` share their bindings. ``routes`` maps a domain, or
    ``"*"`` for own users without a binding, to the server that a request is relayed to.
    Times are seconds on the shell's clock.
    """

    def __init__(
        self,
        name: str,
        listen: Iterable[Target],
        domains: Iterable[str],
        users: Mapping[str, str],
        store: RegistrationStore,
        rng: random.Random,
        *,
        realm: str = "",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        min_expires_s: int = 10,
        max_expires_s: int = 7200,
        routes: Mapping[str, Target] | None = None,
    ) -> None:
        self.name = name

    def answer_with(self, status: int, retry_after_s: int = 0) -> None:
        """From now on answer every request but ACK with ``status``; 0: as usual again."""
        raise NotImplementedError

    def restart(self, now: float) -> None:
        """Start anew: transactions, flows and bindings are forgotten."""
        raise NotImplementedError

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""
        raise NotImplementedError

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""
        raise NotImplementedError

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order."""
        raise NotImplementedError
