"""Kinds of values: what a parameter may hold. Each kind reads text and says what it allows.

The check, the forms and the reference page are made from these. A kind's ``read`` raises
:class:`ValueError` (with no text of its own: ``allowed`` says it all) and never shows the value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "BOOLEAN",
    "PORT",
    "SIXTEEN_BIT",
    "Address",
    "Choice",
    "Flags",
    "Integer",
    "Kind",
    "Name",
    "Number",
    "Text",
    "User",
    "Value",
    "Word",
    "is_address",
]

Value: TypeAlias = str | int | float

# ten digits hold 2147483647; anything longer is out of every range
_DIGITS = re.compile(r"[+-]?[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
# RFC 1123 labels, and the underscore of SRV names (RFC 2782)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NAME_CHARS = 253
# everything that a URI's user part can hold, escaped where need be (RFC 3261 §25.1)
_USER = re.compile(r"[^\x00-\x20\x7f\"<>@\\]*")
_USER_CHARS = 256
_SCHEMES = ("sip", "sips", "tel")
_DOTTED_QUAD = re.compile(r"[0-9.]+")


def is_address(text: str, *, zones: bool = False) -> bool:
    """True for an IPv4 or IPv6 literal, the latter with or without brackets.

    ``fe80::1%eth0`` is one only with ``zones``: there is no way to say it in a URI (RFC 6874
    is not for SIP), and to anybody else it means nothing.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return zones or "%" not in bare


def _is_name(text: str) -> bool:
    """True for a domain name. Digits and dots alone are a mistyped address, not a name."""
    bare = text.removesuffix(".")
    if not bare or len(bare) > _NAME_CHARS or _DOTTED_QUAD.fullmatch(bare):
        return False
    return all(_LABEL.fullmatch(label) for label in bare.split("."))


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from ``low`` to ``high``, or one of ``also``."""

    low: int
    high: int
    also: tuple[int, ...] = ()

    @property
    def allowed(self) -> str:
        """For people."""
        extra = "".join(f"{value}, or " for value in self.also)
        return f"{extra}a whole number from {self.low} to {self.high}"

    def read(self, text: str) -> int:
        """The number. Raises ValueError if it is none, or out of range."""
        if not _DIGITS.fullmatch(text):
            raise ValueError
        value = int(text)
        if value not in self.also and not self.low <= value <= self.high:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number from ``low`` to ``high``, such as seconds with a fraction."""

    low: float
    high: float

    @property
    def allowed(self) -> str:
        """For people."""
        return f"a number from {self.low:g} to {self.high:g}"

    def read(self, text: str) -> float:
        """The number. Raises ValueError if it is none, or out of range."""
        if not _DECIMAL.fullmatch(text):
            raise ValueError
        value = float(text)
        if not self.low <= value <= self.high:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few numbers, each with a meaning."""

    meanings: Mapping[int, str]

    @property
    def allowed(self) -> str:
        """For people."""
        return ", ".join(f"{value} ({meaning})" for value, meaning in self.meanings.items())

    def read(self, text: str) -> int:
        """The number. Raises ValueError if it is not one of them."""
        value = int(text) if _DIGITS.fullmatch(text) else None
        if value is None or value not in self.meanings:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words, compared without case."""

    meanings: Mapping[str, str]

    @property
    def allowed(self) -> str:
        """For people."""
        return ", ".join(f"{value} ({meaning})" for value, meaning in self.meanings.items())

    def read(self, text: str) -> str:
        """The word as the table spells it. Raises ValueError if it is not one of them."""
        for word in self.meanings:
            if word.lower() == text.lower():
                return word
        raise ValueError


@dataclass(frozen=True, slots=True)
class Flags:
    """The flag of a NAPTR record: one letter of S, A, U, P, or none (RFC 2915 §2)."""

    allowed: str = "S, A, U, P or blank"

    def read(self, text: str) -> str:
        """The letter in upper case. Raises ValueError if it is another."""
        flag = text.upper()
        if flag not in ("", "S", "A", "U", "P"):
            raise ValueError
        return flag


@dataclass(frozen=True, slots=True)
class Text:
    """Text of at most ``max_chars`` characters, control characters excluded."""

    max_chars: int = 256
    secret: bool = False
    # a control character in a name would let a file write SIP headers
    _controls: re.Pattern[str] = field(
        default=re.compile(r"[\x00-\x1f\x7f]"), repr=False, compare=False
    )

    @property
    def allowed(self) -> str:
        """For people."""
        return f"text of at most {self.max_chars} characters"

    def read(self, text: str) -> str:
        """The text itself. Raises ValueError if it is too long or holds control characters."""
        if len(text) > self.max_chars or self._controls.search(text):
            raise ValueError
        return text


@dataclass(frozen=True, slots=True)
class Name:
    """A domain name, or blank."""

    allowed: str = "a domain name"

    def read(self, text: str) -> str:
        """The name without its last dot. Raises ValueError if it is none."""
        if text and not _is_name(text):
            raise ValueError
        return text.removesuffix(".")


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address, with ``names`` also a domain name; or blank. ``zones``: ``%eth0`` may
    follow an address of the link."""

    names: bool = True
    max_chars: int = 256
    zones: bool = False

    @property
    def allowed(self) -> str:
        """For people."""
        if not self.names:
            return "an IP address"
        return f"an IP address or a domain name of at most {self.max_chars} characters"

    def read(self, text: str) -> str:
        """The address without brackets, or the name. Raises ValueError if it is neither."""
        if not text:
            return ""
        if len(text) <= self.max_chars:
            if is_address(text, zones=self.zones):
                return text.strip("[]")
            if self.names and _is_name(text):
                return text.removesuffix(".")
        raise ValueError


@dataclass(frozen=True, slots=True)
class User:
    """The user part of an address of record, or ``user@domain``; or blank."""

    allowed: str = "a number or name, or user@domain; no sip:, blanks, quotes or brackets"

    def read(self, text: str) -> str:
        """The text, its domain without last dot. Raises ValueError if no address of record can
        be made of it."""
        user, at, domain = text.partition("@")
        if len(text) > _USER_CHARS or not _USER.fullmatch(user) or (text and not user):
            raise ValueError
        if user.partition(":")[0].lower() in _SCHEMES and ":" in user:
            raise ValueError
        if at and not (_is_name(domain) or is_address(domain)):
            raise ValueError
        return f"{user}@{domain.removesuffix('.')}" if at else text


Kind: TypeAlias = Integer | Number | Choice | Word | Flags | Text | User | Name | Address

BOOLEAN = Choice({0: "disabled", 1: "enabled"})
PORT = Integer(0, 65535)
SIXTEEN_BIT = Integer(0, 65535)
