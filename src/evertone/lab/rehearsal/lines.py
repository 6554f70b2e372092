"""When each line of a rehearsal was registered, and when it could be called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evertone.events import BOUND, Event
from evertone.lab.rehearsal.ledger import Kept
from evertone.lab.rehearsal.report import LineReport
from evertone.lab.rehearsal.site import INSTANCE, PHONE, Site
from evertone.lab.rehearsal.spans import Span, clip, common, cut, gaps, merge
from evertone.phone.identity import Identity

__all__ = ["line_reports"]


def line_reports(
    site: Site,
    kept: Sequence[Kept],
    events: Sequence[Event],
    down: Mapping[str, list[Span]],
    for_s: float,
) -> Iterable[LineReport]:
    """One report for each enabled line of ``for_s`` seconds.

    ``kept``: what the registrars knew; ``events``: all of the phone, in order; ``down``: by
    host name, when it served nobody.
    """
    for settings in site.settings.enabled_lines():
        marks = Identity(settings, INSTANCE).tokens
        bound: dict[str, list[Span]] = {}
        reached: list[Span] = []
        for registrar in settings.registrars():
            mine = [k for k in kept if marks.get(k.mark) == registrar]
            for one in mine:
                bound.setdefault(one.server, []).append((one.begin_s, one.end_s))
            ways = _ways(site, (settings.line, registrar), events, down, for_s)
            reached += _reachable(mine, site, down, ways)
        reached = cut(reached, down.get(PHONE, ()))
        registered = [span for spans in bound.values() for span in spans]
        yield LineReport(
            line=settings.line,
            label=settings.label or settings.user_name,
            bound={name: tuple(clip(spans, for_s)) for name, spans in bound.items()},
            unregistered=tuple(gaps(registered, for_s)),
            unreachable=tuple(gaps(reached, for_s)),
        )


def _ways(
    site: Site,
    wanted: tuple[int, int],
    events: Sequence[Event],
    down: Mapping[str, list[Span]],
    for_s: float,
) -> list[Span] | None:
    """When the proxy worked by which a line had registered with a registrar (``wanted``: both
    numbers); None: there is none between.

    Incoming calls come the way of the registration (RFC 3327).
    """
    registrars = {
        host.address
        for route in site.routes
        if (route.line, route.registrar) == wanted
        for host in route.registrars
    }
    turns = [
        (event.at, event.hop.target.address)
        for event in events
        if isinstance(event, BOUND)
        and (event.line, event.server) == wanted
        and event.hop is not None
    ]
    if all(address in registrars for _, address in turns):
        return None
    working: list[Span] = []
    ends = [at for at, _ in turns[1:]] + [for_s]
    for (begin, address), end in zip(turns, ends, strict=True):
        host = site.at(address)
        working += cut([(begin, end)], down.get(host.name, ()) if host else ())
    return merge(working)


def _reachable(
    kept: Sequence[Kept], site: Site, down: Mapping[str, list[Span]], ways: list[Span] | None
) -> list[Span]:
    """When a server that worked knew a binding: its own, or one of those that share with it.

    A connection is not shared: whom a server knows over TCP or TLS, it alone can reach. Behind
    a proxy the connection is the proxy's, and ``ways`` tell of it.
    """
    alone = [k for k in kept if k.connected and ways is None]
    found: list[Span] = []
    for one in alone:
        found += cut([(one.begin_s, one.end_s)], down.get(one.server, ()))
    for shares in {host.shares for host in site.hosts if host.shares}:
        sharers = [host.name for host in site.hosts if host.shares == shares]
        spans = [(k.begin_s, k.end_s) for k in kept if k.server in sharers and k not in alone]
        if not spans:
            continue
        all_down = down.get(sharers[0], [])
        for name in sharers[1:]:
            all_down = common(all_down, down.get(name, []))
        found += cut(spans, all_down)
    return found if ways is None else common(found, ways)
