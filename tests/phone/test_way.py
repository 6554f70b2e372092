"""The way of an established call: held, asked for, lost and found again (C2, B10, X5, R9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from evertone.errors import UsageError
from evertone.events import CallChanged, CallMoved, MediaChanged
from evertone.flows import Nameserver
from evertone.model import Cause, Target, Transport
from evertone.sip import sdp
from evertone.sip.message import Request, Response
from evertone.sip.replaces import parse_replaces
from tests.phone.desk import ONE, SDP, TWO, Desk, Peer, answer, granting, line, server, silent
from tests.phone.test_call_in import acknowledge, contact_uri, invite, last_answer, within

NAME = "pbx.example"
RECORDS = (
    f'{NAME}. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.{NAME}.',
    f"_sip._udp.{NAME}. 300 IN SRV 0 0 5060 one.{NAME}.",
    f"_sip._udp.{NAME}. 300 IN SRV 1 0 5060 two.{NAME}.",
    f"one.{NAME}. 300 IN A {ONE.address}",
    f"two.{NAME}. 300 IN A {TWO.address}",
)
BOB = ("Contact", "<sip:bob@198.51.100.7:5060>")


def routing(at: Target, then: Callable[[Request], list[Response]] | None = None) -> Peer:
    """A record-routing proxy at ``at`` behind which ``then`` answers INVITEs; else with 200."""
    register = granting()
    route = ("Record-Route", f"<sip:{at.address}:5060;lr>")

    def peer(request: Request) -> Iterable[Response]:
        if request.method != "INVITE":
            return register(request)
        if then is not None:
            return then(request)
        return [answer(request, 200, BOB, route, body=SDP)]

    return peer


def refusing(*codes: int, at: Target = ONE) -> Peer:
    """Re-INVITEs are refused with these, one after the other; then they are answered."""
    left = list(codes)
    accept = routing(at)

    def then(request: Request) -> list[Response]:
        if request.to.tag and left:
            return [answer(request, left.pop(0))]
        return list(accept(request))

    return routing(at, then)


def talking(**more: object) -> tuple[Desk, str]:
    """A phone in a call of its own, by ONE; its server's name leads to ONE and TWO."""
    options: dict[str, object] = {"port": 0, "transport_type": 3, "failback_mode": 3} | more
    survival = int(options.pop("call_survival", 1))  # type: ignore[call-overload]
    settings = line(server(NAME, **options), call_survival=survival)
    desk = Desk(settings, nameservers=(Nameserver("192.0.2.53"),))
    desk.records = RECORDS
    desk.peers |= {ONE: routing(ONE), TWO: routing(TWO)}
    desk.start(1)
    call = desk.phone.call(1, "555", desk.now)
    desk.drain()
    assert desk.states(call)[-1] == "established"
    return desk, call


def called(*, call_survival: int = 1) -> tuple[Desk, str, Request]:
    """A phone in a call to it, by ONE."""
    settings = line(server(), server(TWO.address), call_survival=call_survival)
    desk = Desk(settings, auto_answer=True)
    desk.peers |= {ONE: granting(), TWO: granting()}
    desk.start(1)
    request = invite(contact_uri(desk))
    desk.say(desk.flow_to(ONE), request)
    acknowledge(desk, request)
    (call,) = desk.phone.snapshot(desk.now).calls
    return desk, call.call, request


def state(desk: Desk) -> str:
    calls = desk.phone.snapshot(desk.now).calls
    return calls[0].state if calls else "over"


def media(desk: Desk) -> list[str]:
    return [e.media for e in desk.of(MediaChanged) if isinstance(e, MediaChanged)]


def moves(desk: Desk) -> list[tuple[str, str, str]]:
    found = [e for e in desk.of(CallMoved) if isinstance(e, CallMoved)]
    return [
        (e.origin.address, e.hop.target.address if e.hop else "", e.rule.id if e.rule else "")
        for e in found
    ]


