"""DNS messages as a hostile or sloppy name server might make them."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset


def reply(
    query: bytes,
    *records: str,
    rcode: str = "NOERROR",
    truncated: bool = False,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    query_id: int | None = None,
    question: tuple[str, str] | None = None,
) -> bytes:
    """A response to ``query`` with ``records`` given as lines of a zone file."""
    request = dns.message.from_wire(query)
    if question is not None:
        request = dns.message.make_query(*question, id=request.id)
    response = dns.message.make_response(request)
    response.set_rcode(dns.rcode.from_text(rcode))
    response.id = request.id if query_id is None else query_id
    if truncated:
        response.flags |= dns.flags.TC
    sections = (response.answer, response.authority, response.additional)
    for section, lines in zip(sections, (records, authority, additional), strict=True):
        section.extend(_rrset(line) for line in lines)
    return response.to_wire(max_size=65535)


def _rrset(line: str) -> dns.rrset.RRset:
    name, ttl, rdclass, rtype, data = line.split(maxsplit=4)
    return dns.rrset.from_text(name, int(ttl), rdclass, rtype, data)
