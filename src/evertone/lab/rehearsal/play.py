"""What will this phone do when ...: a user's own settings in a lab that fits them.

:func:`rehearse` invents the servers that the settings speak of (:mod:`site`), lets
faults strike and calls be made, and reports what came of it. The phone is the one of
production; nothing here tells it what to do. Same arguments, same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from evertone.config.settings import PhoneSettings
from evertone.errors import FaultError, UsageError
from evertone.events import Event
from evertone.lab.faults import FAULTS
from evertone.lab.name_server import NameServer
from evertone.lab.rehearsal.callee import Callee, callee_at
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.incoming import Incoming
from evertone.lab.rehearsal.ledger import Ledger
from evertone.lab.rehearsal.lines import line_reports
from evertone.lab.rehearsal.outgoing import Outgoing
from evertone.lab.rehearsal.report import HostReport, Rehearsal
from evertone.lab.rehearsal.site import (
    CALLEE,
    CALLEE_ADDRESS,
    CALLER,
    CALLER_ADDRESS,
    INSTANCE,
    PHONE,
    PHONE_ADDRESSES,
    Host,
    Site,
    survey,
)
from evertone.lab.rehearsal.spans import time_text
from evertone.lab.rehearsal.strikes import MAX_STRIKES, Harm, Strike, parse_strike, struck
from evertone.lab.rehearsal.tally import Tally
from evertone.lab.rehearsal.watch import LONG_S, Watch
from evertone.lab.rehearsal.zones import Zone
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.identity import LINE_PARAM
from evertone.phone.phone import Phone

__all__ = ["MAX_FOR_S", "Progress", "rehearse"]

Progress: TypeAlias = Callable[[float], None]
"""Is told what share of a rehearsal is over."""

MAX_FOR_S = 366 * 86_400.0
_MAX_EXPIRES_S = 2**31 - 1  # the lab's registrars grant what is asked for
_NONCE_LIFETIME_S = 7 * 86_400.0  # a challenge is asked for once, not with every refresh
_PARTS = 200  # so often progress is told
_LOOK_S = 10.0  # what has happened has had its consequences by then, a call to the phone too


class _Play:
    """One rehearsal under way."""

    def __init__(self, site: Site, seed: int, *, keep_packets: bool) -> None:
        self.site = site
        self.tally = Tally(PHONE_ADDRESSES, keep_packets=keep_packets)
        self.world = World(seed, record=self.tally)
        self.stores: dict[int, Ledger] = {}
        self.servers: list[SipServer] = []
        self.watch: Watch | None = None
        self.looks = False  # a look of the watch is due
        self.dull = False
        self.over = False
        for host in site.hosts:
            self._attach(host)
        world = self.world
        world.attach(
            CALLEE,
            Callee(CALLEE_ADDRESS, world.rng_for(CALLEE)),
            [CALLEE_ADDRESS],
            listen=[Target(CALLEE_ADDRESS, 5060, Transport.UDP)],
        )
        self.phone = Phone(
            site.settings, INSTANCE, world.rng_for(PHONE), site.nameservers, draw=site.draw()
        )
        port = site.settings.listen_port or 5060
        listen = [Target(address, port, Transport.UDP) for address in PHONE_ADDRESSES]
        world.attach(PHONE, self.phone, PHONE_ADDRESSES, listen=listen)
        self.outgoing = Outgoing(world, self.phone, site)
        self.incoming = Incoming(world, site, self._look_later)

    # --- hosts ------------------------------------------------------------------------------

    def _attach(self, host: Host) -> None:
        if host.role == "dns":
            server = NameServer({".": self.site.zone.text})
            self.world.attach_name_server(host.name, server, host.address)
            return
        sip_server = self._server(host)
        self.servers.append(sip_server)
        self.world.attach(
            host.name,
            sip_server,
            host.addresses,
            listen=tuple(host.listen),
            certificate=tuple(host.certificate),
        )

    def _server(self, host: Host) -> SipServer:
        store = self.stores.get(host.shares)
        if store is None:
            store = self.stores[host.shares] = Ledger(lambda: self.world.now, LINE_PARAM)
            for domain in list(host.domains)[:1]:
                store.put(callee_at(domain), 0.0)
        proxies = (h for h in self.site.hosts if any(r is host for r in h.relays.values()))
        routes = {domain: registrar.inner for domain, registrar in host.relays.items()}
        # what a registrar's own proxies bring has been let in by them
        routes |= {f"{proxy.name}.invalid": proxy.inner for proxy in proxies}
        routes[f"{CALLER}.invalid"] = Target(CALLER_ADDRESS, 5060, Transport.UDP)
        lines = self.site.lines_of(host)
        users = {line.auth_user: line.password for line in lines}
        owners: dict[str, list[str]] = {}
        for line in lines:
            owners.setdefault(line.auth_user, []).append(line.user)
        return SipServer(
            host.name,
            tuple(host.listen),
            tuple(host.domains) or (host.address,),
            users if all(users.values()) else {},
            store,
            self.world.rng_for(host.name),
            max_expires_s=_MAX_EXPIRES_S,
            nonce_lifetime_s=_NONCE_LIFETIME_S,
            routes=routes,
            owners=owners,
        )

    def strike(self, strikes: Iterable[Strike]) -> None:
        """Let faults strike in their time. Raises FaultError."""
        for strike in strikes:
            for fault in strike.faults:
                try:
                    self.world.inject(fault)
                except FaultError:
                    of_dns = FAULTS[fault.verb].strikes == "dns"
                    fit = [h.name for h in self.site.hosts if (h.role == "dns") is of_dns]
                    raise FaultError(
                        f"'{strike}': {strike.verb} is nothing that {fault.subject} does; "
                        f"it may strike {', '.join(fit)}"
                    ) from None

    # --- whoever looks on -------------------------------------------------------------------

    def watch_with(self, watch: Watch | None) -> None:
        """Let ``watch`` look on."""
        self.watch = watch
        self.tally.watched = None if watch is None else self._watched

    def run(self, for_s: float, progress: Progress | None) -> float:
        """Run for ``for_s`` seconds, or until the watch has seen enough; when it was over."""
        world = self.world
        if progress is not None:
            for part in range(1, _PARTS):
                if world.run_till(lambda: self.over, for_s * part / _PARTS - world.now):
                    break
                progress(part / _PARTS)
        world.run_till(lambda: self.over, for_s - world.now)
        return world.now

    def _watched(self, event: Event) -> None:
        assert self.watch is not None
        self.watch.event(event)
        self._look_later()

    def _look_later(self) -> None:
        if self.watch is not None and not self.looks:
            self.looks = True
            self.world.at(self.world.now + _LOOK_S, self._look)

    def _look(self) -> None:
        assert self.watch is not None
        self.looks = False
        rings, now = self.incoming.rings, self.world.now
        self.over = self.watch.enough(now, rings=rings)
        if not self.dull and self.watch.dull(now, rings=rings):
            self.dull = True
            for server in self.servers:
                server.grant_at_least(LONG_S)

    # --- the report -------------------------------------------------------------------------

    def report(self, for_s: float, strikes: Sequence[Strike], plan: CallPlan | None) -> Rehearsal:
        """What came of it."""
        down, worse = (struck(strikes, harm, for_s) for harm in (Harm.DOWN, Harm.WORSE))
        events = self.tally.events_of(PHONE)
        kept = [k for store in self.stores.values() for k in store.kept(for_s)]
        hosts = tuple(
            HostReport(
                host=host,
                packets=self.tally.sent[host.address],
                down=tuple(down.get(host.name, ())),
                worse=tuple(worse.get(host.name, ())),
                restarts=tuple(
                    s.at_s for s in strikes if s.harm is Harm.MOMENT and host.name in s.hosts
                ),
            )
            for host in self.site.hosts
        )
        return Rehearsal(
            site=self.site,
            for_s=for_s,
            seed=self.world.seed,
            plan=plan,
            strikes=tuple(strikes),
            events=tuple(events),
            lines=tuple(line_reports(self.site, kept, events, down, for_s)),
            calls=tuple(self.outgoing.reports(events)),
            hosts=hosts,
            incoming=tuple(self.incoming.reports()),
            wire=tuple(self.tally.packets),
            wire_cut=self.tally.cut,
        )


# --- the verb ---------------------------------------------------------------------------------


def rehearse(
    settings: PhoneSettings,
    *,
    site: Site | None = None,
    zone: Zone | None = None,
    faults: Sequence[str | Strike] = (),
    calls: CallPlan | None = None,
    for_s: float = 86_400.0,
    seed: int = 1,
    incoming_every_s: float | None = None,
    keep_packets: bool = False,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> Rehearsal:
    """Run ``settings`` for ``for_s`` simulated seconds in a lab made for them.

    ``zone``: the DNS records (None: invented from the names); ``site``: a lab surveyed before,
    to be used again, in place of a zone. ``faults``: phrases ``TARGET VERB FROM..TO``, or
    strikes made of them. ``incoming_every_s``: somebody calls each line that often, and whenever
    something has changed, by whichever server lets it ring; fills ``incoming``.
    ``keep_packets`` fills ``wire``, for ladders. ``watch`` may end it before its time: what
    happens until then is the same with and without one. ``progress`` is told now and then what
    share of ``for_s`` is over. Raises ConfigError where no line is in use, FaultError and
    UsageError that say what would be right.
    """
    if not 0 < for_s <= MAX_FOR_S:
        raise UsageError(f"a rehearsal lasts more than 0 s and at most {time_text(MAX_FOR_S)}")
    if len(faults) > MAX_STRIKES:
        raise UsageError(f"more than {MAX_STRIKES} faults")
    site = site or survey(settings, zone, seed)
    strikes = [
        parse_strike(fault, site.names, for_s) if isinstance(fault, str) else fault
        for fault in faults
    ]
    play = _Play(site, seed, keep_packets=keep_packets)
    play.strike(strikes)
    if incoming_every_s is not None:
        play.incoming.schedule(incoming_every_s, strikes, for_s)
        play.tally.bound = play.incoming.bound
    play.watch_with(watch)
    play.world.do(PHONE, play.phone.start)
    if calls is not None:
        play.outgoing.schedule(calls, for_s)
    return play.report(play.run(for_s, progress), strikes, calls)
