"""What is done to a site and its phones, minutes of wall time each, told side by side.

A story does things and writes down what came of it; the tests of ``test_outages`` judge.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from tests.interop.capture import Packet
from tests.interop.phone import Event, Phone, epoch_s
from tests.interop.site import Site, example

__all__ = ["CALLEE", "CALLER", "HANDSET", "PHONE", "STORIES", "Story", "tell"]

PHONE, CALLEE, CALLER, HANDSET = "4605", "4606", "4607", "4608"

_SETTLED_S = 10.0  # until a phone is registered, with every server well
_REFRESH_S = 30.0  # in the failover example; in the fallback example when the binding runs out
_S1_S = 7.5  # with retry_counts 3
_SLACK_S = 5.0  # beyond what the tests allow, so that they can say by how much it was missed

Config = Callable[[Site, str], str]
"""The configuration of a user's phone at a site."""


@dataclass(slots=True)
class Story:
    """What came of it. Times are seconds since the epoch, as in the packet capture."""

    site: Site
    moments: dict[str, float] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    handset_calls: list[dict[str, Any]] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    bindings: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    exit_codes: dict[str, int | None] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)

    def note(self, moment: str) -> None:
        """Write down that ``moment`` is now."""
        self.moments[moment] = time.time()

    def call(self, config: Config, number: str, seconds: float = 1.0) -> None:
        """Have ``CALLER`` place a call; what came of it is written down."""
        text = config(self.site, CALLER)
        self.calls.append(self.site.call(text, CALLER, number, seconds=seconds))

    def write_down(self, user: str, phone: Phone) -> None:
        """Keep what a phone that has ended had to say."""
        self.events[user] = phone.events()
        self.exit_codes[user] = phone.returncode
        self.logs[user] = phone.log_tail(1000)

    def happened(self, event: str, user: str = PHONE, *, after: str = "") -> list[Event]:
        """The phone's events of a class, in order, since a moment."""
        since = self.moments[after] if after else 0.0
        found = self.events[user]
        return [one for one in found if one["event"] == event and epoch_s(one) >= since]

    def sent(self, method: str, src: str, dst: str, *, after: str = "") -> list[Packet]:
        """Requests from one address to another, resends too, since a moment."""
        since = self.moments[after] if after else 0.0
        return [
            packet
            for packet in self.packets
            if (packet.method, packet.status) == (method, 0)
            and (packet.src[0], packet.dst[0]) == (src, dst)
            and packet.time >= since
        ]


Plot = Callable[[Story], None]
Strike = Callable[[Site], None]


def _freeze(site: Site) -> None:
    site.primary.freeze()


def _thaw(site: Site) -> None:
    site.primary.thaw()


def _kill(site: Site) -> None:
    site.primary.kill()


def _restart(site: Site) -> None:
    site.primary.start()
    site.primary.ready()


def failover_config(site: Site, user: str) -> str:
    """The guide's failover example, quicker."""
    return example("guide-failover", user, expires="60", failback_timeout="60")


def fallback_config(site: Site, user: str) -> str:
    """The guide's REGISTER fallback, quicker, its two addresses on loopback."""
    text = example("fallback-register", user, expires="30", timeout="10")
    one, two = site.primary.address, site.secondary.address
    return text.replace("192.168.1.14", one).replace("192.168.1.15", two)


def _failover(strike: Strike, heal: Strike) -> Plot:
    """The primary dies just after all have registered; it returns 10 s after they have moved."""

    def plot(story: Story) -> None:
        site = story.site
        with (
            _registered(story, failover_config) as (phone, callee),
            site.handset(failover_config(site, HANDSET), HANDSET) as handset,
        ):
            strike(site)
            story.note("outage")
            with ThreadPoolExecutor(1) as aside:
                call = aside.submit(story.call, failover_config, CALLEE)
                for _ in range(2):
                    story.handset_calls.append(handset.call(PHONE))
                call.result()
            for one in (phone, callee):
                one.wait_for("FailedOver", _REFRESH_S + _S1_S + _SLACK_S)
            time.sleep(10)
            story.note("return")
            heal(site)
            for one in (phone, callee):
                one.wait_for("FailedBack", 60 + _S1_S + _SLACK_S)
            story.call(failover_config, CALLEE)
            story.handset_calls.append(handset.call(PHONE))

    return plot


