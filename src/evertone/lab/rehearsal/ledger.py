"""Who was registered where and when, as the registrars themselves know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evertone.lab.registrations import Binding, RegistrationStore

__all__ = ["Kept", "Ledger"]


class Kept(NamedTuple):
    """One binding for as long as it stood unchanged, in seconds; ``server`` is where it was
    made, ``mark`` the Contact's parameter by which the phone knows line and registrar (R10).
    ``connected``: it leads over a connection that only ``server`` has."""

    server: str
    mark: str
    begin_s: float
    end_s: float
    connected: bool = False


class Ledger(RegistrationStore):
    """A store that remembers what it held. ``clock`` tells the time, in seconds."""

    def __init__(self, clock: Callable[[], float], param: str) -> None:
        super().__init__()
        self._clock = clock
        self._param = param
        self._past: list[Kept] = []

    def _left(self, binding: Binding, *, kept_place: bool = False) -> None:
        """It is gone, but not forgotten that it stood."""
        self._past.append(self._kept(binding, self._clock()))
        super()._left(binding, kept_place=kept_place)

    def kept(self, until_s: float) -> list[Kept]:
        """All that stood until ``until_s``, what still stands included."""
        standing = [self._kept(binding, until_s) for binding in self.all(until_s)]
        return [*self._past, *standing]

    def _kept(self, binding: Binding, at: float) -> Kept:
        mark = binding.contact.param(self._param) or ""
        connected = (binding.contact.param("transport") or "udp").lower() != "udp"
        until = min(at, binding.expires_at)
        return Kept(binding.server, mark, binding.registered_at, until, connected)
