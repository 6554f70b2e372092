"""What a seed means: settings, topology, faults and what the user does, all as data."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from evertone.config.settings import (
    INHERIT,
    DnsSettings,
    LineSettings,
    PhoneSettings,
    ProxySettings,
    ServerSettings,
)
from evertone.dns.order import Draw
from evertone.lab.faults import Fault, make_fault
from evertone.model import Group
from tests.swarm.sites import Machine, Place, draw_place, static_records

__all__ = ["CALLEE", "DNS", "PHONE", "Action", "Plan", "make_plan"]

PHONE, CALLEE, DNS = "phone", "callee", "dns"
USERS = ("alice", "alba")
TROUBLE_S = 900.0
MAX_FAULT_S = 150.0

SERVER_FAULTS: tuple[tuple[str, float | None], ...] = (
    ("silence", None),
    ("silence", None),
    ("refuse", None),
    ("answer", 503),
    ("answer", 503),
    ("answer", 500),
    ("answer", 408),
    ("answer", 404),
    ("freeze", None),
    ("restart", None),
    ("lose", 0.3),
    ("delay", 1.5),
)
DNS_FAULTS: tuple[tuple[str, float | None], ...] = (
    ("dns_down", None),
    ("servfail", None),
    ("truncate", None),
    ("refuse", None),
    ("lose", 0.4),
)
PHONE_FAULTS: tuple[tuple[str, float | None], ...] = (
    ("silence", None),
    ("lose", 0.2),
    ("delay", 0.3),
)


@dataclass(frozen=True, slots=True)
class Action:
    """The user does ``verb`` at ``at_s``.

    "call", "invite" (the callee calls us): ``line``, and hung up after ``lasts_s``.
    "network": R8. "rezone": DNS ranks the machines of ``group`` in ``order``.
    """

    at_s: float
    verb: str
    line: int = 1
    lasts_s: float = 0.0
    group: Group = Group.SERVER1
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A world that has not happened yet.

    ``stores`` names, by registrar, who shares bindings: machines of one name share one store.
    ``callee_at`` is the machine that the callee calls through.
    """

    seed: int
    settings: PhoneSettings
    places: dict[Group, Place]
    stores: dict[str, str]
    digest: bool
    faults: tuple[Fault, ...]
    actions: tuple[Action, ...]
    callee_at: str
    draw_seed: int = field(default=0)

    @property
    def servers(self) -> list[Place]:
        """The places that are registrars."""
        return [p for g, p in self.places.items() if not g.is_proxy]

    @property
    def proxies(self) -> list[Place]:
        """The outbound proxies."""
        return [p for g, p in self.places.items() if g.is_proxy]

    def draw(self) -> Draw:
        """The phone's lot among equals, the same each time."""
        return Draw(random.Random(self.draw_seed))

    def final_place(self, group: Group) -> Place:
        """The place as DNS ranks it in the end."""
        changes = [a for a in self.actions if a.verb == "rezone" and a.group is group]
        place = self.places[group]
        return replace(place, order=changes[-1].order) if changes else place

    def primary(self, line: LineSettings, group: Group) -> Machine:
        """Where ``line``'s list of ``group`` begins, once all faults are over."""
        if line.static_cache_pri and self.settings.dns.static_a:
            return self.places[group].primary(None)  # static records in their order (D13)
        return self.final_place(group).primary(self.draw())