def direction(request: Request) -> sdp.Direction:
    offer = sdp.parse(request.body)
    return offer.direction(offer.media[0])


# --- hold and resume --------------------------------------------------------------------------


def test_a_call_is_held_and_resumed() -> None:
    desk, call = talking()
    desk.phone.hold(call, desk.now)
    desk.drain()
    first, held = desk.requests("INVITE")
    assert (held.call_id, held.to.tag, held.cseq.number) == (first.call_id, "peer", 2)
    assert held.uri == "sip:bob@198.51.100.7:5060"
    assert [str(route) for route in held.routes] == ["<sip:192.0.2.1:5060;lr>"]
    assert direction(held) is sdp.Direction.SENDONLY
    assert media(desk) == ["sendonly"]
    assert desk.requests("ACK")[-1].cseq.number == 2
    desk.phone.resume(call, desk.now)
    desk.drain()
    resumed = desk.requests("INVITE")[-1]
    assert direction(resumed) is sdp.Direction.SENDRECV
    assert media(desk) == ["sendonly", "sendrecv"]
    versions = [sdp.parse(r.body).origin.version for r in desk.requests("INVITE")]
    assert versions == [1, 2, 3]
    ports = {sdp.parse(r.body).media[0].port for r in desk.requests("INVITE")}
    assert len(ports) == 1
    assert state(desk) == "established"


def test_only_an_established_call_is_held_and_only_once() -> None:
    desk, call = talking()
    with pytest.raises(UsageError):
        desk.phone.resume(call, desk.now)
    desk.phone.hold(call, desk.now)
    with pytest.raises(UsageError):
        desk.phone.hold(call, desk.now)
    with pytest.raises(UsageError):
        desk.phone.hold("call-99", desk.now)
    desk.peers[ONE] = silent
    second = desk.phone.call(1, "556", desk.now)
    with pytest.raises(UsageError):
        desk.phone.hold(second, desk.now)


def test_who_changes_their_mind_while_the_peer_is_asked_is_heard_afterwards() -> None:
    desk, call = talking()
    desk.peers[ONE] = routing(ONE, lambda request: [])
    desk.phone.hold(call, desk.now)
    desk.drain()
    desk.phone.resume(call, desk.now)
    desk.drain()
    held = desk.requests("INVITE")[-1]
    desk.peers[ONE] = routing(ONE)
    desk.say(desk.flow_to(ONE), answer(held, 200, BOB, body=SDP))
    assert [direction(r) for r in desk.requests("INVITE")[-2:]] == [
        sdp.Direction.SENDONLY,
        sdp.Direction.SENDRECV,
    ]
    assert media(desk) == ["sendonly", "sendrecv"]


def test_a_repeated_200_to_a_re_invite_is_acknowledged_again() -> None:
    desk, call = talking()
    desk.phone.hold(call, desk.now)
    desk.drain()
    held = desk.requests("INVITE")[-1]
    before = len(desk.requests("ACK"))
    desk.say(desk.flow_to(ONE), answer(held, 200, BOB, body=SDP))
    assert len(desk.requests("ACK")) == before + 1
    assert not desk.requests("BYE")


def test_a_hold_that_is_refused_changes_nothing_and_may_be_tried_again() -> None:
    desk, call = talking()
    desk.peers[ONE] = refusing(488)
    desk.phone.hold(call, desk.now)
    desk.drain()
    assert (state(desk), media(desk)) == ("established", [])
    desk.phone.hold(call, desk.now)
    desk.drain()
    assert media(desk) == ["sendonly"]


def test_491_is_followed_by_another_try_after_a_random_wait() -> None:
    desk, call = talking()
    desk.peers[ONE] = refusing(491, 491)
    desk.phone.hold(call, desk.now)
    began = desk.now
    desk.run(began + 2)
    assert len(desk.requests("INVITE")) == 2
    desk.run(began + 9)
    times = [
        s.at for s in desk.sent if isinstance(s.message, Request) and s.message.method == "INVITE"
    ]
    assert all(2.1 <= b - a <= 4.0 for a, b in pairwise(times[1:]))
    assert media(desk) == ["sendonly"]


