"""A registrar: what RFC 3261 §10.3 asks, with RFC 5626's instances."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from functools import lru_cache

from evertone.lab.registrations import Binding, RegistrationStore
from evertone.sip.auth import DigestServer, Verdict
from evertone.sip.build import new_tag, response_to
from evertone.sip.grammar import unescape, unquote
from evertone.sip.message import Request, Response
from evertone.sip.values import NameAddr, read_expires

__all__ = ["Registrar"]

DEFAULT_EXPIRES_S = 3600  # RFC 3261 §10.2.1.1 leaves it to the registrar


class Registrar:
    """Answers REGISTERs of one server. ``auth`` None lets everyone in; ``owners`` maps a digest
    user name to the users whose addresses of record it may register (missing: the same one)."""

    def __init__(
        self,
        server: str,
        domain: str,
        store: RegistrationStore,
        rng: random.Random,
        *,
        auth: DigestServer | None,
        min_expires_s: int,
        max_expires_s: int,
        owners: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._server = server
        self._domain = domain
        self._store = store
        self._rng = rng
        self._auth = auth
        self._min_expires_s = min_expires_s
        self._max_expires_s = max_expires_s
        self._owners = dict(owners or {})
        self.grants_at_least_s = 0
        """A registration is granted for so long even if less is asked for."""

    def register(self, request: Request, flow: int, now: float) -> Response:
        """The answer to a REGISTER that came over ``flow``; bindings change as it says."""
        user = request.to.uri.user
        if self._auth is not None:
            verified = self._auth.verify(request, now)
            if verified.verdict is not Verdict.OK:
                return self._auth.challenge(request, verified.verdict, now)
            owned = self._owners.get(verified.username, (verified.username,))
            if unescape(user) not in owned:
                return self._answer(request, 403, "Not your address of record")
        aor = f"{unescape(user)}@{self._domain}"  # all our domains are one
        refused = self._bind(request, aor, flow, now)
        return refused or self._listing(request, aor, now)

    def _bind(self, request: Request, aor: str, flow: int, now: float) -> Response | None:
        """Do what the Contacts ask for; a response only where that is refused."""
        contacts = request.contacts
        if not contacts and request.contact_star:
            return self._remove_all(request, aor, now)
        # all or nothing (§10.3 step 7): judge every contact before the first one is changed
        bindings = []
        for contact in contacts:
            given = dict(contact.params)
            seconds = self._asked_s(request, given)
            if 0 < seconds < self._min_expires_s:
                brief = self._answer(request, 423, "Interval Too Brief")
                brief.add("Min-Expires", self._min_expires_s)
                return brief
            bindings.append(self._binding(request, aor, contact, given, flow, now, seconds))
        for binding in bindings:
            if not self._is_newer(binding):
                return self._answer(request, 400, "CSeq out of order")
        for binding in bindings:
            if binding.expires_at <= now:
                self._store.remove(aor, binding.key)
            elif not self._store.put(binding, now):
                return self._answer(request, 403, "Too many bindings")
        return None

    def _remove_all(self, request: Request, aor: str, now: float) -> Response | None:
        if request.expires != 0:
            return self._answer(request, 400, "Contact: * needs Expires: 0")
        for binding in self._store.live(aor, now):
            self._store.remove(aor, binding.key)
        return None

    def _asked_s(self, request: Request, contact: Mapping[str, str | None]) -> int:
        """§10.3 step 7: the Contact's expires, else the header, else our default."""
        asked = read_expires(contact["expires"]) if "expires" in contact else None
        if asked is None:
            asked = request.expires
        if asked is None:
            asked = DEFAULT_EXPIRES_S
        if 0 < asked < self.grants_at_least_s:
            asked = self.grants_at_least_s
        return min(asked, self._max_expires_s)

    def _binding(
        self,
        request: Request,
        aor: str,
        contact: NameAddr,
        given: Mapping[str, str | None],
        flow: int,
        now: float,
        seconds: int,
    ) -> Binding:
        return Binding(
            aor=aor,
            contact=contact.uri,
            text=_without_expires(contact),
            instance=_instance(given.get("+sip.instance") or ""),
            reg_id=given.get("reg-id") or "",
            call_id=request.call_id,
            cseq=request.cseq.number,
            server=self._server,
            flow=flow,
            registered_at=now,
            expires_at=now + seconds,
        )

    def _is_newer(self, binding: Binding) -> bool:
        before = self._store.find(binding.aor, binding.key)
        return before is None or before.call_id != binding.call_id or before.cseq < binding.cseq

    def _listing(self, request: Request, aor: str, now: float) -> Response:
        """§10.3 step 8: 200 with every binding and what is left of its time."""
        response = response_to(request, 200, to_tag=new_tag(self._rng))
        for binding in self._store.live(aor, now):
            left_s = max(1, round(binding.expires_at - now))
            response.add("Contact", f"{binding.text};expires={left_s}")
        return response

    def _answer(self, request: Request, status: int, reason: str = "") -> Response:
        return response_to(request, status, reason, to_tag=new_tag(self._rng))


_instance = lru_cache(maxsize=1024)(unquote)  # the lines of a phone share one


@lru_cache(maxsize=8192)
def _without_expires(contact: NameAddr) -> str:
    """The Contact as it is given back but for its time: the same with every refresh."""
    params = tuple(p for p in contact.params if p[0] != "expires")
    return str(NameAddr(contact.uri, contact.display, params))
