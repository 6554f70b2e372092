"""Small nodes for tests: one that notes what it hears, one that speaks a little SIP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from evertone.flows import (
    CloseFlow,
    Effect,
    FlowOpened,
    OpenFlow,
    Received,
    ShellInput,
    Transmit,
)
from evertone.model import Target, Transport
from evertone.sip.build import response_to
from evertone.sip.message import Request, Response, parse

E = TypeVar("E", bound=ShellInput)


@dataclass
class Listener:
    """Notes every input with its time; does what a test tells it to do."""

    heard: list[tuple[float, ShellInput]] = field(default_factory=list)
    out: list[Effect] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    wake_at: float | None = None
    reply: bytes = b""

    def receive(self, event: ShellInput, now: float) -> None:
        self.heard.append((now, event))
        if self.reply and isinstance(event, Received):
            self.out.append(Transmit(event.flow, self.reply))

    def handle_timer(self, now: float) -> None:
        if self.wake_at is not None and now >= self.wake_at:
            self.wakes.append(now)
            self.wake_at = None

    def next_deadline(self) -> float | None:
        return self.wake_at

    def effects(self) -> list[Effect]:
        out, self.out = self.out, []
        return out

    def inputs(self, kind: type[E]) -> list[E]:
        """What it heard of one kind."""
        return [event for _, event in self.heard if isinstance(event, kind)]

    def data(self) -> list[bytes]:
        """The bytes that it received."""
        return [event.data for _, event in self.heard if isinstance(event, Received)]

    # verbs for World.do

    def open(self, target: Target) -> Callable[[float], None]:
        return lambda now: self.out.append(OpenFlow(target))

    def send(self, flow: int, data: bytes) -> Callable[[float], None]:
        return lambda now: self.out.append(Transmit(flow, data))

    def close(self, flow: int) -> Callable[[float], None]:
        return lambda now: self.out.append(CloseFlow(flow))

    def wake(self, at: float) -> Callable[[float], None]:
        def verb(now: float) -> None:
            self.wake_at = at

        return verb


class Ua(Listener):
    """A user agent without transactions: sends what it is told, answers by ``answers``."""

    def __init__(self, user: str, server: Target) -> None:
        super().__init__()
        self.user = user
        self.server = server
        self.flow = 0
        self.local = ("", 0)
        self.cseq = 0
        self.answers: dict[str, tuple[int, ...]] = {}
        self.messages: list[Request | Response] = []

    def start(self, now: float) -> None:
        self.out.append(OpenFlow(self.server))

    def receive(self, event: ShellInput, now: float) -> None:
        super().receive(event, now)
        if isinstance(event, FlowOpened) and not event.incoming:
            self.flow, self.local = event.flow, event.local
        if isinstance(event, Received) and event.data.strip():
            message = parse(event.data)
            self.messages.append(message)
            if isinstance(message, Request):
                for status in self.answers.get(message.method, ()):
                    self.respond(message, status, event.flow)

    def respond(self, request: Request, status: int, flow: int) -> None:
        response = response_to(request, status, to_tag=f"tag-{self.user}")
        response.add("Contact", self.contact)
        self.out.append(Transmit(flow, response.to_bytes()))

    @property
    def contact(self) -> str:
        transport = self.server.transport
        suffix = "" if transport is Transport.UDP else f";transport={transport.value.lower()}"
        host = f"[{self.local[0]}]" if ":" in self.local[0] else self.local[0]
        return f"<sip:{self.user}@{host}:{self.local[1]}{suffix}>"

    def request(self, method: str, to: str, *headers: tuple[str, str], **more: str) -> Request:
        """A request with a fresh branch; ``more``: uri, call_id, to_tag, branch, max_forwards."""
        self.cseq += 1
        tag = f";tag={more['to_tag']}" if "to_tag" in more else ""
        transport = self.server.transport.value
        branch = more.get("branch", f"z9hG4bK-{self.user}-{self.cseq}")
        host = f"[{self.local[0]}]" if ":" in self.local[0] else self.local[0]
        request = Request(method, more.get("uri", to))
        request.add("Via", f"SIP/2.0/{transport} {host}:{self.local[1]};branch={branch};rport")
        request.add("Max-Forwards", more.get("max_forwards", "70"))
        request.add("From", f"<sip:{self.user}@pbx.example>;tag=from-{self.user}")
        request.add("To", f"<{to}>{tag}")
        request.add("Call-ID", more.get("call_id", f"call-{self.user}"))
        request.add("CSeq", f"{self.cseq} {method}")
        request.add("Contact", self.contact)
        for name, value in headers:
            request.set(name, value)
        return request

    def transmit(self, request: Request) -> Callable[[float], None]:
        return lambda now: self.out.append(Transmit(self.flow, request.to_bytes()))

    def got(self, status: int) -> list[Response]:
        """The responses of this status."""
        return [m for m in self.messages if isinstance(m, Response) and m.status == status]

    def asked(self, method: str) -> list[Request]:
        """The requests of this method that came in."""
        return [m for m in self.messages if isinstance(m, Request) and m.method == method]
