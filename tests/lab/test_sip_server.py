"""The lab's registrar and proxy, spoken to by scripted user agents in the simulated world."""

from __future__ import annotations

import random

import pytest

from evertone.lab.faults import make_fault
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.sip.auth import Credentials
from evertone.sip.message import Request, parse
from tests.lab.nodes import Ua

ONE, TWO = "10.0.1.1", "10.0.1.2"
UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


def ends(address: str) -> tuple[Target, ...]:
    return (Target(address, 5060, UDP), Target(address, 5060, TCP), Target(address, 5061, TLS))


class Lab:
    """Servers ``one`` and ``two``, and as many user agents as a test wants."""

    def __init__(self, *, shared: bool = True, users: dict[str, str] | None = None) -> None:
        self.world = World(1)
        store = RegistrationStore()
        self.servers = {}
        self.users = users or {}
        for name, address, other in (("one", ONE, TWO), ("two", TWO, ONE)):
            routes = {} if shared else {"*": Target(other, 5060, UDP)}
            server = SipServer(
                name,
                ends(address),
                ["pbx.example", address],
                self.users,
                store if shared else RegistrationStore(),
                random.Random(name),
                routes=routes,
            )
            self.world.attach(
                name, server, [address], listen=server.listen, certificate=["pbx.example"]
            )
            self.servers[name] = server
        self.count = 0

    def ua(self, user: str, transport: Transport = UDP, server: str = ONE) -> Ua:
        self.count += 1
        port = 5061 if transport is TLS else 5060
        ua = Ua(user, Target(server, port, transport, "pbx.example" if transport is TLS else ""))
        address = f"10.0.2.{self.count}"
        listen = [Target(address, 5060, UDP)] if transport is UDP else []
        self.world.attach(self.name(ua), ua, [address], listen=listen)
        self.world.do(self.name(ua), ua.start)
        self.world.run_for(0.1)
        return ua

    def name(self, ua: Ua) -> str:
        return f"{ua.user}-{id(ua)}"

    def send(self, ua: Ua, request: Request, seconds: float = 0.2) -> None:
        self.world.do(self.name(ua), ua.transmit(request))
        self.world.run_for(seconds)

    def register(self, ua: Ua, *headers: tuple[str, str]) -> Request:
        me = f"sip:{ua.user}@pbx.example"
        request = ua.request("REGISTER", me, *headers, uri="sip:pbx.example", call_id=f"r{ua.user}")
        self.send(ua, request)
        return request

    def invite(self, caller: Ua, callee: str, *headers: tuple[str, str], **more: str) -> Request:
        to = f"sip:{callee}@pbx.example"
        request = caller.request("INVITE", to, *headers, **more)
        self.send(caller, request)
        return request


def with_instance(ua: Ua, instance: str, reg_id: int = 1) -> tuple[str, str]:
    return ("Contact", f'{ua.contact};+sip.instance="<urn:uuid:{instance}>";reg-id={reg_id}')


# --- registrar ------------------------------------------------------------------------------


def test_a_binding_is_granted_listed_and_removed() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.register(alice, ("Expires", "600"))
    granted = alice.got(200)[0]
    assert granted.contacts[0].uri.host == "10.0.2.1"
    assert granted.contacts[0].expires_s == 600
    lab.register(alice, ("Contact", f"{alice.contact};expires=0"))
    assert alice.got(200)[1].contacts == ()
    assert not list(lab.servers["one"].store.all(lab.world.now))


def test_instance_and_reg_id_replace_the_old_contact_and_come_back_as_they_were() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.register(alice, with_instance(alice, "A"))
    elsewhere = '<sip:alice@10.9.9.9:5070;x=1>;+sip.instance="<urn:uuid:A>";reg-id=1;q=0.5'
    lab.register(alice, ("Contact", elsewhere))
    contacts = alice.got(200)[1].get_all("Contact")
    assert contacts == [f"{elsewhere};expires=3600"]
    lab.register(alice, with_instance(alice, "A", reg_id=2))
    assert len(alice.got(200)[2].contacts) == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Expires", "5")], 423),
        ([("Contact", "*"), ("Expires", "0")], 200),
        ([("Contact", "*"), ("Expires", "60")], 400),
        ([("CSeq", "1 REGISTER")], 400),
    ],
)
def test_what_a_registrar_refuses(headers: list[tuple[str, str]], status: int) -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.register(alice)
    alice.messages.clear()
    lab.register(alice, *headers)
    assert [m.status for m in alice.messages if not isinstance(m, Request)] == [status]
    if status == 423:
        assert alice.got(423)[0].min_expires == 10


