"""``evertone explain`` for one line, the whole command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.rows import Row, row

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = ("guide-failover.cfg", "fallback-register.cfg")
ROUNDS = 3


def explain_s(file: Path) -> float:
    """Seconds on the clock from start to end, the best of some: the machine does other things."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "evertone", "explain", "--json", str(file)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        best = min(best, time.perf_counter() - start)
    return best


def run() -> list[Row]:
    return [row(f"explain: {name}, one line", explain_s(EXAMPLES / name), "s", 2) for name in FILES]
