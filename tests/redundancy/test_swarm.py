"""Random settings, random outages: what must hold in every world, for the engine alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from evertone.config.settings import ProxySettings, ServerSettings
from evertone.model import Group, Hop, Outcome, OutcomeKind
from evertone.redundancy import interface as io
from tests.redundancy.bench import (
    BUSY,
    FORBIDDEN,
    OK,
    REFUSED,
    SILENT,
    Behaviour,
    Bench,
    hops,
    line,
)

FAULTS: tuple[Behaviour, ...] = (
    SILENT,
    REFUSED,
    BUSY,
    Outcome(OutcomeKind.BUSY, 503, retry_after_s=40),
    Outcome(OutcomeKind.BUSY, 500),
    FORBIDDEN,
)
FAILED_SEEDS = (1649, 2183, 2510, 2683, 2899, 2916, 3158, 4244)
OUTAGE_S = 4000.0


@dataclass(frozen=True)
class World:
    bench: Bench
    targets: tuple[int, ...]
    home_within_s: float


def world(rng: random.Random, seed: int) -> World:
    """A random line over random lists."""
    expires = rng.choice((60, 120, 600))
    servers = [
        ServerSettings(
            address="pbx.example" if rng.random() < 0.8 else "10.0.0.1",
            expires=expires,
            retry_counts=rng.choice((0, 1, 3)),
            invite_retry_counts=rng.choice((1, 3)),
            register_on_enable=rng.randint(0, 1),
            failback_mode=rng.randint(0, 3),
            failback_timeout=rng.choice((30, 60, 300)),
        )
        for _ in range(rng.randint(1, 2))
    ]
    use_proxy = rng.random() < 0.3
    settings = line(
        *servers,
        fallback_redundancy_type=rng.randint(0, 1),
        fallback_timeout=rng.choice((10, 120)),
        reg_fail_retry_interval=rng.choice((10, 30)),
        skip_unavailable=rng.choice((0, 0, 20)),
        spread=random.Random(~seed).choice((0, 0, 15)),  # of its own: seeds keep their meaning
        redundancy_with_reg_fail_enable=rng.randint(0, 1),
        outbound_proxy_enable=int(use_proxy),
        outbound_proxy=(
            ProxySettings(address="p1.example"),
            ProxySettings(address="p2.example" if rng.random() < 0.5 else ""),
        ),
        outbound_proxy_fallback_interval=100,
    )
    lists: dict[Group, tuple[Hop, ...]] = {}
    targets: list[int] = []
    number = 0
    for group in Group:
        size = rng.randint(1, 3)
        numbers = tuple(range(number + 1, number + 1 + size))
        number += size
        lists[group] = hops(group, *numbers, ttl_s=rng.choice((30.0, 300.0)))
        targets += numbers
    bench = Bench(settings, lists)
    bench.rtt_s = 0.02
    return World(bench, tuple(targets), 2 * expires + 900.0)


def outage(rng: random.Random, w: World) -> None:
    """Faults come and go, calls are placed, the phone is busy at times."""
    bench = w.bench
    while bench.now < OUTAGE_S:
        roll = rng.random()
        if roll < 0.5:
            bench.behaviour[rng.choice(w.targets)] = rng.choice((*FAULTS, OK, OK))
        elif roll < 0.7:
            bench.request("INVITE")
        elif roll < 0.8:
            bench.request("SUBSCRIBE", someone_waits=False)
        elif roll < 0.9:
            busy = rng.random() < 0.5
            registrars = frozenset({rng.choice(tuple(bench.settings.registrars()))})
            bench.give(io.CallsChanged(not busy, registrars if busy else frozenset()))
        elif roll < 0.93:
            bench.no_dns.symmetric_difference_update({rng.choice(tuple(Group))})
        elif roll < 0.95:
            bench.give(io.NetworkChanged())
        elif roll < 0.97 and bench._next:
            cancelled = rng.randint(1, bench._next)
            if cancelled not in bench.completed:
                bench.give(io.RequestCancelled(cancelled))
                bench.cancelled.add(cancelled)
        bench.run(bench.now + rng.expovariate(1 / 60))


def check(seed: int) -> None:
    rng = random.Random(seed)
    w = world(rng, seed)
    bench = w.bench.start()
    outage(rng, w)
    bench.behaviour.clear()
    bench.no_dns.clear()
    bench.give(io.CallsChanged(idle=True))
    bench.run(bench.now + w.home_within_s)

    snapshot = bench.engine.snapshot()
    asked = bench._next
    ended = set(bench.completed) | bench.cancelled
    assert ended == set(range(1, asked + 1)), "a request never ended"
    assert snapshot.walks == 0 or bench._live, "a walk waits for nothing"
    assert len(bench._live) <= 2, "attempts pile up"
    assert snapshot.serving == 1, "not home at the working server"
    for registration in snapshot.registrations:
        successive = bench.settings.successive and len(snapshot.registrations) == 2
        wanted = registration.registrar == 1 or not successive
        assert (registration.state == "registered") is wanted, registration
        assert len(registration.bindings) == int(wanted), "a binding is left over"
    for lst in snapshot.lists:
        if lst.current is not None and (lst.group, lst.registrar) in used_lists(bench):
            assert lst.current == lst.hops[0].target, f"not home in {lst.group}"
    listed = {hop.target for found in bench.lists.values() for hop in found}
    assert all(attempt.hop.target in listed for _, attempt in bench.sends)


def used_lists(bench: Bench) -> set[tuple[Group, int]]:
    """The lists that lead to a server the line is registered with, by the path in use."""
    snapshot = bench.engine.snapshot()
    registrars = [r.registrar for r in snapshot.registrations if r.bindings]
    return {(bench.settings.paths(r)[0], r) for r in registrars}


@pytest.mark.rule("B6", "F1", "F2", "F4", "F5", "R6")
@pytest.mark.parametrize("chunk", range(10))
def test_swarm(chunk: int) -> None:
    for seed in range(chunk * 40, chunk * 40 + 40):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("seed", FAILED_SEEDS)
def test_seeds_that_failed_once(seed: int) -> None:
    check(seed)
