"""A desk to put one phone on: a shell of thirty lines, and peers that answer as they are told.

Time is a number. Each peer is a function from a request to the answers that it gives at once;
an answer given later is sent with :meth:`Desk.say`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dns.message
import dns.rdatatype

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.errors import SipParseError
from evertone.events import CallChanged, Event
from evertone.flows import (
    Announce,
    CloseFlow,
    DnsReceived,
    DnsSend,
    FlowClosed,
    FlowFailed,
    FlowOpened,
    Nameserver,
    OpenFlow,
    Received,
    Transmit,
    Unreachable,
)
from evertone.model import Cause, Target, Transport
from evertone.phone.phone import Phone
from evertone.sip.build import response_to
from evertone.sip.message import Message, Request, Response, parse
from tests.dns.wire import reply

INSTANCE = "urn:uuid:00000000-0000-4000-8000-000000000001"
HERE = "192.0.2.10"
ONE = Target("192.0.2.1", 5060, Transport.UDP)
TWO = Target("192.0.2.2", 5060, Transport.UDP)
SDP = (
    b"v=0\r\no=- 7 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0\r\n"
)

Peer = Callable[[Request], Iterable[Response]]


@dataclass(frozen=True)
class Sent:
    """One message of the phone."""

    at: float
    flow: int
    target: Target
    message: Message

    @property
    def request(self) -> Request:
        assert isinstance(self.message, Request)
        return self.message


def server(address: str = ONE.address, **more: object) -> ServerSettings:
    """``sip_server.Y`` at an address, UDP."""
    return ServerSettings(address=address, **more)  # type: ignore[arg-type]


def line(*servers: ServerSettings, number: int = 1, **more: object) -> LineSettings:
    """A line with one or two servers."""
    two = (*servers, ServerSettings())[:2]
    fields: dict[str, object] = {"user_name": f"460{number}", "password": "geheim"} | more
    return LineSettings(line=number, enable=1, sip_server=two, **fields)  # type: ignore[arg-type]


def silent(request: Request) -> list[Response]:
    """A peer that never answers."""
    return []


def answer(
    request: Request, status: int, *headers: tuple[str, str], reason: str = "", body: bytes = b""
) -> Response:
    """An answer to ``request``."""
    response = response_to(request, status, reason, to_tag="" if status == 100 else "peer")
    for name, value in headers:
        response.add(name, value)
    if body:
        response.add("Content-Type", "application/sdp")
        response.body = body
    return response


def granting(seconds: int = 3600, *headers: tuple[str, str]) -> Peer:
    """A registrar that grants every Contact ``seconds``, and answers all else 200."""

    def peer(request: Request) -> list[Response]:
        if request.method == "ACK":
            return []
        if request.method != "REGISTER":
            return [answer(request, 200)]
        granted = (
            []
            if request.expires == 0
            else [("Contact", f"{contact};expires={seconds}") for contact in request.contacts]
        )
        return [answer(request, 200, *granted, *headers)]

    return peer


def accepting(*, rings: bool = True) -> Peer:
    """A registrar behind which everybody answers a call at once."""
    register = granting()

    def peer(request: Request) -> Iterable[Response]:
        if request.method != "INVITE":
            return register(request)
        contact = ("Contact", f"<sip:bob@{ONE.address}:5060>")
        ringing = [answer(request, 180, contact)] if rings else []
        return [*ringing, answer(request, 200, contact, body=SDP)]

    return peer


class Desk:
    """One phone, its shell and its peers. ``peers`` are keyed by target."""

    def __init__(
        self,
        settings: PhoneSettings | LineSettings,
        *,
        auto_answer: bool = False,
        nameservers: tuple[Nameserver, ...] = (),
    ) -> None:
        if isinstance(settings, LineSettings):
            settings = PhoneSettings(lines=(settings,))
        self.phone = Phone(
            settings, INSTANCE, random.Random(7), nameservers, auto_answer=auto_answer
        )
        self.now = 0.0
        self.peers: dict[Target, Peer] = {}
        self.refusing: dict[Target, Cause] = {}
        self.hanging: set[Target] = set()
        self.flows: dict[int, Target] = {}
        self.closed: list[int] = []
        self.sent: list[Sent] = []
        self.raw: list[tuple[int, bytes]] = []
        self.events: list[Event] = []
        self.records: tuple[str, ...] = ()  # what the name servers know; (): they are silent
        self._last_flow = 0

    # --- time and effects -----------------------------------------------------------------------

    def drain(self) -> None:
        """Carry out what the phone wants, and whatever that leads to."""
        while effects := self.phone.effects():
            for effect in effects:
                if isinstance(effect, OpenFlow):
                    self._open(effect.target)
                elif isinstance(effect, Transmit):
                    self._transmit(effect)
                elif isinstance(effect, CloseFlow):
                    assert effect.flow in self.flows, "closed twice, or never opened"
                    del self.flows[effect.flow]
                    self.closed.append(effect.flow)
                elif isinstance(effect, Announce):
                    self.events.append(effect.event)
                else:
                    self._ask(effect)

    def run(self, until: float) -> None:
        """Let time pass until ``until``, timer by timer."""
        self.drain()
        while (due := self.phone.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.phone.handle_timer(self.now)
            self.drain()
        self.now = until

    def start(self, seconds: float = 0.0) -> None:
        """Start the phone and let ``seconds`` pass."""
        self.phone.start(self.now)
        self.run(self.now + seconds)

    # --- what peers and network do --------------------------------------------------------------

    def open_from(self, target: Target) -> int:
        """A peer sends to the phone by itself: the shell opens a flow; its number."""
        self._last_flow += 1
        self.flows[self._last_flow] = target
        self._give(FlowOpened(self._last_flow, target, (HERE, 5060), incoming=True))
        return self._last_flow

    def say(self, flow: int, message: Message | bytes) -> None:
        """Bytes of a peer reach the phone."""
        data = message if isinstance(message, bytes) else message.to_bytes()
        self._give(Received(flow, data))

    def flow_to(self, target: Target) -> int:
        """The open flow to ``target``."""
        return next(flow for flow, t in reversed(self.flows.items()) if t == target)

    def break_flow(self, flow: int, cause: Cause = Cause.RESET) -> None:
        """A connection ends."""
        del self.flows[flow]
        self._give(FlowClosed(flow, cause))

    def fail(self, target: Target, cause: Cause) -> None:
        """A flow that hung while it was opened fails."""
        self._give(FlowFailed(target, cause))

    def open_late(self, target: Target) -> None:
        """A flow that hung while it was opened opens after all."""
        self._last_flow += 1
        self.flows[self._last_flow] = target
        self._give(FlowOpened(self._last_flow, target, (HERE, 45000)))

    def icmp(self, target: Target) -> None:
        """The network says that nobody is there."""
        self._give(Unreachable(target, "port unreachable"))

    # --- what was seen --------------------------------------------------------------------------

    def requests(self, method: str, target: Target | None = None) -> list[Request]:
        """The phone's requests of this method, in order; resends too."""
        return [
            s.message
            for s in self.sent
            if isinstance(s.message, Request)
            and s.message.method == method
            and target in (None, s.target)
        ]

    def responses(self, method: str) -> list[int]:
        """The statuses of the phone's answers to requests of this method, in order."""
        return [
            s.message.status
            for s in self.sent
            if isinstance(s.message, Response) and s.message.cseq.method == method
        ]

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def states(self, call: str) -> list[str]:
        """The states that a call went through."""
        return [e.state for e in self.events if isinstance(e, CallChanged) and e.call == call]

    # --- inside -----------------------------------------------------------------------------------

    def _give(self, event: object) -> None:
        self.phone.receive(event, self.now)  # type: ignore[arg-type]
        self.drain()

    def _open(self, target: Target) -> None:
        if target in self.hanging:
            return
        if target in self.refusing:
            self.phone.receive(FlowFailed(target, self.refusing[target]), self.now)
            return
        self._last_flow += 1
        self.flows[self._last_flow] = target
        port = 5060 if target.transport is Transport.UDP else 40000 + self._last_flow
        self.phone.receive(FlowOpened(self._last_flow, target, (HERE, port)), self.now)

    def _ask(self, query: DnsSend) -> None:
        if not self.records:
            return
        asked = dns.message.from_wire(query.data).question[0]
        found = [r for r in self.records if r.split()[3] == dns.rdatatype.to_text(asked.rdtype)]
        self.phone.receive(DnsReceived(query.nameserver, reply(query.data, *found)), self.now)

    def _transmit(self, effect: Transmit) -> None:
        target = self.flows.get(effect.flow)
        if target is None:
            return
        self.raw.append((effect.flow, effect.data))
        try:
            message = parse(effect.data)
        except SipParseError:
            return
        self.sent.append(Sent(self.now, effect.flow, target, message))
        if isinstance(message, Request):
            for response in self.peers.get(target, silent)(message):
                if effect.flow in self.flows:
                    self.phone.receive(Received(effect.flow, response.to_bytes()), self.now)
