"""TCP and TLS on loopback: opened, refused, broken, slow, crowded; whose certificate it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from evertone.config.settings import SecuritySettings
from evertone.events import Event
from evertone.flows import FlowFailed
from evertone.io.driver import Driver, Listen
from evertone.io.limits import Limits
from evertone.io.tls import client_tls, server_tls
from evertone.model import Cause, Target, Transport
from tests.io.nodes import PATIENCE_S, Echo, Recorder, run, target_of

LOOPBACK = "127.0.0.1"
NAME = "sip.example.com"


@dataclass(frozen=True)
class Pki:
    """A certificate authority in files: what it vouches for, and a server's certificate."""

    authority: str
    certificate: str

    def server(self) -> ssl.SSLContext:
        return server_tls(self.certificate)

    def trusting(self, cn_validation: int = 1) -> SecuritySettings:
        return SecuritySettings(
            ca_cert=1, trusted_certificates_file=self.authority, cn_validation=cn_validation
        )


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder: Path = tmp_path_factory.mktemp("pki")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert(NAME, "*.wild.example.com").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    return Pki(str(folder / "ca.pem"), str(folder / "server.pem"))


def open_flow(driver: Driver, node: Recorder, target: Target) -> None:
    """Open a flow and do not wait for it."""
    driver.do(lambda now: node.open(target))


async def connected(driver: Driver, node: Recorder, target: Target) -> int:
    """Open a flow and wait for it; its number."""
    open_flow(driver, node, target)
    assert await driver.until(lambda: bool(node.opened() or node.failed()), PATIENCE_S)
    assert not node.failed()
    return node.opened()[0].flow


async def failure(driver: Driver, node: Recorder, target: Target) -> FlowFailed:
    """Open a flow that must fail; why it did."""
    open_flow(driver, node, target)
    assert await driver.until(lambda: bool(node.opened() or node.failed()), PATIENCE_S)
    assert not node.opened()
    return node.failed()[0]


@pytest.mark.parametrize("address", [LOOPBACK, "::1"])
def test_tcp_goes_there_and_back(address: str) -> None:
    async def body() -> None:
        node, echo = Recorder(), Echo()
        async with (
            Driver(echo, listen=[Listen(address, 0, Transport.TCP)]) as peer,
            Driver(node, bind=address) as driver,
        ):
            flow = await connected(
                driver, node, Target(address, peer.listening[0].port, Transport.TCP)
            )
            driver.do(lambda now: node.send(flow, b"REGISTER"))
            assert await driver.until(lambda: node.data(flow) == b"REGISTER", PATIENCE_S)
            assert echo.opened()[0].incoming
            assert echo.opened()[0].target.address == address
            local = node.opened()[0].local
            assert local == (echo.opened()[0].target.address, echo.opened()[0].target.port)

    run(body)


@pytest.mark.rule("S4")
def test_a_refused_connection_is_said_at_once() -> None:
    async def body() -> None:
        with socket.socket() as sock:
            sock.bind((LOOPBACK, 0))
            port = sock.getsockname()[1]
        node = Recorder()
        async with Driver(node) as driver:
            begin = driver.now()
            why = await failure(driver, node, Target(LOOPBACK, port, Transport.TCP))
            assert why.cause is Cause.CONNECT_REFUSED
            assert why.text == "Connection refused"
            assert driver.now() - begin < 0.05

    run(body)


@pytest.mark.rule("S4")
def test_a_connection_that_nobody_takes_times_out() -> None:
    async def body() -> None:
        with socket.socket() as full:
            full.bind((LOOPBACK, 0))
            full.listen(0)
            port = full.getsockname()[1]
            node, fillers = Recorder(), [Recorder(), Recorder()]
            limits = Limits(connect_s=0.1)
            async with (
                Driver(fillers[0]) as one,
                Driver(fillers[1]) as two,
                Driver(node, limits=limits) as driver,
            ):
                target = Target(LOOPBACK, port, Transport.TCP)
                for crowd, filler in zip((one, two), fillers, strict=True):
                    open_flow(crowd, filler, target)
                assert await one.until(lambda: bool(fillers[0].opened()), PATIENCE_S)
                await asyncio.sleep(0.01)
                assert (await failure(driver, node, target)).cause is Cause.CONNECT_TIMEOUT

    run(body)


