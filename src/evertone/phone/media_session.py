"""The session of one call: what we describe, what the peer describes, who sends (RFC 3264)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from evertone.errors import SipParseError
from evertone.phone.reading import lenient
from evertone.sip import sdp

__all__ = ["MediaSession"]

Describe: TypeAlias = Callable[[int], sdp.Session]


class MediaSession:
    """``wanted`` is what we would have: both ways, or on hold only ours.

    A description that says the same as the last one bears the same version (RFC 3264 §8), so
    that a call that only changes its way shows the peer nothing new. An offer counts when it is
    answered; one that is refused changes nothing (RFC 3261 §14.1).
    """

    __slots__ = ("_local", "_remote", "_said", "_version", "port", "wanted")

    def __init__(self, port: int) -> None:
        self.port = port
        self.wanted = sdp.Direction.SENDRECV
        self._version = 0
        self._said: sdp.Session | None = None
        self._local: sdp.Session | None = None
        self._remote: sdp.Session | None = None

    def offer(self, address: str) -> bytes:
        """Our offer: G.711, received at ``address``."""
        return self._say(
            lambda version: sdp.offer(address, self.port, version=version, direction=self.wanted)
        )

    def answer(self, offer: bytes, address: str) -> bytes:
        """Our answer to the peer's ``offer``. Raises SipParseError (400, 488)."""
        offered = sdp.parse(offer)
        body = self._say(
            lambda version: sdp.answer(
                offered, address, self.port, version=version, direction=self.wanted
            )
        )
        self._local, self._remote = self._said, offered
        return body

    def take_answer(self, answer: bytes) -> None:
        """The peer's answer to our offer; one that cannot be read changes nothing."""
        said = lenient(lambda: sdp.parse(answer), None) if answer else None
        if said is not None:
            self._local, self._remote = self._said, said

    def can_meet(self, offer: bytes) -> SipParseError | None:
        """Why an offer cannot be met; None if it can."""
        try:
            sdp.answer(sdp.parse(offer), "127.0.0.1", self.port)
        except SipParseError as error:
            return error
        return None

    @property
    def direction(self) -> sdp.Direction | None:
        """Who sends by what both have said; None before both have."""
        local, remote = self._local, self._remote
        if local is None or remote is None:
            return None
        stream = lenient(lambda: sdp.agreed(local, remote), None)
        return stream.direction if stream is not None else None

    def _say(self, describe: Describe) -> bytes:
        said = describe(self._version)
        if said != self._said:
            self._version += 1
            said = describe(self._version)
        self._said = said
        return said.to_bytes()
