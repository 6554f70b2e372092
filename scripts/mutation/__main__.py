"""``python -m scripts.mutation [WORD...]``: all mutants, or those whose name holds a word."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from scripts.mutation.mutant import Mutant, MutantError
from scripts.mutation.rows import row_mutants
from scripts.mutation.runner import Tree, Verdict, run_all
from scripts.mutation.sources import source_mutants

ROOT = Path(__file__).parents[2]


def main() -> int:
    """0 if every mutant was noticed, 1 if one survived, 2 if one fits the sources no more."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation")
    parser.add_argument("word", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--skip-baseline", action="store_true")
    told = parser.parse_args()
    every = [*row_mutants(), *source_mutants()]
    chosen = [m for m in every if not told.word or any(word in m.name for word in told.word)]
    try:
        for mutant in chosen:
            mutant.check(ROOT / "src" / "evertone")
    except MutantError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mutants-") as home:
        trees = [Tree(ROOT, Path(home) / str(n)) for n in range(told.jobs)]
        return _run(trees, chosen, baseline=not told.skip_baseline)


def _run(trees: list[Tree], mutants: list[Mutant], *, baseline: bool) -> int:
    began = time.monotonic()
    if baseline:
        verdict = trees[0].baseline()
        if verdict.by != "all tests pass":
            print(f"the tests fail as they are: {verdict.by}", file=sys.stderr)
            return 2
        print(f"{time.monotonic() - began:5.0f} s  the tests pass as they are", flush=True)
    count = Counter[str]()

    def tell(verdict: Verdict) -> None:
        mutant = verdict.mutant
        fate = "noticed" if verdict.noticed else "equal" if mutant.equal else "SURVIVES"
        count[fate] += 1
        why = verdict.by if verdict.noticed else mutant.equal or verdict.by
        rules = " ".join(mutant.rules) or "-"
        spent = time.monotonic() - began
        print(f"{spent:5.0f} s  {fate:8}  {rules:12}  {mutant.name}: {why}", flush=True)

    verdicts = run_all(trees, mutants, tell)
    print(f"{len(verdicts)} mutants: " + ", ".join(f"{n} {fate}" for fate, n in count.items()))
    alive = [v.mutant for v in verdicts if not v.noticed and not v.mutant.equal]
    stale = [v.mutant for v in verdicts if v.noticed and v.mutant.equal]
    for mutant in alive:
        print(f"survivor: {mutant.name} ({mutant.file})")
    for mutant in stale:
        print(f"called equal, but was noticed: {mutant.name}")
    for verdict in verdicts:
        if verdict.weak:
            print(f"noticed, but by no assertion: {verdict.mutant.name}: {verdict.by}")
    return 1 if alive or stale else 0


if __name__ == "__main__":
    sys.exit(main())
