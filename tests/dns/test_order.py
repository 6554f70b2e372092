"""Which of several comes first (D4, D7, D9, X4)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.dns.order import SRV_ORDERS, Draw, address_order, naptr_order, srv_order
from evertone.dns.records import Address, Naptr, Srv


def draw(seed: int) -> Draw:
    return Draw(random.Random(seed))


SRVS = st.lists(
    st.builds(
        Srv,
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(5060, 5062),
        st.sampled_from("abcdef"),
    ),
    unique=True,
    max_size=12,
)


@pytest.mark.rule("D7", "X4")
@given(records=SRVS, seed=st.integers(0, 99), manner=st.sampled_from(sorted(SRV_ORDERS)))
def test_an_order_loses_nothing_and_never_crosses_priorities(
    records: list[Srv], seed: int, manner: str
) -> None:
    ordered = srv_order("n", records, draw(seed), manner)
    assert sorted(ordered, key=repr) == sorted(records, key=repr)
    assert [r.priority for r in ordered] == sorted(r.priority for r in records)


@pytest.mark.rule("D7")
@given(records=SRVS, seed=st.integers(0, 99))
def test_the_guides_order_is_by_weight_whatever_the_draw(records: list[Srv], seed: int) -> None:
    ordered = srv_order("n", records, draw(seed), "guide")
    keys = [(r.priority, -r.weight) for r in ordered]
    assert keys == sorted(keys)


@pytest.mark.rule("D7")
@given(records=SRVS, seed=st.integers(0, 99), manner=st.sampled_from(sorted(SRV_ORDERS)))
def test_the_order_does_not_depend_on_how_dns_turned_the_records(
    records: list[Srv], seed: int, manner: str
) -> None:
    lot = draw(seed)
    turned = records[3:] + records[:3]
    assert srv_order("n", records, lot, manner) == srv_order("n", turned, lot, manner)


@pytest.mark.rule("D7")
def test_lots_are_even_and_differ_between_phones() -> None:
    lots = [draw(seed).lot("n", "a:5060") for seed in range(2000)]
    assert len(set(lots)) == 2000
    assert all(0 < lot < 1 for lot in lots)
    assert 0.47 < sum(lots) / len(lots) < 0.53


@pytest.mark.rule("X4")
def test_rfc_2782_draws_in_proportion_to_the_weights() -> None:
    weights = {"a": 3, "b": 1, "c": 0}
    records = [Srv(1, weight, 5060, host) for host, weight in weights.items()]
    orders = [
        tuple(srv.target for srv in srv_order("n", records, draw(seed), "rfc2782"))
        for seed in range(4000)
    ]
    firsts = [order[0] for order in orders]
    assert 2880 <= firsts.count("a") <= 3120  # 3 in 4
    assert 0 < firsts.count("c") < 40  # RFC 2782: a very small chance
    assert {"a", "b"} == {order[0] for order in orders if order[2] == "c"}


@pytest.mark.rule("D4")
def test_naptr_lowest_order_then_lowest_preference() -> None:
    naptrs = [Naptr(o, p, "s", "sip+d2u", "", "r") for o, p in ((2, 1), (1, 9), (1, 3))]
    assert [(n.order, n.preference) for n in naptr_order(naptrs)] == [(1, 3), (1, 9), (2, 1)]


@pytest.mark.rule("D9")
def test_addresses_by_the_precedence_of_rfc_6724() -> None:
    expected = [
        "::1",
        "2001:db8::1",
        "192.0.2.1",
        "2002:c000:201::1",
        "2001::1",
        "fd00::1",
    ]
    shuffled = [Address(ip) for ip in sorted(expected)]
    assert [a.ip for a in address_order("h", shuffled, draw(1))] == expected
    assert [a.ip for a in address_order("h", shuffled, None)] == expected


@pytest.mark.rule("D13")
def test_without_a_draw_addresses_stay_as_they_came() -> None:
    addresses = [Address(f"192.0.2.{i}") for i in (5, 1, 9, 3)]
    assert address_order("h", addresses, None) == addresses
