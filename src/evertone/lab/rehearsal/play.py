"""What will this phone do when ...: a user's own settings in a lab that fits them.

:func:`rehearse` invents the servers that the settings speak of (:mod:`site`), lets
faults strike and calls be made, and reports what came of it. The phone is the one of
production; nothing here tells it what to do. Same arguments, same result.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from evertone.config.settings import PhoneSettings
from evertone.errors import FaultError, LimitError, UsageError
from evertone.events import CallChanged, Event, Refreshed, Registered, Unregistered
from evertone.lab.faults import FAULTS
from evertone.lab.name_server import NameServer
from evertone.lab.record import Packet, Record
from evertone.lab.registrations import Binding
from evertone.lab.rehearsal.callee import Callee
from evertone.lab.rehearsal.caller import Caller, Way
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.ledger import Kept, Ledger
from evertone.lab.rehearsal.report import (
    CallEnd,
    CallReport,
    HostReport,
    IncomingReport,
    LineReport,
    Rehearsal,
)
from evertone.lab.rehearsal.site import (
    CALLEE_ADDRESS,
    CALLER_ADDRESS,
    PHONE,
    PHONE_ADDRESSES,
    Host,
    Site,
    survey,
)
from evertone.lab.rehearsal.spans import (
    Span,
    clip,
    common,
    cut,
    gaps,
    merge,
    time_text,
)
from evertone.lab.rehearsal.strikes import MAX_STRIKES, Harm, Strike, parse_strike
from evertone.lab.rehearsal.watch import LONG_S, Watch
from evertone.lab.rehearsal.zones import Zone
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.identity import LINE_PARAM, Identity
from evertone.phone.phone import Phone
from evertone.sip.values import Uri

__all__ = ["MAX_FOR_S", "rehearse"]

INSTANCE = "urn:uuid:00000000-0000-4000-8000-000000000001"
CALLEE = "callee"
CALLER = "caller"
MAX_FOR_S = 366 * 86_400.0
MAX_CALLS = 100_000
MAX_EVENTS = 2_000_000
MAX_PACKETS = 20_000

_MAX_EXPIRES_S = 2**31 - 1  # the lab's registrars grant what is asked for
_NONCE_LIFETIME_S = 7 * 86_400.0  # a challenge is asked for once, not with every refresh
_SOON_S = 0.2  # what has just changed has settled by then
_LOOK_S = 10.0  # what has happened has had its consequences by then, a call to the phone too
_CALLED_AT_ONCE = frozenset({"ringing", "established"})


class _Tally(Record):
    """Counts packets by destination, keeps those of SIP if told to, and the phone's events."""

    def __init__(self, addresses: Iterable[str], most: int) -> None:
        super().__init__(packets=True)
        self.sent: Counter[str] = Counter()
        self.most = most
        self.cut = False
        self.bound: Callable[[Event], None] | None = None  # told of bindings that change
        self.watched: Callable[[Event], None] | None = None
        self._own = frozenset(addresses)

    def packet(self, packet: Packet) -> None:
        """Count it, and keep it if it is the phone's own."""
        ours = packet.source[0] in self._own
        if ours and not packet.note:
            self.sent[packet.target[0]] += 1
        if packet.kind == "DNS" or not self.most or not (ours or packet.target[0] in self._own):
            return
        if len(self.packets) < self.most:
            self.packets.append(packet)
        else:
            self.cut = True

    def event(self, node: str, event: Event) -> None:
        """Keep what the phone announced, within bounds."""
        if len(self.events) >= MAX_EVENTS:
            raise LimitError(
                f"more than {MAX_EVENTS} events until {time_text(event.at)}: rehearse less (--for)"
            )
        super().event(node, event)
        if self.bound is not None and isinstance(event, Registered | Refreshed | Unregistered):
            self.bound(event)
        if self.watched is not None:
            self.watched(event)


