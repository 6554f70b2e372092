"""What the tests of several commands need."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from evertone.lab.name_server import NameServer
from tests.dns.bench import SOA
from tests.dns.test_locate import GUIDE

_MORE = """
dual.yealink.pbx.example. 300 IN A 127.0.0.1
dual.yealink.pbx.example. 300 IN AAAA ::1
_sip._udp.udp-only.yealink.pbx.example. 300 IN SRV 0 1 5060 dual.yealink.pbx.example.
"""


@pytest.fixture
def nameserver() -> Iterator[str]:
    """ADDRESS:PORT of a name server that holds the guide's zone, a host of both families and a
    name that has UDP only, in a thread of its own."""
    zone = NameServer(SOA + GUIDE + _MORE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (got := sock.recvfrom(4096))[0]:
                answer = zone.answer(got[0])
                if answer is not None:
                    sock.sendto(answer, got[1])

        thread = threading.Thread(target=serve)
        thread.start()
        host, port = sock.getsockname()
        yield f"{host}:{port}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (host, port))
        thread.join()
