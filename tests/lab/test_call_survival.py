"""Two phones in a call whose server dies: voice goes on, the call moves, either side hangs up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from evertone.config.settings import LineSettings
from evertone.events import CallChanged, CallMoved, Event, MediaChanged
from evertone.lab.checkers import at_rest
from evertone.lab.faults import make_fault
from evertone.lab.wire import Wire
from evertone.model import Transport
from evertone.phone.snapshot import CallSnapshot
from evertone.sip import sdp
from evertone.sip.message import Request, parse
from tests.lab.test_scenarios import EXPIRES_S, LAST_TARGET_S, ONE, PHONES, S1_S, TWO, Lab

# registrations are found dead by their refresh, at their end, or with their connection
DEAD_S = EXPIRES_S + LAST_TARGET_S + 3 * S1_S
OTHERS = {"a": "b", "b": "a"}


class Talk(Lab):
    """A lab in which phone a has called phone b, by the first server."""

    def __init__(self, kind: str, transport: Transport, **more: bool) -> None:
        super().__init__(kind, transport, **more)
        self.start()
        assert self.all_at(ONE, 5)
        phone = self.phones["a"]
        self.world.do("a", lambda now: phone.call(1, "b", now))
        assert self.world.run_till(self.established, 5)

    def calls(self, name: str) -> tuple[CallSnapshot, ...]:
        return self.phones[name].snapshot(self.world.now).calls

    def established(self) -> bool:
        return all([c.state for c in self.calls(name)] == ["established"] for name in PHONES)

    def are_at(self, address: str) -> bool:
        targets = [c.target for name in PHONES for c in self.calls(name)]
        return len(targets) == 2 and all(t is not None and t.address == address for t in targets)

    def at_rest(self) -> bool:
        seen = (phone.snapshot(self.world.now) for phone in self.phones.values())
        return not any(at_rest(each, (), both_serve=True) for each in seen)

    def hang_up(self, name: str) -> None:
        (call,) = self.calls(name)
        self.world.do(name, lambda now: self.phones[name].hangup(call.call, now))

    def hold(self, name: str) -> str:
        (call,) = self.calls(name)
        self.world.do(name, lambda now: self.phones[name].hold(call.call, now))
        return call.call

    def events(self, name: str, kind: type[Event]) -> list[Event]:
        return [e for e in self.world.record.events_of(name) if isinstance(e, kind)]

    def descriptions(self, name: str) -> Iterator[sdp.Session]:
        """What a phone has said of its media, in INVITEs and answers."""
        for packet in self.world.record.packets:
            if packet.source[0] == PHONES[name] and b"m=audio" in packet.data:
                yield sdp.parse(parse(packet.data).body)

    def offers(self, name: str) -> list[Request]:
        """The INVITEs of a phone as they left it."""
        found = []
        for packet in self.world.record.packets:
            if packet.source[0] == PHONES[name] and packet.data.startswith(b"INVITE"):
                message = parse(packet.data)
                assert isinstance(message, Request)
                found.append(message)
        return found


@pytest.mark.rule("X5", "C2", "C4", "R9", "F6")
@pytest.mark.parametrize("hangs_up", ["a", "b"])
@pytest.mark.parametrize("fault", ["silence", "refuse"])
@pytest.mark.parametrize("transport", list(Transport), ids=lambda t: t.value)
@pytest.mark.parametrize("kind", ["failover", "concurrent", "successive"])
def test_a_call_outlives_its_server(
    kind: str, transport: Transport, fault: str, hangs_up: str
) -> None:
    talk = Talk(kind, transport)
    talk.strike(fault)
    assert talk.world.run_till(lambda: talk.are_at(TWO), DEAD_S)
    assert talk.established()
    talk.world.run_for(5)
    for name in PHONES:
        assert len(set(talk.descriptions(name))) <= 2, "an offer and an answer, never another one"
        ports = {d.media[0].port for d in talk.descriptions(name)}
        assert len(ports) == 1
        assert not talk.events(name, MediaChanged)
        moved = talk.events(name, CallMoved)
        assert len(moved) == 1
    assert talk.rings() == 1
    talk.hang_up(hangs_up)
    assert talk.world.run_till(lambda: not talk.calls(OTHERS[hangs_up]), 1)
    talk.world.heal("one")
    assert talk.world.run_till(talk.at_rest, 700), "nothing is left over"


@pytest.mark.rule("X5", "C4")
@pytest.mark.parametrize("hangs_up", ["a", "b"])
def test_hung_up_before_the_phones_know_that_the_server_is_dead(hangs_up: str) -> None:
    talk = Talk("failover", Transport.UDP)
    talk.strike("silence")
    talk.hang_up(hangs_up)
    assert not talk.calls(hangs_up)
    # C2: the BYE finds the way by the other target after S1's time
    assert talk.world.run_till(lambda: not talk.calls(OTHERS[hangs_up]), S1_S + 1)


@pytest.mark.rule("X5")
def test_without_survival_the_call_stays_where_it_is_and_still_hangs_up() -> None:
    class Plain(Talk):
        def line(self, user: str, transport: Transport) -> LineSettings:
            return replace(super().line(user, transport), call_survival=0)

    talk = Plain("failover", Transport.UDP)
    talk.strike("silence")
    talk.world.run_for(DEAD_S)
    assert talk.established()
    assert talk.are_at(ONE)
    assert len(talk.offers("a")) == 2  # the challenge's
    talk.hang_up("b")
    assert talk.world.run_till(lambda: not talk.calls("a"), S1_S + 1)


@pytest.mark.rule("X5", "C4")
def test_all_servers_die_and_the_call_goes_on_until_one_is_back() -> None:
    talk = Talk("failover", Transport.UDP)
    for server in ("one", "two"):
        talk.world.inject(make_fault("silence", server, at_s=talk.world.now))
    talk.world.run_for(300)
    assert talk.established()
    talk.world.heal("two")
    assert talk.world.run_till(lambda: talk.are_at(TWO), 120)
    talk.hang_up("a")
    assert talk.world.run_till(lambda: not talk.calls("b"), 2)


@pytest.mark.rule("X5", "R9")
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS], ids=lambda t: t.value)
def test_a_server_that_restarts_cuts_the_connections_but_not_the_call(
    transport: Transport,
) -> None:
    talk = Talk("failover", transport)
    talk.world.inject(make_fault("restart", "one", at_s=talk.world.now))
    talk.world.run_for(60)
    assert talk.established()
    for name in PHONES:
        assert len({d.media[0].port for d in talk.descriptions(name)}) == 1
    talk.hang_up("b")
    assert talk.world.run_till(lambda: not talk.calls("a"), S1_S + 1)


@pytest.mark.rule("C2")
def test_a_call_on_hold_stays_on_hold_when_it_moves() -> None:
    talk = Talk("concurrent", Transport.UDP)
    call = talk.hold("a")
    talk.world.run_for(1)
    assert [c.media for c in talk.calls("a") + talk.calls("b")] == ["sendonly", "recvonly"]
    talk.strike("refuse")
    assert talk.world.run_till(lambda: talk.are_at(TWO), DEAD_S)
    talk.world.run_for(1)
    assert [c.media for c in talk.calls("a") + talk.calls("b")] == ["sendonly", "recvonly"]
    talk.world.do("a", lambda now: talk.phones["a"].resume(call, now))
    talk.world.run_for(1)
    assert [c.media for c in talk.calls("a") + talk.calls("b")] == ["sendrecv", "sendrecv"]


@pytest.mark.rule("C2")
def test_both_sides_hold_at_once_and_both_are_heard() -> None:
    talk = Talk("failover", Transport.UDP)
    for name in PHONES:
        talk.hold(name)
    talk.world.run_for(20)
    assert talk.established()
    assert [c.media for c in talk.calls("a") + talk.calls("b")] == ["inactive", "inactive"]


# --- the ends of a call that was not yet one --------------------------------------------------


@pytest.mark.rule("A12", "F6")
def test_a_callee_that_has_the_call_by_an_earlier_way_is_waited_for() -> None:
    lab = Lab("failover", Transport.UDP, digest=False)
    lab.start()
    assert lab.all_at(ONE, 5)
    now = lab.world.now
    cut = make_fault("partition", "one", peer="a", at_s=now, until_s=now + 15)
    lab.world.inject(cut)  # what server one says does not reach a
    phone = lab.phones["a"]
    lab.world.do("a", lambda at: phone.call(1, "b", at))
    lab.world.run_for(12)
    merged = [m for m in lab.wire().messages if m.status == 482 and m.target == PHONES["a"]]
    assert merged
    assert [c.state for c in phone.snapshot(lab.world.now).calls] == ["proceeding"]
    lab.world.run_for(10)  # the way back is whole again, and b says 200 once more
    assert [c.state for c in phone.snapshot(lab.world.now).calls] == ["established"]
    assert lab.rings() == 1
    targets = {e.target for e in lab.wire().exchanges("INVITE", PHONES["a"])}
    assert targets == {"one", "two"}


@pytest.mark.rule("A12")
def test_an_earlier_way_that_stays_cut_ends_the_call_and_says_so() -> None:
    lab = Lab("failover", Transport.UDP, digest=False)
    lab.start()
    assert lab.all_at(ONE, 5)
    lab.world.inject(make_fault("partition", "one", peer="a", at_s=lab.world.now))
    phone, began = lab.phones["a"], lab.world.now
    lab.world.do("a", lambda at: phone.call(1, "b", at))
    lab.world.run_for(60)
    events = [e for e in lab.world.record.events_of("a") if isinstance(e, CallChanged)]
    assert (events[-1].state, events[-1].code) == ("ended", 482)
    assert events[-1].rule is not None
    assert events[-1].rule.id == "A12"
    assert events[-1].at - began == pytest.approx(32, abs=1)
    assert len(lab.wire().exchanges("INVITE", PHONES["a"])) == 2


@pytest.mark.rule("A13", "A8")
@pytest.mark.parametrize("after_s", [2.0, S1_S + 1.0])
def test_hung_up_in_failover_before_anybody_said_anything(after_s: float) -> None:
    lab = Lab("failover", Transport.UDP, digest=False)
    lab.start()
    assert lab.all_at(ONE, 5)
    for server in ("one", "two"):
        lab.world.inject(make_fault("freeze", server, at_s=lab.world.now))
    phone = lab.phones["a"]
    call = lab.world.do("a", lambda at: phone.call(1, "b", at))
    lab.world.run_for(after_s)
    lab.world.do("a", lambda at: phone.hangup(call, at))
    assert phone.snapshot(lab.world.now).idle
    sent = len([m for m in lab.wire().messages if (m.source, m.method) == (PHONES["a"], "INVITE")])
    lab.world.run_for(15)
    wire = lab.wire()
    asked = [m for m in wire.messages if (m.source, m.method) == (PHONES["a"], "INVITE")]
    assert len(asked) == sent, "no resend and no other target after the user's CANCEL"
    tried = {m.target for m in asked}
    assert not [m for m in wire.messages if m.method == "CANCEL" and m.source == PHONES["a"]]
    for server in ("one", "two"):
        lab.world.heal(server)
    lab.world.run_for(60)
    cancelled = {
        m.target for m in lab.wire().messages if (m.source, m.method) == (PHONES["a"], "CANCEL")
    }
    assert cancelled == tried
    assert not lab.phones["b"].snapshot(lab.world.now).calls


def test_the_wire_of_a_call_is_read_from_packets() -> None:
    """The checks above look at real packets: there are some."""
    talk = Talk("failover", Transport.UDP)
    assert Wire(talk.world.record, {}).exchanges("INVITE", PHONES["a"])
    assert list(talk.descriptions("a"))
    assert list(talk.descriptions("b"))