def test_glares_without_end_are_given_up() -> None:
    desk, call = talking()
    desk.peers[ONE] = refusing(*[491] * 50)
    desk.phone.hold(call, desk.now)
    desk.run(60)
    assert len(desk.requests("INVITE")) <= 8
    assert state(desk) == "established"


def test_a_peer_that_asks_while_we_do_is_told_so() -> None:
    desk, call = talking()
    desk.peers[ONE] = routing(ONE, lambda request: [])
    desk.phone.hold(call, desk.now)
    desk.drain()
    first = desk.requests("INVITE")[0]
    theirs = invite(
        str(first.contacts[0].uri),
        call_id=first.call_id,
        to=str(first.from_),
        body=SDP,
    )
    theirs.set("From", "<sip:555@pbx.example>;tag=peer")
    desk.say(desk.flow_to(ONE), theirs)
    assert desk.responses("INVITE") == [491]


def test_the_peers_hold_is_answered_as_one_and_told() -> None:
    desk, _, request = called()
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 2, body=SDP + b"a=sendonly\r\n"))
    assert direction_of(last_answer(desk)) is sdp.Direction.RECVONLY
    assert media(desk) == ["recvonly"]


def direction_of(response: Response) -> sdp.Direction:
    description = sdp.parse(response.body)
    return description.direction(description.media[0])


def test_a_200_of_ours_to_a_re_invite_that_nobody_acknowledges_ends_the_call() -> None:
    desk, call, request = called(call_survival=0)
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 2, body=SDP))
    desk.run(desk.now + 40)
    assert desk.states(call)[-1] == "ended"
    assert desk.requests("BYE")


@pytest.mark.rule("C4", "X5")
def test_with_call_survival_a_call_looks_for_a_peer_that_acknowledged_nothing() -> None:
    """The server died while it carried the re-INVITE: no outage ends a call."""
    desk, call, request = called()
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 2, body=SDP))
    desk.run(desk.now + 40)
    assert desk.states(call)[-1] == "established"
    assert desk.requests("INVITE")
    assert not desk.requests("BYE")


@pytest.mark.rule("C2", "C4")
@pytest.mark.parametrize("call_survival", [0, 1])
def test_only_the_answer_to_the_newest_re_invite_matters(call_survival: int) -> None:
    desk, call, request = called(call_survival=call_survival)
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 2, body=SDP))
    desk.run(desk.now + 7.5)  # the peer asks once more, by the other server
    desk.say(desk.flow_to(TWO), within(desk, request, "INVITE", 3, body=SDP))
    desk.say(desk.flow_to(TWO), within(desk, request, "ACK", 3))
    desk.run(desk.now + 60)
    assert desk.states(call)[-1] == "established"
    assert not desk.requests("INVITE")


# --- C2 ---------------------------------------------------------------------------------------


@pytest.mark.rule("C2")
def test_a_re_invite_to_a_dead_next_hop_goes_by_the_other_target_and_the_call_with_it() -> None:
    desk, call = talking()
    desk.peers[ONE] = silent
    desk.phone.hold(call, desk.now)
    desk.run(12)
    to_one = desk.requests("INVITE", ONE)[1:]
    assert {r.cseq.number for r in to_one} == {2}
    (by_two,) = desk.requests("INVITE", TWO)
    assert by_two.cseq.number == 3
    assert by_two.via.branch != to_one[0].via.branch
    assert [str(route) for route in by_two.routes] == ["<sip:192.0.2.2:5060;lr>"]
    (ack,) = desk.requests("ACK", TWO)
    assert (ack.cseq.number, [str(r) for r in ack.routes]) == (3, ["<sip:192.0.2.2:5060;lr>"])
    assert moves(desk) == [(ONE.address, TWO.address, "C2")]
    (seen,) = desk.phone.snapshot(desk.now).calls
    assert seen.target == TWO
    desk.phone.hangup(call, desk.now)
    desk.drain()
    (bye,) = desk.requests("BYE")
    assert (bye.cseq.number, [str(r) for r in bye.routes]) == (4, ["<sip:192.0.2.2:5060;lr>"])
    assert desk.requests("BYE", TWO)


