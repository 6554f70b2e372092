"""What was really sent, and when: the SIP of one loopback network, from a packet capture."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import tools
from tests.interop.net import Net
from tests.interop.process import Process, wait_until

__all__ = ["Capture", "Packet"]

_FIELDS = (
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "udp.srcport",
    "udp.dstport",
    "tcp.srcport",
    "tcp.dstport",
    "sip.Method",
    "sip.Status-Code",
    "sip.CSeq.method",
    "sip.CSeq.seq",
    "sip.Call-ID",
    "sip.Via.branch",
)
_SHOWN = "sip && !icmp && !icmpv6"  # an ICMP error quotes the message that it is about
_DISCARD_PORT = 9
_SECONDS_TO_READ = 60


@dataclass(frozen=True, slots=True)
class Packet:
    """One SIP message on the wire. ``method`` of a response is that of its CSeq."""

    time: float  # seconds since the epoch
    src: tuple[str, int]
    dst: tuple[str, int]
    transport: str  # "UDP" or "TCP"
    method: str
    status: int  # 0: a request
    call_id: str
    cseq: int
    branch: str  # of the topmost Via


class Capture(Process):
    """Records the loopback traffic of ``net`` from start to stop; then ask :meth:`packets`.

    Ports other than 5060 must be named, or tshark doesn't take their traffic for SIP.
    """

    def __init__(self, directory: Path, net: Net, ports: tuple[int, ...] = (5060,)) -> None:
        self._file = directory / "capture.pcapng"
        self._net = net
        self._ports = ports
        command = [tools.program("dumpcap"), "-q", "-i", "lo", "-f", f"net {net.cidr}"]
        super().__init__("dumpcap", [*command, "-w", self._file], directory)

    def ready(self) -> None:
        """Return when packets are being recorded: the first marker has been."""
        self._await_marker(b"evertone capture begins")

    def stop(self) -> None:
        """End it when everything sent so far is in the file."""
        if self.running:
            self._await_marker(b"evertone capture ends")
        super().stop()

    def packets(self, method: str = "", dst: str = "", *, status: int = -1) -> list[Packet]:
        """The messages in order of time, narrowed to a method, a destination, a status
        (0: requests only). Of several messages in one TCP segment the first is shown."""
        if self.running:
            raise RuntimeError("stop the capture first: it writes late")
        command = [tools.program("tshark"), "-r", str(self._file), "-Y", _SHOWN, "-T", "fields"]
        command += ["-E", "separator=/t", "-E", "occurrence=f"]
        for port in self._ports:
            command += ["-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"]
        for name in _FIELDS:
            command += ["-e", name]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_TO_READ, check=True
        )
        found = [_packet(line.split("\t")) for line in done.stdout.splitlines()]
        return [
            packet
            for packet in found
            if (not method or packet.method == method)
            and (not dst or packet.dst[0] == dst)
            and (status < 0 or packet.status == status)
        ]

    def _await_marker(self, marker: bytes) -> None:
        """Send a marker until the file has it. The kernel hands packets over in order."""

        def recorded() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((self._net.host(254), 0))
                sock.sendto(marker, (self._net.host(254), _DISCARD_PORT))
            return self._file.exists() and marker in self._file.read_bytes()

        if self.running and marker.endswith(b"begins"):
            self.await_ready(recorded)
        else:
            wait_until("end of capture", recorded, 10.0)


def _packet(values: list[str]) -> Packet:
    row = dict(zip(_FIELDS, values, strict=True))
    transport = "UDP" if row["udp.srcport"] else "TCP"
    prefix = transport.lower()
    return Packet(
        time=float(row["frame.time_epoch"]),
        src=(row["ip.src"], int(row[f"{prefix}.srcport"])),
        dst=(row["ip.dst"], int(row[f"{prefix}.dstport"])),
        transport=transport,
        method=row["sip.Method"] or row["sip.CSeq.method"],
        status=int(row["sip.Status-Code"] or 0),
        call_id=row["sip.Call-ID"],
        cseq=int(row["sip.CSeq.seq"] or 0),
        branch=row["sip.Via.branch"],
    )
