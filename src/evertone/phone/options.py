"""OPTIONS of the engine's own: is a server that the line has left back for good (X3)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertone.model import Attempt
from evertone.phone.attempt import AttemptJob
from evertone.phone.exchange import Exchange
from evertone.phone.flow_table import Flow
from evertone.sip.build import new_call_id, new_tag, request_to
from evertone.sip.message import Request
from evertone.sip.values import NameAddr

if TYPE_CHECKING:
    from evertone.phone.line import Line

__all__ = ["OptionsJob"]


class OptionsJob(AttemptJob):
    """One OPTIONS to the server itself (RFC 3261 §11.1): any answer shows that it lives."""

    __slots__ = ("_call_id", "_tag")

    def __init__(self, line: Line, attempt: Attempt) -> None:
        super().__init__(line, attempt)
        self._call_id = new_call_id(line.services.rng)
        self._tag = new_tag(line.services.rng)

    def build(self, exchange: Exchange, flow: Flow) -> Request:
        """The OPTIONS; a challenge is answered with the next CSeq."""
        identity, server = self.line.identity, self.attempt.registrar
        uri = identity.registrar_uri(server)
        return request_to(
            "OPTIONS",
            uri,
            from_=identity.aor(server, self._tag),
            to=NameAddr(uri),
            call_id=self._call_id,
            cseq=1 + exchange.round,
            contact=identity.contact(server, flow),
            user_agent=self.line.services.user_agent,
        )