@pytest.mark.rule("C2")
@pytest.mark.parametrize("code", [481, 408])
def test_who_was_never_in_the_dialog_cannot_end_it(code: int) -> None:
    desk, call = talking(call_survival=0)
    desk.peers |= {ONE: silent, TWO: refusing(code, at=TWO)}
    desk.phone.hold(call, desk.now)
    desk.run(60)
    assert state(desk) == "established"
    assert media(desk) == []


@pytest.mark.rule("C2", "X5")
@pytest.mark.parametrize(("code", "heard"), [(488, []), (606, []), (491, ["sendonly"])])
def test_what_only_the_peer_says_counts_whoever_passes_it_on(code: int, heard: list[str]) -> None:
    desk, call = talking()
    desk.peers |= {ONE: silent, TWO: refusing(code, at=TWO)}
    desk.phone.hold(call, desk.now)
    desk.run(60)
    assert all("Replaces" not in r for r in desk.requests("INVITE"))  # it is no lost way
    assert (state(desk), media(desk)) == ("established", heard)  # 491: asked once more


@pytest.mark.rule("C2")
@pytest.mark.parametrize(("code", "byes"), [(481, 0), (408, 1)])
def test_the_dialogs_own_server_can(code: int, byes: int) -> None:
    desk, call = talking(call_survival=0)
    desk.peers[ONE] = refusing(code)
    desk.phone.hold(call, desk.now)
    desk.drain()
    assert desk.states(call)[-1] == "ended"
    assert len(desk.requests("BYE")) == byes


@pytest.mark.rule("C2", "A8")
def test_a_late_200_to_a_re_invite_given_up_is_acknowledged_and_ends_nothing() -> None:
    desk, call = talking()
    desk.peers[ONE] = silent
    desk.phone.hold(call, desk.now)
    desk.run(12)
    given_up = desk.requests("INVITE", ONE)[-1]
    desk.say(desk.flow_to(ONE), answer(given_up, 200, BOB, body=SDP))
    assert desk.requests("ACK", ONE)[-1].cseq.number == given_up.cseq.number
    assert not desk.requests("BYE")
    assert state(desk) == "established"


@pytest.mark.rule("C4", "C2")
def test_hanging_up_while_the_peer_is_asked_leaves_nothing_behind() -> None:
    desk, call = talking()
    desk.peers[ONE] = routing(ONE, lambda request: [answer(request, 100)])
    desk.phone.hold(call, desk.now)
    desk.run(2)
    desk.phone.hangup(call, desk.now)
    desk.drain()
    assert desk.phone.snapshot(desk.now).idle
    assert desk.requests("CANCEL", ONE)
    assert desk.requests("BYE", ONE)[0].cseq.number == 3
    desk.peers[ONE] = routing(ONE)
    desk.run(400)
    seen = desk.phone.snapshot(desk.now)
    assert (seen.attempts, seen.transactions, seen.lingering) == (0, 0, 0)
    assert not desk.phone._services.media_ports._lent


# --- X5: an INVITE with Replaces --------------------------------------------------------------


def moving(**more: object) -> tuple[Desk, str]:
    """A phone whose call cannot be re-INVITEd by TWO, where a new INVITE is taken."""
    desk, call = talking(**more)

    def then(request: Request) -> list[Response]:
        if request.to.tag:
            return [answer(request, 481)]
        other = answer(request, 200, BOB, ("Record-Route", "<sip:192.0.2.2:5060;lr>"), body=SDP)
        other.set("To", other.to.with_tag("moved"))
        return [other]

    desk.peers |= {ONE: silent, TWO: routing(TWO, then)}
    return desk, call


