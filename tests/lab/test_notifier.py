"""The lab's notifier and our phones: mailboxes, lamps, restarts, and where subscriptions live."""

from __future__ import annotations

import pytest

from evertone.config.settings import LineKey, LineSettings, PhoneSettings, ServerSettings
from evertone.events import Event, LampChanged, MessageWaiting
from evertone.flows import Nameserver
from evertone.lab.faults import make_fault
from evertone.lab.scenario import NameServerSpec, Scenario
from evertone.lab.sip_server import SipServer
from evertone.lab.stage import put_on_stage
from evertone.lab.world import World
from evertone.model import Target, Transport
from evertone.phone.phone import Phone
from tests.lab.nodes import Ua
from tests.lab.test_scenarios import DNS, DOMAIN, ONE, PHONES, servers, zone

PERIOD_S = 60


class Office:
    """Phones a and b with a mailbox each; a key of a watches b. Two servers behind one name."""

    def __init__(self, *, subscribe_enable: int = 1, digest: bool = True) -> None:
        self.world = World(3)
        name_server = NameServerSpec("dns", DNS, 53, {DOMAIN: zone(Transport.UDP)})
        users = {name: f"secret {name}" for name in PHONES if digest}
        scenario = Scenario(DOMAIN, users, servers(shared=True), (name_server,))
        self.servers: dict[str, SipServer] = put_on_stage(self.world, scenario)
        self.phones: dict[str, Phone] = {}
        for name, address in PHONES.items():
            server = ServerSettings(
                address=DOMAIN,
                port=0,
                transport_type=3,
                expires=PERIOD_S,
                failback_mode=2,
                failback_subscribe_enable=subscribe_enable,
            )
            line = LineSettings(
                enable=1,
                user_name=name,
                password=f"secret {name}",
                sip_server=(server, ServerSettings()),
                subscribe_mwi=1,
                subscribe_mwi_expires=600,
                blf_subscribe_period=600,
            )
            keys = (LineKey(16, 1, "b"),) if name == "a" else ()
            phone = Phone(
                PhoneSettings(lines=(line,), line_keys=keys),
                f"urn:uuid:00000000-0000-4000-8000-00000000000{name}",
                self.world.rng_for(name),
                (Nameserver(DNS),),
            )
            self.phones[name] = phone
            self.world.attach(name, phone, [address], listen=[Target(address, 5060, Transport.UDP)])
            self.world.do(name, phone.start)
        self.world.run_for(2)

    def told(self, name: str, kind: type[Event]) -> list[Event]:
        return [e for e in self.world.record.events_of(name) if isinstance(e, kind)]

    def lamps(self) -> list[str]:
        return [e.state for e in self.told("a", LampChanged) if isinstance(e, LampChanged)]

    def new_messages(self) -> list[int]:
        found = self.told("a", MessageWaiting)
        return [e.new for e in found if isinstance(e, MessageWaiting)]

    def held(self, server: str) -> list[tuple[str, str]]:
        return sorted(self.servers[server].subscriptions(self.world.now))

    def leave(self, server: str, new: int) -> None:
        self.world.do(server, lambda now: self.servers[server].leave_message("a", now, new=new))
        self.world.run_for(1)


ALL = [("dialog", "b"), ("message-summary", "a"), ("message-summary", "b")]


def test_a_message_left_is_told_at_once() -> None:
    office = Office()
    assert office.held("one") == ALL
    office.leave("one", 2)
    office.leave("one", 0)
    assert office.new_messages() == [0, 2, 0]


def test_a_lamp_follows_a_call() -> None:
    office = Office()
    phone, other = office.phones["b"], office.phones["a"]
    call = office.world.do("b", lambda now: phone.call(1, "a", now))
    office.world.run_for(2)
    (ringing,) = other.snapshot(office.world.now).calls
    office.world.do("a", lambda now: other.answer(ringing.call, now))
    office.world.run_for(2)
    office.world.do("b", lambda now: phone.hangup(call, now))
    office.world.run_for(2)
    assert office.lamps() == ["idle", "busy", "idle"]
    call = office.world.do("a", lambda now: other.call(1, "b", now))
    office.world.run_for(2)
    office.world.do("a", lambda now: other.hangup(call, now))
    office.world.run_for(2)
    assert office.lamps() == ["idle", "busy", "idle", "ringing", "idle"]


