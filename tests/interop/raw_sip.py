"""As much SIP as a probe needs, written apart from Evertone's so that it can't share its faults."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
from dataclasses import dataclass, field

from tests.interop.net import family

__all__ = ["Answer", "RawClient", "is_alive"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status and headers in lower case (the last of each name)."""

    status: int
    headers: dict[str, str]


@dataclass(slots=True)
class RawClient:
    """One user at one registrar, over UDP from ``local``; every call blocks for its answer."""

    server: tuple[str, int]
    local: str
    user: str
    password: str = field(repr=False)
    domain: str = "example.test"
    timeout_s: float = 2.0
    contact_port: int = 5060
    _call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    _cseq: int = 0

    def register(self, expires_s: int = 60) -> Answer:
        """REGISTER, answering one challenge; TimeoutError where nobody answers."""
        first = self._request("REGISTER", expires_s, "")
        if first.status != 401:
            return first
        header = self._authorization(first.headers["www-authenticate"])
        return self._request("REGISTER", expires_s, header)

    def options(self) -> Answer:
        """OPTIONS to the server itself."""
        return self._request("OPTIONS", None, "")

    def _request(self, method: str, expires_s: int | None, authorization: str) -> Answer:
        self._cseq += 1
        with socket.socket(family(self.local), socket.SOCK_DGRAM) as sock:
            sock.bind((self.local, 0))
            sock.settimeout(self.timeout_s)
            sock.connect(self.server)
            host, port = sock.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            aor = f"sip:{self.user}@{self.domain}"
            lines = [
                f"{method} sip:{self.domain} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)}",
                "Max-Forwards: 70",
                f"From: <{aor}>;tag={secrets.token_hex(4)}",
                f"To: <{aor}>",
                f"Call-ID: {self._call_id}",
                f"CSeq: {self._cseq} {method}",
            ]
            if expires_s is not None:
                lines.append(f"Contact: <sip:{self.user}@{host}:{self.contact_port}>")
                lines.append(f"Expires: {expires_s}")
            if authorization:
                lines.append(f"Authorization: {authorization}")
            sock.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
            return _parse(sock.recv(65535))

    def _authorization(self, challenge: str) -> str:
        """RFC 7616 §3.4 with qop=auth."""
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        hashing = "sha256" if given.get("algorithm") == "SHA-256" else "md5"

        def digest(*parts: str) -> str:
            return hashlib.new(hashing, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        uri, cnonce = f"sip:{self.domain}", secrets.token_hex(8)
        ha1 = digest(self.user, given["realm"], self.password)
        ha2 = digest("REGISTER", uri)
        response = digest(ha1, given["nonce"], "00000001", cnonce, "auth", ha2)
        return (
            f'Digest username="{self.user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{response}", qop=auth, nc=00000001, cnonce="{cnonce}", '
            f"algorithm={given.get('algorithm', 'MD5')}"
        )


def is_alive(address: str, port: int, timeout_s: float = 0.3) -> bool:
    """True if OPTIONS gets any answer there."""
    try:
        RawClient((address, port), address, "probe", "", timeout_s=timeout_s).options()
    except OSError:
        return False
    return True


def _parse(data: bytes) -> Answer:
    first, *rest = data.decode().partition("\r\n\r\n")[0].split("\r\n")
    headers = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Answer(int(first.split()[1]), headers)
