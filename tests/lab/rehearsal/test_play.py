"""Users' configurations in labs that are made to fit them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertone.config import load, load_texts
from evertone.config.settings import PhoneSettings
from evertone.errors import ConfigError, FaultError, UsageError
from evertone.events import Event, FailedBack, Refreshed, Registered
from evertone.lab.rehearsal.calls import CallPlan, parse_calls
from evertone.lab.rehearsal.play import Progress, rehearse
from evertone.lab.rehearsal.report import CallEnd, Rehearsal
from evertone.lab.rehearsal.site import Site, survey
from evertone.lab.rehearsal.spans import total_s
from evertone.lab.rehearsal.strikes import VERBS
from evertone.lab.rehearsal.watch import LONG_S, Watch
from evertone.lab.rehearsal.zones import read_zone

EXAMPLES = Path(__file__).parents[3] / "examples"
EVERY_5_MIN = CallPlan(300.0)
HOUR = 3600.0


def example(name: str) -> PhoneSettings:
    return load([EXAMPLES / f"{name}.cfg"]).settings


def configured(*lines: str) -> PhoneSettings:
    """Line 1 of user 1001, and what ``lines`` add without their ``account.1.``."""
    text = "#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.user_name = 1001\n"
    text += "account.1.password = s3cret\n"
    for line in lines:
        text += line if line.startswith(("account.", "static.")) else f"account.1.{line}"
        text += "\n"
    return load_texts([("phone.cfg", text.encode())]).settings


def registered_at(rehearsal: Rehearsal) -> list[str]:
    """The hosts at which the phone registered, in order."""
    events = [e for e in rehearsal.events if isinstance(e, Registered) and e.hop is not None]
    hosts = [rehearsal.site.at(e.hop.target.address) for e in events if e.hop is not None]
    return [host.name for host in hosts if host is not None]


def never(spans: tuple[tuple[float, float], ...]) -> bool:
    """True if there is no time in ``spans`` but the moment of the start."""
    return total_s(spans) < 0.1


# --- what the guide's examples do -------------------------------------------------------------


@pytest.mark.rule("B1", "C1")
def test_a_silent_primary_delays_each_call_by_the_time_of_its_invite() -> None:
    ran = rehearse(
        example("failover"),
        faults=["server1.primary silence 10m..25m"],
        calls=EVERY_5_MIN,
        for_s=HOUR,
    )
    assert [c.end for c in ran.calls] == [CallEnd.ANSWERED] * 11
    assert [c.at for c in ran.delayed] == [600.0, 900.0, 1200.0]
    assert all(7.5 <= (c.waited_s or 0) < 7.6 for c in ran.delayed)
    assert {c.host for c in ran.delayed} == {"server1.2"}
    (line,) = ran.lines
    assert never(line.unregistered)
    assert never(line.unreachable), "the secondary shares the registration"


@pytest.mark.rule("F2")
def test_successive_fallback_is_out_of_reach_until_the_binding_has_run_out() -> None:
    ran = rehearse(example("fallback-register"), faults=["server1 silence 10m.."], for_s=2 * HOUR)
    (line,) = ran.lines
    gone = [span for span in line.unreachable if span[1] > 1]
    assert len(gone) == 1
    begin, end = gone[0]
    assert begin == 600.0
    assert HOUR <= end <= HOUR + 1, "until the granted hour is over"
    assert total_s(line.unregistered) < 1
    assert registered_at(ran) == ["server1", "server2"]


@pytest.mark.rule("F1")
def test_concurrent_fallback_is_never_out_of_reach() -> None:
    ran = rehearse(example("fallback-invite"), faults=["server1 refuse 10m..50m"], for_s=HOUR)
    assert never(ran.lines[0].unreachable)
    assert sorted(registered_at(ran)) == ["server1", "server2"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.cfg")), ids=lambda path: path.stem)
def test_every_example_registers_and_calls(path: Path) -> None:
    ran = rehearse(load([path]).settings, calls=EVERY_5_MIN, for_s=HOUR)
    assert {c.end for c in ran.calls} == {CallEnd.ANSWERED}
    assert never(ran.lines[0].unregistered)
    assert ran.delayed == []


def test_everything_down_loses_every_call_and_every_minute() -> None:
    ran = rehearse(
        example("fallback-invite"), faults=["all silence 0s.."], calls=EVERY_5_MIN, for_s=HOUR
    )
    assert {c.end for c in ran.calls} == {CallEnd.LOST}
    assert all(c.reason for c in ran.calls)
    assert ran.lines[0].unregistered_s == ran.lines[0].unreachable_s == HOUR


# --- configurations of all kinds --------------------------------------------------------------


SERVER = "sip_server.1.address = 192.0.2.7"

KINDS = {
    "another name for digest": [SERVER, "auth_name = trunk-7"],
    "a domain in the user name": [SERVER, "user_name = 1001@example.com"],
    "tcp": ["sip_server.1.address = pbx.example", "sip_server.1.transport_type = 1"],
    "tls by srv": [
        "sip_server.1.address = pbx.example",
        "sip_server.1.transport_type = 2",
        "sip_server.1.port = 0",
    ],
    "no password": [SERVER, "password ="],
    "ipv6": ["sip_server.1.address = 2001:db8::7"],
    "an ipv6 registrar behind an ipv4 proxy": [
        "sip_server.1.address = 2001:db8::7",
        "outbound_proxy_enable = 1",
        "outbound_proxy.1.address = 192.0.2.9",
    ],
    "registrations of their own": [
        "sip_server.1.address = pbx.example",
        "sip_server.1.port = 0",
        "sip_server.1.transport_type = 3",
        "sip_server.1.register_on_enable = 1",
    ],
    "a proxy of another name": [
        "sip_server.1.address = pbx.example",
        "outbound_proxy_enable = 1",
        "outbound_proxy.1.address = edge.example",
    ],
    "a proxy before a registrar that dns knows nothing of": [
        "sip_server.1.address = inside.example",
        "outbound_proxy_enable = 1",
        "outbound_proxy.1.address = 192.0.2.9",
    ],
    "two servers behind two proxies": [
        "sip_server.1.address = one.example",
        "sip_server.2.address = two.example",
        "outbound_proxy_enable = 1",
        "outbound_proxy.1.address = edge1.example",
        "outbound_proxy.2.address = edge2.example",
    ],
    "a name server that is the pbx": [SERVER, "static.network.primary_dns = 192.0.2.7"],
    "two name servers": [
        "sip_server.1.address = pbx.example",
        "static.network.primary_dns = 192.0.2.53",
        "static.network.secondary_dns = 192.0.2.54",
    ],
}


@pytest.mark.parametrize("lines", KINDS.values(), ids=KINDS.keys())
def test_a_lab_fits_every_kind_of_configuration(lines: list[str]) -> None:
    ran = rehearse(configured(*lines), calls=EVERY_5_MIN, for_s=1200)
    assert never(ran.lines[0].unregistered), ran.events
    assert {c.end for c in ran.calls} == {CallEnd.ANSWERED}, ran.calls


def test_a_proxy_forwards_and_the_registrar_behind_it_is_never_spoken_to() -> None:
    ran = rehearse(configured(*KINDS["a proxy of another name"]), calls=EVERY_5_MIN, for_s=HOUR)
    assert {h.host.name: h.host.role for h in ran.hosts} == {
        "proxy1": "proxy",
        "server1": "server",
        "dns": "dns",
    }
    assert ran.packets["server1"] == 0
    assert ran.packets["proxy1"] > 0
    assert set(ran.lines[0].bound) == {"server1"}


def test_a_proxy_that_is_down_keeps_callers_out_though_the_registrar_knows_the_line() -> None:
    settings = configured(*KINDS["a proxy of another name"])
    ran = rehearse(settings, faults=["proxy1 silence 10m..20m"], for_s=1800)
    (line,) = ran.lines
    assert never(line.unregistered)
    assert total_s(line.unreachable) == pytest.approx(600, abs=0.1)


@pytest.mark.rule("R9")
@pytest.mark.parametrize(("transport_type", "lost_s"), [(0, 0.0), (1, 60.0)])
def test_servers_share_registrations_but_no_connection(transport_type: int, lost_s: float) -> None:
    """Until the phone notices that its connection is dead, nobody can call it."""
    settings = configured(
        "sip_server.1.address = pbx.example",
        "sip_server.1.port = 0",
        f"sip_server.1.transport_type = {transport_type}",
    )
    line = rehearse(settings, faults=["server1.primary silence 10m..25m"], for_s=HOUR / 2).lines[0]
    assert never(line.unregistered)
    assert line.unreachable_s == pytest.approx(lost_s, abs=30 if lost_s else 0.1)


@pytest.mark.rule("P2")
def test_the_second_proxy_takes_over() -> None:
    settings = configured(*KINDS["two servers behind two proxies"])
    ran = rehearse(settings, faults=["proxy1 refuse 10m.."], calls=EVERY_5_MIN, for_s=HOUR)
    assert {c.end for c in ran.calls} == {CallEnd.ANSWERED}
    assert {c.host for c in ran.calls if c.at > 600} == {"proxy2"}


@pytest.mark.rule("R9")
def test_a_connection_that_answers_pings_carries_the_line_for_good() -> None:
    ran = rehearse(configured(*KINDS["tcp"]), for_s=3000, keep_packets=True)
    assert len([p for p in ran.wire if p.note == "connected"]) == 1
    assert len([p for p in ran.wire if p.data == b"\r\n\r\n"]) >= 25


def test_a_restart_forgets_the_line_until_its_next_refresh() -> None:
    ran = rehearse(configured(SERVER), faults=["server1 restart 10m"], for_s=2 * HOUR)
    (line,) = ran.lines
    ((at, for_s),) = [span for span in line.unregistered if span[1] > 1]
    assert at == 600.0
    assert for_s == pytest.approx(3540, abs=2)  # R3: 60 s before the hour is over


def test_a_phone_without_network_cannot_be_called() -> None:
    ran = rehearse(configured(SERVER), faults=["phone silence 10m..20m"], for_s=1800)
    (line,) = ran.lines
    assert never(line.unregistered)
    assert total_s(line.unreachable) == pytest.approx(600, abs=0.1)


@pytest.mark.rule("D14")
def test_calls_go_on_without_dns() -> None:
    ran = rehearse(
        example("failover"), faults=["dns silence 10m..50m"], calls=EVERY_5_MIN, for_s=HOUR
    )
    assert {c.end for c in ran.calls} == {CallEnd.ANSWERED}
    assert all((c.waited_s or 0) < 2.5 for c in ran.calls), "D16: no person waits longer"


@pytest.mark.rule("C4")
def test_an_established_call_outlives_its_servers() -> None:
    ran = rehearse(example("failover"), faults=["all silence 310s.."], calls=EVERY_5_MIN, for_s=500)
    assert [c.end for c in ran.calls] == [CallEnd.ANSWERED]


@pytest.mark.parametrize("plan", ["every 5m for 2s", "every 5m for 1s", "every 4s"])
def test_a_call_that_rings_when_the_caller_hangs_up_by_plan_has_reached_somebody(plan: str) -> None:
    ran = rehearse(example("failover"), calls=parse_calls(plan), for_s=1000)
    assert {c.end for c in ran.calls} == {CallEnd.RANG}
    assert not any(c.failed or c.delayed for c in ran.calls)


def test_a_call_that_rings_longer_than_anybody_lets_it_ring_is_lost() -> None:
    faults = ["all silence 301s..", "dns silence 301s.."]
    ran = rehearse(example("failover"), faults=faults, calls=CallPlan(300, 30), for_s=400)
    assert [c.end for c in ran.calls] == [CallEnd.LOST]
    assert ran.calls[0].waited_s is not None


def test_nothing_is_placed_that_cannot_end_in_time() -> None:
    plan = CallPlan(every_s=100, lasts_s=50)
    assert [c.at for c in rehearse(configured(SERVER), calls=plan, for_s=349).calls] == [100, 200]
    assert rehearse(configured(SERVER), calls=plan, for_s=40).calls == ()


# --- the same again ---------------------------------------------------------------------------


def test_same_arguments_same_result() -> None:
    told: list[float] = []

    def run(progress: Progress | None = None) -> Rehearsal:
        return rehearse(
            example("guide-failover"),
            faults=["server1.primary lose:30% 10m..40m", "dns delay:2s 5m..50m"],
            calls=EVERY_5_MIN,
            for_s=HOUR,
            seed=7,
            keep_packets=True,
            progress=progress,
        )

    one, two, watched = run(), run(), run(told.append)
    assert one.events == two.events == watched.events
    assert one.wire == two.wire == watched.wire
    assert one.calls == two.calls == watched.calls
    assert told == sorted(set(told))
    assert 0 < told[0] < 0.02
    assert 0.98 < told[-1] < 1


def test_a_site_serves_many_rehearsals() -> None:
    settings = example("failover")
    site = survey(settings)
    fault = ["server1.primary silence 10m..25m"]
    ran = [rehearse(settings, site=site, faults=fault, for_s=HOUR).events for _ in range(2)]
    assert ran[0] == ran[1] == rehearse(settings, faults=fault, for_s=HOUR).events


EQUAL = """
$ORIGIN pbx.example.
@ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
_sip._udp SRV 0 5 5060 a
_sip._udp SRV 0 5 5060 b
_sip._udp SRV 0 5 5060 c
a A 192.0.2.1
b A 192.0.2.2
c A 192.0.2.3
"""


@pytest.mark.rule("D7")
def test_the_primary_is_the_one_that_the_phone_draws() -> None:
    settings = configured(
        "sip_server.1.address = pbx.example",
        "sip_server.1.port = 0",
        "sip_server.1.transport_type = 3",
    )
    zone = read_zone("pbx.zone", EQUAL.encode())
    primaries = set()
    for seed in range(12):
        ran = rehearse(settings, zone=zone, for_s=10, seed=seed)
        assert registered_at(ran) == ["server1.primary"], seed
        primaries.add(ran.site.host("server1.primary").address)
    assert len(primaries) == 3


# --- names ------------------------------------------------------------------------------------


def targets(site: Site) -> dict[str, tuple[str, ...]]:
    return dict(site.names.hosts)


def test_a_host_answers_to_many_names() -> None:
    names = targets(survey(example("failover")))
    primary = ("server1.primary",)
    for name in ("server1.1", "line1.server1.primary", "192.0.2.11", "primary.yealink.pbx.com"):
        assert names[name] == primary, name
    assert names["server1.secondary"] == names["server1.2"] == ("server1.2",)
    assert names["server1"] == names["yealink.pbx.com"] == ("server1.primary", "server1.2")
    assert names["all"] == ("server1.primary", "server1.2")


def test_lines_with_servers_of_their_own_name_them_by_line() -> None:
    settings = configured(
        SERVER,
        "account.2.enable = 1",
        "account.2.user_name = 1002",
        "account.2.sip_server.1.address = 192.0.2.8",
    )
    site = survey(settings)
    assert [h.name for h in site.hosts] == ["line1.server1", "line2.server1", "dns"]
    assert targets(site)["server1"] == ("line1.server1", "line2.server1")
    ran = rehearse(settings, site=site, faults=["line2.server1 silence 10m.."], for_s=1200)
    assert [round(line.unreachable_s) for line in ran.lines] == [0, 600]


@pytest.mark.rule("B9")
@pytest.mark.parametrize(("register_on_enable", "shared"), [(0, True), (1, False)])
def test_a_list_shares_its_registrations_unless_each_target_wants_one(
    register_on_enable: int, shared: bool
) -> None:
    site = survey(
        configured(
            "sip_server.1.address = pbx.example",
            "sip_server.1.port = 0",
            f"sip_server.1.register_on_enable = {register_on_enable}",
        )
    )
    one, two = (site.host(name) for name in ("server1.primary", "server1.2"))
    assert (one.shares == two.shares) is shared


# --- faults in words --------------------------------------------------------------------------

GOOD = [
    "server1.primary silence 10m..25m",
    "SERVER1 refuse ..5m",
    "192.0.2.11 503:120 1m..2m",
    "primary.yealink.pbx.com 500 0..30",
    "server1.2 delay:2s 1m..",
    "server1 lose:20% 1m..",
    "server1 deaf 1m..2m",
    "server1 partition 1m..2m",
    "server1 freeze 1m..2m",
    "server1 restart 10m",
    "dns servfail 1m..2m",
    "dns truncate 1m..2m",
    "phone silence 1m..2m",
]


@pytest.mark.parametrize("phrase", GOOD)
def test_a_fault_in_words_strikes(phrase: str) -> None:
    ran = rehearse(example("failover"), faults=[phrase], for_s=1200)
    (strike,) = ran.strikes
    assert strike.hosts
    assert str(strike).split()[:2] == phrase.split()[:2]


def test_every_verb_has_been_said() -> None:
    said = {word.partition(":")[0] for phrase in GOOD for word in phrase.split()[1:2]}
    said = {"answer" if word.isdigit() else {"partition": "mute"}.get(word, word) for word in said}
    assert said == set(VERBS)


@pytest.mark.parametrize(
    ("phrase", "advice"),
    [
        ("server3 silence 1m..2m", "there are: server1.primary, server1.2, dns, server1, all"),
        ("server1 explode 1m..2m", "there are: silence, refuse, 503"),
        ("server1 silence", "write TARGET VERB FROM..TO, such as 'server1.primary silence"),
        ("server1 lose 0.5 10m..1h", "such as 'server1.primary lose:20% 10m..25m'"),
        ("server1 answer 503 10m..1h", "such as 'server1.primary 503 10m..25m'"),
        ("server1 silence 10m", "write from when to when"),
        ("server1 silence 20m..10m", "did you mean 10m..20m?"),
        ("server1 silence 10m..10m", "takes no time: let it end later than it begins"),
        ("server1 silence soon..later", "write 90s, 10m, 1h30m or 2d"),
        ("server1 silence 2h..3h", "the rehearsal of 1h is over"),
        ("server1 restart 1m..2m", "a restart takes no time"),
        ("server1 lose 1m..2m", "must be written lose:20%"),
        ("server1 lose:30 1m..2m", "'lose:30' must be written lose:30%"),
        ("server1 lose:0.2 1m..2m", "'lose:0.2' must be written lose:0.2% or lose:20%"),
        ("server1 lose:200% 1m..2m", "more than 100 %"),
        ("server1 delay:2w 1m..2m", "must be written delay:TIME"),
        ("server1 299 1m..2m", "there are: silence"),
        (
            "dns 503 1m..2m",
            "503 is nothing that dns does; it may strike server1.primary, server1.2",
        ),
        ("phone servfail 1m..2m", "servfail is nothing that phone does; it may strike dns"),
        ("server1 servfail 1m..2m", "it may strike dns"),
        ("phone mute 1m..2m", "silence cuts its network"),
    ],
)
def test_a_fault_that_makes_no_sense_is_told_what_would(phrase: str, advice: str) -> None:
    with pytest.raises(FaultError) as raised:
        rehearse(example("failover"), faults=[phrase], for_s=HOUR)
    assert advice in str(raised.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "write 'every 5m'"),
        ("5m", "write 'every 5m'"),
        ("every 5m for", "write 'every 5m'"),
        ("every 5x", "write 90s, 10m"),
        ("every 5m for 6m", "overlap"),
        ("every 0s", "overlap"),
    ],
)
def test_a_plan_of_calls_that_makes_no_sense(text: str, advice: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_calls(text)
    assert advice in str(raised.value)


def test_plans_of_calls() -> None:
    assert parse_calls("every 5m") == CallPlan(300, 60)
    assert parse_calls("Every 1h for 90s") == CallPlan(3600, 90)
    assert parse_calls("every 30s") == CallPlan(30, 15)


@pytest.mark.parametrize("for_s", [0.0, -1.0, 400 * 86_400.0])
def test_no_time_at_all_and_far_too_much(for_s: float) -> None:
    with pytest.raises(UsageError, match="lasts more than 0 s"):
        rehearse(configured(SERVER), for_s=for_s)


def test_too_many_calls() -> None:
    with pytest.raises(UsageError, match="call less often"):
        rehearse(configured(SERVER), calls=CallPlan(1, 0.5), for_s=200_000)


def test_no_line_in_use() -> None:
    with pytest.raises(ConfigError, match="no line is in use"):
        rehearse(PhoneSettings())


def test_a_name_that_leads_nowhere_is_said_and_survived() -> None:
    zone = read_zone("pbx.zone", b"other.example. A 192.0.2.1\n")
    ran = rehearse(configured("sip_server.1.address = pbx.example"), zone=zone, for_s=600)
    assert "nothing known of pbx.example" in ran.site.remarks[-1]
    assert ran.lines[0].unregistered_s == 600
    assert "server1" not in ran.site.names.shown
    with pytest.raises(FaultError, match=r"no target .server1.; there are: dns, phone"):
        rehearse(ran.site.settings, zone=zone, faults=["server1 silence 1m..2m"], for_s=600)


def test_a_proxy_that_leads_elsewhere_for_the_other_server_names_each_host_once() -> None:
    """Each server's transport is that of its proxies, so their lists may differ (P1)."""
    settings = configured(
        "sip_server.1.address = 192.0.2.1",
        "sip_server.1.transport_type = 1",
        "sip_server.2.address = 192.0.2.2",
        "outbound_proxy_enable = 1",
        "outbound_proxy.1.address = edge.example",
        "outbound_proxy.1.port = 0",
    )
    records = "".join(
        f"_sip._{kind}.edge.example. SRV {n} 1 5060 {kind}{n}.edge.example.\n"
        f"{kind}{n}.edge.example. A 192.0.2.{first + n}\n"
        for kind, first in (("tcp", 10), ("udp", 20))
        for n in (1, 2)
    )
    ran = rehearse(settings, zone=read_zone("edge.zone", records.encode()), for_s=600)
    names = [host.name for host in ran.site.hosts]
    assert len(names) == len(set(names))
    assert sum(name.startswith("proxy1") for name in names) == 4


