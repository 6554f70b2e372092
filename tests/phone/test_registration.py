"""REGISTER: its identity, what it asks for, what it is granted, how it is removed."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from evertone import events
from evertone.config.settings import PhoneSettings
from evertone.flows import Nameserver
from evertone.model import Cause, Target, Transport
from evertone.phone.registration import granted_s
from evertone.phone.snapshot import LineState
from evertone.rules import Rule
from evertone.sip.auth import DigestServer, Verdict
from evertone.sip.message import Request, Response
from evertone.sip.values import parse_name_addr
from tests.phone.desk import INSTANCE, ONE, TWO, Desk, Peer, answer, granting, line, server, silent

TCP = Target(ONE.address, 5060, Transport.TCP)


def digest(then: Peer, *, password: str = "geheim", seed: int = 3, proxy: bool = False) -> Peer:
    """A peer that wants to know who asks; its nonces never grow old."""
    guard = DigestServer(
        "realm", lambda user: password, random.Random(seed), lifetime_s=1e9, proxy=proxy
    )

    answered: dict[str, list[Response]] = {}

    def fresh(request: Request) -> Iterable[Response]:
        verdict = guard.verify(request, 0.0).verdict
        if verdict is not Verdict.OK:
            return [guard.challenge(request, verdict, 0.0)]
        return then(request)

    def peer(request: Request) -> Iterable[Response]:
        """As a stateful server does it: a resend gets the answers of the first."""
        if request.method == "ACK":
            return []
        branch = f"{request.method} {request.via.branch}"
        if branch not in answered:
            answered[branch] = list(fresh(request))
        return answered[branch]

    return peer


def statuses(*codes: int, then: Peer) -> Peer:
    """A peer that answers its first requests with these codes."""
    left = list(codes)

    def peer(request: Request) -> Iterable[Response]:
        return [answer(request, left.pop(0))] if left else then(request)

    return peer


# --- identity ---


@pytest.mark.rule("A1")
def test_one_call_id_per_server_and_cseq_plus_one_for_every_transaction_at_all_targets() -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers[TWO] = granting(120)
    desk.start(300)
    first = [(r.call_id, r.cseq.number, r.via.branch) for r in desk.requests("REGISTER", ONE)]
    second = [(r.call_id, r.cseq.number) for r in desk.requests("REGISTER", TWO)]
    assert len({call_id for call_id, _, _ in first}) == 1
    by_branch = {branch: cseq for _, cseq, branch in first}
    assert list(by_branch.values()) == list(range(1, len(by_branch) + 1))
    assert len(by_branch) > 2
    assert len({call_id for call_id, _ in second}) == 1
    assert second[0][0] != first[0][0]
    assert [cseq for _, cseq in second] == list(range(1, len(second) + 1))


@pytest.mark.rule("R5", "R10")
def test_contact_bears_the_flow_s_address_a_stable_parameter_instance_and_reg_id() -> None:
    seen = []
    for _ in range(2):  # two lives of one phone
        desk = Desk(line(server(), server(TWO.address)))
        desk.peers |= {ONE: granting(), TWO: granting()}
        desk.start(1)
        seen.append([desk.requests("REGISTER", t)[0].contacts[0] for t in (ONE, TWO)])
    (one, two), again = seen[0], seen[1]
    assert [one, two] == again
    assert (one.uri.host, one.uri.port, one.uri.param("transport")) == ("192.0.2.10", 5060, None)
    assert one.text_param("+sip.instance") == f"<{INSTANCE}>"
    assert [c.param("reg-id") for c in (one, two)] == ["1", "2"]
    assert one.uri.param("line")
    assert one.uri.param("line") != two.uri.param("line")


@pytest.mark.rule("R10")
def test_contact_over_tcp_is_the_connection_s_own_end() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting()
    desk.start(1)
    contact = desk.requests("REGISTER", TCP)[0].contacts[0]
    assert contact.uri.param("transport") == "tcp"
    assert contact.uri.port == 40001


def test_user_at_domain_fixes_the_address_of_record() -> None:
    desk = Desk(line(server(), user_name="anna@example.net"))
    desk.peers[ONE] = granting()
    desk.start(1)
    register = desk.requests("REGISTER")[0]
    assert register.uri == f"sip:{ONE.address}"
    assert str(register.to.uri) == "sip:anna@example.net"
    assert register.contacts[0].uri.user == "anna"


# --- what it is granted ---

OURS = parse_name_addr(f'<sip:a@192.0.2.10:5060;line=x>;+sip.instance="<{INSTANCE}>";reg-id=1')


def ok(*contacts: str, expires: str = "") -> Response:
    headers = [("Contact", contact) for contact in contacts]
    return Response(200, "OK", [*headers, ("Expires", expires)] if expires else headers)


@pytest.mark.rule("R4")
@pytest.mark.parametrize(
    ("response", "granted"),
    [
        (
            ok(
                "<sip:a@192.0.2.10:5060;line=x>;expires=1",
                f'<sip:other>;+sip.instance="<{INSTANCE}>";reg-id=1;expires=77',
            ),
            77,
        ),
        (ok("<sip:b@192.0.2.9>;expires=5", "<sip:a@192.0.2.10:5060;line=x>;expires=66"), 66),
        (ok("<sip:b@192.0.2.9>;expires=55"), 55),
        (ok("<sip:b@192.0.2.9>;expires=5", "<sip:c@192.0.2.8>;expires=6", expires="44"), 44),
        (ok("<sip:a@192.0.2.10:5060;line=x>", expires="33"), 33),
        (ok("<sip:a@192.0.2.10:5060;line=x>;expires=soon", expires="33"), 33),
        (ok(expires="soon"), 3600),
        (ok("<<<not a contact"), 3600),
        (ok(), 3600),
    ],
)
def test_our_binding_is_found_and_its_time_counts(response: Response, granted: int) -> None:
    assert granted_s(response, OURS, 3600) == granted


@pytest.mark.rule("R4", "R3")
def test_the_refresh_follows_the_time_that_was_granted() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = granting(600)
    desk.start(1)
    view = desk.phone.snapshot(desk.now).lines[0]
    assert (view.state, view.next_refresh) == (LineState.REGISTERED, 540.0)
    assert (view.server, view.target) == (1, ONE)


# --- challenges, intervals, refusals ---


@pytest.mark.rule("A3")
def test_a_challenge_is_answered_at_the_same_target_and_remembered() -> None:
    desk = Desk(line(server(), server(TWO.address)))
    desk.peers |= {ONE: digest(granting()), TWO: digest(granting())}
    desk.start(4000)
    for target in (ONE, TWO):
        sent = ["Authorization" in r for r in desk.requests("REGISTER", target)]
        assert sent == [False, True, True]  # 401, 200, and the refresh with what it knows
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REGISTERED


@pytest.mark.rule("A3")
def test_after_failover_it_begins_without_credentials() -> None:
    desk = Desk(line(server(expires=120), server(TWO.address), fallback_redundancy_type=1))
    desk.peers |= {ONE: digest(granting(120)), TWO: digest(granting(), seed=4)}
    desk.start(1)
    desk.peers[ONE] = silent
    desk.run(200)
    sent = ["Authorization" in request for request in desk.requests("REGISTER", TWO)]
    assert sent == [False, True]


@pytest.mark.rule("A3", "A6")
def test_a_wrong_password_is_refused_and_no_reason_to_go_elsewhere() -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers[ONE] = digest(granting(), password="other")
    desk.start(20)
    assert len(desk.requests("REGISTER", ONE)) == 2
    assert not desk.requests("REGISTER", TWO)
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REFUSED
    assert all("geheim" not in repr(event) for event in desk.events)


@pytest.mark.rule("A4")
def test_423_is_asked_once_more_with_min_expires_which_is_remembered() -> None:
    def peer(request: Request) -> Iterable[Response]:
        if (request.expires or 0) < 1800:
            return [answer(request, 423, ("Min-Expires", "1800"))]
        return granting(1800)(request)

    desk = Desk(line(server(expires=60)))
    desk.peers[ONE] = peer
    desk.start(1790)
    assert [r.expires for r in desk.requests("REGISTER")] == [60, 1800, 1800]


@pytest.mark.rule("R5")
def test_a_way_that_lacks_outbound_is_registered_without_it() -> None:
    desk = Desk(line(server(expires=60)))
    desk.peers[ONE] = lambda request: (
        [answer(request, 439)]
        if "outbound" in (request.get("Supported") or "")
        else granting(60)(request)
    )
    desk.start(35)
    assert [r.get("Supported") for r in desk.requests("REGISTER")] == [
        "path, outbound",
        "path",
        "path",  # the refresh remembers it
    ]
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REGISTERED


@pytest.mark.rule("A4", "A6")
@pytest.mark.parametrize(("least", "asked"), [(("50",), [60]), (("90", "120"), [60, 90])])
def test_a_second_423_or_a_useless_one_is_a_refusal(
    least: tuple[str, ...], asked: list[int]
) -> None:
    wanted = iter(least)
    desk = Desk(line(server(expires=60)))
    desk.peers[ONE] = lambda request: [answer(request, 423, ("Min-Expires", next(wanted)))]
    desk.start(5)
    assert [request.expires for request in desk.requests("REGISTER")] == asked
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REFUSED


@pytest.mark.rule("A5", "A2")
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_registrar_that_cannot_serve_hands_over(status: int) -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers |= {ONE: statuses(*[status] * 9, then=granting()), TWO: granting()}
    desk.start(1)
    view = desk.phone.snapshot(desk.now).lines[0]
    assert (view.server, view.target) == (2, TWO)


# --- bindings ---


@pytest.mark.rule("R5", "B6")
def test_a_clean_stop_removes_the_binding_with_its_own_contact_and_the_next_cseq() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = digest(granting())
    desk.start(1)
    before = desk.phone.stopped
    desk.phone.stop(desk.now)
    desk.drain()
    assert (before, desk.phone.stopped) == (False, True)
    made, removed = desk.requests("REGISTER")[-2:]
    assert removed.expires == 0
    assert removed.contacts == made.contacts
    assert removed.call_id == made.call_id
    assert removed.cseq.number == made.cseq.number + 1
    assert desk.phone.snapshot(desk.now).lines[0].bindings == ()
    desk.run(400)
    rest = desk.phone.snapshot(desk.now)
    assert (rest.flows, rest.timers, rest.transactions, rest.lingering) == ((), (), 0, 0)
    assert not desk.flows


@pytest.mark.rule("R5")
def test_a_stop_that_nobody_answers_ends_by_the_time_of_s1() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = granting()
    desk.start(1)
    desk.peers[ONE] = silent
    desk.phone.stop(desk.now)
    desk.run(desk.now + 7)
    assert not desk.phone.stopped
    desk.run(desk.now + 26)
    assert desk.phone.stopped


@pytest.mark.rule("R5")
def test_unregister_on_reboot_removes_first_and_then_registers() -> None:
    desk = Desk(line(server(), unregister_on_reboot=1))
    desk.peers[ONE] = digest(granting(120))
    desk.start(200)
    seen = [(r.expires, r.cseq.number) for r in desk.requests("REGISTER")]
    assert seen == [(0, 1), (0, 2), (3600, 3), (3600, 4), (3600, 5), (3600, 6)][: len(seen)]
    assert len(seen) >= 4
    assert len({r.contacts for r in desk.requests("REGISTER")}) == 1


@pytest.mark.rule("R7")
def test_the_first_register_waits_a_random_time() -> None:
    settings = PhoneSettings(lines=(line(server()),), reg_surge_prevention=60)
    desk = Desk(settings)
    desk.peers[ONE] = granting()
    desk.start(60)
    (sent,) = [s for s in desk.sent if isinstance(s.message, Request)]
    assert 0 < sent.at <= 60


@pytest.mark.rule("R11")
def test_a_service_route_belongs_to_the_binding_that_brought_it() -> None:
    desk = Desk(line(server(), server(TWO.address)))
    route = ("Service-Route", "<sip:edge.example.net;lr>")
    desk.peers |= {ONE: granting(3600, route), TWO: granting()}
    desk.start(1)
    desk.phone.call(1, "555", desk.now)
    desk.run(60)
    assert [str(r) for r in desk.requests("INVITE", ONE)[0].routes] == ["<sip:edge.example.net;lr>"]
    desk.peers[ONE] = silent
    desk.phone.call(1, "555", desk.now)
    desk.run(120)
    moved = desk.requests("INVITE", TWO)
    assert moved
    assert moved[0].routes == ()


@pytest.mark.rule("A11")
def test_a_late_200_is_a_binding_all_the_same() -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.start(0)
    asked = desk.requests("REGISTER", ONE)[0]
    flow = desk.flow_to(ONE)
    desk.peers[TWO] = silent
    desk.run(8)  # given up at 7.5 s, the other server is being tried
    assert desk.requests("REGISTER", TWO)
    desk.say(flow, next(iter(granting()(asked))))
    view = desk.phone.snapshot(desk.now).lines[0]
    assert (view.state, view.server, view.target) == (LineState.REGISTERED, 1, ONE)


@pytest.mark.rule("A11", "R4")
@pytest.mark.parametrize(("waits_s", "left_s"), [(100, 20), (130, None)])
def test_what_a_late_200_grants_began_with_the_register(waits_s: int, left_s: int | None) -> None:
    # found by the swarm (seed 168): bytes on a stream may be held for minutes
    desk = Desk(line(server(expires=120, transport_type=1)))
    desk.peers[TCP] = silent
    desk.start(0)
    asked = desk.requests("REGISTER", TCP)[0]
    flow = desk.flow_to(TCP)
    desk.run(waits_s)
    desk.say(flow, next(iter(granting(120)(asked))))
    bindings = desk.phone.snapshot(desk.now).lines[0].bindings
    left = [round(held.expires_at - desk.now) for held in bindings]
    assert left == ([left_s] if left_s else [])


@pytest.mark.rule("A11", "R9")
def test_a_late_200_says_nothing_where_a_later_register_has_been_answered() -> None:
    """RFC 3261 §10.3: it would take the connection of the newer binding down with it."""
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting(3600)
    desk.start(1)
    desk.peers[TCP] = silent
    desk.run(3580)  # the refresh at 3540 is given up
    old = [sent for sent in desk.sent if sent.request.method == "REGISTER"][-1]
    desk.peers[TCP] = granting(3600)
    desk.run(3610)  # R6, on a new connection
    new = [sent for sent in desk.sent if sent.request.method == "REGISTER"][-1]
    assert new.flow != old.flow
    desk.say(old.flow, next(iter(granting(3600)(old.request))))
    desk.run(3640)
    assert new.flow in desk.flows
    (held,) = desk.phone.snapshot(desk.now).lines[0].bindings
    assert held.expires_at > 7000


@pytest.mark.rule("A10", "A5")
@pytest.mark.parametrize("status", [100, 180, 183])
def test_a_provisional_answer_to_register_rings_nobody(status: int) -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers[ONE] = lambda r: [answer(r, status), answer(r, 503)]
    desk.peers[TWO] = granting()
    desk.start(1)
    assert desk.phone.snapshot(desk.now).lines[0].server == 2


@pytest.mark.rule("A10", "A1")
def test_nothing_after_a_180_to_register_is_a_target_that_does_not_serve() -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers[ONE] = lambda r: [answer(r, 180)]
    desk.peers[TWO] = granting()
    desk.start(33)
    assert desk.phone.snapshot(desk.now).lines[0].server == 2


@pytest.mark.rule("A10", "S6")
def test_a_100_and_then_nothing_is_told_from_silence() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = lambda request: [answer(request, 100)]
    desk.start(40)
    (failed,) = [e for e in desk.events if isinstance(e, events.TargetFailed)]
    assert failed.outcome.cause is Cause.STALLED
    assert failed.at == pytest.approx(32.0, abs=0.1)


# --- flows ---


@pytest.mark.rule("R9")
def test_a_connection_that_carries_a_registration_ends_register_at_once_on_a_new_one() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting()
    desk.start(10)
    desk.break_flow(desk.flow_to(TCP))
    desk.run(10)
    first, second = desk.requests("REGISTER", TCP)
    assert second.cseq.number == first.cseq.number + 1
    assert second.contacts[0].uri.port != first.contacts[0].uri.port
    (flow,) = desk.phone.snapshot(desk.now).flows
    assert flow.flow == desk.flow_to(TCP)
    assert "binding 1 1" in flow.holders


@pytest.mark.rule("S4")
@pytest.mark.parametrize("cause", [Cause.CONNECT_REFUSED, Cause.TLS, Cause.CERTIFICATE])
def test_a_connection_that_cannot_be_made_makes_the_target_unavailable_at_once(
    cause: Cause,
) -> None:
    desk = Desk(line(server(transport_type=1), server(TWO.address), fallback_redundancy_type=1))
    desk.refusing[TCP] = cause
    desk.peers[TWO] = granting()
    desk.start(0)
    assert desk.phone.snapshot(0).lines[0].server == 2
    failed = desk.of(events.TargetFailed)[0]
    assert isinstance(failed, events.TargetFailed)
    assert failed.outcome.cause is cause


@pytest.mark.rule("S4", "S1")
def test_connecting_is_part_of_the_time_of_s1() -> None:
    desk = Desk(line(server(transport_type=1), server(TWO.address), fallback_redundancy_type=1))
    desk.hanging.add(TCP)
    desk.peers[TWO] = granting()
    desk.start(7.4)
    assert not desk.requests("REGISTER", TWO)
    desk.run(7.5)
    assert desk.requests("REGISTER", TWO)


@pytest.mark.rule("S4")
def test_no_resends_over_tcp() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.start(30)
    assert len(desk.requests("REGISTER", TCP)) == 1


@pytest.mark.rule("S5")
def test_an_icmp_error_makes_a_udp_target_unavailable_at_once() -> None:
    desk = Desk(line(server(), server(TWO.address), fallback_redundancy_type=1))
    desk.peers[TWO] = granting()
    desk.start(0.1)
    desk.icmp(ONE)
    assert desk.phone.snapshot(desk.now).lines[0].target == TWO
    failed = desk.of(events.TargetFailed)[0]
    assert isinstance(failed, events.TargetFailed)
    assert failed.outcome.cause is Cause.ICMP


@pytest.mark.rule("R8", "S4")
def test_in_another_network_nobody_waits_for_a_connection_begun_in_the_old_one() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.hanging.add(TCP)  # the old network takes nothing
    desk.start(3)
    desk.hanging.clear()
    desk.phone.network_changed(desk.now, "another network")
    desk.run(4)
    assert len(desk.requests("REGISTER", TCP)) == 1


@pytest.mark.rule("R8")
def test_after_a_network_change_all_lines_register_anew_on_new_flows() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.peers[TCP] = granting()
    desk.start(10)
    old = desk.flow_to(TCP)
    desk.phone.network_changed(desk.now)
    desk.run(60)
    assert len(desk.requests("REGISTER", TCP)) == 2
    assert desk.closed == [old]
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REGISTERED


@pytest.mark.rule("R8")
def test_a_network_change_is_told_but_means_nothing_before_the_start_or_in_a_stop() -> None:
    desk = Desk(line(server()))
    desk.peers[ONE] = granting()
    desk.phone.network_changed(desk.now, "too early")
    desk.start(10)
    desk.phone.network_changed(desk.now, "another address")
    desk.run(10)
    desk.phone.stop(desk.now)
    desk.phone.network_changed(desk.now, "too late")
    desk.run(60)
    told = desk.of(events.NetworkChanged)
    assert [(event.rule, event.reason) for event in told] == [(Rule.R8, "another address")]
    assert desk.phone.stopped
    assert [r.expires for r in desk.requests("REGISTER", ONE)] == [3600, 3600, 0]


@pytest.mark.rule("R4", "A6", "R6")
def test_a_200_that_grants_no_time_is_a_refusal_and_no_busy_loop() -> None:
    desk = Desk(line(server(), reg_fail_retry_interval=30))
    desk.peers[ONE] = granting(0)
    desk.start(61)
    assert len(desk.requests("REGISTER")) == 3
    view = desk.phone.snapshot(desk.now).lines[0]
    assert (view.state, view.bindings) == (LineState.REFUSED, ())


@pytest.mark.rule("R9")
def test_a_200_and_then_rubbish_in_one_piece() -> None:
    desk = Desk(line(server(transport_type=1)))
    desk.start(0)
    ok = next(iter(granting()(desk.requests("REGISTER")[0]))).to_bytes()
    old = desk.flow_to(TCP)
    desk.say(old, ok + b"no SIP at all\r\n\r\n")
    assert old in desk.closed
    assert len(desk.requests("REGISTER")) == 2  # it was registered, and lost its connection


@pytest.mark.rule("D14", "R2")
def test_a_name_that_leads_nowhere_makes_the_line_fail_until_dns_answers() -> None:
    dns = Nameserver("192.0.2.53")
    settings = PhoneSettings(lines=(line(server("sip.example.net")),))
    desk = Desk(settings, nameservers=(dns,))
    desk.peers[ONE] = granting()
    desk.start(20)  # 3 tries of 3 s for each question
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.FAILED
    desk.records = ("sip.example.net. 300 IN A 192.0.2.1",)
    desk.run(90)
    view = desk.phone.snapshot(desk.now).lines[0]
    assert (view.state, view.target) == (LineState.REGISTERED, ONE)


@pytest.mark.rule("A3")
def test_a_server_that_names_a_new_realm_each_time_is_not_answered_without_end() -> None:
    def peer(request: Request) -> list[Response]:
        place = f"r{request.cseq.number}"
        return [answer(request, 401, ("WWW-Authenticate", f'Digest realm="{place}", nonce="n"'))]

    desk = Desk(line(server()))
    desk.peers[ONE] = peer
    desk.start(1)
    assert len(desk.requests("REGISTER")) == 9
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REFUSED


@pytest.mark.rule("A4")
def test_a_439_and_a_423_are_each_heeded_once() -> None:
    refusals: list[tuple[int, list[tuple[str, str]]]] = [
        (439, []),
        (423, [("Min-Expires", "7200")]),
    ]

    def peer(request: Request) -> Iterable[Response]:
        if not refusals:
            return granting(7200)(request)
        code, headers = refusals.pop(0)
        return [answer(request, code, *headers)]

    desk = Desk(line(server()))
    desk.peers[ONE] = peer
    desk.start(1)
    assert desk.phone.snapshot(desk.now).lines[0].state is LineState.REGISTERED
    assert [sent.expires for sent in desk.requests("REGISTER")] == [3600, 3600, 7200]
