"""Every parameter is a row: the parser, the check, the forms and the reference come from here.

The rows stand in :mod:`~evertone.config.params_line` (``account.X.*``),
:mod:`~evertone.config.params_subscription` (what lines subscribe to),
:mod:`~evertone.config.params_server` (``account.X.sip_server.Y.*`` and the proxies) and
:mod:`~evertone.config.params_phone` (the whole phone, static DNS records).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evertone.config.models import LINE_KEYS, RECORDS, SERVERS
from evertone.config.parameter import Parameter
from evertone.config.params_line import LINE_PARAMETERS
from evertone.config.params_phone import PHONE_PARAMETERS, RECORD_PARAMETERS
from evertone.config.params_server import PROXY_PARAMETERS, SERVER_PARAMETERS
from evertone.config.params_subscription import LINE_KEY_PARAMETERS, SUBSCRIPTION_PARAMETERS

__all__ = ["PARAMETERS", "Match", "concrete", "limits", "lookup"]

PARAMETERS: tuple[Parameter, ...] = (
    *LINE_PARAMETERS,
    *SUBSCRIPTION_PARAMETERS,
    *SERVER_PARAMETERS,
    *PROXY_PARAMETERS,
    *RECORD_PARAMETERS,
    *LINE_KEY_PARAMETERS,
    *PHONE_PARAMETERS,
)

_PLACEHOLDERS = ("X", "Y", "N", "K")
_INDEX_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Match:
    """A key of a file that is one of ours. ``numbers`` are the values of its placeholders."""

    parameter: Parameter
    numbers: Mapping[str, int]

    @property
    def key(self) -> str:
        """The concrete key under the parameter's own name (aliases and leading zeros gone)."""
        return concrete(self.parameter.key, self.numbers)


def concrete(pattern: str, numbers: Mapping[str, int]) -> str:
    """``account.X.enable`` with X filled in, and so for each placeholder in ``numbers``."""
    return ".".join(str(numbers.get(part, part)) for part in pattern.split("."))


def _shape(pattern: str) -> str:
    return ".".join("#" if part in _PLACEHOLDERS else part for part in pattern.split("."))


_BY_SHAPE = {
    _shape(name): (parameter, name)
    for parameter in PARAMETERS
    for name in (parameter.key, *parameter.aliases)
}


def lookup(key: str) -> Match | None:
    """The parameter that ``key`` of a file means, or None if it is none of ours.

    The numbers are not judged here: see :func:`limits`.
    """
    parts = key.split(".")
    numbers = [
        int(part)
        for part in parts
        if part.isascii() and part.isdigit() and len(part) <= _INDEX_DIGITS
    ]
    shape = ".".join(
        "#" if part.isascii() and part.isdigit() and len(part) <= _INDEX_DIGITS else part
        for part in parts
    )
    found = _BY_SHAPE.get(shape)
    if found is None:
        return None
    parameter, name = found
    placeholders = [part for part in name.split(".") if part in _PLACEHOLDERS]
    return Match(parameter, dict(zip(placeholders, numbers, strict=True)))


def limits(lines: int) -> dict[str, int]:
    """The highest number of each placeholder on a phone with so many lines; the lowest is 1."""
    return {"X": lines, "Y": SERVERS, "N": RECORDS, "K": LINE_KEYS}
