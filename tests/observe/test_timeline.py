"""A rehearsal as a story, and the figures that it comes down to."""

from __future__ import annotations

from itertools import pairwise

import pytest

from evertone.config import load_texts
from evertone.config.settings import PhoneSettings
from evertone.lab.rehearsal.play import rehearse
from evertone.observe.timeline import (
    _TONES,
    Tone,
    at_text,
    short_names,
    summary,
    timeline,
    timeline_text,
    verdict,
)
from evertone.rules import Rule
from tests.observe.events_of_all_kinds import every_kind
from tests.observe.rehearsed import SECRET, calm, outage, settings


def test_every_kind_of_event_has_its_tone() -> None:
    assert set(_TONES) == set(every_kind())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "00:00:00.0"), (0.96, "00:00:01.0"), (59.96, "00:01:00.0"), (3607.5, "01:00:07.5"),
     (90_061.0, "1d 01:01:01.0")],
)  # fmt: skip
def test_moments(seconds: float, text: str) -> None:
    assert at_text(seconds) == text


def test_the_story_of_an_outage() -> None:
    story = "\n".join(timeline_text(timeline(outage())))
    assert "00:10:00.0 ! server1.primary: it does not answer" in story
    assert "00:10:00.0 > line 1: call rings after 7.5 s by server1.2" in story
    assert "INVITE to server1.primary failed: no answer (after 4 sends) [S1]" in story
    assert "00:25:00.0 o server1.primary: works again" in story
    assert "home again at server1.primary" in story


def test_entries_are_in_order_and_name_their_rules() -> None:
    entries = [entry for fold in timeline(outage()) for entry in fold.items]
    assert [e.at for e in entries] == sorted(e.at for e in entries)
    assert {Rule.S1, Rule.R1, Rule.B1} <= {e.rule for e in entries}
    assert [e.tone for e in entries if e.tone in (Tone.FAULT, Tone.MENDED)] == [
        Tone.FAULT,
        Tone.MENDED,
    ]


def test_routine_is_left_out() -> None:
    texts = [entry.text for fold in timeline(calm()) for entry in fold.items]
    assert len(texts) == 2, "it resolved and it registered: nothing else is worth a word"


def test_what_repeats_is_folded() -> None:
    ran = rehearse(settings(), faults=["all refuse 10m..3h"], for_s=4 * 3600.0)
    folds = timeline(ran)
    assert max(fold.times for fold in folds) > 100
    assert any("times in all, until 0" in line for line in timeline_text(folds))
    assert sum(len(fold.items) for fold in folds) < 30


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("server1 503:120 10m..20m", "answers every request 503 with Retry-After 120 s"),
        ("server1 delay:2s 10m..20m", "packets take 2s longer each way"),
        ("server1 lose:20% 10m..20m", "20% of the packets are lost each way"),
        ("server1 lose:0.5% 10m..20m", "0.5% of the packets are lost each way"),
        ("server1.2 deaf 10m..20m", "what the phone sends does not reach it"),
        ("server1.2 mute 10m..20m", "what it sends does not reach the phone"),
        ("dns silence 10m..20m", "dns: it does not answer"),
        ("server1.primary restart 10m", "has forgotten its registrations"),
    ],
)
def test_faults_in_plain_words(fault: str, said: str) -> None:
    ran = rehearse(settings(), faults=[fault], for_s=1500.0)
    assert any(said in line for line in timeline_text(timeline(ran)))


def test_names_in_place_of_targets() -> None:
    site = calm().site
    assert short_names("INVITE to UDP 192.0.2.11:5060 failed", site) == (
        "INVITE to server1.primary failed"
    )
    assert short_names("UDP 192.0.2.99:5060", site) == "UDP 192.0.2.99:5060"


def test_figures() -> None:
    text = "\n".join(summary(outage()))
    assert "without registration   never" in text
    assert "calls delayed          3 of 23, by 7.5 s, at most 7.5 s" in text
    assert "server1.2 (192.0.2.12)" in text
    assert "calls lost" not in "\n".join(summary(calm()))


def test_verdicts() -> None:
    assert verdict(calm()) == "The phone could be called all the time."
    assert verdict(outage()).endswith(
        "Of 23 calls that it made, none failed; 3 rang late, by 7.5 s at most."
    )
    down = verdict(outage("all silence 10m..30m"))
    assert down.startswith("Nobody could call the phone for 20m")
    brief = verdict(outage("all silence 1m..2m"))
    assert brief.startswith("The phone was registered, but for 1m with a server that was down.")


def test_no_secret_in_the_story() -> None:
    told = "\n".join([*timeline_text(timeline(outage())), *summary(outage()), verdict(outage())])
    assert SECRET not in told
    assert SECRET not in repr(outage())


# --- many lines -------------------------------------------------------------------------------


def _lines(count: int) -> PhoneSettings:
    text = "#!version:1.0.0.1\n"
    for n in range(1, count + 1):
        for setting in (
            "enable = 1",
            f"user_name = 10{n:02}",
            f"sip_server.1.address = 192.0.2.{1 if n != 3 else 3}",
            f"sip_server.2.address = 192.0.2.{2 if n != 3 else 4}",
        ):
            text += f"account.{n}.{setting}\n"
    return load_texts([("phone.cfg", text.encode())]).settings


def test_what_lines_do_together_is_said_once() -> None:
    ran = rehearse(_lines(5), faults=["192.0.2.1 silence 10m..2h"], for_s=3 * 3600.0)
    story = "\n".join(timeline_text(timeline(ran)))
    assert "lines 1, 2, 4, 5, server 1: unavailable, its whole list" in story
    assert "line 3, server 1: registered at line3.server1" in story
    assert len(story.splitlines()) < 40


def test_what_one_line_repeats_is_folded_whatever_another_does() -> None:
    ran = rehearse(
        _lines(3), faults=["192.0.2.1 refuse 10m..5h", "192.0.2.3 503 10m..5h"], for_s=6 * 3600.0
    )
    folds = timeline(ran)
    assert sum(fold.times > 50 for fold in folds) == 2
    assert len(timeline_text(folds)) < 40


def test_a_fault_that_comes_or_goes_ends_what_is_folded() -> None:
    faults = ["all refuse 10m..3h", "dns silence 1h..2h"]
    ran = rehearse(settings(), faults=faults, for_s=4 * 3600.0)
    texts = timeline_text(timeline(ran))
    turns = [n for n, line in enumerate(texts) if " ! " in line or " o " in line]
    for begin, end in pairwise(turns):
        assert any("times in all" in line for line in texts[begin:end])


def test_shares() -> None:
    assert "of 2h (100 %)" in "\n".join(summary(outage("all silence 0s..")))
