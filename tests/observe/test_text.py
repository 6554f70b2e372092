"""Every kind of event has its line, and nothing from the wire acts on the terminal."""

from __future__ import annotations

import dataclasses

import pytest

from evertone.events import (
    CallChanged,
    Event,
    FellBack,
    RequestSent,
    Resolved,
    TargetFailed,
    Warned,
)
from evertone.observe.text import clock_text, describe, event_line, printable
from evertone.rules import Rule
from tests.observe.events_of_all_kinds import HOP, OUTCOME, bare, every_kind, example


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_every_kind_has_a_line_that_says_who_what_and_why(kind: type[Event]) -> None:
    line = describe(example(kind))
    assert line.startswith("line 1, server 1: ")
    assert "because" in line
    assert "R1" in line
    assert describe(bare(kind)).startswith("phone: ")


def test_what_the_text_says_already_is_not_said_again() -> None:
    event = TargetFailed(
        at=0.0, line=2, server=1, hop=HOP, rule=Rule.S1, reason="no answer",
        method="INVITE", outcome=OUTCOME,
    )  # fmt: skip
    assert describe(event) == (
        "line 2, server 1: INVITE to UDP 192.0.2.1:5060 failed: no answer [S1]"
    )


def test_a_fallback_names_both_servers() -> None:
    event = FellBack(at=0.0, line=1, server=2, hop=HOP, origin_server=1)
    assert "server 2 serves in place of server 1 at UDP 192.0.2.1:5060" in describe(event)


def test_a_removal_is_told_from_a_registration() -> None:
    sent = example(RequestSent)
    assert isinstance(sent, RequestSent)
    removal = dataclasses.replace(sent.attempt, expires_s=0)
    assert "removal" in describe(dataclasses.replace(sent, attempt=removal))
    assert "removal" not in describe(sent)


def test_a_long_hop_list_is_cut() -> None:
    line = describe(Resolved(at=0.0, hops=(HOP,) * 10))
    assert line.count("192.0.2.1") == 8
    assert "and 2 more" in line


def test_escape_sequences_and_lone_bytes_do_not_reach_the_terminal() -> None:
    event = CallChanged(
        at=0.0, call="1", state="ringing", direction="in", peer="\x1b[2Jevil\n\udcff", reason="\x07"
    )
    line = describe(event)
    assert line.isprintable()
    line.encode("utf-8")
    assert "evil" in line


def test_text_from_the_wire_is_bounded() -> None:
    assert len(printable("x" * 100_000)) < 500
    assert len(describe(Warned(at=0.0, reason="y" * 100_000))) < 500


def test_lines_bear_the_time_of_day() -> None:
    line = event_line(Warned(at=0.0, reason="odd"), 1_700_000_000.25)
    assert line == f"{clock_text(1_700_000_000.25)} phone: odd"
    assert clock_text(1_700_000_000.25).endswith(":20.250")
