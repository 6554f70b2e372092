"""Which name servers to ask: those told on the command line, the settings', or the system's."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from evertone.config.settings import DnsSettings
from evertone.errors import UsageError
from evertone.flows import Nameserver

__all__ = ["choose_nameservers", "parse_nameserver", "system_nameservers"]

_RESOLV_CONF = Path("/etc/resolv.conf")
_MAX_SYSTEM = 3  # as the C library takes no more
_MAX_BYTES = 65_536
_MAX_PORT = 65_535
_DNS_PORT = 53


def parse_nameserver(text: str) -> Nameserver:
    """``ADDRESS``, ``ADDRESS:PORT`` or ``[IPV6]:PORT``. UsageError for anything else."""
    address, port_text = _split(text.strip())
    try:
        ip = ipaddress.ip_address(address)
        port = _DNS_PORT if port_text is None else int(port_text)
    except ValueError:
        port = 0
    if not 0 < port <= _MAX_PORT:
        raise UsageError(f"{text!r} is no name server: give ADDRESS, ADDRESS:PORT or [IPV6]:PORT")
    return Nameserver(str(ip), port)


def _split(text: str) -> tuple[str, str | None]:
    """Address and port; None where no port is given."""
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return address, rest.removeprefix(":") if rest else None
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, port
    return text, None


def system_nameservers(path: Path = _RESOLV_CONF) -> tuple[Nameserver, ...]:
    """The name servers that the system asks, in its order; none if it doesn't say."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append(Nameserver(str(ipaddress.ip_address(words[1]))))
            except ValueError:
                continue
    return tuple(found[:_MAX_SYSTEM])


def choose_nameservers(
    settings: DnsSettings, told: tuple[Nameserver, ...] = ()
) -> tuple[Nameserver, ...]:
    """Those ``told``, else ``primary_dns`` and ``secondary_dns``, else the system's (D16).

    UsageError where a setting is no address.
    """
    if told:
        return told
    texts = (settings.primary_dns, settings.secondary_dns)
    configured = tuple(parse_nameserver(text) for text in texts if text.strip())
    return configured or system_nameservers()