@pytest.mark.rule("X5")
def test_where_no_target_knows_the_dialog_an_invite_takes_its_place() -> None:
    desk, call = moving()
    first = desk.requests("INVITE")[0]
    desk.phone.hold(call, desk.now)
    desk.run(20)
    instead = next(r for r in desk.requests("INVITE", TWO) if not r.to.tag)
    replaces = parse_replaces(instead.get("Replaces") or "")
    assert (replaces.call_id, replaces.to_tag, replaces.from_tag) == (
        first.call_id,
        "peer",
        first.from_.tag,
    )
    assert instead.get("Require") == "replaces"
    assert instead.uri == first.uri
    assert instead.call_id != first.call_id
    before, after = sdp.parse(first.body), sdp.parse(instead.body)
    assert after.media[0].port == before.media[0].port
    assert direction(instead) is sdp.Direction.SENDONLY  # what the user wanted
    assert moves(desk) == [(ONE.address, TWO.address, "X5")]
    assert [c.call for c in desk.phone.snapshot(desk.now).calls] == [call]
    assert desk.states(call) == ["calling", "established"]  # and nothing else is shown
    desk.phone.hangup(call, desk.now)
    desk.drain()
    bye = desk.requests("BYE", TWO)[-1]
    assert (bye.call_id, bye.to.tag) == (instead.call_id, "moved")
    desk.run(500)
    assert not desk.phone._services.media_ports._lent
    seen = desk.phone.snapshot(desk.now)
    assert (seen.attempts, seen.transactions, seen.lingering) == (0, 0, 0)


@pytest.mark.rule("X5")
def test_with_call_survival_0_a_call_is_not_moved_nor_looked_after() -> None:
    desk, call = moving(call_survival=0, expires=100)
    desk.phone.hold(call, desk.now)
    desk.run(300)
    assert all("Replaces" not in r for r in desk.requests("INVITE"))
    assert (state(desk), media(desk)) == ("established", [])


@pytest.mark.rule("X5", "C4")
def test_a_call_that_finds_no_way_keeps_its_media_and_tries_again_when_the_line_registers() -> None:
    desk, call = talking(expires=100)
    desk.peers |= {ONE: silent, TWO: silent}
    desk.phone.hold(call, desk.now)
    desk.run(90)
    assert (state(desk), media(desk)) == ("established", [])
    desk.peers[TWO] = routing(TWO)
    desk.run(3700)  # the next REGISTER succeeds at TWO
    assert moves(desk)[-1][1] == TWO.address
    assert state(desk) == "established"


@pytest.mark.rule("X5")
def test_a_call_adrift_asks_again_when_its_own_server_is_back() -> None:
    desk, call = talking(expires=100)
    desk.peers |= {ONE: silent, TWO: silent}
    desk.phone.hold(call, desk.now)
    desk.run(90)
    asked = len(desk.requests("INVITE"))
    desk.peers[ONE] = routing(ONE)
    desk.run(3700)
    (again,) = desk.requests("INVITE")[asked:]  # once: then it is adrift no more
    assert again.to.tag
    assert moves(desk) == []


@pytest.mark.rule("X5", "A8")
def test_hanging_up_while_the_call_is_moved_ends_the_move_too() -> None:
    desk, call = talking()
    desk.peers |= {
        ONE: silent,
        TWO: routing(TWO, lambda r: [answer(r, 481 if r.to.tag else 180, BOB)]),
    }
    desk.phone.hold(call, desk.now)
    desk.run(20)
    instead = next(r for r in desk.requests("INVITE", TWO) if not r.to.tag)
    desk.phone.hangup(call, desk.now)
    desk.drain()
    assert [r.call_id for r in desk.requests("CANCEL", TWO)] == [instead.call_id]
    desk.say(desk.flow_to(TWO), answer(instead, 200, BOB, body=SDP))
    assert instead.call_id in [r.call_id for r in desk.requests("BYE")]
    assert desk.phone.snapshot(desk.now).idle


