"""What a configuration means: figures that are seen in rehearsals, each with its rule."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from evertone.errors import ConfigError
from evertone.lab.rehearsal.zones import read_zone
from evertone.observe.explanation.advice import Metric
from evertone.observe.explanation.explain import Explanation, LineExplanation, explain
from evertone.observe.explanation.figures import Home, Outcome
from evertone.observe.explanation.text import (
    _way_home,
    habits,
    home_words,
    missed_words,
    rules_named,
    story,
    waits_words,
)
from evertone.rules import Rule

EXAMPLES = Path(__file__).parents[3] / "examples"

LINE = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 1001
account.1.password = geheim
"""
ONE = "account.1.sip_server.1.address = 192.0.2.1\n"
TWO = ONE + "account.1.sip_server.2.address = 192.0.2.2\n"
NAME = """account.1.sip_server.1.address = pbx.example
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
"""


def _explain(text: str) -> Explanation:
    return explain([("phone.cfg", (LINE + text).encode())])


def _line(text: str) -> LineExplanation:
    return _explain(text).lines[0]


def _example(name: str) -> LineExplanation:
    return explain([(name, (EXAMPLES / name).read_bytes())]).lines[0]


def _outcome(line: LineExplanation, case: str = "primary-silent") -> Outcome:
    return next(outcome for outcome in line.outcomes if outcome.case.key == case)


@pytest.fixture(scope="module")
def guide() -> LineExplanation:
    """The guide's failover example."""
    return _example("guide-failover.cfg")


# --- the guide's example ----------------------------------------------------------------------


@pytest.mark.rule("S1", "B4")
def test_what_the_guides_example_does_when_its_primary_dies(guide: LineExplanation) -> None:
    outcome = _outcome(guide)
    assert outcome.waits.first_only
    assert list(outcome.waits.late) == pytest.approx([31.5], abs=0.1), "5 resends of an INVITE"
    assert outcome.waits.rules == (Rule.S1, Rule.B7)
    assert outcome.missed.lost_s == 0
    assert outcome.missed.rules == (Rule.B9,)
    # failback_timeout, and the rest of the try whose last resend was lost: 7.5 s less 3.5 s (S1)
    assert outcome.home.after_s == pytest.approx(3600 + 4, abs=0.1)
    assert outcome.home.rules == (Rule.B4,)


def test_the_guides_example_in_plain_words(guide: LineExplanation) -> None:
    primary, everything = story(guide)
    assert primary == (
        "When server1.primary falls silent: the first call that you make waits 31.5s before it "
        "rings by server1.2; those after it ring at once. Who calls you notices nothing. It goes "
        "home by itself, 1h 4s after the end at worst."
    )
    assert "no call that you make gets through" in everything


def test_where_the_guides_example_leads(guide: LineExplanation) -> None:
    (stop,) = guide.order
    assert stop.group.value == "proxy 1"
    assert [hop.target.address for hop in stop.hops] == ["192.0.2.11", "192.0.2.12"]
    assert stop.hosts == ("server1.primary", "server1.2")
    assert stop.hops[1].why == ("NAPTR 10/10", "SRV 1/1", "A 192.0.2.12")


def test_what_would_help_the_guides_example(guide: LineExplanation) -> None:
    changes = {change.advice: change for change in guide.changes}
    invites = changes["invite-retries"]
    assert invites.lines == (("account.1.sip_server.1.invite_retry_counts", "5", "2"),)
    assert invites.before.value == pytest.approx(31.5, abs=0.1)
    assert invites.after.value == pytest.approx(4.0, abs=0.1)
    assert changes["failback-timeout"].after.value == pytest.approx(600 + 4, abs=0.1)
    assert changes["stale-answers"].after.value == 0
    assert "expires" not in changes, "no incoming call is lost as it is"


# --- each fault -------------------------------------------------------------------------------


@pytest.mark.rule("B1")
def test_with_new_requests_every_call_waits() -> None:
    outcome = _outcome(_line(NAME))
    assert outcome.waits.late == pytest.approx([7.5] * outcome.waits.of, abs=0.1)
    assert outcome.waits.rules == (Rule.S1, Rule.B1)
    assert waits_words(outcome.waits)[0] == "7.5s, each call"


