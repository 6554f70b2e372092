"""The swarm: random worlds, and after each the invariants; every check can also say no.

``make swarm SECONDS=600`` goes on with fresh seeds. A failure prints the seed, the command that
replays it, and who said what to whom.
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import pytest

from evertone.config.settings import ProxySettings, ServerSettings
from evertone.lab.checkers import only_allowed_targets, same_trace
from evertone.lab.record import Record
from evertone.lab.registrations import Binding
from evertone.model import Group
from evertone.sip.values import parse_uri
from tests.swarm.checks import (
    callers,
    judge_calls,
    left_after_stop,
    left_over,
    not_home,
    run,
    unregistered_requests,
)
from tests.swarm.early import home_too_early
from tests.swarm.plan import PHONE, Plan, make_plan
from tests.swarm.play import PHONE_ADDRESS, REALM, Play
from tests.swarm.report import failure_text, ladder_text, plan_text

CHUNKS, WORLDS_PER_CHUNK = 20, 12
Place = TypeVar("Place", ServerSettings, ProxySettings)

FAILED_ONCE = {
    113: "X3 asked for one list only, so that nobody asked for server 1 behind a live proxy",
    150: "a network change left the line at proxy 2, and the timer that leads home was gone",
    168: "a 200 that a stream had held for minutes counted from its arrival",
    275: "a try home in the list of a server that had been left took the line back",
    420: "a try of proxy 1 that was called off was never made again",
    496: "a proxy that had said 100 counted as dead, and the other server was not tried",
    999: "X3 asked a primary for ever that the line would never go home to",
    1339: "with DNS down the order of static records made a new primary",
    1904: "a call that waited for a REGISTER through a live proxy gave up",
    77000014: "a refresh by proxy 2 took the line back from proxy 1 with every try home",
    5006: "the answer to an INVITE sent before the failover took the line home, in a call",
    5154: "what had fallen due in a call led home though another failover had come since",
    5271: "a call began while the way home was resolved, and the line went home in it",
    302051: "an INVITE that had passed over where the line went meanwhile took it home",
    301047: "a try home that failed in a call was made again at its end",
    5644: "the end of a connection to a target that the line had left took the line home",
    2000567: "the answer to an INVITE of before a network change took the line home",
    2001028: "a call that had joined a REGISTER made its own where the line was no more",
    2001917: "a BYE had found wanting where the line went by a late 200, and its answer led home",
    2002122: "with shared registrations a line was shown where it had registered, not where it was",
    2002754: "a line did not go home for another TTL because another line was testing the primary",
    3002302: "a call waited 64*T1 for a REGISTER that it had joined, though it might go elsewhere",
    5005838: "a target that had answered late was passed over while another line tested it (X1)",
    5001222: "the check forgot that static records, which had served, rank otherwise than DNS",
    3000160: "the check forgot that what one line finds unavailable is passed over by all (X1)",
    3000189: "the check took a REGISTER of before the move for one of after it",
    2000163: "a call had found wanting where the line went afterwards, and its answer led home",
    88001301: "a call that came back to a target it had passed over took the line home",
    88001914: "a BYE had found wanting what refused another one since, and its answer led home",
    88001240: "the check forgot that a phone that hears nothing hears no DNS either (D11)",
    88001686: "the check took one server by UDP and by TCP for one target (B9)",
    105006058: "the check took a removal for the REGISTER that had been on its way (B9)",
    105004695: "a try home that waited for DNS was made though another failover had come since",
    104002091: "the check took a REGISTER of the very moment of the move for a later one",
    103001395: "a refresh that passed over the primary, which another line tested, was no try home",
    102004845: "the check forgot that DNS tells of a new primary when the old TTL has run (B8)",
    102001103: "the check forgot that a server that loses packets may not reach the callee (A7)",
    98003603: "an INVITE went where the binding was just being removed",
    98005279: "what the REGISTER of a call that was hung up found wanting was not told",
    97007400: "a call failed with a REGISTER that a live proxy could not deliver long before",
    97006831: "the same as 97002987, by another list",
    97002987: "a call left a REGISTER that it had joined, and did not say why",
    96003247: "a call joined a REGISTER whose time was up and waited 64*T1 with it",
    95000479: "a call that came back to what it had passed over began at the primary again",
    94004310: "the check forgot that a stream's resends pause as long again as a fault has lasted",
    91000626: "the check took the removal at one transport for one of both (B6)",
    107013670: "a call that went on by the order of before registered at the primary, and was home",
    109001128: "a call went by a connection that had been dead for long, and was lost with it",
    109007552: "the check forgot that a grant counts from its answer, which was slow",
    110002486: "the check forgot that half a list that DNS told serves until the next request",
    116000750: "a call was lost with a REGISTER that had been given up before it was dialled",
}


def prove(seed: int) -> None:
    play, found = run(seed)
    if found:
        pytest.fail(f"{plan_text(play.plan)}\n{failure_text(play, found, rows=400)}", pytrace=False)


@pytest.mark.rule(
    "A1", "B5", "B6", "B7", "B9", "C1", "F1", "F2", "F4", "P1", "P2", "R2", "R5", "R6"
)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_swarm(chunk: int) -> None:
    for seed in range(chunk * WORLDS_PER_CHUNK, (chunk + 1) * WORLDS_PER_CHUNK):
        prove(seed)


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_seeds_that_failed_once(seed: int) -> None:
    prove(seed)


def record_of(seed: int) -> Record:
    play, _ = run(seed)
    return play.world.record


@pytest.mark.parametrize("seed", [2, 5, 11, 17])
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    assert not same_trace(record_of, seed)


def test_plans_differ_and_repeat() -> None:
    assert make_plan(3) == make_plan(3)
    assert make_plan(3) != make_plan(4)


# --- each check can say no ----------------------------------------------------------------------


def first(wanted: object) -> Plan:
    """The first plan for which ``wanted(plan)`` is true."""
    assert callable(wanted)
    return next(plan for seed in range(1000) if wanted(plan := make_plan(seed)))


def played(plan: Plan) -> Play:
    play = Play(plan)
    play.begin()
    return play


def test_a_call_that_is_held_up_breaks_its_bound() -> None:
    """Told that nothing had struck, the check finds the calls that the faults held up."""
    found: list[str] = []
    for seed in range(10):
        play = played(make_plan(seed))
        blind = dataclasses.replace(play.plan, faults=())
        told = (play.world.record, play.dialled, play.hung_up)
        assert not list(judge_calls(play.plan, *told))
        found += judge_calls(blind, *told)
    assert found and all("allowed are" in text for text in found)


def test_a_target_that_the_settings_exclude_is_found() -> None:
    play = played(first(lambda p: len(p.places[Group.SERVER1].machines) == 1 and not p.proxies))
    record = play.world.record
    allowed = play.plan.places[Group.SERVER1].targets() | callers(record)
    others = {end for place in play.plan.places.values() for end in place.targets()}
    assert not only_allowed_targets(record, [PHONE_ADDRESS], allowed | others)
    assert only_allowed_targets(record, [PHONE_ADDRESS], callers(record))


def test_an_invite_without_a_registration_is_found() -> None:
    """Told that B9 applies, the check finds the calls of a phone that did not have to."""

    def fits(plan: Plan) -> bool:
        server = plan.settings.lines[0].sip_server[0]
        late = plan.settings.reg_surge_prevention and plan.actions[0].at_s < 2
        return not server.register_on_enable and bool(late) and plan.actions[0].verb == "call"

    plan = first(fits)
    play = played(plan)
    assert not list(unregistered_requests(plan, play.world.record))
    lines = tuple(
        dataclasses.replace(
            line,
            sip_server=both(line.sip_server, register_on_enable=1),
            outbound_proxy_enable=line.outbound_proxy_enable,
        )
        for line in plan.settings.lines
    )
    told = dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, lines=lines))
    assert "(B9)" in next(unregistered_requests(told, play.world.record))


def stray(play: Play) -> Binding:
    """A binding of ours where the line is not."""
    return Binding(
        f"{play.plan.settings.lines[0].user}@{REALM}",
        parse_uri("sip:alice@10.9.9.9"),
        "",
        "left",
        "1",
        "c",
        1,
        play.plan.servers[-1].machines[-1].name,
        0,
        play.world.now,
        1e9,
    )


def both(pair: tuple[Place, Place], **changes: int) -> tuple[Place, Place]:
    """Two servers or proxies, both with these changes."""
    first, second = (dataclasses.replace(place, **changes) for place in pair)  # type: ignore[arg-type]
    return first, second


def at_home() -> Play:
    play = played(first(lambda p: not p.proxies and len(p.places) == 2))
    play.go_home()
    play.come_to_rest()
    assert not [*left_over(play), *not_home(play)]
    return play


def test_what_is_left_over_is_found() -> None:
    play = at_home()
    binding = stray(play)
    store = play.stores[play.plan.stores[binding.server]]
    store.put(binding, play.world.now)
    assert any("is left at" in text for text in left_over(play))
    play.stop()
    assert list(left_after_stop(play)) == [f"alice is still bound at {binding.server} (R5)"]


def test_a_binding_that_a_server_has_lost_is_found() -> None:
    play = at_home()
    for name in play.servers:
        play.servers[name].store.forget(name)
    assert any("has lost our binding" in text for text in left_over(play))


def test_a_phone_that_has_not_stopped_is_found() -> None:
    play = at_home()
    assert "it has not stopped" in list(left_after_stop(play))


def test_a_line_that_is_away_is_found() -> None:
    play = at_home()
    (place,) = play.plan.servers[:1]
    elsewhere = tuple(dataclasses.replace(m, address="10.9.9.9") for m in place.machines)
    play.plan.places[place.group] = dataclasses.replace(place, machines=elsewhere)
    assert "is at server 1" in not_home(play)[0]


def test_who_comes_home_too_early_is_found() -> None:
    """Told of modes that wait for longer, the check finds what was right by the true ones."""
    found: list[str] = []
    for seed in range(30):
        play = played(make_plan(seed))
        record, lines = play.world.record, play.plan.settings.lines
        assert not list(home_too_early(record, PHONE, lines))
        patient = {"failback_mode": 3, "failback_timeout": 60_000}
        told = [
            dataclasses.replace(
                line,
                sip_server=both(line.sip_server, **patient),
                outbound_proxy=both(line.outbound_proxy, **patient),
            )
            for line in lines
        ]
        found += home_too_early(record, PHONE, tuple(told))
    assert any("failback_timeout is 60000 (B4)" in text for text in found)


def test_a_failure_says_how_to_replay_it_and_what_went_over_the_wire() -> None:
    play = played(make_plan(1))
    text = failure_text(play, ["5: line 1 is lost"], rows=50)
    assert "replay: .venv/bin/python -m tests.swarm 1" in text
    assert "5: line 1 is lost" in text
    assert any(" -> " in row and "REGISTER" in row for row in ladder_text(play))
    assert "pw alice" not in plan_text(play.plan) + text
