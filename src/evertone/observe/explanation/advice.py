"""What would help: a table of changes, each tried in the same rehearsals, before and after.

A row proposes lines for the configuration file; they are laid over the user's files and read as
any file is. What is not better by then is not advised, so the conditions can be simple.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from evertone.config.cfg import Entry
from evertone.config.load import Loaded
from evertone.config.schema import lookup
from evertone.config.settings import INHERIT
from evertone.model import Group
from evertone.observe.explanation.faults import Case, Scene, Stage, cases_of
from evertone.observe.explanation.figures import Outcome, home_of, missed_of, waits_of
from evertone.rules import Rule

__all__ = ["ADVICES", "Advice", "Change", "Figure", "Metric", "advise"]

_SECOND_SERVER = "198.51.100.200"  # RFC 5737: stands for one that the user has to name
A_SECOND_SERVER = "a second server of yours"

_WORTH_SHARE = 0.8  # of the figure before
_WORTH_S = 1.0

_HOMING = frozenset({Rule.B4, Rule.F4, Rule.P2})
"""Rules of timers that bring the line home: where another one brought it, these do not matter."""


class Metric(enum.Enum):
    """A figure that a change may better; smaller is better."""

    WAIT = "a call waits"
    HAMPERED = "calls that wait or are lost"
    MISSED = "calls to the phone are lost for"
    HOME = "home again after"
    DEAF = "after it calls to the phone are lost for"


_MEASURES: dict[Metric, Callable[[Stage, Case, float], float]] = {
    Metric.WAIT: lambda stage, case, _: waits_of(stage, case).worst_s,
    Metric.HAMPERED: lambda stage, case, _: float(waits_of(stage, case).hampered),
    Metric.MISSED: lambda stage, case, _: missed_of(stage, case).lost_s,
    Metric.HOME: lambda stage, case, most: home_of(stage, case, most).after_s,
    Metric.DEAF: lambda stage, case, _: home_of(stage, case).deaf_s,
}
"""The third is the most that would still be better: what is above need not be exact."""
_KNOWN: dict[Metric, Callable[[Outcome], float]] = {
    Metric.WAIT: lambda outcome: outcome.waits.worst_s,
    Metric.HAMPERED: lambda outcome: float(outcome.waits.hampered),
    Metric.MISSED: lambda outcome: outcome.missed.lost_s,
    Metric.HOME: lambda outcome: outcome.home.after_s,
    Metric.DEAF: lambda outcome: outcome.home.deaf_s,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric in one case: seconds, of ``HAMPERED`` a number of calls; inf: for ever, or
    a call that is lost. ``of`` is the number of calls in all."""

    metric: Metric
    value: float
    of: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One advice: which lines to write (key, value before, value after), in which case that
    helps, by how much, and what it costs. ``span_s``: the outage that both were watched in."""

    advice: str
    rule: Rule
    lines: tuple[tuple[str, str, str], ...]
    case: Case
    before: Figure
    after: Figure
    cost: str
    span_s: float


Lines = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Advice:
    """One row: the ``lines`` to try in a scene (none: it does not apply), and in which of
    ``cases`` which ``metric`` should be better for it; the first one counts that is."""

    id: str
    rule: Rule
    metric: Metric
    cases: tuple[str, ...]
    lines: Callable[[Scene], Lines]
    cost: str


# --- keys -------------------------------------------------------------------------------------


def _own(scene: Scene, name: str) -> str:
    return f"account.{scene.line.line}.{name}"


def _of_path(scene: Scene, group: Group, name: str) -> str:
    """The key that governs the hop list (P1): a proxy's twin if it is given."""
    twin = group.is_proxy and (
        getattr(scene.line.outbound_proxy[group.number - 1], name.replace(".", "_")) != INHERIT
    )
    place = "outbound_proxy" if twin else "sip_server"
    return _own(scene, f"{place}.{group.number}.{name}")


def _paths(
    scene: Scene, name: str, value: int, where: Callable[[Scene, Group, int], bool]
) -> Lines:
    """``name = value`` for every hop list of the line of which ``where`` holds."""
    routes = scene.site.routes
    return {
        _of_path(scene, route.group, name): value
        for route in routes
        if where(scene, route.group, route.registrar)
    }


def _above(name: str, most: int) -> Callable[[Scene, Group, int], bool]:
    def where(scene: Scene, group: Group, registrar: int) -> bool:
        value: int = getattr(scene.line.path(group, registrar), name)
        return value > most

    return where


def _in_mode(*modes: int) -> Callable[[Scene, Group, int], bool]:
    return lambda scene, group, registrar: scene.line.path(group, registrar).failback_mode in modes


