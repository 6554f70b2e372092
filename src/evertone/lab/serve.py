"""The lab on loopback sockets: the same nodes, faults and scripts as in the simulated world.

A stage of drivers: each node stands behind a :class:`~evertone.lab.shroud.Shroud` that lays
the faults over it. A silenced server's kernel still accepts connections and still swallows
datagrams; a refusing one's sockets are closed, so that the kernel answers with ICMP and RST.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from evertone.errors import FaultError, ScenarioError, UsageError
from evertone.flows import Node
from evertone.io.driver import Driver, Listen
from evertone.io.tls import ClientTls
from evertone.lab.faults import FAULTS, Afflicted, Fault, HostFaults, Verb, check_fault
from evertone.lab.name_server import NameServer
from evertone.lab.record import Record
from evertone.lab.shroud import Shroud
from evertone.lab.stage import Pause, Script
from evertone.model import Target, Transport

__all__ = ["LabTls", "LoopbackStage"]

T = TypeVar("T")

_LOOK_AGAIN_S = 0.02
_MAX_DNS_BYTES = 65_535
_MAX_DNS_CONNECTIONS = 64
_DNS_IDLE_S = 30.0


class LabTls:
    """A certificate authority of the lab's own. ScenarioError without the package trustme."""

    def __init__(self) -> None:
        try:
            import trustme  # an optional package: only labs that speak TLS need it
        except ImportError:
            raise ScenarioError(
                "TLS in the lab needs the package trustme (pip install 'evertone[lab]'); "
                "--no-tls goes on without it"
            ) from None
        self._authority = trustme.CA()

    def server(self, names: Iterable[str]) -> ssl.SSLContext:
        """The context of a server that proves ``names``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    def client(self) -> ClientTls:
        """For a phone that trusts this lab."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False  # RFC 5922's names are the driver's to check
        self._authority.configure_trust(context)
        return ClientTls(context)

    def pem(self) -> bytes:
        """The authority's certificate, to be trusted by phones."""
        pem: bytes = self._authority.cert_pem.bytes()
        return pem


@dataclass(slots=True)
class _Station:
    """A node on loopback. ``driver`` is None while its ports are closed."""

    shroud: Shroud
    addresses: tuple[str, ...]
    listen: tuple[Target, ...]
    certificate: tuple[str, ...]
    driver: Driver | None = None

    @property
    def faults(self) -> HostFaults:
        return self.shroud.faults

    @property
    def subject(self) -> object:
        return self.shroud.node


class _NameStation:
    """A name server's sockets: UDP, and TCP at the same port."""

    def __init__(self, server: NameServer, address: str, port: int, rng: random.Random) -> None:
        self.subject = server
        self.faults = HostFaults()
        self._place = (address, port)
        self._rng = rng
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._held: list[tuple[bytes, Callable[[bytes], None], bool]] = []

    @property
    def open(self) -> bool:
        return self._udp is not None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _DnsDatagrams(self), local_addr=self._place
            )
            self._tcp = await asyncio.start_server(self._serve, *self._place)
        except OSError as error:
            await self.close()
            address, port = self._place
            why = error.strerror or str(error)
            raise UsageError(f"cannot listen for DNS at {address} port {port}: {why}") from None

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        for writer in list(self._writers):
            writer.close()

    def thaw(self) -> None:
        held, self._held = self._held, []
        for data, reply, tcp in held:
            self.asked(data, reply, tcp=tcp)

    def asked(self, data: bytes, reply: Callable[[bytes], None], *, tcp: bool) -> None:
        """A question came in: answer it, as the faults allow."""
        faults = self.faults
        if faults.frozen:
            if len(self._held) < _MAX_DNS_CONNECTIONS:
                self._held.append((data, reply, tcp))
            return
        if faults.silent or (faults.loss and self._rng.random() < faults.loss):
            return
        answer = self.subject.answer(data, tcp=tcp)
        if answer is None:
            return
        if faults.delay_s:
            asyncio.get_running_loop().call_later(faults.delay_s, reply, answer)
        else:
            reply(answer)

    def send(self, data: bytes, peer: Any) -> None:
        if self._udp is not None:
            self._udp.sendto(data, peer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """RFC 1035 §4.2.2: each message after its length, many on one connection."""
        if len(self._writers) >= _MAX_DNS_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)

        def reply(answer: bytes) -> None:
            if not writer.is_closing():
                writer.write(len(answer).to_bytes(2, "big") + answer)

        try:
            while True:
                async with asyncio.timeout(_DNS_IDLE_S):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    data = await reader.readexactly(length)
                self.asked(data, reply, tcp=True)
        except (OSError, EOFError, TimeoutError):
            pass  # the client is done, or dawdles
        finally:
            self._writers.discard(writer)
            writer.close()


