"""The guide's four scenarios: one script each, played in either world, judged by what was seen.

What a story expects stands in the guide; what it saw is read from the packets on the wire and
from where the phone says it is. Nothing here tells the phone what to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from evertone.config.settings import LineSettings, PhoneSettings, ServerSettings
from evertone.flows import Nameserver
from evertone.lab.faults import make_fault
from evertone.lab.scenario import NameServerSpec, Scenario, ServerSpec
from evertone.lab.stage import Pause, Script, Stage, Until, put_on_stage
from evertone.lab.wire import Exchange, Wire
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from evertone.phone.snapshot import LineSnapshot, LineState

__all__ = ["BASE", "STORIES", "Claim", "Story", "Verdict", "tell"]

EXPIRES_S = 30
FALLBACK_TIMEOUT_S = 10
PORT = 5060
DNS_PORT = 10053
DOMAIN = "yealink.pbx.com"

RESENT_AFTER_S = (0.5, 1.5, 3.5)
"""S1 with three retries: when the request is resent, in seconds after its first send."""

GIVEN_UP_AFTER_S = 7.5
"""S1 with three retries: when the target is judged unavailable."""

CALLER, CALLEE = "phone A", "phone B"
BASE = "127.0.20.0"
"""The address that those of the stories are counted up from, unless told otherwise."""
_USERS = {CALLER: "4605", CALLEE: "4606"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What the guide expects, what was seen, and whether that is the same."""

    expected: str
    seen: str
    held: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a story ended. ``gap_s``: time without service in seconds; ``gap_text`` what it spans."""

    claims: tuple[Claim, ...]
    gap_s: float
    gap_text: str

    @property
    def served(self) -> bool:
        """False if service never came back."""
        return self.gap_s != float("inf")

    @property
    def held(self) -> bool:
        """True if the phone did all that the guide says."""
        return all(claim.held for claim in self.claims)


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario of the guide. ``first`` and ``second`` are the servers' names; ``network``
    numbers its addresses, so that all stories can be played side by side on loopback, counted
    up from ``base``."""

    key: str
    title: str
    about: str
    first: str
    second: str
    network: int
    line: Callable[[Story, str], LineSettings]
    script: Callable[[_Play], Script[Verdict]]
    shared: bool = False
    base: str = BASE

    def address(self, host: int) -> str:
        """An address of this story."""
        return str(ipaddress.IPv4Address(self.base) + 10 * self.network + host)

    def names(self) -> dict[str, str]:
        """Host names by address."""
        return {
            self.address(1): self.first,
            self.address(2): self.second,
            self.address(5): CALLER,
            self.address(6): CALLEE,
            self.address(9): "name server",
        }


