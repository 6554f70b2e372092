"""``evertone run`` and the network: servers that connect to the phone, networks that change."""

from __future__ import annotations

import random
import re
import socket
import ssl
import tempfile
import time
from pathlib import Path

import pytest
import trustme

from evertone.io import watch
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.model import Target, Transport
from evertone.sip.values import Uri
from tests.io import namespace
from tests.ui.serving import LOOPBACK, PASSWORD, config, registrar, serving
from tests.ui.test_run_cmd import PATIENCE_S, running

CALLER_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
CALLER_SDP += "m=audio 40000 RTP/AVP 0\r\n"


def contact_of(server: SipServer) -> Uri:
    """The Contact that the phone registered last."""
    bindings = [b for domain in server.domains for b in server.store.live(f"1001@{domain}", 0.0)]
    return bindings[-1].contact


def message(
    method: str, uri: Uri, cseq: int, transport: str, *, tag: str = "", body: str = ""
) -> bytes:
    """A request of one call, as a server would send it."""
    to = "<sip:1001@127.0.0.1>" + (f";tag={tag}" if tag else "")
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} 127.0.0.1:9;branch=z9hG4bK{method}{cseq}",
        "Max-Forwards: 70",
        "From: <sip:carol@127.0.0.1>;tag=carol",
        f"To: {to}",
        "Call-ID: opened-by-the-server",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:carol@127.0.0.1:9;transport={transport.lower()}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body]).encode()


def read_until(sock: socket.socket, wanted: str) -> str:
    """What comes in until a response with ``wanted`` in its first line has."""
    text = ""
    while re.search(rf"^SIP/2.0 {wanted}.*?\r\n\r\n", text, re.MULTILINE | re.DOTALL) is None:
        data = sock.recv(65_536)
        assert data, text
        text += data.decode()
    return text[text.rindex(f"SIP/2.0 {wanted}") :]


def call_over(sock: socket.socket, uri: Uri, transport: str) -> None:
    """Invite, be answered, hang up: all on one connection that the server opened."""
    sock.settimeout(PATIENCE_S)
    sock.sendall(message("INVITE", uri, 1, transport, body=CALLER_SDP))
    answer = read_until(sock, "200")
    found = re.search(r"^To:.*;tag=(\S+)\r$", answer, re.MULTILINE)
    assert found is not None, answer
    assert f"transport={transport.lower()}" in answer.partition("Contact:")[2].partition("\r")[0]
    sock.sendall(message("ACK", uri, 1, transport, tag=found[1]))
    sock.sendall(message("BYE", uri, 2, transport, tag=found[1]))
    read_until(sock, "200")


@pytest.mark.rule("R10", "F6")
def test_a_server_may_open_a_tcp_connection_to_our_contact(tmp_path: Path) -> None:
    server = registrar()
    with serving(server), running(config(tmp_path, server.listen[0].port), "--answer") as phone:
        phone.wait_for("registered at")
        uri = contact_of(server)
        assert uri.port is not None
        with socket.create_connection((uri.host, uri.port), PATIENCE_S) as sock:
            call_over(sock, uri, "TCP")
        phone.wait_for("call from", "established")
        phone.wait_for("call from", "ended")
        assert phone.stop() == 0


@pytest.mark.rule("R10", "F6")
def test_with_a_certificate_over_tls_too_at_the_next_port(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert(LOOPBACK).private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "own.pem"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    server = registrar()
    extra = f"static.security.dev_cert = 1\nstatic.server_certificates.url = {tmp_path}/own.pem"
    path = config(tmp_path, server.listen[0].port, extra=extra)
    with serving(server), running(path, "--answer") as phone:
        phone.wait_for("registered at")
        uri = contact_of(server)
        assert uri.port is not None
        with (
            socket.create_connection((uri.host, uri.port + 1), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=LOOPBACK) as sock,
        ):
            call_over(sock, uri, "TLS")
        phone.wait_for("call from", "ended")
        assert phone.stop() == 0


def test_no_port_is_left_for_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    own = authority.issue_cert(LOOPBACK).private_key_and_cert_chain_pem
    own.write_to_path(tmp_path / "own.pem")
    extra = f"static.security.dev_cert = 1\nstatic.server_certificates.url = {tmp_path}/own.pem"
    path = config(tmp_path, 5060, extra=f"{extra}\nsip.listen_port = 65535")
    with running(path) as phone:
        assert phone.popen.wait(PATIENCE_S) == 1
        assert phone.wait_for("sip.listen_port 65535").startswith("evertone: ")


@pytest.mark.rule("R8")
@pytest.mark.needs("ip", "unshare")
def test_in_another_network_the_phone_registers_anew_from_its_new_address() -> None:
    """See :func:`main`, which runs in a network namespace."""
    done = namespace.run_inside("tests.ui.test_run_network")
    assert done.returncode == 0, done.stderr


def main() -> None:
    """Register, move the machine to another address, find the phone there; then stop it."""
    away, home, net, server_address = (
        "198.51.100.9",
        "198.51.100.1",
        "203.0.113.0/24",
        "203.0.113.5",
    )
    route = ("local", net, "dev", "lo", "table", "local", "src")
    namespace.ip("link", "set", "lo", "up")
    namespace.ip("address", "add", f"{home}/24", "dev", "lo")
    namespace.ip("route", "add", *route, home)
    place = Target(server_address, 5060, Transport.UDP)
    store, rng = RegistrationStore(), random.Random(1)
    server = SipServer("far", [place], (server_address,), {"1001": PASSWORD}, store, rng)
    with tempfile.TemporaryDirectory() as folder, serving(server):
        path = config(Path(folder), 5060)
        Path(path).write_text(Path(path).read_text().replace(LOOPBACK, server_address))
        with running(path, bind="") as phone:
            phone.wait_for("registered at")
            assert contact_of(server).host == home
            time.sleep(watch.LOOK_S + 0.5)  # by then the watch has met the server
            namespace.ip("address", "add", f"{away}/24", "dev", "lo")
            namespace.ip("route", "replace", *route, away)
            line = phone.wait_for("phone: all lines register anew [R8: ")
            assert f"{server_address} is reached from {away} now, no more from {home}" in line
            deadline = time.monotonic() + PATIENCE_S
            while contact_of(server).host != away:
                assert time.monotonic() < deadline, phone.lines
                time.sleep(0.05)
            assert phone.stop() == 0


if __name__ == "__main__":
    main()
