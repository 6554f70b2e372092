"""What a number means to a line: the URI that is called."""

from __future__ import annotations

import pytest

from evertone.errors import UsageError
from evertone.phone.identity import Identity
from tests.phone.desk import INSTANCE, line, server

HOST = "192.0.2.1"


@pytest.mark.parametrize(
    ("number", "uri"),
    [
        ("1002", f"sip:1002@{HOST}"),
        (" 1002 ", f"sip:1002@{HOST}"),
        ("+49 911 / 123 (45)", f"sip:+4991112345@{HOST}"),
        ("100-1", f"sip:100-1@{HOST}"),  # may well be how the extension is called
        ("*72#", f"sip:*72%23@{HOST}"),
        ("bob", f"sip:bob@{HOST}"),
        ("bob@example.com", "sip:bob@example.com"),
        ("sip:bob@example.com;user=phone", "sip:bob@example.com;user=phone"),
        ("SIP:bob@example.com", "sip:bob@example.com"),
        ("sip:example.com", "sip:example.com"),
        ("tel:+49-911-12345", f"sip:+4991112345@{HOST}"),
    ],
)
def test_numbers_and_addresses(number: str, uri: str) -> None:
    identity = Identity(line(server(HOST)), INSTANCE)
    assert str(identity.callee(number, 1)) == uri


@pytest.mark.parametrize(
    "number",
    [
        "",
        " ",
        "tel:",
        "a b c",
        "bob:secret",
        "sip:",
        "@",
        "@example.com",
        "bob@",
        "()",
        "<sip:1@b>",
        "sips:bob@example.com",  # it would go in clear
        "1002\r\nVia: x",
        "1" * 257,
    ],
)
def test_what_cannot_be_called(number: str) -> None:
    identity = Identity(line(server(HOST)), INSTANCE)
    with pytest.raises(UsageError) as caught:
        identity.callee(number, 1)
    assert str(caught.value).isprintable()