def test_a_time_too_long_is_cut_and_bindings_run_out() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.register(alice, ("Expires", "1000000"))
    assert alice.got(200)[0].contacts[0].expires_s == 7200
    lab.world.run_for(7201)
    assert not list(lab.servers["one"].store.all(lab.world.now))


@pytest.mark.parametrize("transport", [UDP, TCP, TLS], ids=lambda t: t.value)
def test_digest_lets_in_who_knows_the_password(transport: Transport) -> None:
    lab = Lab(users={"alice": "secret"})
    alice = lab.ua("alice", transport)
    request = lab.register(alice)
    challenge = alice.got(401)[0]
    credentials = Credentials("alice", "secret", random.Random(1))
    assert credentials.challenged(request, challenge, "one")
    again = alice.request(
        "REGISTER", "sip:alice@pbx.example", uri="sip:pbx.example", call_id="ralice"
    )
    credentials.authorize(again, "one", lab.world.now)
    lab.send(alice, again)
    assert len(alice.got(200)) == 1
    stranger = Credentials("alice", "guess", random.Random(1))
    stranger.challenged(request, challenge, "one")
    third = alice.request("REGISTER", "sip:alice@pbx.example", uri="sip:pbx.example")
    stranger.authorize(third, "one", lab.world.now)
    lab.send(alice, third)
    assert len(alice.got(200)) == 1


def test_one_user_cannot_register_another() -> None:
    lab = Lab(users={"alice": "secret", "bob": "pwned"})
    alice = lab.ua("alice")
    request = lab.register(alice)
    credentials = Credentials("bob", "pwned", random.Random(1))
    credentials.challenged(request, alice.got(401)[0], "one")
    again = alice.request("REGISTER", "sip:alice@pbx.example", uri="sip:pbx.example")
    credentials.authorize(again, "one", lab.world.now)
    lab.send(alice, again)
    assert len(alice.got(403)) == 1


def test_options_is_answered_and_an_unknown_callee_is_not_found() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.send(alice, alice.request("OPTIONS", "sip:pbx.example"))
    assert len(alice.got(200)) == 1
    lab.invite(alice, "nobody")
    assert len(alice.got(404)) == 1


# --- proxy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("callee_by", [UDP, TCP, TLS], ids=lambda t: t.value)
@pytest.mark.parametrize("caller_by", [UDP, TCP, TLS], ids=lambda t: t.value)
def test_a_call_goes_through_and_its_dialog_follows_the_route(
    caller_by: Transport, callee_by: Transport
) -> None:
    lab = Lab()
    alice, bob = lab.ua("alice", caller_by), lab.ua("bob", callee_by)
    lab.register(bob)
    bob.answers = {"INVITE": (180, 200), "BYE": (200,)}
    lab.invite(alice, "bob")
    assert [m.status for m in alice.messages if not isinstance(m, Request)] == [100, 180, 200]
    invite = bob.asked("INVITE")[0]
    assert invite.max_forwards == 69
    assert invite.uri == str(parse_contact(bob))
    assert len(invite.record_routes) == (1 if caller_by is callee_by else 2)
    answer = alice.got(200)[0]
    assert len(answer.vias) == 1
    routes = [str(r) for r in reversed(answer.record_routes)]
    dialog = {
        "uri": str(answer.contacts[0].uri),
        "to_tag": answer.to.tag,
        "call_id": answer.call_id,
    }
    ack = alice.request("ACK", "sip:bob@pbx.example", ("Route", ", ".join(routes)), **dialog)
    ack.set("CSeq", f"{invite.cseq.number} ACK")
    lab.send(alice, ack)
    assert len(bob.asked("ACK")) == 1
    assert bob.asked("ACK")[0].routes == ()
    bye = alice.request("BYE", "sip:bob@pbx.example", ("Route", ", ".join(routes)), **dialog)
    lab.send(alice, bye)
    assert len(bob.asked("BYE")) == 1
    assert len(alice.got(200)) == 2