def test_lines_behind_the_same_proxy_share_its_name_though_one_has_two_servers() -> None:
    text = "#!version:1.0.0.1\n"
    for line in (1, 2):
        for setting in (
            "enable = 1",
            f"user_name = 100{line}",
            "sip_server.1.address = 192.0.2.1",
            "sip_server.2.address = 192.0.2.2" if line == 2 else "label = one",
            "outbound_proxy_enable = 1",
            "outbound_proxy.1.address = 192.0.2.9",
        ):
            text += f"account.{line}.{setting}\n"
    site = survey(load_texts([("phone.cfg", text.encode())]).settings)
    assert [host.name for host in site.hosts if host.role == "proxy"] == ["proxy1"]


# --- whoever looks on -------------------------------------------------------------------------


class _UntilHome(Watch):
    def __init__(self) -> None:
        self.home = False
        self.rang: list[bool] = []

    def event(self, event: Event) -> None:
        self.home |= isinstance(event, FailedBack)

    def enough(self, now: float, *, rings: bool) -> bool:
        self.rang.append(rings)
        return self.home


class _Dull(Watch):
    def enough(self, now: float, *, rings: bool) -> bool:
        return False

    def dull(self, now: float, *, rings: bool) -> bool:
        return now > 60


def test_a_rehearsal_ends_when_its_watch_has_seen_enough_and_is_the_same_until_then() -> None:
    settings, faults = example("failover"), ["server1.primary silence 10m..1h10m"]
    whole = rehearse(settings, faults=faults, for_s=4 * HOUR, incoming_every_s=600)
    watch = _UntilHome()
    part = rehearse(settings, faults=faults, for_s=4 * HOUR, incoming_every_s=600, watch=watch)
    assert part.for_s < whole.for_s == 4 * HOUR
    assert part.events == whole.events[: len(part.events)]
    assert any(isinstance(event, FailedBack) for event in part.events)
    assert all(watch.rang), "the servers share the registration"


def test_a_watch_hears_that_nobody_gets_through() -> None:
    watch = _UntilHome()
    settings = configured(SERVER, "sip_server.1.expires = 120")
    faults = ["server1 silence 90s..10m"]
    rehearse(settings, faults=faults, for_s=HOUR / 3, incoming_every_s=60, watch=watch)
    assert watch.rang[0]
    assert watch.rang[-1]
    assert not all(watch.rang)


def test_registrations_are_long_while_a_watch_finds_it_dull() -> None:
    settings = configured(SERVER, "sip_server.1.expires = 60")
    ran = rehearse(settings, for_s=2 * HOUR, watch=_Dull())
    granted = [event.expires_s for event in ran.events if isinstance(event, Refreshed)]
    assert granted[0] == 60
    assert set(granted[3:]) == {LONG_S}
    assert len(granted) < 8
