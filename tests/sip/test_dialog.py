"""Dialogs: formed by both sides, routed, ordered, refreshed, forked."""

from __future__ import annotations

import pytest

from evertone.errors import LimitError, SipParseError
from evertone.sip import build
from evertone.sip.dialog import MAX_FORKS, Dialog, DialogId, Forks
from evertone.sip.message import Request, Response
from evertone.sip.values import parse_uri
from tests.sip.bench import request


def answered(
    invite: Request, status: int = 200, tag: str = "bob", contact: str = "<sip:bob@192.0.2.8>"
) -> Response:
    response = build.response_to(invite, status, to_tag=tag)
    if contact:
        response.add("Contact", contact)
    return response


def invited(*record_routes: str) -> Request:
    invite = request("INVITE", cseq=7)
    for route in record_routes:
        invite.add("Record-Route", route)
    return invite


def pair(*record_routes: str) -> tuple[Dialog, Dialog]:
    """The caller's and the callee's view of one call."""
    invite = invited(*record_routes)
    response = answered(invite)
    return Dialog.as_caller(invite, response), Dialog.as_callee(invite, response)


def test_both_sides_see_one_dialog() -> None:
    caller, callee = pair()
    assert caller.id == DialogId("call-1", "a1", "bob")
    assert callee.id == DialogId("call-1", "bob", "a1")
    assert caller.confirmed
    assert callee.confirmed
    assert str(caller.remote_target) == "sip:bob@192.0.2.8"
    assert str(callee.remote_target) == "sip:alice@192.0.2.1"


def test_requests_of_both_sides_count_on_their_own() -> None:
    caller, callee = pair()
    caller, first = caller.request("BYE")
    caller, second = caller.request("OPTIONS")
    assert [str(one.cseq) for one in (first, second)] == ["8 BYE", "9 OPTIONS"]
    _, bye = callee.request("BYE")
    assert str(bye.cseq) == "1 BYE"
    assert (bye.from_.tag, bye.to.tag, bye.call_id) == ("bob", "a1", "call-1")
    assert bye.uri == "sip:alice@192.0.2.1"
    assert "Via" not in bye


@pytest.mark.rule("C2")
def test_loose_routes_are_those_of_the_record_in_the_right_order() -> None:
    routes = ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    caller, callee = pair(*routes)
    _, bye = caller.request("BYE")
    assert bye.uri == "sip:bob@192.0.2.8"
    assert bye.get_all("Route") == list(reversed(routes))
    assert str(caller.next_hop) == "sip:p1.example.com;lr"
    _, bye = callee.request("BYE")
    assert bye.get_all("Route") == list(routes)
    assert str(callee.next_hop) == "sip:p2.example.com;lr"


@pytest.mark.rule("C2")
def test_a_strict_router_becomes_the_request_uri() -> None:
    caller, _ = pair("<sip:p2.example.com;lr>", "<sip:strict.example.com>")
    _, bye = caller.request("BYE")
    assert bye.uri == "sip:strict.example.com"
    assert bye.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:bob@192.0.2.8>"]
    assert str(caller.next_hop) == "sip:strict.example.com"


def test_without_routes_the_next_hop_is_the_remote_target() -> None:
    caller, _ = pair()
    assert str(caller.next_hop) == "sip:bob@192.0.2.8"


def test_the_ack_bears_the_invites_number_and_credentials() -> None:
    invite = invited()
    invite.add("Authorization", 'Digest username="alice"')
    invite.add("Proxy-Authorization", 'Digest username="alice", realm="p"')
    dialog = Dialog.as_caller(invite, answered(invite))
    ack = dialog.ack(invite)
    assert (str(ack.cseq), ack.uri, ack.to.tag) == ("7 ACK", "sip:bob@192.0.2.8", "bob")
    assert ack.get("Authorization") == invite.get("Authorization")
    assert ack.get("Proxy-Authorization") == invite.get("Proxy-Authorization")
    assert "Contact" not in ack


def test_a_re_invite_bears_our_contact_and_moves_their_target() -> None:
    caller, _ = pair()
    caller, again = caller.request("INVITE")
    assert len(again.contacts) == 1
    moved = caller.answered(answered(again, contact="<sip:bob@192.0.2.99>"))
    assert str(moved.remote_target) == "sip:bob@192.0.2.99"
    assert str(moved.answered(answered(again, 486)).remote_target) == "sip:bob@192.0.2.99"
    assert moved.route_set == caller.route_set


