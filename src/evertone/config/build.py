"""From values by key to :class:`~evertone.config.settings.PhoneSettings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evertone.config.kinds import Value
from evertone.config.parameter import Parameter, Scope
from evertone.config.params_line import OWN_KINDS
from evertone.config.schema import lookup
from evertone.config.settings import (
    DnsSettings,
    LineKey,
    LineSettings,
    PhoneSettings,
    ProxySettings,
    SecuritySettings,
    ServerSettings,
    StaticA,
    StaticNaptr,
    StaticSrv,
)
from evertone.schedule import SipTimers

__all__ = ["build"]

_FIRMWARE_80_PROXIES = {
    "outbound_host": (1, "address"),
    "outbound_port": (1, "port"),
    "backup_outbound_host": (2, "address"),
    "backup_outbound_port": (2, "port"),
}
"""P3: fields of a line in firmware 80, and the field of which proxy they are."""


@dataclass(slots=True)
class _Parts:
    """Fields by the object that they belong to."""

    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    servers: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    proxies: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    records: dict[tuple[Scope, int], dict[str, Any]] = field(default_factory=dict)
    keys: dict[int, dict[str, Any]] = field(default_factory=dict)
    phone: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, parameter: Parameter, numbers: Mapping[str, int], value: Value) -> None:
        """Sort one value in."""
        name, x = parameter.field, numbers.get("X", 0)
        if x:
            self.lines.setdefault(x, {})
        if parameter.scope is Scope.LINE and name in _FIRMWARE_80_PROXIES:
            y, name = _FIRMWARE_80_PROXIES[name]
            self.proxies.setdefault((x, y), {})[name] = value
        elif parameter.scope is Scope.LINE:
            self.lines[x][name] = value
        elif parameter.scope is Scope.SERVER:
            self.servers.setdefault((x, numbers["Y"]), {})[name] = value
        elif parameter.scope is Scope.PROXY:
            self.proxies.setdefault((x, numbers["Y"]), {})[name] = value
        elif parameter.scope is Scope.LINE_KEY:
            self.keys.setdefault(numbers["K"], {})[name] = value
        elif parameter.scope is Scope.PHONE:
            part, _, last = name.rpartition(".")
            self.phone.setdefault(part, {})[last] = value
        else:
            self.records.setdefault((parameter.scope, numbers["N"]), {})[name] = value


def _server(parts: _Parts, x: int, y: int, firmware: int) -> ServerSettings:
    server = ServerSettings(**parts.servers.get((x, y), {}))
    if firmware > 80:
        return server
    # P3: firmware 80 has no count of its own for INVITE
    fields = parts.servers.get((x, y), {}) | {"invite_retry_counts": server.retry_counts}
    return ServerSettings(**fields)


def _line(parts: _Parts, x: int, own: Mapping[str, Value], firmware: int) -> LineSettings:
    return LineSettings(
        line=x,
        sip_server=(_server(parts, x, 1, firmware), _server(parts, x, 2, firmware)),
        outbound_proxy=(
            ProxySettings(**parts.proxies.get((x, 1), {})),
            ProxySettings(**parts.proxies.get((x, 2), {})),
        ),
        **{**own, **parts.lines[x]},
    )


def _records(parts: _Parts, scope: Scope, essential: str) -> list[dict[str, Any]]:
    """The fields of the complete records of one kind, by their numbers.

    D13: a record without a name, or without what it points to, does not exist.
    """
    numbers = sorted(number for kind, number in parts.records if kind is scope)
    records = [parts.records[scope, number] for number in numbers]
    return [fields for fields in records if fields.get("name") and fields.get(essential)]


def _dns(parts: _Parts) -> DnsSettings:
    return DnsSettings(
        static_a=tuple(StaticA(**x) for x in _records(parts, Scope.RECORD_A, "ip")),
        static_srv=tuple(StaticSrv(**x) for x in _records(parts, Scope.RECORD_SRV, "target")),
        static_naptr=tuple(
            StaticNaptr(**x) for x in _records(parts, Scope.RECORD_NAPTR, "replace")
        ),
        **parts.phone.get("dns", {}),
    )


def build(values: Mapping[str, Value]) -> PhoneSettings:
    """The settings that ``values`` (by concrete key, each already of its kind) make.

    Keys that the firmware does not know must have been left out. Lines are those with at least
    one value, in their order.
    """
    parts = _Parts()
    for key, value in values.items():
        match = lookup(key)
        if match is not None:
            parts.put(match.parameter, match.numbers, value)
    top = dict(parts.phone.get("", {}))
    own = {name: top.pop(name) for name in OWN_KINDS if name in top}
    firmware = top.get("firmware", PhoneSettings().firmware)
    return PhoneSettings(
        lines=tuple(_line(parts, x, own, firmware) for x in sorted(parts.lines)),
        line_keys=tuple(LineKey(**parts.keys[k]) for k in sorted(parts.keys)),
        timers=SipTimers(**parts.phone.get("timers", {})),
        dns=_dns(parts),
        security=SecuritySettings(**parts.phone.get("security", {})),
        **top,
    )
