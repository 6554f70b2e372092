"""Certificate files that cannot be used are told before the phone starts, and by ``check``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.config import inspect_texts
from evertone.ui.certificates import certificate_findings
from evertone.ui.cli import cli

LINE = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 1001
account.1.sip_server.1.address = 127.0.0.1
"""
TLS = "account.1.sip_server.1.transport_type = 2\n"
TRUSTED = "static.trusted_certificates.url = nofile.pem\n"
OWN = "static.security.dev_cert = 1\nstatic.server_certificates.url = nofile.pem\n"


@pytest.mark.parametrize(
    ("text", "resident", "keys"),
    [
        (LINE + TLS + TRUSTED, False, ["static.trusted_certificates.url"]),
        (LINE + TLS + TRUSTED + "static.security.ca_cert = 0\n", True, []),
        (LINE + TLS + TRUSTED + "static.security.trust_certificates = 0\n", True, []),
        (LINE + TLS + OWN, False, ["static.server_certificates.url"]),
        (LINE + TLS, True, []),
        (LINE + TRUSTED, True, []),
        (LINE + OWN, False, []),
        (LINE + OWN, True, ["static.server_certificates.url"]),
    ],
)
@pytest.mark.rule("S4")
def test_a_file_counts_where_the_phone_would_read_it(
    text: str, resident: bool, keys: list[str]
) -> None:
    loaded = inspect_texts([("phone.cfg", text.encode())])
    found = certificate_findings(loaded, resident=resident)
    assert [finding.key for finding in found] == keys


@pytest.mark.parametrize("command", ["check", "register", "run"])
def test_parameter_and_line_are_named(tmp_path: Path, command: str) -> None:
    file = tmp_path / "phone.cfg"
    file.write_text(LINE + TLS + TRUSTED)
    result = CliRunner().invoke(cli, [command, str(file)])
    assert result.exit_code == 1
    said = f"{result.output}{result.exception}"
    assert f"{file}:6: error: static.trusted_certificates.url = nofile.pem: " in said
    assert "No such file or directory; allowed: a PEM file" in said
