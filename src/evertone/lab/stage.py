"""One script, two worlds: what a stage offers, and how the simulated one plays a script.

A script is a generator that uses the stage's verbs and yields when time must pass. The
simulated world jumps; :mod:`evertone.lab.serve` waits on real clocks and sockets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from evertone.flows import Node
from evertone.lab.faults import Fault
from evertone.lab.name_server import NameServer
from evertone.lab.record import Record
from evertone.lab.scenario import Scenario, build_servers
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target

__all__ = ["Pause", "Script", "Stage", "Step", "Until", "play", "put_on_stage"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """Let ``seconds`` pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until ``done()``, for ``limit_s`` seconds at most; the script is told if it came."""

    done: Callable[[], bool]
    limit_s: float


Step: TypeAlias = Pause | Until
Script: TypeAlias = Generator[Step, bool, T]


class Stage(Protocol):
    """The verbs that both worlds have. Times are seconds on the stage's own clock."""

    record: Record

    @property
    def now(self) -> float:
        """The time."""

    def rng_for(self, name: str) -> random.Random:
        """A source of randomness for the node ``name``."""

    def attach(
        self,
        name: str,
        node: Node,
        addresses: Iterable[str],
        *,
        listen: Iterable[Target] = (),
        certificate: Iterable[str] = (),
    ) -> object:
        """Put a node on the network."""

    def attach_name_server(
        self, name: str, server: NameServer, address: str, port: int = 53
    ) -> object:
        """Put a name server on the network."""

    def do(self, name: str, verb: Callable[[float], T]) -> T:
        """Call a verb of the node's user and carry out what follows from it."""

    def inject(self, fault: Fault) -> None:
        """Let a fault strike in its time."""

    def heal(self, name: str) -> None:
        """End every fault that strikes a host now."""


def put_on_stage(stage: Stage, scenario: Scenario) -> dict[str, SipServer]:
    """Attach a scenario's servers and name servers and schedule its faults; the SIP servers."""
    servers = build_servers(scenario, stage.rng_for)
    for spec in scenario.servers:
        stage.attach(
            spec.name,
            servers[spec.name],
            [spec.address],
            listen=spec.listen,
            certificate=spec.certificate,
        )
    for name_server in scenario.name_servers:
        stage.attach_name_server(
            name_server.name,
            NameServer(name_server.zones),
            name_server.address,
            name_server.port,
        )
    for fault in scenario.faults:
        stage.inject(fault)
    return servers


def play(world: World, script: Script[T]) -> T:
    """Play a script in simulated time; what it returns."""
    try:
        step = next(script)
        while True:
            if isinstance(step, Pause):
                world.run_for(step.seconds)
                came = True
            else:
                came = world.run_till(step.done, step.limit_s)
            step = script.send(came)
    except StopIteration as end:
        result: T = end.value
        return result