@dataclass(slots=True)
class _Play:
    """A story on a stage: the phones, and what scripts look at."""

    story: Story
    stage: Stage
    tolerance_s: float
    phones: dict[str, Phone] = field(default_factory=dict)
    down_at: float = 0.0
    up_at: float = 0.0

    # --- verbs ------------------------------------------------------------------------------

    def start(self) -> Script[None]:
        """Both phones register; then a moment of peace."""
        for name, phone in self.phones.items():
            self.stage.do(name, phone.start)
        yield Until(lambda: all(self.is_at(n, self.story.first) for n in self.phones), 10)
        yield Pause(2)

    def take_down(self) -> None:
        """The first server falls silent."""
        self.down_at = self.stage.now
        self.stage.inject(make_fault("silence", self.story.first, at_s=self.down_at))

    def bring_back(self) -> None:
        """The first server answers again."""
        self.up_at = self.stage.now
        self.stage.heal(self.story.first)

    def call(self) -> str:
        """Phone A calls phone B."""
        phone = self.phones[CALLER]
        return self.stage.do(CALLER, lambda now: phone.call(1, _USERS[CALLEE], now))

    def hang_up(self, call: str) -> None:
        """Phone A hangs up, if there is anything to end."""
        phone = self.phones[CALLER]
        if any(c.call == call for c in phone.snapshot(self.stage.now).calls):
            self.stage.do(CALLER, lambda now: phone.hangup(call, now))

    # --- what is seen -----------------------------------------------------------------------

    def wire(self) -> Wire:
        """What was on the wire so far."""
        return Wire(self.stage.record, self.story.names())

    def line(self, name: str) -> LineSnapshot:
        """Where a phone stands."""
        return self.phones[name].snapshot(self.stage.now).lines[0]

    def is_at(self, name: str, server: str) -> bool:
        """True if the phone is registered and served by ``server``."""
        line = self.line(name)
        if line.state is not LineState.REGISTERED or line.target is None:
            return False
        return self.story.names().get(line.target.address) == server

    def is_established(self, call: str) -> bool:
        """True if the call stands."""
        calls = self.phones[CALLER].snapshot(self.stage.now).calls
        return any(c.call == call and c.state == "established" for c in calls)

    def asked(self, method: str, server: str, after: float) -> list[Exchange]:
        """Phone A's transactions with ``server`` that began at ``after`` or later."""
        return self.wire().exchanges(method, CALLER, target=server, after=after)

    def served(self, method: str, server: str, after: float) -> Exchange | None:
        """The first of them that was answered with 200."""
        return next((x for x in self.asked(method, server, after) if x.status == 200), None)

    # --- claims that several stories make ---------------------------------------------------

    def claim_retries(self, method: str) -> Claim:
        """Sent to the dead server once and resent three times, spaced as S1 says."""
        server = self.story.first
        found = self.asked(method, server, self.down_at)
        expected = f"{method} to the {server}, retried three times"
        if not found:
            return Claim(expected, f"no {method} to it", False)
        offsets = ", ".join(f"{at - found[0].sends[0]:.1f}" for at in found[0].sends)
        held = found[0].spaced_like(RESENT_AFTER_S, self.tolerance_s) and not found[0].status
        return Claim(expected, f"sent at {offsets} s, no answer", held)

    def claim_served(self, method: str, other: Exchange | None) -> Claim:
        """Then the other server was asked, after the first was given up, and answered 200."""
        server = self.story.second
        expected = f"then {method} to the {server}, which answers 200 OK"
        tries = self.asked(method, self.story.first, self.down_at)
        if other is None or not tries:
            return Claim(expected, "no 200 from it", False)
        wait_s = other.sends[0] - tries[0].sends[0]
        held = wait_s >= GIVEN_UP_AFTER_S - self.tolerance_s
        return Claim(expected, f"200 OK, {wait_s:.1f} s after the first send", held)

    def claim_home(self, text: str, home: Exchange | None) -> Claim:
        """After the recovery the first server was asked first, and answered 200."""
        if home is None:
            return Claim(text, "it did not come home", False)
        seen = f"{home.method} answered {home.answered_at - self.up_at:.1f} s after the recovery"
        return Claim(text, seen, True)


# --- the scripts ------------------------------------------------------------------------------


def _register_fallback(play: _Play) -> Script[Verdict]:
    story = play.story
    yield from play.start()
    granted = max(x.answered_at for x in play.asked("REGISTER", story.first, 0.0))
    play.take_down()
    yield Until(lambda: play.is_at(CALLER, story.second), 40)
    moved = play.served("REGISTER", story.second, play.down_at)
    yield Pause(4)
    play.bring_back()
    yield Until(lambda: play.is_at(CALLER, story.first), 20)
    yield Pause(0.5)

    moved_at = moved.sends[0] if moved else float("inf")
    waited_s = moved_at - granted
    probes = play.asked("REGISTER", story.first, moved_at)
    every_s = probes[0].sends[0] - moved_at if probes else float("inf")
    slack_s = 1 + play.tolerance_s
    claims = (
        play.claim_retries("REGISTER"),
        play.claim_served("REGISTER", moved),
        Claim(
            f"not before the registration time of the {story.first} expires ({EXPIRES_S} s)",
            f"{waited_s:.1f} s after it was granted",
            abs(waited_s - EXPIRES_S) <= slack_s,
        ),
        Claim(
            f"REGISTER to the {story.first} every {FALLBACK_TIMEOUT_S} s (fallback.timeout)",
            f"first one {every_s:.1f} s after the move",
            abs(every_s - FALLBACK_TIMEOUT_S) <= slack_s,
        ),
        play.claim_home(
            f"when the {story.first} recovers: registered there again",
            play.served("REGISTER", story.first, play.up_at),
        ),
    )
    return _verdict(claims, play.down_at, moved, "from the outage to the new registration")


