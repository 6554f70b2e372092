"""Whom to ask: told, configured, or the system's."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertone.config.settings import DnsSettings
from evertone.errors import UsageError
from evertone.flows import Nameserver
from evertone.io.nameservers import choose_nameservers, parse_nameserver, system_nameservers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.53", Nameserver("192.0.2.53", 53)),
        (" 192.0.2.53:5353 ", Nameserver("192.0.2.53", 5353)),
        ("2001:DB8::53", Nameserver("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", Nameserver("2001:db8::53", 5353)),
        ("[2001:db8::53]", Nameserver("2001:db8::53", 53)),
    ],
)
def test_addresses_with_and_without_port(text: str, expected: Nameserver) -> None:
    assert parse_nameserver(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ns.example",
        "192.0.2.53:0",
        "192.0.2.53:65536",
        "192.0.2.53:x",
        "192.0.2.53:",
        "[::1]:",
        "[::1",
        "1.2.3",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    if text == "[::1":
        assert parse_nameserver(text) == Nameserver("::1")
        return
    with pytest.raises(UsageError):
        parse_nameserver(text)


def test_the_systems_are_the_first_three(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_bytes(
        b"# nameserver 192.0.2.1\nsearch example\nnameserver\nnameserver nonsense\n"
        b"nameserver 192.0.2.2\nnameserver\t2001:db8::3 trailing\xff\n"
        b"nameserver 192.0.2.4\nnameserver 192.0.2.5\n"
    )
    found = [ns.address for ns in system_nameservers(path)]
    assert found == ["192.0.2.2", "2001:db8::3", "192.0.2.4"]
    assert system_nameservers(tmp_path / "none") == ()


@pytest.mark.rule("D16")
def test_told_wins_over_configured() -> None:
    told = (Nameserver("192.0.2.1"),)
    settings = DnsSettings(primary_dns="192.0.2.2", secondary_dns="192.0.2.3")
    assert choose_nameservers(settings, told) == told
    assert choose_nameservers(settings) == (Nameserver("192.0.2.2"), Nameserver("192.0.2.3"))
    assert choose_nameservers(DnsSettings(secondary_dns="192.0.2.3")) == (Nameserver("192.0.2.3"),)
