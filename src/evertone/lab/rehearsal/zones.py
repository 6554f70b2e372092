"""The DNS of a rehearsal as data: a zone file, records harvested from the live DNS, or invented.

A :class:`Zone` is master file text for the root, whatever it was made from, so that one name
server of the lab answers for every name that a configuration mentions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone

from evertone.config.settings import DnsSettings, LineSettings, PhoneSettings
from evertone.dns.codec import Cname, Soa, decode
from evertone.dns.locate import Where
from evertone.dns.records import Address, Naptr, Question, RrType, Srv, canonical
from evertone.dns.static import StaticRecords
from evertone.errors import DnsError, ScenarioError
from evertone.lab.master_file import DEFAULT_TTL_S, Mistake, read_master_file
from evertone.model import Group

__all__ = ["Harvest", "Zone", "addresses_in", "every_where", "invent_zone", "literal", "read_zone"]

MAX_ZONE_BYTES = 1_000_000
MAX_RECORDS = 10_000

_INVENTED_NETWORK = "192.0.2."  # TEST-NET-1 (RFC 5737): never anybody's server
_FIRST_INVENTED, _LAST_INVENTED = 11, 250
_SERVICES = {0: ("_sip._udp", 5060), 1: ("_sip._tcp", 5060), 2: ("_sips._tcp", 5061)}
"""By ``transport_type``: where its SRV records stand (RFC 3263 §4.1) and its port (D8)."""
_DNS_NAPTR = 3


@dataclass(frozen=True, slots=True)
class Zone:
    """Records for a rehearsal. ``text`` is a master file with the root as its origin;
    ``source`` says where they come from, ``remarks`` what a reader should know about them."""

    text: str
    source: str
    remarks: tuple[str, ...] = ()


def literal(address: str) -> str | None:
    """An IP address in its one spelling, None for a name."""
    try:
        return str(ipaddress.ip_address(address.strip().removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def every_where(settings: PhoneSettings) -> Iterator[tuple[LineSettings, int, Where]]:
    """Whatever the enabled lines may locate: line, registrar, and what on the way to it.

    Behind outbound proxies the server's own address comes too, after its proxies: the phone
    never asks for it (P1), but the lab must know where the registrar stands.
    """
    for line in settings.enabled_lines():
        for registrar in line.registrars():
            own = (Group.SERVER1, Group.SERVER2)[registrar - 1]
            for group in dict.fromkeys((*line.paths(registrar), own)):
                yield line, registrar, Where.of(line, group, registrar)


# --- a zone file ------------------------------------------------------------------------------


def read_zone(name: str, data: bytes) -> Zone:
    """A zone from the bytes of the master file ``name`` (RFC 1035 §5).

    Raises ScenarioError that names file and line and says what is wrong there.
    """
    if len(data) > MAX_ZONE_BYTES:
        raise ScenarioError(f"{name}: longer than {MAX_ZONE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{name}:{line}: not UTF-8 text") from None
    zone = _parse(name, text)
    if dns.name.root in zone.nodes and "$ORIGIN" not in text.upper():
        raise ScenarioError(
            f"{name}:1: '@' and short names need a domain: begin the file with a line such as "
            "'$ORIGIN pbx.example.'"
        )
    count = sum(len(rdataset) for _, rdataset in zone.iterate_rdatasets())
    if not count:
        raise ScenarioError(f"{name}: no record in it; one looks like 'pbx.example. A 192.0.2.1'")
    if count > MAX_RECORDS:
        raise ScenarioError(f"{name}: more than {MAX_RECORDS} records")
    return Zone(text, f"zone file {name}, {count} record{'s' * (count != 1)}")


def _parse(name: str, text: str) -> dns.zone.Zone:
    zone = read_master_file(text, ".")
    if isinstance(zone, Mistake):
        raise ScenarioError(f"{name}:{zone}")
    return zone


def addresses_in(zone: Zone) -> dict[str, tuple[str, ...]]:
    """The addresses of every host in ``zone``, by canonical name."""
    found: dict[str, list[str]] = {}
    for name, rdataset in _parse(zone.source, zone.text).iterate_rdatasets():
        if rdataset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            texts = (literal(rdata.address) for rdata in rdataset)
            found.setdefault(canonical(name.to_text()), []).extend(t for t in texts if t)
    return {name: tuple(addresses) for name, addresses in found.items()}


# --- invented ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Inventor:
    """Writes records for names until every one of them leads somewhere."""

    statics: StaticRecords
    taken: set[str]
    lines: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    done: set[Question] = field(default_factory=set)
    last: int = _FIRST_INVENTED - 1

    def name(self, where: Where) -> None:
        """All that ``where`` asks for."""
        name = canonical(where.address)
        if where.port:
            self.host(name)
        elif where.transport_type == _DNS_NAPTR:
            self._naptr(name)
        else:
            service, port = _SERVICES[where.transport_type]
            self._srv(f"{service}.{name}", name, port)

    def _new(self, question: Question) -> bool:
        """True if ``question`` has no answer yet, neither here nor in a static record (D13)."""
        if question in self.done:
            return False
        self.done.add(question)
        return self.statics.lookup(question) is None

    def _naptr(self, name: str) -> None:
        question = Question.of(name, RrType.NAPTR)
        service, port = _SERVICES[0]
        given = self.statics.lookup(question)
        if given is not None:
            for record in given.records:
                if isinstance(record, Naptr) and record.flags == "s":
                    tls = record.service.startswith("sips")
                    self._srv(record.replacement, name, 5061 if tls else 5060)
                elif isinstance(record, Naptr):
                    self.host(record.replacement)
            return
        for prefix, _ in _SERVICES.values():  # D5: static SRV records take the place of NAPTR
            known = self.statics.lookup(Question.of(f"{prefix}.{name}", RrType.SRV))
            if known is not None:
                self._targets(known.records)
                return
        if self.statics.lookup(Question.of(name, RrType.A)) is not None:
            return
        if self._new(question):
            self._say(f'{name}. NAPTR 10 10 "s" "SIP+D2U" "" {service}.{name}.')
        self._srv(f"{service}.{name}", name, port)

    def _srv(self, owner: str, name: str, port: int) -> None:
        question = Question.of(owner, RrType.SRV)
        known = self.statics.lookup(question)
        if known is not None:
            self._targets(known.records)
        elif self._new(question):
            for priority, host in enumerate((f"primary.{name}", f"secondary.{name}")):
                self._say(f"{owner}. SRV {priority} 1 {port} {host}.")
                self.host(host)

    def _targets(self, records: Iterable[object]) -> None:
        for record in records:
            if isinstance(record, Srv) and record.target and literal(record.target) is None:
                self.host(record.target)

    def host(self, name: str) -> None:
        """An address for ``name``."""
        if self._new(Question.of(name, RrType.A)):
            self._say(f"{name}. A {self.address()}")

    def address(self) -> str:
        """An address that nothing has."""
        while self.last < _LAST_INVENTED:
            self.last += 1
            address = f"{_INVENTED_NETWORK}{self.last}"
            if address not in self.taken:
                return address
        raise ScenarioError("too many names to invent addresses for; give a zone file")

    def _say(self, record: str) -> None:
        self.lines.append(record)
        self.remarks.append(f"invented: {record}")


def _is_name(address: str) -> bool:
    try:
        return bool(dns.name.from_text(canonical(address)).labels[:-1])
    except (dns.exception.DNSException, ValueError):
        return False


def invent_zone(settings: PhoneSettings) -> Zone:
    """Records for every name of the enabled lines that the settings do not answer themselves.

    A name that asks for SRV gets a primary and a secondary, any other one host; addresses are
    of a documentation range (RFC 5737). What static records say is not invented again (D13).
    """
    wheres = [where for _, _, where in every_where(settings)]
    taken = {ip for where in wheres if (ip := literal(where.address))}
    taken |= {ip for record in settings.dns.static_a if (ip := literal(record.ip))}
    inventor = _Inventor(StaticRecords(settings.dns), taken)
    for where in wheres:
        if literal(where.address) is None and _is_name(where.address):
            inventor.name(where)
    text = "\n".join([f". SOA invented. nobody. 1 3600 600 86400 {DEFAULT_TTL_S}", *inventor.lines])
    source = (
        "invented from the names" if inventor.lines else "nothing invented, nothing is asked for"
    )
    return Zone(f"{text}\n", source, tuple(inventor.remarks))


# --- harvested from the live DNS --------------------------------------------------------------


class Harvest:
    """Collects what name servers answer, message by message, and makes a zone of it.

    A shell with real DNS feeds it every message that came in; it checks nothing that the
    query has not checked.
    """

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}
        self.answered = False
        """True once a name server has told what there is, or that there is nothing."""

    def take(self, data: bytes) -> None:
        """One DNS message; what cannot be read is left out, as a resolver does."""
        try:
            message = decode(data)
        except DnsError:
            return
        self.answered |= message.rcode in ("NOERROR", "NXDOMAIN")
        for record in (*message.answer, *message.authority, *message.additional):
            text = _as_text(record.data)
            is_name = not record.name or _is_name(record.name)  # empty: the root
            if text and is_name and len(self._lines) < MAX_RECORDS:
                self._lines[f"{record.name}. {int(record.ttl_s)} {text}"] = None

    def zone(self) -> Zone:
        """What was collected."""
        lines = sorted(self._lines)
        remarks = (f"{len(lines)} records of the live DNS, taken once", *lines)
        return Zone("".join(f"{line}\n" for line in lines), "live DNS, taken once", remarks)


def _as_text(data: object) -> str:
    """Record data in master file format; empty for what a rehearsal does not need."""
    match data:
        case Address(ip=ip):
            return f"{'AAAA' if ':' in ip else 'A'} {ip}"
        case Srv() as srv:
            return f"SRV {srv.priority} {srv.weight} {srv.port} {srv.target}."
        case Naptr() as n:
            texts = " ".join(_quoted(text) for text in (n.flags, n.service, n.regexp))
            return f"NAPTR {n.order} {n.preference} {texts} {n.replacement}."
        case Cname(target=target):
            return f"CNAME {target}."
        case Soa(minimum_s=minimum_s):
            return f"SOA frozen. nobody. 1 3600 600 86400 {int(minimum_s)}"
    return ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def without_static_records(settings: DnsSettings) -> DnsSettings:
    """The settings of one who asks DNS for everything."""
    return DnsSettings(query_timeout=settings.query_timeout, retry_times=settings.retry_times)