def test_subscriptions_are_kept_for_hours_and_ended_by_a_clean_stop() -> None:
    office = Office()
    office.world.run_for(5 * 3600)
    assert office.held("one") == ALL
    for name, phone in office.phones.items():
        office.world.do(name, phone.stop)
    office.world.run_for(2)
    assert office.held("one") == []
    assert all(phone.stopped for phone in office.phones.values())


def test_a_server_that_forgot_them_in_a_restart_has_them_again_by_their_refresh() -> None:
    office = Office()
    office.world.inject(make_fault("restart", "one", at_s=office.world.now))
    office.world.run_for(1)
    assert office.held("one") == []
    office.world.run_for(600)
    assert office.held("one") == ALL
    office.leave("one", 1)
    assert office.new_messages()[-1] == 1


@pytest.mark.rule("B11")
@pytest.mark.parametrize("enable", [1, 0])
def test_they_go_to_the_secondary_with_the_registration_or_by_their_refresh(enable: int) -> None:
    office = Office(subscribe_enable=enable)
    office.world.inject(make_fault("silence", "one", at_s=office.world.now))
    office.world.run_for(PERIOD_S)
    assert office.held("two") == (ALL if enable else [])
    office.world.run_for(600)
    assert office.held("two") == ALL
    office.leave("two", 4)
    assert office.new_messages()[-1] == 4


@pytest.mark.rule("B11", "A11")
def test_nothing_is_left_at_the_secondary_when_the_line_is_home_again() -> None:
    office = Office()
    office.world.inject(make_fault("silence", "one", at_s=office.world.now))
    office.world.run_for(100)
    office.world.heal("one")
    office.world.run_for(2 * PERIOD_S)
    assert office.held("two") == []
    office.world.run_for(600)  # what server one still held from before has run out
    assert office.held("one") == ALL


def test_a_notifier_may_end_them_and_has_them_anew() -> None:
    office = Office()
    office.world.run_for(60)
    server = office.servers["one"]
    office.world.do("one", lambda now: server.end_subscriptions("deactivated", now))
    office.world.run_for(1)
    assert office.held("one") == ALL
    office.world.do("one", lambda now: server.end_subscriptions("rejected", now))
    office.world.run_for(3600)
    assert office.held("one") == []


# --- the notifier itself ----------------------------------------------------------------------


def asking(*headers: tuple[str, str]) -> Ua:
    """A user agent that asks server one, by itself, to be told of its mailbox."""
    office = Office(digest=False)
    ua = Ua("c", Target(ONE, 5060, Transport.UDP))
    office.world.attach("c", ua, ["10.0.1.3"], listen=[Target("10.0.1.3", 5060, Transport.UDP)])
    office.world.do("c", ua.start)
    office.world.run_for(1)
    ua.answers["NOTIFY"] = (200,)
    request = ua.request("SUBSCRIBE", f"sip:c@{DOMAIN}", *headers)
    office.world.do("c", ua.transmit(request))
    office.world.run_for(2)
    return ua


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Event", "message-summary"), ("Expires", "600")], 200),
        ([("Event", "message-summary"), ("Expires", "1")], 423),
        ([("Event", "weather"), ("Expires", "600")], 489),
        ([("Expires", "600")], 489),
    ],
)
def test_what_a_notifier_takes(headers: list[tuple[str, str]], status: int) -> None:
    ua = asking(*headers)
    assert ua.got(status)
    assert bool(ua.asked("NOTIFY")) is (status == 200)


def test_expires_0_asks_once() -> None:
    ua = asking(("Event", "message-summary"), ("Expires", "0"))
    (told,) = ua.asked("NOTIFY")
    assert (told.get("Subscription-State") or "").startswith("terminated")
    assert told.body
