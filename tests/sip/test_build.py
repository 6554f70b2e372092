"""Messages that we make."""

from __future__ import annotations

import random

import pytest

from evertone.errors import UsageError
from evertone.sip import build
from evertone.sip.message import Request, parse
from evertone.sip.values import NameAddr, parse_uri
from tests.sip.bench import request


def routed_invite() -> Request:
    invite = request("INVITE")
    invite.add("Via", "SIP/2.0/UDP upstream.example.com;branch=z9hG4bK-up")
    invite.add("Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>")
    invite.add("Require", "100rel")
    invite.add("Record-Route", "<sip:rr.example.com;lr>")
    invite.add("Timestamp", "17")
    return invite


def test_a_response_mirrors_its_request() -> None:
    invite = routed_invite()
    response = build.response_to(invite, 200, to_tag="mine")
    assert response.vias == invite.vias
    assert (response.call_id, response.cseq) == (invite.call_id, invite.cseq)
    assert response.from_ == invite.from_
    assert response.to.tag == "mine"
    assert response.record_routes == invite.record_routes
    assert response.reason == "OK"
    assert "Timestamp" not in response
    assert "Contact" not in response


def test_a_100_bears_no_tag_and_the_timestamp() -> None:
    response = build.response_to(routed_invite(), 100, to_tag="mine")
    assert response.to.tag == ""
    assert response.get("Timestamp") == "17"
    assert "Record-Route" not in response


def test_a_tag_that_is_there_stays() -> None:
    invite = routed_invite()
    invite.set("To", "<sip:bob@example.com>;tag=old")
    assert build.response_to(invite, 200, to_tag="new").to.tag == "old"


def test_a_refusal_and_other_methods_carry_no_record_route() -> None:
    assert "Record-Route" not in build.response_to(routed_invite(), 486)
    register = request()
    register.add("Record-Route", "<sip:rr.example.com;lr>")
    assert "Record-Route" not in build.response_to(register, 200)


def test_a_malformed_to_goes_back_as_it_came() -> None:
    bad = request("OPTIONS")
    bad.set("To", "<<<")
    assert build.response_to(bad, 400, to_tag="mine").get("To") == "<<<"


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "Busy Here"), (499, "Bad Request"), (699, "Global Failure")]
)
def test_reasons(status: int, reason: str) -> None:
    assert build.response_to(request(), status).reason == reason
    assert build.response_to(request(), status, "Mine").reason == "Mine"


@pytest.mark.rule("A13")
@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_go_the_way_of_their_invite(method: str) -> None:
    invite = routed_invite()
    refusal = build.response_to(invite, 486, to_tag="theirs")
    made = build.ack_for(invite, refusal) if method == "ACK" else build.cancel_for(invite)
    assert made.vias == (invite.via,)
    assert made.routes == invite.routes
    assert (made.uri, made.call_id, made.from_) == (invite.uri, invite.call_id, invite.from_)
    assert str(made.cseq) == f"1 {method}"
    assert made.to.tag == ("theirs" if method == "ACK" else "")
    assert "Require" not in made
    assert "Contact" not in made
    assert parse(made.to_bytes()).get("Content-Length") == "0"


def test_a_register_names_registrar_binding_and_time() -> None:
    made = build.register_request(
        parse_uri("sip:example.com"),
        NameAddr(parse_uri("sip:alice@example.com"), "Alice"),
        from_tag="t",
        call_id="c",
        cseq=3,
        contact=NameAddr(parse_uri("sip:alice@192.0.2.1:5060;line=1")),
        expires_s=60,
        routes=[NameAddr(parse_uri("sip:proxy.example.com;lr"))],
    )
    assert (made.uri, made.method, str(made.cseq)) == ("sip:example.com", "REGISTER", "3 REGISTER")
    assert (made.from_.tag, made.to.tag) == ("t", "")
    assert made.from_.uri == made.to.uri
    assert made.expires == 60
    assert made.max_forwards == 70
    assert made.get("Supported") == "path, outbound"
    assert [str(route.uri) for route in made.routes] == ["sip:proxy.example.com;lr"]


@pytest.mark.parametrize(
    ("host", "shown"), [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]")]
)
def test_our_via_asks_for_the_source_port(host: str, shown: str) -> None:
    made = request()
    build.stamp_via(made, "TLS", host, 5061, "z9hG4bK-new")
    via = made.via
    assert (via.transport, via.host, via.port, via.branch) == ("TLS", shown, 5061, "z9hG4bK-new")
    assert via.wants_rport
    assert len(made.vias) == 2


def test_again_leaves_via_and_credentials_behind() -> None:
    invite = routed_invite()
    invite.add("Authorization", "Digest x=y")
    invite.add("Proxy-Authorization", "Digest x=y")
    build.with_sdp(invite, b"v=0\r\n")
    copy = build.again(invite, cseq=9, uri=parse_uri("sip:carol@example.com"))
    assert (copy.uri, str(copy.cseq), copy.body) == (
        "sip:carol@example.com",
        "9 INVITE",
        b"v=0\r\n",
    )
    assert {"Via", "Authorization", "Proxy-Authorization"}.isdisjoint(n for n, _ in copy.headers)
    assert (copy.call_id, copy.from_) == (invite.call_id, invite.from_)
    assert "Via" in invite
    assert build.again(invite).uri == invite.uri


def test_a_body_has_its_type_and_length_on_the_wire() -> None:
    invite = request("INVITE")
    build.with_sdp(invite, b"v=0\r\n")
    seen = parse(invite.to_bytes())
    assert (seen.get("Content-Type"), seen.get("Content-Length")) == ("application/sdp", "5")
    assert seen.body == b"v=0\r\n"


def test_identifiers_are_fresh_and_branches_bear_the_cookie() -> None:
    rng = random.Random(1)
    for make in (build.new_branch, build.new_tag, build.new_call_id):
        assert len({make(rng) for _ in range(100)}) == 100
    assert build.new_branch(rng).startswith("z9hG4bK")


def test_a_line_break_never_reaches_the_wire() -> None:
    made = request()
    made.add("User-Agent", "x\r\nEvil: 1")
    with pytest.raises(UsageError):
        made.to_bytes()
