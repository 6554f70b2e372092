"""Random zones, faults and settings: whatever happens, each ticket is answered once, in time."""

from __future__ import annotations

import random

import pytest

from evertone.config.settings import DnsSettings, StaticA, StaticSrv
from evertone.dns.locator import Located
from evertone.lab.name_server import NameServer
from evertone.model import HopSource
from tests.dns.bench import NS1, NS2, SOA, Bench, where

_NAMES = ["sip", "a", "b", "c"]
_SERVICES = ["SIP+D2U", "SIP+D2T", "SIPS+D2T", "SIP+D2S", "x"]
_WALK_S = 32.0


def _zone(rng: random.Random) -> str:
    lines = [SOA]
    for name in _NAMES:
        kind = rng.choice(["cname", "records", "records", "nothing"])
        if kind == "cname":
            lines.append(f"{name}.example. 7 IN CNAME {rng.choice(_NAMES)}.example.\n")
        elif kind == "records":
            lines += [_naptr(rng, name) for _ in range(rng.randrange(3))]
            lines += [f"{name}.example. 9 IN A 192.0.2.{rng.randrange(9)}\n"] * rng.randrange(2)
        lines += [_srv(rng, name) for _ in range(rng.randrange(4))]
    return "".join(lines)


def _naptr(rng: random.Random, name: str) -> str:
    flag, service = rng.choice(["s", "a", "", "", "u"]), rng.choice(_SERVICES)
    to = rng.choice(["", "_sip._udp.", "_sip._tcp."]) + rng.choice(_NAMES)
    numbers = f"{rng.randrange(3)} {rng.randrange(3)}"
    return f'{name}.example. 11 IN NAPTR {numbers} "{flag}" "{service}" "" {to}.example.\n'


def _srv(rng: random.Random, name: str) -> str:
    owner = rng.choice(["_sip._udp.", "_sip._tcp.", "_sips._tcp."]) + name
    target = rng.choice([".", *(f"{n}.example." for n in _NAMES)])
    numbers = f"{rng.randrange(2)} {rng.randrange(3)} {rng.choice([0, 5060, 5080])}"
    return f"{owner}.example. {rng.choice([0, 13])} IN SRV {numbers} {target}\n"


def _settings(rng: random.Random) -> DnsSettings:
    return DnsSettings(
        static_a=(StaticA(f"{rng.choice(_NAMES)}.example", "192.0.2.77", 30),),
        static_srv=(StaticSrv("_sip._tcp.sip.example", f"{rng.choice(_NAMES)}.example"),),
        last_cache_expired_enable=rng.randrange(2),
    )


def _fault(rng: random.Random, b: Bench) -> None:
    server = rng.choice([NS1, NS2])
    match rng.choice(["silent", "refusing", "fails", "truncates", "heal", "heal", "zone"]):
        case "silent":
            b.silent.add(server)
        case "refusing":
            b.refusing.add(server)
        case "fails":
            b.zones[server].fails = True
        case "truncates":
            b.zones[server].truncates = True
        case "zone":
            b.zones[server].load(_zone(rng))
        case _:
            b.silent.clear()
            b.refusing.clear()
            for zone in b.zones.values():
                zone.fails = zone.truncates = False


@pytest.mark.rule("D4", "D11", "D14", "D16")
@pytest.mark.parametrize("seed", range(60))
def test_every_ticket_is_answered_once_and_in_time(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    zone = _zone(rng)
    b = Bench({NS1: NameServer(zone), NS2: NameServer(zone)}, settings=_settings(rng), seed=seed)
    for _ in range(25):
        _fault(rng, b)
        asked = where(
            f"{rng.choice(_NAMES)}.example",
            port=rng.choice([0, 0, 0, 5060]),
            transport_type=rng.choice([0, 1, 2, 3, 3, 3]),
            naptr_build=rng.randrange(2),
            dns_cache_type=rng.randrange(3),
            static_cache_pri=rng.randrange(2),
        )
        begun, waits = b.now, rng.random() < 0.3
        known = dict(b.locator.snapshot(b.now).lists).get(asked)
        answer = b.locate(asked, someone_waits=waits)
        patience = 1.8 if waits and known else _WALK_S
        assert b.now - begun <= patience + 0.001
        if isinstance(answer, Located):
            _check(b, answer)
        b.now += rng.choice([0.0, 5.0, 40.0, 4000.0])
    b.run()
    at_rest = b.locator.snapshot(b.now)
    assert (at_rest.locating, at_rest.in_flight) == (0, ())
    assert b.locator.next_deadline() is None
    assert len(b.answers) == 25


def _check(b: Bench, answer: Located) -> None:
    hops = (*answer.hops, *answer.spare)
    assert [hop.index for hop in hops] == list(range(len(hops)))
    assert len({hop.target for hop in hops}) == len(hops)
    assert all(hop.why for hop in hops)
    assert all(hop.source is HopSource.STATIC for hop in answer.spare)
    assert all(hop.target.port for hop in hops)
