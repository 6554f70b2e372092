"""What can go wrong for one line, as rows, and the rehearsals that show what comes of each.

A case is rehearsed up to three times: with an idle phone, to see for how long nobody can call
it; again with the fault ending at the worst moment, to see when the phone is home; and with
calls, to see how long they wait. The fault begins just after the registration: the worst moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from evertone.config.settings import LineSettings, PhoneSettings
from evertone.events import LEFT, Event, Unregistered
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.report import Rehearsal
from evertone.lab.rehearsal.site import Host, Route, Site, hop_lists, survey
from evertone.lab.rehearsal.zones import Zone, literal
from evertone.observe.explanation.sends import pauses
from evertone.observe.explanation.watches import (
    ALIKE_S,
    UNHEARD_S,
    UntilHome,
    UntilWorst,
    is_try,
)
from evertone.redundancy.registration import refresh_delay_s
from evertone.rules import Rule

__all__ = ["CASES", "Case", "Scene", "Stage", "cases_of"]

PATIENCE_S = 120.0
"""So long a caller waits before he gives up."""
_CALLS = 6
_MARGIN_S = 900.0
_LEAST_OUTAGE_S = 1800.0
MOST_OUTAGE_S = 86_400.0
_SETTLED_S = 10.0  # a phone has registered by then
_INCOMING = 6  # calls to the phone in an outage, beside those after each change
_JUST_MISSED_S = 0.01
# in one wait for a try home; where there are more, registrations are lengthened
_MOST_REFRESHES = 150
# where two servers are tried each in its own time, nearly every order has come by then
_ALONE_S = 8100.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One line alone in a lab that fits it."""

    settings: PhoneSettings = field(repr=False)
    line: LineSettings
    site: Site
    seed: int
    ttl_s: float
    """The longest TTL of the addresses that the line is led to; 0 without any."""

    @classmethod
    def of(cls, settings: PhoneSettings, line: LineSettings, zone: Zone, seed: int) -> Scene:
        """``settings`` with no line but ``line``; ``zone`` holds the DNS records."""
        alone = PhoneSettings(
            lines=(line,),
            model=settings.model,
            firmware=settings.firmware,
            timers=settings.timers,
            listen_port=settings.listen_port,
            reg_surge_prevention=settings.reg_surge_prevention,
            dns=settings.dns,
            security=settings.security,
        )
        site = survey(alone, zone, seed)
        ttls = [hop.ttl_s for hops in hop_lists(site).values() for hop in hops]
        ttl_s = max((ttl for ttl in ttls if ttl < float("inf")), default=0.0)
        return cls(alone, line, site, seed, ttl_s)

    @property
    def first(self) -> Route:
        """The way that the line prefers, of those that lead somewhere."""
        routes = self.site.routes
        return next((route for route in routes if route.path), routes[0])

    @property
    def leads_nowhere(self) -> bool:
        """True if the line has no server or proxy to send anything to."""
        return not self.first.path

    @property
    def asks_dns(self) -> bool:
        """True if the phone has names to look up."""
        return any(literal(address) is None for _, address in self._paths())

    def _paths(self) -> Iterator[tuple[Route, str]]:
        for route in self.site.routes:
            yield route, self.line.path(route.group, route.registrar).address

    @property
    def expires_s(self) -> float:
        """The longest registration."""
        return float(max(self.line.server(y).expires for y in self.line.registrars()))

    @property
    def homing_s(self) -> float:
        """The longest time between two tries home that the settings ask for."""
        line = self.line
        waits = [self.retry_s]
        for route, _ in self._paths():
            path = line.path(route.group, route.registrar)
            by_mode = {1: self.ttl_s, 2: self.expires_s, 3: float(path.failback_timeout)}
            waits.append(by_mode.get(path.failback_mode, 0.0))
        if line.successive and len(line.registrars()) == 2:
            waits.append(line.fallback_timeout)
        if len(line.proxies()) == 2:
            waits.append(line.outbound_proxy_fallback_interval)
        return max(waits) + line.settle + line.spread

    @property
    def refresh_s(self) -> float:
        """The shortest time between two refreshes (R3)."""
        line = self.line
        return min(refresh_delay_s(line, line.server(y).expires) for y in line.registrars())

    @property
    def retry_s(self) -> float:
        """The longest wait after a registration that failed everywhere (R6)."""
        line = self.line
        if line.reg_failed_retry_min_time <= 0:
            return float(line.reg_fail_retry_interval)
        return float(max(line.reg_failed_retry_min_time, line.reg_failed_retry_max_time))

    def waits_s(self, struck: Collection[Host]) -> tuple[float, float]:
        """The longest wait between two tries to come home to those ``struck``, as far as the
        settings tell: of tries that come with a refresh (0: there are none), of all others."""
        line = self.line
        by_refresh, others = 0.0, [0.0]
        for route, address in self._paths():
            hit = [host in struck for host in route.path]
            if any(hit) and not all(hit):  # the line moves within the list, and home by its mode
                path = line.path(route.group, route.registrar)
                by_mode = {1: self.ttl_s, 3: float(path.failback_timeout)}
                wait_s = by_mode.get(path.failback_mode) if literal(address) is None else None
                if wait_s is not None:
                    others.append(wait_s)
                else:
                    expires = line.server(route.registrar).expires
                    by_refresh = max(by_refresh, refresh_delay_s(line, expires))
            elif all(hit) and route.group.is_proxy and len(line.proxies()) == 2:
                others.append(line.outbound_proxy_fallback_interval)
        if line.successive and len(line.registrars()) == 2 and not by_refresh:
            others.append(line.fallback_timeout)
        longest = max(others)
        if not by_refresh and not longest:
            longest = self.retry_s  # F1
        more_s = line.settle + line.spread
        return by_refresh and by_refresh + more_s, longest and longest + more_s

    @property
    def stale_s(self) -> float:
        """How long the phone can do without DNS."""
        dns = self.settings.dns
        return self.ttl_s + (dns.last_cache_expired if dns.last_cache_expired_enable else 0)


