"""The flows of a SIP server: which leads where, and what waits for one to open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from evertone.flows import CloseFlow, Effect, FlowOpened, OpenFlow
from evertone.model import Target, Transport
from evertone.sip.framing import StreamFramer

__all__ = ["Peer", "Peers"]

MAX_WAITING = 1000
MAX_PEERS = 20_000

Use = Callable[["Peer"], None]
Fail = Callable[[str], None]
Place = tuple[str, int, Transport]


@dataclass(slots=True)
class Peer:
    """One open flow. ``framer`` cuts a stream into messages; UDP has none. ``reliable``: the
    transport resends by itself."""

    flow: int
    target: Target
    local: tuple[str, int]
    framer: StreamFramer | None
    reliable: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reliable = self.framer is not None

    @property
    def place(self) -> Place:
        """Whom it leads to."""
        return _place(self.target)


@dataclass(slots=True)
class _Opening:
    waiting: list[tuple[Use, Fail]] = field(default_factory=list)


def _place(target: Target) -> Place:
    return (target.address, target.port, target.transport)


class Peers:
    """All flows of one server, by number and by whom they lead to."""

    def __init__(self, out: list[Effect]) -> None:
        self._out = out
        self._by_flow: dict[int, Peer] = {}
        self._by_place: dict[Place, Peer] = {}
        self._opening: dict[Target, _Opening] = {}

    def get(self, flow: int) -> Peer | None:
        """The open flow of this number."""
        return self._by_flow.get(flow)

    def to(self, target: Target) -> list[int]:
        """The numbers of the flows that lead to the place of ``target``."""
        place = _place(target)
        return [flow for flow, peer in self._by_flow.items() if peer.place == place]

    def reach(self, target: Target, use: Use, fail: Fail) -> None:
        """Call ``use`` with a flow to ``target``, now or when it opens; else ``fail`` with why."""
        peer = self._by_place.get(_place(target))
        if peer is not None:
            use(peer)
            return
        opening = self._opening.get(target)
        if opening is None:
            opening = self._opening[target] = _Opening()
            self._out.append(OpenFlow(target))
        if len(opening.waiting) < MAX_WAITING:
            opening.waiting.append((use, fail))
        else:
            fail("too many wait for that connection")

    def opened(self, event: FlowOpened) -> None:
        """A flow opened: by us, or by a peer."""
        stream = event.target.transport is not Transport.UDP
        peer = Peer(event.flow, event.target, event.local, StreamFramer() if stream else None)
        if len(self._by_flow) >= MAX_PEERS:
            oldest = next(iter(self._by_flow))
            self.closed(oldest)
            self._out.append(CloseFlow(oldest))
        self._by_flow[peer.flow] = peer
        self._by_place[peer.place] = peer
        opening = None if event.incoming else self._opening.pop(event.target, None)
        for use, _ in opening.waiting if opening else ():
            use(peer)

    def failed(self, target: Target, why: str) -> None:
        """A flow could not be opened."""
        opening = self._opening.pop(target, None)
        for _, fail in opening.waiting if opening else ():
            fail(why)

    def closed(self, flow: int) -> None:
        """A flow is gone."""
        peer = self._by_flow.pop(flow, None)
        if peer is not None and self._by_place.get(peer.place) is peer:
            del self._by_place[peer.place]