class _DnsDatagrams(asyncio.DatagramProtocol):
    def __init__(self, station: _NameStation) -> None:
        self._station = station

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A question."""
        self._station.asked(data, lambda answer: self._station.send(answer, addr), tcp=False)


class LoopbackStage:
    """A :class:`~evertone.lab.stage.Stage` on real sockets and the running event loop's clock.

    ``both_ways`` records what arrives too, for labs whose phones are not on this stage.
    ``tls`` is needed where a node listens for TLS. Close it, or use ``async with``.
    """

    def __init__(
        self, record: Record | None = None, *, both_ways: bool = False, tls: LabTls | None = None
    ) -> None:
        self.record = record if record is not None else Record()
        self._loop = asyncio.get_running_loop()
        self._both_ways = both_ways
        self._tls = tls
        self._rng = random.SystemRandom()
        self._names: dict[str, str] = {}
        self._stations: dict[str, _Station | _NameStation] = {}
        self._closed_ports: set[str] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._chore_lock = asyncio.Lock()
        self._failure: BaseException | None = None

    async def __aenter__(self) -> LoopbackStage:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- the stage's verbs --------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The event loop's time."""
        return self._loop.time()

    def rng_for(self, name: str) -> random.Random:
        """Randomness that nobody can guess: real peers may be on the other side."""
        return self._rng

    def attach(
        self,
        name: str,
        node: Node,
        addresses: Iterable[str],
        *,
        listen: Iterable[Target] = (),
        certificate: Iterable[str] = (),
    ) -> None:
        """Put a node on the network; its sockets open with :meth:`open`."""
        self._check_new(name)
        shroud = Shroud(
            name, node, self.record, self._rng, names=self._names, both_ways=self._both_ways
        )
        station = _Station(shroud, tuple(addresses), tuple(listen), tuple(certificate))
        self._names.update(dict.fromkeys(station.addresses, name))
        self._stations[name] = station

    def attach_name_server(
        self, name: str, server: NameServer, address: str, port: int = 53
    ) -> None:
        """Put a name server on the network."""
        self._check_new(name)
        self._stations[name] = _NameStation(server, address, port, self._rng)

    def do(self, name: str, verb: Callable[[float], T]) -> T:
        """Call a verb of the node's user and carry out what follows from it."""
        station = self._station(name)
        if not isinstance(station, _Station) or station.driver is None:
            raise UsageError(f"{name} is not on the network")
        shroud = station.shroud
        return station.driver.do(lambda now: shroud.use(verb, now))

    def inject(self, fault: Fault) -> None:
        """Let a fault strike in its time."""
        subject = self._station(fault.subject)
        check_fault(fault, subject.subject)
        struck = fault.peer or fault.subject
        self._station(struck)
        if fault.at_s <= self.now:
            self._begin(fault, struck)
        else:
            self._loop.call_at(fault.at_s, self._begin, fault, struck)
        if fault.until_s != float("inf") and not FAULTS[fault.verb].momentary:
            self._loop.call_at(fault.until_s, self._end, fault, struck)

    def heal(self, name: str) -> None:
        """End every fault that strikes a host now."""
        for fault in list(self._station(name).faults.active):
            self._end(fault, name)

    def faults_of(self, name: str) -> HostFaults:
        """The faults that strike a host now."""
        return self._station(name).faults

    def hosts(self) -> list[str]:
        """The names of all hosts."""
        return list(self._stations)

    async def play(self, script: Script[T]) -> T:
        """Play a script in real time; what it returns."""
        try:
            step = next(script)
            while True:
                await self.open()
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    came = True
                else:
                    came = await self._wait_until(step.done, step.limit_s)
                self._raise_failure()
                step = script.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _wait_until(self, done: Callable[[], bool], limit_s: float) -> bool:
        end = self.now + limit_s
        while not done():
            if self.now >= end:
                return False
            await asyncio.sleep(_LOOK_AGAIN_S)
        return True

    # --- sockets ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the sockets of every station that has none and may have some."""
        async with self._chore_lock:
            for name, station in self._stations.items():
                if name in self._closed_ports:
                    continue
                if isinstance(station, _NameStation):
                    if not station.open:
                        await station.start()
                elif station.driver is None:
                    await self._start(station)

    async def _start(self, station: _Station) -> None:
        speaks_tls = any(end.transport is Transport.TLS for end in station.listen)
        if speaks_tls and self._tls is None:
            self._tls = LabTls()
        driver = Driver(
            station.shroud,
            bind=station.addresses[0],
            listen=[Listen(end.address, end.port, end.transport) for end in station.listen],
            client_tls=self._tls.client() if self._tls else None,
            server_tls=self._tls.server(station.certificate) if self._tls and speaks_tls else None,
            on_event=lambda event: self.record.event(station.shroud.name, event),
        )
        await driver.start()
        station.driver = driver

    async def close(self) -> None:
        """Close every socket."""
        for chore in list(self._chores):
            chore.cancel()
        for station in self._stations.values():
            if isinstance(station, _NameStation):
                await station.close()
            elif station.driver is not None:
                await station.driver.close()
                station.driver = None

    async def _close_ports(self, name: str) -> None:
        async with self._chore_lock:
            station = self._stations[name]
            if isinstance(station, _NameStation):
                await station.close()
            elif station.driver is not None:
                driver, station.driver = station.driver, None
                await driver.close()
                station.shroud.shell_lost(self.now)

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that must be awaited while a verb may not."""
        task = self._loop.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # --- faults -------------------------------------------------------------------------------

    def _begin(self, fault: Fault, name: str) -> None:
        station = self._station(name)
        self.record.remark(self.now, f"{fault}: begins")
        if fault.verb is Verb.RESTART:
            self._restart(station)
            return
        station.faults.begin(fault)
        if fault.verb is Verb.REFUSE:
            self._closed_ports.add(name)
            self._chore(self._close_ports(name))
        self._tell(station)

    def _end(self, fault: Fault, name: str) -> None:
        station = self._station(name)
        if fault not in station.faults.active:
            return  # healed before its time
        self.record.remark(self.now, f"{fault}: is over")
        station.faults.end(fault)
        self._tell(station)
        if fault.verb is Verb.REFUSE and not station.faults.refusing:
            self._closed_ports.discard(name)
            self._chore(self.open())
        if fault.verb is Verb.FREEZE and not station.faults.frozen:
            if isinstance(station, _NameStation):
                station.thaw()
            elif station.driver is not None:
                station.driver.do(station.shroud.thaw)

    def _restart(self, station: _Station | _NameStation) -> None:
        subject = station.subject
        if not isinstance(station, _Station) or not isinstance(subject, Afflicted):
            return
        if station.driver is not None:
            station.driver.do(station.shroud.drop_flows)
            station.driver.do(lambda now: station.shroud.use(subject.restart, now))

    def _tell(self, station: _Station | _NameStation) -> None:
        if isinstance(station.subject, Afflicted):
            station.subject.afflict(station.faults)

    # --- looking up ---------------------------------------------------------------------------

    def _station(self, name: str) -> _Station | _NameStation:
        station = self._stations.get(name)
        if station is None:
            raise FaultError(f"no host {name!r}; there are: {', '.join(self._stations)}")
        return station

    def _check_new(self, name: str) -> None:
        if name in self._stations:
            raise UsageError(f"there is a host {name!r} already")
