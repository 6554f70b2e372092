"""Whole phones in random worlds: whatever happened, nothing is left over, and twice the same.

Two phones call each other through two servers while faults strike at random. A failure prints
its seed: put it among ``KEPT``.
"""

from __future__ import annotations

import math
import random
from functools import partial

import pytest

from evertone.config.settings import LineKey, LineSettings, PhoneSettings, ServerSettings
from evertone.errors import UsageError
from evertone.lab.checkers import at_rest
from evertone.lab.faults import make_fault
from evertone.lab.registrations import RegistrationStore
from evertone.lab.sip_server import SipServer
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.phone.snapshot import LineState, PhoneSnapshot

KEPT: tuple[int, ...] = ()
SEEDS = (*range(24), *KEPT)

ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}
PHONES = {"a": "10.0.1.1", "b": "10.0.1.2"}
FAULTS_END_S = 900
PEACE_S = 1500  # every retry, refresh and straggler (A8) is over by then

SERVER_FAULTS = (
    ("silence", None),
    ("refuse", None),
    ("answer", 503),
    ("answer", 404),
    ("answer", 500),
    ("freeze", None),
    ("restart", None),
    ("lose", 0.3),
    ("delay", 1.5),
)


class Swarm:
    """One world, made and troubled by its seed."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.world = World(seed)
        self.successive = rng.random() < 0.5
        shared = RegistrationStore() if rng.random() < 0.5 else None
        users = {name: f"pw {name}" for name in PHONES} if rng.random() < 0.7 else {}
        for name, address in ADDRESSES.items():
            ends = [Target(address, t.default_port, t) for t in Transport]
            other = next(a for n, a in ADDRESSES.items() if n != name)
            node = SipServer(
                name,
                ends,
                ["pbx.example", address],
                users,
                shared or RegistrationStore(),
                self.world.rng_for(name),
                routes={} if shared else {"*": Target(other, 5060, Transport.UDP)},
            )
            self.world.attach(name, node, [address], listen=ends, certificate=[address])
        self.phones: dict[str, Phone] = {}
        for name, address in PHONES.items():
            keys = (LineKey(16, 1, "b" if name == "a" else "a"),) if rng.random() < 0.5 else ()
            settings = PhoneSettings(lines=(self.line(name),), line_keys=keys)
            phone = Phone(
                settings,
                f"urn:uuid:00000000-0000-4000-8000-00000000000{name}",
                self.world.rng_for(name),
                auto_answer=rng.random() < 0.8,
            )
            self.phones[name] = phone
            end = Target(address, 5060, Transport.UDP)
            self.world.attach(name, phone, [address], listen=[end])

    def line(self, user: str) -> LineSettings:
        rng = self.rng
        one, two = (
            ServerSettings(
                address=address,
                port=5061 if transport == 2 else 5060,
                transport_type=transport,
                expires=rng.choice((60, 120)),
                invite_retry_counts=rng.randint(0, 4),
                retry_counts=rng.randint(0, 4),
                register_on_enable=rng.randint(0, 1),
            )
            for address in ADDRESSES.values()
            for transport in (rng.randint(0, 2),)
        )
        return LineSettings(
            enable=1,
            user_name=user,
            password=f"pw {user}",
            sip_server=(one, two),
            fallback_redundancy_type=int(self.successive),
            fallback_timeout=10,
            reg_fail_retry_interval=10,
            unregister_on_reboot=rng.randint(0, 1),
            subscribe_mwi=rng.randint(0, 1),
            subscribe_mwi_expires=rng.choice((300, 600)),
            blf_subscribe_period=rng.choice((300, 600)),
            sub_fail_retry_interval=10,
            call_survival=rng.randint(0, 1),
        )

    def run(self) -> None:
        """Trouble until the faults end, then peace."""
        world, rng = self.world, self.rng
        for name, phone in self.phones.items():
            world.do(name, phone.start)
        while world.now < FAULTS_END_S:
            world.run_for(rng.expovariate(1 / 12))
            rng.choice((self.strike, self.call, self.call, self.touch, self.touch, self.change))()
        for name in ADDRESSES:
            world.heal(name)
        world.run_for(60)
        for name in PHONES:
            self.hang_up_all(name)
        world.run_for(PEACE_S)

    def calm(self, name: str) -> PhoneSnapshot:
        """What a phone looks like when it is not in the middle of a refresh."""
        phone, world = self.phones[name], self.world

        def is_calm() -> bool:
            view = phone.snapshot(world.now)
            return not (view.transactions or view.lingering)

        for _ in range(300):  # by the clock: between two refreshes nothing need happen
            if is_calm():
                break
            world.run_for(1)
        return phone.snapshot(world.now)

    def strike(self) -> None:
        verb, value = self.rng.choice(SERVER_FAULTS)
        host, now = self.rng.choice(tuple(ADDRESSES)), self.world.now
        until = math.inf if verb == "restart" else now + self.rng.uniform(1, 90)
        self.world.inject(make_fault(verb, host, at_s=now, until_s=until, value=value))

    def call(self) -> None:
        name = self.rng.choice(tuple(PHONES))
        other = "b" if name == "a" else "a"
        phone = self.phones[name]
        if len(phone.snapshot(self.world.now).calls) < 6:
            self.world.do(name, lambda now: phone.call(1, other, now))

    def touch(self) -> None:
        """The user of some phone does something with some call."""
        name = self.rng.choice(tuple(PHONES))
        phone = self.phones[name]
        calls = phone.snapshot(self.world.now).calls
        if not calls:
            return
        call = self.rng.choice(calls)
        verbs = (phone.answer, phone.hangup, phone.hangup, phone.reject, phone.hold, phone.resume)
        verb = self.rng.choice(verbs)
        try:
            self.world.do(name, lambda now: verb(call.call, now))
        except UsageError:
            assert verb != phone.hangup

    def change(self) -> None:
        if self.rng.random() < 0.1:
            name = self.rng.choice(tuple(PHONES))
            self.world.do(name, self.phones[name].network_changed)

    def hang_up_all(self, name: str) -> None:
        phone = self.phones[name]
        for call in phone.snapshot(self.world.now).calls:
            self.world.do(name, partial(phone.hangup, call.call))


@pytest.mark.rule("A8", "A11", "A13", "C2", "C4", "S4", "S5", "B6", "R9", "X5")
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happened_nothing_is_left_over(seed: int) -> None:
    print(f"seed {seed}")
    swarm = Swarm(seed)
    swarm.run()
    for name in swarm.phones:
        view = swarm.calm(name)
        assert at_rest(view, (), both_serve=True) == [], (seed, name)
        (line,) = view.lines
        assert (line.state, line.server) == (LineState.REGISTERED, 1), (seed, name)
        timers = {timer.split()[0] for timer, _ in view.timers}
        assert timers <= {"engine", "bindings", "ping", "pong", "transactions", "subscription"}
        assert {each.state for each in view.subscriptions} <= {"active"}, (seed, name)
    for name, phone in swarm.phones.items():
        swarm.world.do(name, phone.stop)
    swarm.world.run_for(400)
    for phone in swarm.phones.values():
        view = phone.snapshot(swarm.world.now)
        assert phone.stopped
        assert (view.flows, view.timers, view.lingering) == ((), (), 0), seed


def test_the_same_seed_gives_the_same_trace() -> None:
    prints = []
    for _ in range(2):
        swarm = Swarm(3)
        swarm.run()
        prints.append(swarm.world.record.fingerprint())
    assert prints[0] == prints[1]
