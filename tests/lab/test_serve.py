"""The lab on loopback sockets: the same nodes, faults and scripts as in the simulated world."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import dns.asyncquery
import dns.message
import pytest

from evertone.errors import FaultError, UsageError
from evertone.flows import FlowClosed, FlowFailed, FlowOpened, Unreachable
from evertone.lab.faults import make_fault
from evertone.lab.name_server import NameServer
from evertone.lab.registrations import RegistrationStore
from evertone.lab.serve import LoopbackStage
from evertone.lab.sip_server import SipServer
from evertone.lab.stage import Pause, Script, Until
from evertone.model import Cause, Target, Transport
from tests.lab.nodes import Ua

SERVER, PHONE, DNS = "127.0.21.1", "127.0.21.5", "127.0.21.53"
SOON_S = 5.0


class Loop:
    """A server and a scripted user agent on a stage."""

    def __init__(self, stage: LoopbackStage, transport: Transport) -> None:
        self.stage = stage
        ends = tuple(Target(SERVER, t.default_port, t) for t in Transport)
        self.server = SipServer(
            "one", ends, ["pbx.example"], {}, RegistrationStore(), random.Random(1)
        )
        stage.attach("one", self.server, [SERVER], listen=ends, certificate=["pbx.example"])
        name = "pbx.example" if transport is Transport.TLS else ""
        self.ua = Ua("alice", Target(SERVER, transport.default_port, transport, name))
        stage.attach("alice", self.ua, [PHONE])

    async def open(self) -> None:
        await self.stage.open()
        self.stage.do("alice", self.ua.start)
        await self.until(lambda: bool(self.ua.flow or self.ua.inputs(FlowFailed)))

    async def until(self, done: Callable[[], bool]) -> None:
        def script() -> Script[bool]:
            return (yield Until(done, SOON_S))

        assert await self.stage.play(script()), "it did not come about"

    def register(self) -> None:
        request = self.ua.request(
            "REGISTER", "sip:alice@pbx.example", uri="sip:pbx.example", call_id="r"
        )
        self.stage.do("alice", self.ua.transmit(request))

    async def registered(self, times: int = 1) -> None:
        self.register()
        await self.until(lambda: len(self.ua.got(200)) == times)


def on_loopback(transport: Transport, test: Callable[[Loop], Awaitable[None]]) -> None:
    async def run() -> None:
        async with LoopbackStage() as stage:
            loop = Loop(stage, transport)
            await loop.open()
            await test(loop)

    asyncio.run(run())


@pytest.mark.parametrize("transport", list(Transport), ids=lambda t: t.value)
def test_a_user_agent_registers(transport: Transport) -> None:
    async def test(loop: Loop) -> None:
        await loop.registered()
        packet = loop.stage.record.packets[0]
        assert packet.target == (SERVER, transport.default_port)

    on_loopback(transport, test)


def test_a_server_that_refuses_and_comes_back_udp() -> None:
    async def test(loop: Loop) -> None:
        await loop.registered()
        loop.stage.inject(make_fault("refuse", "one", at_s=loop.stage.now))
        await asyncio.sleep(0.1)
        loop.register()
        await loop.until(lambda: bool(loop.ua.inputs(Unreachable)))
        loop.stage.heal("one")
        await asyncio.sleep(0.1)
        await loop.registered(2)

    on_loopback(Transport.UDP, test)


def test_a_server_that_refuses_resets_connections() -> None:
    async def test(loop: Loop) -> None:
        await loop.registered()
        loop.stage.inject(make_fault("refuse", "one", at_s=loop.stage.now))
        await loop.until(lambda: bool(loop.ua.inputs(FlowClosed)))
        loop.stage.do("alice", loop.ua.start)
        await loop.until(lambda: bool(loop.ua.inputs(FlowFailed)))
        failed = loop.ua.inputs(FlowFailed)[0]
        assert isinstance(failed, FlowFailed)
        assert failed.cause is Cause.CONNECT_REFUSED

    on_loopback(Transport.TCP, test)


def test_a_wrong_name_is_a_wrong_certificate() -> None:
    async def test(loop: Loop) -> None:
        other = Target(SERVER, 5061, Transport.TLS, "other.example")
        loop.stage.do("alice", loop.ua.open(other))
        await loop.until(lambda: bool(loop.ua.inputs(FlowFailed)))
        failed = loop.ua.inputs(FlowFailed)[0]
        assert isinstance(failed, FlowFailed)
        assert failed.cause is Cause.CERTIFICATE

    on_loopback(Transport.TLS, test)


def test_silence_freeze_and_restart() -> None:
    async def test(loop: Loop) -> None:
        await loop.registered()
        now = loop.stage.now
        loop.stage.inject(make_fault("silence", "one", at_s=now, until_s=now + 0.2))
        loop.register()
        await asyncio.sleep(0.3)
        assert len(loop.ua.got(200)) == 1
        loop.stage.inject(make_fault("freeze", "one", at_s=loop.stage.now))
        loop.register()
        await asyncio.sleep(0.1)
        assert len(loop.ua.got(200)) == 1
        loop.stage.heal("one")
        await loop.until(lambda: len(loop.ua.got(200)) == 2)
        assert list(loop.server.store.all(loop.stage.now))
        loop.stage.inject(make_fault("restart", "one", at_s=loop.stage.now))
        assert not list(loop.server.store.all(loop.stage.now))
        await loop.registered(3)
        assert [r.text for r in loop.stage.record.remarks][-1] == "restart one: begins"

    on_loopback(Transport.UDP, test)


def test_the_name_server_answers_over_udp_and_tcp_and_falls_silent() -> None:
    async def run() -> None:
        async with LoopbackStage() as stage:
            stage.attach_name_server("dns", NameServer("a.example 60 IN A 10.0.0.1"), DNS, 10053)
            await stage.open()
            query = dns.message.make_query("a.example", "A")
            udp = await dns.asyncquery.udp(query, DNS, port=10053, timeout=SOON_S)
            assert udp.answer[0][0].address == "10.0.0.1"
            tcp = await dns.asyncquery.tcp(query, DNS, port=10053, timeout=SOON_S)
            assert tcp.answer[0][0].address == "10.0.0.1"
            stage.inject(make_fault("dns_down", "dns", at_s=stage.now))
            with pytest.raises(dns.exception.Timeout):
                await dns.asyncquery.udp(query, DNS, port=10053, timeout=0.2)
            stage.heal("dns")
            stage.inject(make_fault("servfail", "dns", at_s=stage.now))
            failed = await dns.asyncquery.udp(query, DNS, port=10053, timeout=SOON_S)
            assert failed.rcode() == dns.rcode.SERVFAIL

    asyncio.run(run())


def test_a_script_waits_and_hears_whether_it_came_about() -> None:
    async def run() -> list[bool]:
        def script() -> Script[list[bool]]:
            yield Pause(0.01)
            one = yield Until(lambda: True, 1)
            two = yield Until(lambda: False, 0.05)
            return [one, two]

        async with LoopbackStage() as stage:
            return await stage.play(script())

    assert asyncio.run(run()) == [True, False]


def test_mistakes_are_named() -> None:
    async def test(loop: Loop) -> None:
        assert loop.ua.inputs(FlowOpened)
        with pytest.raises(UsageError, match="already"):
            loop.stage.attach("one", loop.ua, [PHONE])
        with pytest.raises(FaultError, match="there are: one, alice"):
            loop.stage.inject(make_fault("silence", "two"))
        loop.stage.inject(make_fault("refuse", "alice", at_s=loop.stage.now))
        await asyncio.sleep(0.1)
        with pytest.raises(UsageError, match="not on the network"):
            loop.stage.do("alice", loop.ua.start)

    on_loopback(Transport.UDP, test)
