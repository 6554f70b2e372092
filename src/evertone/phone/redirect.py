"""Where a 301 or 302 leads (A9): for one request only, never from TLS to less."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from evertone.dns.locate import Where
from evertone.model import Group, Target, Transport
from evertone.phone.reading import lenient
from evertone.sip.message import Response
from evertone.sip.values import NameAddr, Uri

__all__ = ["MAX_REDIRECTS", "Place", "literal_target", "places_of", "transport_of", "where_of"]

MAX_REDIRECTS = 5  # places tried for one request, over all its redirects

_TRANSPORT_TYPES = {Transport.UDP: 0, Transport.TCP: 1, Transport.TLS: 2}


@dataclass(frozen=True, slots=True)
class Place:
    """One Contact of a redirect. ``target`` is None where the name must be resolved first."""

    uri: Uri
    transport: Transport
    target: Target | None


def places_of(response: Response, origin: Target) -> list[Place]:
    """The Contacts of a redirect that may be followed, most wanted first (RFC 3261 §8.1.3.4)."""
    contacts = lenient(lambda: response.contacts, ())[: 4 * MAX_REDIRECTS]
    wanted = sorted(contacts, key=_q, reverse=True)
    places = [_place(contact.uri, origin) for contact in wanted]
    return [place for place in places if place is not None][:MAX_REDIRECTS]


def where_of(place: Place) -> Where:
    """What is to be located for a place that is a name."""
    return Where(
        group=Group.SERVER1,  # means nothing here: only the targets are asked for
        address=place.uri.host,
        port=place.uri.port or 0,
        transport_type=_TRANSPORT_TYPES[place.transport],
    )


def literal_target(uri: Uri, transport: Transport, tls_name: str = "") -> Target | None:
    """The target of a URI whose host is an address; None where it is a name."""
    host = uri.bare_host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    name = (tls_name or host) if transport is Transport.TLS else ""
    return Target(host, uri.port or transport.default_port, transport, name)


def transport_of(uri: Uri, otherwise: Transport) -> Transport | None:
    """The transport that a URI asks for; ``otherwise`` where it does not say; None: not ours."""
    if uri.scheme == "sips":
        return Transport.TLS
    asked = uri.param("transport")
    if not asked:
        return otherwise
    try:
        return Transport(asked.upper())
    except ValueError:
        return None


def _place(uri: Uri, origin: Target) -> Place | None:
    if not uri.is_sip:
        return None
    # A Contact that does not name a transport is reached like the server that named it.
    transport = transport_of(uri, origin.transport)
    if transport is None:
        return None
    if origin.transport is Transport.TLS and transport is not Transport.TLS:
        return None
    return Place(uri, transport, literal_target(uri, transport))


def _q(contact: NameAddr) -> float:
    try:
        return float(contact.param("q") or 1.0)
    except ValueError:
        return 0.0
