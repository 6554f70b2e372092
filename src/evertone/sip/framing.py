"""Messages out of a byte stream: TCP and TLS (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from evertone.errors import SipParseError
from evertone.sip.grammar import parse_integer
from evertone.sip.message import MAX_MESSAGE

__all__ = ["MAX_HEAD", "MAX_START_LINE", "Frame", "Ping", "Pong", "StreamFramer"]

MAX_HEAD: Final = 32768
"""Bytes that start line and headers of one message may take."""

MAX_START_LINE: Final = 8192
"""Bytes after which a start line must have ended."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF: the peer's keep-alive, to be answered with ``CRLF`` at once."""


@dataclass(frozen=True, slots=True)
class Pong:
    """A single CRLF: the answer to our keep-alive (or an idle line break: harmless)."""


Frame: TypeAlias = bytes | Ping | Pong

_PING: Final = Ping()
_PONG: Final = Pong()
_CRLF: Final = b"\r\n"
_END: Final = b"\r\n\r\n"
_FOLD: Final = re.compile(rb"\r\n[ \t]+")
# What every start line of a SIP message bears, whatever its method or version.
_SIP: Final = re.compile(rb"SIP/[0-9]", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)


class StreamFramer:
    """Cuts one stream into whole messages; one per connection and direction.

    ``feed`` takes bytes as they come, a single one or many messages at once, and gives back
    what is complete, in order. Once :attr:`failed` is set the stream cannot be read any more:
    close the connection.

    ``pings``: the peer opened the connection, so it is the one that pings (RFC 5626 §3.5.1),
    and two CRLFs are a ping even if they come apart. Else single ones are pongs, all of them.
    """

    def __init__(self, max_message: int = MAX_MESSAGE, *, pings: bool = True) -> None:
        self.failed: SipParseError | None = None
        """Why this stream is unusable; None while it is fine. Look at it after each feed."""
        self._max_message = max_message
        self._max_head = min(max_message, MAX_HEAD)
        self._buffer = bytearray()
        self._start = 0  # of what is not yet given out
        self._scanned = 0  # no end of head begins before this
        self._line_checked = False
        self._need = 0  # bytes of the message whose head is complete; 0 while it isn't
        self._pings = pings
        self._half_ping = False  # one CRLF has just gone by

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; the messages, pings and pongs that are now complete.

        Raises SipParseError when the stream is or becomes unreadable; messages that were
        complete before the fault are given back first, and the next call raises.
        A ping whose two CRLFs come in two pieces shows as a Pong, then a Ping (``pings`` only).
        """
        if self.failed is not None:
            raise self.failed
        self._buffer += data
        frames: list[Frame] = []
        try:
            while self._next(frames):
                pass
        except SipParseError as error:
            self.failed = error
            self._buffer.clear()
            self._start = 0
            if not frames:
                raise
            return frames
        del self._buffer[: self._start]
        self._scanned -= self._start
        self._start = 0
        return frames

    def _next(self, frames: list[Frame]) -> bool:
        if not self._need:
            self._line_breaks(frames)
            if not self._head():
                return False
        if self.pending < self._need:
            return False
        end = self._start + self._need
        frames.append(bytes(self._buffer[self._start : end]))
        self._advance(end)
        return True

    def _advance(self, to: int) -> None:
        self._start = self._scanned = to
        self._need = 0
        self._line_checked = False

    def _line_breaks(self, frames: list[Frame]) -> None:
        # RFC 5626 §4.4.1: between messages two CRLFs are a ping, one is a pong.
        if self._line_checked:
            return
        buffer = self._buffer
        while buffer.startswith(_CRLF, self._start):
            if self._half_ping:
                frames.append(_PING)
                self._half_ping = False
            elif buffer.startswith(_END, self._start):
                frames.append(_PING)
                self._advance(self._start + 2)
            else:
                frames.append(_PONG)
                self._half_ping = self._pings
            self._advance(self._start + 2)
        if self.pending and not buffer.startswith(b"\r", self._start):
            self._half_ping = False

    def _head(self) -> bool:
        """True once the head is complete; then ``_need`` is set."""
        buffer, start = self._buffer, self._start
        if not self._line_checked and not self._check_start_line():
            return False
        end = buffer.find(_END, self._scanned)
        if end < 0:
            self._scanned = max(start, len(buffer) - 3)
            if len(buffer) - start > self._max_head:
                raise SipParseError("the headers are too large", 513)
            return False
        head_size = end - start + 4
        if head_size > self._max_head:
            raise SipParseError("the headers are too large", 513)
        need = head_size + self._body_size(bytes(buffer[start : end + 2]))
        if need > self._max_message:
            raise SipParseError("message too large", 513)
        self._need = need
        return True

    def _check_start_line(self) -> bool:
        end = self._buffer.find(_CRLF, self._scanned)
        if end < 0:
            self._scanned = max(self._start, len(self._buffer) - 1)
            if self.pending > MAX_START_LINE:
                raise SipParseError("no end of the start line")
            return False
        if _SIP.search(self._buffer, self._start, end) is None:
            raise SipParseError("no SIP message on this stream", 0)
        self._scanned = end
        self._line_checked = True
        return True

    @staticmethod
    def _body_size(head: bytes) -> int:
        if b"\r\n " in head or b"\r\n\t" in head:
            head = _FOLD.sub(b" ", head)
        lengths = _LENGTH.findall(head)
        if not lengths:  # RFC 3261 §18.3: on streams it must be there
            raise SipParseError("no Content-Length on a stream")
        if len(lengths) > 1:
            raise SipParseError("more than one Content-Length")
        return parse_integer(lengths[0].rstrip(b" \t").decode("latin-1"), "Content-Length")
