"""What is known about one parameter."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from evertone.config.kinds import Kind, Text, Value
from evertone.config.models import FIRMWARES
from evertone.rules import Rule

__all__ = ["Parameter", "Scope"]


class Scope(enum.Enum):
    """Which object of :mod:`evertone.config.settings` a parameter is a field of."""

    PHONE = "phone"
    LINE = "line"
    SERVER = "server"
    PROXY = "proxy"
    RECORD_A = "A record"
    RECORD_SRV = "SRV record"
    RECORD_NAPTR = "NAPTR record"
    LINE_KEY = "line key"


_PREFIXES = (
    ("account.X.sip_server.Y.", Scope.SERVER),
    ("account.X.outbound_proxy.Y.", Scope.PROXY),
    ("account.X.evertone.", Scope.LINE),
    ("account.X.", Scope.LINE),
    ("dns_cache_a.N.", Scope.RECORD_A),
    ("dns_cache_srv.N.", Scope.RECORD_SRV),
    ("dns_cache_naptr.N.", Scope.RECORD_NAPTR),
    ("linekey.K.", Scope.LINE_KEY),
    ("evertone.", Scope.PHONE),
)


def _split(key: str) -> tuple[Scope, str]:
    for prefix, scope in _PREFIXES:
        if key.startswith(prefix):
            return scope, key.removeprefix(prefix)
    return Scope.PHONE, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the schema.

    ``key`` holds the placeholders X (line), Y (server or proxy), N (record) and K (line key).
    ``default`` is what a blank means; None for ``account.X.evertone.*``, which inherits from
    ``evertone.*``. ``firmware`` lists those that know it (P3). ``web`` and ``phone`` are paths of
    menus, blank where the guide names none. ``effect`` says when it counts, blank for always.
    ``into`` overrides the field of the settings where key and field differ. ``aliases`` are
    other spellings of the same parameter.
    """

    key: str
    kind: Kind
    default: Value | None
    text: str
    firmware: tuple[int, ...] = FIRMWARES
    web: str = ""
    phone: str = ""
    effect: str = ""
    rules: tuple[Rule, ...] = ()
    into: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """Which settings object it belongs to."""
        return _split(self.key)[0]

    @property
    def field(self) -> str:
        """The field of that object; for the phone a dotted path such as ``dns.primary_dns``."""
        return self.into or _split(self.key)[1].replace(".", "_")

    @property
    def secret(self) -> bool:
        """True where the value must never be shown."""
        return isinstance(self.kind, Text) and self.kind.secret
