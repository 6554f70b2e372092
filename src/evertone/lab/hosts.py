"""What stands on the simulated network: hosts with their flows and ports, and name servers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from evertone.flows import Node, ShellInput
from evertone.lab.faults import HostFaults
from evertone.lab.name_server import NameServer
from evertone.lab.record import Endpoint
from evertone.model import Target

__all__ = ["Act", "Flow", "Host", "NameHost", "Station"]

MAX_HELD = 2000
"""What a frozen host's kernel keeps for it; more is dropped, as a full socket buffer does."""

_FIRST_EPHEMERAL_PORT = 49152
_LAST_PORT = 65535

Act: TypeAlias = Callable[..., object]


class Station:
    """Anything with a name and addresses that faults can strike."""

    __slots__ = ("addresses", "faults", "held", "name", "subject")

    def __init__(self, name: str, addresses: tuple[str, ...], subject: object) -> None:
        self.name = name
        self.subject = subject  # the node or name server that stands there
        self.addresses = addresses
        self.faults = HostFaults()
        self.held: list[tuple[Act, tuple[Any, ...]]] = []

    def hold(self, act: Act, args: tuple[Any, ...]) -> None:
        """Keep something for the time after the freeze."""
        if len(self.held) < MAX_HELD:
            self.held.append((act, args))

    def thaw(self) -> list[tuple[Act, tuple[Any, ...]]]:
        """Give out what was held, in order."""
        held, self.held = self.held, []
        return held


class NameHost(Station):
    """A name server on the network."""

    __slots__ = ("server",)

    def __init__(self, name: str, server: NameServer, address: str) -> None:
        super().__init__(name, (address,), server)
        self.server = server


class Flow:
    """One end of a way between two hosts."""

    __slots__ = (
        "arrives_at",
        "host",
        "id",
        "incoming",
        "local",
        "other",
        "peer",
        "stalled",
        "target",
    )

    def __init__(self, host: Host, target: Target, local: Endpoint, *, incoming: bool) -> None:
        self.host = host
        self.id = host.new_flow(self)
        self.target = target
        self.local = local
        self.peer = (target.address, target.port)
        self.incoming = incoming
        self.arrives_at = 0.0  # when the last piece sent arrives
        # streams only: the other end, and what waits for an ACK
        self.other: Flow | None = None
        self.stalled: deque[bytes] | None = None


class Host(Station):
    """A node on the network: its flows and ports, and what the world must know to drive it.

    ``certificate`` are the names that it proves over TLS. ``ready`` is input that is to reach
    the node before time goes on; ``deadline`` is when it wants to be called.
    """

    __slots__ = (
        "certificate",
        "deadline",
        "flows",
        "next_flow",
        "next_port",
        "node",
        "opening",
        "ready",
        "udp_flows",
        "udp_port",
    )

    def __init__(
        self, name: str, node: Node, addresses: tuple[str, ...], certificate: Iterable[str]
    ) -> None:
        super().__init__(name, addresses, node)
        self.node = node
        self.certificate = frozenset(x.lower() for x in certificate)
        self.flows: dict[int, Flow] = {}
        self.udp_flows: dict[tuple[Endpoint, Endpoint], Flow] = {}
        self.udp_port = 0
        self.opening: dict[Target, Endpoint] = {}  # from where each connection is being made
        self.next_flow = 1
        self.next_port = _FIRST_EPHEMERAL_PORT
        self.ready: list[ShellInput] = []
        self.deadline: float | None = None

    def new_flow(self, flow: Flow) -> int:
        """Number ``flow``."""
        number = self.next_flow
        self.next_flow += 1
        self.flows[number] = flow
        return number

    def new_port(self) -> int:
        """An ephemeral port; they go round."""
        port = self.next_port
        self.next_port = port + 1 if port < _LAST_PORT else _FIRST_EPHEMERAL_PORT
        return port

    def address_towards(self, address: str) -> str | None:
        """Our address of the same family, None if we have none."""
        v6 = ":" in address
        for own in self.addresses:
            if (":" in own) == v6:
                return own
        return None
