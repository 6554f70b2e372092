"""The walk of RFC 3263 from a configured address to targets, as questions and answers.

A walk is a generator: it yields tuples of questions that can be asked at once and is sent
what was found, in the same order. It knows neither caches nor name servers nor time.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Generator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from evertone.config.settings import LineSettings
from evertone.dns.order import Draw, address_order, naptr_order, srv_order
from evertone.dns.records import Address, Found, Naptr, Question, RrType, Srv, canonical
from evertone.dns.static import StaticRecords
from evertone.errors import DnsError
from evertone.fixed import fixed
from evertone.model import Group, Hop, HopSource, Target, Transport

__all__ = [
    "BOTH_FAMILIES",
    "FLAGS",
    "SERVICES",
    "Families",
    "Flag",
    "Hops",
    "Steps",
    "Walk",
    "Where",
]

Families: TypeAlias = frozenset[int]
"""The address families that can be sent to: of 4 and 6."""

BOTH_FAMILIES: Families = frozenset((4, 6))

_MAX_STEPS = 8  # NAPTR questions of one walk (D4)
_MAX_NAPTRS = 16  # of one name
_MAX_SRVS = 32  # of one name
_MAX_ADDRESSES = 16  # of one host
_MAX_HOPS = 64
_MAX_QUESTIONS = 200  # of one walk
_MAX_NOTES = 4  # of a failure's text
_INFINITY = float("inf")


class Where(NamedTuple):
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

    @classmethod
    def of(cls, line: LineSettings, group: Group, registrar: int) -> Where:
        """What ``group`` is on the way of ``line`` to ``registrar`` (P1, P4)."""
        path = line.path(group, registrar)
        return cls(
            group=group,
            address=path.address,
            port=path.port,
            transport_type=path.transport_type,
            naptr_build=line.naptr_build,
            dns_cache_type=line.dns_cache_type,
            static_cache_pri=line.static_cache_pri,
            srv_weight=line.srv_weight,
        )


class Flag(enum.Enum):
    """What a NAPTR record's flag says to do with its replacement."""

    SRV = "SRV records of the replacement"
    ADDRESS = "addresses of the replacement"
    NAPTR = "NAPTR records of the replacement, else SRV, else addresses"
    SKIP = "passed over"


FLAGS: dict[str, Flag] = {
    "s": Flag.SRV,
    "a": Flag.ADDRESS,
    "": Flag.NAPTR,
    "u": Flag.SKIP,
    "p": Flag.SKIP,
}
"""D4, RFC 3403 §4.1, RFC 3404 §4.3; what isn't here is passed over too."""

SERVICES: dict[str, Transport] = {
    "sip+d2u": Transport.UDP,
    "sip+d2t": Transport.TCP,
    "sips+d2t": Transport.TLS,
}
"""The services that the phone can do (RFC 3263 §4.1); no SCTP, nothing that is not SIP."""

_SRV_PREFIX: dict[Transport, str] = {  # RFC 3263 §4.1
    Transport.UDP: "_sip._udp.",
    Transport.TCP: "_sip._tcp.",
    Transport.TLS: "_sips._tcp.",
}

_TRANSPORT_TYPES: dict[int, Transport | None] = {
    0: Transport.UDP,
    1: Transport.TCP,
    2: Transport.TLS,
    3: None,  # DNS-NAPTR: DNS tells
}

_SRV_TRANSPORTS: dict[int, tuple[Transport, ...]] = {  # naptr_build (D5)
    0: (Transport.UDP,),
    1: (Transport.UDP, Transport.TCP, Transport.TLS),
}

_TRUST = (HopSource.DNS, HopSource.STATIC, HopSource.STALE)  # a hop is what its least is


@fixed
class _Trail:
    """The records on the way to a target, and the least trusted of their sources."""

    why: tuple[str, ...] = ()
    source: HopSource = HopSource.DNS

    def then(self, why: str, source: HopSource) -> _Trail:
        least = source if source is self.source else max(self.source, source, key=_TRUST.index)
        return _Trail((*self.why, why), least)


Hops: TypeAlias = list[Hop]
Steps: TypeAlias = Generator[tuple[Question, ...], tuple[Found, ...], Hops]


