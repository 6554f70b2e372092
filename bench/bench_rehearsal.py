"""Rehearsals: one line over a month, and the hour that ``evertone explain`` runs by the dozen."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from bench.rows import Row, cpu_s, row
from evertone.config.load import load
from evertone.config.settings import PhoneSettings
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.site import survey

EXAMPLES = Path(__file__).parents[1] / "examples"
MONTH_S = 30 * 86_400.0
ROUNDS = 5


def settings(name: str) -> PhoneSettings:
    return load([EXAMPLES / f"{name}.cfg"]).settings


def median_s(work: Callable[[], object]) -> float:
    work()  # warm
    return statistics.median(cpu_s(work) for _ in range(ROUNDS))


def run() -> list[Row]:
    by_address, by_name = settings("fallback-register"), settings("failover")
    site = survey(by_name)
    outage = ["server1.primary silence 10m..25m"]

    def hour() -> None:
        rehearse(by_name, site=site, faults=outage, calls=CallPlan(300), for_s=3600)

    return [
        row(
            "rehearsal: one line x 30 days, server by address",
            median_s(lambda: rehearse(by_address, for_s=MONTH_S)),
            "CPU s",
            0.2,
        ),
        row(
            "rehearsal: one line x 30 days, server by NAPTR (3 questions per refresh)",
            median_s(lambda: rehearse(by_name, for_s=MONTH_S)),
            "CPU s",
        ),
        row("rehearsal: one hour with an outage and 12 calls", median_s(hour), "CPU s"),
    ]