# --- what may be tried ------------------------------------------------------------------------


def _fewer_invites(scene: Scene) -> Lines:
    name = "invite_retry_counts" if scene.settings.firmware > 80 else "retry_counts"
    return _paths(scene, name, 2, _above(name, 2))


def _fewer_registers(scene: Scene) -> Lines:
    if scene.settings.firmware < 81:
        return {}  # the same key, tried already (P3)
    return _paths(scene, "retry_counts", 2, _above("retry_counts", 2))


def _skip(scene: Scene) -> Lines:
    return {} if scene.line.skip_unavailable else {_own(scene, "evertone.skip_unavailable"): 600}


def _duration(scene: Scene) -> Lines:
    modes = _paths(scene, "failback_mode", 3, _in_mode(0))
    return {**modes, **_paths(scene, "failback_timeout", 600, _in_mode(0))}


def _sooner_home(scene: Scene) -> Lines:
    def where(scene: Scene, group: Group, registrar: int) -> bool:
        path = scene.line.path(group, registrar)
        return path.failback_mode == 3 and not 0 < path.failback_timeout <= 600

    return _paths(scene, "failback_timeout", 600, where)


def _shorter(scene: Scene) -> Lines:
    line = scene.line
    wanted = [y for y in line.registrars() if line.server(y).expires > 300]
    return {_own(scene, f"sip_server.{y}.expires"): 300 for y in wanted}


def _concurrent(scene: Scene) -> Lines:
    both = len(scene.line.registrars()) == 2
    return {_own(scene, "fallback.redundancy_type"): 0} if both and scene.line.successive else {}


def _number(name: str, most: int, value: Callable[[Scene], int]) -> Callable[[Scene], Lines]:
    """``account.X.name = most`` where it is above that."""
    return lambda scene: {_own(scene, name): most} if value(scene) > most else {}


def _growing_wait(scene: Scene) -> int:
    """The longest wait between two tries, where waits grow at all (R6)."""
    line = scene.line
    return line.reg_failed_retry_max_time if line.reg_failed_retry_min_time > 0 else 0


def _longer_stale(scene: Scene) -> Lines:
    dns = scene.settings.dns
    key = "static.network.dns.last_cache_expired"
    lines: dict[str, int] = {} if dns.last_cache_expired >= 86_400 else {key: 86_400}
    return lines if dns.last_cache_expired_enable else {**lines, f"{key}.enable": 1}


def _second(scene: Scene) -> Lines:
    """Another server, or behind proxies another proxy, where there is one machine only."""
    line = scene.line
    if len(scene.first.path) > 1 or len(line.registrars()) > 1 or len(line.proxies()) > 1:
        return {}
    proxied = bool(line.proxies())
    if proxied and scene.settings.firmware < 81:
        return {_own(scene, "backup_outbound_host"): _SECOND_SERVER}
    place = "outbound_proxy" if proxied else "sip_server"
    return {_own(scene, f"{place}.2.address"): _SECOND_SERVER}


_PRIMARY = ("primary-silent",)
_LOST_PLACES = ("primary-silent", "primary-503", "list-silent", "server-silent")

