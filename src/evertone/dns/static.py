"""Static records of the configuration as a source of answers (D13)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from evertone.config.settings import DnsSettings, StaticA, StaticNaptr, StaticSrv
from evertone.dns.records import Address, Naptr, Question, Record, RrType, Srv, canonical

__all__ = ["StaticAnswer", "StaticRecords"]


@dataclass(frozen=True, slots=True)
class StaticAnswer:
    """The static records of one question in their order; ``ttl_s`` is the shortest of theirs."""

    records: tuple[Record, ...]
    ttl_s: float


class StaticRecords:
    """``dns_cache_naptr/srv/a.N`` by question; blank ones don't exist."""

    def __init__(self, settings: DnsSettings) -> None:
        self._answers: dict[Question, StaticAnswer] = {}
        for a in settings.static_a:
            self._add_a(a)
        for srv in settings.static_srv:
            self._add_srv(srv)
        for naptr in settings.static_naptr:
            self._add_naptr(naptr)

    def __bool__(self) -> bool:
        return bool(self._answers)

    def lookup(self, question: Question) -> StaticAnswer | None:
        """The static answer, or None where there is none."""
        return self._answers.get(question)

    def _add(self, name: str, rtype: RrType, record: Record, ttl_s: float) -> None:
        question = Question.of(name, rtype)
        if not question.name:
            return
        before = self._answers.get(question, StaticAnswer((), ttl_s))
        self._answers[question] = StaticAnswer((*before.records, record), min(before.ttl_s, ttl_s))

    def _add_a(self, a: StaticA) -> None:
        try:
            ip = ipaddress.ip_address(a.ip.strip().strip("[]"))
        except ValueError:
            return  # blank; `check` has named any other that is no address
        rtype = RrType.A if ip.version == 4 else RrType.AAAA
        self._add(a.name, rtype, Address(str(ip)), a.ttl)

    def _add_srv(self, srv: StaticSrv) -> None:
        if srv.target.strip():
            record = Srv(srv.priority, srv.weight, srv.port, canonical(srv.target))
            self._add(srv.name, RrType.SRV, record, srv.ttl)

    def _add_naptr(self, naptr: StaticNaptr) -> None:
        if naptr.replace.strip():
            record = Naptr(
                order=naptr.order,
                preference=naptr.preference,
                flags=naptr.flags.strip().lower(),
                service=naptr.service.strip().lower(),
                regexp="",  # static ones have none
                replacement=canonical(naptr.replace),
            )
            self._add(naptr.name, RrType.NAPTR, record, naptr.ttl)