@dataclass(slots=True)
class _Dialled:
    """One call as its events tell it."""

    line: int
    at: float
    ends_at: float
    rang_at: float | None = None
    answered: bool = False
    over_at: float = math.inf
    address: str = ""
    reason: str = ""


class _Play:
    """One rehearsal under way."""

    def __init__(self, site: Site, seed: int, *, keep_packets: bool) -> None:
        self.site = site
        self.tally = _Tally(PHONE_ADDRESSES, MAX_PACKETS if keep_packets else 0)
        self.world = World(seed, record=self.tally)
        self.calls: dict[str, _Dialled] = {}
        self.stores: dict[int, Ledger] = {}
        self.servers: list[SipServer] = []
        self.refused: list[_Dialled] = []
        self.caller = Caller(CALLER_ADDRESS, self.world.rng_for(CALLER))
        self.rung_at: dict[int, tuple[int, float]] = {}  # calls of the caller: line and time
        self.last_call: dict[int, int] = {}  # by line
        self.bound_at: dict[tuple[int, int], Target | None] = {}  # by line and server
        self.ways: dict[int, tuple[Way, ...]] = {}  # of the caller, by line
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
                store.put(_callee_at(domain), 0.0)
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

    # --- calls ------------------------------------------------------------------------------

    def schedule(self, plan: CallPlan, for_s: float) -> None:
        """Let every line call by the plan, as long as a call can still come to its end."""
        rounds = int((for_s - plan.lasts_s) / plan.every_s) if for_s > plan.lasts_s else 0
        lines = self.site.settings.enabled_lines()
        if rounds * len(lines) > MAX_CALLS:
            raise UsageError(f"that makes more than {MAX_CALLS} calls: call less often")
        if rounds:
            self.world.at(plan.every_s, partial(self._round, plan, rounds))

    def _round(self, plan: CallPlan, left: int) -> None:
        """Every line calls; the next round is set when this one begins."""
        now = self.world.now
        for line in self.site.settings.enabled_lines():
            self._call(line.line, now, now + plan.lasts_s)
        if left > 1:
            self.world.at(now + plan.every_s, partial(self._round, plan, left - 1))

    def _call(self, line: int, now: float, ends_at: float) -> None:
        dialled = _Dialled(line, now, ends_at)
        try:
            call = self.world.do(PHONE, lambda at: self.phone.call(line, CALLEE, at))
        except LimitError as error:
            dialled.reason = str(error)
            self.refused.append(dialled)
            return
        self.calls[call] = dialled
        self.world.at(ends_at, partial(self._hang_up, call))

    def _hang_up(self, call: str) -> None:
        try:
            self.world.do(PHONE, lambda now: self.phone.hangup(call, now))
        except UsageError:
            return  # it is over already

    # --- calls to the phone -----------------------------------------------------------------

    def expect_calls(self, every_s: float, strikes: Sequence[Strike], for_s: float) -> None:
        """Let somebody call every line every ``every_s`` seconds, and shortly after anything
        that may have made a difference: a fault that came or went, a binding that changed."""
        lines = [line.line for line in self.site.settings.enabled_lines()]
        if not every_s > 0 or for_s / every_s * len(lines) > MAX_CALLS:
            raise UsageError(f"that makes more than {MAX_CALLS} calls: call less often")
        turns = {s.at_s for s in strikes} | {s.until_s for s in strikes}
        times = {at + _SOON_S for at in turns if at + _SOON_S < for_s}
        times |= {number * every_s for number in range(1, math.ceil(for_s / every_s))}
        self.world.attach(CALLER, self.caller, [CALLER_ADDRESS])
        self.tally.bound = self._bound
        for at in sorted(times):
            for line in lines:
                self.world.at(at, partial(self._ring, line))

    def _bound(self, event: Event) -> None:
        """A binding changed: call, but for one that is renewed where the last call got through."""
        key = (event.line, event.server)
        place = event.hop.target if event.hop is not None else None
        called, bound = self.last_call.get(event.line, 0), self.bound_at.get(key)
        if type(event) is not Refreshed or bound != place or called not in self.caller.rung:
            self.world.at(self.world.now + _SOON_S, partial(self._ring, event.line))
        self.bound_at[key] = place

    def _ring(self, line: int) -> None:
        """Call the line by each of its registrars, the first one first."""
        if len(self.rung_at) >= MAX_CALLS:
            return
        ways = self.ways.get(line)
        if ways is None:
            ways = self.ways[line] = self._ways_to(line)
        call = self.world.do(CALLER, lambda now: self.caller.call(ways, now))
        self.rung_at[call] = (line, self.world.now)
        self.last_call[line] = call
        self._look_later()

    def _ways_to(self, line: int) -> tuple[Way, ...]:
        settings = next(x for x in self.site.settings.enabled_lines() if x.line == line)
        identity = Identity(settings, INSTANCE)
        ways: dict[str, Way] = {}
        for route in self.site.routes:
            if route.line == line:
                uri = identity.aor(route.registrar).uri
                ways |= {host.name: Way(host.name, host.inner, uri) for host in route.registrars}
        return tuple(ways.values())

    def _incoming(self) -> Iterable[IncomingReport]:
        for call, (line, at) in self.rung_at.items():
            yield IncomingReport(line, at, self.caller.rung.get(call, ""))

    # --- whoever looks on -------------------------------------------------------------------

    def watch_with(self, watch: Watch | None) -> None:
        """Let ``watch`` look on."""
        self.watch = watch
        self.tally.watched = None if watch is None else self._watched

    def run(self, for_s: float) -> float:
        """Run for ``for_s`` seconds, or until the watch has seen enough; when it was over."""
        self.world.run_till(lambda: self.over, for_s - self.world.now)
        return self.world.now

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
        rings = all(call in self.caller.rung for call in self.last_call.values())
        now = self.world.now
        self.over = self.watch.enough(now, rings=rings)
        if not self.dull and self.watch.dull(now, rings=rings):
            self.dull = True
            for server in self.servers:
                server.grant_at_least(LONG_S)

    # --- the report -------------------------------------------------------------------------

    def report(self, for_s: float, strikes: Sequence[Strike], plan: CallPlan | None) -> Rehearsal:
        """What came of it."""
        down, worse = (_struck(strikes, harm, for_s) for harm in (Harm.DOWN, Harm.WORSE))
        events = self.tally.events_of(PHONE)
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
            lines=tuple(self._lines(for_s, down, events)),
            calls=tuple(self._call_reports(events)),
            hosts=hosts,
            incoming=tuple(self._incoming()),
            wire=tuple(self.tally.packets),
            wire_cut=self.tally.cut,
        )

    def _lines(
        self, for_s: float, down: Mapping[str, list[Span]], events: Sequence[Event]
    ) -> Iterable[LineReport]:
        kept = [k for store in self.stores.values() for k in store.kept(for_s)]
        for settings in self.site.settings.enabled_lines():
            marks = Identity(settings, INSTANCE).tokens
            bound: dict[str, list[Span]] = {}
            reached: list[Span] = []
            for registrar in settings.registrars():
                mine = [k for k in kept if marks.get(k.mark) == registrar]
                for one in mine:
                    bound.setdefault(one.server, []).append((one.begin_s, one.end_s))
                ways = self._ways(settings.line, registrar, down, events, for_s)
                reached += _reachable(mine, self.site, down, ways)
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
        self,
        line: int,
        registrar: int,
        down: Mapping[str, list[Span]],
        events: Sequence[Event],
        for_s: float,
    ) -> list[Span] | None:
        """When the proxy worked by which the line had registered; None: there is none between.

        Incoming calls come the way of the registration (RFC 3327).
        """
        registrars = {
            host.address
            for route in self.site.routes
            if (route.line, route.registrar) == (line, registrar)
            for host in route.registrars
        }
        turns = [
            (event.at, event.hop.target.address)
            for event in events
            if isinstance(event, Registered | Refreshed)
            and (event.line, event.server) == (line, registrar)
            and event.hop is not None
        ]
        if all(address in registrars for _, address in turns):
            return None
        working: list[Span] = []
        ends = [at for at, _ in turns[1:]] + [for_s]
        for (begin, address), end in zip(turns, ends, strict=True):
            host = self.site.at(address)
            working += cut([(begin, end)], down.get(host.name, ()) if host else ())
        return merge(working)

    def _call_reports(self, events: Sequence[Event]) -> Iterable[CallReport]:
        for event in events:
            if isinstance(event, CallChanged) and event.call in self.calls:
                _follow(self.calls[event.call], event)
        dialled = sorted([*self.calls.values(), *self.refused], key=lambda d: (d.at, d.line))
        return [self._call_report(one) for one in dialled]

    def _call_report(self, one: _Dialled) -> CallReport:
        end, reason = CallEnd.ANSWERED, ""
        if not one.answered:
            end = CallEnd.LOST
            waited = f"nobody was reached within {time_text(one.ends_at - one.at)}"
            reason = one.reason if one.over_at < one.ends_at or not one.address else waited
        elif one.over_at < one.ends_at:
            end, reason = CallEnd.DROPPED, one.reason
        host = self.site.at(one.address)
        waited_s = None if one.rang_at is None else one.rang_at - one.at
        return CallReport(
            line=one.line,
            at=one.at,
            end=end,
            waited_s=waited_s,
            host=host.name if host is not None else "",
            reason=reason,
        )