ADVICES: tuple[Advice, ...] = (
    Advice(
        "second-server",
        Rule.F1,
        Metric.HAMPERED,
        _PRIMARY,
        _second,
        "a second machine; without one nothing else helps",
    ),
    Advice(
        "invite-retries",
        Rule.S1,
        Metric.WAIT,
        _PRIMARY,
        _fewer_invites,
        "a network that loses many packets makes the phone change servers sooner",
    ),
    Advice(
        "register-retries",
        Rule.S1,
        Metric.WAIT,
        _PRIMARY,
        _fewer_registers,
        "a network that loses many packets makes the phone change servers sooner",
    ),
    Advice(
        "skip-unavailable",
        Rule.X1,
        Metric.HAMPERED,
        _PRIMARY,
        _skip,
        "a key of this phone only; a server that is back may be passed over for 10 minutes",
    ),
    Advice(
        "duration",
        Rule.B4,
        Metric.HAMPERED,
        _PRIMARY,
        _duration,
        "the phone goes home 10 minutes after it left, not with its next request",
    ),
    Advice(
        "concurrent",
        Rule.F1,
        Metric.MISSED,
        _LOST_PLACES,
        _concurrent,
        "a registration at each server: twice as many REGISTERs",
    ),
    Advice(
        "expires",
        Rule.R3,
        Metric.MISSED,
        _LOST_PLACES,
        _shorter,
        "the servers get a REGISTER every few minutes from each phone",
    ),
    Advice(
        "expires-home",
        Rule.R3,
        Metric.HOME,
        _PRIMARY,
        _shorter,
        "the servers get a REGISTER every few minutes from each phone",
    ),
    Advice(
        "failback-timeout",
        Rule.B4,
        Metric.HOME,
        _PRIMARY,
        _sooner_home,
        "a REGISTER to the primary every 10 minutes while it is away",
    ),
    Advice(
        "fallback-timeout",
        Rule.F4,
        Metric.HOME,
        _LOST_PLACES,
        _number("fallback.timeout", 120, lambda scene: scene.line.fallback_timeout),
        "a REGISTER to the working server every 2 minutes while it is away",
    ),
    Advice(
        "proxy-interval",
        Rule.P2,
        Metric.HOME,
        _LOST_PLACES,
        _number(
            "outbound_proxy_fallback_interval",
            600,
            lambda scene: scene.line.outbound_proxy_fallback_interval,
        ),
        "a REGISTER through proxy 1 every 10 minutes while it is away",
    ),
    Advice(
        "stale-answers",
        Rule.D14,
        Metric.MISSED,
        ("dns-silent",),
        _longer_stale,
        "addresses that have changed meanwhile are tried for a day",
    ),
    Advice(
        "retry-interval",
        Rule.R6,
        Metric.DEAF,
        ("all-silent", "list-silent", "primary-silent"),
        _number("reg_fail_retry_interval", 30, lambda scene: scene.line.reg_fail_retry_interval),
        "a REGISTER every half minute while no server answers",
    ),
    Advice(
        "retry-max",
        Rule.R6,
        Metric.DEAF,
        ("all-silent", "list-silent", "primary-silent"),
        _number("reg_failed_retry_max_time", 60, _growing_wait),
        "a REGISTER every minute while no server answers",
    ),
)
"""What may be tried, in the order in which it is told."""


# --- trying -----------------------------------------------------------------------------------

Retry = Callable[[Mapping[str, str]], Scene]
"""Lines laid over the files -> the scene that they make."""


def advise(
    stage: Stage, outcomes: Mapping[str, Outcome], loaded: Loaded, retry: Retry
) -> Iterator[Change]:
    """The advices that help, with their figures. ``outcomes`` are those before, by case."""
    stages: dict[tuple[tuple[str, str], ...], Stage] = {}  # two rows may try the same
    for row in ADVICES:
        lines = {key: str(value) for key, value in row.lines(stage.scene).items()}
        cases = [case for case in cases_of(stage.scene) if _may_help(row, case, outcomes)]
        if not lines or not cases:
            continue
        tried = tuple(lines.items())
        if tried not in stages:
            stages[tried] = Stage(retry(lines), stage)
        for case in cases:
            before = _KNOWN[row.metric](outcomes[case.key])
            most = min(before * _WORTH_SHARE, before - _WORTH_S)
            after = _MEASURES[row.metric](stages[tried], case, most)
            if after <= most and after != before:
                of = outcomes[case.key].waits.of if row.metric is Metric.HAMPERED else 0
                yield Change(
                    advice=row.id,
                    rule=row.rule,
                    lines=tuple(_change(key, value, loaded.given) for key, value in lines.items()),
                    case=case,
                    before=Figure(row.metric, before, of),
                    after=Figure(row.metric, after, of),
                    cost=row.cost,
                    span_s=_span_s(outcomes[case.key], stages[tried], row.metric),
                )
                break


def _span_s(before: Outcome, there: Stage, metric: Metric) -> float:
    """For how long the outage is known with and without the change."""
    if metric is not Metric.MISSED:
        return before.outage_s
    return min(before.outage_s, there.rehearsed_s(before.case))


def _may_help(row: Advice, case: Case, outcomes: Mapping[str, Outcome]) -> bool:
    """False where nothing is to be gained, or where the way home was not ``row``'s timer."""
    if case.key not in row.cases:
        return False
    outcome = outcomes[case.key]
    if row.metric is Metric.HOME and row.rule in _HOMING:
        came = not outcome.home.rules or row.rule in outcome.home.rules
        return came and _KNOWN[row.metric](outcome) >= _WORTH_S
    return _KNOWN[row.metric](outcome) >= _WORTH_S


def _change(key: str, value: str, given: Mapping[str, Entry]) -> tuple[str, str, str]:
    """Key, the value that counts now, the new one."""
    match = lookup(key)
    default = match.parameter.default if match is not None else None
    entry = given.get(key)
    return (
        key,
        entry.value if entry is not None else "" if default is None else str(default),
        A_SECOND_SERVER if value == _SECOND_SERVER else value,
    )