def parse_contact(ua: Ua) -> str:
    return ua.contact.strip("<>")


def test_one_callee_with_two_bindings_rings_once() -> None:
    lab = Lab()
    alice, bob = lab.ua("alice"), lab.ua("bob")
    lab.register(bob, with_instance(bob, "B", 1))
    lab.register(bob, with_instance(bob, "B", 2))
    lab.invite(alice, "bob")
    assert len(bob.asked("INVITE")) == 1


def test_two_callees_ring_and_the_loser_is_cancelled() -> None:
    lab = Lab()
    alice, desk, cell = lab.ua("alice"), lab.ua("bob"), lab.ua("bob")
    lab.register(desk, with_instance(desk, "D"))
    lab.register(cell, with_instance(cell, "C"), ("Call-ID", "other"))
    desk.answers = {"INVITE": (180,), "CANCEL": (200,)}
    cell.answers = {"INVITE": (180,)}
    lab.invite(alice, "bob")
    ringing = cell.asked("INVITE")[0]
    lab.world.do(lab.name(cell), lambda now: cell.respond(ringing, 200, cell.flow))
    lab.world.run_for(0.2)
    assert len(alice.got(180)) == 2
    assert len(alice.got(200)) == 1
    assert len(desk.asked("CANCEL")) == 1
    assert not cell.asked("CANCEL")


def test_the_best_answer_of_a_fork_goes_back_and_503_becomes_500() -> None:
    lab = Lab()
    alice, desk, cell = lab.ua("alice"), lab.ua("bob"), lab.ua("bob")
    lab.register(desk, with_instance(desk, "D"))
    lab.register(cell, with_instance(cell, "C"), ("Call-ID", "other"))
    desk.answers = {"INVITE": (503,)}
    cell.answers = {"INVITE": (486,)}
    lab.invite(alice, "bob")
    assert len(alice.got(486)) == 1
    cell.answers = {"INVITE": (503,)}
    lab.invite(alice, "bob", call_id="second")
    assert not alice.got(503)
    assert len(alice.got(500)) == 1


def test_cancel_reaches_the_callee_and_487_comes_back() -> None:
    lab = Lab()
    alice, bob = lab.ua("alice"), lab.ua("bob")
    lab.register(bob)
    bob.answers = {"INVITE": (180,), "CANCEL": (200,)}
    invite = lab.invite(alice, "bob")
    cancel = alice.request("CANCEL", "sip:bob@pbx.example", branch=invite.via.branch)
    cancel.set("CSeq", f"{invite.cseq.number} CANCEL")
    lab.send(alice, cancel)
    assert len(bob.asked("CANCEL")) == 1
    ringing = bob.asked("INVITE")[0]
    lab.world.do(lab.name(bob), lambda now: bob.respond(ringing, 487, bob.flow))
    lab.world.run_for(0.2)
    assert len(alice.got(487)) == 1


def test_a_callee_that_rings_for_ever_is_cancelled_by_timer_c() -> None:
    lab = Lab()
    alice, bob = lab.ua("alice"), lab.ua("bob")
    lab.register(bob)
    bob.answers = {"INVITE": (180,), "CANCEL": (200,)}
    lab.invite(alice, "bob")
    lab.world.run_for(181)
    assert len(bob.asked("CANCEL")) == 1
    assert len(alice.got(408)) >= 1


def test_a_silent_callee_is_408_and_a_dead_port_too_but_at_once() -> None:
    lab = Lab()
    alice, bob, carol = lab.ua("alice"), lab.ua("bob"), lab.ua("carol")
    lab.register(bob)
    lab.register(carol)
    lab.world.inject(make_fault("silence", lab.name(bob), at_s=lab.world.now))
    lab.world.inject(make_fault("refuse", lab.name(carol), at_s=lab.world.now))
    lab.invite(alice, "carol", call_id="c2")
    assert len(alice.got(408)) == 1
    lab.invite(alice, "bob")
    assert len(alice.got(408)) == 1
    lab.world.run_for(33)
    assert len(alice.got(408)) >= 2


