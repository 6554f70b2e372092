"""The guide's examples as the files in ``examples/`` have them, with the DNS that they describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertone.config import load
from evertone.events import Event, FailedOver
from evertone.flows import Nameserver
from evertone.lab.faults import make_fault
from evertone.lab.scenario import NameServerSpec, Scenario, ServerSpec
from evertone.lab.stage import put_on_stage
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.phone.snapshot import LineSnapshot, LineState

EXAMPLES = Path(__file__).parents[2] / "examples"
DOMAIN = "yealink.pbx.com"
THIRTEEN, FOURTEEN, DNS, HERE = "192.168.1.13", "192.168.1.14", "192.168.1.53", "192.168.1.100"
SOA = "@ IN SOA ns admin 1 3600 600 86400 60\n"
HOSTS = f"server1 IN A {THIRTEEN}\nserver2 IN A {FOURTEEN}\n"
SRV = """_sip._tcp IN SRV 0 1 5060 server1
_sip._tcp IN SRV 0 2 5060 server2
_sip._udp IN SRV 0 1 5060 server1
_sip._udp IN SRV 0 2 5060 server2
"""
NAPTR = """@ IN NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp
@ IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp
"""


class Office:
    """One phone with an example's settings, two servers, and a name server with ``zone``."""

    def __init__(self, example: str, zone: str) -> None:
        self.world = World(1)
        servers = tuple(
            ServerSpec(
                name,
                address,
                tuple(Target(address, t.default_port, t) for t in Transport),
                (DOMAIN,),
                (DOMAIN,),
                "shared",
            )
            for name, address in (("server1", THIRTEEN), ("server2", FOURTEEN))
        )
        name_server = NameServerSpec("dns", DNS, 53, {DOMAIN: SOA + zone})
        put_on_stage(self.world, Scenario(DOMAIN, {"4605": "4605"}, servers, (name_server,)))
        self.phone = Phone(
            load([EXAMPLES / example]).settings,
            "urn:uuid:00000000-0000-4000-8000-000000000001",
            self.world.rng_for("phone"),
            (Nameserver(DNS),),
        )
        self.world.attach("phone", self.phone, [HERE], listen=[Target(HERE, 5060, Transport.UDP)])
        self.world.do("phone", self.phone.start)

    @property
    def line(self) -> LineSnapshot:
        return self.phone.snapshot(self.world.now).lines[0]

    @property
    def events(self) -> list[Event]:
        return self.world.record.events_of("phone")

    def strike(self, verb: str, host: str) -> None:
        now = self.world.now
        self.world.inject(make_fault(verb, host, at_s=now, until_s=now + 86_400))


@pytest.mark.rule("D13", "D2")
def test_example_1_static_a_records_where_dns_has_none() -> None:
    office = Office("static-dns-a.cfg", "")
    office.world.run_for(10)
    assert office.line.target == Target(THIRTEEN, 5060, Transport.UDP)  # in the records' order
    office.strike("silence", "server1")
    office.world.run_for(3600)
    assert office.line.target == Target(FOURTEEN, 5060, Transport.UDP)


@pytest.mark.rule("D13", "D5", "D7")
def test_example_2_static_srv_records_where_dns_has_a_records_only() -> None:
    office = Office("static-dns-srv.cfg", HOSTS)
    office.world.run_for(10)
    assert office.line.target == Target(FOURTEEN, 5060, Transport.TCP)  # the higher weight
    office.strike("refuse", "server2")
    office.world.run_for(3600)
    assert office.line.target == Target(THIRTEEN, 5060, Transport.TCP)


@pytest.mark.rule("D13", "D4")
def test_example_3_static_naptr_records_where_dns_has_srv_and_a_records() -> None:
    office = Office("static-dns-naptr.cfg", HOSTS + SRV)
    office.world.run_for(10)
    assert office.line.target == Target(FOURTEEN, 5060, Transport.TCP)  # order 90: TCP


@pytest.mark.rule("D13")
@pytest.mark.parametrize("example", ["static-dns-srv.cfg", "static-dns-naptr.cfg"])
def test_what_dns_says_comes_before_static_records(example: str) -> None:
    only_udp = '@ IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp\n'
    office = Office(example, HOSTS + SRV + only_udp)
    office.world.run_for(10)
    assert office.line.target == Target(FOURTEEN, 5060, Transport.UDP)


@pytest.mark.rule("B4", "B7", "P1", "R9")
def test_the_guides_failover_example_leaves_the_primary_and_comes_home() -> None:
    office = Office("guide-failover.cfg", HOSTS + SRV + NAPTR)
    office.world.run_for(10)
    primary, secondary = (Target(a, 5060, Transport.TCP) for a in (FOURTEEN, THIRTEEN))
    assert office.line.target == primary
    office.strike("silence", "server2")
    office.world.run_for(3600)  # the dead connection is noticed before the refresh (R9)
    (left,) = (e for e in office.events if isinstance(e, FailedOver))
    assert office.line.target == secondary
    assert office.line.state is LineState.REGISTERED
    office.world.heal("server2")
    office.world.run_until(left.at + 3599)
    assert office.line.target == secondary
    office.world.run_for(2)  # failback_timeout after the failover
    assert office.line.target == primary
