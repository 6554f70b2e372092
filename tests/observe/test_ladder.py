"""The messages of a rehearsal as a ladder."""

from __future__ import annotations

import pytest

from evertone.lab.rehearsal.play import rehearse
from evertone.observe.ladder import Step, ladder, ladder_text, spans_of_interest
from evertone.observe.timeline import timeline
from tests.observe.rehearsed import SECRET, calm, outage, settings


def steps(fault: str = "server1.primary silence 10m..25m") -> list[Step]:
    return [step for row in ladder(outage(fault)).rows for step in row.items]


def test_columns_are_those_who_spoke_the_phone_first() -> None:
    assert ladder(outage()).columns == ("phone", "server1.primary", "server1.2")
    assert ladder(calm()).columns == ("phone",), "this run kept no packets"


def test_a_registration_from_rung_to_rung() -> None:
    first = steps()[:4]
    assert [(s.source, s.label) for s in first] == [
        ("phone", "REGISTER"),
        ("server1.primary", "401 Unauthorized"),
        ("phone", "REGISTER"),
        ("server1.primary", "200 OK"),
    ]
    assert [s.is_answer for s in first] == [False, True, False, True]


@pytest.mark.rule("S1")
def test_what_a_silent_server_never_got_is_marked() -> None:
    lost = [s for s in steps() if s.lost][:4]
    assert [s.label for s in lost] == [
        "INVITE", "INVITE (resend 1)", "INVITE (resend 2)", "INVITE (resend 3)",
    ]  # fmt: skip
    assert [s.again for s in lost] == [False, True, True, True]
    offsets = [round(s.at - lost[0].at, 3) for s in lost]
    assert offsets == [0, 0.5, 1.5, 3.5]


def test_a_mute_server_hears_but_is_not_heard() -> None:
    lost = {(s.source, s.target) for s in steps("server1.primary mute 10m..25m") if s.lost}
    assert lost == {("server1.primary", "phone")}


@pytest.mark.rule("S5")
def test_a_closed_port_says_so() -> None:
    assert "port unreachable" in [s.label for s in steps("server1.primary refuse 10m..25m")]


def test_drawn_in_characters() -> None:
    lines = ladder_text(ladder(outage()))
    assert lines[0].split() == ["phone", "server1.primary", "server1.2"]
    assert any("--- REGISTER ---" in line and ">|" in line for line in lines)
    assert any("--- 200 OK ---" in line and "|<" in line for line in lines)
    assert any("INVITE (resend 1)" in line and "x|" in line for line in lines)
    assert any("= ! server1.primary: it does not answer =" in line for line in lines)
    assert any("times in all, until" in line for line in lines)
    assert SECRET not in "\n".join(lines)
    assert "response=" not in "\n".join(lines)


def test_calm_stretches_can_be_left_out() -> None:
    spans = spans_of_interest(timeline(outage()))
    short, whole = (
        [s for row in ladder(outage(), wanted).rows for s in row.items] for wanted in (spans, None)
    )
    assert len(short) < len(whole)
    notes = [s.label for s in short if "messages of routine" in s.label]
    assert notes
    assert [s for s in short if s.lost][:4] == [s for s in whole if s.lost][:4]


def test_more_than_a_ladder_can_hold_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertone.lab.rehearsal.tally.MAX_PACKETS", 10)
    short = rehearse(settings(), for_s=7200.0, keep_packets=True)
    assert len(short.wire) == 10
    assert short.wire_cut
    assert "rehearse a shorter time" in ladder_text(ladder(short))[-1]