def _starts_in_the_outage(story: Story) -> None:
    """The primary is dead before the phone starts, and returns when one try home has failed."""
    site = story.site
    site.primary.kill()
    story.note("outage")
    with _registered(story, failover_config, (PHONE,)) as (phone,):
        phone.wait_for("ProbeFailed", 60 + _SLACK_S)
        story.note("return")
        _restart(site)
        phone.wait_for("FailedBack", 60 + _SLACK_S)


def _fallback(strike: Strike, heal: Strike) -> Plot:
    """Server 1 dies just after all have registered; it returns when one try home has failed."""

    def plot(story: Story) -> None:
        site = story.site
        with _registered(story, fallback_config) as (phone, callee):
            strike(site)
            story.note("outage")
            for one in (phone, callee):
                one.wait_for("FellBack", _REFRESH_S + _S1_S + _SLACK_S)
            story.note("call")
            story.call(fallback_config, CALLEE)
            phone.wait_for("ProbeFailed", 10 + _S1_S + _SLACK_S)
            story.note("return")
            heal(site)
            for one in (phone, callee):
                one.wait_for("FailedBack", 10 + _S1_S + _SLACK_S)
            story.note("home")
            story.call(fallback_config, CALLEE)
            story.bindings["secondary at home"] = site.secondary.bindings()

    return plot


def _wakes_in_a_call(story: Story) -> None:
    """The primary stands still while a call is set up, and wakes while it lasts.

    Without digest for calls: else the primary would wake up to ask for a password first.
    """
    site = story.site

    def config(site: Site, user: str) -> str:
        return example("failover", user)

    with _registered(story, config, (CALLEE,)) as (callee,), ThreadPoolExecutor(1) as aside:
        site.primary.freeze()
        story.note("outage")
        call = aside.submit(story.call, config, CALLEE, 8.0)
        callee.wait_for("CallChanged", _S1_S + _SLACK_S, state="established")
        time.sleep(1)
        story.note("return")
        site.primary.thaw()
        call.result()


@contextmanager
def _registered(
    story: Story, config: Config, users: Sequence[str] = (PHONE, CALLEE)
) -> Iterator[list[Phone]]:
    """The running phones of ``users``; they answer calls. At the end they are stopped cleanly."""
    site = story.site
    phones = [site.phone(config(site, user), user, answer=True) for user in users]
    with ExitStack() as ends:
        for user, phone in zip(users, phones, strict=True):
            ends.callback(story.write_down, user, phone)
            ends.enter_context(phone)
        for phone in phones:
            phone.wait_for("Registered", _SETTLED_S)
        yield phones
    for server in (site.primary, site.secondary):
        story.bindings[f"{server.name} at the end"] = server.bindings()


class _SiteOptions(TypedDict, total=False):
    share: bool
    challenge_calls: bool


STORIES: Mapping[str, tuple[_SiteOptions, Plot]] = {
    "failover, primary frozen": ({}, _failover(_freeze, _thaw)),
    "failover, primary stopped": ({}, _failover(_kill, _restart)),
    "failover, phone starts in the outage": ({}, _starts_in_the_outage),
    "fallback, server 1 frozen": ({"share": False}, _fallback(_freeze, _thaw)),
    "fallback, server 1 stopped": ({"share": False}, _fallback(_kill, _restart)),
    "primary wakes in a call": ({"challenge_calls": False}, _wakes_in_a_call),
}


def tell(name: str, directory: Path) -> Story:
    """Let it happen, from the first server's start to the last one's end."""
    options, plot = STORIES[name]
    with Site(directory, captured=True, **options) as site:
        story = Story(site)
        plot(story)
    assert site.capture is not None
    story.packets = site.capture.packets()
    return story
