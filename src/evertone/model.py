"""The nouns that every package speaks: where bytes go, what became of a try, who tries what."""

from __future__ import annotations

import enum
from typing import NamedTuple

from evertone.fixed import fixed
from evertone.rules import Rule

__all__ = [
    "Attempt",
    "Cause",
    "Group",
    "Hop",
    "HopSource",
    "Outcome",
    "OutcomeKind",
    "Reason",
    "Target",
    "Transport",
]


class Transport(enum.Enum):
    """How bytes travel. The value is the token of Via headers (RFC 3261 §20.42)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"

    __hash__ = object.__hash__  # members are single: targets are looked up all the time

    def __init__(self, text: str) -> None:
        # what is asked of every message is an attribute: an enumeration's `value` is computed
        self.text = text
        """The token of Via headers."""
        self.reliable = text != "UDP"
        """True where the transport resends by itself (S4: no resends of ours)."""
        self.default_port = 5061 if text == "TLS" else 5060
        """5060, for TLS 5061 (RFC 3261 §19.1.2, D8)."""


class Target(NamedTuple):
    """One place to send to. ``tls_name`` is the name the certificate must bear (TLS only).

    A tuple, because nothing is looked up and compared as often.
    """

    address: str
    port: int
    transport: Transport
    tls_name: str = ""

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport.text} {host}:{self.port}"


class Group(enum.Enum):
    """Which configured server or outbound proxy a hop list belongs to."""

    SERVER1 = "server 1"
    SERVER2 = "server 2"
    PROXY1 = "proxy 1"
    PROXY2 = "proxy 2"

    __hash__ = object.__hash__

    def __init__(self, name: str) -> None:
        kind, number = name.split()
        self.number = int(number)
        """The Y of the guide: 1 or 2."""
        self.is_proxy = kind == "proxy"
        """True for an outbound proxy."""


class HopSource(enum.Enum):
    """Where a hop list came from; none but LITERAL and DNS displaces a target that answers (B8)."""

    LITERAL = "literal"
    DNS = "dns"
    PARTIAL = "partial"  # no name server answered some of its questions: targets may be missing
    STATIC = "static"
    STALE = "stale"


@fixed
class Hop:
    """One target of one server's or proxy's hop list.

    ``index`` 0 is the primary. ``valid_until`` is when the list behind it must be asked for
    again (D11); ``ttl_s`` the full TTL of the target's own address record (B2); ``why`` the
    records that led here, e.g. ``("NAPTR 90/50", "SRV 0/2", "A 192.168.1.14")``.
    """

    group: Group
    index: int
    target: Target
    valid_until: float = float("inf")
    ttl_s: float = float("inf")
    why: tuple[str, ...] = ()
    source: HopSource = HopSource.DNS


class OutcomeKind(enum.Enum):
    """What one attempt came to, as the redundancy engine sees it."""

    __hash__ = object.__hash__

    OK = "ok"  # 2xx
    UNAVAILABLE = "unavailable"  # silence, ICMP, refused, reset, TLS
    BUSY = "busy"  # 503 (and 408/500/502/504 as A5 says), with or without Retry-After
    CHALLENGED = "challenged"  # 401/407 that our credentials did not satisfy (A3)
    REFUSED = "refused"  # any other final answer of a live server


class Cause(enum.Enum):
    """Why a target is unavailable."""

    SILENCE = "no answer"
    STALLED = "100 and then nothing"  # S6
    ICMP = "ICMP error"
    CONNECT_REFUSED = "connection refused"
    CONNECT_TIMEOUT = "connection timed out"
    RESET = "connection lost"
    UNREACHABLE = "unreachable"
    TLS = "TLS handshake failed"
    CERTIFICATE = "wrong certificate"
    LOCAL = "local send error"


@fixed
class Outcome:
    """The end of one attempt. ``retry_after_s`` is 0 where the answer bore none; ``alerted``
    says that a provisional answer above 100 came first (A2, P1: the answer is then final)."""

    kind: OutcomeKind
    code: int = 0
    cause: Cause | None = None
    retry_after_s: float = 0.0
    text: str = ""
    alerted: bool = False

    @property
    def ok(self) -> bool:
        """True for a 2xx."""
        return self.kind is OutcomeKind.OK

    def __str__(self) -> str:
        if self.cause is not None:
            return f"{self.cause.value} ({self.text})" if self.text else self.cause.value
        return f"{self.code} {self.text}".strip()


class Reason(enum.Enum):
    """Why an attempt is made."""

    def __init__(self, text: str) -> None:
        self.text = text
        """The value: what people are told."""

    INITIAL = "initial"
    REFRESH = "refresh"
    FAILOVER = "failover"
    FALLBACK = "fallback"
    PROBE = "probe"
    FAILBACK = "failback"
    RETRY = "retry"
    REMOVAL = "removal"


@fixed
class Attempt:
    """One client transaction (challenges included) of one request at one hop.

    ``request`` names the request whose walk this is part of; ``registrar`` is the server
    (1 or 2) whose domain the request bears, which differs from ``hop.group`` behind an
    outbound proxy. ``resends`` and ``give_up_s`` follow S1. ``expires_s`` is what a REGISTER
    asks for (0 removes), None for other methods.
    """

    id: int
    request: int
    line: int
    registrar: int
    hop: Hop
    method: str
    resends: int
    give_up_s: float
    reason: Reason
    rule: Rule
    expires_s: int | None = None
