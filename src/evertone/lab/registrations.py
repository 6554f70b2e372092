"""Bindings: where the users of a domain can be reached. Servers may share one store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from evertone.fixed import fixed
from evertone.sip.values import Uri

__all__ = ["Binding", "RegistrationStore"]

MAX_BINDINGS_PER_USER = 20
MAX_USERS = 100_000

Key = tuple[str, str]
Place = tuple[str, str, int | None]


@fixed
class Binding:
    """One contact of one user (RFC 3261 §10.3, RFC 5626 §4.2).

    ``contact`` is its URI, ``text`` the Contact as it is given back, without ``expires``;
    ``server`` and ``flow`` are where it was registered; ``instance`` and ``reg_id`` may be
    empty. ``key`` is what makes a later registration replace it: instance and reg-id, else
    the URI. Times are seconds on the world's clock.
    """

    aor: str
    contact: Uri
    text: str
    instance: str
    reg_id: str
    call_id: str
    cseq: int
    server: str
    flow: int
    registered_at: float
    expires_at: float
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        named = self.instance and self.reg_id
        self.key = (self.instance, self.reg_id) if named else (str(self.contact), "")  # type: ignore[misc]


def _place(uri: Uri) -> Place:
    """Where requests to a contact are addressed."""
    return (uri.user, uri.host.lower(), uri.port)


class RegistrationStore:
    """The bindings of all users; an AOR is ``user@domain``."""

    def __init__(self) -> None:
        self._users: dict[str, dict[Key, Binding]] = {}
        self._places: dict[Place, Binding] = {}

    def live(self, aor: str, now: float) -> list[Binding]:
        """The user's bindings that have not run out, the oldest first."""
        bindings = self._users.get(aor)
        if not bindings:
            return []
        live = []
        for binding in list(bindings.values()):
            if binding.expires_at > now:
                live.append(binding)
            else:
                self.remove(aor, binding.key)
        return live

    def put(self, binding: Binding, now: float) -> bool:
        """Add or replace; False if there are too many, of this user or of users."""
        bindings = self._users.get(binding.aor)
        if bindings is None:
            if len(self._users) >= MAX_USERS:
                return False
            bindings = self._users[binding.aor] = {}
        before = bindings.pop(binding.key, None)
        if before is not None:
            self._left(before, kept_place=before.contact == binding.contact)
        elif len(self.live(binding.aor, now)) >= MAX_BINDINGS_PER_USER:
            return False
        bindings[binding.key] = binding
        self._places[_place(binding.contact)] = binding
        return True

    def find(self, aor: str, key: Key) -> Binding | None:
        """The user's binding under ``key``, run out or not."""
        return self._users.get(aor, {}).get(key)

    def remove(self, aor: str, key: Key) -> None:
        """Forget one binding; harmless if there is none."""
        binding = self._users.get(aor, {}).pop(key, None)
        if binding is not None:
            self._left(binding)

    def _left(self, binding: Binding, *, kept_place: bool = False) -> None:
        """A binding is gone, or replaced by one at the same place."""
        if kept_place:
            return
        place = _place(binding.contact)
        if self._places.get(place) is binding:
            del self._places[place]

    def by_contact(self, uri: Uri, now: float) -> Binding | None:
        """The latest binding whose contact has this URI's user, host and port."""
        binding = self._places.get(_place(uri))
        return binding if binding is not None and binding.expires_at > now else None

    def all(self, now: float) -> Iterator[Binding]:
        """Every binding that has not run out (for checkers and people)."""
        for aor in list(self._users):
            yield from self.live(aor, now)

    def forget(self, server: str) -> None:
        """Forget what was registered with ``server`` (it restarted)."""
        for bindings in list(self._users.values()):
            for key, binding in list(bindings.items()):
                if binding.server == server:
                    self.remove(binding.aor, key)
