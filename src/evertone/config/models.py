"""The telephones of the guide: how many lines each has, and which firmware it began with."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FIRMWARES", "LINE_KEYS", "MODELS", "RECORDS", "SERVERS", "Model", "find_model"]

FIRMWARES = (80, 81)
SERVERS = 2
"""Y of the guide: servers and outbound proxies of a line."""
RECORDS = 12
"""X of the guide's static DNS records: entries of each kind."""
LINE_KEYS = 29
"""K of ``linekey.K``: the most keys that any of the models has."""


@dataclass(frozen=True, slots=True)
class Model:
    """``lines`` is the highest X of ``account.X``; ``since`` the first firmware (P3)."""

    name: str
    lines: int
    since: int


MODELS = (
    Model("SIP VP-T49G", 16, 80),
    Model("SIP-T48G", 16, 80),
    Model("SIP-T48S", 16, 81),
    Model("SIP-T46G", 16, 80),
    Model("SIP-T46S", 16, 81),
    Model("SIP-T29G", 16, 80),
    Model("SIP-T42G", 12, 80),
    Model("SIP-T42S", 12, 81),
    Model("SIP-T41P", 6, 80),
    Model("SIP-T41S", 6, 81),
    Model("SIP-T27P", 6, 80),
    Model("SIP-T27G", 6, 81),
    Model("W56P", 5, 80),
    Model("SIP-T40P", 3, 80),
    Model("SIP-T23P", 3, 80),
    Model("SIP-T23G", 3, 80),
    Model("SIP-T21 E2", 2, 80),
    Model("SIP-T21P E2", 2, 80),
    Model("SIP-T19 E2", 1, 80),
    Model("SIP-T19P E2", 1, 80),
    Model("CP860", 1, 80),
)


def _plain(name: str) -> str:
    letters = "".join(char for char in name.upper() if char.isalnum())
    return letters.removeprefix("SIP")


_BY_NAME = {_plain(model.name): model for model in MODELS}


def find_model(name: str) -> Model | None:
    """The model of that name, without regard to case, spaces, dashes and a leading ``SIP``."""
    return _BY_NAME.get(_plain(name))