def _callee_at(domain: str) -> Binding:
    """The callee's registration: it stands for good, whatever becomes of the servers."""
    contact = Uri("sip", CALLEE, CALLEE_ADDRESS, 5060)
    return Binding(
        aor=f"{CALLEE}@{domain}",
        contact=contact,
        text=f"<{contact}>",
        instance="",
        reg_id="",
        call_id=CALLEE,
        cseq=1,
        server="",
        flow=0,
        registered_at=0.0,
        expires_at=math.inf,
    )


def _struck(strikes: Sequence[Strike], harm: Harm, for_s: float) -> dict[str, list[Span]]:
    """When which host was struck so."""
    struck: dict[str, list[Span]] = {}
    for strike in strikes:
        if strike.harm is harm:
            for host in strike.hosts:
                struck.setdefault(host, []).append((strike.at_s, strike.until_s))
    return {host: clip(spans, for_s) for host, spans in struck.items()}


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


def _follow(call: _Dialled, event: CallChanged) -> None:
    """One event of a call."""
    if event.state in _CALLED_AT_ONCE:
        call.rang_at = event.at if call.rang_at is None else call.rang_at
        call.answered |= event.state == "established"
    elif event.state == "ended":
        call.over_at = event.at
        call.reason = event.reason
    if event.hop is not None:
        call.address = event.hop.target.address


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
) -> Rehearsal:
    """Run ``settings`` for ``for_s`` simulated seconds in a lab made for them.

    ``zone``: the DNS records (None: invented from the names); ``site``: a lab surveyed before,
    to be used again, in place of a zone. ``faults``: phrases ``TARGET VERB FROM..TO``, or
    strikes made of them. ``incoming_every_s``: somebody calls each line that often, and whenever
    something has changed, by whichever server lets it ring; fills ``incoming``.
    ``keep_packets`` fills ``wire``, for ladders. ``watch`` may end it before its time: what
    happens until then is the same with and without one. Raises ConfigError where no line is in use,
    FaultError and UsageError that say what would be right.
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
        play.expect_calls(incoming_every_s, strikes, for_s)
    play.watch_with(watch)
    play.world.do(PHONE, play.phone.start)
    if calls is not None:
        play.schedule(calls, for_s)
    return play.report(play.run(for_s), strikes, calls)
