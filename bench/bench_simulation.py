"""Simulated time: how fast days of many phones pass, and that a seed always makes the same trace.

Each run is a process of its own, on one core: see ``bench.site`` for the world that it plays.
The outage begins shortly before every line's next refresh, so that every line fails over.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import TypedDict

from bench.rows import Row, cpu_s, row
from bench.site import Plan, Site, Trace

SEED = 4605
RUNS = 5

DAY = Plan(lines=1000, hours=24, outage_at_refresh=12, digest=False)
DIGEST = Plan(lines=1000, hours=24, outage_at_refresh=12)
BRIEF_NONCES = Plan(lines=1000, hours=24, outage_at_refresh=12, nonce_s=300)
SINGLE_LINES = Plan(lines=1000, hours=24, outage_at_refresh=12, per_phone=1)
MONTH = Plan(lines=1, hours=30 * 24)
# spread: 10,000 in a minute are more than a lab server's transactions, and met with 503
CROWD = Plan(10_000, hours=1, outage_at_refresh=1, start_within_s=300, expires_s=1800)
TRACED = Plan(lines=100, hours=24, outage_at_refresh=12)


class Run(TypedDict):
    """What one run says: CPU seconds, the process's greatest size in MiB, digest of the trace."""

    cpu_s: float
    mib: float
    trace: str


def play(plan: Plan, *, traced: bool) -> Run:
    """Run a plan here."""
    record = Trace() if traced else None
    site = Site(plan, SEED, record)
    spent_s = cpu_s(site.run)
    site.check()
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Run(cpu_s=spent_s, mib=size, trace=record.fingerprint() if record else "")


def apart(plan: Plan, *, traced: bool = False, hash_seed: str = "0") -> Run:
    """Run a plan in a process of its own, with that ``PYTHONHASHSEED``."""
    order = json.dumps({"plan": asdict(plan), "traced": traced})
    done = subprocess.run(
        [sys.executable, "-m", "bench.bench_simulation", order],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    answer: Run = json.loads(done.stdout)
    return answer


def least_s(plan: Plan) -> float:
    """CPU seconds of a plan: the least of several runs, as all else on the machine only adds."""
    return min(apart(plan)["cpu_s"] for _ in range(RUNS))


def traces() -> set[str]:
    """The digests of one plan: twice in one process, and under other hash seeds."""
    here = [play(TRACED, traced=True)["trace"] for _ in range(2)]
    there = [apart(TRACED, traced=True, hash_seed=seed)["trace"] for seed in ("1", "4711")]
    return {*here, *there}


def on_two_cores_s() -> float:
    """Wall seconds of the day as two sites of half the lines, side by side, start-up included."""
    halves = [replace(DAY, lines=DAY.lines // 2)] * 2
    begin_s = time.monotonic()
    with ThreadPoolExecutor(len(halves)) as pool:
        list(pool.map(apart, halves))
    return time.monotonic() - begin_s


def run() -> list[Row]:
    """The day, the month and the crowd; and the traces of one seed, which must be one."""
    crowd = apart(CROWD)
    timed = partial(row, unit="s")
    return [
        timed("simulation: 1,000 lines × 24 h, 16 a phone", least_s(DAY), limit=5.0),
        timed("simulation: …, as two sites of 500 on two cores, wall", on_two_cores_s()),
        timed("simulation: …, with digest", apart(DIGEST)["cpu_s"]),
        timed("simulation: …, and a challenge for each refresh", apart(BRIEF_NONCES)["cpu_s"]),
        timed("simulation: …, with digest, one line a phone", apart(SINGLE_LINES)["cpu_s"]),
        timed("simulation: 1 line × 30 days", least_s(MONTH), limit=0.2),
        timed("simulation: 10,000 lines × 1 h", crowd["cpu_s"], limit=60.0),
        row("simulation: 10,000 lines, size", crowd["mib"], "MiB", 1024.0),
        row("simulation: different traces of one seed", len(traces()), "", 1.0),
    ]


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    json.dump(play(Plan(**asked["plan"]), traced=asked["traced"]), sys.stdout)
