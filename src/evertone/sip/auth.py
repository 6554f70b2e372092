"""Digest authentication, both sides: RFC 7616, RFC 2617/2069 for old servers, RFC 8760."""

from __future__ import annotations

import enum
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from evertone.errors import SipParseError
from evertone.fixed import fixed
from evertone.sip import build, digest
from evertone.sip.digest import ALGORITHMS, Challenge
from evertone.sip.grammar import quote
from evertone.sip.message import Request, Response

__all__ = ["Credentials", "DigestServer", "Verdict", "Verified"]

_MAX_TARGETS: Final = 64
_MAX_REALMS: Final = 8  # per target, and per request
_MAX_ROUNDS: Final = 64
_MAX_ANSWERS: Final = 2  # A3: challenges answered per target, realm and request
_UNUSED_NONCE_S: Final = 86400.0  # no server takes it after that long: spare the round trip

_CREDENTIALS: Final = {
    "authorization": "Authorization",
    "proxy-authorization": "Proxy-Authorization",
}
_ANSWER_HEADERS: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(slots=True)
class _Protection:
    """What one realm at one target asks for, and how often its nonce was used."""

    challenge: Challenge
    header: str
    cnonce: str
    secret: str = field(repr=False)
    parts: tuple[str, str, str]  # what stays the same of the header's value
    count: int = 0
    used_at: float = 0.0


