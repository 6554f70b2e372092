"""A whole phone without I/O: the one object that bytes, time and the user drive."""

from __future__ import annotations

import random

from evertone.config.settings import PhoneSettings
from evertone.flows import Effect, Nameserver, ShellInput
from evertone.phone.snapshot import PhoneSnapshot

__all__ = ["Phone"]


class Phone:
    """A SIP phone, a :class:`evertone.flows.Node`.

    ``instance`` is the ``urn:uuid:...`` of this device, stable over restarts (R5); ``rng`` is
    its only source of randomness. ``auto_answer``: incoming calls are answered at once.
    After every verb the shell drains :meth:`effects` and asks :meth:`next_deadline`.
    All times are seconds on the shell's monotonic clock.
    """

    def __init__(
        self,
        settings: PhoneSettings,
        instance: str,
        rng: random.Random,
        nameservers: tuple[Nameserver, ...] = (),
        *,
        auto_answer: bool = False,
        user_agent: str = "Evertone",
    ) -> None:
        self.settings = settings

    # --- the user's verbs -----------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin to register every enabled line (R1, R7). Once per phone."""
        raise NotImplementedError

    def stop(self, now: float) -> None:
        """End all calls, remove our bindings (R5); :attr:`stopped` tells when that is done."""
        raise NotImplementedError

    @property
    def stopped(self) -> bool:
        """True when nothing of a clean stop is left to wait for."""
        raise NotImplementedError

    def call(self, line: int, number: str, now: float) -> str:
        """Call ``number`` (a user part or a whole SIP URI) from ``line``; the id of the call.

        Raises UsageError for a line that is not enabled or a number that cannot be called,
        LimitError when there are too many calls.
        """
        raise NotImplementedError

    def answer(self, call: str, now: float) -> None:
        """Answer an incoming call that rings. UsageError if it does not."""
        raise NotImplementedError

    def reject(self, call: str, now: float) -> None:
        """Decline an incoming call that rings (603). UsageError if it does not."""
        raise NotImplementedError

    def hangup(self, call: str, now: float) -> None:
        """End a call in whatever state; for the user it is over at once (C4, A13).

        UsageError if there is no such call.
        """
        raise NotImplementedError

    def network_changed(self, now: float) -> None:
        """The network changed, or the machine resumed: all lines register anew (R8)."""
        raise NotImplementedError

    def snapshot(self, now: float) -> PhoneSnapshot:
        """A frozen view for people and checkers."""
        raise NotImplementedError

    # --- the shell's verbs ----------------------------------------------------------------

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
