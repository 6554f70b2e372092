"""Session descriptions (RFC 8866) and what two of them agree on (RFC 3264), for audio."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "PCMA",
    "PCMU",
    "SDP_TYPE",
    "TELEPHONE_EVENT",
    "Codec",
    "Direction",
    "Media",
    "Origin",
    "Session",
    "Stream",
    "agreed",
    "answer",
    "offer",
    "parse",
]

SDP_TYPE = "application/sdp"


class Direction(enum.Enum):
    """Who sends media, as its describer sees it (RFC 3264 §5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP payload format: its number here, its name, its clock rate in Hz, its parameters."""

    payload_type: int
    name: str
    rate: int = 8000
    fmtp: str = ""


PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")
TELEPHONE_EVENT = Codec(101, "telephone-event", 8000, "0-15")


@dataclass(frozen=True, slots=True)
class Origin:
    """The ``o=`` line: who described the session, which version it is, at which address."""

    username: str
    session_id: int
    version: int
    address: str


@dataclass(frozen=True, slots=True)
class Media:
    """One ``m=`` section. ``port`` 0 refuses it; ``attributes`` are (name, value) in wire order."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One description: ``connection`` is the session's address, "" where only media have one."""

    origin: Origin
    connection: str
    media: tuple[Media, ...]
    name: str = "-"
    attributes: tuple[tuple[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        """The text of RFC 8866, CRLF ended."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Stream:
    """What was agreed: where to send, what, and in which direction as *we* see it."""

    address: str
    port: int
    codec: Codec
    dtmf: Codec | None
    direction: Direction


def parse(data: bytes) -> Session:
    """Read a description. Raises SipParseError (400 malformed)."""
    raise NotImplementedError


def offer(
    address: str,
    port: int,
    *,
    codecs: tuple[Codec, ...] = (PCMU, PCMA, TELEPHONE_EVENT),
    session_id: int = 1,
    version: int = 1,
    direction: Direction = Direction.SENDRECV,
) -> Session:
    """An offer of one audio stream at ``address``:``port``."""
    raise NotImplementedError


def answer(
    offered: Session,
    address: str,
    port: int,
    *,
    codecs: tuple[Codec, ...] = (PCMU, PCMA, TELEPHONE_EVENT),
    session_id: int = 1,
    version: int = 1,
    direction: Direction = Direction.SENDRECV,
) -> Session:
    """The answer to an offer: the first usable audio stream taken, all others refused with port 0.

    ``direction`` is what we would like; it is narrowed to what the offer allows.
    Raises SipParseError with status 488 where nothing fits.
    """
    raise NotImplementedError


def agreed(local: Session, remote: Session) -> Stream:
    """The audio stream that a description of ours and one of theirs come to. Raises SipParseError (488)."""
    raise NotImplementedError
