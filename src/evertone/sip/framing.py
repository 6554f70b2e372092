"""Messages out of a byte stream: TCP and TLS (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.message import MAX_MESSAGE

__all__ = ["MAX_HEAD", "Ping", "Pong", "StreamFramer"]

MAX_HEAD: Final = 32768
"""Bytes that start line and headers of one message may take."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF: the peer's keep-alive, to be answered with ``CRLF`` at once."""


@dataclass(frozen=True, slots=True)
class Pong:
    """A single CRLF: the answer to our keep-alive (or an idle line break: harmless)."""


PING: Final = Ping()
PONG: Final = Pong()


class StreamFramer:
    """Cuts one stream into whole messages; one per connection and direction.

    ``feed`` takes bytes as they come, a single one or many messages at once, and gives back
    what is complete, in order. Once :attr:`failed` is set the stream cannot be read any more:
    close the connection.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self.failed: SipParseError | None = None
        """Why this stream is unusable; None while it is fine. Look at it after each feed."""
        self._max_message = max_message

    def feed(self, data: bytes) -> list[bytes | Ping | Pong]:
        """Take the next bytes; the messages, pings and pongs that are now complete.

        Raises SipParseError when the stream is or becomes unreadable; messages that were
        complete before the fault are given back first, and the next call raises.
        A ping whose two CRLFs come in two pieces shows as a Pong, then a Ping.
        """
        raise NotImplementedError