@pytest.mark.parametrize("case", ["primary-refuses", "primary-503"])
def test_a_primary_that_says_no_delays_nothing(case: str) -> None:
    outcome = _outcome(_line(NAME), case)
    assert not outcome.waits.hampered
    assert waits_words(outcome.waits)[0] == "at once"


@pytest.mark.rule("F2", "F4")
def test_successive_registration_loses_incoming_calls_until_it_has_run_out() -> None:
    outcome = _outcome(_example("fallback-register.cfg"))
    assert outcome.missed.lost_s == pytest.approx(3590, abs=1)
    assert outcome.missed.rules == (Rule.F2,)
    assert outcome.home.after_s == pytest.approx(120 + 4, abs=0.1)
    assert outcome.home.rules == (Rule.F4,)


@pytest.mark.rule("F1")
def test_concurrent_registration_loses_none() -> None:
    outcome = _outcome(_example("fallback-invite.cfg"))
    assert missed_words(outcome) == ("get through, by server2", (Rule.F1,))


@pytest.mark.rule("B9")
def test_servers_that_do_not_share_lose_incoming_calls_until_the_refresh() -> None:
    text = NAME + "account.1.sip_server.1.register_on_enable = 1\n"
    outcome = _outcome(_line(text + "account.1.sip_server.1.expires = 600\n"))
    assert outcome.missed.lost_s == pytest.approx(600 - 60 - 10 + 7.5, abs=1)


@pytest.mark.rule("B4")
def test_a_phone_that_never_goes_home() -> None:
    text = NAME + "account.1.sip_server.1.failback_mode = 3\n"
    line = _line(text + "account.1.sip_server.1.failback_timeout = 0\n")
    outcome = _outcome(line)
    assert outcome.home.moved
    assert math.isinf(outcome.home.after_s)
    assert home_words(outcome)[0].startswith("not within")
    changes = {change.advice: change for change in line.changes}
    assert changes["failback-timeout"].after.value == pytest.approx(600, abs=10)


@pytest.mark.rule("D14", "D16")
def test_without_dns_calls_wait_and_then_the_registration_ends() -> None:
    outcome = _outcome(_line(NAME), "dns-silent")
    assert max(outcome.waits.late) == pytest.approx(1.8, abs=0.1)
    assert outcome.waits.rules == (Rule.D16,)
    assert math.isinf(outcome.missed.lost_s)
    assert outcome.missed.from_s > 3600


def test_addresses_ask_no_dns() -> None:
    assert [outcome.case.key for outcome in _line(TWO).outcomes] == [
        "primary-silent",
        "primary-refuses",
        "primary-503",
        "all-silent",
    ]


def test_a_proxy_that_is_no_registrar_and_the_server_behind_it() -> None:
    proxies = (
        "account.1.outbound_proxy_enable = 1\naccount.1.outbound_proxy.1.address = 192.0.2.9\n"
    )
    line = _line(ONE + proxies)
    assert _outcome(line).struck == ("proxy1",)
    assert _outcome(line, "server-silent").struck == ("server1",)


def test_everything_down_and_back() -> None:
    outcome = _outcome(_line(TWO), "all-silent")
    assert outcome.waits.lost == outcome.waits.of
    assert math.isinf(outcome.missed.lost_s)
    assert 0 < outcome.home.after_s <= 60


# --- advice -----------------------------------------------------------------------------------


def test_advice_is_written_as_the_user_would_write_it() -> None:
    (change,) = (c for c in _line(NAME).changes if c.advice == "duration")
    assert change.lines == (
        ("account.1.sip_server.1.failback_mode", "0", "3"),
        ("account.1.sip_server.1.failback_timeout", "3600", "600"),
    )
    assert (change.before.value, change.after.value) == (6, 1)


