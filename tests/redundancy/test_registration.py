"""R and A: making, renewing and losing a registration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evertone import events
from evertone.config.settings import LineSettings, ServerSettings
from evertone.model import Group, Outcome, OutcomeKind, Reason, Transport
from evertone.redundancy import interface as io
from evertone.redundancy.registration import refresh_delay_s, retry_delay_s
from tests.redundancy.bench import FORBIDDEN, OK, REFUSED, SILENT, Bench, hops, line, pair, target

S1, S2 = Group.SERVER1, Group.SERVER2


def single(*numbers: int, **kw: object) -> Bench:
    server = ServerSettings(address="pbx.example", expires=600)
    return Bench(line(server, **kw), {S1: hops(S1, *(numbers or (1,)))})


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    ("overlap", "granted", "delay"),
    [(-1, 3600, 3540), (-1, 120, 60), (-1, 30, 15), (300, 3600, 3300), (300, 100, 50), (0, 60, 60)],
)
def test_the_overlap_is_cut_to_half_the_granted_time(
    overlap: int, granted: int, delay: float
) -> None:
    assert refresh_delay_s(LineSettings(register_expires_overlap=overlap), granted) == delay


@pytest.mark.rule("R3", "R4")
def test_what_was_granted_counts_not_what_was_asked_for() -> None:
    bench = single()
    bench.granted_s = 120
    bench.start()
    bench.run(61)
    assert [s[0] for s in bench.sent()] == [0.0, 60.01]
    assert [
        type(e) for e in bench.events if isinstance(e, events.Registered | events.Refreshed)
    ] == [
        events.Registered,
        events.Refreshed,
    ]


@pytest.mark.rule("R2", "S3")
def test_when_all_targets_were_tried_the_server_is_unavailable() -> None:
    bench = single(1, 2)
    bench.set(t1=SILENT, t2=SILENT)
    bench.start()
    bench.run(60)
    assert bench.sent() == [(0.0, "REGISTER", 1), (7.5, "REGISTER", 2)]
    (down,) = bench.saw(events.ServerDown)
    assert (down.at, down.server) == (7.5 + 32, 1)
    (registration,) = bench.engine.snapshot().registrations
    assert not registration.available


@pytest.mark.rule("R6")
def test_a_failed_registration_is_tried_again_after_the_interval() -> None:
    bench = single(reg_fail_retry_interval=20)
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(41)
    assert [round(s[0]) for s in bench.sent()] == [0, 20, 40]


@pytest.mark.rule("R6")
def test_growing_waits_are_those_of_rfc_5626() -> None:
    settings = LineSettings(reg_failed_retry_min_time=30, reg_failed_retry_max_time=1800)
    assert retry_delay_s(settings, 0, 0.0) == 15
    assert retry_delay_s(settings, 1, 0.0) == 30
    assert retry_delay_s(settings, 2, 0.999) == pytest.approx(120, rel=0.01)
    assert retry_delay_s(settings, 40, 0.999) == pytest.approx(1800, rel=0.01)


@pytest.mark.rule("A6")
def test_a_refusal_is_no_failover() -> None:
    bench = single(1, 2)
    bench.set(t1=FORBIDDEN)
    bench.start()
    bench.run(29)
    assert bench.sent() == [(0.0, "REGISTER", 1)]
    (registration,) = bench.engine.snapshot().registrations
    assert registration.state == "refused"
    bench.run(31)
    assert bench.sent()[-1] == (30.01, "REGISTER", 1)


@pytest.mark.rule("A6")
def test_redundancy_with_reg_fail_makes_a_refusal_a_failover() -> None:
    bench = single(1, 2, redundancy_with_reg_fail_enable=1)
    bench.set(t1=FORBIDDEN)
    bench.start()
    bench.run(1)
    assert [s[2] for s in bench.sent()] == [1, 2]


@pytest.mark.rule("A3")
def test_credentials_that_do_not_satisfy_are_a_refusal() -> None:
    bench = single(1, 2)
    bench.set(t1=Outcome(OutcomeKind.CHALLENGED, 401, text="Unauthorized"))
    bench.start()
    bench.run(1)
    assert [s[2] for s in bench.sent()] == [1]


@pytest.mark.rule("A2")
def test_retry_after_is_respected_by_every_request() -> None:
    bench = single(1, 2)
    bench.start()
    bench.run(10)
    bench.set(t1=Outcome(OutcomeKind.BUSY, 503, retry_after_s=60))
    for _ in range(2):
        bench.request("INVITE")
        bench.run(bench.now + 1)
    assert [s[2] for s in bench.sent("INVITE")] == [1, 2, 2]
    bench.set(t1=OK)
    bench.run(75)
    bench.request("INVITE")
    bench.run(76)
    assert bench.sent("INVITE")[-1][2] == 1


@pytest.mark.rule("A2")
def test_a_target_that_asked_for_peace_is_used_when_nothing_else_is_left() -> None:
    bench = single(1, 2)
    bench.start()
    bench.run(10)
    bench.set(t1=Outcome(OutcomeKind.BUSY, 503, retry_after_s=600))
    bench.request("INVITE")
    bench.run(11)
    bench.set(t1=OK, t2=REFUSED)
    call = bench.request("INVITE")
    bench.run(12)
    assert [s[2] for s in bench.sent("INVITE")] == [1, 2, 2, 1]
    assert bench.completed[call][1].ok


@pytest.mark.rule("R7")
def test_the_first_register_waits_as_told() -> None:
    bench = single().start(wait_s=17.0)
    bench.run(20)
    assert bench.sent() == [(17.0, "REGISTER", 1)]


@pytest.mark.rule("R8")
def test_a_network_change_makes_every_registration_anew() -> None:
    bench = single().start()
    bench.run(10)
    bench.give(io.NetworkChanged())
    bench.run(11)
    assert bench.sent() == [(0.0, "REGISTER", 1), (10.0, "REGISTER", 1)]
    assert len(bench.saw(events.Registered)) == 2


@pytest.mark.rule("R8")
def test_a_network_change_waits_for_no_register_that_is_under_way() -> None:
    bench = single()
    bench.set(t1=SILENT)
    bench.start()
    bench.run(3)
    bench.set(t1=OK)
    bench.give(io.NetworkChanged())
    bench.run(4)
    assert bench.sent() == [(0.0, "REGISTER", 1), (3.0, "REGISTER", 1)]
    assert bench.abandoned == [1]


@pytest.mark.rule("R9")
def test_a_lost_connection_registers_at_once_at_the_same_target_first() -> None:
    server = ServerSettings(address="pbx.example", transport_type=1, failback_mode=0)
    two = tuple(
        replace(hop, target=target(n, Transport.TCP))
        for n, hop in zip((1, 2), hops(S1, 1, 2), strict=True)
    )
    bench = Bench(line(server), {S1: two})
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(10)
    assert bench.sent()[-1][2] == 2
    bench.give(io.FlowLost(target(2, Transport.TCP)))
    bench.run(11)
    assert bench.sent()[-1] == (10.0, "REGISTER", 2)
    assert bench.sends[-1][1].rule.id == "R9"


@pytest.mark.rule("R5")
def test_a_clean_stop_removes_our_bindings() -> None:
    bench = single().start()
    bench.run(10)
    bench.give(io.Stopped())
    stopped = [bench.engine.stopped]
    bench.run(11)
    assert bench.sent()[-1] == (10.0, "-REGISTER", 1)
    assert [*stopped, bench.engine.stopped] == [False, True]
    assert bench.engine.next_deadline() is None


@pytest.mark.rule("R5")
def test_a_clean_stop_without_a_binding_ends_at_once() -> None:
    bench = single()
    bench.set(t1=SILENT)
    bench.start()
    bench.run(3)
    bench.give(io.Stopped())
    assert bench.engine.stopped
    assert bench.abandoned == [1]


@pytest.mark.rule("C4", "R5")
@pytest.mark.parametrize("register_on_enable", [0, 1])
def test_a_clean_stop_waits_for_the_bye_of_a_call_just_hung_up(register_on_enable: int) -> None:
    server = ServerSettings(
        address="pbx.example", expires=600, register_on_enable=register_on_enable
    )
    bench = Bench(line(server), {S1: hops(S1, 1, 2)}).start()
    bench.run(10)
    bench.by_method[1, "BYE"] = SILENT
    bye = bench.request("BYE", at=target(1), registrar=1, someone_waits=False)
    bench.give(io.Stopped())
    bench.run(17)
    assert not bench.engine.stopped
    bench.run(30)
    assert bench.sent("BYE") == [(10.0, "BYE", 1), (17.5, "BYE", 2)]
    assert bench.completed[bye][1].ok
    assert bench.engine.stopped


@pytest.mark.rule("A11")
def test_a_late_2xx_makes_the_binding_if_there_is_none() -> None:
    bench = single(1, 2)
    bench.set(t1=SILENT, t2=SILENT)
    bench.start()
    bench.run(20)
    first = bench.sends[0][1]
    bench.give(io.Late(first, 600))
    (registration,) = bench.engine.snapshot().registrations
    assert registration.state == "registered"
    assert registration.hop is not None and registration.hop.target == target(1)


@pytest.mark.rule("A11")
def test_a_late_2xx_that_may_have_run_out_makes_no_binding() -> None:
    bench = single(1, 2)
    bench.set(t1=SILENT, t2=SILENT)
    bench.start()
    bench.run(20)
    bench.give(io.Late(bench.sends[0][1], 0))
    (registration,) = bench.engine.snapshot().registrations
    assert registration.state != "registered"


@pytest.mark.rule("A11")
@pytest.mark.parametrize("left_s", [3600, 0])
def test_a_late_2xx_at_a_server_the_line_has_left_is_removed(left_s: int) -> None:
    bench = pair(fallback_redundancy_type=1)
    bench.set(t1=SILENT)
    bench.start()
    bench.run(10)
    assert bench.engine.snapshot().serving == 2
    bench.set(t1=OK)
    bench.give(io.Late(bench.sends[0][1], left_s))
    bench.run(11)
    assert bench.sent()[-1] == (10.0, "-REGISTER", 1)


@pytest.mark.rule("A11", "B6")
@pytest.mark.parametrize("register_on_enable", [0, 1])
def test_a_late_2xx_of_a_target_that_the_line_has_left_is_removed(register_on_enable: int) -> None:
    server = ServerSettings(
        address="pbx.example", register_on_enable=register_on_enable, failback_mode=3
    )
    bench = Bench(line(server), {S1: hops(S1, 1, 2)})
    bench.set(t1=SILENT)
    bench.start()
    bench.run(10)
    bench.set(t1=OK)
    bench.give(io.Late(bench.sends[0][1], 3600))
    bench.run(11)
    removed = [(10.0, "-REGISTER", 1), (10.01, "REGISTER", 2)]  # in case the two share after all
    assert bench.sent()[2:] == (removed if register_on_enable else [])


@pytest.mark.rule("A11", "B6")
def test_a_removal_overtaken_by_the_way_home_is_made_good_at_once() -> None:
    # as a registrar did that had stood still and woke up during a try home
    bench = pair(fallback_redundancy_type=1)
    bench.set(t1=SILENT)
    bench.start()
    bench.run(127)
    bench.set(t1=OK)
    bench.rtt_s = 1.0
    bench.run(128)
    assert bench.sent()[-1] == (127.51, "REGISTER", 1)  # the try home, not yet answered
    bench.give(io.Late(bench.sends[0][1], 3600))
    bench.run(131)
    assert bench.sent()[-3:] == [
        (128.0, "-REGISTER", 1),
        (128.51, "-REGISTER", 2),
        (129.0, "REGISTER", 1),
    ]
    registration = bench.engine.snapshot().registrations[0]
    assert registration.state == "registered"
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("D14")
def test_a_name_that_leads_nowhere_is_a_server_that_is_unavailable() -> None:
    bench = single()
    bench.no_dns.add(S1)
    bench.start()
    bench.run(1)
    assert bench.saw(events.ResolveFailed)
    assert bench.saw(events.ServerDown)
    bench.no_dns.clear()
    bench.run(31)
    assert bench.engine.snapshot().registrations[0].state == "registered"


@pytest.mark.rule("A13")
def test_after_the_users_cancel_there_is_no_failover() -> None:
    bench = single(1, 2).start()
    bench.run(10)
    bench.set(t1=SILENT)
    call = bench.request("INVITE")
    bench.run(12)
    bench.give(io.RequestCancelled(call))
    bench.run(60)
    assert [s[2] for s in bench.sent("INVITE")] == [1]
    assert call not in bench.completed


@pytest.mark.rule("R1")
def test_after_a_total_failure_the_primary_comes_first_again() -> None:
    server = ServerSettings(address="pbx.example", expires=60, failback_mode=3, failback_timeout=0)
    bench = Bench(line(server), {S1: hops(S1, 1, 2)})
    bench.set(t1=REFUSED)
    bench.start()
    bench.run(10)
    bench.set(t2=REFUSED)
    bench.run(100)  # refresh and retries fail at 2 and 1, the binding runs out
    bench.set(t1=OK, t2=OK)
    bench.run(140)
    assert bench.sent()[-1][2] == 1


def test_reasons_are_those_of_the_walk() -> None:
    bench = single(1, 2)
    bench.set(t1=SILENT)
    bench.start()
    bench.run(10)
    assert [a.reason for _, a in bench.sends] == [Reason.INITIAL, Reason.FAILOVER]
    failed = bench.saw(events.TargetFailed)[0]
    assert failed.reason == "no answer (after 4 sends)"
    assert failed.rule is not None and failed.rule.id == "S1"


@pytest.mark.rule("D13", "S3")
def test_spare_static_hops_come_when_all_that_dns_gave_have_failed() -> None:
    bench = single(1, 2)
    bench.spare = hops(S1, 1, 9)
    bench.set(t1=SILENT, t2=REFUSED, t9=OK)
    bench.start()
    bench.run(10)
    assert bench.sent() == [(0.0, "REGISTER", 1), (7.5, "REGISTER", 2), (7.51, "REGISTER", 9)]
    assert not bench.extended
    bench.set(t1=OK)
    bench.request("INVITE")
    bench.run(20)
    assert bench.sent("INVITE") == [(10.0, "INVITE", 1)]  # that request's list only


@pytest.mark.rule("R9", "B9")
def test_no_two_registers_are_under_way_to_one_target() -> None:
    """RFC 3261 §10.2: whoever wants the same binding waits for the one that asks for it."""
    server = ServerSettings(
        address="pbx.example", transport_type=1, failback_mode=3, register_on_enable=1
    )
    two = tuple(
        replace(hop, target=target(n, Transport.TCP))
        for n, hop in zip((1, 2), hops(S1, 1, 2), strict=True)
    )
    bench = Bench(line(server), {S1: two})
    bench.start()
    bench.run(10)
    bench.set(t1=REFUSED)
    bench.rtt_s = 1.0
    call = bench.request("INVITE")  # fails at 1, registers with 2 before it goes there
    bench.run(10.5)
    bench.give(
        io.FlowLost(target(1, Transport.TCP))
    )  # made anew: refused at 1 at 11.5, then it comes to 2
    bench.run(20)
    assert [s for s in bench.sent("REGISTER") if s[2] == 2] == [(11.0, "REGISTER", 2)]
    assert bench.completed[call][1].ok
    assert bench.engine.snapshot().registrations[0].state == "registered"
