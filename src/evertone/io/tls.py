"""TLS for a driver: contexts from the settings, and whose certificate it is (RFC 5922)."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evertone.config.settings import SecuritySettings
from evertone.errors import ConfigError

__all__ = ["ClientTls", "certificate_identities", "client_tls", "identity_matches", "server_tls"]

_BUILT_IN = (0, 2)  # static.security.ca_cert: 0 built-in, 1 custom, 2 both
_CUSTOM = (1, 2)

Certificate = Mapping[str, Any]
"""What :meth:`ssl.SSLSocket.getpeercert` returns."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a phone meets TLS servers: ``check_name`` compares the certificate's identities
    with the name that the target was asked for (RFC 5922 §7.2)."""

    context: ssl.SSLContext
    check_name: bool = True


def client_tls(security: SecuritySettings) -> ClientTls:
    """The context for connections that the phone makes (``static.security.*``).

    Raises ConfigError for a certificate file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # RFC 5922 has rules of its own: identity_matches
    verify = bool(security.trust_certificates)
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify and security.ca_cert in _BUILT_IN:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if verify and security.ca_cert in _CUSTOM and security.trusted_certificates_file:
        _load_trusted(context, security.trusted_certificates_file)
    if security.dev_cert and security.client_certificate_file:
        _load_own(context, security.client_certificate_file, None)
    return ClientTls(context, check_name=verify and bool(security.cn_validation))


def server_tls(certificate_file: str, key_file: str | None = None) -> ssl.SSLContext:
    """The context for connections that peers make to us: to a phone, to a lab server.

    ``key_file``: None where the certificate's file holds the key as well.

    Raises ConfigError for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, certificate_file, key_file)
    return context


def certificate_identities(certificate: Certificate) -> tuple[str, ...]:
    """The SIP domain identities that a certificate claims, in lower case (RFC 5922 §7.1).

    ``sip:`` URIs without a user part; where there is none, the DNS names and addresses;
    the common name only where there is no subjectAltName at all.
    """
    alternatives = certificate.get("subjectAltName", ())
    uris = [_uri_host(value) for kind, value in alternatives if kind == "URI"]
    domains = [host for host in uris if host]
    if domains:
        return tuple(domains)
    if alternatives:
        names = [value for kind, value in alternatives if kind in ("DNS", "IP Address")]
    else:
        subject = certificate.get("subject", ())
        names = [value for part in subject for kind, value in part if kind == "commonName"]
    return tuple(_plain(name) for name in names)


def identity_matches(certificate: Certificate, name: str) -> bool:
    """Whether the certificate is one of ``name``, the domain or address asked for.

    Whole names only, without case; wildcards never match (RFC 5922 §7.2).
    """
    return bool(name) and _plain(name) in certificate_identities(certificate)


def _uri_host(uri: str) -> str:
    """The host of a ``sip:`` URI; empty for other schemes and URIs with a user part."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.partition(";")[0].partition("?")[0]
    if host.startswith("["):
        return _plain(host.partition("]")[0][1:])
    return _plain(host.partition(":")[0])


def _plain(name: str) -> str:
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name.rstrip(".").lower()


def _load_trusted(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"trusted certificates {path}: {_why(error)}") from error


def _load_own(context: ssl.SSLContext, path: str, key_path: str | None) -> None:
    try:
        context.load_cert_chain(path, key_path)
    except OSError as error:
        raise ConfigError(f"certificate {path}: {_why(error)}") from error


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "no usable PEM certificate in it"
    return error.strerror or str(error)
