"""A site in a simulated world: two servers behind one name, and phones with many lines.

The name leads by NAPTR, SRV and A records to a primary and a secondary registrar, each with
digest and bindings of its own. Everything is encoded and parsed on both ends, DNS included.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.flows import Nameserver
from evertone.lab.faults import make_fault
from evertone.lab.record import Packet, Record
from evertone.lab.scenario import NameServerSpec, Scenario, ServerSpec
from evertone.lab.servers import SipServer
from evertone.lab.stage import put_on_stage
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.phone.snapshot import LineState

HOUR_S = 3600.0
OVERLAP_S = 60  # R3
FAILBACK_S = 600
OUTAGE_S = 600.0
BEFORE_S = 200.0  # from the outage's begin to the first refresh that meets it

DOMAIN = "pbx.example.com"
PRIMARY, SECONDARY, NAMES = "192.0.2.1", "192.0.2.2", "192.0.2.53"
ZONE = """\
$TTL 3600
@         IN SOA ns admin 1 3600 600 86400 3600
@         IN NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp
_sip._udp IN SRV 0 2 5060 primary
_sip._udp IN SRV 0 1 5060 secondary
primary   IN A 192.0.2.1
secondary IN A 192.0.2.2
"""


class Trace(Record):
    """Digests packets instead of keeping them: a day of a thousand lines fits no memory."""

    def __init__(self) -> None:
        super().__init__(packets=True)
        self._digest = hashlib.sha256()
        self.count = 0

    def packet(self, packet: Packet) -> None:
        """Take one packet into the digest."""
        self.count += 1
        self._digest.update(packet.line())

    def fingerprint(self) -> str:
        """The digest of all packets and events."""
        digest = self._digest.copy()
        for happening in self.events:
            digest.update(repr(happening).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate: ``lines`` on phones of ``per_phone``, for ``hours``. Phones start within
    ``start_within_s`` seconds (R7); the primary is silent for the ten minutes in which every
    line refreshes for the time ``outage_at_refresh`` (0: never). ``digest``: the servers ask for
    passwords, and take one nonce for ``nonce_s``."""

    lines: int
    hours: float
    per_phone: int = 16
    outage_at_refresh: int = 0
    start_within_s: int = 60
    expires_s: int = 3600
    digest: bool = True
    nonce_s: int = 86_400

    @property
    def phones(self) -> int:
        """How many phones these lines take."""
        return -(-self.lines // self.per_phone)

    @property
    def outage_at_s(self) -> float:
        """When the outage begins."""
        return self.outage_at_refresh * (self.expires_s - OVERLAP_S) - BEFORE_S


class Site:
    """The world of a plan, ready to run. ``record`` None: packets are not kept."""

    def __init__(self, plan: Plan, seed: int, record: Record | None = None) -> None:
        self.plan = plan
        self.world = World(seed, record=record or Record(packets=False))
        users = {user(n): f"secret-{n}" for n in range(plan.lines if plan.digest else 0)}
        self.servers = put_on_stage(self.world, _scenario(users, plan.nonce_s))
        self.phones = [self._phone(index) for index in range(plan.phones)]
        if plan.outage_at_refresh:
            begin, end = plan.outage_at_s, plan.outage_at_s + OUTAGE_S
            self.world.inject(make_fault("silence", "primary", at_s=begin, until_s=end))

    def run(self) -> None:
        """Start every phone and let the plan's time pass."""
        for index, phone in enumerate(self.phones):
            self.world.do(f"phone {index}", phone.start)
        self.world.run_until(self.plan.hours * HOUR_S)

    @property
    def primary(self) -> SipServer:
        """The server that every line belongs to."""
        return self.servers["primary"]

    def check(self) -> None:
        """Raise AssertionError unless the site did what was to be measured."""
        at_home = 0
        for phone in self.phones:
            for line in phone.snapshot(self.world.now).lines:
                home = line.target is not None and line.target.address == PRIMARY
                at_home += home and line.state is LineState.REGISTERED
        if at_home != self.plan.lines:
            raise AssertionError(f"{at_home} of {self.plan.lines} lines are at home")
        moved = self.happened("FailedOver")
        if self.plan.outage_at_refresh and moved < self.plan.lines:
            raise AssertionError(f"only {moved} of {self.plan.lines} lines failed over")

    def happened(self, kind: str) -> int:
        """How many events of one kind there were."""
        return sum(type(h.event).__name__ == kind for h in self.world.record.events)

    def _phone(self, index: int) -> Phone:
        plan, name = self.plan, f"phone {index}"
        first = index * plan.per_phone
        server = ServerSettings(
            address=DOMAIN,
            port=0,
            transport_type=3,
            expires=plan.expires_s,
            register_on_enable=1,
            failback_mode=3,
            failback_timeout=FAILBACK_S,
        )
        lines = tuple(
            LineSettings(
                line=n - first + 1,
                enable=1,
                user_name=user(n),
                password=f"secret-{n}",
                sip_server=(server, ServerSettings()),
            )
            for n in range(first, min(first + plan.per_phone, plan.lines))
        )
        settings = PhoneSettings(lines=lines, reg_surge_prevention=plan.start_within_s)
        instance = f"urn:uuid:00000000-0000-1000-8000-{index:012x}"
        rng, names = self.world.rng_for(name), (Nameserver(NAMES),)
        phone = Phone(settings, instance, rng, names, families=frozenset({4}))  # as its address
        self.world.attach(name, phone, [f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"])
        return phone


def user(number: int) -> str:
    """The user name of one line of the site."""
    return f"{10_000 + number}"


def _scenario(users: dict[str, str], nonce_s: int) -> Scenario:
    servers = tuple(
        ServerSpec(
            name=name,
            address=address,
            listen=(Target(address, 5060, Transport.UDP),),
            domains=(DOMAIN, address),
            certificate=(),
            nonce_lifetime_s=nonce_s,
        )
        for name, address in (("primary", PRIMARY), ("secondary", SECONDARY))
    )
    names = NameServerSpec("dns", NAMES, 53, {DOMAIN: ZONE})
    return Scenario(DOMAIN, users, servers, (names,))
