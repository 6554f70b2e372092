"""Bindings: where the users of a domain can be reached. Servers may share one store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evertone.sip.values import Uri

__all__ = ["Binding", "RegistrationStore"]

MAX_BINDINGS_PER_USER = 20


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of one user (RFC 3261 §10.3, RFC 5626 §4.2).

    ``server`` and ``flow`` are where it was registered; ``instance`` and ``reg_id`` may be
    empty. ``expires_at`` is on the world's clock, in seconds.
    """

    aor: str
    contact: Uri
    params: str  # the Contact's other parameters as they are given back
    instance: str
    reg_id: str
    call_id: str
    cseq: int
    server: str
    flow: int
    registered_at: float
    expires_at: float

    @property
    def key(self) -> tuple[str, str]:
        """What makes a later registration replace this one: instance and reg-id, else the URI."""
        if self.instance and self.reg_id:
            return (self.instance, self.reg_id)
        return (str(self.contact), "")


class RegistrationStore:
    """The bindings of all users; an AOR is ``user@domain``."""

    def __init__(self) -> None:
        self._users: dict[str, dict[tuple[str, str], Binding]] = {}

    def live(self, aor: str, now: float) -> list[Binding]:
        """The user's bindings that have not run out, the oldest first."""
        bindings = self._users.get(aor)
        if not bindings:
            return []
        for key in [k for k, b in bindings.items() if b.expires_at <= now]:
            del bindings[key]
        return list(bindings.values())

    def put(self, binding: Binding, now: float) -> bool:
        """Add or replace; False if the user has too many."""
        bindings = self._users.setdefault(binding.aor, {})
        if binding.key not in bindings and len(self.live(binding.aor, now)) >= (
            MAX_BINDINGS_PER_USER
        ):
            return False
        bindings[binding.key] = binding
        return True

    def find(self, aor: str, key: tuple[str, str]) -> Binding | None:
        """The user's binding under ``key``, run out or not."""
        return self._users.get(aor, {}).get(key)

    def remove(self, aor: str, key: tuple[str, str]) -> None:
        """Forget one binding; harmless if there is none."""
        self._users.get(aor, {}).pop(key, None)

    def by_contact(self, uri: Uri, now: float) -> Binding | None:
        """The binding whose contact is ``uri`` (user, host and port), newest first."""
        found = [
            b
            for bindings in self._users.values()
            for b in bindings.values()
            if b.expires_at > now
            and (b.contact.user, b.contact.host, b.contact.port) == (uri.user, uri.host, uri.port)
        ]
        return max(found, key=lambda b: b.registered_at, default=None)

    def all(self, now: float) -> Iterator[Binding]:
        """Every binding that has not run out (for checkers and people)."""
        for aor in list(self._users):
            yield from self.live(aor, now)

    def clear(self) -> None:
        """Forget everything (a restart)."""
        self._users.clear()