@pytest.mark.rule("X5")
def test_who_was_called_gives_the_caller_time_to_move_the_call() -> None:
    desk, call, _ = called()
    desk.peers[ONE] = silent
    desk.phone.hold(call, desk.now)
    desk.run(36.9)  # the re-INVITE was given up at 33
    assert not desk.requests("INVITE", TWO)
    desk.run(37)
    (instead,) = desk.requests("INVITE", TWO)
    assert "Replaces" in instead


@pytest.mark.rule("X5")
def test_a_registration_that_fails_over_has_its_calls_look_for_their_peer() -> None:
    desk, _ = talking(expires=100)
    desk.peers |= {ONE: silent, TWO: routing(TWO)}
    desk.run(3700)
    assert moves(desk) == [(ONE.address, TWO.address, "C2")]
    (asked,) = desk.requests("INVITE", TWO)
    assert sdp.parse(asked.body) == sdp.parse(desk.requests("INVITE", ONE)[0].body)


@pytest.mark.rule("R9", "X5")
def test_a_connection_that_ends_has_its_call_look_for_its_peer() -> None:
    tcp = Target(ONE.address, 5060, Transport.TCP)
    desk = Desk(line(server(transport_type=1)))
    route = ("Record-Route", "<sip:192.0.2.1:5060;transport=tcp;lr>")
    register = granting()
    desk.peers[tcp] = lambda r: (
        [answer(r, 200, BOB, route, body=SDP)] if r.method == "INVITE" else register(r)
    )
    desk.start(1)
    desk.phone.call(1, "555", desk.now)
    desk.drain()
    desk.break_flow(desk.flow_to(tcp))
    desk.run(3)
    first, again = desk.requests("INVITE")
    assert (again.to.tag, again.cseq.number) == ("peer", 2)
    assert sdp.parse(again.body) == sdp.parse(first.body)
    assert again.contacts[0].uri.port != first.contacts[0].uri.port  # that of the new connection
    assert state(desk) == "established"


# --- B10 --------------------------------------------------------------------------------------

ONLY = {"register_on_enable": 1, "only_signal_with_registered": 1, "expires": 100}


def left_behind(survival: int) -> tuple[Desk, str]:
    """A call that hangs on ONE, where the line is not registered any more."""
    desk, call = talking(call_survival=survival, **ONLY)
    desk.refusing[ONE] = Cause.ICMP
    desk.peers[ONE] = silent
    desk.run(3700)
    assert desk.phone.snapshot(desk.now).lines[0].target == TWO
    return desk, call


@pytest.mark.rule("B10", "X5")
def test_a_call_without_survival_that_hangs_on_a_target_left_ends_when_a_request_is_due() -> None:
    desk, call = left_behind(0)
    assert state(desk) == "established"
    invites = len(desk.requests("INVITE"))
    desk.phone.hold(call, desk.now)
    desk.drain()
    assert desk.states(call)[-1] == "ended"
    last = [e for e in desk.of(CallChanged) if isinstance(e, CallChanged)][-1]
    assert last.rule is not None
    assert last.rule.id == "B10"
    assert desk.requests("BYE", ONE)
    assert len(desk.requests("INVITE")) == invites


@pytest.mark.rule("B10", "X5")
def test_survival_moves_it_first() -> None:
    desk, call = left_behind(1)
    assert moves(desk) == [(ONE.address, TWO.address, "C2")]
    invites = len(desk.requests("INVITE", ONE))
    desk.phone.hold(call, desk.now)
    desk.drain()
    assert media(desk) == ["sendonly"]
    assert len(desk.requests("INVITE", ONE)) == invites


@pytest.mark.rule("B10", "X5")
def test_a_move_that_fails_leaves_b10_its_due() -> None:
    desk, call = talking(**ONLY)
    desk.peers |= {
        ONE: silent,
        TWO: routing(TWO, lambda r: [answer(r, 481 if r.to.tag else 404)]),
    }
    desk.run(3700)
    assert state(desk) == "established"  # no request of its own was due
    desk.phone.hold(call, desk.now)
    desk.run(desk.now + 60)
    assert desk.states(call)[-1] == "ended"
    assert desk.requests("BYE")


