"""301 and 302: followed for one request, five hops at most, never from TLS to less (A9)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from evertone.model import Cause, Target, Transport
from evertone.phone.redirect import places_of
from evertone.sip.message import Request, Response
from tests.phone.desk import ONE, TWO, Desk, Peer, accepting, answer, granting, line, server, silent

TLS = Target("192.0.2.1", 5061, Transport.TLS, "sip.example.net")


def moved_to(*contacts: str, status: int = 302) -> Peer:
    def peer(request: Request) -> Iterable[Response]:
        if request.method != "INVITE":
            return granting()(request)
        return [answer(request, status, *(("Contact", contact) for contact in contacts))]

    return peer


def desk_with(peer: Peer) -> Desk:
    desk = Desk(line(server()))
    desk.peers[ONE] = peer
    desk.start(1)
    return desk


@pytest.mark.rule("A9")
@pytest.mark.parametrize("status", [301, 302])
def test_a_redirect_is_followed_for_this_request_only(status: int) -> None:
    desk = desk_with(moved_to("<sip:bob@192.0.2.2:5060>", status=status))
    desk.peers[TWO] = accepting()
    call = desk.phone.call(1, "bob", desk.now)
    desk.run(2)
    (invite,) = desk.requests("INVITE", TWO)
    first = desk.requests("INVITE", ONE)[0]
    assert invite.uri == "sip:bob@192.0.2.2:5060"
    assert (invite.call_id, invite.from_.tag) == (first.call_id, first.from_.tag)
    assert desk.states(call)[-1] == "established"
    desk.phone.call(1, "bob", desk.now)
    desk.drain()
    assert len(desk.requests("INVITE", ONE)) == 2  # the next request begins at the server again


@pytest.mark.rule("A9")
def test_the_most_wanted_place_comes_first_and_the_next_where_it_is_dead() -> None:
    desk = desk_with(moved_to("<sip:bob@192.0.2.3>;q=0.2", "<sip:bob@192.0.2.2>;q=0.9"))
    three = Target("192.0.2.3", 5060, Transport.UDP)
    desk.peers |= {TWO: silent, three: accepting()}
    call = desk.phone.call(1, "bob", desk.now)
    desk.run(9)
    assert desk.requests("INVITE", TWO)
    assert desk.requests("INVITE", three)
    assert desk.states(call)[-1] == "established"


@pytest.mark.rule("A9", "A7")
def test_where_no_place_serves_the_redirect_is_the_result_of_a_live_server() -> None:
    desk = desk_with(moved_to("<sip:bob@192.0.2.2>"))
    desk.refusing[TWO] = Cause.UNREACHABLE
    call = desk.phone.call(1, "bob", desk.now)
    desk.run(2)
    assert desk.states(call)[-1] == "ended"
    assert next(e for e in reversed(desk.events) if getattr(e, "call", "") == call).code == 302  # type: ignore[attr-defined]


@pytest.mark.rule("A9")
def test_a_circle_ends_after_five_hops() -> None:
    desk = desk_with(moved_to("<sip:bob@192.0.2.2>"))
    desk.peers[TWO] = moved_to("<sip:bob@192.0.2.1>")
    call = desk.phone.call(1, "bob", desk.now)
    desk.run(5)
    assert len({r.via.branch for r in desk.requests("INVITE")}) == 6
    assert desk.states(call)[-1] == "ended"


@pytest.mark.rule("A9")
def test_never_from_tls_to_less() -> None:
    def places(*contacts: str, origin: Target = TLS) -> list[Target | None]:
        response = Response(302, "Moved", [("Contact", contact) for contact in contacts])
        return [place.target for place in places_of(response, origin)]

    secure = Target("192.0.2.2", 5061, Transport.TLS, "192.0.2.2")
    assert places("<sip:b@192.0.2.2;transport=udp>", "<sip:b@192.0.2.2;transport=tcp>") == []
    assert places("<sip:b@192.0.2.2>", "<sips:b@192.0.2.2>") == [secure, secure]
    assert places("<sip:b@example.net>") == [None]  # a name, to be resolved
    assert places("<tel:123>", "<sip:b@192.0.2.2;transport=sctp>", "<<<", origin=ONE) == []


@pytest.mark.rule("A9")
def test_a_redirect_to_a_name_asks_dns_and_goes_on_without_an_answer() -> None:
    desk = desk_with(moved_to("<sip:bob@nowhere.example>", "<sip:bob@192.0.2.2>;q=0.1"))
    desk.peers[TWO] = accepting()
    call = desk.phone.call(1, "bob", desk.now)
    desk.run(60)
    assert desk.states(call)[-1] == "established"
