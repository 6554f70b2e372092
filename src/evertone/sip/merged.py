"""Merged requests: the same request by two ways is one request (RFC 3261 §8.2.2.2, F6)."""

from __future__ import annotations

from collections.abc import Hashable

from evertone.sip.message import Request

__all__ = ["REMEMBERED_S", "MergedRequests"]

REMEMBERED_S = 300.0
"""How long an INVITE is remembered after its end: a proxy that was frozen and wakes up must not
make the phone ring again (A8, F6)."""


class MergedRequests:
    """Knows the requests without To tag that are in progress, and the INVITEs that were."""

    __slots__ = ("_limit", "_live", "_past")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live: set[Hashable] = set()
        self._past: dict[Hashable, float] = {}  # when each may be forgotten, soonest first

    def key_of(self, request: Request) -> Hashable:
        """What two ways of one request have in common; None for one within a dialog.

        Raises SipParseError where a header is missing or malformed.
        """
        if request.to.tag:
            return None
        return (request.call_id, request.from_.tag, request.cseq.number, request.method)

    def known(self, key: Hashable, now: float) -> bool:
        """True if the request came already, by another way."""
        past = self._past
        while past and past[oldest := next(iter(past))] <= now:
            del past[oldest]
        return key in self._live or key in past

    def begin(self, key: Hashable) -> None:
        """A request is in progress."""
        self._live.add(key)

    def end(self, key: Hashable, is_invite: bool, now: float) -> None:
        """Its transaction has ended."""
        self._live.discard(key)
        if not is_invite:
            return
        self._past[key] = now + REMEMBERED_S
        if len(self._past) > self._limit:
            del self._past[next(iter(self._past))]