def test_a_2xx_settles_the_routes_of_an_early_dialog() -> None:
    invite = invited("<sip:p1.example.com;lr>")
    early = Dialog.as_caller(invite, answered(invite, 180))
    assert not early.confirmed
    final = answered(invite, contact="<sip:bob@192.0.2.50>")
    final.set("Record-Route", "<sip:p9.example.com;lr>")
    confirmed = early.answered(final)
    assert confirmed.confirmed
    assert str(confirmed.next_hop) == "sip:p9.example.com;lr"
    assert str(confirmed.remote_target) == "sip:bob@192.0.2.50"


def test_a_callee_confirms_with_its_2xx() -> None:
    invite = invited()
    early = Dialog.as_callee(invite, answered(invite, 180))
    assert not early.confirmed
    assert early.confirm().confirmed
    assert early.confirm().confirm() == early.confirm()


def test_requests_out_of_order_get_500_and_change_nothing() -> None:
    caller, callee = pair()
    caller, first = caller.request("OPTIONS")
    caller, second = caller.request("BYE")
    callee, status = callee.receive(second)
    assert status == 0
    late, status = callee.receive(first)
    assert status == 500
    assert late == callee
    assert callee.receive(second)[1] == 500


def test_ack_and_cancel_bear_the_number_of_their_invite_and_are_in_order() -> None:
    _, callee = pair()
    assert callee.receive(build.cancel_for(invited())) == (callee, 0)


def test_the_first_request_of_the_callee_may_have_any_number() -> None:
    caller, callee = pair()
    _, bye = callee.request("BYE")
    bye.set("CSeq", "0 BYE")
    assert caller.receive(bye)[1] == 0


@pytest.mark.parametrize(("method", "moves"), [("INVITE", True), ("UPDATE", True), ("INFO", False)])
def test_a_target_refresh_of_the_peer_moves_the_remote_target(method: str, moves: bool) -> None:
    caller, callee = pair()
    _, again = callee.request(method)
    again.set("Contact", "<sip:bob@192.0.2.77>")
    caller, status = caller.receive(again)
    assert status == 0
    assert (str(caller.remote_target) == "sip:bob@192.0.2.77") is moves


def test_what_forms_no_dialog() -> None:
    invite = invited()
    for response in (
        answered(invite, 100),
        answered(invite, 486),
        build.response_to(invite, 180),
    ):
        with pytest.raises(SipParseError):
            Dialog.as_caller(invite, response)
        assert Forks(invite).receive(response) is None
    invite.remove("Contact")
    with pytest.raises(SipParseError):
        Dialog.as_callee(invite, answered(invite))


def test_a_2xx_of_a_careless_peer_can_still_be_ended() -> None:
    invite = invited()
    dialog = Dialog.as_caller(invite, answered(invite, tag="", contact=""))
    _, bye = dialog.request("BYE")
    assert bye.uri == invite.uri
    assert dialog.remote_target == parse_uri(invite.uri)


def test_forks_are_told_apart_by_their_tags() -> None:
    invite = invited()
    forks = Forks(invite)
    one = forks.receive(answered(invite, 180, "one", "<sip:one@192.0.2.1>"))
    two = forks.receive(answered(invite, 183, "two", "<sip:two@192.0.2.2>"))
    assert one is not None
    assert two is not None
    assert one.id != two.id
    won = forks.receive(answered(invite, 200, "two", "<sip:two@192.0.2.2>"))
    assert won is not None
    assert (won.id, won.confirmed) == (two.id, True)
    assert [dialog.confirmed for dialog in forks.dialogs()] == [False, True]
    assert forks.receive(answered(invite, 200, "two")) in forks.dialogs()
    assert len(forks.dialogs()) == 2


def test_forks_are_bounded() -> None:
    invite = invited()
    forks = Forks(invite)
    for number in range(MAX_FORKS):
        forks.receive(answered(invite, 180, f"t{number}"))
    with pytest.raises(LimitError):
        forks.receive(answered(invite, 180, "one-more"))
    assert len(forks.dialogs()) == MAX_FORKS
