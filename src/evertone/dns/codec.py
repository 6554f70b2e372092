"""DNS messages as bytes (RFC 1035). The one module that knows dnspython, as a codec only."""

from __future__ import annotations

import functools
import ipaddress
import struct
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.rrset

from evertone.dns.records import Address, Naptr, Question, Record, RrType, Srv, canonical
from evertone.errors import DnsError

__all__ = [
    "Cname",
    "Message",
    "ResourceRecord",
    "Soa",
    "decode",
    "encode_query",
    "message_id",
]

_HEADER = struct.Struct("!HH")
_MAX_MESSAGE_BYTES = 65_535
_MAX_TTL_S = 2**31 - 1  # RFC 2181 §8: greater ones count as 0
_MAX_STRING = 256

# what is remembered of messages: so many, none longer than one datagram usually is
_REMEMBERED = 256
_REMEMBERED_BYTES = 1500

# what dnspython raises on bytes that are no DNS message: its own tree, and leaks of Python's
_CODEC_ERRORS = (dns.exception.DNSException, ValueError, LookupError, TypeError, struct.error)


@dataclass(frozen=True, slots=True)
class Cname:
    """The data of a CNAME record; the target is canonical."""

    target: str


@dataclass(frozen=True, slots=True)
class Soa:
    """What RFC 2308 §3 wants of an SOA record, in seconds."""

    minimum_s: float


Data: TypeAlias = Record | Cname | Soa


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """One record of a message; ``name`` is canonical."""

    name: str
    ttl_s: float
    data: Data


class Message(NamedTuple):
    """A decoded DNS message; records of types and classes that we don't ask for are left out.

    A truncated message (TC) bears no records: they are not to be used (RFC 2181 §9).
    ``rcode`` is its mnemonic, e.g. ``"NOERROR"``. ``question`` is None where the message does
    not bear exactly one of class IN and of a type that we ask for.
    """

    id: int
    response: bool
    truncated: bool
    rcode: str
    question: Question | None
    answer: tuple[ResourceRecord, ...] = ()
    authority: tuple[ResourceRecord, ...] = ()
    additional: tuple[ResourceRecord, ...] = ()


def message_id(data: bytes) -> int | None:
    """The id that a message begins with, None if it is too short to have a header."""
    return int.from_bytes(data[:2], "big") if len(data) >= 12 else None


def encode_query(query_id: int, question: Question) -> bytes:
    """A recursive query for ``question``. DnsError if its name is no domain name."""
    return query_id.to_bytes(2, "big") + _encode_query(question)


@functools.lru_cache(maxsize=_REMEMBERED)
def _encode_query(question: Question) -> bytes:
    """All of a query but its id: the same questions are asked again and again."""
    try:
        name = dns.name.from_text(question.name)
        return dns.message.make_query(name, question.rtype.value, id=0).to_wire()[2:]
    except _CODEC_ERRORS as error:
        raise DnsError(f"{question.name!r} is not a domain name") from error


def decode(data: bytes) -> Message:
    """Parse a message. DnsError, and nothing else, for bytes that are none."""
    if len(data) > _MAX_MESSAGE_BYTES:
        raise DnsError("a DNS message of more than 65535 bytes")
    if not 2 <= len(data) <= _REMEMBERED_BYTES:
        return _decode(data)
    # answers repeat but for their id
    return _decode_body(data[2:])._replace(id=int.from_bytes(data[:2], "big"))


@functools.lru_cache(maxsize=_REMEMBERED)
def _decode_body(body: bytes) -> Message:
    """A message without its id, which is 0 here."""
    return _decode(b"\0\0" + body)


def _decode(data: bytes) -> Message:
    try:
        truncated = bool(_HEADER.unpack_from(data)[1] & dns.flags.TC)
        parsed = dns.message.from_wire(
            data, question_only=truncated, ignore_trailing=True, one_rr_per_rrset=True
        )
        return Message(
            id=parsed.id,
            response=bool(parsed.flags & dns.flags.QR),
            truncated=truncated,
            rcode=dns.rcode.to_text(parsed.rcode()),
            question=_question(parsed.question),
            answer=_records(parsed.answer),
            authority=_records(parsed.authority),
            additional=_records(parsed.additional),
        )
    except _CODEC_ERRORS as error:
        raise DnsError(f"not a DNS message ({type(error).__name__})") from error


def _question(section: list[dns.rrset.RRset]) -> Question | None:
    if len(section) != 1 or section[0].rdclass != dns.rdataclass.IN:
        return None
    try:
        rtype = RrType(dns.rdatatype.to_text(section[0].rdtype))
    except ValueError:
        return None
    return Question(_text(section[0].name), rtype)


def _records(section: list[dns.rrset.RRset]) -> tuple[ResourceRecord, ...]:
    found = []
    for rrset in section:
        if rrset.rdclass != dns.rdataclass.IN:
            continue
        ttl_s = float(rrset.ttl) if rrset.ttl <= _MAX_TTL_S else 0.0
        for rdata in rrset:
            data = _data(rdata)
            if data is not None:
                found.append(ResourceRecord(_text(rrset.name), ttl_s, data))
    return tuple(found)


def _data(rdata: dns.rdata.Rdata) -> Data | None:
    match rdata:
        case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
            return Address(str(ipaddress.ip_address(rdata.address)))
        case dns.rdtypes.IN.SRV.SRV():
            target = _text(rdata.target)
            return Srv(rdata.priority, rdata.weight, rdata.port, target)
        case dns.rdtypes.IN.NAPTR.NAPTR():
            return Naptr(
                order=rdata.order,
                preference=rdata.preference,
                flags=_string(rdata.flags).lower(),
                service=_string(rdata.service).lower(),
                regexp=_string(rdata.regexp),
                replacement=_text(rdata.replacement),
            )
        case dns.rdtypes.ANY.CNAME.CNAME():
            return Cname(_text(rdata.target))
        case dns.rdtypes.ANY.SOA.SOA():
            return Soa(float(rdata.minimum))
    return None


def _text(name: dns.name.Name) -> str:
    return canonical(name.to_text())


def _string(value: bytes) -> str:
    return value[:_MAX_STRING].decode("latin-1")
