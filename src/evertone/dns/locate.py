"""The walk of RFC 3263 from a configured address to targets, as questions and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from evertone.model import Group

__all__ = ["BOTH_FAMILIES", "Families", "Where"]

Families: TypeAlias = frozenset[int]
"""The address families that can be sent to: of 4 and 6."""

BOTH_FAMILIES: Families = frozenset((4, 6))


@dataclass(frozen=True, slots=True)
class Where:
    """What is to be located, and by which settings of its line.

    ``address`` is a name or an IP literal (IPv6 with or without brackets), ``port`` 0 leaves
    it to DNS, ``transport_type`` 0 UDP, 1 TCP, 2 TLS, 3 DNS-NAPTR (D1-D6).
    """

    group: Group
    address: str
    port: int = 0
    transport_type: int = 3
    naptr_build: int = 0
    dns_cache_type: int = 1
    static_cache_pri: int = 0
    srv_weight: str = "guide"
