"""Session descriptions (RFC 8866) and what two of them agree on (RFC 3264), for audio."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from evertone.errors import SipParseError

__all__ = [
    "G711",
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

SDP_TYPE: Final = "application/sdp"
_MAX_BYTES: Final = 32_768
_MAX_LINES: Final = 1_000
_MAX_MEDIA: Final = 16
_MAX_FORMATS: Final = 128  # payload types are seven bits
_MAX_NUMBER: Final = 2**64 - 1  # RFC 8866 §5.2: NTP timestamps are usual
_AUDIO_PROTOCOL: Final = "RTP/AVP"
_PTIME_MS: Final = "20"


class Direction(enum.Enum):
    """Who sends media, as its describer sees it (RFC 3264 §5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """True if the describer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """True if the describer receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


_DIRECTIONS: Final = {direction.value: direction for direction in Direction}
_BY_WAYS: Final = {(d.sends, d.receives): d for d in Direction}


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP payload format: its number here, its name, its clock rate in Hz, its parameters."""

    payload_type: int
    name: str
    rate: int = 8000
    fmtp: str = ""

    def same_as(self, other: Codec) -> bool:
        """The same format, whatever number each side gives it."""
        return self.name.lower() == other.name.lower() and self.rate == other.rate


PCMU: Final = Codec(0, "PCMU")
PCMA: Final = Codec(8, "PCMA")
TELEPHONE_EVENT: Final = Codec(101, "telephone-event", 8000, "0-15")  # RFC 4733: the keys
G711: Final = (PCMU, PCMA, TELEPHONE_EVENT)

_STATIC_TYPES: Final = {  # RFC 3551 §6: known without rtpmap; the mono ones of a telephone
    0: PCMU,
    3: Codec(3, "GSM"),
    4: Codec(4, "G723"),
    8: PCMA,
    9: Codec(9, "G722"),
    18: Codec(18, "G729"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The ``o=`` line: who described the session, which version it is, at which address."""

    username: str
    session_id: int
    version: int
    address: str


@dataclass(frozen=True, slots=True)
class Media:
    """One ``m=`` section. ``port`` 0 refuses it; ``attributes`` are (name, value) in wire order.

    ``connection`` is its own address, "" where the session's holds.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    def codecs(self) -> tuple[Codec, ...]:
        """The formats that can be named, in order of preference (RFC 3264 §5.1)."""
        names: dict[str, str] = {}
        parameters: dict[str, str] = {}
        for name, value in self.attributes:
            payload_type, _, rest = value.partition(" ")
            if name == "rtpmap":
                names.setdefault(payload_type, rest.strip())
            elif name == "fmtp":
                parameters.setdefault(payload_type, rest.strip())
        found = (_codec(pt, names.get(pt, ""), parameters.get(pt, "")) for pt in self.formats)
        return tuple(codec for codec in found if codec is not None)


_RTPMAP: Final = re.compile(r"([!-.0-~]{1,64})/([0-9]{1,6})(?:/1)?")


def _codec(payload_type: str, rtpmap: str, fmtp: str) -> Codec | None:
    if not payload_type.isascii() or not payload_type.isdigit() or len(payload_type) > 3:
        return None
    number = int(payload_type)
    match = _RTPMAP.fullmatch(rtpmap)
    if match is not None:
        return Codec(number, match[1], int(match[2]), fmtp)
    static = _STATIC_TYPES.get(number)
    return None if rtpmap or static is None else replace(static, fmtp=fmtp)


@dataclass(frozen=True, slots=True)
class Session:
    """One description: ``connection`` is the session's address, "" where only media have one."""

    origin: Origin
    connection: str
    media: tuple[Media, ...]
    name: str = "-"
    attributes: tuple[tuple[str, str], ...] = ()

    def direction(self, media: Media) -> Direction:
        """The media's own direction, else the session's, else both ways (RFC 8866 §6.7)."""
        for name, _ in (*media.attributes, *self.attributes):
            if name in _DIRECTIONS:
                return _DIRECTIONS[name]
        return Direction.SENDRECV

    def address(self, media: Media) -> str:
        """Where the media are received (RFC 8866 §5.7)."""
        return media.connection or self.connection

    def to_bytes(self) -> bytes:
        """The text of RFC 8866, CRLF ended."""
        origin = self.origin
        lines = [
            "v=0",
            f"o={origin.username} {origin.session_id} {origin.version} {_typed(origin.address)}",
            f"s={self.name}",
        ]
        if self.connection:
            lines.append(f"c={_typed(self.connection)}")
        lines.append("t=0 0")
        lines += map(_attribute, self.attributes)
        for media in self.media:
            lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.connection:
                lines.append(f"c={_typed(media.connection)}")
            lines += map(_attribute, media.attributes)
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")


def _typed(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _attribute(attribute: tuple[str, str]) -> str:
    name, value = attribute
    return f"a={name}:{value}" if value else f"a={name}"


@dataclass(frozen=True, slots=True)
class Stream:
    """What was agreed: where to send, what, and in which direction as *we* see it.

    ``codec`` and ``dtmf`` bear the payload types that the *peer* wants to receive
    (RFC 3264 §5.1).
    """

    address: str
    port: int
    codec: Codec
    dtmf: Codec | None
    direction: Direction


# --- reading ----------------------------------------------------------------------------------


def parse(data: bytes) -> Session:
    """Read a description: linear in its length, lenient in the order of what we don't use.

    Line ends may be CRLF or LF. Raises SipParseError (400) for what is malformed, and for more
    lines, media or formats than any honest description has.
    """
    if len(data) > _MAX_BYTES:
        raise SipParseError("SDP: too long", 413)
    text = data.decode("utf-8", "surrogateescape")
    lines = [line.removesuffix("\r") for line in text.split("\n", _MAX_LINES + 1)]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > _MAX_LINES:
        raise SipParseError("SDP: too many lines")
    if not lines or lines[0] != "v=0":
        raise SipParseError("SDP: no v=0")
    reader = _Reader()
    for line in lines[1:]:
        if line[1:2] != "=":
            raise SipParseError("SDP: a line that is no type=value")
        reader.take(line[0], line[2:])
    return reader.session()


class _Reader:
    """Collects the lines of one description."""

    def __init__(self) -> None:
        self._origin: Origin | None = None
        self._name = "-"
        self._connection = ""
        self._attributes: list[tuple[str, str]] = []
        self._media: list[Media] = []
        self._own: list[tuple[str, str]] = self._attributes  # of the section at hand

    def take(self, kind: str, value: str) -> None:
        """One line; types that mean nothing to us (t, b, i, k, ...) are passed over."""
        if kind == "a":
            name, _, rest = value.partition(":")
            self._own.append((name, rest))
        elif kind == "m":
            self._begin(_media(value))
        elif kind == "c":
            self._connect(_connection(value))
        elif kind == "o" and not self._media:
            self._origin = _origin(value)
        elif kind == "s" and not self._media:
            self._name = value or "-"

    def _begin(self, media: Media) -> None:
        self._close()
        if len(self._media) >= _MAX_MEDIA:
            raise SipParseError("SDP: too many media")
        self._media.append(media)
        self._own = []

    def _connect(self, address: str) -> None:
        if self._media:
            self._media[-1] = replace(self._media[-1], connection=address)
        else:
            self._connection = address

    def _close(self) -> None:
        if self._media:
            self._media[-1] = replace(self._media[-1], attributes=tuple(self._own))

    def session(self) -> Session:
        """What was read; every medium must have an address (RFC 8866 §5.7)."""
        self._close()
        if self._origin is None:
            raise SipParseError("SDP: no o= line")
        if not self._connection and any(not m.connection and m.port for m in self._media):
            raise SipParseError("SDP: media without a c= line")
        return Session(
            self._origin,
            self._connection,
            tuple(self._media),
            self._name,
            tuple(self._attributes),
        )


def _number(text: str, most: int = _MAX_NUMBER) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > most:
        raise SipParseError("SDP: a number is malformed or too large")
    return int(text)


def _origin(value: str) -> Origin:
    parts = value.split()
    if len(parts) != 6 or parts[3] != "IN":
        raise SipParseError("SDP: malformed o= line")
    return Origin(parts[0], _number(parts[1]), _number(parts[2]), parts[5])


def _connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise SipParseError("SDP: malformed c= line")
    address = parts[2].split("/", 1)[0]  # a multicast TTL is of no use to a telephone
    return _canonical(address, 6 if parts[1] == "IP6" else 4)


def _canonical(address: str, version: int) -> str:
    """A literal in its usual form; a host name (RFC 8866 §5.7 allows it) as it is."""
    try:
        literal = ipaddress.ip_address(address)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,252}", address):
            raise SipParseError("SDP: malformed address") from None
        return address
    if literal.version != version:
        raise SipParseError("SDP: an address of the other family")
    return str(literal)


def _media(value: str) -> Media:
    parts = value.split(None, _MAX_FORMATS + 3)
    if len(parts) < 4:
        raise SipParseError("SDP: malformed m= line")
    if len(parts) > _MAX_FORMATS + 3:
        raise SipParseError("SDP: too many formats")
    port = _number(parts[1].split("/", 1)[0], 65535)
    return Media(parts[0], port, parts[2], tuple(parts[3:]))


# --- offer and answer (RFC 3264) --------------------------------------------------------------


def offer(
    address: str,
    port: int,
    *,
    codecs: tuple[Codec, ...] = G711,
    session_id: int = 1,
    version: int = 1,
    direction: Direction = Direction.SENDRECV,
) -> Session:
    """An offer of one audio stream, received at ``address``:``port``.

    ``version`` grows by one with each new offer of the same ``session_id`` (§8).
    """
    origin = Origin("-", session_id, version, address)
    return Session(origin, address, (_audio(port, codecs, direction),))


def _audio(port: int, codecs: Iterable[Codec], direction: Direction) -> Media:
    attributes = []
    formats = []
    for codec in codecs:
        number = str(codec.payload_type)
        formats.append(number)
        attributes.append(("rtpmap", f"{number} {codec.name}/{codec.rate}"))
        if codec.fmtp:
            attributes.append(("fmtp", f"{number} {codec.fmtp}"))
    attributes += [("ptime", _PTIME_MS), (direction.value, "")]
    return Media("audio", port, _AUDIO_PROTOCOL, tuple(formats), attributes=tuple(attributes))


def answer(
    offered: Session,
    address: str,
    port: int,
    *,
    codecs: tuple[Codec, ...] = G711,
    session_id: int = 1,
    version: int = 1,
    direction: Direction = Direction.SENDRECV,
) -> Session:
    """The answer to an offer: the first usable audio stream taken, all others refused (§6).

    ``direction`` is what we would like; it is narrowed to what the offer allows, so that a
    hold is answered as one (§8.4). The codecs are those of the offer that we have, in its
    order and under its payload types. Raises SipParseError with status 488 where nothing fits.
    """
    taken, common = _usable(offered, codecs)
    wanted = offered.direction(taken)
    allowed = _BY_WAYS[direction.sends and wanted.receives, direction.receives and wanted.sends]
    media = tuple(
        _audio(port, common, allowed)
        if one is taken
        else Media(one.kind, 0, one.protocol, one.formats)
        for one in offered.media
    )
    return Session(Origin("-", session_id, version, address), address, media)


def _usable(offered: Session, codecs: tuple[Codec, ...]) -> tuple[Media, list[Codec]]:
    """The first audio stream with a voice codec of ours, and the codecs in common."""
    for media in offered.media:
        if media.kind == "audio" and media.port and media.protocol == _AUDIO_PROTOCOL:
            common = _in_common(media.codecs(), codecs)
            if _voice(common):
                return media, common
    raise SipParseError("SDP: no audio that we can take", 488)


def _in_common(theirs: tuple[Codec, ...], ours: tuple[Codec, ...]) -> list[Codec]:
    """Theirs that we have, in their order and numbers, with our parameters."""
    common = []
    for codec in theirs:
        own = next((one for one in ours if one.same_as(codec)), None)
        if own is not None:
            common.append(replace(codec, fmtp=own.fmtp))
    return common


def _voice(codecs: Iterable[Codec]) -> list[Codec]:
    return [codec for codec in codecs if not codec.same_as(TELEPHONE_EVENT)]


def agreed(local: Session, remote: Session) -> Stream:
    """The audio stream that a description of ours and one of theirs come to.

    The one of the two that is the answer decides the codec; both name the same where the peer
    keeps to RFC 3264. Raises SipParseError (488) where there is no common stream.
    """
    for ours, theirs in zip(local.media, remote.media, strict=False):
        if "audio" == ours.kind == theirs.kind and ours.port and theirs.port:
            common = _in_common(theirs.codecs(), ours.codecs())
            voice = _voice(common)
            if not voice:
                continue
            dtmf = next((codec for codec in common if codec.same_as(TELEPHONE_EVENT)), None)
            mine, peers = local.direction(ours), remote.direction(theirs)
            address = remote.address(theirs)
            return Stream(
                address=address,
                port=theirs.port,
                codec=voice[0],
                dtmf=dtmf,
                # RFC 3264 §8.4: c=0.0.0.0 is the old way to say hold
                direction=_BY_WAYS[
                    mine.sends and peers.receives and address != "0.0.0.0",
                    mine.receives and peers.sends,
                ],
            )
    raise SipParseError("SDP: no audio in common", 488)