@lru_cache(maxsize=1024)
def _literal(address: str) -> str | None:
    try:
        return str(ipaddress.ip_address(address.strip().removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


class Walk:
    """One resolution of one address. ``run`` is the generator; a walk is run once."""

    def __init__(
        self, where: Where, statics: StaticRecords, draw: Draw, families: Families
    ) -> None:
        """``statics`` only tells for which transports there are static SRV records (D5)."""
        self.where = where
        self.unanswered = False
        """True when some question found nothing because no name server answered."""
        self._statics = statics
        self._draw = draw
        self._families = families
        self._name = canonical(where.address)
        self._steps: set[str] = set()
        self._denied = False  # some SRV had the target "." (RFC 2782): not offered
        self._valid_until = _INFINITY
        self._notes: dict[str, dict[str, None]] = {}  # why something is missing, and what
        self._memo: dict[Question, Found] = {}

    def run(self) -> Steps:
        """Yield questions, return at least one hop. DnsError tells why there is none."""
        fixed = _TRANSPORT_TYPES[self.where.transport_type]
        literal = _literal(self.where.address)
        if literal is not None:
            return self._at_literal(literal, fixed or Transport.UDP)  # D1
        if not self._name:
            raise DnsError("no address is configured")
        if self.where.port:
            # D2, D6: a port leaves nothing to ask but addresses
            hops = yield from self._host(fixed or Transport.UDP, self._name, _Trail())
        elif fixed is None:
            hops = yield from self._by_naptr()
        else:
            hops = yield from self._by_srv((fixed,))
        return self._finish(hops)

    def _at_literal(self, address: str, transport: Transport) -> Hops:
        port = self.where.port or transport.default_port
        target = self._target(address, port, transport)
        return [Hop(self.where.group, 0, target, source=HopSource.LITERAL)]

    def _finish(self, hops: Hops) -> Hops:
        if not hops:
            raise DnsError(f"{self._name}: {self._what_is_missing()}")
        first_of: dict[Target, Hop] = {}
        for hop in hops:
            first_of.setdefault(hop.target, hop)
        kept = list(first_of.values())[:_MAX_HOPS]
        # D11: the shortest TTL behind the list, what was found missing included
        until = self._valid_until
        return [
            Hop(hop.group, index, hop.target, until, hop.ttl_s, hop.why, self._source(hop))
            for index, hop in enumerate(kept)
        ]

    def _source(self, hop: Hop) -> HopSource:
        partial = self.unanswered and hop.source is HopSource.DNS
        return HopSource.PARTIAL if partial else hop.source

    # --- asking ----------------------------------------------------------------------------

    def _ask(
        self, *questions: Question
    ) -> Generator[tuple[Question, ...], tuple[Found, ...], tuple[Found, ...]]:
        """Ask what this walk has not asked yet: a TTL of 0 serves for all of it (D11)."""
        new = tuple(dict.fromkeys([q for q in questions if q not in self._memo]))
        if len(self._memo) + len(new) > _MAX_QUESTIONS:
            raise DnsError(f"{self._name}: more than {_MAX_QUESTIONS} questions lead nowhere")
        if new:
            for question, found in zip(new, (yield new), strict=True):
                self._memo[question] = found
                self._valid_until = min(self._valid_until, found.valid_until)
                if not found.records:
                    self.unanswered |= found.unanswered
                    self._note(found.text, question)
        return tuple([self._memo[q] for q in questions])

    def _note(self, why: str, question: Question) -> None:
        name = question.name
        what = question.rtype.value + (f" {name}" if name != self._name else "")
        self._notes.setdefault(why, {})[what] = None

    def _what_is_missing(self) -> str:
        """``no such name (NAPTR, SRV _sip._udp.example, A)``: each reason once."""
        notes = [
            f"{why} ({', '.join(list(questions)[:_MAX_NOTES])})"
            for why, questions in self._notes.items()
        ]
        return "; ".join(notes[:_MAX_NOTES]) or "no target"

    # --- NAPTR (D3, D4) --------------------------------------------------------------------

    def _by_naptr(self) -> Steps:
        (found,) = yield from self._ask(Question.of(self._name, RrType.NAPTR))
        usable = _usable(found)
        if usable:
            self._steps.add(self._name)
            hops = yield from self._naptrs(found.source, usable, _Trail())
            secure_only = all(SERVICES[n.service] is Transport.TLS for n in usable)
            if hops or secure_only:
                return hops  # a domain that offers TLS alone is not asked for less
        transports = set(_SRV_TRANSPORTS[self.where.naptr_build])
        transports |= {t for t in Transport if self._statics.lookup(self._srv_question(t))}
        return (yield from self._by_srv(tuple(t for t in Transport if t in transports)))  # D5

    def _naptrs(self, source: HopSource, usable: list[Naptr], trail: _Trail) -> Steps:
        failure: DnsError | None = None
        for naptr in usable:
            step = trail.then(f"NAPTR {naptr.order}/{naptr.preference}", source)
            try:
                hops = yield from self._follow(naptr, step)
            except DnsError as error:
                failure = error  # a later record may still lead somewhere
                continue
            if hops:
                return hops
        if failure is not None:
            raise failure
        return []

    def _follow(self, naptr: Naptr, trail: _Trail) -> Steps:
        transport = SERVICES[naptr.service]
        match FLAGS[naptr.flags]:
            case Flag.SRV:
                return (yield from self._srv(transport, naptr.replacement, trail))
            case Flag.ADDRESS:
                return (yield from self._host(transport, naptr.replacement, trail))
            case Flag.NAPTR:
                return (yield from self._again(transport, naptr.replacement, trail))
            case Flag.SKIP:
                return []

    def _again(self, transport: Transport, name: str, trail: _Trail) -> Steps:
        """The empty flag: NAPTR of the replacement, and if there is none, SRV, then A."""
        if name in self._steps:
            raise DnsError(f"{self._name}: the NAPTR records of {name} lead in a circle")
        if len(self._steps) >= _MAX_STEPS:
            raise DnsError(f"{self._name}: more than {_MAX_STEPS} steps of NAPTR records")
        self._steps.add(name)
        (found,) = yield from self._ask(Question.of(name, RrType.NAPTR))
        if found.records:
            return (yield from self._naptrs(found.source, _usable(found), trail))
        hops = yield from self._srv(transport, name, trail)
        if hops or self._denied:
            return hops
        return (yield from self._host(transport, name, trail))

    # --- SRV (D5-D7) -----------------------------------------------------------------------

    def _srv_question(self, transport: Transport) -> Question:
        return Question.of(_SRV_PREFIX[transport] + self._name, RrType.SRV)

    def _by_srv(self, transports: tuple[Transport, ...]) -> Steps:
        """SRV of the configured name for each transport, else its addresses (D5, D6, D10)."""
        yield from self._ask(*map(self._srv_question, transports))  # all at once
        hops: Hops = []
        for transport in transports:
            name = self._srv_question(transport).name
            hops += yield from self._srv(transport, name, _Trail())
        if hops or self._denied:
            return hops
        fixed = _TRANSPORT_TYPES[self.where.transport_type]
        return (yield from self._host(fixed or Transport.UDP, self._name, _Trail()))

    def _srv(self, transport: Transport, name: str, trail: _Trail) -> Steps:
        (found,) = yield from self._ask(Question.of(name, RrType.SRV))
        records = [r for r in found.records if isinstance(r, Srv)]
        offered = [r for r in records if r.target]
        if records and not offered:
            self._denied = True
            self._note("the service is not offered", Question.of(name, RrType.SRV))
        manner = self.where.srv_weight
        ordered = srv_order(name, offered, self._draw, manner)[:_MAX_SRVS]
        hosts = [srv.target for srv in ordered if _literal(srv.target) is None]
        yield from self._ask(*self._address_questions(*hosts))  # all at once
        hops: Hops = []
        for srv in ordered:
            step = trail.then(f"SRV {srv.priority}/{srv.weight}", found.source)
            numeric = _literal(srv.target)
            if numeric is not None:  # [G]: "if the target is not a numeric IP address"
                target = self._target(numeric, srv.port or transport.default_port, transport)
                hops.append(self._hop(target, found.ttl_s, step))
            else:
                hops += yield from self._host(transport, srv.target, step, srv.port)
        return hops

    # --- A and AAAA (D8, D9) ---------------------------------------------------------------

    def _address_questions(self, *hosts: str) -> list[Question]:
        rtypes = [(4, RrType.A), (6, RrType.AAAA)]
        wanted = [rtype for family, rtype in rtypes if family in self._families]
        return [Question.of(host, rtype) for host in hosts for rtype in wanted]

    def _host(self, transport: Transport, host: str, trail: _Trail, port: int = 0) -> Steps:
        """All addresses of a host as hops; ``port`` 0 is none found (D8)."""
        port = self.where.port or port or transport.default_port
        questions = self._address_questions(host)
        answers = dict(zip(questions, (yield from self._ask(*questions)), strict=True))
        found_of = {
            record: (question.rtype, found)
            for question, found in answers.items()
            for record in found.records[:_MAX_ADDRESSES]
            if isinstance(record, Address)
        }
        static = any(found.source is HopSource.STATIC for _, found in found_of.values())
        hops = []
        # D13: static addresses keep their order, others have the phone's draw
        for record in address_order(host, list(found_of), None if static else self._draw):
            rtype, found = found_of[record]
            step = trail.then(f"{rtype.value} {record.ip}", found.source)
            target = self._target(record.ip, port, transport)
            hops.append(self._hop(target, found.ttl_s, step))
        return hops

    def _target(self, address: str, port: int, transport: Transport) -> Target:
        # RFC 5922 §7.1: the certificate bears the domain asked for, wherever DNS leads
        asked_for = _literal(self.where.address) or self._name
        return Target(address, port, transport, asked_for if transport is Transport.TLS else "")

    def _hop(self, target: Target, ttl_s: float, trail: _Trail) -> Hop:
        return Hop(self.where.group, 0, target, ttl_s=ttl_s, why=trail.why, source=trail.source)


def _usable(found: Found) -> list[Naptr]:
    """The NAPTR records that the phone can follow, the first to be followed first (D4)."""
    naptrs = [r for r in found.records if isinstance(r, Naptr)]
    return naptr_order(
        [
            n
            for n in naptrs
            if n.service in SERVICES
            and not n.regexp
            and n.replacement
            and FLAGS.get(n.flags, Flag.SKIP) is not Flag.SKIP
        ]
    )[:_MAX_NAPTRS]
