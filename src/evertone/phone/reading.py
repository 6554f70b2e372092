"""Reading what a peer wrote, where a malformed header counts as an absent one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from evertone.errors import SipParseError

__all__ = ["lenient"]

T = TypeVar("T")
D = TypeVar("D")


def lenient(read: Callable[[], T], otherwise: D) -> T | D:
    """What ``read`` returns; ``otherwise`` where the header that it reads is malformed."""
    try:
        return read()
    except SipParseError:
        return otherwise
