"""The calls that the phone gets in a rehearsal: when somebody calls, by which server it rings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from evertone.events import Event, Refreshed
from evertone.lab.rehearsal.caller import Caller, Way
from evertone.lab.rehearsal.calls import MAX_CALLS, check_number
from evertone.lab.rehearsal.report import IncomingReport
from evertone.lab.rehearsal.site import CALLER, CALLER_ADDRESS, INSTANCE, Site
from evertone.lab.rehearsal.strikes import Strike
from evertone.lab.world import World
from evertone.model import Target
from evertone.phone.identity import Identity

__all__ = ["Incoming"]

_SOON_S = 0.2  # what has just changed has settled by then


class Incoming:
    """Calls every line of the phone, and remembers who let it ring.

    ``called`` is told of each call when it begins.
    """

    def __init__(self, world: World, site: Site, called: Callable[[], None]) -> None:
        self._world = world
        self._site = site
        self._called = called
        self._caller = Caller(CALLER_ADDRESS, world.rng_for(CALLER))
        self._rung_at: dict[int, tuple[int, float]] = {}  # calls of the caller: line and time
        self._last_call: dict[int, int] = {}  # by line
        self._bound_at: dict[tuple[int, int], Target | None] = {}  # by line and server
        self._ways: dict[int, tuple[Way, ...]] = {}  # of the caller, by line

    def schedule(self, every_s: float, strikes: Sequence[Strike], for_s: float) -> None:
        """Let somebody call every line every ``every_s`` seconds for ``for_s`` seconds, and
        shortly after a fault came or went. Raises UsageError if these are too many calls."""
        lines = [line.line for line in self._site.settings.enabled_lines()]
        check_number(for_s / every_s * len(lines) if every_s > 0 else math.inf)
        turns = {s.at_s for s in strikes} | {s.until_s for s in strikes}
        times = {at + _SOON_S for at in turns if at + _SOON_S < for_s}
        times |= {number * every_s for number in range(1, math.ceil(for_s / every_s))}
        self._world.attach(CALLER, self._caller, [CALLER_ADDRESS])
        for at in sorted(times):
            for line in lines:
                self._world.at(at, partial(self._ring, line))

    def bound(self, event: Event) -> None:
        """A binding changed: call, but for one that is renewed where the last call got through."""
        key = (event.line, event.server)
        place = event.hop.target if event.hop is not None else None
        called, bound = self._last_call.get(event.line, 0), self._bound_at.get(key)
        if type(event) is not Refreshed or bound != place or called not in self._caller.rung:
            self._world.at(self._world.now + _SOON_S, partial(self._ring, event.line))
        self._bound_at[key] = place

    @property
    def rings(self) -> bool:
        """True if the last call to every line got through."""
        return all(call in self._caller.rung for call in self._last_call.values())

    def reports(self) -> Iterable[IncomingReport]:
        """The calls, by time."""
        for call, (line, at) in self._rung_at.items():
            yield IncomingReport(line, at, self._caller.rung.get(call, ""))

    def _ring(self, line: int) -> None:
        """Call the line by each of its registrars, the first one first."""
        if len(self._rung_at) >= MAX_CALLS:
            return
        ways = self._ways.get(line)
        if ways is None:
            ways = self._ways[line] = self._ways_to(line)
        call = self._world.do(CALLER, lambda now: self._caller.call(ways, now))
        self._rung_at[call] = (line, self._world.now)
        self._last_call[line] = call
        self._called()

    def _ways_to(self, line: int) -> tuple[Way, ...]:
        settings = next(x for x in self._site.settings.enabled_lines() if x.line == line)
        identity = Identity(settings, INSTANCE)
        ways: dict[str, Way] = {}
        for route in self._site.routes:
            if route.line == line:
                uri = identity.aor(route.registrar).uri
                ways |= {host.name: Way(host.name, host.inner, uri) for host in route.registrars}
        return tuple(ways.values())
