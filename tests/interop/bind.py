"""A BIND of our own: one zone, generated, on an unprivileged port.

It is at 127.0.0.1 or ::1: named listens only at addresses that an interface bears, which the
rest of 127.0.0.0/8 is not, though everyone else can use it.
"""

from __future__ import annotations

import shutil
import signal
import textwrap
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests import tools
from tests.interop.net import free_port
from tests.interop.process import Process, wait_until

__all__ = ["Bind"]

_CONFIG = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ {ipv4}; }};
    listen-on-v6 port {port} {{ {ipv6}; }};
    recursion no;
    notify no;
    dnssec-validation no;
    allow-query {{ any; }};
}};
controls {{ }};
zone "{zone}" {{ type primary; file "{zone}.zone"; }};
"""

_ZONE_HEAD = """\
$TTL {ttl}
@ IN SOA ns hostmaster {serial} 3600 600 86400 {ttl}
@ IN NS ns
ns IN {kind} {address}
"""


class Bind(Process):
    """Authoritative for ``zone``. ``records`` are lines of a zone file, names relative to it.

    For example ``@ NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp``; ``ttl_s`` is what records without
    a TTL of their own get, and how long "no such name" may be kept (RFC 2308).
    """

    def __init__(
        self,
        directory: Path,
        records: str,
        *,
        zone: str = "example.test",
        ttl_s: int = 60,
        address: str = "127.0.0.1",
    ) -> None:
        self.address = address
        self._is_ipv6 = ":" in address
        self.port = free_port(self.address)
        self.zone = zone
        self._ttl_s = ttl_s
        self._serial = 0
        self._zone_file = directory / f"{zone}.zone"
        config = directory / "named.conf"
        config.write_text(
            _CONFIG.format(
                directory=directory,
                port=self.port,
                ipv4="none" if self._is_ipv6 else address,
                ipv6=address if self._is_ipv6 else "none",
                zone=zone,
            )
        )
        self._write_zone(records)
        # A copy: on Ubuntu, AppArmor ties the installed one to /etc/bind and /var/cache/bind.
        binary = shutil.copy(tools.program("named"), directory / "named")
        super().__init__("named", [binary, "-c", config, "-g", "-n", "1"], directory)

    def ready(self) -> None:
        """Return when it answers for the zone."""
        self.await_ready(lambda: self._served_serial() == self._serial)

    def set_records(self, records: str) -> None:
        """Put other records into the zone; returns when they are served."""
        self._write_zone(records)
        self.send_signal(signal.SIGHUP)
        wait_until("new zone", lambda: self._served_serial() == self._serial, 10.0)

    def _write_zone(self, records: str) -> None:
        self._serial += 1
        head = _ZONE_HEAD.format(
            ttl=self._ttl_s,
            serial=self._serial,
            kind="AAAA" if self._is_ipv6 else "A",
            address=self.address,
        )
        self._zone_file.write_text(head + textwrap.dedent(records).strip() + "\n")

    def _served_serial(self) -> int:
        """The serial that it answers with; 0 while it doesn't answer."""
        query = dns.message.make_query(self.zone, "SOA")
        try:
            answer = dns.query.udp(query, self.address, port=self.port, timeout=0.5)
        except (dns.exception.DNSException, OSError):
            return 0
        serials = [
            record.serial
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.SOA
            for record in rrset
        ]
        return serials[0] if serials else 0