@pytest.mark.rule("R8", "S4")
def test_opened_anew_while_it_is_being_opened_there_is_one_answer() -> None:
    async def body() -> None:
        server, node = Echo(), Recorder()
        async with Driver(server, listen=[Listen(LOOPBACK, 0, Transport.TCP)]) as there:
            port = there.listening[0].port
            async with Driver(node) as driver:
                target = Target(LOOPBACK, port, Transport.TCP)
                for _ in range(3):
                    driver.do(lambda now: node.open(target))
                assert await driver.until(lambda: bool(node.opened()), PATIENCE_S)
                await asyncio.sleep(0.05)
                assert len(node.opened()) == 1
                assert not node.failed()

    run(body)


@pytest.mark.rule("R9")
def test_a_reset_closes_the_flow_once() -> None:
    async def body() -> None:
        node = Recorder()
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            listener.listen()
            async with Driver(node) as driver:
                target = target_of(listener, Transport.TCP)
                flow = await connected(driver, node, target)
                accepted, _ = listener.accept()
                accepted.sendall(b"SIP/2.0 200 O")  # half a message, then the line is cut
                assert await driver.until(lambda: node.data() == b"SIP/2.0 200 O", PATIENCE_S)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()
                assert await driver.until(lambda: bool(node.closed()), PATIENCE_S)
                driver.do(lambda now: node.send(flow, b"into the void"))
                assert [(x.flow, x.cause) for x in node.closed()] == [(flow, Cause.RESET)]

    run(body)


def test_the_peers_orderly_close_comes_after_its_last_bytes() -> None:
    async def body() -> None:
        node = Recorder()
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            listener.listen()
            async with Driver(node) as driver:
                await connected(driver, node, target_of(listener, Transport.TCP))
                accepted, _ = listener.accept()
                accepted.sendall(b"last words")
                accepted.close()
                assert await driver.until(lambda: bool(node.closed()), PATIENCE_S)
                assert node.data() == b"last words"

    run(body)


def test_our_close_sends_what_is_left_and_is_not_reported() -> None:
    async def body() -> None:
        node, echo = Recorder(), Recorder()
        async with (
            Driver(echo, listen=[Listen(LOOPBACK, 0, Transport.TCP)]) as peer,
            Driver(node) as driver,
        ):
            flow = await connected(
                driver, node, Target(LOOPBACK, peer.listening[0].port, Transport.TCP)
            )

            def send_and_close(now: float) -> None:
                node.send(flow, b"x" * 100_000)
                node.hang_up(flow)

            driver.do(send_and_close)
            assert await peer.until(lambda: bool(echo.closed()), PATIENCE_S)
            assert len(echo.data()) == 100_000
            assert not node.closed()

    run(body)


def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async def body() -> None:
        node = Recorder()
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            listener.listen()
            async with Driver(node, limits=Limits(send_buffer_bytes=1 << 16)) as driver:
                flow = await connected(driver, node, target_of(listener, Transport.TCP))
                for _ in range(1000):
                    driver.do(lambda now: node.send(flow, b"x" * (1 << 15)))
                    if node.closed():
                        break
                assert [x.text for x in node.closed()] == ["the peer does not read"]

    run(body)


def test_a_connection_too_many_is_refused_and_said_so() -> None:
    async def body() -> None:
        server, seen = Echo(), list[Event]()
        place = [Listen(LOOPBACK, 0, Transport.TCP)]
        limits = Limits(connections=1)
        async with Driver(server, listen=place, limits=limits, on_event=seen.append) as serving:
            target = Target(LOOPBACK, serving.listening[0].port, Transport.TCP)
            first, second = Recorder(), Recorder()
            async with Driver(first) as one, Driver(second) as two:
                flow = await connected(one, first, target)
                two.do(lambda now: second.open(target))
                assert await two.until(lambda: bool(second.closed() or second.failed()), PATIENCE_S)
                assert len(server.opened()) == 1
                assert "too many" in seen[0].reason
                one.do(lambda now: first.hang_up(flow))
                assert await serving.until(lambda: bool(server.closed()), PATIENCE_S)
            third = Recorder()
            async with Driver(third) as driver:  # the place is free again
                await connected(driver, third, target)

    run(body)


def test_an_address_of_the_other_family_is_unreachable() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node, bind=LOOPBACK) as driver:
            why = await failure(driver, node, Target("::1", 5060, Transport.TCP))
            assert why.cause is Cause.UNREACHABLE
            assert "--bind" in why.text

    run(body)


