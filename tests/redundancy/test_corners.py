"""Where two rules meet: what is said of one place must not be taken for another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evertone import events
from evertone.config.settings import ProxySettings, ServerSettings
from evertone.model import Cause, Group, Hop, HopSource, Outcome, OutcomeKind, Transport
from evertone.redundancy import interface as io
from evertone.rules import Rule
from tests.redundancy.bench import FORBIDDEN, OK, REFUSED, SILENT, Bench, hops, line, target

S1, S2, P1, P2 = Group.SERVER1, Group.SERVER2, Group.PROXY1, Group.PROXY2
A, B = ServerSettings(address="a.example"), ServerSettings(address="b.example")


def by_tcp(group: Group, *numbers: int) -> tuple[Hop, ...]:
    """As :func:`hops`, over connections."""
    pairs = zip(numbers, hops(group, *numbers), strict=True)
    return tuple(replace(hop, target=target(n, Transport.TCP)) for n, hop in pairs)


def proxied(*servers: ServerSettings, **settings: object) -> Bench:
    """Two outbound proxies of one target each; proxy 1 is dead from the start."""
    proxies = (ProxySettings(address="p1.example"), ProxySettings(address="p2.example"))
    settings = {"outbound_proxy_fallback_interval": 100, **settings}
    bench = Bench(
        line(*servers, outbound_proxy_enable=1, outbound_proxy=proxies, **settings),
        {P1: hops(P1, 1), P2: hops(P2, 2)},
    )
    bench.set(t1=SILENT)
    return bench


def on_fallback(second: tuple[Hop, ...], *, first: tuple[Hop, ...] | None = None) -> Bench:
    """Successive, the working server dead, registered with the fallback server at 7.51 s."""
    settings = line(A, B, fallback_redundancy_type=1)
    bench = Bench(settings, {S1: first or hops(S1, 1), S2: second})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(60)
    assert bench.engine.snapshot().serving == 2
    return bench


def on_second(server: ServerSettings, how: Outcome | None) -> Bench:
    """By TCP to two targets of one server: at 10 s a call finds the first one dead (``how``);
    it is 30 s, and the line is with the second."""
    bench = Bench(line(server), {S1: by_tcp(S1, 1, 2)})
    bench.start()
    bench.run(10)
    bench.set(t1=how)
    bench.request("INVITE")
    bench.run(30)
    assert bench.current == target(2, Transport.TCP)
    return bench


@pytest.mark.rule("R9", "F4")
def test_a_connection_lost_on_the_fallback_server_is_made_anew_there() -> None:
    bench = on_fallback(by_tcp(S2, 2), first=by_tcp(S1, 1))
    bench.give(io.FlowLost(target(2, Transport.TCP)))
    bench.run(90)
    assert bench.sent()[2:] == [(60, "REGISTER", 2)]


@pytest.mark.rule("B8", "F4")
def test_a_changed_list_of_the_fallback_server_is_registered_with_there() -> None:
    bench = on_fallback(hops(S2, 2))
    bench.lists[S2] = hops(S2, 3)
    bench.request("INVITE")
    bench.run(90)
    assert bench.sent()[2:] == [(60, "INVITE", 3), (60, "REGISTER", 3)]


@pytest.mark.rule("R9", "B6")
def test_a_connection_lost_during_a_try_home_is_made_anew_after_it() -> None:
    server = replace(A, failback_mode=3, failback_timeout=60)
    bench = Bench(line(server), {S1: by_tcp(S1, 1, 2)})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(70)
    assert bench.sent()[-1] == (67.51, "REGISTER", 1)
    bench.give(io.FlowLost(target(2, Transport.TCP)))
    bench.run(100)
    assert bench.sent()[-1] == (75.01, "REGISTER", 2)


@pytest.mark.rule("R9", "B9", "B4")
def test_the_end_of_the_connection_to_a_target_left_is_no_way_home() -> None:
    server = replace(A, failback_mode=3, failback_timeout=3600, register_on_enable=1, expires=600)
    bench = on_second(server, SILENT)
    assert bench.sent()[-2:] == [(17.5, "REGISTER", 2), (17.51, "INVITE", 2)]
    bench.set(t1=OK)  # it has been restarted: what was connected to it ends
    bench.give(io.FlowLost(target(1, Transport.TCP)))
    bench.run(500)
    assert bench.sent()[-1] == (17.51, "INVITE", 2)


@pytest.mark.rule("R9", "B5", "B6")
def test_a_connection_to_a_target_left_is_made_anew_where_the_line_is() -> None:
    server = replace(A, failback_mode=3, failback_timeout=3600)  # they share the registration
    bench = on_second(server, REFUSED)
    bench.set(t1=OK)
    bench.give(io.FlowLost(target(1, Transport.TCP)))  # that of the registration
    bench.run(40)
    assert bench.sent("REGISTER")[1:] == [(30, "REGISTER", 2)]
    assert not bench.saw(events.FailedBack)


@pytest.mark.rule("P2", "F8")
def test_a_dead_first_proxy_says_nothing_of_the_server() -> None:
    bench = proxied(replace(A, expires=600), replace(B, expires=600))
    bench.start()
    bench.run(2000)
    assert [s[2] for s in bench.sent()].count(1) > 5  # the tries of proxy 1
    assert not bench.saw(events.ServerDown)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F7", "F2")
def test_subscriptions_follow_a_line_that_fell_back_when_its_binding_ran_out() -> None:
    bench = Bench(
        line(replace(A, expires=100), B, fallback_redundancy_type=1),
        {S1: hops(S1, 1), S2: hops(S2, 2)},
    ).start()
    bench.run(5)
    assert not bench.resubscribed
    bench.set(t1=SILENT)
    bench.run(101)
    assert [r.registrar for r in bench.resubscribed] == [2]


@pytest.mark.rule("B3", "A6")
def test_a_try_home_that_is_refused_refreshes_at_the_current_target_at_once() -> None:
    server = replace(A, expires=600, failback_mode=2)
    bench = Bench(line(server), {S1: hops(S1, 1, 2)})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(60)
    bench.set(t1=FORBIDDEN)
    bench.run(560)
    assert bench.sent()[2:] == [(547.51, "REGISTER", 1), (547.52, "REGISTER", 2)]
    assert bench.engine.snapshot().registrations[0].state == "registered"
    assert len(bench.saw(events.ProbeFailed)) == 1


@pytest.mark.rule("F3", "B9")
def test_a_call_moves_the_line_though_an_old_binding_still_stands_there() -> None:
    bench = Bench(
        line(
            replace(A, register_on_enable=1),
            replace(B, register_on_enable=1),
            fallback_redundancy_type=1,
            fallback_timeout=1000,
        ),
        {S1: hops(S1, 1), S2: hops(S2, 2)},
    ).start()
    bench.run(5)
    bench.set(t1=REFUSED)
    bench.request("INVITE")
    bench.run(60)
    assert bench.engine.snapshot().serving == 2
    bench.set(t1=OK, t2=REFUSED)
    bench.request("INVITE")
    bench.run(61)
    calls_and_registers = [s[1:] for s in bench.sent() if s[0] > 5.5 and s[1] != "-REGISTER"]
    assert calls_and_registers == [("INVITE", 2), ("REGISTER", 1), ("INVITE", 1)]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("R5")
def test_a_clean_stop_sends_no_register_for_a_call_that_waited_for_one() -> None:
    bench = Bench(line(replace(A, register_on_enable=1)), {S1: hops(S1, 1)})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(1)
    bench.request("INVITE")
    bench.give(io.Stopped())
    assert bench.sent() == [(0.0, "REGISTER", 1)]
    assert bench.engine.stopped


@pytest.mark.rule("R6")
def test_the_first_growing_wait_is_at_least_the_least_wait() -> None:
    """RFC 5626 appendix A: after one failure 30 to 60 s, after two 60 to 120 s."""
    bench = Bench(
        line(A, reg_failed_retry_min_time=30, reg_failed_retry_max_time=1800), {S1: hops(S1, 1)}
    )
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(400)
    times = [at for at, *_ in bench.sent()]
    assert 30 <= times[1] - times[0] <= 60.1
    assert 60 <= times[2] - times[1] <= 120.1


@pytest.mark.rule("C2")
def test_a_next_hop_that_is_no_proxy_of_ours_has_no_other_way() -> None:
    bench = proxied(A)
    bench.set(t1=OK, t9=SILENT)
    bench.start()
    bench.run(5)
    bench.request("BYE", at=target(9), registrar=1)
    bench.run(60)
    assert bench.sent("BYE") == [(5, "BYE", 9)]


@pytest.mark.rule("C2", "P2")
def test_a_dialog_of_the_first_proxy_goes_by_the_second_when_the_line_has_moved() -> None:
    bench = proxied(A, outbound_proxy_fallback_interval=3600)
    bench.start()
    bench.run(60)
    assert bench.engine.snapshot().proxy is P2
    bench.request("BYE", at=target(1), registrar=1)
    bench.run(90)
    assert [s[2] for s in bench.sent("BYE")] == [1, 2]


@pytest.mark.rule("F8", "B10")
def test_what_b10_keeps_from_a_request_does_not_count_as_unavailable() -> None:
    server = replace(A, register_on_enable=1, only_signal_with_registered=1, failback_mode=3)
    bench = Bench(line(server, B), {S1: hops(S1, 1, 3), S2: hops(S2, 2)}).start()
    bench.run(5)
    bench.set(t1=REFUSED)
    bench.request("INFO", at=target(1), registrar=1)
    bench.run(20)
    assert bench.sent("INFO") == [(5, "INFO", 1)]
    assert not bench.saw(events.ServerDown)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F8", "A10", "C2")
def test_a_server_that_took_an_in_dialog_request_for_a_dead_peer_is_not_unavailable() -> None:
    # found by the matrix: a secondary passed a SUBSCRIBE on to the primary that had died
    bench = Bench(line(A, B), {S1: hops(S1, 1, 3), S2: hops(S2, 2)}).start()
    bench.run(5)
    bench.set(t1=SILENT)
    bench.by_method[3, "SUBSCRIBE"] = Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.STALLED)
    bench.request("SUBSCRIBE", at=target(1), registrar=1, someone_waits=False)
    bench.run(50)
    assert [s[2] for s in bench.sent("SUBSCRIBE")] == [1, 3]
    assert not bench.saw(events.ServerDown)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("R6")
def test_a_retry_interval_of_0_is_no_loop_without_end() -> None:
    bench = Bench(line(A, reg_fail_retry_interval=0), {S1: hops(S1, 1)})
    bench.set(t1=FORBIDDEN)
    bench.start()
    bench.run(10)
    assert 8 <= len(bench.sent()) <= 11


@pytest.mark.rule("B8")
def test_a_static_list_that_stands_is_told_once() -> None:
    bench = Bench(line(replace(A, failback_mode=3)), {S1: hops(S1, 1)}).start()
    bench.run(10)
    bench.lists[S1] = tuple(replace(hop, source=HopSource.STATIC) for hop in hops(S1, 9))
    for second in range(10, 15):
        bench.request("INVITE")
        bench.run(second + 1)
    assert {s[2] for s in bench.sent("INVITE")} == {1}
    assert len(bench.saw(events.Resolved)) == 2  # the first, and the static one


@pytest.mark.rule("S3", "B9")
@pytest.mark.parametrize(
    ("dialled", "goes_on"),
    [
        (12.0, 17.5),  # S1's 7.5 s from the REGISTER that it joins
        (20.0, 20.0),  # those are over (found by the swarm, seed 96003247: it waited 64*T1)
    ],
)
def test_a_call_that_joined_a_register_waits_for_its_own_time_only(
    dialled: float, goes_on: float
) -> None:
    """The REGISTER gets 64*T1 at its last target; the call, which may still go elsewhere, not."""
    server = ServerSettings(address="pbx.example", register_on_enable=1, retry_counts=3)
    other = ServerSettings(address="other.example")
    lists = {Group.SERVER1: hops(Group.SERVER1, 1), Group.SERVER2: hops(Group.SERVER2, 2)}
    bench = Bench(line(server, other), lists).start()
    bench.run(10)
    bench.set(t1=SILENT)
    bench.give(io.NetworkChanged())  # the binding is gone: the REGISTER is on its way again
    bench.run(dialled)
    call = bench.request()  # joins that REGISTER (B9)
    bench.run(100)
    assert bench.extended, "the line's own REGISTER has nowhere else to go"
    at, outcome, attempt = bench.completed[call]
    assert outcome.ok and attempt is not None and attempt.registrar == 2
    assert goes_on <= at < goes_on + 0.5
    # and it says why it goes on (seed 97002987)
    first = bench.saw(events.TargetFailed)[0]
    assert (first.at, first.hop and first.hop.target, first.rule) == (goes_on, target(1), Rule.S1)


def undelivered() -> Bench:
    """At t = 20: the proxy has said 100 to the line's first REGISTER, and nothing comes of it."""
    server = ServerSettings(address="192.0.2.9", register_on_enable=1)
    proxies = (ProxySettings(address="edge.example"), ProxySettings())
    settings = line(server, outbound_proxy_enable=1, outbound_proxy=proxies)
    bench = Bench(settings, {Group.PROXY1: hops(Group.PROXY1, 1)})
    bench.set(t1=Outcome(OutcomeKind.UNAVAILABLE, cause=Cause.STALLED))
    bench.rtt_s = 32.0
    bench.start()
    bench.run(20)
    return bench


@pytest.mark.rule("P1", "S6", "C5")
def test_a_call_asks_itself_where_a_register_of_before_came_to_nothing() -> None:
    """Found by the swarm (seed 97007400): a live proxy could not deliver a REGISTER; the server
    was back long before the user dialled, and the call failed with that REGISTER."""
    bench = undelivered()
    bench.set(t1=OK)
    bench.rtt_s = 0.01
    call = bench.request()  # joins the REGISTER (B9)
    bench.run(40)
    assert bench.sent() == [(0.0, "REGISTER", 1), (32.0, "REGISTER", 1), (32.01, "INVITE", 1)]
    assert bench.completed[call][1].ok


@pytest.mark.rule("P1", "S6")
def test_what_a_call_is_told_of_a_register_of_others_is_doubted_once_only() -> None:
    bench = undelivered()
    calls = [bench.request() for _ in range(3)]
    bench.run(200)
    ends = [round(bench.completed[call][0]) for call in calls]
    assert ends == [64, 64, 64], "the line's own REGISTER, and one that they share"