_Struck = Callable[[Scene], tuple[Host, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """One row: who is struck (nobody: the case does not arise), and how.

    ``title`` and ``what`` are for tables and sentences; ``{}`` stands for those struck.
    """

    key: str
    title: str
    what: str
    verb: str
    struck: _Struck
    calls_every_s: float = 150.0
    of_dns: bool = False


def _primary(scene: Scene) -> tuple[Host, ...]:
    return scene.first.path[:1]


def _first_list(scene: Scene) -> tuple[Host, ...]:
    return scene.first.path


def _behind(scene: Scene) -> tuple[Host, ...]:
    """Server 1 where a proxy that is another machine leads to it."""
    apart = not {h.address for h in scene.first.path} & {h.address for h in scene.first.registrars}
    return scene.first.registrars if apart else ()


def _dns(scene: Scene) -> tuple[Host, ...]:
    return tuple(h for h in scene.site.hosts if h.role == "dns") if scene.asks_dns else ()


def _all(scene: Scene) -> tuple[Host, ...]:
    return tuple(h for h in scene.site.hosts if h.role != "dns")


CASES: tuple[Case, ...] = (
    Case("primary-silent", "{} is silent", "{} falls silent", "silence", _primary),
    Case("primary-refuses", "{} refuses", "{} closes its ports", "refuse", _primary),
    Case("primary-503", "{} answers 503", "{} says that it cannot serve (503)", "503", _primary),
    Case("list-silent", "all of {} silent", "all of {} fall silent", "silence", _first_list),
    Case(
        "server-silent",
        "behind the proxies: {} silent",
        "{} behind the proxies fall silent",
        "silence",
        _behind,
    ),
    Case("dns-silent", "DNS is silent", "DNS does not answer", "silence", _dns, 900.0, True),
    Case("all-silent", "everything is silent", "no server answers", "silence", _all),
)
"""In the order in which people ask."""


def cases_of(scene: Scene) -> list[Case]:
    """The cases that arise, none of them twice under two names; none where nothing works."""
    if scene.leads_nowhere:
        return []
    seen: set[tuple[str, frozenset[str]]] = set()
    found = []
    for case in CASES:
        same = (case.verb, frozenset(host.address for host in case.struck(scene)))
        if same[1] and same not in seen:
            seen.add(same)
            found.append(case)
    return found


class Stage:
    """Plays the cases of one scene, each play once; no longer than was of use on ``before``, the
    stage that it is to be compared with."""

    def __init__(self, scene: Scene, before: Stage | None = None) -> None:
        self.scene = scene
        self._before = before
        self.begin_s = _SETTLED_S + scene.settings.reg_surge_prevention
        self._idle: dict[str, Rehearsal] = {}
        self._bare_at: dict[str, float | None] = {}
        self.cut: set[str] = set()
        """Cases in which more happens than is rehearsed."""
        self.lengthened: set[str] = set()
        """Cases in which registrations are longer than the settings ask for."""

    # --- how long to play -------------------------------------------------------------------

    def outage_s(self, case: Case) -> float:
        """Long enough for a registration to run out, and for two tries home after that: so long
        it is rehearsed unless the worst is known before."""
        scene = self.scene
        needed = scene.expires_s + 2 * scene.homing_s + _MARGIN_S
        if case.of_dns:
            needed += scene.stale_s
        most_s = MOST_OUTAGE_S if self._before is None else self._before.outage_s(case)
        return min(max(needed, _LEAST_OUTAGE_S), most_s)

    def rehearsed_s(self, case: Case) -> float:
        """How long the outage has lasted when the worst was known."""
        return self.idle(case).for_s - self.begin_s

    def of_use_s(self, case: Case) -> float:
        """How long there was something to compare: a phone that is registered nowhere stays
        so, unless it is soon registered elsewhere."""
        rehearsed_s = self.rehearsed_s(case)
        bare_at = self._bare_at.get(case.key)
        if bare_at is None:
            return rehearsed_s
        return min(rehearsed_s, bare_at - self.begin_s + UNHEARD_S)

    def is_short(self, case: Case) -> bool:
        """True if registrations are so short, and the wait to go home so long, that they are
        lengthened while the phone waits: not if it goes home with a refresh."""
        by_refresh_s, others_s = self.scene.waits_s(case.struck(self.scene))
        return not by_refresh_s and others_s > _MOST_REFRESHES * self.scene.refresh_s

    # --- the plays --------------------------------------------------------------------------

    def idle(self, case: Case) -> Rehearsal:
        """The fault strikes a phone that nobody uses, and does not end; watched until the
        worst is known."""
        if case.key not in self._idle:
            outage_s = self.outage_s(case)
            watch = self._until_worst(case)
            self._idle[case.key] = rehearse(
                self.scene.settings,
                site=self.scene.site,
                faults=self._faults(case, self.begin_s, None),
                for_s=self.begin_s + outage_s,
                seed=self.scene.seed,
                incoming_every_s=outage_s / _INCOMING,
                watch=watch,
            )
            self._note(case, watch)
            self._bare_at[case.key] = watch.bare_at
        return self._idle[case.key]

    def mended(self, case: Case, most_s: float = inf) -> tuple[Rehearsal, float]:
        """As :meth:`idle`, packet by packet, but the fault ends at the worst moment, which is
        given too: calls come when they came there. Watched until the phone is home, for
        ``most_s`` at most."""
        end_s = self._worst_end_s(case)
        after_s = self.outage_s(case)  # the same tries, and one more registration
        watch = UntilHome(self.begin_s, end_s, short=self.is_short(case))
        rehearsal = rehearse(
            self.scene.settings,
            site=self.scene.site,
            faults=self._faults(case, self.begin_s, end_s),
            for_s=end_s + min(after_s, most_s),
            seed=self.scene.seed,
            incoming_every_s=after_s / _INCOMING,
            watch=watch,
        )
        self._note(case, watch)
        return rehearsal, end_s

    def calls(self, case: Case) -> Rehearsal:
        """Calls are made: the first just after the fault has struck."""
        every_s = case.calls_every_s
        begin_s = every_s - 5 if every_s > self.begin_s + 5 else self.begin_s
        return rehearse(
            self.scene.settings,
            site=self.scene.site,
            faults=self._faults(case, begin_s, None),
            calls=CallPlan(every_s, PATIENCE_S),
            for_s=_CALLS * every_s + PATIENCE_S + 1,
            seed=self.scene.seed,
        )

    def _faults(self, case: Case, begin_s: float, end_s: float | None) -> list[str]:
        end = "" if end_s is None else f"{end_s:.3f}s"
        return [
            f"{host.name} {case.verb} {begin_s:.3f}s..{end}" for host in case.struck(self.scene)
        ]

    def _until_worst(self, case: Case) -> UntilWorst:
        scene = self.scene
        struck = case.struck(scene)
        line = scene.line
        at_once = len(line.registrars()) == 2 and not line.successive
        before = self._before
        by_refresh_s, others_s = scene.waits_s(struck)
        return UntilWorst(
            self.begin_s,
            self._met_at(case),
            of_dns=case.of_dns,
            short=self.is_short(case),
            longest_s=max(by_refresh_s, others_s),
            in_turn=at_once and by_refresh_s >= others_s,
            retry_s=None if at_once else scene.retry_s,
            alone_s=2 * scene.retry_s + _ALONE_S,
            most_s=inf if before is None else self.begin_s + before.of_use_s(case),
        )

    def _pauses(
        self, case: Case, events: list[Event], moved_at: float | None
    ) -> dict[float, float]:
        """By moment, for how long the phone did not ask after it; DNS: after it had found that
        there is no answer."""
        struck = self._met_at(case)
        if not case.of_dns:
            relayed = struck != _addresses(case.struck(self.scene))
            timers = self.scene.settings.timers
            return pauses(events, struck, timers, relayed=relayed, moved_at=moved_at)
        begin = moved_at if moved_at is not None else 0.0
        turns = {e.at for e in events if e.at > begin and is_try(e, struck, of_dns=True)}
        moments = sorted(turns if moved_at is None else {moved_at, *turns})
        return {one: other - one for one, other in pairwise(moments)}

    def _met_at(self, case: Case) -> frozenset[str]:
        """Where a REGISTER was sent that meets the fault: to those struck, or to the proxies that
        they are behind."""
        struck = set(case.struck(self.scene))
        before = [
            host
            for route in self.scene.site.routes
            if struck & set(route.registrars) and not struck & set(route.path)
            for host in route.path
        ]
        return _addresses([*struck, *before])

    def _note(self, case: Case, watch: UntilHome | UntilWorst) -> None:
        if watch.cut:
            self.cut.add(case.key)
        if watch.lengthened:
            self.lengthened.add(case.key)

    def _worst_end_s(self, case: Case) -> float:
        """Just after the move, or the REGISTER after it, that the longest pause follows; of a
        phone that stays where it is, just after such a REGISTER."""
        events = [event for event in self.idle(case).events if event.at >= self.begin_s]
        moved = [event.at for event in events if isinstance(event, LEFT)]
        found = self._pauses(case, events, moved[0] if moved else None) or dict.fromkeys(moved, 0.0)
        if not found:
            return round(self.begin_s + self.outage_s(case) / 2, 3)
        ran_out = (e.at for e in events if isinstance(e, Unregistered) and e.rule is Rule.R3)
        bare_s = next(ran_out, 0.0)  # from there on nobody can call the phone either
        found = {at: pause_s for at, pause_s in found.items() if at > bare_s} or found
        longest_s = max(found.values()) - ALIKE_S
        worst = next(at for at, pause_s in found.items() if pause_s >= longest_s)
        return round(worst, 3) + _JUST_MISSED_S


def _addresses(hosts: Collection[Host]) -> frozenset[str]:
    return frozenset(address for host in hosts for address in host.addresses)
