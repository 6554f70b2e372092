"""X: our own keys, as far as the engine carries them out."""

from __future__ import annotations

import pytest

from evertone.config.settings import ProxySettings, ServerSettings
from evertone.model import Group
from evertone.redundancy import interface as io
from evertone.redundancy.marks import Judgement
from tests.redundancy.bench import BUSY, OK, REFUSED, SILENT, Bench, hops, line, target

S1, S2 = Group.SERVER1, Group.SERVER2
SERVER = ServerSettings(address="pbx.example", expires=600)


def bench_of(server: ServerSettings = SERVER, **kw: object) -> Bench:
    return Bench(line(server, **kw), {S1: hops(S1, 1, 2)})


def away(at: float, server: ServerSettings = SERVER, **kw: object) -> Bench:
    """At ``at`` seconds target 1 refuses a call, which goes on to target 2."""
    bench = bench_of(server, **kw).start()
    bench.run(at)
    bench.set(t1=REFUSED)
    bench.request("INVITE")
    return bench


@pytest.mark.rule("X1")
def test_skip_unavailable_spares_the_next_call_the_wait() -> None:
    bench = bench_of(skip_unavailable=60).start()
    bench.run(10)
    bench.set(t1=SILENT)
    bench.request("INVITE")
    bench.run(20)
    bench.request("INVITE")
    bench.run(30)
    assert bench.sent("INVITE") == [
        (10.0, "INVITE", 1),
        (17.5, "INVITE", 2),
        (20.0, "INVITE", 2),  # without X1 this one would have waited 7.5 s again
    ]


@pytest.mark.rule("X1")
def test_one_request_at_a_time_tests_whether_it_is_back() -> None:
    bench = bench_of(skip_unavailable=60).start()
    bench.run(10)
    bench.set(t1=SILENT)
    bench.request("INVITE")
    bench.run(100)  # the mark has run out
    bench.request("INVITE")
    bench.request("INVITE")
    bench.run(101)
    assert [s[2] for s in bench.sent("INVITE")[2:]] == [1, 2]


@pytest.mark.rule("X1")
def test_what_everybody_passes_over_is_used_when_nothing_else_is_left() -> None:
    bench = away(10, skip_unavailable=600)
    bench.run(11)
    bench.set(t1=OK, t2=REFUSED)
    call = bench.request("INVITE")
    bench.run(12)
    assert bench.completed[call][1].ok


@pytest.mark.rule("X2")
def test_spread_delays_a_failover_that_nobody_waits_for() -> None:
    delays = set()
    bench = bench_of(spread=20)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(1)
    assert bench.sent() == [(0.0, "REGISTER", 1)]
    bench.run(21)
    delays.add(bench.sent()[-1][0])
    assert bench.sent()[-1][2] == 2
    assert 0.01 < delays.pop() <= 20.01


@pytest.mark.rule("X2")
def test_spread_delays_a_try_home() -> None:
    server = ServerSettings(address="pbx.example", failback_mode=3, failback_timeout=60)
    bench = away(100, server, spread=20)
    bench.run(101)
    bench.run(200)
    home = bench.sent("REGISTER")[1]
    assert home[2] == 1
    assert 160.1 < home[0] <= 180.02


@pytest.mark.rule("X2")
def test_spread_delays_no_call() -> None:
    bench = away(10, spread=20)
    bench.run(11)
    assert bench.sent("INVITE")[-1] == (10.01, "INVITE", 2)


@pytest.mark.rule("X3")
def test_settle_goes_home_only_when_the_primary_has_answered_for_that_long() -> None:
    bench = away(100, settle=35)
    bench.run(150)
    assert [(round(at), to) for at, _, to in bench.sent("OPTIONS")] == [
        (110, 1),
        (120, 1),
        (130, 1),
        (140, 1),
    ]
    bench.set(t1=OK)
    bench.run(170)
    bench.request("INVITE")  # mode 0, and yet it stays
    bench.run(171)
    assert bench.sent("INVITE")[-1] == (170.0, "INVITE", 2)
    bench.run(200)
    bench.request("INVITE")
    bench.run(201)
    assert bench.sent("INVITE")[-1] == (200.0, "INVITE", 1)
    bench.run(260)
    assert round(bench.sent("OPTIONS")[-1][0]) == 190  # home: nobody asks any more