def make_plan(seed: int) -> Plan:
    """The world of ``seed``."""
    rng = random.Random(seed)
    naptr_build = rng.randint(0, 1)
    kind = rng.choice(("failover", "concurrent", "successive", "concurrent", "successive"))
    groups = [Group.SERVER1] if kind == "failover" else [Group.SERVER1, Group.SERVER2]
    behind_proxies = rng.random() < 0.3
    transport_type = rng.randint(0, 3)
    places: dict[Group, Place] = {}
    for group in groups:
        if not behind_proxies:
            transport_type = rng.randint(0, 3)
        places[group] = draw_place(rng, group, 1, transport_type, naptr_build)
        if behind_proxies:  # only the proxies' lists are walked
            places[group] = replace(places[group], machines=places[group].machines[:1], order=(0,))
    if behind_proxies:
        for group in (Group.PROXY1, Group.PROXY2)[: rng.randint(1, 2)]:
            places[group] = draw_place(rng, group, 1, transport_type, naptr_build)
    settings = _settings(rng, places, kind, naptr_build)
    return Plan(
        seed=seed,
        settings=settings,
        places=places,
        stores=_stores(rng, settings.lines, places),
        digest=rng.random() < 0.7,
        faults=_faults(rng, places),
        actions=_actions(rng, places, len(settings.lines)),
        callee_at=rng.choice([m.name for g in groups for m in places[g].machines]),
        draw_seed=rng.getrandbits(32),
    )


# --- settings ---------------------------------------------------------------------------------


def _settings(
    rng: random.Random, places: dict[Group, Place], kind: str, naptr_build: int
) -> PhoneSettings:
    expires = rng.choice((60, 120, 300))
    servers = tuple(
        _server(rng, places[group], expires) if group in places else ServerSettings()
        for group in (Group.SERVER1, Group.SERVER2)
    )
    proxies = tuple(
        _proxy(rng, places[group]) if group in places else ProxySettings()
        for group in (Group.PROXY1, Group.PROXY2)
    )
    line = LineSettings(
        enable=1,
        user_name=USERS[0],
        password=f"pw {USERS[0]}",
        sip_server=(servers[0], servers[1]),
        outbound_proxy_enable=int(Group.PROXY1 in places),
        outbound_proxy=(proxies[0], proxies[1]),
        fallback_redundancy_type=int(kind == "successive"),
        fallback_timeout=rng.choice((10, 30, 120)),
        outbound_proxy_fallback_interval=rng.choice((30, 120)),
        dns_cache_type=rng.randint(0, 2),
        static_cache_pri=rng.randint(0, 1),
        naptr_build=naptr_build,
        reg_fail_retry_interval=rng.choice((5, 30)),
        reg_failed_retry_min_time=rng.choice((0, 0, 5)),
        reg_failed_retry_max_time=30,
        register_expires_overlap=rng.choice((-1, -1, 5, 20)),
        unregister_on_reboot=rng.randint(0, 1),
        redundancy_with_reg_fail_enable=rng.randint(0, 1),
        nat_udp_update_enable=rng.randint(0, 1),
        skip_unavailable=rng.choice((0, 0, 20)),
        spread=rng.choice((0, 0, 10)),
        settle=rng.choice((0, 0, 20)),
        srv_weight=rng.choice(("guide", "rfc2782")),
        call_survival=rng.randint(0, 1),
    )
    lines = [line]
    if rng.random() < 0.3:
        lines.append(replace(line, line=2, user_name=USERS[1], password=f"pw {USERS[1]}"))
    with_static = rng.random() < 0.4
    dns = static_records(list(places.values())) if with_static else DnsSettings()
    return PhoneSettings(
        lines=tuple(lines),
        reg_surge_prevention=rng.choice((0, 0, 15)),
        dns=replace(
            dns,
            last_cache_expired_enable=rng.randint(0, 1),
            last_cache_expired=rng.choice((60, 3600)),
        ),
    )


def _server(rng: random.Random, place: Place, expires: int) -> ServerSettings:
    return ServerSettings(
        address=place.address,
        port=place.port,
        transport_type=place.transport_type,
        expires=expires,
        retry_counts=rng.randint(0, 4),
        register_on_enable=rng.randint(0, 1),
        only_signal_with_registered=rng.randint(0, 1),
        invite_retry_counts=rng.randint(0, 4),
        failback_mode=rng.randint(0, 3),
        failback_timeout=rng.choice((0, 30, 60, 120)),
        failback_subscribe_enable=rng.randint(0, 1),
    )


