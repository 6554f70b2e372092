"""What a configuration means: where it leads, what comes of each fault, what would be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evertone.config.finding import Finding
from evertone.config.load import Loaded, load_texts
from evertone.config.settings import LineSettings, PhoneSettings
from evertone.dns.locate import Where
from evertone.errors import ConfigError
from evertone.lab.rehearsal.site import hop_lists
from evertone.lab.rehearsal.zones import Zone, invent_zone
from evertone.model import Group, Hop
from evertone.observe.explanation.advice import Change, advise
from evertone.observe.explanation.faults import Scene, Stage, cases_of
from evertone.observe.explanation.figures import Outcome

__all__ = ["Explanation", "LineExplanation", "Stop", "explain"]

Texts = Sequence[tuple[str, bytes]]
"""Configuration files: name and content, earlier ones first."""

_OVERLAY = "advice"


@dataclass(frozen=True, slots=True)
class Stop:
    """One hop list on the way of a line: which ``group`` it is, of which ``address``, on the way
    to which ``registrar``; ``hosts`` are the lab's names for the hops."""

    registrar: int
    group: Group
    address: str
    hops: tuple[Hop, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """One line, and the ``others`` that are set up alike."""

    scene: Scene
    others: tuple[int, ...]
    order: tuple[Stop, ...]
    outcomes: tuple[Outcome, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole phone. ``findings`` are what `check` has to say about settings that contradict
    each other or have no effect; ``zone`` holds the DNS records that were used."""

    loaded: Loaded
    zone: Zone
    seed: int
    lines: tuple[LineExplanation, ...]
    findings: tuple[Finding, ...]


def explain(texts: Texts, zone: Zone | None = None, seed: int = 1) -> Explanation:
    """Explain configuration files. ``zone`` None: DNS records are invented from the names.

    Raises ConfigError in the words of `check` if they cannot be used, or name no line in use.
    """
    loaded = load_texts(texts)
    zone = zone or invent_zone(loaded.settings)
    alike = _alike(loaded.settings)
    if not alike:
        raise ConfigError(
            "no line is in use: one needs account.X.enable = 1, a user_name and "
            "sip_server.1.address"
        )
    lines = tuple(_explain_line(texts, loaded, zone, seed, group) for group in alike)
    findings = tuple(finding for finding in loaded.findings if finding.rule is not None)
    return Explanation(loaded, zone, seed, lines, findings)


def _alike(settings: PhoneSettings) -> list[list[LineSettings]]:
    """The lines in use, those together that differ in nothing but who they are."""
    groups: dict[LineSettings, list[LineSettings]] = {}
    for line in settings.enabled_lines():
        domain = line.user_name.partition("@")[2]
        nobody = replace(
            line,
            line=0,
            label="",
            display_name="",
            auth_name="",
            user_name=f"@{domain}",
            password="",
        )
        groups.setdefault(nobody, []).append(line)
    return list(groups.values())


def _explain_line(
    texts: Texts, loaded: Loaded, zone: Zone, seed: int, group: list[LineSettings]
) -> LineExplanation:
    line = group[0]
    scene = Scene.of(loaded.settings, line, zone, seed)
    stage = Stage(scene)
    outcomes = tuple(Outcome.of(stage, case) for case in cases_of(scene))

    def retry(lines: Mapping[str, str]) -> Scene:
        overlay = "#!version:1.0.0.1\n" + "".join(f"{k} = {v}\n" for k, v in lines.items())
        settings = load_texts([*texts, (_OVERLAY, overlay.encode())]).settings
        changed = next(one for one in settings.enabled_lines() if one.line == line.line)
        return Scene.of(settings, changed, zone, seed)

    by_case = {outcome.case.key: outcome for outcome in outcomes}
    return LineExplanation(
        scene=scene,
        others=tuple(other.line for other in group[1:]),
        order=_order(scene),
        outcomes=outcomes,
        changes=tuple(advise(stage, by_case, loaded, retry)),
    )


def _order(scene: Scene) -> tuple[Stop, ...]:
    """The hop lists in the order in which a call walks them (C1, P1)."""
    lists = hop_lists(scene.site)
    stops = []
    for route in scene.site.routes:
        where = Where.of(scene.line, route.group, route.registrar)
        hops = lists.get(where, ())
        names = {a: host.name for host in scene.site.hosts for a in host.addresses}
        stops.append(
            Stop(
                registrar=route.registrar,
                group=route.group,
                address=where.address,
                hops=hops,
                hosts=tuple(names.get(hop.target.address, "") for hop in hops),
            )
        )
    return tuple(stops)
