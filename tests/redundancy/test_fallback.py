"""F and P: two servers on a line, and the path through proxies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evertone import events
from evertone.config.settings import ProxySettings, ServerSettings
from evertone.model import Cause, Group, Outcome, OutcomeKind
from evertone.redundancy import interface as io
from evertone.rules import Rule
from tests.redundancy.bench import BUSY, FORBIDDEN, OK, REFUSED, SILENT, Bench, hops, line, target

WRONG_PASSWORD = Outcome(OutcomeKind.CHALLENGED, 401, text="Unauthorized")
S1, S2, P1, P2 = Group.SERVER1, Group.SERVER2, Group.PROXY1, Group.PROXY2


def pair(
    *, successive: bool, one: tuple[int, ...] = (1,), two: tuple[int, ...] = (2,), **kw: object
) -> Bench:
    names = (
        ServerSettings(address="a.example", expires=600),
        ServerSettings(address="b.example", expires=600),
    )
    return Bench(
        line(*names, fallback_redundancy_type=int(successive), **kw),
        {S1: hops(S1, *one), S2: hops(S2, *two)},
    )


# --- concurrent -----------------------------------------------------------------------------


@pytest.mark.rule("F1")
def test_concurrent_registers_with_both_and_the_working_server_serves() -> None:
    bench = pair(successive=False).start()
    bench.run(1)
    assert bench.sent() == [(0.0, "REGISTER", 1), (0.0, "REGISTER", 2)]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F1", "R6")
def test_concurrent_working_server_is_tried_at_once_and_after_each_tries_end() -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.set(t1=SILENT)
    bench.request("INVITE")
    bench.run(200)
    tries = [s[0] for s in bench.sent("REGISTER") if s[2] == 1][1:]
    # at once, then 30 s after each end; a server that is not serving gets S1's time only (S3)
    assert tries == [107.5, 145.0, 182.5]
    assert bench.saw(events.FellBack)[0].rule is Rule.F1


def uneven(*, successive: bool, **kw: object) -> Bench:
    """Server 1 is registered with for 120 s, server 2 for longer than any test."""
    servers = (
        ServerSettings(address="a.example", expires=120),
        ServerSettings(address="b.example", expires=6000),
    )
    settings = line(*servers, fallback_redundancy_type=int(successive), **kw)
    return Bench(settings, {S1: hops(S1, 1), S2: hops(S2, 2)})


@pytest.mark.rule("F1")
def test_concurrent_the_failed_refresh_itself_moves_service() -> None:
    bench = uneven(successive=False).start()
    bench.run(1)
    bench.set(t1=REFUSED)
    bench.run(60.5)
    assert bench.sent("REGISTER")[2:] == [(60.01, "REGISTER", 1)]
    assert bench.engine.snapshot().serving == 2


@pytest.mark.rule("F5")
def test_concurrent_when_both_have_failed_requests_begin_at_the_working_server() -> None:
    bench = uneven(successive=False)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(1)
    assert bench.engine.snapshot().serving == 2
    bench.set(t2=REFUSED)
    bench.run(5941)  # the refresh with server 2
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F1", "F5")
def test_concurrent_nothing_is_home_while_neither_server_answers() -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.set(t1=BUSY, t2=BUSY)
    bench.request("INVITE")
    bench.run(110)
    away, nowhere = bench.saw(events.FellBack)
    assert (str(away.rule), away.server) == ("F1", 2)
    assert (str(nowhere.rule), nowhere.server, nowhere.hop) == ("F5", 1, None)
    assert not bench.saw(events.FailedBack)
    bench.set(t1=OK, t2=OK)
    bench.run(200)
    (home,) = bench.saw(events.FailedBack)[-1:]
    assert home.hop is not None
    assert (str(home.rule), home.hop.target) == ("F1", target(1))


@pytest.mark.rule("F5")
def test_successive_when_the_fallback_binding_runs_out_the_working_server_is_next() -> None:
    bench = pair(successive=True, fallback_timeout=3600)
    bench.granted_s = 120
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(1)
    bench.set(t2=SILENT)
    bench.run(121)
    # in the middle of R6's pause
    late = [sent for sent in bench.sent("REGISTER") if sent[0] > 106]
    assert late == [(120.02, "REGISTER", 1), (120.03, "REGISTER", 2)]


@pytest.mark.rule("F1")
def test_concurrent_a_register_that_finds_the_working_server_dead_moves_service() -> None:
    bench = pair(successive=False).start()
    bench.set(t1=REFUSED)
    bench.run(541)
    assert bench.engine.snapshot().serving == 2
    bench.request("INVITE")
    bench.run(542)
    assert bench.sent("INVITE") == [(541.0, "INVITE", 2)]
    bench.set(t1=OK)
    bench.run(600)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F5", "C1")
def test_concurrent_both_dead_the_call_fails_after_both_were_tried() -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.set(t1=REFUSED, t2=REFUSED)
    call = bench.request("INVITE")
    bench.run(101)
    assert [s[2] for s in bench.sent("INVITE")] == [1, 2]
    assert bench.completed[call][1].kind is OutcomeKind.UNAVAILABLE
    assert bench.engine.snapshot().serving == 1  # F5: begin at the working server
    bench.set(t1=OK, t2=OK)
    bench.run(140)
    assert all(r.state == "registered" for r in bench.engine.snapshot().registrations)


@pytest.mark.rule("F1", "F5")
@pytest.mark.parametrize(("dead", "rules"), [((1,), ["F1"]), ((1, 2), ["F1", "F5"])])
def test_concurrent_what_a_call_finds_dead_is_registered_with_by_its_rule(
    dead: tuple[int, ...], rules: list[str]
) -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.set(**{f"t{number}": REFUSED for number in dead})
    bench.request("INVITE")
    bench.run(101)
    told = [attempt for at, attempt in bench.sends if at >= 100 and attempt.method == "REGISTER"]
    assert [str(attempt.rule) for attempt in told] == rules


@pytest.mark.rule("F2", "F5")
@pytest.mark.parametrize(("dead", "to", "rule"), [(1, 2, "F2"), (2, 1, "F5")])
def test_successive_a_binding_that_runs_out_leads_to_the_other_server_by_its_rule(
    dead: int, to: int, rule: str
) -> None:
    bench = pair(successive=True, fallback_timeout=3600)
    bench.granted_s = 120
    if dead == 2:
        bench.set(t1=REFUSED)
    bench.start()
    bench.run(1)
    bench.set(**{f"t{dead}": SILENT})
    bench.run(121)
    attempt = next(attempt for at, attempt in bench.sends if at >= 120)
    assert (attempt.registrar, str(attempt.rule)) == (to, rule)


@pytest.mark.rule("F8")
def test_a_secondary_that_answers_keeps_its_server_available() -> None:
    bench = pair(successive=False, one=(1, 3)).start()
    bench.run(100)
    bench.set(t1=REFUSED)
    bench.request("INVITE")
    bench.run(101)
    assert [s[2] for s in bench.sent("INVITE")] == [1, 3]
    assert bench.engine.snapshot().serving == 1
    assert not bench.saw(events.ServerDown)


@pytest.mark.rule("A7", "C1")
def test_the_answer_of_a_live_server_is_the_result() -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.by_method[1, "INVITE"] = Outcome(OutcomeKind.REFUSED, 486, text="Busy Here")
    call = bench.request("INVITE")
    bench.run(101)
    assert [s[2] for s in bench.sent("INVITE")] == [1]
    assert bench.completed[call][1].code == 486


# --- successive -----------------------------------------------------------------------------


@pytest.mark.rule("F2", "R2")
def test_successive_without_a_binding_falls_back_at_once() -> None:
    bench = pair(successive=True)
    bench.set(t1=SILENT)
    bench.start()
    bench.run(10)
    assert bench.sent() == [(0.0, "REGISTER", 1), (7.5, "REGISTER", 2)]
    assert bench.engine.snapshot().serving == 2


@pytest.mark.rule("F2", "S3", "R6")
def test_successive_leans_on_its_binding_until_it_expires() -> None:
    bench = pair(successive=True).start()
    bench.run(10)
    bench.set(t1=SILENT)
    bench.run(700)
    at = [s for s in bench.sent() if s[0] > 1]
    assert at == [
        (540.01, "REGISTER", 1),
        (577.51, "REGISTER", 1),  # R6: 30 s after the end
        (600.01, "REGISTER", 2),
    ]
    assert not bench.extended  # S1's time only while the binding stands


@pytest.mark.rule("F2")
def test_successive_gives_up_a_try_in_flight_when_the_binding_expires() -> None:
    bench = pair(successive=True, reg_fail_retry_interval=50).start()
    bench.run(10)
    bench.set(t1=SILENT, t2=SILENT)
    bench.run(601)
    assert (597.51, "REGISTER", 1) in bench.sent()
    assert (600.01, "REGISTER", 2) in bench.sent()
    (in_flight,) = (a.id for at, a in bench.sends if round(at, 2) == 597.51)
    assert bench.abandoned[-1] == in_flight


@pytest.mark.rule("B9", "F1")
def test_in_concurrent_mode_it_is_register_on_enable_that_asks_for_a_register_first() -> None:
    server = ServerSettings(address="b.example", register_on_enable=1)
    bench = Bench(
        line(ServerSettings(address="a.example"), server), {S1: hops(S1, 1), S2: hops(S2, 2, 3)}
    ).start()
    bench.run(10)
    bench.set(t1=REFUSED, t2=REFUSED)
    bench.request("INVITE")
    bench.run(20)
    first = [a for _, a in bench.sends if a.request == 1 and a.method == "REGISTER"]
    assert [(a.hop.target, a.rule.id) for a in first] == [(target(3), "B9")]


@pytest.mark.rule("F3", "F4")
def test_successive_a_call_registers_with_the_other_server_and_goes_there() -> None:
    bench = pair(successive=True, fallback_timeout=20).start()
    bench.run(100)
    bench.set(t1=SILENT)
    call = bench.request("INVITE")
    bench.run(130)
    assert bench.sent()[1:] == [
        (100.0, "INVITE", 1),
        (107.5, "REGISTER", 2),
        (107.51, "INVITE", 2),
        (127.51, "REGISTER", 1),
    ]
    assert bench.completed[call][1].ok
    assert bench.engine.snapshot().serving == 2
    assert bench.saw(events.FellBack)[0].rule is Rule.F3


@pytest.mark.rule("F3")
def test_successive_in_the_other_direction_too() -> None:
    bench = pair(successive=True, fallback_timeout=1000)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(100)
    bench.set(t1=OK, t2=REFUSED)
    bench.request("INVITE")
    bench.run(101)
    assert [s for s in bench.sent() if s[0] >= 100 and s[1] != "-REGISTER"] == [
        (100.0, "INVITE", 2),
        (100.01, "REGISTER", 1),
        (100.02, "INVITE", 1),
    ]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F3")
def test_successive_what_nobody_waits_for_does_not_move_the_line() -> None:
    bench = pair(successive=True).start()
    bench.run(100)
    bench.set(t1=REFUSED)
    bench.request("SUBSCRIBE", someone_waits=False)
    bench.run(101)
    assert [s[2] for s in bench.sent("SUBSCRIBE")] == [1]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F4", "B6")
def test_successive_the_fallback_binding_goes_when_no_call_is_left_there() -> None:
    bench = pair(successive=True, fallback_timeout=10)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(5)
    bench.give(io.CallsChanged(idle=False, registrars=frozenset({2})))
    bench.set(t1=OK)
    bench.run(30)
    assert bench.engine.snapshot().serving == 1
    assert "-REGISTER" not in [s[1] for s in bench.sent()]
    bench.give(io.CallsChanged(idle=True))
    bench.run(31)
    assert bench.sent()[-1] == (30.0, "-REGISTER", 2)


@pytest.mark.rule("F5", "R6")
def test_successive_both_dead_begins_at_the_working_server_again() -> None:
    bench = pair(successive=True)
    bench.set(t1=REFUSED, t2=REFUSED)
    bench.start()
    bench.run(65)
    assert [s[2] for s in bench.sent()] == [1, 2, 1, 2, 1, 2]
    assert [round(s[0]) for s in bench.sent()] == [0, 0, 30, 30, 60, 60]


@pytest.mark.rule("F5", "F2")
def test_successive_when_the_fallback_binding_expires_it_begins_at_the_working_server() -> None:
    bench = pair(successive=True, fallback_timeout=100000)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(10)
    bench.set(t1=OK, t2=REFUSED)
    bench.run(700)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("A6", "F2")
def test_successive_a_refusal_is_no_failure() -> None:
    bench = pair(successive=True).start()
    bench.run(10)
    bench.set(t1=FORBIDDEN)
    bench.run(900)
    assert {s[2] for s in bench.sent()} == {1}
    assert bench.saw(events.Refused)
    bench.set(t1=REFUSED)  # now it is dead indeed
    bench.run(1000)
    assert bench.engine.snapshot().serving == 2


@pytest.mark.rule("C5")
def test_successive_an_unregistered_line_registers_before_it_calls() -> None:
    bench = pair(successive=True)
    bench.set(t1=SILENT)
    bench.start()
    call = bench.request("INVITE")  # at once, while the first REGISTER is in flight
    bench.run(10)
    assert bench.sent() == [
        (0.0, "REGISTER", 1),
        (7.5, "REGISTER", 2),
        (7.51, "INVITE", 2),
    ]
    assert bench.completed[call][1].ok


@pytest.mark.rule("C5")
def test_a_single_server_line_without_registration_still_calls() -> None:
    bench = Bench(line(ServerSettings(address="10.0.0.1")), {S1: hops(S1, 1)})
    bench.by_method[1, "REGISTER"] = FORBIDDEN
    bench.start()
    bench.run(1)
    call = bench.request("INVITE")
    bench.run(2)
    assert bench.completed[call][1].ok


# --- S3 -------------------------------------------------------------------------------------


@pytest.mark.rule("S3")
def test_the_last_target_of_the_last_server_gets_64_t1() -> None:
    bench = pair(successive=False, one=(1, 3), two=(2, 4)).start()
    bench.run(100)
    bench.set(t1=SILENT, t2=SILENT, t3=SILENT, t4=SILENT)
    call = bench.request("INVITE")
    bench.run(200)
    assert bench.sent("INVITE") == [
        (100.0, "INVITE", 1),
        (107.5, "INVITE", 3),
        (115.0, "INVITE", 2),
        (122.5, "INVITE", 4),
    ]
    assert bench.completed[call][0] == pytest.approx(122.5 + 32)


@pytest.mark.rule("S3")
def test_a_server_that_is_not_serving_gets_s1s_time_only() -> None:
    bench = pair(successive=False)
    bench.set(t2=SILENT)
    bench.start()
    bench.run(30)
    assert not bench.extended


@pytest.mark.rule("S3")
def test_the_only_target_gets_64_t1() -> None:
    bench = Bench(line(ServerSettings(address="10.0.0.1")), {S1: hops(S1, 1)})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(61)
    assert len(bench.extended) == 1
    assert bench.sent() == [(0.0, "REGISTER", 1)]
    bench.run(63)
    assert bench.sent()[-1] == (62.0, "REGISTER", 1)  # 32 s, then R6


# --- outbound proxies -----------------------------------------------------------------------


def proxied(*, two_proxies: bool = False, **kw: object) -> Bench:
    proxies = (
        ProxySettings(address="p1.example"),
        ProxySettings(address="p2.example") if two_proxies else ProxySettings(),
    )
    settings = replace(
        line(ServerSettings(address="a.example"), ServerSettings(address="b.example"), **kw),
        outbound_proxy_enable=1,
        outbound_proxy=proxies,
    )
    return Bench(settings, {P1: hops(P1, 5, 6), P2: hops(P2, 7)})


def on_proxy_2(at: float, *, granted_s: int | None = None, **kw: object) -> Bench:
    """Proxy 1 was dead from the start: at ``at`` seconds the line goes by proxy 2."""
    bench = proxied(two_proxies=True, **kw)
    bench.granted_s = granted_s
    bench.set(t5=REFUSED, t6=REFUSED)
    bench.start()
    bench.run(at)
    assert bench.engine.snapshot().proxy is P2
    return bench


@pytest.mark.rule("P1")
def test_the_proxys_list_is_the_path_and_the_server_the_registrar() -> None:
    bench = proxied().start()
    bench.run(1)
    assert [(a.registrar, a.hop.group) for _, a in bench.sends] == [(1, P1), (2, P1)]


@pytest.mark.rule("P1", "A1")
def test_a_dead_target_of_the_path_leads_to_the_paths_next() -> None:
    bench = proxied().start()
    bench.run(1)
    bench.set(t5=REFUSED)
    bench.request("INVITE")
    bench.run(2)
    assert [(a.registrar, s[2]) for (_, a), s in zip(bench.sends, bench.sent(), strict=True)][
        2:
    ] == [(1, 5), (1, 6)]


@pytest.mark.rule("P1", "A2")
def test_a_live_path_that_cannot_reach_the_registrar_leads_to_the_other() -> None:
    bench = proxied().start()
    bench.run(1)
    bench.by_method[5, "INVITE"] = BUSY
    bench.by_method[6, "INVITE"] = BUSY
    bench.request("INVITE")
    bench.run(2)
    tried = [
        (a.registrar, int(a.hop.target.address.rsplit(".", 1)[1]))
        for _, a in bench.sends
        if a.method == "INVITE"
    ]
    assert tried == [(1, 5), (1, 6), (2, 5), (2, 6)]


@pytest.mark.rule("P1", "S6")
def test_a_proxy_that_says_100_and_then_nothing_is_alive_its_registrar_is_not() -> None:
    # found by the swarm (seed 496): the call was given up with the other server healthy
    bench = proxied().start()
    bench.run(1)
    stalled = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.STALLED)
    bench.by_registrar = {1: stalled}
    bench.request("INVITE")
    bench.run(2)
    tried = [(a.registrar, a.hop.target) for _, a in bench.sends if a.method == "INVITE"]
    assert tried == [(1, target(5)), (1, target(6)), (2, target(5))]


@pytest.mark.rule("P1", "B9")
def test_a_call_that_waited_for_a_refused_register_goes_on_to_the_other_server() -> None:
    # found by the swarm (seed 1904): it took the live proxy for dead and gave the call up
    bench = proxied()
    settings = bench.settings
    servers = tuple(replace(server, register_on_enable=1) for server in settings.sip_server)
    bench = Bench(replace(settings, sip_server=(servers[0], servers[1])), {P1: hops(P1, 5)})
    bench.by_registrar = {1: BUSY}
    bench.rtt_s = 3.0
    bench.start()
    bench.run(1)
    call = bench.request("INVITE")  # the REGISTER to server 1 is under way
    bench.run(20)
    assert bench.completed[call][1].ok
    assert [a.registrar for _, a in bench.sends if a.method == "INVITE"] == [2]


@pytest.mark.rule("P2")
def test_a_dead_proxy_leads_to_the_other_and_home_again() -> None:
    bench = on_proxy_2(50, outbound_proxy_fallback_interval=100)
    bench.request("INVITE")
    bench.run(51)
    assert bench.sent("INVITE") == [(50.0, "INVITE", 7)]
    bench.set(t5=OK)
    bench.run(101)
    assert bench.engine.snapshot().proxy is P1


@pytest.mark.rule("F4", "B4")
def test_no_try_home_is_made_in_the_list_of_a_server_that_the_line_has_left() -> None:
    # found by the swarm: it took the line back to the fallback server
    bench = pair(successive=True, fallback_timeout=60, two=(2, 3))
    servers = tuple(
        replace(server, failback_mode=3, failback_timeout=100)
        for server in bench.settings.sip_server
    )
    bench = Bench(replace(bench.settings, sip_server=(servers[0], servers[1])), bench.lists)
    bench.set(t1=REFUSED, t2=REFUSED)
    bench.start()
    bench.run(5)
    bench.set(t1=OK, t2=OK)
    bench.run(300)
    assert [s for s in bench.sent() if s[0] > 60 and s[2] != 1] == [(60.04, "-REGISTER", 3)]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F4", "A11")
def test_a_refresh_of_the_fallback_server_that_is_under_way_does_not_take_the_line_back() -> None:
    bench = pair(successive=True, fallback_timeout=60)
    bench.granted_s = 120
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(5)
    bench.set(t1=OK, t2=SILENT)  # its refresh and the try of server 1 fall due at once
    bench.run(60.5)
    assert (60.02, "REGISTER", 2) in bench.sent()
    refresh = next(a.id for at, a in bench.sends if a.hop.target == target(2) and at > 60)
    assert refresh in bench.abandoned
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("P2")
def test_a_refresh_by_proxy_2_that_is_under_way_does_not_take_the_line_back() -> None:
    # found by the swarm (seed 77000014): with every try home, for ever
    bench = on_proxy_2(59, granted_s=120, outbound_proxy_fallback_interval=61)
    bench.set(t5=OK, t6=OK, t7=SILENT)
    bench.by_registrar[1] = OK
    bench.run(60.5)
    (refresh,) = (a for at, a in bench.sends if at > 60 and a.registrar == 2)
    bench.run(62)
    assert bench.engine.snapshot().proxy is P1
    bench.give(io.Finished(refresh.id, OK, 120))
    bench.run(63)
    assert bench.engine.snapshot().proxy is P1
    assert len(bench.saw(events.FellBack)) == 1
    bench.run(200)
    assert bench.sent("REGISTER")[-1][2] == 5


@pytest.mark.rule("P2", "R8")
def test_after_a_network_change_the_first_proxy_is_the_first_again() -> None:
    bench = on_proxy_2(50, outbound_proxy_fallback_interval=100)
    bench.set(t5=OK)
    bench.give(io.NetworkChanged())
    bench.run(51)
    assert [s[1:] for s in bench.sent("REGISTER") if s[0] >= 50] == [("REGISTER", 5)] * 2
    assert bench.engine.snapshot().proxy is P1


@pytest.mark.rule("P2", "F2")
def test_a_try_of_the_first_proxy_that_is_called_off_is_made_again() -> None:
    # found by the swarm (seed 420): the binding ran out in the middle of the try
    bench = on_proxy_2(
        50,
        granted_s=120,
        outbound_proxy_fallback_interval=119,
        fallback_redundancy_type=1,
        reg_fail_retry_interval=100,
    )
    bench.set(t5=SILENT, t6=SILENT, t7=SILENT)
    bench.run(150)
    bench.set(t7=OK)  # the fallback server by proxy 2, before proxy 1 is found dead
    bench.run(180)
    assert bench.engine.snapshot().proxy is P2
    bench.set(t5=OK, t6=OK)
    bench.run(400)
    assert bench.engine.snapshot().proxy is P1


@pytest.mark.rule("F7")
def test_successive_subscriptions_follow_the_line() -> None:
    bench = pair(successive=True, fallback_timeout=20).start()
    bench.run(100)
    bench.set(t1=REFUSED)
    bench.request("INVITE")
    bench.run(101)
    assert [r.registrar for r in bench.resubscribed] == [2]
    bench.set(t1=OK)
    bench.run(130)
    assert [r.registrar for r in bench.resubscribed] == [2, 1]


@pytest.mark.rule("F7")
def test_concurrent_subscriptions_stay_with_the_working_server() -> None:
    bench = pair(successive=False).start()
    bench.run(100)
    bench.set(t1=REFUSED)
    bench.request("INVITE")
    bench.run(101)
    assert bench.resubscribed == []


@pytest.mark.rule("P2", "F3")
def test_a_call_that_finds_proxy_1_dead_takes_the_line_to_proxy_2() -> None:
    bench = proxied(two_proxies=True).start()
    bench.run(50)
    bench.set(t5=SILENT, t6=SILENT)
    for _ in range(2):
        bench.request("INVITE")
        bench.run(bench.now + 20)
    assert [s[2] for s in bench.sent("INVITE")] == [5, 6, 7, 7]  # the second one waits no more
    assert bench.engine.snapshot().proxy is P2
    assert (65.0, "REGISTER", 7) in bench.sent()


@pytest.mark.rule("A6", "B9", "F1")
@pytest.mark.parametrize("said", [FORBIDDEN, WRONG_PASSWORD])
def test_a_server_that_refuses_to_register_us_is_not_down(said: Outcome) -> None:
    names = [ServerSettings(address=f"{n}.example", register_on_enable=1) for n in "ab"]
    bench = Bench(line(*names), {S1: hops(S1, 1), S2: hops(S2, 2)})
    bench.by_method[1, "REGISTER"] = said
    bench.start()
    bench.run(10)
    call = bench.request("INVITE")
    bench.run(11)
    assert bench.completed[call][1].ok
    assert bench.engine.snapshot().serving == 1
    assert not bench.saw(events.ServerDown)
