"""Somebody calls the phone of a rehearsal, by whichever server lets it ring."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.errors import UsageError
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.report import Rehearsal

_FIRST = ServerSettings(address="192.0.2.1", expires=600)
_SECOND = ServerSettings(address="192.0.2.2", expires=600)


def _line(*servers: ServerSettings, **changes: object) -> LineSettings:
    both = (*servers, ServerSettings())[:2]
    line = LineSettings(enable=1, user_name="1001", password="x", sip_server=both)  # type: ignore[arg-type]
    return replace(line, **changes)  # type: ignore[arg-type]


def _calls(line: LineSettings, *faults: str) -> Rehearsal:
    settings = PhoneSettings(lines=(line,))
    return rehearse(settings, faults=faults, for_s=3600, incoming_every_s=300)


def _by(rehearsal: Rehearsal) -> list[str]:
    """Which servers let it ring, one after the other; "" is nobody."""
    return [host for host, _ in groupby(call.host for call in rehearsal.incoming)]


def test_a_phone_that_is_registered_rings() -> None:
    assert _by(_calls(_line(_FIRST))) == ["server1"]


def test_nobody_reaches_a_phone_whose_only_server_is_silent() -> None:
    lost = [call.at for call in _calls(_line(_FIRST), "server1 silence 10s..20m").incoming]
    assert _by(_calls(_line(_FIRST), "server1 silence 10s..20m")) == ["server1", "", "server1"]
    assert lost[1] == pytest.approx(10.2), "called at once when the fault has begun"


@pytest.mark.rule("F6")
@pytest.mark.parametrize("verb", ["silence", "refuse", "503"])
def test_calls_come_by_the_other_server_that_it_is_registered_with(verb: str) -> None:
    played = _calls(_line(_FIRST, _SECOND), f"server1 {verb} 10s..20m")
    assert _by(played) == ["server1", "server2", "server1"]


@pytest.mark.rule("F2")
def test_in_successive_mode_calls_are_lost_until_the_registration_has_run_out() -> None:
    played = _calls(_line(_FIRST, _SECOND, fallback_redundancy_type=1), "server1 silence 10s..")
    assert _by(played) == ["server1", "", "server2"]
    reached = [call.at for call in played.incoming if call.host == "server2"]
    assert reached[0] == pytest.approx(600, abs=1)


def test_to_ring_leaves_no_call_behind() -> None:
    events = _calls(_line(_FIRST)).events
    states = [event.state for event in events if hasattr(event, "state")]
    assert states.count("ended") == len([s for s in states if s == "ringing"]) > 10


def test_too_many_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="less often"):
        rehearse(PhoneSettings(lines=(_line(_FIRST),)), for_s=3600, incoming_every_s=0.001)
