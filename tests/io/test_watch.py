"""What counts as a change of the network, and that the kernel's word of it arrives."""

from __future__ import annotations

import asyncio
import json

import pytest

from evertone.io import watch
from evertone.io.watch import Debounce, NetworkWatch, Surroundings, View, see
from tests.io import namespace
from tests.io.nodes import PATIENCE_S, run

SERVER = "203.0.113.5"
HOME, AWAY = "198.51.100.1", "198.51.100.9"

STORIES: list[tuple[str, list[dict[str, str]], list[str]]] = [
    ("nothing changes", [{SERVER: HOME}, {SERVER: HOME}], [""]),
    (
        "another address",
        [{SERVER: HOME}, {SERVER: AWAY}, {SERVER: AWAY}],
        [f"{SERVER} is reached from {AWAY} now, no more from {HOME}", ""],
    ),
    (
        "the network goes, and comes back",
        [{SERVER: HOME}, {SERVER: ""}, {SERVER: ""}, {SERVER: HOME}],
        ["", "", f"{SERVER} can be reached again"],
    ),
    ("a server met on the way", [{}, {SERVER: HOME}, {SERVER: HOME}], ["", ""]),
    ("a server that is used no more", [{SERVER: HOME}, {}, {SERVER: AWAY}], ["", ""]),
    (
        "one of two servers",
        [{"192.0.2.7": HOME, SERVER: HOME}, {"192.0.2.7": HOME, SERVER: AWAY}],
        [f"{SERVER} is reached from {AWAY} now, no more from {HOME}"],
    ),
]


@pytest.mark.rule("R8")
@pytest.mark.parametrize(
    ("views", "reasons"), [story[1:] for story in STORIES], ids=[story[0] for story in STORIES]
)
def test_what_counts_as_a_change(views: list[dict[str, str]], reasons: list[str]) -> None:
    surroundings = Surroundings(View(views[0]))
    assert [surroundings.look(View(ways)) for ways in views[1:]] == reasons


@pytest.mark.rule("R8")
def test_waking_from_sleep_counts_and_the_jitter_of_clocks_does_not() -> None:
    surroundings = Surroundings(View({SERVER: HOME}, asleep_s=100.0))
    assert surroundings.look(View({SERVER: HOME}, asleep_s=100.4)) == ""
    assert surroundings.look(View({SERVER: HOME}, asleep_s=7300.4)) == (
        "awake again after 7200 s of sleep"
    )
    assert surroundings.look(View({SERVER: HOME}, asleep_s=7300.4)) == ""


def test_a_burst_is_looked_at_once_and_not_put_off_for_ever() -> None:
    assert Debounce().due is None
    debounce = Debounce()
    debounce.stirred(10.0)
    debounce.stirred(10.5)
    assert debounce.due == 10.5 + watch.QUIET_S
    for tenth in range(100):
        debounce.stirred(10.5 + tenth / 10)
    assert debounce.due == 10.0 + watch.LONGEST_S
    debounce.looked()
    debounce.stirred(50.0)
    assert debounce.due == 50.0 + watch.QUIET_S


def test_looking_finds_our_own_address_and_takes_no_way_that_bind_excludes() -> None:
    assert see([("127.0.0.1", 5060)]).ways["127.0.0.1"] == "127.0.0.1"
    assert see([("127.0.0.1", 5060)], bind="127.0.0.9").ways["127.0.0.1"] == "127.0.0.9"
    assert see([("127.0.0.1", 5060)], bind="::1").ways["127.0.0.1"] == ""
    assert see([("127.0.0.1", 5060)], bind="192.0.2.77").ways["127.0.0.1"] == ""  # not ours


@pytest.mark.rule("R8")
def test_sleep_is_noticed_where_nothing_else_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = [0.0]
    monkeypatch.setattr(watch, "asleep_s", lambda: slept[0])
    monkeypatch.setattr(watch, "LOOK_S", 0.02)

    async def body() -> None:
        reasons: asyncio.Queue[str] = asyncio.Queue()
        watching = NetworkWatch(lambda: [("127.0.0.1", 5060)], reasons.put_nowait)
        try:
            slept[0] = 3600.0
            async with asyncio.timeout(PATIENCE_S):
                assert await reasons.get() == "awake again after 3600 s of sleep"
            await asyncio.sleep(0.1)
            assert reasons.empty()
        finally:
            watching.close()
            watching.close()

    run(body)


@pytest.mark.rule("R8")
@pytest.mark.needs("ip", "unshare")
@pytest.mark.parametrize("netlink", [True, False], ids=["netlink", "polling"])
def test_a_network_of_its_own_changes_and_the_watch_tells(netlink: bool) -> None:
    """See :mod:`tests.io.moving`, which runs in a network namespace."""
    done = namespace.run_inside("tests.io.moving", str(int(netlink)))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["another address"] == f"{SERVER} is reached from {AWAY} now, no more from {HOME}"
    assert told["noise"] is None
    assert told["lost"] is None
    assert told["back"] == f"{SERVER} can be reached again"
