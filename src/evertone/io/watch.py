"""Notices that the machine is in another network, or awake again after sleep (R8).

Two parts: :class:`Surroundings` compares views and needs no clock and no socket;
:class:`NetworkWatch` looks, on asyncio. What counts is the local address by which each
server is reached, so that bridges, containers and rotating addresses that nothing of ours
leaves from stay noise.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from evertone.io.host import local_towards

__all__ = ["Debounce", "NetworkWatch", "Surroundings", "View", "asleep_s", "see"]

LOOK_S = 2.0
"""How often the machine's sleep is looked at; without netlink the ways too."""
QUIET_S = 1.0
"""How long the kernel must be silent before what it did is looked at: changes come in bursts."""
LONGEST_S = 5.0
"""A burst is not waited out for longer."""

_SLEPT_S = 1.0  # less is the jitter of two clocks that are read one after the other
_MAX_DESTINATIONS = 32

# Documentation prefixes (RFC 5737, RFC 3849): routed like any far address, and nothing is sent
_ANYWHERE = {"any IPv4 address": "192.0.2.1", "any IPv6 address": "2001:db8::1"}
_A_ROUTE = "a route"

# linux/rtnetlink.h: links, addresses and routes of both families
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_BUFFER_BYTES = 65_536
_PER_WAKE_UP = 64

Destination = tuple[str, int]
"""Address and port of a server."""


@dataclass(frozen=True, slots=True)
class View:
    """The surroundings at one moment: by which of our addresses each place is reached (empty:
    no way leads there), and how long the machine has slept since it started (seconds)."""

    ways: Mapping[str, str]
    asleep_s: float = 0.0


class Surroundings:
    """Compares each view with those before it."""

    def __init__(self, view: View) -> None:
        self._ways = dict(view.ways)
        self._asleep_s = view.asleep_s

    def look(self, view: View) -> str:
        """Why this view calls for new registrations; empty: nothing of weight has changed.

        A way that is lost calls for nothing (nothing could be sent), one that comes back does.
        A place seen for the first time is only remembered.
        """
        reasons = [
            _changed(place, self._ways[place], source)
            for place, source in view.ways.items()
            if source and self._ways.get(place, source) != source
        ]
        slept = view.asleep_s - self._asleep_s
        if slept > _SLEPT_S:
            reasons.insert(0, f"awake again after {slept:.0f} s of sleep")
        self._ways = dict(view.ways)
        self._asleep_s = view.asleep_s
        return reasons[0] if reasons else ""


def _changed(place: str, before: str, after: str) -> str:
    if not before:
        return f"{place} can be reached again"
    return f"{place} is reached from {after} now, no more from {before}"


class Debounce:
    """When to look, after the kernel has said something: once it is quiet, or LONGEST_S later."""

    def __init__(self) -> None:
        self._first = 0.0
        self.due: float | None = None
        """When to look; None: nothing was said."""

    def stirred(self, now: float) -> None:
        """The kernel has said something."""
        if self.due is None:
            self._first = now
        self.due = min(now + QUIET_S, self._first + LONGEST_S)

    def looked(self) -> None:
        """The surroundings have been looked at."""
        self.due = None


def asleep_s() -> float:
    """How long the machine has slept since it started; 0 where the system does not tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return 0.0
    return time.clock_gettime(clock) - time.clock_gettime(time.CLOCK_MONOTONIC)


def see(destinations: Iterable[Destination], bind: str = "") -> View:
    """Look at the ways to ``destinations``, and whether any lead out at all. Sends nothing.

    ``bind``: the one local address that may be used; empty: the routing decides.
    """
    ways = {
        name: _A_ROUTE if _source(address, 9, bind) else "" for name, address in _ANYWHERE.items()
    }
    for address, port in destinations:
        ways[address] = _source(address, port, bind)
    return View(ways, asleep_s())


def _source(address: str, port: int, bind: str) -> str:
    try:
        return local_towards(address, port, bind)
    except OSError:
        return ""


class NetworkWatch:
    """Watches until it is closed; calls ``on_change`` with the reason.

    ``destinations``: the servers in use at the time it is asked; those met before are
    remembered. Linux tells of changes by netlink; elsewhere, and where netlink may not be
    used, the ways are looked at every LOOK_S seconds.
    """

    def __init__(
        self,
        destinations: Callable[[], Iterable[Destination]],
        on_change: Callable[[str], None],
        bind: str = "",
    ) -> None:
        self._destinations = destinations
        self._on_change = on_change
        self._bind = bind
        self._loop = asyncio.get_running_loop()
        self._met: dict[Destination, None] = {}
        self._debounce = Debounce()
        self._soon: asyncio.TimerHandle | None = None
        self._meet()
        self._surroundings = Surroundings(self._view())
        self._asleep_s = asleep_s()
        self._socket = _netlink()
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)
        self._tick = self._loop.call_later(LOOK_S, self._on_tick)

    def close(self) -> None:
        """Watch no more. A call too many is harmless."""
        self._tick.cancel()
        if self._soon is not None:
            self._soon.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    # --- looking -------------------------------------------------------------------------------

    def _meet(self) -> bool:
        """Remember the servers in use; whether one of them is new."""
        new = False
        for place in self._destinations():
            new = new or place not in self._met
            self._met.pop(place, None)
            self._met[place] = None  # the latest last
        while len(self._met) > _MAX_DESTINATIONS:
            del self._met[next(iter(self._met))]
        return new

    def _view(self) -> View:
        return see(self._met, self._bind)

    def _look(self) -> None:
        why = self._surroundings.look(self._view())
        if why:
            self._on_change(why)

    def _on_tick(self) -> None:
        self._tick = self._loop.call_later(LOOK_S, self._on_tick)
        new = self._meet()
        before, self._asleep_s = self._asleep_s, asleep_s()
        slept = self._asleep_s - before > _SLEPT_S
        if new or slept or self._socket is None:
            self._look()

    # --- netlink -------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Only that something was said matters, not what: the ways are looked at afterwards."""
        assert self._socket is not None
        for _ in range(_PER_WAKE_UP):
            try:
                self._socket.recv(_BUFFER_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # ENOBUFS: more was said than we took in
        self._debounce.stirred(self._loop.time())
        if self._soon is None:
            self._wait()

    def _wait(self) -> None:
        assert self._debounce.due is not None
        self._soon = self._loop.call_at(self._debounce.due, self._quiet)

    def _quiet(self) -> None:
        assert self._debounce.due is not None
        self._soon = None
        if self._loop.time() < self._debounce.due:
            self._wait()  # more was said meanwhile
            return
        self._debounce.looked()
        self._look()


def _netlink() -> socket.socket | None:
    """A socket that hears of every change of links, addresses and routes; None: not here."""
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return None
    try:
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    try:
        sock.bind((0, _GROUPS))
    except OSError:
        sock.close()
        return None
    return sock
