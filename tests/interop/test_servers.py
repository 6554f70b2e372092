"""The servers of this folder by themselves: what they are relied on for is really so."""

from __future__ import annotations

import time
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.interop.bind import Bind
from tests.interop.capture import Capture
from tests.interop.kamailio import Kamailio
from tests.interop.net import Net
from tests.interop.process import wait_until
from tests.interop.raw_sip import RawClient, is_alive
from tests.interop.sipp import Sipp

_USERS = {"1010": "secret-1010", "1011": "secret-1011"}


@pytest.mark.needs("named")
def test_bind_serves_naptr_srv_and_a_and_takes_new_records(tmp_path: Path, net: Net) -> None:
    records = f"""
        @ NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp
        _sip._udp SRV 0 2 5060 primary
        _sip._udp SRV 1 2 5060 secondary
        primary A {net.host(1)}
        secondary 5 A {net.host(2)}
    """
    with Bind(tmp_path, records) as bind:

        def ask(name: str, kind: str) -> list[str]:
            query = dns.message.make_query(name, kind)
            answer = dns.query.udp(query, bind.address, port=bind.port, timeout=2)
            return [str(record) for rrset in answer.answer for record in rrset]

        naptr = '90 50 "s" "SIP+D2U" "" _sip._udp.example.test.'
        assert ask("example.test", "NAPTR") == [naptr]
        assert sorted(ask("_sip._udp.example.test", "SRV")) == [
            "0 2 5060 primary.example.test.",
            "1 2 5060 secondary.example.test.",
        ]
        assert ask("secondary.example.test", "A") == [net.host(2)]
        bind.set_records(f"primary A {net.host(2)}")
        assert ask("primary.example.test", "A") == [net.host(2)]
        assert ask("example.test", "NAPTR") == []


@pytest.mark.needs("kamailio")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_kamailio_registers_with_the_right_password_only(
    tmp_path: Path, net: Net, algorithm: str
) -> None:
    with Kamailio(tmp_path, net.host(1), _USERS, algorithm=algorithm) as kamailio:
        server = (kamailio.address, kamailio.port)
        phone = RawClient(server, net.host(10), "1010", "secret-1010")
        assert phone.register().status == 200
        assert kamailio.bindings() == {"1010": [f"sip:1010@{net.host(10)}:5060"]}
        assert phone.register(expires_s=0).status == 200
        assert kamailio.bindings() == {}
        assert RawClient(server, net.host(10), "1010", "wrong").register().status == 401
        assert RawClient(server, net.host(10), "9999", "secret-1010").register().status == 401


@pytest.mark.needs("kamailio")
def test_a_frozen_kamailio_is_silent_and_answers_when_thawed(tmp_path: Path, net: Net) -> None:
    with Kamailio(tmp_path, net.host(1), _USERS) as kamailio:
        server = (kamailio.address, kamailio.port)
        phone = RawClient(server, net.host(10), "1010", "secret-1010", timeout_s=0.5)
        kamailio.freeze()
        with pytest.raises(TimeoutError):
            phone.register()
        kamailio.thaw()
        wait_until("answer", lambda: is_alive(*server), 5.0)
        assert phone.register().status == 200


@pytest.mark.needs("kamailio")
def test_a_killed_kamailio_refuses_and_can_be_started_again(tmp_path: Path, net: Net) -> None:
    with Kamailio(tmp_path, net.host(1), _USERS) as kamailio:
        server = (kamailio.address, kamailio.port)
        phone = RawClient(server, net.host(10), "1010", "secret-1010")
        assert phone.register().status == 200
        kamailio.freeze()
        kamailio.kill()  # a frozen one too
        with pytest.raises(ConnectionRefusedError):
            phone.register()
        kamailio.start()
        kamailio.ready()
        assert kamailio.bindings() == {}  # it forgot
        assert phone.register().status == 200


@pytest.mark.needs("kamailio")
def test_two_kamailios_share_their_registrations(tmp_path: Path, net: Net) -> None:
    one, two = net.host(1), net.host(2)
    with (
        Kamailio(tmp_path, one, _USERS, name="primary", share_with=two) as primary,
        Kamailio(tmp_path, two, _USERS, name="secondary", share_with=one) as secondary,
    ):
        phone = RawClient((one, 5060), net.host(10), "1010", "secret-1010")
        assert phone.register().status == 200
        wait_until("copy", lambda: secondary.bindings() == primary.bindings(), 5.0)
        assert list(secondary.bindings()) == ["1010"]
        assert phone.register(expires_s=0).status == 200
        wait_until("removal", lambda: secondary.bindings() == {}, 5.0)


@pytest.mark.needs("kamailio", "tshark")
def test_a_capture_shows_every_message_and_when(tmp_path: Path, net: Net) -> None:
    with Kamailio(tmp_path, net.host(1), _USERS) as kamailio, Capture(tmp_path, net) as capture:
        before = time.time()
        phone = RawClient((kamailio.address, 5060), net.host(10), "1010", "secret-1010")
        assert phone.register().status == 200
        after = time.time()
        capture.stop()
        seen = capture.packets("REGISTER")
        assert [(packet.status, packet.cseq) for packet in seen] == [
            (0, 1),
            (401, 1),
            (0, 2),
            (200, 2),
        ]
        assert [packet.src[0] for packet in seen] == [net.host(10), net.host(1)] * 2
        assert {packet.transport for packet in seen} == {"UDP"}
        assert len({packet.call_id for packet in seen}) == 1
        assert len({packet.branch for packet in seen}) == 2
        assert before <= seen[0].time <= seen[-1].time <= after
        assert len(capture.packets("REGISTER", net.host(1), status=0)) == 2


@pytest.mark.needs("kamailio", "sipp")
def test_sipp_registers_at_kamailio(tmp_path: Path, net: Net) -> None:
    with (
        Kamailio(tmp_path, net.host(1), _USERS) as kamailio,
        Sipp(
            tmp_path,
            "register",
            (net.host(10), 5060),
            (kamailio.address, kamailio.port),
            user="1010",
            password="secret-1010",
        ) as sipp,
    ):
        assert sipp.wait(20) == 0, sipp.log_tail()
        assert list(kamailio.bindings()) == ["1010"]


@pytest.mark.needs("kamailio", "sipp", "tshark")
def test_a_call_through_kamailio_keeps_to_its_recorded_route(tmp_path: Path, net: Net) -> None:
    with Kamailio(tmp_path, net.host(1), _USERS) as kamailio, Capture(tmp_path, net) as capture:
        server = (kamailio.address, kamailio.port)
        caller, callee = (net.host(10), 5060), (net.host(11), 5060)
        assert RawClient(server, callee[0], "1011", "secret-1011").register().status == 200
        with (
            Sipp(tmp_path, "callee", callee, server) as answering,
            Sipp(
                tmp_path,
                "caller",
                caller,
                server,
                user="1010",
                password="secret-1010",
                number="1011",
            ) as calling,
        ):
            assert calling.wait(20) == 0, calling.log_tail()
            assert answering.wait(20) == 0, answering.log_tail()
        capture.stop()
        rings = capture.packets("INVITE", callee[0], status=0)
        assert len({packet.call_id for packet in rings}) == 1
        byes = capture.packets("BYE", status=0)
        assert {packet.dst[0] for packet in byes} == {kamailio.address, callee[0]}
