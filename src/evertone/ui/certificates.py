"""Whether the certificate files that the settings name can be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from evertone.config import Loaded
from evertone.config.finding import Finding, Severity
from evertone.config.settings import PhoneSettings
from evertone.errors import ConfigError
from evertone.io.tls import client_tls, server_tls
from evertone.rules import Rule

__all__ = ["certificate_findings", "may_speak_tls"]

_TLS_TYPES = (2, 3)  # transport_type TLS, and DNS-NAPTR, which may lead to it
_TRUSTED, _OWN = "static.trusted_certificates.url", "static.server_certificates.url"


def may_speak_tls(settings: PhoneSettings) -> bool:
    """Whether a line may need TLS."""
    servers = (line.server(y) for line in settings.enabled_lines() for y in line.registrars())
    return any(server.transport_type in _TLS_TYPES for server in servers)


def certificate_findings(loaded: Loaded, *, resident: bool) -> tuple[Finding, ...]:
    """An error for each certificate file that the phone needs and cannot use.

    ``resident``: it takes connections, so that its own certificate counts without TLS lines too.
    """
    return tuple(_all(loaded, resident))


def _all(loaded: Loaded, resident: bool) -> Iterator[Finding]:
    security = loaded.settings.security
    speaks_tls = may_speak_tls(loaded.settings)
    if speaks_tls and security.ca_cert:
        trusted = dataclasses.replace(security, ca_cert=1, dev_cert=0)  # the system's are not read
        yield from _tried(loaded, _TRUSTED, lambda: client_tls(trusted))
    own = security.client_certificate_file
    if (speaks_tls or resident) and security.dev_cert and own:
        yield from _tried(loaded, _OWN, lambda: server_tls(own))


def _tried(loaded: Loaded, key: str, use: Callable[[], object]) -> Iterator[Finding]:
    try:
        use()
    except ConfigError as error:
        entry = loaded.given[key]
        yield Finding(
            Severity.ERROR,
            str(error),
            entry.file,
            entry.line,
            entry.key,
            entry.value,
            allowed="a PEM file that can be read" + (" with the key in it" * (key == _OWN)),
            rule=Rule.S4,
        )
