"""Kinds of values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.config.kinds import (
    BOOLEAN,
    PORT,
    Address,
    Flags,
    Integer,
    Kind,
    Name,
    Number,
    Text,
    User,
    Value,
    Word,
)
from evertone.config.schema import PARAMETERS

_WORDS = Word({"guide": "as the guide", "rfc2782": "as the RFC"})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (PORT, "0", 0),
        (PORT, "65535", 65535),
        (PORT, "05060", 5060),
        (Integer(1, 9, also=(-1,)), "-1", -1),
        (Integer(10, 2147483647), "2147483647", 2147483647),
        (Number(0.5, 10), "0.5", 0.5),
        (Number(0.5, 10), "2", 2.0),
        (BOOLEAN, "1", 1),
        (_WORDS, "RFC2782", "rfc2782"),
        (Flags(), "s", "S"),
        (Flags(), "", ""),
        (Text(3), "äöü", "äöü"),
        (User(), "4605", "4605"),
        (User(), "4605@pbx.example", "4605@pbx.example"),
        (User(), "4605@PBX.example.", "4605@PBX.example"),
        (User(), "sip", "sip"),
        (User(), "46:05", "46:05"),
        (Address(names=False, zones=True), "fe80::1%eth0", "fe80::1%eth0"),
        (User(), "+49 30".replace(" ", ""), "+4930"),
        (Name(), "pbx.example.", "pbx.example"),
        (Name(), "_sip._tcp.pbx.example", "_sip._tcp.pbx.example"),
        (Address(), "192.168.1.15", "192.168.1.15"),
        (Address(), "[2001:db8::1]", "2001:db8::1"),
        (Address(), "pbx", "pbx"),
        (Address(names=False), "::1", "::1"),
    ],
)
def test_taken(kind: Kind, text: str, value: Value) -> None:
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PORT, "-1"),
        (PORT, "65536"),
        (PORT, "5060 "),
        (PORT, "0x10"),
        (PORT, "٣"),
        (PORT, "1_000"),
        (PORT, "9" * 5000),
        (Integer(1, 9, also=(-1,)), "0"),
        (Number(0.5, 10), "0.4"),
        (Number(0.5, 10), "1e1"),
        (Number(0.5, 10), "nan"),
        (BOOLEAN, "2"),
        (BOOLEAN, "yes"),
        (_WORDS, "random"),
        (Flags(), "X"),
        (Text(3), "four"),
        (Text(), "a\tb"),
        (User(), "sip:4605@pbx.example"),
        (User(), "TEL:4605"),
        (User(), "4605@fe80::1%eth0"),
        (Address(), "fe80::1%eth0"),
        (User(), "@pbx.example"),
        (User(), "4605@"),
        (User(), "46 05"),
        (User(), "a@b@c"),
        (User(), 'a"b'),
        (Name(), "a..b"),
        (Name(), "-a.b"),
        (Name(), "a" * 64),
        (Name(), "1.2.3"),
        (Address(), "192.168.1.256"),
        (Address(), "192.168.1"),
        (Address(), "pbx.example:5060"),
        (Address(), "sip:pbx.example"),
        (Address(), ".".join(["a" * 60] * 5)),
        (Address(names=False), "pbx.example"),
    ],
)
def test_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        kind.read(text)


@given(st.sampled_from(PARAMETERS), st.text(max_size=300))
def test_any_text_is_read_or_refused(parameter: object, text: str) -> None:
    kind = parameter.kind  # type: ignore[attr-defined]
    assert kind.allowed
    try:
        kind.read(text)
    except ValueError as error:
        assert not error.args, "an error text could hold a secret"  # noqa: PT017