@pytest.mark.rule("X3")
def test_settle_starts_anew_when_an_answer_is_missed() -> None:
    bench = away(100, settle=35)
    bench.run(115)
    bench.set(t1=OK)
    bench.run(135)
    bench.by_method[1, "OPTIONS"] = BUSY
    bench.run(145)
    del bench.by_method[1, "OPTIONS"]
    bench.run(175)
    bench.request("INVITE")
    bench.run(176)
    assert bench.sent("INVITE")[-1] == (175.0, "INVITE", 2)


@pytest.mark.rule("X3", "B4")
def test_settle_asks_nobody_where_the_line_never_goes_home() -> None:
    # found by the swarm (seed 999): OPTIONS every 10 s, for ever
    server = ServerSettings(address="pbx.example", expires=600, failback_mode=3, failback_timeout=0)
    bench = bench_of(server, settle=35)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(1000)
    assert bench.current == bench.lists[S1][1].target
    assert bench.sent("OPTIONS") == []


@pytest.mark.rule("X3", "B3")
def test_settle_holds_the_refresh_that_would_go_home() -> None:
    server = ServerSettings(address="pbx.example", expires=600, failback_mode=2)
    bench = away(100, server, settle=35)
    bench.run(525)
    bench.set(t1=OK)  # it answers from 530 on, and the refresh falls due at 540
    bench.run(600)
    assert bench.sent("REGISTER")[1:] == [(540.01, "REGISTER", 2), (570.01, "REGISTER", 1)]


@pytest.mark.rule("X3", "P2")
def test_settle_holds_the_way_back_to_the_first_proxy() -> None:
    proxies = (ProxySettings(address="p1.example"), ProxySettings(address="p2.example"))
    settings = line(
        ServerSettings(address="a.example"),
        outbound_proxy_enable=1,
        outbound_proxy=proxies,
        outbound_proxy_fallback_interval=20,
        settle=45,
    )
    groups = (Group.PROXY1, Group.PROXY2)
    bench = Bench(settings, {group: hops(group, n) for n, group in enumerate(groups, 1)})
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(5)
    bench.set(t1=OK)
    bench.run(50)
    assert bench.engine.snapshot().proxy is Group.PROXY2
    bench.run(80)
    assert bench.engine.snapshot().proxy is Group.PROXY1


@pytest.mark.rule("X3", "F4")
def test_settle_holds_the_way_back_to_the_working_server() -> None:
    servers = [ServerSettings(address=f"10.0.0.{n}", expires=600) for n in (1, 2)]
    settings = line(*servers, fallback_redundancy_type=1, fallback_timeout=20, settle=45)
    bench = Bench(settings, {S1: hops(S1, 1), S2: hops(S2, 2)})
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(5)
    bench.set(t1=OK)
    bench.run(50)
    assert bench.engine.snapshot().serving == 2
    bench.run(80)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("X3", "F4", "P1")
def test_settle_asks_for_the_working_server_behind_the_same_proxy() -> None:
    # found by the swarm (seed 113): with the proxy itself at home nobody asked for server 1
    servers = [ServerSettings(address=f"10.0.0.{n}", expires=600) for n in (8, 9)]
    settings = line(
        *servers,
        fallback_redundancy_type=1,
        fallback_timeout=20,
        settle=45,
        outbound_proxy_enable=1,
        outbound_proxy=(ProxySettings(address="p1.example"), ProxySettings()),
    )
    bench = Bench(settings, {Group.PROXY1: hops(Group.PROXY1, 1, 2)})
    bench.by_registrar = {1: BUSY}
    bench.start()
    bench.run(40)
    assert bench.engine.snapshot().serving == 2
    bench.by_registrar = {}
    bench.run(150)
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("X1", "A11")
def test_a_late_answer_proves_a_target_alive() -> None:
    server = ServerSettings(address="pbx.example", failback_mode=3)
    lists = {Group.SERVER1: hops(Group.SERVER1, 1, 2)}
    bench = Bench(line(server, skip_unavailable=600), lists)
    bench.set(t1=SILENT)
    bench.start().run(20)
    first = bench.sends[0][1]
    assert first.hop.target == target(1)
    assert bench.marks.judge(target(1), bench.now) is Judgement.SKIP
    bench.give(io.Late(first, 0))
    assert bench.marks.judge(target(1), bench.now) is Judgement.USE