def test_a_change_that_does_not_help_is_not_advised() -> None:
    assert _example("fallback-register.cfg").changes
    text = TWO + "account.1.sip_server.1.invite_retry_counts = 2\n"
    assert [change.advice for change in _line(text).changes] == []


def test_a_lone_server_wants_a_second() -> None:
    changes = [change for change in _line(ONE).changes if change.advice == "second-server"]
    assert changes[0].lines[0][0] == "account.1.sip_server.2.address"
    assert changes[0].lines[0][2] == "a second server of yours"
    assert (changes[0].before.value, changes[0].after.value) == (6, 1)


def test_advice_for_a_proxy_names_the_key_that_governs_it() -> None:
    text = """account.1.sip_server.1.address = pbx.example
account.1.outbound_proxy_enable = 1
account.1.outbound_proxy.1.address = edge.example
account.1.outbound_proxy.1.port = 0
account.1.outbound_proxy.1.invite_retry_counts = 4
"""
    (change,) = (c for c in _line(text).changes if c.advice == "invite-retries")
    assert change.lines == (("account.1.outbound_proxy.1.invite_retry_counts", "4", "2"),)


# --- the whole phone --------------------------------------------------------------------------


def test_lines_that_differ_in_names_only_are_told_once() -> None:
    second = "".join(
        f"account.2.{key}\n"
        for key in ("enable = 1", "user_name = 1002", "sip_server.1.address = 192.0.2.1")
    )
    other = "".join(
        f"account.3.{key}\n"
        for key in ("enable = 1", "user_name = 1003", "sip_server.1.address = 192.0.2.3")
    )
    lines = _explain(ONE + second + other).lines
    assert [(line.scene.line.line, line.others) for line in lines] == [(1, (2,)), (3, ())]


def test_same_seed_same_explanation() -> None:
    one, two = (_explain(NAME) for _ in range(2))
    assert [line.outcomes for line in one.lines] == [line.outcomes for line in two.lines]


def test_records_of_a_zone_are_used() -> None:
    zone = read_zone("pbx.zone", b"pbx.example. A 203.0.113.7\npbx.example. A 203.0.113.8\n")
    line = explain([("phone.cfg", (LINE + NAME).encode())], zone).lines[0]
    assert {hop.target.address for stop in line.order for hop in stop.hops} == {
        "203.0.113.7",
        "203.0.113.8",
    }


def test_settings_without_effect_are_named_with_their_rule() -> None:
    explanation = _explain(ONE + "account.1.fallback.timeout = 60\n")
    (finding,) = explanation.findings
    assert finding.rule is Rule.F4
    assert Rule.F4 in rules_named(explanation)


def test_what_check_refuses_is_refused_in_the_same_words() -> None:
    with pytest.raises(ConfigError, match=r"phone.cfg:5: error: account.1.sip_server.1.port"):
        _explain("account.1.sip_server.1.port = 99999\n" + ONE)


def test_no_line_in_use() -> None:
    with pytest.raises(ConfigError, match="no line is in use"):
        _explain("")


# --- names that lead nowhere ------------------------------------------------------------------

NOWHERE = read_zone("other.zone", b"other.example. A 203.0.113.7\n")


def _by_zone(text: str, zone: str = "") -> LineExplanation:
    known = read_zone("pbx.zone", zone.encode()) if zone else NOWHERE
    return explain([("phone.cfg", (LINE + text).encode())], known).lines[0]


def test_a_line_whose_name_leads_nowhere_is_told_so() -> None:
    line = _by_zone(NAME)
    assert line.outcomes == ()
    assert line.changes == ()
    (said,) = story(line)
    assert said == (
        "Server 1 (pbx.example) leads nowhere: there is no other way, so the phone never "
        "registers, nobody can call it and no call that it makes gets through."
    )


