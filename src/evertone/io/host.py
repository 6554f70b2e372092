"""What the transports of a driver ask of it, and how operating system errors become causes."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from typing import Protocol

from evertone.flows import ShellInput
from evertone.model import Cause, Transport

__all__ = [
    "Host",
    "cannot_leave",
    "canonical",
    "cause_of",
    "error_text",
    "families_from",
    "family_of",
    "has_ipv6",
    "local_towards",
]


class Host(Protocol):
    """The driver, as its transports see it."""

    def deliver(self, event: ShellInput) -> None:
        """Hand an input to the node, after those that wait already."""

    def warn(self, reason: str) -> None:
        """Say that something odd came in; nothing was lost."""

    def next_flow(self) -> int:
        """A number for a new flow."""


def canonical(address: str) -> str:
    """The one spelling of an IP address literal; other text comes back as it is."""
    try:
        return ipaddress.ip_address(address).compressed
    except ValueError:
        return address


def family_of(address: str) -> socket.AddressFamily:
    """IPv6 for a literal with colons, else IPv4."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def has_ipv6() -> bool:
    """Whether the kernel speaks IPv6: a build of Python that does is not enough."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def families_from(bind: str) -> frozenset[int]:
    """The address families (4, 6) that can be sent to from ``bind`` ("": anywhere)."""
    if bind:
        return frozenset({ipaddress.ip_address(bind).version})
    return frozenset({4, 6} if has_ipv6() else {4})


def cannot_leave(bind: str, address: str) -> str:
    """Why nothing can go from ``bind`` ("": anywhere) to ``address``; empty: it can."""
    if not bind or family_of(bind) == family_of(address):
        return ""
    return f"{address} cannot be reached from {bind}, the address that --bind chose"


def local_towards(address: str, port: int, bind: str = "") -> str:
    """The address of ours that datagrams to ``address`` leave from.

    Asks the kernel's routing table by connecting a throw-away UDP socket: nothing is sent.
    ``bind``: the one address that may be used, "": any. Raises OSError where no route leads
    there.
    """
    if cannot_leave(bind, address):
        raise OSError(errno.EAFNOSUPPORT, cannot_leave(bind, address))
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as probe:
        if bind:
            probe.bind((bind, 0))
        probe.connect((address, port))
        return str(probe.getsockname()[0])


_CAUSES: dict[int, Cause] = {
    errno.ECONNREFUSED: Cause.CONNECT_REFUSED,
    errno.ECONNRESET: Cause.RESET,
    errno.ECONNABORTED: Cause.RESET,
    errno.EPIPE: Cause.RESET,
    errno.ETIMEDOUT: Cause.CONNECT_TIMEOUT,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ENETDOWN: Cause.UNREACHABLE,
    errno.EHOSTDOWN: Cause.UNREACHABLE,
    errno.EADDRNOTAVAIL: Cause.UNREACHABLE,
    errno.EAFNOSUPPORT: Cause.UNREACHABLE,
}


def cause_of(error: Exception, transport: Transport) -> Cause:
    """Why a connection did not come about (S4); what is not in the table is ours: LOCAL."""
    if isinstance(error, ssl.SSLCertVerificationError | ssl.CertificateError):
        return Cause.CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return Cause.TLS
    if isinstance(error, TimeoutError):
        return Cause.CONNECT_TIMEOUT
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        # the connection stood: with TLS it broke in the handshake
        return Cause.TLS if transport is Transport.TLS else Cause.RESET
    if isinstance(error, OSError) and error.errno is not None:
        return _CAUSES.get(error.errno, Cause.LOCAL)
    return Cause.LOCAL


def error_text(error: Exception) -> str:
    """A few words for people; never bytes of the peer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
