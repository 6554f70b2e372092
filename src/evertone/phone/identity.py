"""Who a line is: addresses of record, Contacts, and how incoming requests find their line."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from evertone.config.settings import LineSettings
from evertone.errors import SipParseError, UsageError
from evertone.model import Transport
from evertone.phone.flow_table import Flow
from evertone.sip.grammar import Params, escape
from evertone.sip.values import NameAddr, Uri, parse_uri

__all__ = ["LINE_PARAM", "Identity"]

LINE_PARAM = "line"
_TOKEN_LENGTH = 12
_MAX_NUMBER = 256
_NO_NUMBER = "cannot call {!r}: give a number such as 1002, or an address: sip:bob@example.com"
_NO_SIPS = (
    "a sips: address asks for TLS all the way to the callee, which this phone cannot see to:"
    " call sip: instead (with transport_type 2 it goes to the server by TLS)"
)

_WRITTEN_NUMBER = re.compile(r"[-0-9*#+()./ ]+")
_FOR_THE_EYE = re.compile(r"[()/ ]")  # '-' and '.' may belong to the name of an extension
_TEL_SEPARATORS = re.compile(r"[-().]")  # RFC 3966 §5.1.1


@dataclass(slots=True)
class Identity:
    """One line's names. ``instance`` is the device's ``urn:uuid:...`` (R5)."""

    settings: LineSettings
    instance: str
    user: str = field(init=False)
    _tokens: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self.user = escape(self.settings.user)
        self._tokens = {y: self._token(y) for y in self.settings.registrars()}

    @property
    def line(self) -> int:
        """The X of ``account.X``."""
        return self.settings.line

    @property
    def tokens(self) -> dict[str, int]:
        """The server that each Contact parameter of ours stands for (R10)."""
        return {token: server for server, token in self._tokens.items()}

    def domain(self, server: int) -> str:
        """The domain of our address of record at ``server``; ``user@domain`` fixes it."""
        return self.settings.domain(server)

    def registrar_uri(self, server: int) -> Uri:
        """The Request-URI of REGISTERs (RFC 3261 §10.2)."""
        return Uri("sip", host=_host(self.settings.server(server).address))

    def aor(self, server: int, tag: str = "") -> NameAddr:
        """Our address of record at ``server``, with ``tag`` if given."""
        uri = Uri("sip", self.user, _host(self.domain(server)))
        return NameAddr(uri, self.settings.display_name, (("tag", tag),) if tag else ())

    def contact(self, server: int, flow: Flow, *, binding: bool = False) -> NameAddr:
        """Our Contact on ``flow`` (R10); for a REGISTER with instance and reg-id (R5)."""
        address, port = flow.local
        transport = flow.target.transport
        params: Params = ((LINE_PARAM, self._tokens[server]),)
        if transport is not Transport.UDP:
            params = (("transport", transport.text.lower()), *params)
        uri = Uri("sip", self.user, _host(address), port, params)
        if not binding:
            return NameAddr(uri)
        return NameAddr(
            uri, "", (("+sip.instance", f'"<{self.instance}>"'), ("reg-id", str(server)))
        )

    def callee(self, number: str, server: int) -> Uri:
        """The URI that ``number`` means at ``server``: a user part, user@host, or a SIP URI.

        Numbers may be written as people write them (``0911 / 123-45``, ``*72#``) or as a
        ``tel:`` URI. UsageError for what is none of all that, and for a ``sips:`` URI: it asks
        for TLS on every hop (RFC 3261 §26.2.2), and nobody here sees to more than the first.
        """
        text = number.strip()
        if len(text) > _MAX_NUMBER:
            raise UsageError(f"{len(text)} characters are too many for a number")
        scheme = text.partition(":")[0].lower()
        if scheme == "sips":
            raise UsageError(_NO_SIPS)
        if scheme == "tel":
            text = _TEL_SEPARATORS.sub("", text.partition(":")[2])
        if scheme != "sip":
            host = "" if "@" in text else f"@{_host(self.domain(server))}"
            text = f"sip:{_user_part(text)}{host}"
        try:
            uri = parse_uri(text)
        except SipParseError as error:
            raise UsageError(_NO_NUMBER.format(number)) from error
        if scheme != "sip" and (not uri.user or uri.password is not None):
            raise UsageError(_NO_NUMBER.format(number))
        return uri

    def _token(self, server: int) -> str:
        """A parameter that tells line and server from all others, the same after a restart."""
        text = f"{self.instance} {self.settings.line} {server}"
        return hashlib.sha256(text.encode()).hexdigest()[:_TOKEN_LENGTH]


def _user_part(text: str) -> str:
    """A number without what only helps the eye, fit for a URI; other text as it is."""
    if _WRITTEN_NUMBER.fullmatch(text):
        return escape(_FOR_THE_EYE.sub("", text))
    return text


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address
