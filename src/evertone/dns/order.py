"""Which of several equals comes first: SRV order, and the order of a host's addresses (D7, D9)."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import random
from collections.abc import Callable, Sequence
from functools import lru_cache

from evertone.dns.records import Address, Naptr, Srv

__all__ = ["SRV_ORDERS", "Draw", "address_order", "naptr_order", "srv_order"]

_HASH_BYTES = 8
_ALMOST_NO_WEIGHT = 0.01  # RFC 2782: weight 0 has "a very small chance of being selected"

# RFC 6724 §2.1, the default policy table. An IPv4 address counts as ::ffff:0:0/96.
_PRECEDENCE = tuple(
    (ipaddress.IPv6Network(prefix), precedence)
    for prefix, precedence in (
        ("::1/128", 50),
        ("::ffff:0:0/96", 35),
        ("2002::/16", 30),
        ("2001::/32", 5),
        ("fc00::/7", 3),
        ("::/96", 1),
        ("fec0::/10", 1),
        ("3ffe::/16", 1),
        ("::/0", 40),
    )
)
_IPV4_PRECEDENCE = 35


class Draw:
    """The phone's own lot among equals.

    A keyed hash of each member instead of a list of what was drawn: the same member has the
    same lot as long as the phone lives, however often the set changes, and nothing grows. Two
    phones have different keys: so they share the load (D7).
    """

    def __init__(self, rng: random.Random) -> None:
        self._key = rng.getrandbits(256).to_bytes(32, "big")

    def lot(self, name: str, member: str) -> float:
        """A number in (0, 1), for ``member`` among the records of ``name``."""
        data = f"{name}\0{member}".encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(data, digest_size=_HASH_BYTES, key=self._key).digest()
        return (int.from_bytes(digest, "big") + 0.5) / 2.0 ** (8 * _HASH_BYTES)


def _by_guide(srv: Srv, lot: float) -> tuple[float, ...]:
    return (srv.priority, -srv.weight, lot)


def _by_rfc2782(srv: Srv, lot: float) -> tuple[float, ...]:
    # The first of independent exponential clocks whose rates are the weights is each with a
    # probability proportional to its weight, and so are the following: RFC 2782's selection,
    # but one in which a new member leaves the others where they are.
    rate = srv.weight or _ALMOST_NO_WEIGHT
    return (srv.priority, -math.log(lot) / rate, lot)


SRV_ORDERS: dict[str, Callable[[Srv, float], tuple[float, ...]]] = {
    "guide": _by_guide,  # D7
    "rfc2782": _by_rfc2782,  # X4
}


def srv_order(name: str, records: Sequence[Srv], draw: Draw, manner: str) -> list[Srv]:
    """The SRV records of ``name``, the first to be tried first; ``manner`` is ``srv_weight``."""
    key = SRV_ORDERS[manner]
    return sorted(records, key=lambda srv: key(srv, draw.lot(name, f"{srv.target}:{srv.port}")))


def naptr_order(records: Sequence[Naptr]) -> list[Naptr]:
    """Lowest order, then lowest preference; equals as they came (D4)."""
    return sorted(records, key=lambda naptr: (naptr.order, naptr.preference))


@lru_cache(maxsize=1024)
def _precedence(ip: str) -> int:
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv4Address):
        return _IPV4_PRECEDENCE
    return next(precedence for prefix, precedence in _PRECEDENCE if address in prefix)


def address_order(host: str, records: Sequence[Address], draw: Draw | None) -> list[Address]:
    """A host's addresses by RFC 6724's rule 6, the precedence of its default policy table.

    The other rules compare source addresses, which only a socket knows. Equals by the
    phone's draw, or without one (static records) as they came.
    """

    def key(record: Address) -> tuple[float, float]:
        lot = draw.lot(host, record.ip) if draw is not None else 0.0
        return (-_precedence(record.ip), lot)

    return sorted(records, key=key)