class Credentials:
    """One line's name and password, and the nonces it knows per target and realm (A3).

    Its repr shows the name only.
    """

    __slots__ = ("_password", "_rng", "_rounds", "_secrets", "_targets", "username")

    def __init__(self, username: str, password: str, rng: random.Random) -> None:
        self.username = username
        self._password = password
        self._rng = rng
        self._secrets: dict[tuple[str, str], str] = {}  # (algorithm, realm) -> HA1
        self._targets: OrderedDict[Hashable, dict[str, _Protection]] = OrderedDict()
        # (target, Call-ID, method) -> the CSeq last challenged, and by realm how often this request
        # was: the same request comes with the next CSeq, any other one later
        self._rounds: OrderedDict[Hashable, tuple[int, dict[str, int]]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Credentials of {self.username}>"

    def authorize(self, request: Request, target: Hashable, now: float) -> None:
        """Add (or replace) the credentials for every realm that ``target`` is known to ask for.

        The request keeps its CSeq; ``target`` is any name of the place it goes to.
        """
        index = request.indexed()
        for key, header in _CREDENTIALS.items():
            if key in index:
                request.remove(header)
        known = self._targets.get(target)
        if known is None:
            return
        for realm, protection in list(known.items()):
            if protection.count and now - protection.used_at > _UNUSED_NONCE_S:
                del known[realm]
                continue
            protection.used_at = now
            request.add(protection.header, self._answer(protection, request))

    def _answer(self, protection: _Protection, request: Request) -> str:
        challenge = protection.challenge
        protection.count += 1
        count = f"{protection.count:08x}"
        proof = digest.response_of(
            challenge.algorithm,
            protection.secret,
            method=request.method,
            uri=request.uri,
            nonce=challenge.nonce,
            cnonce=protection.cnonce,
            count=count,
            qop=challenge.qop,
        )
        return digest.format_credentials(protection.parts, request.uri, proof, count)

    def challenged(self, request: Request, response: Response, target: Hashable) -> bool:
        """Learn from a 401 or 407; True: send the request again, with CSeq + 1, authorized.

        False: the password is wrong, or nothing can be answered, or the request has been
        challenged too often. A realm that challenges again what we have just answered has
        refused the password, unless it says that the nonce was stale (A3).
        """
        if response.status not in _ANSWER_HEADERS or not self._password:
            return False
        challenges = _strongest(response)
        if not challenges:
            return False
        bare = "Authorization" not in request and "Proxy-Authorization" not in request
        allowed = self._may_answer(request, target, challenges, bare=bare)
        if not allowed:
            self.forget(target)  # the next request begins afresh
            return False
        for challenge in challenges:
            self._learn(target, challenge, _ANSWER_HEADERS[response.status][1])
        return True

    def _may_answer(
        self, request: Request, target: Hashable, challenges: list[Challenge], *, bare: bool
    ) -> bool:
        key = (target, request.call_id, request.method)
        number = request.cseq.number
        challenged, answered = self._rounds.pop(key, (number, {}))
        # not the answer to the challenge before, but a new request; or one beside it, which bore
        # nothing that could have been refused
        if number != challenged + 1 or bare:
            answered = {}
        if len({*answered, *(challenge.realm for challenge in challenges)}) > _MAX_REALMS:
            return False  # whoever names a new realm each time asks without end
        for challenge in challenges:
            before = answered.get(challenge.realm, 0)
            if before and not (challenge.stale and before < _MAX_ANSWERS):
                return False
            answered[challenge.realm] = before + 1
        self._rounds[key] = (number, answered)
        if len(self._rounds) > _MAX_ROUNDS:
            self._rounds.popitem(last=False)
        return True

    def _learn(self, target: Hashable, challenge: Challenge, header: str) -> None:
        known = self._targets.setdefault(target, {})
        if len(self._targets) > _MAX_TARGETS:
            self._targets.popitem(last=False)
        known.pop(challenge.realm, None)
        if len(known) >= _MAX_REALMS:
            del known[next(iter(known))]
        cnonce = f"{self._rng.getrandbits(64):016x}"
        secret = digest.session_ha1(
            challenge.algorithm, self._secret(challenge), challenge.nonce, cnonce
        )
        parts = digest.credential_parts(challenge, self.username, cnonce)
        known[challenge.realm] = _Protection(challenge, header, cnonce, secret, parts)

    def _secret(self, challenge: Challenge) -> str:
        algorithm = challenge.algorithm
        key = (algorithm.name, challenge.realm)
        secret = self._secrets.get(key)
        if secret is None:
            if len(self._secrets) >= _MAX_TARGETS:
                self._secrets.clear()
            secret = digest.ha1(algorithm, self.username, challenge.realm, self._password)
            self._secrets[key] = secret
        return secret

    def forget(self, target: Hashable) -> None:
        """Forget what is known of ``target``: the next request goes without credentials."""
        self._targets.pop(target, None)


def _strongest(response: Response) -> list[Challenge]:
    """Of each realm the strongest challenge that we can answer, the topmost of equals.

    RFC 8760 §2.4 lets local policy choose; ours does not let an attacker's order weaken it.
    """
    best: dict[str, Challenge] = {}
    for value in response.get_all(_ANSWER_HEADERS[response.status][0]):
        try:
            challenges = digest.parse_challenges(value)
        except SipParseError:
            continue  # another header may still be fit to be answered
        for challenge in challenges:
            known = best.get(challenge.realm)
            if known is None or challenge.algorithm.strength > known.algorithm.strength:
                best[challenge.realm] = challenge
    return list(best.values())


# --- server -----------------------------------------------------------------------------------


class Verdict(enum.Enum):
    """What a server makes of a request's credentials."""

    OK = "ok"
    MISSING = "missing"
    STALE = "stale"
    WRONG = "wrong"


@fixed
class Verified:
    """The verdict, and the user name that was given ("" where none)."""

    verdict: Verdict
    username: str = ""


@dataclass(slots=True)
class _Issued:
    at: float
    algorithm: str
    count: int = 0


class DigestServer:
    """Challenges and verifies for one realm. ``password`` maps a user name to its password."""

    __slots__ = (
        "_algorithms",
        "_issued",
        "_lifetime_s",
        "_limit",
        "_password",
        "_proxy",
        "_rng",
        "_secrets",
        "realm",
    )

    def __init__(
        self,
        realm: str,
        password: Callable[[str], str | None],
        rng: random.Random,
        *,
        lifetime_s: float = 300.0,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        proxy: bool = False,
        limit: int = 20_000,
    ) -> None:
        self.realm = realm
        self._password = password
        self._rng = rng
        self._lifetime_s = lifetime_s
        self._algorithms = [ALGORITHMS[name.lower()] for name in algorithms]
        self._proxy = proxy
        self._limit = limit
        self._issued: dict[str, _Issued] = {}  # oldest first
        self._secrets: dict[tuple[str, str, str], str] = {}  # what proofs begin with (HA1)

    def verify(self, request: Request, now: float) -> Verified:
        """Judge the request's credentials for our realm.

        A nonce of ours that is too old, or whose count does not grow (a replay), is STALE even
        if the proof is right; a wrong proof is WRONG whatever its nonce's age.
        """
        given = self._given(request)
        if given is None:
            return Verified(Verdict.MISSING)
        username = given.get("username", "")
        issued = self._issued.get(given.get("nonce", ""))
        if issued is None:
            return Verified(Verdict.STALE, username)
        if not self._proves(given, issued.algorithm, request.method, username):
            return Verified(Verdict.WRONG, username)
        if now - issued.at > self._lifetime_s or not _counts_up(given, issued):
            return Verified(Verdict.STALE, username)
        return Verified(Verdict.OK, username)

    def _given(self, request: Request) -> dict[str, str] | None:
        header = "Proxy-Authorization" if self._proxy else "Authorization"
        for value in request.get_all(header):
            try:
                given = digest.parse_credentials(value)
            except SipParseError:
                continue
            if given is not None and given.get("realm") == self.realm:
                return given
        return None

    def _proves(self, given: dict[str, str], algorithm: str, method: str, username: str) -> bool:
        password = self._password(username)
        if given.get("algorithm", "MD5").lower() != algorithm or password is None:
            return False
        row = ALGORITHMS[algorithm]
        secret = self._secret(row, username, password)
        nonce, cnonce = given["nonce"], given.get("cnonce", "")
        expected = digest.response_of(
            row,
            digest.session_ha1(row, secret, nonce, cnonce),
            method=method,
            uri=given.get("uri", ""),
            nonce=nonce,
            cnonce=cnonce,
            count=given.get("nc", ""),
            qop=given.get("qop", ""),
        )
        return digest.equal(expected, given.get("response", ""))

    def _secret(self, algorithm: digest.Algorithm, username: str, password: str) -> str:
        key = (algorithm.name, username, password)
        secret = self._secrets.get(key)
        if secret is None:
            if len(self._secrets) >= self._limit:
                self._secrets.clear()
            secret = digest.ha1(algorithm, username, self.realm, password)
            self._secrets[key] = secret
        return secret

    def challenge(self, request: Request, verdict: Verdict, now: float) -> Response:
        """The 401 (407 for a proxy) to ``request``: a fresh nonce for each algorithm, in the order
        given at the start (RFC 8760 §2.3: the preferred one first)."""
        status = 407 if self._proxy else 401
        response = build.response_to(request, status, to_tag=build.new_tag(self._rng))
        for algorithm in self._algorithms:
            text = f'Digest realm={quote(self.realm)}, nonce="{self._issue(algorithm.name, now)}"'
            text += f', algorithm={algorithm.name}, qop="auth"'
            if verdict is Verdict.STALE:
                text += ", stale=true"
            response.add(_ANSWER_HEADERS[status][0], text)
        return response

    def _issue(self, algorithm: str, now: float) -> str:
        issued = self._issued
        while issued:
            oldest = next(iter(issued))
            # kept for twice its life, so that what is told of it is "stale", not "unknown"
            if len(issued) < self._limit and now - issued[oldest].at <= 2 * self._lifetime_s:
                break
            del issued[oldest]
        nonce = f"{self._rng.getrandbits(128):032x}"
        issued[nonce] = _Issued(now, algorithm.lower())
        return nonce


def _counts_up(given: dict[str, str], issued: _Issued) -> bool:
    """RFC 7616 §3.3: with qop, each use of a nonce counts one up; no count may come twice."""
    if not given.get("qop"):
        return True
    try:
        count = int(given.get("nc", ""), 16)
    except ValueError:
        return False
    if count <= issued.count:
        return False
    issued.count = count
    return True
