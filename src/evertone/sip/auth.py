"""Digest authentication, both sides: RFC 7616, RFC 2617/2069 for old servers, RFC 8760."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from evertone.sip.message import Request, Response

__all__ = ["Credentials", "DigestServer", "Verdict", "Verified"]


class Credentials:
    """One line's name and password, and the nonces it knows per target and realm (A3)."""

    def __init__(self, username: str, password: str, rng: random.Random) -> None:
        raise NotImplementedError

    def authorize(self, request: Request, target: Hashable, now: float) -> None:
        """Add (or replace) the credentials for every realm that ``target`` is known to ask for."""
        raise NotImplementedError

    def challenged(self, request: Request, response: Response, target: Hashable) -> bool:
        """Learn from a 401 or 407; True: send the request again, with CSeq + 1, after ``authorize``.

        False: the password is wrong, or nothing can be answered, or it was the third challenge.
        """
        raise NotImplementedError

    def forget(self, target: Hashable) -> None:
        """Forget what is known of ``target``."""
        raise NotImplementedError


class Verdict(enum.Enum):
    """What a server makes of a request's credentials."""

    OK = "ok"
    MISSING = "missing"
    STALE = "stale"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict, and the user name that was given ("" where none)."""

    verdict: Verdict
    username: str = ""


class DigestServer:
    """Challenges and verifies for one realm. ``password`` maps a user name to its password."""

    def __init__(
        self,
        realm: str,
        password: Callable[[str], str | None],
        rng: random.Random,
        *,
        lifetime_s: float = 300.0,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        proxy: bool = False,
    ) -> None:
        raise NotImplementedError

    def verify(self, request: Request, now: float) -> Verified:
        """Judge the request's credentials for our realm."""
        raise NotImplementedError

    def challenge(self, request: Request, verdict: Verdict, now: float) -> Response:
        """The 401 (407 for a proxy) to ``request`` with fresh nonces, strongest algorithm first."""
        raise NotImplementedError