def test_a_broken_flow_gives_way_to_the_callees_other_binding() -> None:
    lab = Lab()
    alice, bob = lab.ua("alice"), lab.ua("bob", TCP)
    spare = lab.ua("bob")
    lab.register(spare, with_instance(spare, "B", 1), ("Call-ID", "spare"))
    lab.register(bob, with_instance(bob, "B", 2))
    lab.world.do(lab.name(bob), bob.close(bob.flow))
    lab.world.run_for(0.1)
    lab.invite(alice, "bob")
    assert not bob.asked("INVITE")
    assert len(spare.asked("INVITE")) == 1


def test_a_shared_store_lets_the_other_server_find_the_callee() -> None:
    lab = Lab(shared=True)
    alice, bob = lab.ua("alice", server=TWO), lab.ua("bob", server=ONE)
    lab.register(bob)
    lab.invite(alice, "bob")
    assert bob.asked("INVITE")[0].via.host == TWO


def test_servers_that_share_nothing_relay_to_each_other_but_not_in_circles() -> None:
    lab = Lab(shared=False)
    alice, bob = lab.ua("alice", server=TWO), lab.ua("bob", server=ONE)
    lab.register(bob)
    lab.invite(alice, "bob")
    assert len(bob.asked("INVITE")) == 1
    assert len(bob.asked("INVITE")[0].vias) == 3
    lab.invite(alice, "nobody", call_id="second")
    assert len(alice.got(404)) == 1


def test_an_invite_of_a_stranger_is_challenged_and_one_in_a_dialog_is_not() -> None:
    lab = Lab(users={"alice": "secret", "bob": "pw"})
    alice = lab.ua("alice")
    request = lab.invite(alice, "bob")
    assert len(alice.got(407)) == 1
    credentials = Credentials("alice", "secret", random.Random(1))
    assert credentials.challenged(request, alice.got(407)[0], "one")
    again = alice.request("INVITE", "sip:bob@pbx.example")
    credentials.authorize(again, "one", lab.world.now)
    lab.send(alice, again)
    assert len(alice.got(480)) == 1
    lab.send(alice, alice.request("BYE", "sip:bob@pbx.example", to_tag="t"))
    assert {m.cseq.method for m in alice.got(407)} == {"INVITE"}


def test_a_request_that_has_come_too_far_is_483() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.invite(alice, "bob", max_forwards="0")
    assert len(alice.got(483)) == 1


# --- faults and odd input ---------------------------------------------------------------------


@pytest.mark.rule("A2")
def test_answer_and_restart_are_faults_it_plays_itself() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.world.inject(make_fault("answer", "one", value=503, retry_after_s=20, until_s=1.0))
    lab.register(alice)
    assert alice.got(503)[0].retry_after_s == 20
    lab.world.run_until(2.0)
    lab.register(alice)
    assert len(alice.got(200)) == 1
    lab.world.inject(make_fault("restart", "one", at_s=lab.world.now))
    assert not list(lab.servers["one"].store.all(lab.world.now))
    lab.register(alice)
    assert len(alice.got(200)) == 2


def test_ping_is_answered_with_pong() -> None:
    lab = Lab()
    alice = lab.ua("alice", TCP)
    lab.world.do(lab.name(alice), alice.send(alice.flow, b"\r\n\r\n"))
    lab.world.run_for(0.1)
    assert alice.data() == [b"\r\n"]


@pytest.mark.parametrize("transport", [UDP, TCP], ids=lambda t: t.value)
def test_nonsense_is_dropped_and_counted(transport: Transport) -> None:
    lab = Lab()
    alice = lab.ua("alice", transport)
    for data in (b"\x00\xff" * 50 + b"\r\n\r\n", b"\r\n", b"SIP/2.0 200 OK\r\n\r\n"):
        lab.world.do(lab.name(alice), alice.send(alice.flow, data))
        lab.world.run_for(0.1)
    assert lab.servers["one"].dropped >= 1
    assert all(b"200" not in data for data in alice.data())


def test_nothing_is_left_over_when_all_is_quiet() -> None:
    lab = Lab()
    alice, bob = lab.ua("alice"), lab.ua("bob")
    lab.register(bob)
    bob.answers = {"INVITE": (486,)}
    lab.invite(alice, "bob")
    lab.world.run_for(400)
    assert lab.servers["one"].next_deadline() is None


def test_messages_can_be_read_back() -> None:
    lab = Lab()
    alice = lab.ua("alice")
    lab.register(alice)
    for packet in lab.world.record.packets:
        assert parse(packet.data).call_id == "ralice"
