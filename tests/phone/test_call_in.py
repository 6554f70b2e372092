"""Calls to us: found by our Contact, ringing once, whatever the network repeats (F6, R10)."""

from __future__ import annotations

import pytest

from evertone.config.settings import PhoneSettings
from evertone.errors import UsageError
from evertone.events import CallChanged
from evertone.model import Target, Transport
from evertone.phone.call_states import CallEvent
from evertone.sip import sdp
from evertone.sip.build import ack_for
from evertone.sip.message import Request, Response
from tests.phone.desk import ONE, SDP, TWO, Desk, granting, line, server, silent

THREE = Target("192.0.2.3", 5060, Transport.UDP)


def registered(*, auto_answer: bool = False) -> Desk:
    """A phone with two lines, the first with two servers, all registered."""
    settings = PhoneSettings(lines=(line(server(), server(TWO.address)), line(server(), number=2)))
    desk = Desk(settings, auto_answer=auto_answer)
    desk.peers |= {ONE: granting(), TWO: granting()}
    desk.start(1)
    return desk


def contact_uri(desk: Desk, number: int = 1, target: Target = ONE) -> str:
    """The Contact that a line registered at a target."""
    made = [r for r in desk.requests("REGISTER", target) if f"460{number}@" in str(r.from_)]
    return str(made[0].contacts[0].uri)


