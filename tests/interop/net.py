"""A loopback network of one's own, so that test runs on one machine don't meet."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass

__all__ = ["Net", "family", "free_net", "free_port", "place"]

_TRIES = 50
# Seeded by the process: two runs at once draw differently, and no run draws a network twice.
_rng = random.Random(os.getpid())


@dataclass(frozen=True, slots=True)
class Net:
    """A /24 within 127.0.0.0/8: ``net.host(53)`` is an address for a server of ours."""

    prefix: str

    def host(self, number: int) -> str:
        """The address that ends in ``number``."""
        return f"{self.prefix}.{number}"

    @property
    def cidr(self) -> str:
        """For capture filters."""
        return f"{self.prefix}.0/24"


def free_net(port: int = 5060) -> Net:
    """A network in which nobody uses ``port`` at the hosts that tests give to servers."""
    for _ in range(_TRIES):
        net = Net(f"127.{_rng.randint(16, 250)}.{_rng.randint(0, 250)}")
        if all(_is_free(net.host(number), port) for number in (1, 2)):
            return net
    raise RuntimeError(f"no free loopback network in {_TRIES} tries")


def family(address: str) -> socket.AddressFamily:
    """The kind of socket that an address literal takes."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def place(address: str, port: int) -> str:
    """``ADDRESS:PORT``, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def free_port(address: str) -> int:
    """A port that is free for UDP and TCP, as a name server needs it."""
    for _ in range(_TRIES):
        with (
            socket.socket(family(address), socket.SOCK_DGRAM) as udp,
            socket.socket(family(address), socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((address, 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port at {address} in {_TRIES} tries")


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address, port))
        except OSError:
            return False
    return True
