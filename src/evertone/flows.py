"""What passes between a node of the core (a phone, a lab server) and the shell that carries it.

A *flow* is a way to one peer: a connection, or for UDP a local socket and a remote address.
A node opens a flow before it sends, for UDP too, because Via and Contact need its local
address. The shell numbers the flows. Datagrams and connections from peers that the node did
not call arrive on flows that the shell opens by itself (``incoming`` is then True).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

from evertone.events import Event
from evertone.fixed import fixed
from evertone.model import Cause, Target

__all__ = [
    "Announce",
    "CloseFlow",
    "DnsFailed",
    "DnsReceived",
    "DnsSend",
    "Effect",
    "FlowClosed",
    "FlowFailed",
    "FlowOpened",
    "Nameserver",
    "Node",
    "OpenFlow",
    "Received",
    "ShellInput",
    "Transmit",
    "Unreachable",
]


class Nameserver(NamedTuple):
    """A name server to ask: address and port (53 unless told)."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


# --- from the shell to the node -------------------------------------------------------------


@fixed
class FlowOpened:
    """The flow to ``target`` can be used. ``local`` is our (address, port) on it."""

    flow: int
    target: Target
    local: tuple[str, int]
    incoming: bool = False


@fixed
class FlowFailed:
    """An :class:`OpenFlow` came to nothing (S4)."""

    target: Target
    cause: Cause
    text: str = ""


@fixed
class FlowClosed:
    """A flow ended that the node did not close: the peer did, or the network (R9)."""

    flow: int
    cause: Cause
    text: str = ""


@fixed
class Received:
    """Bytes of a flow: one datagram, or the next piece of a stream."""

    flow: int
    data: bytes


@fixed
class Unreachable:
    """An ICMP error came back for a UDP flow's peer (S5)."""

    target: Target
    text: str = ""


@fixed
class DnsReceived:
    """A whole DNS message from a name server (TCP length prefix removed)."""

    nameserver: Nameserver
    data: bytes
    tcp: bool = False


@fixed
class DnsFailed:
    """A DNS message could not be carried (TCP refused, ICMP)."""

    nameserver: Nameserver
    query_id: int
    text: str = ""


ShellInput: TypeAlias = (
    FlowOpened | FlowFailed | FlowClosed | Received | Unreachable | DnsReceived | DnsFailed
)


# --- from the node to the shell -------------------------------------------------------------


@fixed
class OpenFlow:
    """Open a flow to ``target``; answered by FlowOpened or FlowFailed, exactly once.

    While one to that target is being opened: begin anew, and say nothing of the old attempt (R8).
    """

    target: Target


@fixed
class Transmit:
    """Send bytes on a flow; on a flow that is gone they are dropped silently."""

    flow: int
    data: bytes


@fixed
class CloseFlow:
    """The node needs the flow no more; no FlowClosed follows."""

    flow: int


@fixed
class DnsSend:
    """Ask a name server; ``tcp`` after a truncated answer (D16)."""

    nameserver: Nameserver
    data: bytes
    tcp: bool = False


@fixed
class Announce:
    """Something happened that people may want to know."""

    event: Event


Effect: TypeAlias = OpenFlow | Transmit | CloseFlow | DnsSend | Announce


class Node(Protocol):
    """The five verbs of a node that a shell drives: a phone, a lab server."""

    def receive(self, event: ShellInput, now: float) -> None:
        """Take what the shell brings."""

    def handle_timer(self, now: float) -> None:
        """Do what has fallen due; a call too many is harmless."""

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None: not before new input."""

    def effects(self) -> list[Effect]:
        """Drain what the shell must carry out, in order. Call after every other verb."""