def _invite_fallback(play: _Play) -> Script[Verdict]:
    story = play.story
    yield from play.start()
    yield Until(lambda: play.served("REGISTER", story.second, 0.0) is not None, 5)
    play.take_down()
    dialled = play.stage.now
    call = play.call()
    yield Until(lambda: play.is_established(call), 20)
    answered = play.served("INVITE", story.second, dialled)
    yield Pause(3)
    play.bring_back()
    yield Until(lambda: play.is_at(CALLER, story.first), 40)
    play.hang_up(call)
    yield Pause(1)
    again_at = play.stage.now
    again = play.call()
    yield Until(lambda: play.is_established(again), 20)
    play.hang_up(again)
    yield Pause(0.5)

    detecting = play.asked("REGISTER", story.first, play.down_at)
    claims = (
        play.claim_retries("INVITE"),
        play.claim_served("INVITE", answered),
        Claim(
            f"REGISTERs to the {story.first} detect whether it is available",
            f"{sum(len(x.sends) for x in detecting)} sends",
            bool(detecting),
        ),
        play.claim_home(
            f"when the {story.first} recovers: INVITE to it again",
            play.served("INVITE", story.first, again_at),
        ),
    )
    return _verdict(claims, dialled, answered, "from dialling to the answer")


def _register_failover(play: _Play) -> Script[Verdict]:
    story = play.story
    yield from play.start()
    play.take_down()
    yield Until(lambda: play.is_at(CALLER, story.second), 40)
    moved = play.served("REGISTER", story.second, play.down_at)
    yield Pause(2)
    play.bring_back()
    yield Until(lambda: play.is_at(CALLER, story.first), 20)
    yield Pause(0.5)

    after = moved.answered_at if moved else play.up_at
    following = play.wire().exchanges("REGISTER", CALLER, after=after)
    claims = (
        play.claim_retries("REGISTER"),
        play.claim_served("REGISTER", moved),
        Claim(
            f"the next REGISTER goes to the {story.first} first",
            f"it went to the {following[0].target}" if following else "there was none",
            bool(following) and following[0].target == story.first,
        ),
        play.claim_home(
            f"when the {story.first} recovers: registered there again",
            play.served("REGISTER", story.first, play.up_at),
        ),
    )
    return _verdict(claims, play.down_at, moved, "from the outage to the new registration")


def _invite_failover(play: _Play) -> Script[Verdict]:
    story = play.story
    yield from play.start()
    play.take_down()
    dialled = play.stage.now
    call = play.call()
    yield Until(lambda: play.is_established(call), 20)
    answered = play.served("INVITE", story.second, dialled)
    yield Pause(2)
    play.hang_up(call)
    yield Pause(1)
    play.bring_back()
    again = play.call()
    yield Until(lambda: play.is_established(again), 20)
    play.hang_up(again)
    yield Pause(0.5)

    following = play.wire().exchanges("INVITE", CALLER, after=play.up_at)
    claims = (
        play.claim_retries("INVITE"),
        play.claim_served("INVITE", answered),
        Claim(
            f"the next call's INVITE goes to the {story.first} first",
            f"it went to the {following[0].target}" if following else "there was none",
            bool(following) and following[0].target == story.first,
        ),
        play.claim_home(
            f"when the {story.first} has recovered: it answers at once",
            play.served("INVITE", story.first, play.up_at),
        ),
    )
    return _verdict(claims, dialled, answered, "from dialling to the answer")


def _verdict(
    claims: tuple[Claim, ...], since: float, served: Exchange | None, text: str
) -> Verdict:
    gap_s = served.answered_at - since if served else float("inf")
    return Verdict(claims, gap_s, text)


# --- the phones and servers -------------------------------------------------------------------


