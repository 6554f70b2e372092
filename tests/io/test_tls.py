"""RFC 5922: which identities a certificate claims, and which of them match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evertone.config.settings import SecuritySettings
from evertone.errors import ConfigError
from evertone.io.tls import certificate_identities, client_tls, identity_matches, server_tls


def alternatives(*names: tuple[str, str]) -> dict[str, Any]:
    return {
        "subject": ((("commonName", "cn.example.com"),),),
        "subjectAltName": names,
    }


CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("sip URI", alternatives(("URI", "sip:Example.com")), ("example.com",)),
    (
        "a sip URI outweighs DNS names",
        alternatives(("DNS", "sip1.example.com"), ("URI", "sip:example.com")),
        ("example.com",),
    ),
    (
        "URIs of users and of other schemes are nobody's domain",
        alternatives(("URI", "sip:bob@example.com"), ("URI", "https://example.com")),
        (),
    ),
    (
        "port and parameters are no part of the domain",
        alternatives(("URI", "sip:example.com:5061;transport=tls")),
        ("example.com",),
    ),
    ("IPv6 URI", alternatives(("URI", "sip:[2001:DB8:0::1]:5061")), ("2001:db8::1",)),
    (
        "DNS names",
        alternatives(("DNS", "a.Example"), ("DNS", "b.example.")),
        ("a.example", "b.example"),
    ),
    ("addresses", alternatives(("IP Address", "0:0:0:0:0:0:0:1")), ("::1",)),
    (
        "no subjectAltName: common name",
        {"subject": ((("commonName", "Old.Example"),),)},
        ("old.example",),
    ),
    ("nothing", {}, ()),
]


@pytest.mark.parametrize(
    ("certificate", "identities"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_identities(certificate: dict[str, Any], identities: tuple[str, ...]) -> None:
    assert certificate_identities(certificate) == identities


@pytest.mark.parametrize(
    ("claimed", "asked", "matches"),
    [
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.com.", True),
        ("example.com", "sip.example.com", False),
        ("*.example.com", "sip.example.com", False),
        (".example.com", "sip.example.com", False),
        ("example.com", "", False),
    ],
)
def test_whole_names_match_without_case_and_wildcards_never(
    claimed: str, asked: str, matches: bool
) -> None:
    assert identity_matches(alternatives(("DNS", claimed)), asked) is matches


def test_certificate_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"\x00\xff not PEM")
    for path in (junk, tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match=path.name):
            server_tls(str(path))
        with pytest.raises(ConfigError, match=path.name):
            client_tls(SecuritySettings(ca_cert=1, trusted_certificates_file=str(path)))
        with pytest.raises(ConfigError, match=path.name):
            client_tls(SecuritySettings(dev_cert=1, client_certificate_file=str(path)))
