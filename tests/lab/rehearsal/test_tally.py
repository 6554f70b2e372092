"""What a rehearsal counts and keeps, and where it ends for what it would have to keep."""

from __future__ import annotations

import pytest

from evertone.errors import LimitError
from evertone.events import Event, Refreshed, Registered, ServerDown
from evertone.lab.record import Endpoint, Packet
from evertone.lab.rehearsal import tally
from evertone.lab.rehearsal.tally import Tally

PHONE, SERVER, OTHER = ("198.51.100.10", 5060), ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def packet(source: Endpoint, target: Endpoint, *, kind: str = "UDP", note: str = "") -> Packet:
    return Packet(1.0, kind, source, target, b"", note)


def of_each_kind() -> tuple[Packet, ...]:
    """A question and its answer, what others say, DNS, and a connection that is refused."""
    return (
        packet(PHONE, SERVER),
        packet(SERVER, PHONE),
        packet(SERVER, OTHER),
        packet(PHONE, OTHER, kind="DNS"),
        packet(PHONE, OTHER, kind="TCP", note="refused"),
    )


def test_what_the_phone_sends_is_counted_and_what_is_sip_of_its_own_is_kept() -> None:
    seen = Tally([PHONE[0]], keep_packets=True)
    for one in of_each_kind():
        seen.packet(one)
    assert seen.sent == {SERVER[0]: 1, OTHER[0]: 1}
    assert seen.packets == [one for one in of_each_kind() if one.kind != "DNS" and PHONE in one]
    assert not seen.cut


def test_packets_that_nobody_wants_are_counted_only() -> None:
    seen = Tally([PHONE[0]], keep_packets=False)
    for one in of_each_kind():
        seen.packet(one)
    assert seen.sent == {SERVER[0]: 1, OTHER[0]: 1}
    assert (seen.packets, seen.cut) == ([], False)


def test_of_bindings_one_is_told_and_of_all_the_other_after_that() -> None:
    told: list[tuple[str, Event]] = []
    seen = Tally([PHONE[0]], keep_packets=False)
    seen.bound = lambda event: told.append(("bound", event))
    seen.watched = lambda event: told.append(("watched", event))
    made = Registered(at=1.0, line=1, expires_s=60)
    down = ServerDown(at=2.0, line=1)
    renewed = Refreshed(at=3.0, line=1, expires_s=60)
    for event in (made, down, renewed):
        seen.event("phone", event)
    assert told == [
        ("bound", made),
        ("watched", made),
        ("watched", down),
        ("bound", renewed),
        ("watched", renewed),
    ]
    assert seen.events_of("phone") == [made, down, renewed]


def test_more_events_than_can_be_kept_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_EVENTS", 1)
    seen = Tally([PHONE[0]], keep_packets=False)
    seen.event("phone", Registered(at=1.0, line=1, expires_s=60))
    with pytest.raises(LimitError, match=r"more than 1 events until 2m: rehearse less"):
        seen.event("phone", Registered(at=120.0, line=1, expires_s=60))
