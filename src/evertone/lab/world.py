"""A world in a box: a virtual clock, a seeded network, nodes, faults. It jumps from event to event.

The nodes are the very objects that run in production; the world is just one more shell. Same
seed, same trace, byte for byte (invariant 6).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, TypeAlias, TypeVar

from evertone.errors import EvertoneError, FaultError, UsageError
from evertone.flows import Announce, Node, Transmit
from evertone.lab.faults import FAULTS, Afflicted, Fault, HostFaults, Verb, check_fault
from evertone.lab.hosts import Host, NameHost, Station
from evertone.lab.name_server import NameServer
from evertone.lab.network import Network
from evertone.lab.record import Packet, Record
from evertone.model import Target

__all__ = ["World"]

T = TypeVar("T")

_MAX_SPIN = 1000
_SOON_S = 1.0

_Planned: TypeAlias = tuple[float, int, Callable[..., object], tuple[Any, ...]]


class World:
    """A simulated network of nodes. Times are seconds since the world began.

    ``latency_s`` is the range of the one-way delay; ``record`` takes down packets and events
    (``record.keeps_packets`` False: events only, for speed).
    """

    def __init__(
        self,
        seed: int,
        *,
        latency_s: tuple[float, float] = (0.001, 0.003),
        record: Record | None = None,
    ) -> None:
        self.seed = seed
        self.now = 0.0
        self.record = record if record is not None else Record()
        self.notes_packets = self.record.keeps_packets
        """True if packets are kept."""
        self.network = Network(self, random.Random(f"{seed} network"), latency_s)
        self._stations: dict[str, Station] = {}
        # what happens within a second, packets mostly, apart from the rest, most of which is timers
        # of an hour: so few are compared at each step
        self._soon: list[_Planned] = []
        self._later: list[_Planned] = []
        self._seq = 0
        self._spin_at = -1.0
        self._spins = 0

    # --- building ---------------------------------------------------------------------------

    def rng_for(self, name: str) -> random.Random:
        """A source of randomness for the node ``name``, the same in every run of this seed."""
        return random.Random(f"{self.seed} {name}")

    def attach(
        self,
        name: str,
        node: Node,
        addresses: Iterable[str],
        *,
        listen: Iterable[Target] = (),
        certificate: Iterable[str] = (),
    ) -> Host:
        """Put ``node`` on the network under ``name``.

        ``listen`` are the endpoints at which it takes datagrams and connections; without a UDP
        one it gets a port of its own. ``certificate`` are the names that it can prove over TLS.
        """
        self._check_new(name)
        host = Host(name, node, tuple(addresses), certificate)
        self.network.attach(host, tuple(listen))
        self._stations[name] = host
        return host

    def attach_name_server(
        self, name: str, server: NameServer, address: str, port: int = 53
    ) -> NameHost:
        """Put a name server on the network under ``name``."""
        self._check_new(name)
        host = NameHost(name, server, address)
        self.network.attach_name_server(host, port)
        self._stations[name] = host
        return host

    def host(self, name: str) -> Host:
        """The host of this name. Raises UsageError naming those that exist."""
        station = self._stations.get(name)
        if not isinstance(station, Host):
            known = ", ".join(n for n, s in self._stations.items() if isinstance(s, Host))
            raise UsageError(f"no host {name!r}; there are: {known}")
        return station

    def _check_new(self, name: str) -> None:
        if name in self._stations:
            raise UsageError(f"there is a host {name!r} already")

    # --- time -------------------------------------------------------------------------------

    def schedule(self, at: float, act: Callable[..., object], *args: Any) -> None:
        """Call ``act(*args)`` at ``at`` (for the network and the world itself)."""
        self._seq += 1
        heap = self._soon if at < self.now + _SOON_S else self._later
        heappush(heap, (at, self._seq, act, args))

    def at(self, at_s: float, verb: Callable[[], object]) -> None:
        """Call ``verb`` at ``at_s``; a verb of the past is a UsageError."""
        if at_s < self.now:
            raise UsageError(f"{at_s:g} s is over: it is {self.now:g} s")
        self.schedule(at_s, verb)

    def step(self, until: float) -> bool:
        """Let the next event happen if it is due by ``until``; False if none is."""
        heap, later = self._soon, self._later
        if later and (not heap or later[0] < heap[0]):
            heap = later
        if not heap or heap[0][0] > until:
            return False
        at, _, act, args = heappop(heap)
        if at > self.now:
            self.now = at
        act(*args)
        return True

    def run_until(self, at_s: float) -> None:
        """Let everything happen up to and including ``at_s``."""
        step = self.step
        while step(at_s):
            pass
        self.now = max(self.now, at_s)

    def run_for(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.run_until(self.now + seconds)

    def run_till(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Run until ``done()`` or for ``limit_s`` seconds; whether it came to be."""
        end = self.now + limit_s
        while not done():
            if not self.step(end):
                self.now = max(self.now, end)
                return done()
        return True

    # --- nodes ------------------------------------------------------------------------------

    def do(self, name: str, verb: Callable[[float], T]) -> T:
        """Call a verb of the node's user, ``verb(now)``, and carry out what follows from it."""
        host = self.host(name)
        result = verb(self.now)
        self.pump(host)
        return result

    def pump(self, host: Host) -> None:
        """Carry out what the host's node wants, and note when it wants to be called next."""
        node = host.node
        while True:
            for effect in node.effects():
                if effect.__class__ is Transmit:
                    self.network.transmit(host, effect.flow, effect.data)
                elif effect.__class__ is Announce:
                    self.record.event(host.name, effect.event)
                else:
                    self.network.carry(host, effect)
            if not host.ready:
                break
            ready, host.ready = host.ready, []
            for item in ready:
                node.receive(item, self.now)
        deadline = node.next_deadline()
        if deadline != host.deadline:
            host.deadline = deadline
            if deadline is not None:
                at = deadline
                if at < self.now:
                    at = self.now
                self.schedule(at, self._timer, host, deadline)

    def _timer(self, host: Host, deadline: float) -> None:
        if host.deadline != deadline:
            return  # it has moved meanwhile
        if host.faults.frozen:
            host.hold(self._timer, (host, deadline))
            return
        self._check_spin(host)
        host.deadline = None
        host.node.handle_timer(self.now)
        self.pump(host)

    def _check_spin(self, host: Host) -> None:
        if self._spin_at != self.now:
            self._spin_at, self._spins = self.now, 0
        self._spins += 1
        if self._spins > _MAX_SPIN * (1 + len(self._stations)):
            raise EvertoneError(f"{host.name} wants to be called at {self.now:g} s without end")

    # --- faults -----------------------------------------------------------------------------

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` strike in its time. Raises FaultError if it cannot strike its subject."""
        struck = self._struck(fault)
        if fault.at_s <= self.now:
            self._begin(fault, struck)
        else:
            self.schedule(fault.at_s, self._begin, fault, struck)
        if fault.until_s != float("inf") and not FAULTS[fault.verb].momentary:
            self.schedule(fault.until_s, self._end, fault, struck)

    def heal(self, name: str) -> None:
        """End every fault that strikes the host ``name`` now."""
        station = self._station(name)
        for fault in list(station.faults.active):
            self._end(fault, station)

    def faults_of(self, name: str) -> HostFaults:
        """The faults that strike the host ``name`` now."""
        return self._station(name).faults

    def _station(self, name: str) -> Station:
        station = self._stations.get(name)
        if station is None:
            raise FaultError(f"no host {name!r}; there are: {', '.join(self._stations)}")
        return station

    def _struck(self, fault: Fault) -> Station:
        """Who keeps the fault: its subject, of a partition the receiver."""
        subject = self._station(fault.subject)
        check_fault(fault, subject.subject)
        return self._station(fault.peer) if fault.peer else subject

    def _begin(self, fault: Fault, struck: Station) -> None:
        self.record.remark(self.now, f"{fault}: begins")
        if fault.verb is Verb.RESTART:
            self._restart(struck)
            return
        struck.faults.begin(fault)
        if fault.verb is Verb.REFUSE and isinstance(struck, Host):
            self.network.reset_all(struck)
        self._tell(struck)

    def _end(self, fault: Fault, struck: Station) -> None:
        if fault not in struck.faults.active:
            return  # healed before its time
        self.record.remark(self.now, f"{fault}: is over")
        struck.faults.end(fault)
        self._tell(struck)
        if fault.verb is Verb.FREEZE and not struck.faults.frozen:
            for act, args in struck.thaw():
                act(*args)

    def _restart(self, struck: Station) -> None:
        if isinstance(struck, Host) and isinstance(struck.subject, Afflicted):
            self.network.reset_all(struck)
            struck.subject.restart(self.now)
            self.pump(struck)

    def _tell(self, struck: Station) -> None:
        """Hand the server those faults that it plays itself."""
        if isinstance(struck.subject, Afflicted):
            struck.subject.afflict(struck.faults)

    def note(self, packet: Packet) -> None:
        """Write a packet down, if packets are kept."""
        if self.notes_packets:
            self.record.packet(packet)
