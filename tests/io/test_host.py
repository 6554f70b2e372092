"""What the transports know of the machine."""

from __future__ import annotations

import pytest

from evertone.io.host import families_from, has_ipv6


@pytest.mark.rule("D9")
def test_what_can_be_sent_to_from_an_address() -> None:
    assert families_from("192.0.2.1") == {4}
    assert families_from("2001:db8::1") == {6}
    assert families_from("") == ({4, 6} if has_ipv6() else {4})
