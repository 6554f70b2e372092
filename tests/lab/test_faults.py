"""Faults: every verb has a row, words become faults, mistakes say what would be right."""

from __future__ import annotations

import math

import pytest

from evertone.errors import FaultError
from evertone.lab.faults import FAULTS, Fault, HostFaults, Verb, make_fault, parse_fault


def test_every_verb_has_a_row_that_begins_with_its_name() -> None:
    assert set(FAULTS) == set(Verb)
    for verb, row in FAULTS.items():
        assert row.usage.split()[0] == verb.value
        assert row.meaning
        assert row.strikes in {"any", "sip", "dns"}


def test_words_become_a_fault_with_times_from_now() -> None:
    fault = parse_fault("answer primary 503 retry-after 20 from 5 for 10", now=100.0)
    assert fault == Fault(Verb.ANSWER, "primary", 105.0, 115.0, 503.0, "", 20)
    assert str(fault) == "answer primary 503 retry-after 20"


def test_a_fault_without_end_lasts() -> None:
    assert parse_fault("silence primary").until_s == math.inf


def test_partition_names_two_hosts() -> None:
    fault = parse_fault("partition phone primary to 30")
    assert (fault.subject, fault.peer, fault.until_s) == ("phone", "primary", 30.0)


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("", "VERB HOST"),
        ("burn primary", "there are: silence"),
        ("silence primary 3", "takes no number"),
        ("answer primary", "a number from 300 to 699"),
        ("lose primary 1.5", "a number from 0 to 1"),
        ("partition primary", "partition FROM TO"),
        ("silence primary secondary", "silence HOST"),
        ("silence primary from soon", "followed by seconds"),
        ("silence primary from 10 to 5", "before its end"),
        ("silence a retry-after 3", "retry-after goes with answer"),
        ("partition a b c", "one word too many"),
    ],
)
def test_mistakes_say_what_would_be_right(command: str, hint: str) -> None:
    with pytest.raises(FaultError, match=hint.replace("(", r"\(")):
        parse_fault(command)


def test_faults_of_a_host_add_up_and_end_one_by_one() -> None:
    assert not HostFaults().any
    faults = HostFaults()
    first, second = make_fault("delay", "a", value=0.5), make_fault("delay", "a", value=0.25)
    faults.begin(first)
    faults.begin(second)
    faults.begin(make_fault("lose", "a", value=0.5))
    faults.begin(make_fault("partition", "b", peer="a"))
    assert faults.any
    assert faults.delay_s == 0.75
    assert faults.loss == 0.5
    assert faults.cut_from == {"b"}
    faults.end(first)
    faults.end(first)
    assert faults.delay_s == 0.25
