"""S1, S2 and S7 in numbers: when a request is sent, resent and given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.schedule import SipTimers, give_up_s, send_times

DEFAULT = SipTimers()


@pytest.mark.rule("S1")
@pytest.mark.parametrize(
    ("method", "resends", "sends", "given_up"),
    [
        ("REGISTER", 3, (0, 0.5, 1.5, 3.5), 7.5),  # the guide's default
        ("INVITE", 3, (0, 0.5, 1.5, 3.5), 7.5),
        ("REGISTER", 0, (0,), 4.0),  # never before 4 s
        ("REGISTER", 1, (0, 0.5), 4.0),
        ("REGISTER", 2, (0, 0.5, 1.5), 4.0),
        ("REGISTER", 4, (0, 0.5, 1.5, 3.5, 7.5), 11.5),  # T2 caps at 4 s
        ("INVITE", 4, (0, 0.5, 1.5, 3.5, 7.5), 15.5),  # no cap: RFC 3261 §17.1.1.2
        ("INVITE", 5, (0, 0.5, 1.5, 3.5, 7.5, 15.5), 31.5),
    ],
)
def test_sends_double_and_the_target_is_given_up_one_interval_later(
    method: str, resends: int, sends: tuple[float, ...], given_up: float
) -> None:
    assert send_times(method, resends, DEFAULT) == pytest.approx(sends)
    assert give_up_s(method, resends, DEFAULT) == pytest.approx(given_up)


@pytest.mark.rule("S2")
@pytest.mark.parametrize(("method", "most"), [("REGISTER", 10), ("INVITE", 6)])
def test_resends_beyond_64_t1_are_not_sent(method: str, most: int) -> None:
    times = send_times(method, most, DEFAULT)
    assert len(times) == most + 1
    assert times[-1] == pytest.approx(31.5)
    for more in (most + 1, 20, 1000):
        assert send_times(method, more, DEFAULT) == times
        assert give_up_s(method, more, DEFAULT) == 32.0


@pytest.mark.rule("S7")
def test_timers_are_settings() -> None:
    slow = SipTimers(t1=2.0, t2=8.0, t4=10.0)
    assert slow.timeout_s == 128.0
    assert send_times("REGISTER", 3, slow) == (0, 2, 6, 14)
    assert give_up_s("REGISTER", 3, slow) == 22.0
    fast = SipTimers(t1=0.1, t2=0.2)
    assert send_times("REGISTER", 3, fast) == pytest.approx((0, 0.1, 0.3, 0.5))
    assert give_up_s("REGISTER", 3, fast) == 4.0  # the floor does not scale


@given(
    method=st.sampled_from(["REGISTER", "INVITE", "OPTIONS"]),
    resends=st.integers(0, 40),
    t1=st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0]),
    t2_factor=st.sampled_from([1, 2, 4, 8, 16]),
)
@pytest.mark.rule("S1", "S2")
def test_a_schedule_is_ordered_and_bounded(
    method: str, resends: int, t1: float, t2_factor: int
) -> None:
    timers = SipTimers(t1=t1, t2=t1 * t2_factor)
    times = send_times(method, resends, timers)
    assert times[0] == 0.0
    assert list(times) == sorted(set(times))
    assert len(times) <= resends + 1
    assert times[-1] < timers.timeout_s
    assert times[-1] < give_up_s(method, resends, timers) <= timers.timeout_s


@pytest.mark.rule("S2", "S7")
def test_nothing_is_sent_or_waited_for_beyond_64_t1_whatever_the_timers() -> None:
    even = SipTimers(t1=0.5, t2=0.5)  # a resend would fall due at 32 s sharp
    assert send_times("REGISTER", 1000, even)[-1] == 31.5
    assert give_up_s("REGISTER", 0, SipTimers(t1=0.05)) == pytest.approx(3.2)
