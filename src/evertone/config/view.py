"""What a check looks at, and the row that a check is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evertone.config.cfg import Entry
from evertone.config.finding import MASK, Finding, Severity
from evertone.config.kinds import Value, is_address
from evertone.config.schema import concrete, lookup
from evertone.config.settings import LineSettings, PathSettings, PhoneSettings
from evertone.rules import Rule

__all__ = ["Check", "Subject", "View"]


_NO_LINE = LineSettings()
_SERVER = "account.X.sip_server.Y"
_PROXY = "account.X.outbound_proxy.Y"
_REGISTRAR = "account.X.sip_server.R"
_RELATIVE = {
    "PATH": ((_SERVER,), (_PROXY, _SERVER)),
    "PLACE": ((_SERVER,), (_PROXY,)),
    "REGISTRAR": ((_REGISTRAR,), (_REGISTRAR,)),
}
"""Beginnings of keys that depend on the hop list, for a server and for a proxy: the settings that
govern it (P1), its address and port, and the server that it leads to."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the settings, and by concrete key the values and entries that made them."""

    settings: PhoneSettings
    values: Mapping[str, Value]
    given: Mapping[str, Entry]

    def differs(self, key: str) -> bool:
        """True if the files give ``key`` another value than its default."""
        match = lookup(key)
        return match is not None and self.values.get(key) not in (None, match.parameter.default)


@dataclass(frozen=True, slots=True)
class View:
    """One place to check: the phone, a line, or one hop list of a line (then with ``path``).

    ``numbers`` fill the placeholders of keys; ``registrar`` is the server that ``path`` leads to.
    """

    subject: Subject
    numbers: Mapping[str, int]
    line: LineSettings = _NO_LINE
    registrar: int = 0
    path: PathSettings | None = None

    @property
    def settings(self) -> PhoneSettings:
        """The whole phone's."""
        return self.subject.settings

    @property
    def hops(self) -> PathSettings:
        """What governs the hop list; only for checks of paths."""
        assert self.path is not None
        return self.path

    @property
    def by_name(self) -> bool:
        """True where the hop list comes from a name: only then is there failover (B)."""
        return not is_address(self.hops.address)

    def keys(self, *patterns: str) -> tuple[str, ...]:
        """The concrete keys of ``patterns`` here, those of :data:`_RELATIVE` included."""
        return tuple(key for pattern in patterns for key in self._expand(pattern))

    def _expand(self, pattern: str) -> tuple[str, ...]:
        head, _, name = pattern.partition(".")
        if head not in _RELATIVE:
            return (concrete(pattern, self.numbers),)
        prefixes = _RELATIVE[head][self.hops.group.is_proxy]
        numbers = {**self.numbers, "R": self.registrar}
        return tuple(concrete(f"{prefix}.{name}", numbers) for prefix in prefixes)

    def differs(self, *patterns: str) -> bool:
        """True if the files give any of these keys another value than its default."""
        return any(self.subject.differs(key) for key in self.keys(*patterns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row: where ``when`` holds, say ``text`` of the first of ``keys`` that is given.

    With ``given`` the check asks first whether the files give one of the keys another value than
    its default: what nobody set cannot be without effect.
    """

    rule: Rule
    keys: tuple[str, ...]
    when: Callable[[View], bool]
    text: str | Callable[[View], str]
    severity: Severity = Severity.WARNING
    given: bool = True
    allowed: str = ""

    def finding(self, view: View) -> Finding | None:
        """What it says of ``view``, if anything."""
        keys = view.keys(*self.keys)
        differing = [key for key in keys if view.subject.differs(key)]
        if (self.given and not differing) or not self.when(view):
            return None
        key = next((key for key in (*differing, *keys) if key in view.subject.given), keys[0])
        entry = view.subject.given.get(key)
        text = self.text if isinstance(self.text, str) else self.text(view)
        match = lookup(key)
        secret = match is not None and match.parameter.secret
        return Finding(
            severity=self.severity,
            message=text,
            file=entry.file if entry else "",
            line=entry.line if entry else 0,
            key=key,
            value=(MASK if secret else entry.value) if entry else "",
            allowed=self.allowed,
            rule=self.rule,
        )
