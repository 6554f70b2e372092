"""Records whose fields are set once, made by the million.

A frozen dataclass guards every field at run time too, and takes three times as long to be made.
What is made for each message and each decision is guarded by the type checker alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

__all__ = ["fixed", "fixed_by_name"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def fixed(cls: type[T]) -> type[T]:
    """As ``dataclass(frozen=True, slots=True)``, but for the guard at run time."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fixed_by_name(cls: type[T]) -> type[T]:
    """As :func:`fixed`; the fields are given by name only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)
