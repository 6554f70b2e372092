"""The arithmetic and the grammar of digest authentication (RFC 7616, RFC 2617, RFC 8760)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from evertone.errors import SipParseError
from evertone.sip.grammar import quote, unquote

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "credential_parts",
    "equal",
    "format_credentials",
    "ha1",
    "parse_challenges",
    "parse_credentials",
    "response_of",
    "session_ha1",
]

_MAX_TEXT: Final = 4096  # characters of one header
_MAX_CHALLENGES: Final = 8


def _md5(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm: its token, how strong it is beside the others, its hash, -sess or not."""

    name: str
    strength: int
    hash: Callable[[str], str]
    session: bool


ALGORITHMS: Final[dict[str, Algorithm]] = {
    row.name.lower(): row
    for row in (
        Algorithm("MD5", 1, _md5, False),
        Algorithm("MD5-sess", 1, _md5, True),
        Algorithm("SHA-256", 2, _sha256, False),
        Algorithm("SHA-256-sess", 2, _sha256, True),
    )
}
"""By token in lower case (RFC 8760 §2.1: MD5 is still spoken, SHA-256 preferred)."""


# --- arithmetic (RFC 7616 §3.4) ---------------------------------------------------------------


def ha1(algorithm: Algorithm, username: str, realm: str, password: str) -> str:
    """The hash of who one is: a secret, as good as the password for this realm."""
    return algorithm.hash(f"{username}:{realm}:{password}")


def session_ha1(algorithm: Algorithm, secret: str, nonce: str, cnonce: str) -> str:
    """``secret`` itself, or for -sess its hash with both nonces (RFC 7616 §3.4.2)."""
    return algorithm.hash(f"{secret}:{nonce}:{cnonce}") if algorithm.session else secret


@lru_cache(maxsize=1024)
def _ha2(algorithm: Algorithm, method: str, uri: str) -> str:
    """The hash of what is asked: of a registrar always the same."""
    return algorithm.hash(f"{method}:{uri}")


def response_of(
    algorithm: Algorithm,
    secret: str,
    *,
    method: str,
    uri: str,
    nonce: str,
    cnonce: str = "",
    count: str = "",
    qop: str = "",
) -> str:
    """The proof. ``secret`` comes from :func:`session_ha1`; without ``qop`` as RFC 2069."""
    ha2 = _ha2(algorithm, method, uri)
    if not qop:
        return algorithm.hash(f"{secret}:{nonce}:{ha2}")
    return algorithm.hash(f"{secret}:{nonce}:{count}:{cnonce}:{qop}:{ha2}")


def equal(one: str, two: str) -> bool:
    """Equality that takes the same time whatever differs."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), two.encode("utf-8", "replace"))


# --- grammar (RFC 3261 §25.1, RFC 7235 §2.1) --------------------------------------------------

_SCHEME: Final = re.compile(r"[ \t,]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++(?!=)")
_PARAM: Final = re.compile(
    r"[ \t,]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+"
    r'("(?:[^"\\]|\\.)*+"|[^\s",]*+)[ \t]*+(?=,|$)',
    re.DOTALL,
)

# What nearly all bear: one scheme, commas where they belong, nothing escaped.
_USUAL: Final = re.compile(
    r'([A-Za-z]++) ((?:[a-z]++=(?:"[^"\\]*+"|[^\s",=]++)(?:, ?+(?!$)|$))++)', re.DOTALL
)
_USUAL_PARAM: Final = re.compile(r'([a-z]++)=(?:"([^"]*+)"|([^,]++))')


def _read(text: str) -> list[tuple[str, dict[str, str]]]:
    """``scheme param, param`` once or more: scheme in lower case, parameters unquoted."""
    if len(text) > _MAX_TEXT:
        raise SipParseError("an authentication header is too long")
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        named = _USUAL_PARAM.findall(usual[2])
        params = {name: quoted or bare for name, quoted, bare in named}
        if len(params) == len(named):
            return [(usual[1].lower(), params)]
    found: list[tuple[str, dict[str, str]]] = []
    position, text = 0, text.rstrip(" \t,")
    while position < len(text):
        match = _PARAM.match(text, position)
        if match is not None and found:
            found[-1][1].setdefault(match[1].lower(), unquote(match[2]))
        else:
            match = _SCHEME.match(text, position)
            if match is None or len(found) == _MAX_CHALLENGES:
                raise SipParseError("malformed authentication header")
            found.append((match[1].lower(), {}))
        position = match.end()
    return found


@dataclass(frozen=True, slots=True)
class Challenge:
    """One digest challenge that we can answer. ``qop`` is ``auth``, or empty for RFC 2069."""

    realm: str
    nonce: str
    algorithm: Algorithm
    qop: str
    opaque: str | None
    stale: bool


def parse_challenges(value: str) -> list[Challenge]:
    """The challenges of a WWW-Authenticate or Proxy-Authenticate that we can answer.

    Other schemes, unknown algorithms and ``qop="auth-int"`` alone are left out. Raises
    SipParseError for what is no challenge at all.
    """
    challenges = (_challenge(params) for scheme, params in _read(value) if scheme == "digest")
    return [challenge for challenge in challenges if challenge is not None]


def _challenge(params: dict[str, str]) -> Challenge | None:
    algorithm = ALGORITHMS.get(params.get("algorithm", "MD5").lower())
    offered = _offered(params.get("qop", ""))
    if algorithm is None or "realm" not in params or not params.get("nonce"):
        return None
    if offered and "auth" not in offered:
        return None
    return Challenge(
        realm=params["realm"],
        nonce=params["nonce"],
        algorithm=algorithm,
        qop="auth" if offered else "",
        opaque=params.get("opaque"),
        stale=params.get("stale", "").lower() == "true",
    )


@lru_cache(maxsize=64)
def _offered(qop: str) -> frozenset[str]:
    return frozenset(token.strip().lower() for token in qop.split(",")) - {""}


def parse_credentials(value: str) -> dict[str, str] | None:
    """The parameters of a digest Authorization or Proxy-Authorization; None: another scheme.

    Raises SipParseError.
    """
    found = _read(value)
    if len(found) != 1 or found[0][0] != "digest":
        return None
    return found[0][1]


def credential_parts(challenge: Challenge, username: str, cnonce: str) -> tuple[str, str, str]:
    """What all Authorization headers that answer a challenge have in common: before the URI,
    after the proof, and after the count (RFC 7616 §3.4; RFC 3261 §22.4 for the quotes)."""
    head = (
        f"Digest username={quote(username)}, realm={quote(challenge.realm)}, "
        f"nonce={quote(challenge.nonce)}, uri="
    )
    middle = f", algorithm={challenge.algorithm.name}"
    if challenge.opaque is not None:
        middle += f", opaque={quote(challenge.opaque)}"
    if challenge.qop:
        return head, f"{middle}, qop={challenge.qop}, nc=", f', cnonce="{cnonce}"'
    if challenge.algorithm.session:
        middle += f', cnonce="{cnonce}"'
    return head, middle, ""


def format_credentials(parts: tuple[str, str, str], uri: str, proof: str, count: str) -> str:
    """An Authorization header's value. ``parts`` come from :func:`credential_parts`; without
    qop nothing is counted."""
    head, middle, tail = parts
    if tail:
        return f'{head}"{uri}", response="{proof}"{middle}{count}{tail}'
    return f'{head}"{uri}", response="{proof}"{middle}'
