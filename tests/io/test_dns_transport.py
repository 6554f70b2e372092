"""DNS messages on loopback sockets: answers, ICMP, TCP, cut connections, and the bounds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest

from evertone.dns.codec import encode_query
from evertone.dns.records import Question, RrType
from evertone.flows import DnsFailed, DnsReceived, DnsSend, Nameserver
from evertone.io import dns_transport
from evertone.io.dns_transport import DnsTransport

QUERY = encode_query(4711, Question.of("sip.example", RrType.A))
PATIENCE_S = 5.0


class Delivered:
    """What a transport delivered."""

    def __init__(self) -> None:
        self.events: list[DnsReceived | DnsFailed] = []
        self._more = asyncio.Event()

    def __call__(self, event: DnsReceived | DnsFailed) -> None:
        self.events.append(event)
        self._more.set()

    async def first(self) -> DnsReceived | DnsFailed:
        return (await self.take(1))[0]

    async def take(self, count: int) -> list[DnsReceived | DnsFailed]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.events) < count:
                self._more.clear()
                await self._more.wait()
        return self.events[:count]


def run(test: Callable[[DnsTransport, Delivered], Awaitable[None]], bind: str = "") -> None:
    async def body() -> None:
        delivered = Delivered()
        transport = DnsTransport(delivered, bind=bind)
        try:
            await test(transport, delivered)
        finally:
            await transport.close()

    asyncio.run(body())


class Echo(asyncio.DatagramProtocol):
    """A name server that sends back what it gets, ``times`` times."""

    def __init__(self, times: int = 1) -> None:
        self.times = times
        self.peers: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peers.append(addr)
        for _ in range(self.times):
            self.transport.sendto(data, addr)


@contextlib.asynccontextmanager
async def echo(times: int = 1) -> AsyncIterator[tuple[Nameserver, Echo]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Echo(times), local_addr=("127.0.0.1", 0)
    )
    try:
        yield Nameserver(*transport.get_extra_info("sockname")[:2]), protocol
    finally:
        transport.close()


def free_port(kind: socket.SocketKind) -> Nameserver:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return Nameserver(*sock.getsockname())


def test_udp_there_and_back_from_a_port_of_its_own_each_time() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        async with echo() as (nameserver, server):
            transport.send(DnsSend(nameserver, QUERY))
            transport.send(DnsSend(nameserver, QUERY))
            assert delivered.events == []  # nothing from within send
            assert await delivered.first() == DnsReceived(nameserver, QUERY)
            await delivered.take(2)
            assert len({port for _, port in server.peers}) == 2

    run(test)


def test_bind_says_where_questions_leave_from() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        async with echo() as (nameserver, server):
            transport.send(DnsSend(nameserver, QUERY))
            await delivered.first()
            assert server.peers[0][0] == "127.0.0.2"

    run(test, bind="127.0.0.2")


def test_an_icmp_error_is_a_failure_of_that_question() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        nameserver = free_port(socket.SOCK_DGRAM)
        transport.send(DnsSend(nameserver, QUERY))
        assert await delivered.first() == DnsFailed(nameserver, 4711, "Connection refused")

    run(test)


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("address", ["ns.example", "2001:db8::1"], ids=["name", "family"])
def test_what_cannot_be_sent_to_is_a_failure(address: str, tcp: bool) -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        transport.send(DnsSend(Nameserver(address), QUERY, tcp))
        failed = await delivered.first()
        assert isinstance(failed, DnsFailed)
        assert failed.query_id == 4711

    run(test, bind="127.0.0.1")


def test_a_chatty_name_server_is_cut_off() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        async with echo(times=200) as (nameserver, _):
            transport.send(DnsSend(nameserver, QUERY))
            await delivered.first()
            await asyncio.sleep(0.05)
            assert 16 <= len(delivered.events) < 64  # what one wake-up still reads

    run(test)


async def tcp_server(
    answer: Callable[[bytes], list[bytes]],
) -> tuple[Nameserver, asyncio.Server]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        for piece in answer(await reader.readexactly(length)):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return Nameserver(*server.sockets[0].getsockname()), server


def test_tcp_there_and_back_in_pieces() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        def answer(query: bytes) -> list[bytes]:
            whole = len(query).to_bytes(2, "big") + query
            return [whole[:1], whole[1:9], whole[9:]]

        nameserver, server = await tcp_server(answer)
        transport.send(DnsSend(nameserver, QUERY, tcp=True))
        assert await delivered.first() == DnsReceived(nameserver, QUERY, tcp=True)
        server.close()

    run(test)


@pytest.mark.parametrize("sent", [b"", b"\0", b"\xff\xff1234"])
def test_a_connection_that_ends_early_is_a_failure(sent: bytes) -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        nameserver, server = await tcp_server(lambda query: [sent] if sent else [])
        transport.send(DnsSend(nameserver, QUERY, tcp=True))
        assert await delivered.first() == DnsFailed(nameserver, 4711, "connection closed")
        server.close()

    run(test)


def test_a_refused_connection_is_a_failure() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        nameserver = free_port(socket.SOCK_STREAM)
        transport.send(DnsSend(nameserver, QUERY, tcp=True))
        failed = await delivered.first()
        assert isinstance(failed, DnsFailed)
        assert failed.query_id == 4711

    run(test)


def test_sockets_are_bounded_and_the_oldest_goes_first() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        async with echo() as (nameserver, server):
            server.times = 0
            for _ in range(dns_transport._MAX_SOCKETS + 40):
                transport.send(DnsSend(nameserver, QUERY))
            await asyncio.sleep(0.05)
            assert len(transport._exchanges) == dns_transport._MAX_SOCKETS
            assert delivered.events == []

    run(test)


def test_a_closed_transport_sends_and_delivers_nothing() -> None:
    async def test(transport: DnsTransport, delivered: Delivered) -> None:
        async with echo() as (nameserver, _):
            transport.send(DnsSend(nameserver, QUERY))
            await transport.close()
            transport.send(DnsSend(nameserver, QUERY))
            await asyncio.sleep(0.02)
            assert delivered.events == []

    run(test)
