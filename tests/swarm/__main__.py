"""``python -m tests.swarm SEED`` replays a world; ``--seconds S`` swarms on with fresh seeds."""

from __future__ import annotations

import argparse
import sys
import time

from tests.swarm.checks import run
from tests.swarm.report import failure_text, plan_text

PROGRESS_EVERY_S = 10.0


def main() -> int:
    """The number of worlds in which an invariant was broken, 9 at most."""
    parser = argparse.ArgumentParser(prog="python -m tests.swarm")
    parser.add_argument("seed", nargs="*", type=int, help="replay these worlds")
    parser.add_argument("--seconds", type=float, default=0.0, help="swarm for so long")
    parser.add_argument("--first", type=int, default=1_000_000, help="the first seed of a swarm")
    parser.add_argument("--stop-at", type=int, default=9, help="end after so many failures")
    told = parser.parse_args()
    if told.seconds:
        return _swarm(told.seconds, told.first, told.stop_at)
    return sum(_replay(seed) for seed in told.seed)


def _replay(seed: int) -> int:
    play, found = run(seed)
    print(plan_text(play.plan))
    print(failure_text(play, found) if found else f"seed {seed}: all is well")
    return int(bool(found))


def _swarm(seconds: float, first: int, stop_at: int) -> int:
    began = told = time.monotonic()
    failed: list[int] = []
    seed = first
    while time.monotonic() - began < seconds and len(failed) < stop_at:
        _, found = run(seed)
        if found:
            failed.append(seed)
            print(f"seed {seed}: {'; '.join(found[:3])}", flush=True)
        seed += 1
        if time.monotonic() - told > PROGRESS_EVERY_S:
            told = time.monotonic()
            print(f"{told - began:5.0f} s: {seed - first} worlds, {len(failed)} failed", flush=True)
    print(f"{seed - first} worlds from seed {first} on, {len(failed)} failed")
    for broken in failed:
        print(f"replay: .venv/bin/python -m tests.swarm {broken}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