def _proxy(rng: random.Random, place: Place) -> ProxySettings:
    def twin(*values: int) -> int:
        return rng.choice((INHERIT, *values))

    return ProxySettings(
        address=place.address,
        port=place.port,
        retry_counts=twin(0, 2),
        register_on_enable=twin(0, 1),
        only_signal_with_registered=twin(0, 1),
        invite_retry_counts=twin(1, 3),
        failback_mode=twin(0, 1, 2, 3),
        failback_timeout=twin(0, 60),
    )


def _stores(
    rng: random.Random, lines: tuple[LineSettings, ...], places: dict[Group, Place]
) -> dict[str, str]:
    """With ``register_on_enable`` 0 a list's targets share by the guide's meaning; with 1 they
    may all the same (B6). Now and then both servers share one store."""
    all_share = rng.random() < 0.1
    stores = {}
    for group, place in places.items():
        if group.is_proxy:
            continue
        apart = lines[0].server(group.number).register_on_enable and rng.random() < 0.8
        for machine in place.machines:
            stores[machine.name] = machine.name if apart else group.name
            if all_share and not apart:
                stores[machine.name] = "all"
    return stores


# --- what happens -----------------------------------------------------------------------------


def _faults(rng: random.Random, places: dict[Group, Place]) -> tuple[Fault, ...]:
    machines = [m.name for place in places.values() for m in place.machines]
    whole = [[m.name for m in place.machines] for place in places.values()]
    faults: list[Fault] = []
    at = rng.uniform(0, 60) if rng.random() < 0.8 else 0.0
    while at < TROUBLE_S:
        until = min(at + rng.uniform(1, MAX_FAULT_S), TROUBLE_S)
        roll = rng.random()
        if roll < 0.70:
            verb, value = rng.choice(SERVER_FAULTS)
            struck = rng.choice(whole) if rng.random() < 0.3 else [rng.choice(machines)]
            retry = rng.choice((0, 0, 20)) if (verb, value) == ("answer", 503) else 0
            faults += [_fault(verb, name, at, until, value, retry_after_s=retry) for name in struck]
        elif roll < 0.82:
            verb, value = rng.choice(DNS_FAULTS)
            faults.append(_fault(verb, DNS, at, until, value))
        elif roll < 0.92:
            one, two = PHONE, rng.choice(machines)
            if rng.random() < 0.5:
                one, two = two, one
            faults.append(_fault("partition", one, at, until, None, peer=two))
        else:
            verb, value = rng.choice(PHONE_FAULTS)
            faults.append(_fault(verb, PHONE, at, min(until, at + 40), value))
        at += rng.expovariate(1 / 90)
    return tuple(faults)


def _fault(
    verb: str,
    subject: str,
    at: float,
    until: float,
    value: float | None,
    *,
    peer: str = "",
    retry_after_s: int = 0,
) -> Fault:
    until_s = math.inf if verb == "restart" else until
    return make_fault(
        verb,
        subject,
        at_s=at,
        until_s=until_s,
        value=value,
        peer=peer,
        retry_after_s=retry_after_s,
    )


def _actions(rng: random.Random, places: dict[Group, Place], lines: int) -> tuple[Action, ...]:
    actions: list[Action] = []
    ranked = [p for p in places.values() if len(p.machines) > 1 and p.shape in ("srv", "naptr")]
    at = rng.expovariate(1 / 30)
    while at < TROUBLE_S:
        roll = rng.random()
        line = rng.randint(1, lines)
        if roll < 0.6:
            lasts = rng.uniform(0, 3) if rng.random() < 0.2 else rng.uniform(30, 200)
            actions.append(Action(at, "call", line, lasts))
        elif roll < 0.9:
            actions.append(Action(at, "invite", line, rng.uniform(0, 60)))
        elif roll < 0.93:
            actions.append(Action(at, "network"))
        elif ranked and roll < 0.97:
            place = rng.choice(ranked)
            order = tuple(rng.sample(range(len(place.machines)), len(place.machines)))
            actions.append(Action(at, "rezone", group=place.group, order=order))
        at += rng.expovariate(1 / 45)
    return tuple(actions)
