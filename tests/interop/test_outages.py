"""The primary dies, and what "done when" says follows: real servers, real time, real packets.

The stories take up to two minutes each and are told side by side, once for all tests here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.interop.capture import Packet
from tests.interop.phone import Event, epoch_s
from tests.interop.stories import CALLEE, CALLER, PHONE, STORIES, Story, tell

pytestmark = pytest.mark.needs("kamailio", "named", "tshark")

FAILOVERS = ["failover, primary frozen", "failover, primary stopped"]
FALLBACKS = ["fallback, server 1 frozen", "fallback, server 1 stopped"]
S1_REGISTER_S = [0.0, 0.5, 1.5, 3.5]  # retry_counts 3
S1_S = 7.5
S1_INVITE_S = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5]  # invite_retry_counts 5
S1_INVITE_END_S = 31.5
LATE_S = 0.25  # how much later than meant a packet may come on a busy machine
EARLY_S = 0.02  # clocks are read at different moments; timers themselves are never early

Telling = Callable[[str], Story]


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telling]:
    """Begin every story that a selected test asks for; the fixture's value waits for one."""
    wanted = {
        str(item.callspec.params["story"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        if item.callspec.params.get("story") in STORIES
    }
    with ThreadPoolExecutor(len(STORIES)) as pool:
        running: dict[str, Future[Story]] = {
            name: pool.submit(tell, name, tmp_path_factory.mktemp("story"))
            for name in sorted(wanted)
        }
        yield lambda name: running[name].result()


def stories(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("story", names)


def offsets(packets: Sequence[Packet], since: float) -> list[float]:
    return [packet.time - since for packet in packets]


def on_time(seen: Sequence[float], meant: Sequence[float]) -> bool:
    """Whether every time is the one meant, within what a busy machine adds."""
    return len(seen) == len(meant) and all(
        -EARLY_S <= time - due <= LATE_S for time, due in zip(seen, meant, strict=True)
    )


def only(found: Sequence[Event]) -> Event:
    assert len(found) == 1, found
    return found[0]


# --- failover: the guide's example ------------------------------------------------------------


@pytest.mark.rule("R1", "D3", "P1")
@stories(*FAILOVERS)
def test_the_guides_example_registers_with_the_primary_behind_dns(
    told: Telling, story: str
) -> None:
    tale = told(story)
    first = tale.happened("Registered")[0]
    assert first["hop"]["target"]["address"] == tale.site.primary.address
    assert first["hop"]["group"] == "proxy 1"
    assert [why.split()[0] for why in first["hop"]["why"]] == ["NAPTR", "SRV", "A"]
    # asked for a password once, by the primary alone
    begin = [packet for packet in tale.packets if packet.time < tale.moments["outage"]]
    asked = [packet for packet in begin if packet.status == 401 and goes_to(tale, packet, PHONE)]
    assert [packet.src[0] for packet in asked] == [tale.site.primary.address]


@pytest.mark.rule("A1", "B7", "R2", "R3", "S1")
@stories(*FAILOVERS)
def test_it_is_on_the_secondary_within_its_refresh_and_the_time_of_s1(
    told: Telling, story: str
) -> None:
    tale = told(story)
    moved = only(tale.happened("FailedOver"))
    assert moved["hop"]["target"]["address"] == tale.site.secondary.address
    assert moved["rule"] == "B7"
    assert epoch_s(moved) - tale.moments["outage"] <= 30 + S1_S + 1


@pytest.mark.rule("B4", "B5", "B6")
@stories(*FAILOVERS)
def test_it_is_home_when_its_time_away_is_over(told: Telling, story: str) -> None:
    tale = told(story)
    moved, home = only(tale.happened("FailedOver")), only(tale.happened("FailedBack"))
    assert home["hop"]["target"]["address"] == tale.site.primary.address
    assert home["rule"] == "B4"
    assert -EARLY_S <= epoch_s(home) - epoch_s(moved) - 60 <= 1
    # between the two it asked the primary for nothing
    asked = tale.sent("REGISTER", tale.site.address(PHONE), tale.site.primary.address)
    since = tale.sent("REGISTER", tale.site.address(PHONE), tale.site.secondary.address)[0].time
    assert min(offsets([packet for packet in asked if packet.time > since], since)) >= 59.9


@pytest.mark.rule("S1")
@stories("failover, primary frozen")
def test_a_silent_primary_gets_the_register_at_the_times_of_s1(told: Telling, story: str) -> None:
    tale = told(story)
    for user in (PHONE, CALLEE):
        here, site = tale.site.address(user), tale.site
        moved = tale.sent("REGISTER", here, site.secondary.address, after="outage")[0]
        tried = tale.sent("REGISTER", here, site.primary.address, after="outage")
        tried = [packet for packet in tried if packet.time < moved.time]
        assert len({packet.branch for packet in tried}) == 1  # one transaction
        times = offsets([*tried, moved], tried[0].time)
        assert on_time(times, [*S1_REGISTER_S, S1_S]), times


@pytest.mark.rule("S1", "C1")
@stories("failover, primary frozen")
def test_a_silent_primary_gets_the_invite_at_the_times_of_s1(told: Telling, story: str) -> None:
    tale = told(story)
    here, site = tale.site.address(CALLER), tale.site
    tried = tale.sent("INVITE", here, site.primary.address, after="outage")
    tried = [packet for packet in tried if packet.time < tale.moments["return"]]
    moved = tale.sent("INVITE", here, site.secondary.address, after="outage")[0]
    times = offsets([*tried, moved], tried[0].time)
    assert on_time(times, [*S1_INVITE_S, S1_INVITE_END_S]), times
    # A1: another target of the same server gets the same request
    assert (moved.call_id, moved.cseq) == (tried[0].call_id, tried[0].cseq)
    assert moved.branch != tried[0].branch


@pytest.mark.rule("S5")
@stories("failover, primary stopped")
def test_a_stopped_primary_gets_each_request_once(told: Telling, story: str) -> None:
    tale = told(story)
    site = tale.site
    for method, user in (("REGISTER", PHONE), ("REGISTER", CALLEE), ("INVITE", CALLER)):
        here = site.address(user)
        moved = tale.sent(method, here, site.secondary.address, after="outage")[0]
        tried = tale.sent(method, here, site.primary.address, after="outage")
        tried = [packet for packet in tried if packet.time < moved.time]
        assert len(tried) == 1
        assert moved.time - tried[0].time <= LATE_S


@pytest.mark.rule("C1", "S1")
@stories(*FAILOVERS)
def test_a_call_placed_in_the_outage_is_answered(told: Telling, story: str) -> None:
    tale = told(story)
    in_outage, at_home = tale.calls
    assert in_outage["exit_code"] == 0
    assert in_outage["answered_s"] <= S1_INVITE_END_S + 1
    assert [row["target"] for row in in_outage["tried"]] == [
        f"UDP {tale.site.primary.address}:5060",
        f"UDP {tale.site.secondary.address}:5060",
    ]
    assert at_home["exit_code"] == 0
    assert at_home["target"] == f"UDP {tale.site.primary.address}:5060"
    assert at_home["answered_s"] <= 1


@pytest.mark.rule("B4", "B7", "C1", "S1")
@stories(*FAILOVERS)
def test_a_phone_long_registered_waits_for_the_dead_primary_once(told: Telling, story: str) -> None:
    tale = told(story)
    first, second, at_home = tale.handset_calls
    targets = [f"UDP {server.address}:5060" for server in (tale.site.primary, tale.site.secondary)]
    assert [row["target"] for row in first["tried"]] == targets
    assert first["answered_s"] <= S1_INVITE_END_S + 1
    # the move holds for the next request, whatever kind found the primary dead
    assert [row["target"] for row in second["tried"]] == targets[1:]
    assert second["answered_s"] <= 1
    assert [row["target"] for row in at_home["tried"]] == targets[:1]
    assert at_home["answered_s"] <= 1


@pytest.mark.rule("B4", "B6", "S5")
@stories("failover, phone starts in the outage")
def test_it_is_home_at_the_first_try_after_a_return_that_comes_late(
    told: Telling, story: str
) -> None:
    tale = told(story)
    failed, home = only(tale.happened("ProbeFailed")), only(tale.happened("FailedBack"))
    first = tale.happened("Registered")[0]
    assert first["hop"]["target"]["address"] == tale.site.secondary.address
    assert -EARLY_S <= epoch_s(failed) - epoch_s(first) - 60 <= 1
    # a try home that failed has the time run anew
    assert -EARLY_S <= epoch_s(home) - epoch_s(failed) - 60 <= 1
    assert home["hop"]["target"]["address"] == tale.site.primary.address


# --- fallback: REGISTER, successive -----------------------------------------------------------


@pytest.mark.rule("F2", "R3")
@stories(*FALLBACKS)
def test_the_fallback_server_gets_the_line_when_the_binding_has_run_out(
    told: Telling, story: str
) -> None:
    tale = told(story)
    first, moved = tale.happened("Registered")[0], only(tale.happened("FellBack"))
    assert moved["server"] == 2
    assert moved["hop"]["target"]["address"] == tale.site.secondary.address
    assert moved["rule"] == "F2"
    assert -EARLY_S <= epoch_s(moved) - epoch_s(first) - 30 <= 1  # it was granted 30 s
    before = tale.sent("REGISTER", tale.site.address(PHONE), tale.site.secondary.address)
    assert before[0].time >= epoch_s(first) + 30 - EARLY_S


@pytest.mark.rule("S1")
@stories("fallback, server 1 frozen")
def test_the_refresh_and_the_tries_home_keep_the_times_of_s1(told: Telling, story: str) -> None:
    tale = told(story)
    tried = tale.sent(
        "REGISTER", tale.site.address(PHONE), tale.site.primary.address, after="outage"
    )
    tried = [packet for packet in tried if packet.time < tale.moments["return"]]
    branches = list(dict.fromkeys(packet.branch for packet in tried))
    assert len(branches) == 2  # the refresh, one try home
    for branch in branches:
        sends = [packet for packet in tried if packet.branch == branch]
        times = offsets(sends, sends[0].time)
        assert on_time(times, S1_REGISTER_S), times


@pytest.mark.rule("F4")
@stories(*FALLBACKS)
def test_it_goes_home_at_the_first_try_after_the_servers_return(told: Telling, story: str) -> None:
    tale = told(story)
    failed, home = only(tale.happened("ProbeFailed")), only(tale.happened("FailedBack"))
    assert home["rule"] == "F4"
    assert home["hop"]["target"]["address"] == tale.site.primary.address
    assert -EARLY_S <= epoch_s(home) - epoch_s(failed) - 10 <= 1  # fallback.timeout
    assert epoch_s(home) > tale.moments["return"]
    # and the fallback server was told so
    assert PHONE not in tale.bindings["secondary at home"]


@pytest.mark.rule("A11")
@stories("fallback, server 1 frozen")
def test_what_the_woken_server_registers_late_is_removed_again(told: Telling, story: str) -> None:
    tale = told(story)
    home = epoch_s(only(tale.happened("FailedBack")))
    removed = [
        event
        for event in tale.happened("Unregistered", after="return")
        if event["rule"] == "A11" and epoch_s(event) < home
    ]
    assert len(removed) == 2  # the refresh and the try home, both answered after the thaw
    assert {event["hop"]["target"]["address"] for event in removed} == {tale.site.primary.address}


@pytest.mark.rule("C1", "C5", "F6")
@stories(*FALLBACKS)
def test_a_call_placed_in_the_fallback_is_answered(told: Telling, story: str) -> None:
    tale = told(story)
    in_outage, at_home = tale.calls
    assert in_outage["exit_code"] == 0
    assert in_outage["answered_s"] <= S1_S + 1
    assert in_outage["target"] == f"UDP {tale.site.secondary.address}:5060"
    assert at_home["exit_code"] == 0
    assert at_home["target"] == f"UDP {tale.site.primary.address}:5060"


# --- a primary that wakes in a call -----------------------------------------------------------


@pytest.mark.rule("A8", "F6")
@stories("primary wakes in a call")
def test_a_primary_that_wakes_in_a_call_makes_nobody_ring_again(told: Telling, story: str) -> None:
    tale = told(story)
    site = tale.site
    # the woken primary did forward the call that it had slept through
    again = tale.sent("INVITE", site.primary.address, site.address(CALLEE), after="return")
    assert len({packet.branch for packet in again}) == 1
    # the callee saw that it has this call already
    answers = [
        packet.status
        for packet in tale.packets
        if packet.branch == again[0].branch and packet.status and packet.method == "INVITE"
    ]
    assert answers == [482]
    # the caller called it off there as soon as the primary stirred, and not before
    cancels = tale.sent("CANCEL", site.address(CALLER), site.primary.address)
    assert len(cancels) == 1
    stirred = [p for p in tale.packets if p.status == 100 and p.src[0] == site.primary.address]
    assert 0 <= cancels[0].time - stirred[0].time <= LATE_S
    # it rang once, and the call went on until the caller hung up
    heard = [event["state"] for event in tale.happened("CallChanged", CALLEE)]
    assert heard.count("ringing") == 1
    assert len({event["call"] for event in tale.happened("CallChanged", CALLEE)}) == 1
    (call,) = tale.calls
    assert call["exit_code"] == 0
    assert call["ended_s"] - call["answered_s"] >= 8


# --- whatever happened ------------------------------------------------------------------------


@pytest.mark.rule("R5")
@stories(*STORIES)
def test_the_phones_stop_cleanly_and_leave_no_binding(told: Telling, story: str) -> None:
    tale = told(story)
    assert set(tale.exit_codes.values()) == {0}
    assert tale.bindings["primary at the end"] == {}
    assert tale.bindings["secondary at the end"] == {}


@pytest.mark.rule("C4")
@stories(*STORIES)
def test_every_bye_is_answered_before_its_sender_goes(told: Telling, story: str) -> None:
    tale = told(story)
    asked = {p.branch for p in tale.packets if (p.method, p.status) == ("BYE", 0)}
    answered = {p.branch for p in tale.packets if (p.method, p.status) == ("BYE", 200)}
    assert asked == answered
    assert len(asked) >= 2 * len(tale.calls)  # to the server and on to the peer


@stories(*STORIES)
def test_no_phone_stumbles_over_what_real_servers_send(told: Telling, story: str) -> None:
    tale = told(story)
    for user, log in tale.logs.items():
        assert "Traceback" not in log, f"{user}:\n{log}"
        assert "malformed" not in log, f"{user}:\n{log}"


def goes_to(tale: Story, packet: Packet, user: str) -> bool:
    return packet.dst[0] == tale.site.address(user)
