"""The table of call states has no hole and no way out of the end."""

from __future__ import annotations

import pytest

from evertone.phone.call_states import PUBLIC, TABLE, CallEvent, CallState

CALLER = {CallState.CALLING, CallState.PROCEEDING, CallState.RINGING}
CALLEE = {CallState.ALERTING, CallState.ANSWERING}


def test_every_state_knows_every_event_and_has_a_name() -> None:
    for state in CallState:
        assert set(TABLE[state]) == set(CallEvent)
        assert PUBLIC[state]


def test_the_end_is_the_end() -> None:
    assert all(step.state is CallState.ENDED for step in TABLE[CallState.ENDED].values())


@pytest.mark.rule("C4")
def test_hanging_up_ends_a_call_in_every_state() -> None:
    for state in CallState:
        assert TABLE[state][CallEvent.HANGUP].state is CallState.ENDED


def test_no_event_leads_from_one_side_of_a_call_to_the_other() -> None:
    for state in CALLER:
        assert not {step.state for step in TABLE[state].values()} & CALLEE
    for state in CALLEE:
        assert not {step.state for step in TABLE[state].values()} & CALLER