# --- TLS ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meeting:
    """How a TLS client with ``security`` that asks for ``name`` fares: None is well."""

    id: str
    name: str
    security: SecuritySettings | None  # None: trusts the test's authority
    cause: Cause | None


MEETINGS = [
    Meeting("the name asked for", NAME, None, None),
    Meeting("the name without case", "SIP.Example.COM", None, None),
    Meeting("another name", "sip.example.org", None, Cause.CERTIFICATE),
    Meeting("no wildcards", "a.wild.example.com", None, Cause.CERTIFICATE),
    Meeting("the address is not in it", LOOPBACK, None, Cause.CERTIFICATE),
    Meeting("unknown authority", NAME, SecuritySettings(ca_cert=0), Cause.CERTIFICATE),
    Meeting(
        "nothing is checked", "other.example.com", SecuritySettings(trust_certificates=0), None
    ),
]


@pytest.mark.rule("S4")
@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda x: x.id)
def test_whose_certificate_it_is(meeting: Meeting, pki: Pki) -> None:
    async def body() -> None:
        node, echo = Recorder(), Echo()
        place = [Listen(LOOPBACK, 0, Transport.TLS)]
        tls = client_tls(meeting.security or pki.trusting())
        async with (
            Driver(echo, listen=place, server_tls=pki.server()) as peer,
            Driver(node, client_tls=tls) as driver,
        ):
            target = Target(LOOPBACK, peer.listening[0].port, Transport.TLS, meeting.name)
            if meeting.cause is not None:
                assert (await failure(driver, node, target)).cause is meeting.cause
                return
            flow = await connected(driver, node, target)
            driver.do(lambda now: node.send(flow, b"REGISTER"))
            assert await driver.until(lambda: node.data(flow) == b"REGISTER", PATIENCE_S)
            assert echo.opened()[0].target.transport is Transport.TLS

    run(body)


def test_the_name_goes_unchecked_where_the_settings_say_so(pki: Pki) -> None:
    async def body() -> None:
        node = Recorder()
        place = [Listen(LOOPBACK, 0, Transport.TLS)]
        async with (
            Driver(Echo(), listen=place, server_tls=pki.server()) as peer,
            Driver(node, client_tls=client_tls(pki.trusting(cn_validation=0))) as driver,
        ):
            port = peer.listening[0].port
            await connected(driver, node, Target(LOOPBACK, port, Transport.TLS, "x.example"))

    run(body)


@pytest.mark.rule("S4")
def test_a_peer_that_speaks_no_tls_fails_the_handshake(pki: Pki) -> None:
    async def body() -> None:
        node = Recorder()
        async with (
            Driver(Echo(), listen=[Listen(LOOPBACK, 0, Transport.TCP)]) as peer,
            Driver(node, client_tls=client_tls(pki.trusting())) as driver,
        ):
            target = Target(LOOPBACK, peer.listening[0].port, Transport.TLS, NAME)
            assert (await failure(driver, node, target)).cause is Cause.TLS

    run(body)


@pytest.mark.rule("S4")
def test_a_peer_that_hangs_up_in_the_handshake_fails_it(pki: Pki) -> None:
    async def body() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.transport.abort()

        server = await asyncio.start_server(hang_up, LOOPBACK, 0)
        node = Recorder()
        async with server, Driver(node, client_tls=client_tls(pki.trusting())) as driver:
            port = server.sockets[0].getsockname()[1]
            target = Target(LOOPBACK, port, Transport.TLS, NAME)
            assert (await failure(driver, node, target)).cause is Cause.TLS

    run(body)


def test_without_settings_for_tls_a_flow_fails() -> None:
    async def body() -> None:
        node = Recorder()
        async with Driver(node) as driver:
            why = await failure(driver, node, Target(LOOPBACK, 5061, Transport.TLS, NAME))
            assert why.cause is Cause.LOCAL

    run(body)


def test_close_gives_up_what_is_still_connecting() -> None:
    async def body() -> None:
        node = Recorder()
        with socket.socket() as silent:  # accepts, but never answers the handshake
            silent.bind((LOOPBACK, 0))
            silent.listen()
            tls = client_tls(SecuritySettings(trust_certificates=0))
            driver = Driver(node, client_tls=tls)
            await driver.start()
            target = target_of(silent, Transport.TLS, NAME)
            driver.do(lambda now: node.open(target))
            await asyncio.sleep(0.01)
            await driver.close()
            assert node.inputs == []
            assert len(asyncio.all_tasks()) <= 2  # this test and what waits for it

    run(body)
