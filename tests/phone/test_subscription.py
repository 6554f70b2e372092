"""Subscriptions of one phone: made, refreshed, moved, ended, and told (RFC 6665, F7, B11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from evertone.config.settings import LineKey, LineSettings, PhoneSettings
from evertone.events import LampChanged, MessageWaiting, SubscriptionChanged
from evertone.flows import Nameserver
from evertone.model import Target, Transport
from evertone.phone.subscription_states import TABLE, Act, SubscriptionEvent, SubscriptionState
from evertone.sip.build import request_to
from evertone.sip.dialog_info import DialogInfo, DialogState, Watched
from evertone.sip.message import Request, Response
from evertone.sip.message_summary import MessageSummary
from evertone.sip.values import NameAddr, parse_name_addr, parse_uri
from tests.phone.desk import ONE, TWO, Desk, Peer, answer, granting, line, server, silent

NOTIFIER = "<sip:192.0.2.1:5060>"
NAME = "pbx.example"
RECORDS = (
    f'{NAME}. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.{NAME}.',
    f"_sip._udp.{NAME}. 300 IN SRV 0 0 5060 one.{NAME}.",
    f"_sip._udp.{NAME}. 300 IN SRV 1 0 5060 two.{NAME}.",
)


def mwi_line(*servers: object, **more: object) -> LineSettings:
    both = servers or (server(),)
    return line(*both, subscribe_mwi=1, **more)  # type: ignore[arg-type]


def with_subscribe(then: Peer, binding_s: int = 3600) -> Peer:
    """A registrar that lets ``then`` answer SUBSCRIBE."""
    register = granting(binding_s)

    def peer(request: Request) -> Iterable[Response]:
        return then(request) if request.method == "SUBSCRIBE" else register(request)

    return peer


def taking(
    tag: str = "", seconds: int | None = None, at: Target = ONE, binding_s: int = 3600
) -> Peer:
    """A notifier at ``at`` that grants every SUBSCRIBE what it asks for, or ``seconds``."""
    contact = ("Contact", f"<sip:{at.address}:5060>")

    def then(request: Request) -> list[Response]:
        granted = request.expires if seconds is None or not request.expires else seconds
        response = answer(request, 200, contact, ("Expires", str(granted)))
        if tag and not request.to.tag:
            response.set("To", response.to.with_tag(tag))
        return [response]

    return with_subscribe(then, binding_s)


def refusing(*codes: int) -> Peer:
    """A notifier that answers SUBSCRIBEs with these, the last one for ever."""
    left = list(codes)

    def then(request: Request) -> list[Response]:
        code = left.pop(0) if len(left) > 1 else left[0]
        extra = [("Contact", NOTIFIER), ("Expires", "3600")] if code < 300 else []
        extra += [("Min-Expires", "7000")] if code == 423 else []
        return [answer(request, code, *extra)]

    return with_subscribe(then)


def notify(
    subscribe: Request,
    *,
    tag: str = "peer",
    cseq: int = 1,
    state: str = "active;expires=3600",
    event: str = "message-summary",
    body: bytes = b"",
) -> Request:
    """A NOTIFY for the subscription that ``subscribe`` asked for."""
    request = request_to(
        "NOTIFY",
        subscribe.contacts[0].uri,
        from_=NameAddr(subscribe.to.uri, "", (("tag", tag),)),
        to=subscribe.from_,
        call_id=subscribe.call_id,
        cseq=cseq,
        contact=parse_name_addr(NOTIFIER),
    )
    request.prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{tag}{cseq}")
    request.add("Event", event)
    if state:
        request.add("Subscription-State", state)
    request.body = body
    return request


def active(**more: object) -> tuple[Desk, Request]:
    """A phone that is subscribed to its mailbox, and its SUBSCRIBE."""
    desk = Desk(mwi_line(**more))
    desk.peers[ONE] = taking()
    desk.start(1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    return desk, subscribe


def refreshing() -> tuple[Desk, Request]:
    """A phone that refreshes what its SUBSCRIBE made, 11 s ago, and hears nothing."""
    desk = Desk(mwi_line())
    desk.peers[ONE] = taking(seconds=20)
    desk.start(9)
    desk.peers[ONE] = with_subscribe(silent)
    desk.run(11)
    first, *refreshes = desk.requests("SUBSCRIBE")
    assert refreshes[-1].to.tag
    return desk, first


def states(desk: Desk) -> list[str]:
    return [e.state for e in desk.of(SubscriptionChanged) if isinstance(e, SubscriptionChanged)]


def waits(desk: Desk) -> list[str]:
    """The timers of subscriptions."""
    timers = desk.phone.snapshot(desk.now).timers
    return [name for name, _ in timers if name.startswith("subscription")]


def held(desk: Desk) -> list[tuple[str, Target | None]]:
    seen = desk.phone.snapshot(desk.now).subscriptions
    return [(each.state, each.target) for each in seen]


# --- made and refreshed -----------------------------------------------------------------------


def test_the_mailbox_is_subscribed_to_after_registration() -> None:
    desk, subscribe = active()
    assert [s.request.method for s in desk.sent[:2]] == ["REGISTER", "SUBSCRIBE"]
    assert subscribe.uri == "sip:4601@192.0.2.1"
    assert subscribe.get("Event") == "message-summary"
    assert subscribe.get("Accept") == "application/simple-message-summary"
    assert subscribe.expires == 3600
    assert subscribe.contacts
    desk.say(
        desk.flow_to(ONE), notify(subscribe, body=MessageSummary(True, 2, 1, "sip:vm").to_bytes())
    )
    assert desk.responses("NOTIFY") == [200]
    (told,) = desk.of(MessageWaiting)
    assert isinstance(told, MessageWaiting)
    assert (told.waiting, told.new, told.old, told.line) == (True, 2, 1, 1)
    assert states(desk) == ["subscribing", "active"]
    assert held(desk) == [("active", ONE)]


def test_a_line_that_wants_nothing_subscribes_to_nothing() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = taking()
    desk.start(10)
    assert not desk.requests("SUBSCRIBE")


def test_it_is_refreshed_in_its_dialog_before_it_runs_out() -> None:
    desk, first = active()
    desk.run(3539)
    assert len(desk.requests("SUBSCRIBE")) == 1
    desk.run(3541)
    second = desk.requests("SUBSCRIBE")[1]
    assert (second.call_id, second.from_.tag, second.to.tag) == (
        first.call_id,
        first.from_.tag,
        "peer",
    )
    assert second.cseq.number == first.cseq.number + 1
    assert (second.uri, second.expires) == ("sip:192.0.2.1:5060", 3600)
    assert held(desk) == [("active", ONE)]
    desk.run(7081)
    assert len(desk.requests("SUBSCRIBE")) == 3


def test_the_time_granted_counts_and_a_notify_may_shorten_it() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = taking(seconds=100)
    desk.start(1)
    desk.run(51)
    assert len(desk.requests("SUBSCRIBE")) == 2  # half of 100 s
    desk.say(desk.flow_to(ONE), notify(desk.requests("SUBSCRIBE")[0], state="active;expires=20"))
    desk.run(62)
    assert len(desk.requests("SUBSCRIBE")) == 3


@pytest.mark.rule("A4")
def test_423_asks_once_more_with_min_expires_and_remembers_it() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = refusing(423, 200)
    desk.start(1)
    assert [r.expires for r in desk.requests("SUBSCRIBE")] == [3600, 7000]
    desk.run(3600)
    assert desk.requests("SUBSCRIBE")[-1].expires == 7000


def test_481_to_a_refresh_makes_it_anew() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = refusing(200, 481, 200)
    desk.start(1)
    desk.run(3600)
    first, second, third = desk.requests("SUBSCRIBE")
    assert (second.call_id, second.to.tag) == (first.call_id, "peer")
    assert third.call_id != first.call_id
    assert not third.to.tag
    assert held(desk) == [("active", ONE)]


def test_after_a_refusal_it_is_tried_again_by_the_interval() -> None:
    desk = Desk(mwi_line(sub_fail_retry_interval=45))
    desk.peers[ONE] = refusing(403)
    desk.start(1)
    desk.run(44)
    assert len(desk.requests("SUBSCRIBE")) == 1
    assert held(desk) == [("resting", None)]
    desk.run(46)
    assert len(desk.requests("SUBSCRIBE")) == 2


def test_an_interval_of_0_is_no_loop() -> None:
    desk = Desk(mwi_line(sub_fail_retry_interval=0))
    desk.peers[ONE] = refusing(403)
    desk.start(10)
    assert len(desk.requests("SUBSCRIBE")) <= 11


@pytest.mark.rule("A3")
def test_a_challenge_is_answered_with_the_next_cseq() -> None:
    def then(request: Request) -> list[Response]:
        if "Authorization" in request:
            return [answer(request, 200, ("Contact", NOTIFIER), ("Expires", "600"))]
        return [answer(request, 401, ("WWW-Authenticate", 'Digest realm="x", nonce="n"'))]

    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(then)
    desk.start(1)
    assert [r.cseq.number for r in desk.requests("SUBSCRIBE")] == [1, 2]
    assert held(desk) == [("active", ONE)]


# --- NOTIFY -----------------------------------------------------------------------------------


def test_the_first_notify_may_overtake_the_answer() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(0.1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    flow = desk.flow_to(ONE)
    desk.say(flow, notify(subscribe, cseq=7, body=b"Messages-Waiting: yes\r\n"))
    assert desk.responses("NOTIFY") == [200]
    assert desk.of(MessageWaiting)
    desk.say(flow, answer(subscribe, 200, ("Contact", NOTIFIER), ("Expires", "600")))
    assert held(desk) == [("active", ONE)]
    desk.say(flow, notify(subscribe, cseq=6))  # one that came too late
    assert desk.responses("NOTIFY") == [200, 500]


@pytest.mark.rule("A11")
def test_the_notifier_that_answered_is_kept_the_one_that_only_notified_is_surplus() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(0.1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    flow = desk.flow_to(ONE)
    desk.say(flow, notify(subscribe, tag="other"))
    desk.say(flow, answer(subscribe, 200, ("Contact", NOTIFIER), ("Expires", "600")))
    surplus = desk.requests("SUBSCRIBE")[-1]
    assert (surplus.to.tag, surplus.expires) == ("other", 0)
    assert held(desk) == [("active", ONE)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"event": "dialog"}, 489),
        ({"event": "message-summary;id=7"}, 489),
        ({"tag": "stranger"}, 481),
        ({"state": ""}, 400),
        ({"body": b"nothing of the kind"}, 400),
        ({"event": ";;"}, 489),
    ],
)
def test_a_notify_that_does_not_fit_is_refused(change: dict[str, object], status: int) -> None:
    desk, subscribe = active()
    desk.say(desk.flow_to(ONE), notify(subscribe, **change))  # type: ignore[arg-type]
    assert desk.responses("NOTIFY") == [status]
    assert held(desk) == [("active", ONE)]


@pytest.mark.parametrize(
    ("state", "again_after", "then"),
    [
        ("terminated;reason=deactivated", 0, "active"),
        ("terminated;reason=timeout", 0, "active"),
        ("terminated;reason=probation;retry-after=77", 77, "active"),
        ("terminated;reason=giveup", 30, "active"),
        ("terminated", 30, "active"),
        ("terminated;reason=unheard-of", 30, "active"),
        ("terminated;reason=rejected", None, "refused"),
        ("terminated;reason=noresource", None, "refused"),
        ("terminated;reason=invariant", None, "refused"),
    ],
)
def test_why_it_was_ended_says_when_it_is_made_anew(
    state: str, again_after: float | None, then: str
) -> None:
    desk, subscribe = active()
    desk.run(100)
    desk.say(desk.flow_to(ONE), notify(subscribe, state=state))
    assert desk.responses("NOTIFY") == [200]
    if again_after:
        desk.run(100 + again_after - 1)
        assert len(desk.requests("SUBSCRIBE")) == 1
    desk.run(300)
    assert len(desk.requests("SUBSCRIBE")) == (1 if again_after is None else 2)
    assert held(desk) == [(then, None if then == "refused" else ONE)]


@pytest.mark.parametrize(
    ("state", "again_after", "then"),
    [
        ("terminated;reason=deactivated", 30, "resting"),
        ("terminated;reason=probation;retry-after=77", 77, "resting"),
        ("terminated;reason=rejected", None, "refused"),
    ],
)
def test_one_that_is_ended_before_its_answer_comes_is_asked_for_no_more(
    state: str, again_after: float | None, then: str
) -> None:
    desk = Desk(mwi_line(sub_fail_retry_interval=30))
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(6)
    (subscribe,) = {r.call_id: r for r in desk.requests("SUBSCRIBE")}.values()
    desk.say(desk.flow_to(ONE), notify(subscribe, state=state))
    sent = len(desk.requests("SUBSCRIBE"))
    assert held(desk) == [(then, None)]
    desk.run(6 + (again_after or 600) - 1)
    assert len(desk.requests("SUBSCRIBE")) == sent
    desk.peers[ONE] = taking()
    desk.run(700)
    assert len(desk.requests("SUBSCRIBE")) == sent + (again_after is not None)


@pytest.mark.parametrize(
    ("state", "again_after", "then"),
    [
        ("terminated;reason=deactivated", 0, "active"),
        ("terminated;reason=probation;retry-after=77", 77, "resting"),
        ("terminated;reason=rejected", None, "refused"),
    ],
)
def test_one_that_is_ended_in_the_middle_of_a_refresh_is_refreshed_no_more(
    state: str, again_after: float | None, then: str
) -> None:
    desk, subscribe = refreshing()
    desk.peers[ONE] = taking("anew")
    desk.say(desk.flow_to(ONE), notify(subscribe, state=state))
    assert held(desk) == [(then, ONE if then == "active" else None)]
    sent = len(desk.requests("SUBSCRIBE"))
    desk.run(desk.now + (again_after or 60) - 1)
    assert len(desk.requests("SUBSCRIBE")) == sent
    desk.run(600)
    assert len(desk.requests("SUBSCRIBE")) == sent + bool(again_after)


def test_a_notifier_that_ends_it_at_once_each_time_is_asked_by_the_interval() -> None:
    desk, _ = active(sub_fail_retry_interval=30)
    for _ in range(20):
        subscribe = desk.requests("SUBSCRIBE")[-1]
        ended = notify(subscribe, state="terminated;reason=deactivated")
        desk.say(desk.flow_to(ONE), ended)
        desk.run(desk.now + 3)
    assert len(desk.requests("SUBSCRIBE")) <= 4


def test_a_message_told_unasked_is_told_on() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = granting()
    desk.start(1)
    subscribe = desk.requests("REGISTER")[0]
    unasked = notify(subscribe, body=b"Messages-Waiting: yes\r\nVoice-Message: 3/0 (0/0)\r\n")
    unasked.set("To", "<sip:4601@192.0.2.1>")
    desk.say(desk.flow_to(ONE), unasked)
    assert desk.responses("NOTIFY") == [200]
    (told,) = desk.of(MessageWaiting)
    assert isinstance(told, MessageWaiting)
    assert told.new == 3


# --- lamps ------------------------------------------------------------------------------------


def lamps(desk: Desk) -> list[tuple[str, str]]:
    return [(e.subject, e.state) for e in desk.of(LampChanged) if isinstance(e, LampChanged)]


def document(version: int, *states: tuple[str, DialogState], full: bool = False) -> bytes:
    watched = tuple(Watched(id, state, "recipient") for id, state in states)
    return DialogInfo("sip:1002@192.0.2.1", version, full, watched).to_bytes()


def watching() -> tuple[Desk, Callable[[int, bytes], None]]:
    keys = (LineKey(16, 1, "1002"), LineKey(16, 2, "1003"), LineKey(15, 1, "1004"))
    desk = Desk(PhoneSettings(lines=(line(server()),), line_keys=keys))
    desk.peers[ONE] = taking()
    desk.start(1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    assert (subscribe.uri, subscribe.get("Event")) == ("sip:1002@192.0.2.1", "dialog")
    assert subscribe.expires == 1800

    def tell(cseq: int, body: bytes) -> None:
        desk.say(desk.flow_to(ONE), notify(subscribe, cseq=cseq, event="dialog", body=body))

    return desk, tell


def test_a_key_shows_whether_somebody_is_on_the_telephone() -> None:
    desk, tell = watching()
    tell(1, document(0, full=True))
    tell(2, document(1, ("a", DialogState.EARLY)))
    tell(3, document(2, ("a", DialogState.CONFIRMED)))
    tell(4, document(3, ("b", DialogState.EARLY)))
    tell(5, document(4, ("a", DialogState.TERMINATED)))
    tell(6, document(5, ("b", DialogState.TERMINATED)))
    assert lamps(desk) == [
        ("1002", state) for state in ("idle", "ringing", "busy", "ringing", "idle")
    ]


def test_a_missing_document_has_the_whole_picture_asked_for() -> None:
    desk, tell = watching()
    tell(1, document(0, full=True))
    tell(2, document(5, ("a", DialogState.EARLY)))
    assert [bool(r.to.tag) for r in desk.requests("SUBSCRIBE")] == [False, True]
    tell(3, document(4, ("a", DialogState.TERMINATED)))  # it was overtaken
    assert lamps(desk)[-1] == ("1002", "ringing")


def test_a_shared_line_is_watched() -> None:
    desk = Desk(line(server(), shared_line=3, bla_number="4700"))
    desk.peers[ONE] = taking()
    desk.start(1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    assert (subscribe.uri, subscribe.get("Event")) == ("sip:4700@192.0.2.1", "dialog;sla")
    assert subscribe.expires == 300


# --- the end ----------------------------------------------------------------------------------


def test_a_clean_stop_ends_it_and_takes_its_last_notify() -> None:
    desk, subscribe = active()
    desk.phone.stop(desk.now)
    desk.drain()
    last = desk.requests("SUBSCRIBE")[-1]
    assert (last.expires, last.call_id, last.cseq.number) == (0, subscribe.call_id, 2)
    methods = [s.message.method for s in desk.sent if isinstance(s.message, Request)]
    assert methods[-2:] == ["SUBSCRIBE", "REGISTER"]  # while we are still registered
    assert desk.phone.stopped
    desk.say(desk.flow_to(ONE), notify(subscribe, state="terminated;reason=timeout"))
    assert desk.responses("NOTIFY") == [200]


def test_a_clean_stop_does_not_wait_for_ever_for_a_silent_notifier() -> None:
    desk, _ = active()
    desk.peers[ONE] = with_subscribe(silent)
    desk.phone.stop(desk.now)
    desk.run(desk.now + 8)
    assert desk.phone.stopped
    desk.run(desk.now + 400)
    assert not desk.phone.snapshot(desk.now).flows


def test_a_stop_while_it_is_being_made_leaves_nothing() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(1)
    desk.phone.stop(desk.now)
    desk.run(desk.now + 400)
    assert desk.phone.stopped
    assert not desk.phone.snapshot(desk.now).timers


def test_a_stop_lets_go_of_one_of_which_only_the_first_notify_has_come() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(0.1)
    desk.say(desk.flow_to(ONE), notify(desk.requests("SUBSCRIBE")[0]))
    desk.phone.stop(desk.now)
    desk.run(400)
    assert not desk.phone.snapshot(desk.now).flows


def test_a_stop_in_the_middle_of_a_refresh_ends_it() -> None:
    desk, subscribe = refreshing()
    desk.phone.stop(desk.now)
    desk.drain()
    last = desk.requests("SUBSCRIBE")[-1]
    assert (last.expires, last.to.tag, last.call_id) == (0, "peer", subscribe.call_id)


def test_a_stop_forgets_when_one_that_rests_would_be_tried_again() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = refusing(403)
    desk.start(1)
    assert held(desk) == [("resting", None)]
    assert waits(desk)
    desk.phone.stop(desk.now)
    desk.drain()
    assert not waits(desk)


@pytest.mark.rule("A11")
def test_a_late_2xx_to_one_given_up_is_surplus_and_ended() -> None:
    desk = Desk(mwi_line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers |= {ONE: with_subscribe(silent), TWO: taking("two", at=TWO)}
    desk.start(60)
    first = desk.requests("SUBSCRIBE", ONE)[0]
    assert held(desk) == [("resting", None)]
    desk.say(desk.flow_to(ONE), answer(first, 200, ("Contact", NOTIFIER), ("Expires", "3600")))
    last = desk.requests("SUBSCRIBE", ONE)[-1]
    assert (last.expires, last.to.tag, last.call_id) == (0, "peer", first.call_id)


# --- where it lives ---------------------------------------------------------------------------


@pytest.mark.rule("F7")
def test_with_two_servers_at_once_messages_are_asked_for_at_the_working_server_only() -> None:
    keys = (LineKey(16, 1, "1002"),)
    settings = mwi_line(server(), server(TWO.address), shared_line=3)
    desk = Desk(PhoneSettings(lines=(settings,), line_keys=keys))
    desk.peers |= {ONE: taking(), TWO: taking("two", at=TWO)}
    desk.start(1)
    assert len(desk.requests("SUBSCRIBE", ONE)) == 3
    assert not desk.requests("SUBSCRIBE", TWO)
    desk.peers[ONE] = silent
    desk.run(4000)  # refreshes of registration and subscriptions fail: server 2 serves
    at_two = {r.get("Event") for r in desk.requests("SUBSCRIBE", TWO)}
    assert at_two == {"dialog"}
    seen = {s.package + s.subject: s.state for s in desk.phone.snapshot(desk.now).subscriptions}
    assert seen["dialog1002"] == "active"
    assert seen["message-summary"] == seen["dialog4601"] == "waiting"
    desk.peers[ONE] = taking("back")
    desk.run(4100)
    assert desk.requests("SUBSCRIBE", ONE)[-1].cseq.number == 1
    seen = {s.package + s.subject: s.state for s in desk.phone.snapshot(desk.now).subscriptions}
    assert set(seen.values()) == {"active"}


@pytest.mark.rule("F7", "B11")
def test_a_registration_that_moved_takes_nothing_along_that_lives_with_the_other_server() -> None:
    follows = {"failback_mode": 2, "failback_subscribe_enable": 1, "expires": 100}
    desk = Desk(
        mwi_line(server(), server(NAME, port=0, transport_type=3, **follows)),
        nameservers=(Nameserver("192.0.2.53"),),
    )
    three = Target("192.0.2.3", 5060, Transport.UDP)
    addresses = (f"one.{NAME}. 300 IN A {TWO.address}", f"two.{NAME}. 300 IN A {three.address}")
    desk.records = (*RECORDS, *addresses)
    desk.peers |= {ONE: taking(), TWO: granting(100), three: granting(100)}
    desk.start(1)
    desk.peers[TWO] = silent
    desk.run(100)  # the registration with server 2 is at its secondary now
    assert desk.requests("REGISTER", three)
    assert len(desk.requests("SUBSCRIBE")) == 1
    assert held(desk) == [("active", ONE)]


@pytest.mark.rule("F7")
def test_one_server_at_a_time_subscriptions_follow_the_line() -> None:
    settings = mwi_line(
        server(), server(TWO.address), fallback_redundancy_type=1, fallback_timeout=20
    )
    desk = Desk(settings)
    desk.peers |= {ONE: taking(), TWO: taking("two", at=TWO)}
    desk.start(1)
    desk.peers[ONE] = silent
    desk.phone.call(1, "555", desk.now)  # F3: it moves the line
    desk.run(40)
    assert desk.requests("REGISTER", TWO)
    (at_two,) = desk.requests("SUBSCRIBE", TWO)
    assert at_two.uri == "sip:4601@192.0.2.2"
    assert held(desk) == [("active", TWO)]
    desk.peers[ONE] = taking("back")
    desk.run(120)
    assert held(desk) == [("active", ONE)]
    assert desk.requests("SUBSCRIBE", TWO)[-1].expires == 0


def falling_back(at_one: Peer, **more: object) -> Desk:
    """Successive; server 1 behaves as told, server 2 takes all."""
    settings = mwi_line(
        server(), server(TWO.address), fallback_redundancy_type=1, fallback_timeout=900, **more
    )
    desk = Desk(settings)
    desk.peers |= {ONE: at_one, TWO: taking("two", at=TWO)}
    return desk


@pytest.mark.rule("F7")
def test_one_that_waits_is_made_where_the_line_has_moved() -> None:
    desk = falling_back(silent)
    desk.start(10)
    assert held(desk) == [("active", TWO)]
    made = desk.of(SubscriptionChanged)[0]
    assert (made.reason, str(made.rule)) == ("the line's registration moved", "B11")


@pytest.mark.rule("F7")
def test_one_that_is_being_made_is_made_where_the_line_has_moved_at_once() -> None:
    desk = falling_back(with_subscribe(silent))
    desk.start(1)
    desk.peers[ONE] = silent
    desk.phone.call(1, "555", desk.now)  # F3: it moves the line
    desk.run(10)
    assert held(desk) == [("active", TWO)]


@pytest.mark.rule("F7")
def test_one_that_rests_is_made_where_the_line_has_moved_at_once() -> None:
    desk = falling_back(refusing(403), sub_fail_retry_interval=600)
    desk.start(1)
    assert held(desk) == [("resting", None)]
    desk.peers[ONE] = silent
    desk.phone.call(1, "555", desk.now)
    desk.run(10)
    assert held(desk) == [("active", TWO)]


@pytest.mark.rule("F7")
def test_another_server_may_take_what_the_one_before_refused_for_good() -> None:
    desk = falling_back(taking())
    desk.start(1)
    (subscribe,) = desk.requests("SUBSCRIBE")
    desk.say(desk.flow_to(ONE), notify(subscribe, state="terminated;reason=rejected"))
    assert held(desk) == [("refused", None)]
    desk.peers[ONE] = silent
    desk.phone.call(1, "555", desk.now)
    desk.run(10)
    assert held(desk) == [("active", TWO)]


@pytest.mark.rule("F7")
def test_one_that_is_being_refreshed_is_made_where_the_line_has_moved_at_once() -> None:
    desk = falling_back(taking(seconds=20))
    desk.start(9)
    desk.peers[ONE] = silent
    desk.run(11)
    assert desk.requests("SUBSCRIBE", ONE)[-1].to.tag  # its refresh
    desk.phone.call(1, "555", desk.now)
    desk.run(20)
    assert held(desk) == [("active", TWO)]


def by_name(*, enable: int, mode: int = 2, **more: object) -> Desk:
    """One server behind a name with two targets; registrations of 100 s."""
    settings = mwi_line(
        server(
            NAME,
            port=0,
            transport_type=3,
            expires=100,
            failback_mode=mode,
            failback_subscribe_enable=enable,
            **more,
        )
    )
    desk = Desk(settings, nameservers=(Nameserver("192.0.2.53"),))
    desk.records = (
        *RECORDS,
        f"one.{NAME}. 300 IN A {ONE.address}",
        f"two.{NAME}. 300 IN A {TWO.address}",
    )
    desk.peers |= {
        ONE: taking("one", binding_s=100),
        TWO: taking("two", at=TWO, binding_s=100),
    }
    return desk


@pytest.mark.rule("B11")
@pytest.mark.parametrize(("enable", "mode", "follows"), [(1, 2, True), (0, 2, False)])
def test_a_registration_that_moved_takes_its_subscriptions_along(
    enable: int, mode: int, follows: bool
) -> None:
    desk = by_name(enable=enable, mode=mode)
    desk.start(1)
    assert held(desk) == [("active", ONE)]
    desk.peers[ONE] = silent
    desk.run(100)  # the refresh of the registration finds the primary dead
    assert held(desk) == [("active", TWO if follows else ONE)]
    assert len(desk.requests("SUBSCRIBE", TWO)) == int(follows)
    desk.run(3590)  # by its own refresh it follows all the same
    assert held(desk) == [("active", TWO)]
    assert not desk.requests("SUBSCRIBE", TWO)[0].to.tag


@pytest.mark.rule("B10")
def test_no_subscribe_goes_to_a_target_without_a_registration() -> None:
    desk = by_name(enable=0, register_on_enable=1, only_signal_with_registered=1)
    desk.start(1)
    desk.peers[ONE] = silent
    desk.run(120)
    before = len(desk.requests("SUBSCRIBE", ONE))
    desk.peers[ONE] = taking("again")
    desk.phone.stop(desk.now)
    desk.run(140)
    assert len(desk.requests("SUBSCRIBE", ONE)) == before


@pytest.mark.rule("R9")
def test_a_connection_that_ends_takes_its_subscription_with_it() -> None:
    tcp = Target(ONE.address, 5060, Transport.TCP)
    desk = Desk(mwi_line(server(transport_type=1)))
    desk.peers[tcp] = taking()
    desk.start(1)
    desk.break_flow(desk.flow_to(tcp))
    desk.run(5)
    first, second = desk.requests("SUBSCRIBE")
    assert first.call_id != second.call_id
    assert held(desk) == [("active", tcp)]


@pytest.mark.rule("R8")
def test_after_a_network_change_it_is_made_anew() -> None:
    desk, first = active()
    desk.phone.network_changed(desk.now)
    desk.run(2)
    assert [bool(r.to.tag) for r in desk.requests("SUBSCRIBE")] == [False, False]
    assert desk.requests("SUBSCRIBE")[1].call_id != first.call_id


@pytest.mark.rule("R8")
def test_a_network_change_while_it_is_being_made_begins_it_anew() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = with_subscribe(silent)
    desk.start(1)
    before = desk.requests("SUBSCRIBE")
    desk.peers[ONE] = taking()
    desk.phone.network_changed(desk.now)
    desk.run(20)
    assert held(desk) == [("active", ONE)]
    (made,) = desk.requests("SUBSCRIBE")[len(before) :]  # what was under way is not resent
    assert made.call_id != before[0].call_id


@pytest.mark.rule("R8")
def test_a_network_change_while_it_is_being_refreshed_begins_it_anew() -> None:
    desk, subscribe = refreshing()
    desk.peers[ONE] = taking("anew")
    desk.phone.network_changed(desk.now)
    desk.run(12)
    assert held(desk) == [("active", ONE)]
    last = desk.requests("SUBSCRIBE")[-1]
    assert last.call_id != subscribe.call_id
    assert not last.to.tag


@pytest.mark.rule("R8")
def test_another_network_may_take_what_was_refused_for_good() -> None:
    desk, subscribe = active()
    desk.say(desk.flow_to(ONE), notify(subscribe, state="terminated;reason=rejected"))
    desk.phone.network_changed(desk.now)
    desk.run(2)
    assert held(desk) == [("active", ONE)]


@pytest.mark.rule("R8")
def test_one_that_rests_waits_for_the_registration_after_a_network_change() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = refusing(403)
    desk.start(1)
    desk.peers[ONE] = silent
    desk.phone.network_changed(desk.now)
    desk.drain()
    assert held(desk) == [("waiting", None)]
    assert not waits(desk)


# --- the table --------------------------------------------------------------------------------


def test_every_state_can_be_reached_and_left_and_the_last_one_cannot() -> None:
    steps = [step for row in TABLE.values() for step in row.values()]
    assert {step.state for step in steps} == set(SubscriptionState)
    assert {step.act for step in steps} == set(Act)
    for state, row in TABLE.items():
        leaves = any(step.state is not state for step in row.values())
        assert leaves is (state is not SubscriptionState.OVER)
        assert row[SubscriptionEvent.STOP].state is SubscriptionState.OVER


def test_addresses_as_subjects() -> None:
    keys = (LineKey(16, 1, "sip:boss@other.example"),)
    desk = Desk(PhoneSettings(lines=(line(server()),), line_keys=keys))
    desk.peers[ONE] = taking()
    desk.start(1)
    assert parse_uri(desk.requests("SUBSCRIBE")[0].uri).host == "other.example"


@pytest.mark.rule("F7", "R2")
@pytest.mark.parametrize("servers", [1, 2])
def test_after_an_outage_that_no_register_met_a_subscription_is_made_again(servers: int) -> None:
    """Its own failure finds the server unavailable; no REGISTER is due for an hour (R2)."""
    backup = (server(TWO.address),) if servers == 2 else ()
    desk = Desk(mwi_line(server(), *backup, fallback_redundancy_type=1))
    desk.peers[ONE] = taking(seconds=100, binding_s=3600)
    desk.start(9)
    desk.peers[ONE] = silent
    desk.run(95)
    desk.peers[ONE] = taking(seconds=100, binding_s=3600)
    desk.run(600)
    assert held(desk)[0][0] == "active"
    assert len(desk.requests("REGISTER", ONE)) == 1


def test_a_grant_of_no_time_is_an_end_and_no_loop() -> None:
    desk = Desk(mwi_line())
    desk.peers[ONE] = taking(seconds=0)
    desk.start(59)
    assert len(desk.requests("SUBSCRIBE")) == 2
    assert held(desk)[0][0] == "resting"