def _fallback_line(story: Story, user: str, *, successive: bool) -> LineSettings:
    """Server 1 and 2 by their addresses (the guide's fallback scenario)."""
    one, two = (
        ServerSettings(address=story.address(y), port=PORT, expires=EXPIRES_S) for y in (1, 2)
    )
    return LineSettings(
        enable=1,
        label=user,
        auth_name=user,
        user_name=user,
        password=user,
        sip_server=(one, two),
        fallback_redundancy_type=1 if successive else 0,
        fallback_timeout=FALLBACK_TIMEOUT_S,
    )


def _failover_line(story: Story, user: str) -> LineSettings:
    """Server 1 by a name that DNS leads to both (the guide's failover scenario)."""
    cluster = ServerSettings(address=DOMAIN, port=0, transport_type=3, expires=EXPIRES_S)
    return LineSettings(
        enable=1,
        label=user,
        auth_name=user,
        user_name=user,
        password=user,
        sip_server=(cluster, ServerSettings()),
    )


def _zone(story: Story) -> str:
    return f"""
@          IN SOA ns admin 1 3600 600 86400 60
@          IN NAPTR 90 50 "s" "SIP+D2U" "" _sip._udp
_sip._udp  IN SRV 0 2 {PORT} server1
_sip._udp  IN SRV 0 1 {PORT} server2
server1    IN A {story.address(1)}
server2    IN A {story.address(2)}
"""


def _scenario(story: Story) -> Scenario:
    servers = [
        ServerSpec(
            name=name,
            address=story.address(host),
            listen=(Target(story.address(host), PORT, Transport.UDP),),
            domains=(DOMAIN, story.address(host)),
            certificate=(),
            shares="cluster" if story.shared else "",
        )
        for host, name in ((1, story.first), (2, story.second))
    ]
    name_server = NameServerSpec("name server", story.address(9), DNS_PORT, {DOMAIN: _zone(story)})
    return Scenario(DOMAIN, {u: u for u in _USERS.values()}, tuple(servers), (name_server,))


def tell(story: Story, stage: Stage, *, tolerance_s: float = 0.05) -> Script[Verdict]:
    """The script of a story: puts servers and phones on the stage, plays it and judges it.

    ``tolerance_s`` is how far the spacing of resends may be off.
    """
    put_on_stage(stage, _scenario(story))
    play = _Play(story, stage, tolerance_s)
    nameservers = (Nameserver(story.address(9), DNS_PORT),)
    for host, name in ((5, CALLER), (6, CALLEE)):
        address = story.address(host)
        phone = Phone(
            PhoneSettings(lines=(story.line(story, _USERS[name]),)),
            f"urn:uuid:00000000-0000-4000-8000-{story.network:08d}{host:04d}",
            stage.rng_for(name),
            nameservers,
            auto_answer=name == CALLEE,
        )
        stage.attach(name, phone, [address], listen=[Target(address, PORT, Transport.UDP)])
        play.phones[name] = phone
    yield Pause(0)
    return (yield from story.script(play))


STORIES: tuple[Story, ...] = (
    Story(
        key="register-fallback",
        title="REGISTER fallback",
        about="two servers by address, successive registration",
        first="working server",
        second="fallback server",
        network=1,
        line=lambda story, user: _fallback_line(story, user, successive=True),
        script=_register_fallback,
    ),
    Story(
        key="invite-fallback",
        title="INVITE fallback",
        about="two servers by address, concurrent registration",
        first="working server",
        second="fallback server",
        network=2,
        line=lambda story, user: _fallback_line(story, user, successive=False),
        script=_invite_fallback,
    ),
    Story(
        key="register-failover",
        title="REGISTER failover",
        about="one name that leads to two servers, failback mode newRequests",
        first="primary server",
        second="secondary server",
        network=3,
        line=_failover_line,
        script=_register_failover,
        shared=True,
    ),
    Story(
        key="invite-failover",
        title="INVITE failover",
        about="one name that leads to two servers, failback mode newRequests",
        first="primary server",
        second="secondary server",
        network=4,
        line=_failover_line,
        script=_invite_failover,
        shared=True,
    ),
)
