"""A rehearsal that ends when all is seen shows what the whole of it would have shown."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from evertone.events import Event, FailedOver
from evertone.observe.explanation import watches
from evertone.observe.explanation.explain import LineExplanation, explain
from evertone.observe.explanation.text import what_was_cut
from evertone.observe.explanation.watches import UntilWorst

EXAMPLES = Path(__file__).parents[3] / "examples"

LINE = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 1001
account.1.password = geheim
"""
TWO = ("sip_server.1.address = 192.0.2.1", "sip_server.2.address = 192.0.2.2")
NAME = (
    "sip_server.1.address = pbx.example",
    "sip_server.1.port = 0",
    "sip_server.1.transport_type = 3",
)
NAMES = (
    *NAME,
    "sip_server.2.address = backup.example",
    "sip_server.2.port = 0",
    "sip_server.2.transport_type = 3",
)
PROXIES = (
    "outbound_proxy_enable = 1",
    "outbound_proxy.1.address = 192.0.2.21",
    "outbound_proxy.2.address = 192.0.2.22",
)

KINDS = {
    "two at once": TWO,
    "one after the other, tries every 10 minutes": (
        *TWO,
        "fallback.redundancy_type = 1",
        "fallback.timeout = 600",
    ),
    "every request tries the primary": (*NAME, "sip_server.1.expires = 120"),
    "home with the TTL": (*NAME, "sip_server.1.failback_mode = 1"),
    "home with the refresh": (
        *NAME,
        "sip_server.1.failback_mode = 2",
        "sip_server.1.register_on_enable = 1",
        "sip_server.1.expires = 300",
    ),
    "home after a time": (
        *NAME,
        "sip_server.1.failback_mode = 3",
        "sip_server.1.failback_timeout = 1800",
        "sip_server.1.expires = 60",
    ),
    "never home": (*NAME, "sip_server.1.failback_mode = 3", "sip_server.1.failback_timeout = 0"),
    "over TLS": (*NAME[:2], "sip_server.1.transport_type = 2", "sip_server.1.failback_mode = 3"),
    "two proxies": (*TWO, *PROXIES, "outbound_proxy_fallback_interval = 900"),
    "names, one of them with its refresh": (
        *NAMES,
        "sip_server.1.expires = 120",
        "sip_server.1.failback_mode = 2",
        "sip_server.1.register_on_enable = 1",
    ),
    "longer and longer waits": (
        *TWO,
        "fallback.redundancy_type = 1",
        "reg_failed_retry_min_time = 30",
        "reg_failed_retry_max_time = 600",
    ),
}


def _line(*lines: str) -> LineExplanation:
    text = LINE + "".join(f"account.1.{line}\n" for line in lines)
    return explain([("phone.cfg", text.encode())]).lines[0]


def _figures(line: LineExplanation) -> tuple[list[object], list[float]]:
    """What is told of a line, and the seconds in it, but for how long it was watched."""
    told: list[object] = []
    seconds: list[float] = []
    for outcome in line.outcomes:
        waits, missed, home = outcome.waits, outcome.missed, outcome.home
        told += [outcome.case, outcome.cut, waits.lost, waits.hosts, waits.rules]
        told += [missed.by, missed.rules, home.moved, home.rules, home.deaf_rules]
        seconds += [*waits.late, missed.lost_s, missed.from_s, home.after_s, home.deaf_s]
    for change in line.changes:
        told += [change.advice, change.case]
        seconds += [change.before.value, change.after.value]
    return told, seconds


@pytest.mark.parametrize("kind", KINDS)
def test_to_watch_on_would_show_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _line(*KINDS[kind])
    monkeypatch.setattr(watches._Following, "enough", lambda *_, **__: False)
    monkeypatch.setattr(watches._Following, "dull", lambda *_, **__: False)
    whole = _line(*KINDS[kind])
    (told, seconds), (all_told, all_seconds) = _figures(watched), _figures(whole)
    assert told == all_told
    assert seconds == pytest.approx(all_seconds, abs=0.05), "packets take some milliseconds"
    assert sum(o.outage_s for o in watched.outcomes) <= sum(o.outage_s for o in whole.outcomes)


