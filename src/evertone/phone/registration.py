"""A line's REGISTERs: their identity per server, what they ask for, what they were granted."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from evertone.errors import SipParseError
from evertone.model import Target
from evertone.phone.flow_table import BINDING, Flow, Holder
from evertone.phone.identity import Identity
from evertone.phone.reading import lenient
from evertone.phone.snapshot import BindingSnapshot
from evertone.sip.build import new_call_id, new_tag, register_request
from evertone.sip.headers import Index
from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr

__all__ = ["Binding", "Book", "Series", "granted_s"]

_MAX_BINDINGS = 64  # per line: far more than any hop list is long
_MAX_INTERVAL_S = 2**31


@dataclass(frozen=True, slots=True)
class _Last:
    """The last REGISTER of a series as it was before its Via and credentials, and what it said."""

    contact: NameAddr
    expires_s: int
    uri: str
    before: tuple[tuple[str, str], ...]  # the headers around the CSeq
    after: tuple[tuple[str, str], ...]
    index: Index


@dataclass(slots=True)
class Series:
    """The REGISTERs to one server: one Call-ID and From tag for process life (A1)."""

    call_id: str
    from_tag: str
    cseq: int = 0
    min_expires_s: int = 0  # what a 423 of this server taught us (A4)
    outbound: bool = True  # RFC 5626, until a 439 says that the way there lacks it
    _last: _Last | None = None
    _answered: dict[Target, int] = field(default_factory=dict)  # the CSeq of the last 2xx

    def is_news(self, target: Target, cseq: int) -> bool:
        """Note a 2xx of ``target``; False if a later REGISTER has been answered there already:
        the registrar has forgotten what this one did (RFC 3261 §10.3, step 7)."""
        if cseq < self._answered.get(target, 0):
            return False
        self._answered.pop(target, None)
        if len(self._answered) >= _MAX_BINDINGS:
            del self._answered[next(iter(self._answered))]  # the one answered longest ago
        self._answered[target] = cseq
        return True

    def forgo_outbound(self) -> bool:
        """Ask without outbound from now on; True if that is news."""
        news, self.outbound, self._last = self.outbound, False, None
        return news

    def request(
        self, identity: Identity, server: int, contact: NameAddr, expires_s: int, user_agent: str
    ) -> Request:
        """The next REGISTER, without its Via: CSeq + 1 for every transaction (A1).

        A refresh differs from the one before in its CSeq alone, so it is made from that.
        """
        self.cseq += 1
        last = self._last
        if last is not None and last.contact == contact and last.expires_s == expires_s:
            cseq = f"{self.cseq} REGISTER"
            headers = [*last.before, ("CSeq", cseq), *last.after]
            return Request("REGISTER", last.uri, headers, index={**last.index, "cseq": cseq})
        request = register_request(
            identity.registrar_uri(server),
            identity.aor(server),
            from_tag=self.from_tag,
            call_id=self.call_id,
            cseq=self.cseq,
            contact=contact,
            expires_s=expires_s,
            supported="path, outbound" if self.outbound else "path",
            user_agent=user_agent,
        )
        lines = tuple(request.headers)
        at = [name for name, _ in lines].index("CSeq")
        index = request.indexed().copy()
        self._last = _Last(contact, expires_s, request.uri, lines[:at], lines[at + 1 :], index)
        return request


@dataclass(slots=True)
class Binding:
    """One binding of ours at ``target``: the Contact that made it, and its Service-Route (R11)."""

    server: int
    target: Target
    contact: NameAddr
    expires_at: float
    routes: tuple[NameAddr, ...]
    flow: Flow
    local: tuple[str, int]  # our address on that flow when the binding was made


@dataclass(slots=True)
class Book:
    """All bindings of one line, whichever server and target granted them."""

    identity: Identity
    rng: random.Random
    series: dict[int, Series] = field(default_factory=dict)
    bindings: dict[tuple[int, Target], Binding] = field(default_factory=dict)

    def series_of(self, server: int) -> Series:
        """The series of ``server``; begun when first asked for."""
        series = self.series.get(server)
        if series is None:
            series = self.series[server] = Series(new_call_id(self.rng), new_tag(self.rng))
        return series

    def holder(self, server: int) -> Holder:
        """The name under which a binding holds its flow."""
        return (BINDING, self.identity.line, server)

    def routes(self, server: int, target: Target) -> tuple[NameAddr, ...]:
        """The Service-Route for requests to ``server`` through ``target`` (R11)."""
        held = self.bindings.get((server, target))
        return held.routes if held is not None else ()

    def record(self, binding: Binding) -> Binding | None:
        """Note what a 2xx granted; returns the binding that it replaces at that target."""
        key = (binding.server, binding.target)
        before = self.bindings.pop(key, None)
        if before is None and len(self.bindings) >= _MAX_BINDINGS:
            before = self.bindings.pop(next(iter(self.bindings)))
        self.bindings[key] = binding
        return before

    def forget(self, server: int, target: Target) -> Binding | None:
        """The binding is removed; returns it."""
        return self.bindings.pop((server, target), None)

    def pop_expired(self, now: float) -> list[Binding]:
        """Take out the bindings that have run out."""
        gone = [b for b in self.bindings.values() if b.expires_at <= now]
        for binding in gone:
            del self.bindings[binding.server, binding.target]
        return gone

    def next_expiry(self) -> float | None:
        """When the next binding runs out."""
        first = None
        for binding in self.bindings.values():
            if first is None or binding.expires_at < first:
                first = binding.expires_at
        return first

    def on_flow(self, flow: Flow) -> list[Binding]:
        """The bindings that this flow carries (R9)."""
        return [b for b in self.bindings.values() if b.flow is flow]

    def snapshot(self) -> tuple[BindingSnapshot, ...]:
        """For people and checkers."""
        return tuple(
            BindingSnapshot(b.server, b.target, str(b.contact), b.expires_at)
            for b in self.bindings.values()
        )


def granted_s(
    response: Response, contact: NameAddr, asked_s: int, sent: str | list[str] | None = None
) -> int:
    """The seconds that a 2xx to REGISTER grants our binding (R4, RFC 3261 §10.2.4).

    ``sent`` is our Contact as it was sent: an answer that bears it alone, with its time behind,
    needs no closer look.
    """
    listed = response.indexed().get("contact")
    if isinstance(listed, str):
        head, _, seconds = listed.rpartition(";expires=")
        if head == sent and len(seconds) < 10 and seconds.isdecimal() and seconds.isascii():
            return int(seconds)
    try:
        ours = _own(response.contacts, contact)
    except SipParseError:
        ours = None
    granted = ours.expires_s if ours is not None else None
    if granted is None:
        granted = lenient(lambda: response.expires, None)
    return asked_s if granted is None else min(granted, _MAX_INTERVAL_S)


def _own(contacts: tuple[NameAddr, ...], contact: NameAddr) -> NameAddr | None:
    """Our own binding: by instance and reg-id, else by URI, else it is the only one."""
    instance, reg_id = contact.param("+sip.instance"), contact.param("reg-id")
    for other in contacts:
        if other.param("+sip.instance") == instance and other.param("reg-id") == reg_id:
            return other
    for other in contacts:
        if other.uri.matches(contact.uri):
            return other
    return contacts[0] if len(contacts) == 1 else None
