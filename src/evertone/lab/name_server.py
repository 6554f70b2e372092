"""An authoritative name server without I/O: zones in, answers out (dnspython's codec)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone

from evertone.errors import ScenarioError
from evertone.lab.faults import HostFaults, Verb
from evertone.lab.master_file import Mistake, read_master_file

__all__ = ["NameServer"]

MAX_ANSWERS = 1000

_MAX_CNAMES = 8
_UDP_SIZE = 512
_MAX_ANSWERS = 1000  # that are remembered

_ADDITIONAL: dict[dns.rdatatype.RdataType, str] = {
    dns.rdatatype.NAPTR: "replacement",
    dns.rdatatype.SRV: "target",
}
"""What each type of answer points at, for the additional section (RFC 2782, RFC 3403 §4.1)."""


@functools.lru_cache(maxsize=8)
def _records_of(text: str, origin: str) -> tuple[dns.rrset.RRset, ...]:
    """What a master file holds; rehearsals read the same one over and over."""
    zone = read_master_file(text, origin)
    if isinstance(zone, Mistake):
        raise ScenarioError(f"the zone {origin} cannot be read: its line {zone}")
    return tuple(
        dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
        for name, rdataset in zone.iterate_rdatasets()
    )


class NameServer:
    """Answers for every name of ``zones``: master file text by origin, or one text for the root.

    Records outside their zone's origin are left out; a TTL not given is 300 s.

    ``fails``: every answer is SERVFAIL. ``truncates``: UDP answers bear TC and no records.
    Raises ScenarioError for a zone text that cannot be read.
    """

    def __init__(self, zones: str | Mapping[str, str], *, additional: bool = True) -> None:
        self.kind = "dns"
        self.fails = False
        self.truncates = False
        self.additional = additional
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._names: set[dns.name.Name] = set()
        self._answers: dict[tuple[bytes, bool, bool, bool], bytes | None] = {}
        self.load(zones)

    def afflict(self, faults: HostFaults) -> None:
        """The faults that strike it have changed."""
        self.fails = faults.of(Verb.SERVFAIL) is not None
        self.truncates = faults.of(Verb.TRUNCATE) is not None

    def restart(self, now: float) -> None:
        """It keeps nothing that a restart could forget."""

    def load(self, zones: str | Mapping[str, str]) -> None:
        """Replace all records. Raises ScenarioError."""
        if isinstance(zones, str):
            zones = {".": zones}
        self._records = {}
        self._answers.clear()
        for origin, text in zones.items():
            for rrset in _records_of(text, origin):
                self._records[rrset.name, rrset.rdtype] = rrset
        self._answers.clear()
        self._names = set()
        for name, _ in self._records:
            # RFC 8020: whatever is above a name that exists, exists too
            while name not in self._names:
                self._names.add(name)
                if name == dns.name.root:
                    break
                name = name.parent()

    def answer(self, query: bytes, *, tcp: bool = False) -> bytes | None:
        """The answer to one DNS message; None where it deserves none (RFC 1035 §7.3)."""
        # a thousand phones ask the same few questions: all but the id is the same
        key = (query[2:], tcp, self.fails, self.truncates)
        if key not in self._answers:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            self._answers[key] = self._work_out(query, tcp=tcp)
        answer = self._answers[key]
        return None if answer is None else query[:2] + answer[2:]

    def _work_out(self, query: bytes, *, tcp: bool) -> bytes | None:
        try:
            request = dns.message.from_wire(query)
        except Exception:  # noqa: BLE001 - the codec raises more than DNSException on odd bytes
            return None
        if request.flags & dns.flags.QR or len(request.question) != 1:
            return None
        response = dns.message.make_response(request)
        response.flags |= dns.flags.AA
        if request.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif self.truncates and not tcp:
            response.flags |= dns.flags.TC
        else:
            self._fill(response, request.question[0])
        return self._to_wire(response, request, tcp=tcp)

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        name, rdtype = question.name, question.rdtype
        for _ in range(_MAX_CNAMES):
            found = self._records.get((name, rdtype))
            if found is not None:
                response.answer.append(found)
                self._add_more(response, found)
                return
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if alias is None:
                break
            response.answer.append(alias)
            name = alias[0].target
        if name not in self._names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = self._soa_above(name)
        if soa is not None:
            response.authority.append(soa)  # RFC 2308 §3: it bounds how long a no is kept

    def _soa_above(self, name: dns.name.Name) -> dns.rrset.RRset | None:
        while True:
            soa = self._records.get((name, dns.rdatatype.SOA))
            if soa is not None or name == dns.name.root:
                return soa
            name = name.parent()

    def _add_more(self, response: dns.message.Message, found: dns.rrset.RRset) -> None:
        """The records that the answer's names lead to, two steps far (D12)."""
        if not self.additional:
            return
        todo, added = [found], {(found.name, found.rdtype)}
        while todo:
            rrset = todo.pop(0)
            attribute = _ADDITIONAL.get(rrset.rdtype)
            for rdata in rrset if attribute else ():
                name = getattr(rdata, attribute or "")
                for rdtype in (dns.rdatatype.SRV, dns.rdatatype.A, dns.rdatatype.AAAA):
                    more = self._records.get((name, rdtype))
                    if more is not None and (name, rdtype) not in added:
                        added.add((name, rdtype))
                        response.additional.append(more)
                        todo.append(more)

    def _to_wire(
        self, response: dns.message.Message, request: dns.message.Message, *, tcp: bool
    ) -> bytes:
        limit = 65535 if tcp else max(request.payload, _UDP_SIZE)
        try:
            # in the order of the zone: a shuffle would not repeat with the seed
            return response.to_wire(max_size=limit, want_shuffle=False)
        except dns.exception.TooBig:
            for section in (response.answer, response.authority, response.additional):
                section.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()