@pytest.mark.rule("B4")
@pytest.mark.parametrize("home_s", [7200, 65535])
def test_a_long_way_home_of_a_line_that_registers_every_15_seconds(home_s: int) -> None:
    explanation = explain(
        [
            (
                "phone.cfg",
                LINE.encode()
                + b"".join(
                    f"account.1.{line}\n".encode()
                    for line in (
                        *NAME,
                        "sip_server.1.expires = 30",
                        "sip_server.1.failback_mode = 3",
                        f"sip_server.1.failback_timeout = {home_s}",
                    )
                ),
            )
        ]
    )
    outcome = explanation.lines[0].outcomes[0]
    assert outcome.home.after_s == pytest.approx(home_s + 4, abs=0.1), "S1's 7.5 s less 3.5 s"
    assert outcome.lengthened
    assert not outcome.cut
    (said,) = what_was_cut(explanation)
    assert said.startswith("Short registrations and a long way home (server1.primary is silent,")


def test_every_timer_at_its_most_is_rehearsed_in_few_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[int] = []

    class Counted(UntilWorst):
        def enough(self, now: float, *, rings: bool) -> bool:
            steps.append(self._events)
            return super().enough(now, rings=rings)

    monkeypatch.setattr("evertone.observe.explanation.faults.UntilWorst", Counted)
    longest = (
        *NAMES,
        *PROXIES,
        "sip_server.1.expires = 2147483647",
        "sip_server.2.expires = 2147483647",
        "sip_server.1.failback_mode = 3",
        "sip_server.1.failback_timeout = 65535",
        "outbound_proxy_fallback_interval = 65535",
        "fallback.redundancy_type = 1",
        "reg_fail_retry_interval = 1",
    )
    line = _line(*longest)
    assert not any(outcome.cut for outcome in line.outcomes)
    assert max(steps) < 500


def test_what_is_not_seen_to_the_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "MOST_EVENTS", 10)
    explanation = explain([("guide.cfg", (EXAMPLES / "guide-failover.cfg").read_bytes())])
    assert any(outcome.cut for outcome in explanation.lines[0].outcomes)
    said = list(what_was_cut(explanation))
    assert said[-1].startswith("Not seen to the end (")


def test_nothing_is_said_of_what_was_seen_to_the_end() -> None:
    explanation = explain([("guide.cfg", (EXAMPLES / "guide-failover.cfg").read_bytes())])
    assert list(what_was_cut(explanation)) == []


@pytest.mark.rule("D14")
def test_without_dns_the_end_of_the_last_answers_known_is_waited_for() -> None:
    """A failover that DNS brings about by its silence is not all that comes."""
    line = _line(*KINDS["names, one of them with its refresh"])
    outcome = next(o for o in line.outcomes if o.case.key == "dns-silent")
    assert math.isinf(outcome.missed.lost_s)
    assert outcome.missed.from_s > 3600


def _worst(longest_s: float) -> UntilWorst:
    return UntilWorst(
        10.0,
        frozenset({"192.0.2.1"}),
        of_dns=False,
        short=False,
        longest_s=longest_s,
        in_turn=False,
        retry_s=30.0,
        alone_s=600.0,
        most_s=math.inf,
    )


def test_a_line_that_has_not_moved_is_watched_on() -> None:
    watch = _worst(60.0)
    watch.event(Event(at=20.0))
    assert not watch.enough(5000.0, rings=True)


def test_a_line_whose_tries_cannot_be_seen_is_watched_until_they_are_overdue() -> None:
    watch = _worst(60.0)
    watch.event(FailedOver(at=20.0, line=1, server=1, origin=None))
    assert not watch.enough(100.0, rings=True)
    assert watch.enough(20.0 + 60.0 + 300.0, rings=True)
    assert not watch.enough(20.0 + 60.0 + 300.0, rings=False)