# --- the callee's side ------------------------------------------------------------------------


def replacing(desk: Desk, request: Request, **change: str) -> Request:
    """The peer's INVITE in the place of the call that ``request`` made, by TWO."""
    tag = last_answer(desk).to.tag
    value = change.pop("value", f"{request.call_id};to-tag={tag};from-tag=carol")
    more = (("Replaces", value), ("Require", "replaces"))
    new = invite(
        contact_uri(desk, target=TWO),
        call_id="in2",
        branch="z9hG4bKin2",
        more=more,
        **change,  # type: ignore[arg-type]
    )
    new.set("Contact", "<sip:carol@192.0.2.2:5060>")
    return new


@pytest.mark.rule("X5")
def test_an_invite_with_replaces_is_taken_without_ringing_and_the_old_dialog_ended() -> None:
    desk, call, request = called()
    old = last_answer(desk)
    new = replacing(desk, request)
    desk.say(desk.flow_to(TWO), new)
    assert desk.responses("INVITE") == [180, 200, 200]
    taken = last_answer(desk)
    assert sdp.parse(taken.body) == sdp.parse(old.body)
    assert not desk.requests("BYE")  # not before the peer is on the new one
    acknowledge(desk, new)
    (bye,) = desk.requests("BYE")
    assert (bye.call_id, bye.from_.tag) == (request.call_id, old.to.tag)
    assert [c.call for c in desk.phone.snapshot(desk.now).calls] == [call]
    assert desk.states(call)[-1] == "established"
    assert moves(desk) == [(ONE.address, TWO.address, "X5")]
    (seen,) = desk.phone.snapshot(desk.now).calls
    assert (seen.server, seen.target) == (2, TWO)
    desk.phone.hangup(call, desk.now)
    desk.drain()
    assert desk.requests("BYE", TWO)[-1].call_id == "in2"


@pytest.mark.rule("X5")
@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("in1;to-tag=nobody;from-tag=carol", 481),
        ("other;to-tag=x;from-tag=y", 481),
        ("in1;to-tag=x", 400),
        (";to-tag=x;from-tag=y", 400),
        ("in1;to-tag=a;to-tag=b;from-tag=c", 400),
    ],
)
def test_a_replaces_that_fits_nothing_neither_rings_nor_replaces(value: str, status: int) -> None:
    desk, call, request = called()
    desk.say(desk.flow_to(TWO), replacing(desk, request, value=value))
    assert last_answer(desk).status == status
    assert desk.states(call)[-1] == "established"
    assert len(desk.phone.snapshot(desk.now).calls) == 1


def test_early_only_does_not_replace_what_has_been_answered() -> None:
    desk, call, request = called()
    tag = last_answer(desk).to.tag
    value = f"in1;to-tag={tag};from-tag=carol;early-only"
    desk.say(desk.flow_to(TWO), replacing(desk, request, value=value))
    assert last_answer(desk).status == 486
    assert desk.states(call)[-1] == "established"


def test_a_requirement_that_we_lack_is_refused_still() -> None:
    desk, _, request = called()
    new = replacing(desk, request)
    new.add("Require", "100rel")
    desk.say(desk.flow_to(TWO), new)
    assert last_answer(desk).status == 420
    assert last_answer(desk).get("Unsupported") == "100rel"


@pytest.mark.rule("C2", "X5")
def test_a_peer_that_asks_by_another_server_is_followed_there() -> None:
    desk, call, request = called()
    again = within(desk, request, "INVITE", 2, body=SDP)
    desk.say(desk.flow_to(TWO), again)
    (seen,) = desk.phone.snapshot(desk.now).calls
    assert seen.target == TWO
    assert moves(desk) == [(ONE.address, TWO.address, "C2")]
    acknowledge(desk, again)
    assert desk.states(call)[-1] == "established"
