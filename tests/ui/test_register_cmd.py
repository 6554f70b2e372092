"""``evertone register`` against the lab's registrar on loopback sockets."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from evertone.errors import EvertoneError
from evertone.io.tls import server_tls
from evertone.model import Target, Transport
from evertone.phone.snapshot import LineSnapshot, LineState, PhoneSnapshot
from evertone.ui.cli import cli
from evertone.ui.register_cmd import Watch
from tests.ui.serving import LOOPBACK, bound, config, free_port, registrar, serving


def register(folder: Path, *arguments: str) -> Result:
    options = ["--bind", LOOPBACK, "--state", str(folder / "state")]
    return CliRunner().invoke(cli, ["register", *arguments, *options])


def test_a_line_that_registers(tmp_path: Path) -> None:
    server = registrar()
    port = server.listen[0].port
    with serving(server):
        result = register(tmp_path, config(tmp_path, port))
    assert result.exit_code == 0
    assert (
        f"line 1 1001: registered with server 1 at UDP 127.0.0.1:{port} after 0." in result.stdout
    )
    assert not bound(server)  # a clean stop removes our bindings


def test_keep_leaves_the_registration(tmp_path: Path) -> None:
    server = registrar()
    with serving(server):
        result = register(tmp_path, config(tmp_path, server.listen[0].port), "--keep")
    assert result.exit_code == 0
    assert bound(server)


def test_over_tcp(tmp_path: Path) -> None:
    server = registrar(transport=Transport.TCP)
    with serving(server):
        path = config(
            tmp_path, server.listen[0].port, extra="account.1.sip_server.1.transport_type = 1"
        )
        result = register(tmp_path, path)
    assert result.exit_code == 0, result.output
    assert f"at {server.listen[0]}" in result.stdout


@pytest.mark.parametrize(("issued_to", "exit_code"), [(LOOPBACK, 0), ("192.0.2.1", 3)])
def test_over_tls_the_certificate_decides(tmp_path: Path, issued_to: str, exit_code: int) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = authority.issue_cert(issued_to).private_key_and_cert_chain_pem
    own.write_to_path(tmp_path / "server.pem")
    server = registrar(transport=Transport.TLS)
    settings = [
        "account.1.sip_server.1.transport_type = 2",
        "static.security.ca_cert = 1",
        f"static.trusted_certificates.url = {tmp_path / 'ca.pem'}",
    ]
    with serving(server, tls=server_tls(str(tmp_path / "server.pem"))):
        path = config(tmp_path, server.listen[0].port, extra="\n".join(settings))
        result = register(tmp_path, path)
    assert result.exit_code == exit_code, result.output
    assert ("wrong certificate" in result.stdout) is (exit_code != 0)


@pytest.mark.rule("S5", "R2")
def test_a_dead_primary_is_passed_at_once(tmp_path: Path) -> None:
    server, dead = registrar("fallback"), free_port()
    with serving(server):
        path = config(tmp_path, dead, server.listen[0].port)
        result = register(tmp_path, path, "--json", "--verbose")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["registered"] is True
    (line,) = found["lines"]
    assert line["server"] == 2
    assert line["target"] == f"UDP 127.0.0.1:{server.listen[0].port}"
    assert line["took_s"] < 2.0
    assert f"REGISTER to UDP 127.0.0.1:{dead} failed: ICMP error" in result.stderr


def test_a_wrong_password_is_a_failure_that_is_not_shown(tmp_path: Path) -> None:
    server = registrar()
    with serving(server):
        path = config(tmp_path, server.listen[0].port, password="wrong-secret")
        result = register(tmp_path, path, "--verbose")
    assert result.exit_code == 3
    assert "refused" in result.stdout
    assert "(the server takes neither account.1.auth_name nor its password)" in result.stdout
    assert "wrong-secret" not in result.output


def test_no_server_at_all(tmp_path: Path) -> None:
    result = register(tmp_path, config(tmp_path, free_port()), "--json")
    assert result.exit_code == 3
    (line,) = json.loads(result.stdout)["lines"]
    assert line["registered"] is False
    assert line["state"] == "unavailable"


def test_a_file_with_no_line_in_use_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.cfg"
    path.write_text("#!version:1.0.0.1\n")
    result = register(tmp_path, str(path))
    assert isinstance(result.exception, EvertoneError)
    assert "no line is in use" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--dns", "not-an-address", "name server"),
        ("--dns", "127.0.0.1:", "name server"),
        ("--timeout", "nan", "is no number of seconds"),
        ("--timeout", "inf", "is no number of seconds"),
        ("--bind", "localhost", "no IP address"),
        ("--bind", "fe80::1%lo", "of one link"),
    ],
)
def test_options_that_are_no_addresses_are_wrong_usage(
    tmp_path: Path, option: str, value: str, says: str
) -> None:
    path = config(tmp_path, free_port())
    result = CliRunner().invoke(cli, ["register", path, option, value])
    assert result.exit_code == 2
    assert says in result.stderr


# --- when a line counts as settled ------------------------------------------------------------


def phone(state: LineState, *, attempts: int = 0, timers: tuple[str, ...] = ()) -> PhoneSnapshot:
    target = Target("192.0.2.1", 5060, Transport.UDP)
    line = LineSnapshot(1, "1001", state, 1, target, 12.0, None, "no answer", ())
    return PhoneSnapshot(
        at=13.0, lines=(line,), calls=(), flows=(), timers=tuple((t, 14.0) for t in timers),
        attempts=attempts, transactions=0, lingering=0, stopped=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("view", "took_s"),
    [
        (phone(LineState.REGISTERED, attempts=1), 3.0),
        (phone(LineState.REGISTERING), None),
        (phone(LineState.OFF), None),
        (phone(LineState.FAILED), 2.0),
        (phone(LineState.REFUSED, timers=("engine 1",)), 2.0),
        (phone(LineState.FAILED, attempts=1), None),  # the other server is being tried
        (phone(LineState.FAILED, timers=("locator",)), None),  # its name is being asked for
    ],
)
def test_a_failure_counts_only_when_nothing_is_under_way(
    view: PhoneSnapshot, took_s: float | None
) -> None:
    assert [landing.took_s for landing in Watch(10.0).look(view)] == [took_s]


@pytest.mark.rule("F1")
def test_a_line_has_landed_when_a_server_serves_it_and_not_before() -> None:
    watch = Watch(10.0)
    looks = [
        (12.0, LineState.REGISTERING, None),
        (17.5, LineState.REGISTERED, 7.5),
        (18.0, LineState.REGISTERED, 7.5),
        (19.0, LineState.REGISTERING, None),
        (20.0, LineState.REGISTERED, 10.0),
    ]
    for at, state, took_s in looks:
        (landing,) = watch.look(dataclasses.replace(phone(state), at=at))
        assert landing.took_s == took_s


def test_a_line_that_is_still_trying_is_said_to_be() -> None:
    (landing,) = Watch(10.0).look(phone(LineState.REGISTERING))
    assert str(landing).startswith("line 1 1001: still registering")


@pytest.mark.parametrize(
    ("attempts", "timers", "waits"),
    [
        (0, ("locator",), ", waits for the name servers"),
        (1, (), ", waits for a server to answer"),
        (1, ("locator",), ", waits for the name servers and a server to answer"),
        (0, (), ": no answer"),
    ],
)
def test_what_a_line_that_is_still_trying_waits_for_is_said(
    attempts: int, timers: tuple[str, ...], waits: str
) -> None:
    view = phone(LineState.REGISTERING, attempts=attempts, timers=timers)
    (landing,) = Watch(10.0).look(view)
    assert str(landing).endswith(waits)
