"""A transaction layer on a clock that jumps, and two of them with a line between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TypeVar

from evertone.schedule import SipTimers, give_up_s
from evertone.sip import build
from evertone.sip.message import Request, Response, parse
from evertone.sip.transaction import Limits, Out, SipEffect, TransactionLayer
from evertone.sip.values import NameAddr, parse_uri

FLOW = 7
TIMERS = SipTimers()

E = TypeVar("E", bound=SipEffect)


def request(
    method: str = "REGISTER", *, branch: str = "", cseq: int = 1, tag: str = "a1"
) -> Request:
    """A request as a phone sends it."""
    uri = parse_uri("sip:pbx.example.com" if method == "REGISTER" else "sip:bob@example.com")
    me = NameAddr(parse_uri("sip:alice@example.com"), params=(("tag", tag),))
    made = build.request_to(
        method,
        uri,
        from_=me,
        to=NameAddr(parse_uri("sip:bob@example.com")),
        call_id="call-1",
        cseq=cseq,
        contact=NameAddr(parse_uri("sip:alice@192.0.2.1")),
    )
    build.stamp_via(made, "UDP", "192.0.2.1", 5060, branch or f"z9hG4bK-{method}-{cseq}")
    return made


@dataclass
class Bench:
    """One layer; ``log`` holds (time, effect) of all that came out, Out included."""

    proxy: bool = False
    reliable: bool = False
    limits: Limits | None = None
    timers: SipTimers = TIMERS
    now: float = 0.0
    log: list[tuple[float, SipEffect]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(1)
        self.layer = TransactionLayer(self.timers, rng, proxy=self.proxy, limits=self.limits)

    def drain(self) -> list[SipEffect]:
        effects = self.layer.effects()
        self.log += [(self.now, effect) for effect in effects]
        return effects

    def run(self, until: float) -> None:
        """Let time pass, timers and all, until nothing is due before ``until`` or at it."""
        while (at := self.layer.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.layer.handle_timer(self.now)
            self.drain()
        self.now = until

    def send(self, message: Request, resends: int = 3, within_s: float | None = None) -> int:
        if within_s is None:
            within_s = give_up_s(message.method, resends, self.timers)
        tid = self.layer.send_request(message, FLOW, self.reliable, resends, within_s, self.now)
        self.drain()
        return tid

    def take(
        self,
        message: Request | Response,
        flow: int = FLOW,
        source: tuple[str, int] | None = None,
    ) -> None:
        """Hand the layer a message that went over a wire."""
        again = parse(message.to_bytes())
        self.layer.receive(again, flow, self.reliable, self.now, source)
        self.drain()

    def answer(self, to: Request, status: int, tag: str = "b1") -> None:
        """The peer's answer to a request of ours."""
        self.take(build.response_to(to, status, to_tag=tag))

    def respond(self, tid: int, to: Request, status: int, tag: str = "us") -> None:
        """Our answer to a request of the peer's."""
        self.layer.respond(tid, build.response_to(to, status, to_tag=tag), self.now)
        self.drain()

    def call(self, verb: str, tid: int) -> object:
        done = getattr(self.layer, verb)(tid, self.now)
        self.drain()
        return done

    # --- looking ---

    def sent(self, what: str = "") -> list[tuple[float, str]]:
        """(time, method or status) of all that was sent, or only those called ``what``."""
        shown = []
        for at, effect in self.log:
            if isinstance(effect, Out):
                message = parse(effect.data)
                name = message.method if isinstance(message, Request) else str(message.status)
                shown.append((round(at, 6), name))
        return [one for one in shown if what in ("", one[1])]

    def times(self, what: str) -> list[float]:
        return [at for at, _ in self.sent(what)]

    def told(self, kind: type[E]) -> list[tuple[float, E]]:
        return [(round(at, 6), effect) for at, effect in self.log if isinstance(effect, kind)]

    def last_sent(self) -> Request | Response:
        return parse(next(e.data for _, e in reversed(self.log) if isinstance(e, Out)))

    def last_response(self) -> Response:
        message = self.last_sent()
        assert isinstance(message, Response)
        return message
