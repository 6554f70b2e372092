"""The guide's four scenarios, and their neighbours, with the engine alone."""

from __future__ import annotations

import pytest

from evertone import events
from evertone.config.settings import ServerSettings
from evertone.model import Group
from tests.redundancy.bench import OK, SILENT, Bench, hops, line

S1, S2 = Group.SERVER1, Group.SERVER2


def fallback_pair(**settings: object) -> Bench:
    """Two servers given by address: target 1 works, target 2 is the fallback."""
    return Bench(
        line(
            ServerSettings(address="10.0.0.1", expires=30),
            ServerSettings(address="10.0.0.2", expires=30),
            **settings,
        ),
        {S1: hops(S1, 1), S2: hops(S2, 2)},
    )


def failover_pair(expires: int = 30, **server: object) -> Bench:
    """One server by name that resolves to targets 1 (primary) and 2 (secondary)."""
    server1 = ServerSettings(address="pbx.example", expires=expires, **server)  # type: ignore[arg-type]
    return Bench(line(server1), {S1: hops(S1, 1, 2)})


@pytest.mark.rule("F2", "F4", "S3", "R3")
def test_register_fallback() -> None:
    bench = fallback_pair(fallback_redundancy_type=1, fallback_timeout=10)
    bench.start()
    bench.run(1)
    bench.set(t1=SILENT)
    bench.run(60)
    # refresh at 15 (half of 30), silent; the binding is used until 30, then the fallback server
    assert bench.sent()[:3] == [
        (0.0, "REGISTER", 1),
        (15.01, "REGISTER", 1),
        (30.01, "REGISTER", 2),
    ]
    probes = [s for s in bench.sent() if s[2] == 1][2:]
    assert probes == [(40.02, "REGISTER", 1), (57.52, "REGISTER", 1)]  # 10 s from the last end
    assert [type(e) for e in bench.saw(events.FellBack)] == [events.FellBack]
    bench.set(t1=OK)
    bench.run(90)
    assert bench.saw(events.FailedBack)
    assert [s[2] for s in bench.sent() if s[1] == "-REGISTER"] == [2]
    assert bench.engine.snapshot().serving == 1


@pytest.mark.rule("F1", "C1")
def test_invite_fallback() -> None:
    bench = fallback_pair()
    bench.start()
    bench.run(1)
    assert bench.sent() == [(0.0, "REGISTER", 1), (0.0, "REGISTER", 2)]
    bench.set(t1=SILENT)
    call = bench.request("INVITE")
    bench.run(10)
    assert bench.sent("INVITE") == [(1.0, "INVITE", 1), (8.5, "INVITE", 2)]
    assert bench.completed[call][1].ok
    # REGISTER to the working server at once
    assert (8.5, "REGISTER", 1) in bench.sent()
    assert bench.engine.snapshot().serving == 2
    bench.set(t1=OK)
    bench.run(60)
    assert bench.engine.snapshot().serving == 1
    bench.request("INVITE")
    bench.run(61)
    assert bench.sent("INVITE")[-1] == (60.0, "INVITE", 1)


@pytest.mark.rule("B1", "R1", "R2")
def test_register_failover() -> None:
    bench = failover_pair()
    bench.start()
    bench.run(1)
    bench.set(t1=SILENT)
    bench.run(40)
    assert bench.sent() == [
        (0.0, "REGISTER", 1),
        (15.01, "REGISTER", 1),
        (22.51, "REGISTER", 2),
        (37.52, "REGISTER", 1),
    ]
    bench.set(t1=OK)
    bench.run(80)
    assert bench.saw(events.FailedOver)
    assert bench.saw(events.FailedBack)
    assert bench.sent()[-1][2] == 1


@pytest.mark.rule("B1")
def test_invite_failover() -> None:
    bench = failover_pair(expires=3600)
    bench.set(t1=OK)
    bench.start()
    bench.run(1)
    bench.set(t1=SILENT)
    bench.request("INVITE")
    bench.run(20)
    bench.request("INVITE")
    bench.run(40)
    bench.set(t1=OK)
    bench.request("INVITE")
    bench.run(50)
    assert bench.sent("INVITE") == [
        (1.0, "INVITE", 1),
        (8.5, "INVITE", 2),
        (20.0, "INVITE", 1),
        (27.5, "INVITE", 2),
        (40.0, "INVITE", 1),
    ]