def invite(
    uri: str,
    *,
    branch: str = "z9hG4bKin1",
    call_id: str = "in1",
    cseq: int = 1,
    body: bytes = SDP,
    to: str = "<sip:4601@192.0.2.1>",
    method: str = "INVITE",
    more: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A request of the caller."""
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"),
        ("From", '"Carol" <sip:carol@example.net>;tag=carol'),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", "<sip:carol@192.0.2.1:5060>"),
        ("Max-Forwards", "70"),
        *more,
    ]
    return Request(method, uri, [*headers, ("Content-Type", "application/sdp")], body)


def last_answer(desk: Desk, method: str = "INVITE") -> Response:
    return next(
        s.message
        for s in reversed(desk.sent)
        if isinstance(s.message, Response) and s.message.cseq.method == method
    )


def ring(desk: Desk) -> tuple[str, Request]:
    """Let a call ring; its id and INVITE."""
    request = invite(contact_uri(desk))
    desk.say(desk.flow_to(ONE), request)
    (call,) = desk.phone.snapshot(desk.now).calls
    return call.call, request


def acknowledge(desk: Desk, request: Request) -> None:
    ack = ack_for(request, last_answer(desk))
    ack.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack")
    desk.say(desk.flow_to(ONE), ack)


def within(desk: Desk, request: Request, method: str, cseq: int, **more: object) -> Request:
    """A request of the caller within the dialog that ``request`` made."""
    to = str(last_answer(desk).to)
    fields: dict[str, object] = {"to": to, "body": b"", "branch": f"z9hG4bK{method}{cseq}"}
    return invite(request.uri, method=method, cseq=cseq, **(fields | more))  # type: ignore[arg-type]


@pytest.mark.rule("R10", "F6")
def test_a_call_is_found_rings_is_answered_and_ends_by_bye() -> None:
    desk = registered()
    call, request = ring(desk)
    assert desk.responses("INVITE") == [180]
    desk.phone.answer(call, desk.now)
    desk.drain()
    ok = last_answer(desk)
    assert ok.status == 200
    assert str(ok.contacts[0].uri) == contact_uri(desk)
    stream = sdp.agreed(sdp.parse(ok.body), sdp.parse(SDP))
    assert (stream.address, stream.port, stream.codec.name) == ("192.0.2.99", 4000, "PCMA")
    assert desk.states(call) == ["ringing", "answering"]
    acknowledge(desk, request)
    assert desk.states(call)[-1] == "established"
    desk.say(desk.flow_to(ONE), within(desk, request, "BYE", 2))
    assert desk.responses("BYE") == [200]
    assert desk.states(call)[-1] == "ended"
    assert desk.phone.snapshot(desk.now).idle


@pytest.mark.rule("R10", "F6")
@pytest.mark.parametrize(
    ("number", "target", "where"), [(1, ONE, (1, 1)), (1, TWO, (1, 2)), (2, ONE, (2, 1))]
)
def test_line_and_server_are_those_of_the_contact_whoever_sends(
    number: int, target: Target, where: tuple[int, int]
) -> None:
    desk = registered()
    flow = desk.open_from(THREE)
    desk.say(flow, invite(contact_uri(desk, number, target)))
    (call,) = desk.phone.snapshot(desk.now).calls
    assert (call.line, call.server) == where
    assert call.target == THREE
    assert desk.sent[-1].flow == flow


@pytest.mark.rule("R10")
def test_without_our_parameter_the_user_decides_and_nobody_is_404() -> None:
    desk = registered()
    desk.say(desk.flow_to(ONE), invite("sip:4602@192.0.2.10"))
    (call,) = desk.phone.snapshot(desk.now).calls
    assert (call.line, call.server, call.peer) == (2, 1, "carol")
    desk.say(desk.flow_to(ONE), invite("sip:9999@192.0.2.10", branch="z9hG4bKx", call_id="x"))
    assert desk.responses("INVITE") == [180, 404]


@pytest.mark.rule("F6")
def test_a_merged_invite_is_482_and_no_second_ring() -> None:
    desk = registered()
    call, request = ring(desk)
    for n, cseq in enumerate((1, 2)):  # the other server may have counted a challenge more
        desk.say(
            desk.flow_to(TWO),
            invite(contact_uri(desk, 1, TWO), branch=f"z9hG4bKother{n}", cseq=cseq),
        )
    assert desk.responses("INVITE") == [180, 482, 482]
    desk.phone.answer(call, desk.now)
    desk.drain()
    acknowledge(desk, request)
    desk.say(desk.flow_to(TWO), invite(contact_uri(desk, 1, TWO), branch="z9hG4bKlater"))
    assert last_answer(desk).status == 482
    assert len([e for e in desk.of(CallChanged) if getattr(e, "state", "") == "ringing"]) == 1


def test_a_resent_invite_gets_the_last_answer_again() -> None:
    desk = registered()
    _, request = ring(desk)
    desk.say(desk.flow_to(ONE), request)
    assert desk.responses("INVITE") == [180, 180]
    assert len(desk.phone.snapshot(desk.now).calls) == 1


def test_auto_answer() -> None:
    desk = registered(auto_answer=True)
    desk.say(desk.flow_to(ONE), invite(contact_uri(desk)))
    assert desk.responses("INVITE") == [180, 200]


@pytest.mark.parametrize(("verb", "status"), [("reject", 603), ("hangup", 486)])
def test_declined(verb: str, status: int) -> None:
    desk = registered()
    call, _ = ring(desk)
    getattr(desk.phone, verb)(call, desk.now)
    desk.drain()
    assert last_answer(desk).status == status
    assert desk.states(call)[-1] == "ended"
    with pytest.raises(UsageError):
        desk.phone.answer(call, desk.now)


def test_cancelled_by_the_caller() -> None:
    desk = registered()
    call, request = ring(desk)
    cancel = invite(request.uri, method="CANCEL", body=b"")
    desk.say(desk.flow_to(ONE), cancel)
    assert desk.responses("CANCEL") == [200]
    assert desk.responses("INVITE") == [180, 487]
    assert desk.states(call)[-1] == "ended"


def test_it_rings_again_for_the_proxies_and_stops_after_three_minutes() -> None:
    desk = registered()
    call, _ = ring(desk)
    desk.run(desk.now + 125)
    assert desk.responses("INVITE") == [180, 180, 180]
    desk.run(desk.now + 60)
    assert desk.responses("INVITE")[3] == 480
    assert desk.states(call)[-1] == "ended"


@pytest.mark.rule("C4")
def test_hung_up_before_the_ack_says_bye_once_it_comes() -> None:
    desk = registered()
    call, request = ring(desk)
    desk.phone.answer(call, desk.now)
    desk.phone.hangup(call, desk.now)
    desk.drain()
    assert desk.states(call)[-1] == "ended"
    assert not desk.requests("BYE")
    for _ in range(2):
        acknowledge(desk, request)
    assert len(desk.requests("BYE")) == 1


def test_an_answer_that_nobody_acknowledges_is_repeated_and_then_ended() -> None:
    desk = registered()
    call, _ = ring(desk)
    desk.phone.answer(call, desk.now)
    desk.run(desk.now + 40)
    assert desk.responses("INVITE").count(200) > 5
    assert desk.requests("BYE")
    told = [e for e in desk.events if isinstance(e, CallChanged) and e.call == call]
    assert (told[-1].state, told[-1].reason) == ("ended", CallEvent.NOT_ACKED.value)


@pytest.mark.rule("C4")
def test_hung_up_before_an_ack_that_never_comes_says_bye_when_that_is_given_up() -> None:
    desk = registered()
    call, _ = ring(desk)
    desk.phone.answer(call, desk.now)
    desk.phone.hangup(call, desk.now)
    desk.run(desk.now + 31)
    assert not desk.requests("BYE")
    desk.run(desk.now + 2)
    assert desk.requests("BYE")


@pytest.mark.parametrize("answered", [False, True])
def test_a_bye_before_the_call_stands_ends_it(answered: bool) -> None:
    """RFC 3261 §15: a caller may end an early dialog so."""
    desk = registered()
    call, request = ring(desk)
    if answered:
        desk.phone.answer(call, desk.now)
        desk.drain()
    desk.say(desk.flow_to(ONE), within(desk, request, "BYE", 2))
    assert desk.states(call)[-1] == "ended"
    assert desk.responses("BYE") == [200]
    assert desk.responses("INVITE")[-1] == (200 if answered else 487)


def test_no_codec_of_ours_is_488_and_rubbish_400() -> None:
    desk = registered()
    alien = SDP.replace(b"RTP/AVP 8 0", b"RTP/AVP 98").replace(b"\r\nm=", b"\r\nm=")
    for n, (body, status) in enumerate(((alien, 488), (b"no description", 400))):
        request = invite(contact_uri(desk), branch=f"z9hG4bK{n}", call_id=f"c{n}", body=body)
        desk.say(desk.flow_to(ONE), request)
        assert last_answer(desk).status == status
    assert desk.phone.snapshot(desk.now).idle
    ports = desk.phone._services.media_ports._lent
    assert not ports


def test_an_invite_without_an_offer_gets_ours() -> None:
    desk = registered(auto_answer=True)
    desk.say(desk.flow_to(ONE), invite(contact_uri(desk), body=b""))
    assert sdp.parse(last_answer(desk).body).connection == "192.0.2.10"


def test_a_re_invite_is_answered_with_a_new_version_only_where_we_say_something_new() -> None:
    desk = registered(auto_answer=True)
    request = invite(contact_uri(desk))
    desk.say(desk.flow_to(ONE), request)
    first = sdp.parse(last_answer(desk).body)
    acknowledge(desk, request)
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 2, body=SDP))
    again = last_answer(desk)
    second = sdp.parse(again.body)
    assert again.status == 200
    assert second == first  # RFC 3264 §8: the version grows with what is said
    on_hold = SDP + b"a=sendonly\r\n"
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 3, body=on_hold))
    third = sdp.parse(last_answer(desk).body)
    assert third.origin.version > first.origin.version
    assert third.media[0].port == first.media[0].port
    assert third.direction(third.media[0]) is sdp.Direction.RECVONLY
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 1, body=SDP))
    assert last_answer(desk).status == 500  # out of order, RFC 3261 §12.2.2


@pytest.mark.parametrize(
    ("method", "status"),
    [("BYE", 481), ("INVITE", 481), ("NOTIFY", 481), ("INFO", 405), ("FROB", 501)],
)
def test_within_an_unknown_dialog(method: str, status: int) -> None:
    desk = registered()
    desk.say(desk.flow_to(ONE), invite(contact_uri(desk), method=method, to="<sip:x@y>;tag=no"))
    assert desk.responses(method) == [status]


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("OPTIONS", (), 200),
        ("NOTIFY", (("Event", "message-summary"),), 200),
        ("NOTIFY", (("Event", "dialog"),), 481),
        ("BYE", (), 481),
        ("REGISTER", (), 405),
        ("FROB", (), 501),
        ("OPTIONS", (("Require", "frobnication"),), 420),
    ],
)
def test_outside_a_dialog(method: str, more: tuple[tuple[str, str], ...], status: int) -> None:
    desk = registered()
    desk.say(desk.flow_to(ONE), invite(contact_uri(desk), method=method, more=more, body=b""))
    answer = last_answer(desk, method)
    assert answer.status == status
    assert answer.to.tag
    if status == 405 or (method == "OPTIONS" and status == 200):
        assert "INVITE" in answer.get_all("Allow")
    if status == 420:
        assert answer.get_all("Unsupported") == ["frobnication"]


def test_a_full_phone_is_busy() -> None:
    desk = registered()
    for n in range(65):
        desk.say(
            desk.flow_to(ONE), invite(contact_uri(desk), branch=f"z9hG4bK{n}", call_id=f"c{n}")
        )
    assert desk.responses("INVITE") == [180] * 64 + [486]


@pytest.mark.rule("C2")
def test_our_bye_goes_to_the_caller_s_contact() -> None:
    desk = registered(auto_answer=True)
    request = invite(contact_uri(desk))
    desk.say(desk.flow_to(ONE), request)
    acknowledge(desk, request)
    (call,) = desk.phone.snapshot(desk.now).calls
    desk.phone.hangup(call.call, desk.now)
    desk.drain()
    (bye,) = desk.requests("BYE", ONE)
    assert (bye.uri, bye.to.tag) == ("sip:carol@192.0.2.1:5060", "carol")


@pytest.mark.rule("C4")
def test_the_call_outlives_its_server() -> None:
    desk = registered(auto_answer=True)
    request = invite(contact_uri(desk))
    desk.say(desk.flow_to(ONE), request)
    acknowledge(desk, request)
    desk.peers |= {ONE: silent, TWO: silent}
    desk.run(desk.now + 9000)
    (call,) = desk.phone.snapshot(desk.now).calls
    assert call.state == "established"


def test_an_invite_that_makes_no_dialog_is_400() -> None:
    desk = registered()
    request = invite(contact_uri(desk))
    request.remove("Contact")
    desk.say(desk.flow_to(ONE), request)
    assert desk.responses("INVITE") == [400]
    assert desk.phone.snapshot(desk.now).idle


def test_within_a_dialog_that_stands() -> None:
    desk = registered()
    call, request = ring(desk)
    early = within(desk, request, "INVITE", 2, body=SDP)
    desk.say(desk.flow_to(ONE), early)
    assert last_answer(desk).status == 491  # RFC 3261 §14.2: our own answer is still to come
    desk.phone.answer(call, desk.now)
    desk.drain()
    acknowledge(desk, request)
    desk.say(desk.flow_to(ONE), within(desk, request, "OPTIONS", 3))
    assert desk.responses("OPTIONS") == [200]
    alien = SDP.replace(b"RTP/AVP 8 0", b"RTP/AVP 98")
    desk.say(desk.flow_to(ONE), within(desk, request, "INVITE", 4, body=alien))
    assert last_answer(desk).status == 488
    assert desk.states(call)[-1] == "established"


@pytest.mark.rule("R10")
def test_a_caller_from_nowhere_is_the_serving_server_s() -> None:
    desk = registered()
    desk.say(desk.open_from(THREE), invite("sip:4601@192.0.2.10"))
    (call,) = desk.phone.snapshot(desk.now).calls
    assert (call.line, call.server) == (1, 1)


@pytest.mark.rule("B5")
@pytest.mark.parametrize("answered", [False, True])
def test_a_call_whose_connection_breaks_before_its_ack_ends(answered: bool) -> None:
    """It would hang for ever, and the phone with it: never idle, never home."""
    tcp = Target(ONE.address, 5060, Transport.TCP)
    desk = Desk(line(server(transport_type=1)))
    desk.peers[tcp] = granting()
    desk.start(1)
    request = invite(contact_uri(desk, target=tcp))
    request.set_first("Via", "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKin1")
    desk.say(desk.flow_to(tcp), request)
    (call,) = desk.phone.snapshot(desk.now).calls
    if answered:
        desk.phone.answer(call.call, desk.now)
        desk.drain()
    desk.break_flow(desk.flow_to(tcp))
    assert desk.states(call.call)[-1] == "ended"
    assert desk.phone.snapshot(desk.now).idle
    desk.run(desk.now + 60)
    assert len(desk.requests("BYE")) == int(answered)