@pytest.mark.parametrize("kind", [0, 1])
def test_a_line_lives_by_its_second_server_where_the_first_leads_nowhere(kind: int) -> None:
    second = "account.1.sip_server.2.address = backup.example\n"
    kind_of = f"account.1.fallback.redundancy_type = {kind}\n"
    line = _by_zone(NAME + second + kind_of, "backup.example. A 203.0.113.8\n")
    nowhere, dies = story(line)
    assert (
        nowhere == "Server 1 (pbx.example) leads nowhere: the phone lives by what comes after it."
    )
    assert dies.startswith("When server2 falls silent: no call that you make gets through.")
    assert {outcome.struck for outcome in line.outcomes} == {("server2",), ("dns",)}


def test_a_proxy_that_leads_nowhere() -> None:
    proxy = "outbound_proxy_enable = 1", "outbound_proxy.1.address = edge.example"
    assert next(story(_by_zone(ONE + "".join(f"account.1.{x}\n" for x in proxy)))).startswith(
        "Proxy 1 (edge.example) leads nowhere: "
    )


@pytest.mark.rule("F1", "R6")
def test_the_worst_moment_is_just_after_a_try_that_failed() -> None:
    text = (
        "account.1.sip_server.1.address = pbx.example\n"
        "account.1.sip_server.1.port = 5061\n"
        "account.1.sip_server.1.transport_type = 2\n"
        "account.1.sip_server.2.address = 2001:db8::6\n"
    )
    outcome = _outcome(_line(text), "primary-503")
    assert outcome.home.after_s == pytest.approx(30, abs=0.1)


def test_what_both_servers_have_in_common_is_said_once() -> None:
    text = TWO + (
        "account.1.outbound_proxy_enable = 1\n"
        "account.1.outbound_proxy.1.address = edge.example\n"
        "account.1.outbound_proxy.1.port = 0\n"
    )
    said = [text for text, _ in habits(_line(text))]
    assert len(said) == len(set(said)) == 3


def test_firmware_80_is_not_told_the_same_twice() -> None:
    text = TWO + "evertone.firmware = 80\nevertone.model = SIP-T46G\n"
    line = _line(text + "account.1.sip_server.1.retry_counts = 6\n")
    waits = [change for change in line.changes if change.before.metric is Metric.WAIT]
    assert [change.advice for change in waits] == ["invite-retries"]


def test_a_phone_that_stays_tells_when_it_is_registered_again() -> None:
    """The worst moment is after the last resend of a try, when the registration had run out."""
    proxies = "".join(f"account.1.outbound_proxy.{n}.address = 192.0.2.2{n}\n" for n in (1, 2))
    line = _line(ONE + "account.1.outbound_proxy_enable = 1\n" + proxies)
    outcome = _outcome(line, "all-silent")
    assert outcome.home.deaf_s == pytest.approx(30, abs=1)
    assert list(story(line))[-1].endswith("30.5s after the end at worst you can be called again.")


@pytest.mark.rule("P1", "R6")
@pytest.mark.parametrize("expires", [300, 3600])
def test_a_registrar_that_dies_behind_a_proxy(expires: int) -> None:
    """The tries that meet it are those by the proxy, which resends them."""
    text = ONE + "account.1.outbound_proxy_enable = 1\n"
    text += "account.1.outbound_proxy.1.address = 192.0.2.21\n"
    line = _line(text + f"account.1.sip_server.1.expires = {expires}\n")
    outcome = _outcome(line, "server-silent")
    assert outcome.home.after_s == pytest.approx(30.5, abs=0.1)
    assert outcome.home.rules == (Rule.R6,)


@pytest.mark.parametrize(
    ("home", "said"),
    [
        (Home(False, 0.0, 0.0, ()), "It stays where it is."),
        (Home(False, 30.0, 0.0, ()), "It is registered again 30s after the end at worst."),
        (Home(False, 30.0, 7.5, ()), "7.5s after the end at worst you can be called again."),
        (Home(False, math.inf, math.inf, ()), "Nobody can call you 1h after all is well again."),
        (Home(True, 600.0, 0.0, ()), "It goes home by itself, 10m after the end at worst."),
        (Home(True, math.inf, 0.0, ()), "It has not gone home 1h after all is well again."),
    ],
)
def test_the_way_home_in_words(home: Home, said: str) -> None:
    assert _way_home(replace(home, watched_s=3600.0)) == said
