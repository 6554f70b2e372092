"""``python -m tests.matrix.run`` plays the whole matrix; with names of cells, just those, and
shows the ladder of each. ``--list`` counts the cells and names the void ones' reasons."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.matrix.cells import Cell, all_cells, parse_cell
from tests.matrix.judge import judge
from tests.matrix.ladder import ladder_text
from tests.matrix.oracle import foretell
from tests.matrix.play import play
from tests.matrix.site import seed_of
from tests.matrix.voids import void_reason

__all__ = ["CHUNK", "Failure", "chunks", "played_cells", "run_cell", "run_cells"]

CHUNK = 60
_SHOWN_FAILURES = 40


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that was not as foretold. ``text`` has all that a person needs."""

    cell: Cell
    seed: int
    found: tuple[str, ...]
    ladder: tuple[str, ...]

    @property
    def text(self) -> str:
        """Name, differences, ladder and how to see it again."""
        head = [f"{self.cell} (seed {self.seed})", *(f"  {text}" for text in self.found)]
        head.append(f"replay: .venv/bin/python -m tests.matrix.run {self.cell} --seed {self.seed}")
        return "\n".join([*self.ladder, *head])


def run_cell(cell: Cell, seed: int | None = None) -> Failure | None:
    """Play one cell; None if all was as foretold."""
    seed = seed_of(cell) if seed is None else seed
    foretold = foretell(cell)
    seen = play(cell, seed, foretold)
    found = judge(seen, foretold)
    return Failure(cell, seed, tuple(found), tuple(ladder_text(seen.record))) if found else None


def run_cells(cells: Sequence[Cell]) -> list[Failure]:
    """The failures among ``cells``."""
    return [failure for cell in cells if (failure := run_cell(cell)) is not None]


def played_cells() -> list[Cell]:
    """All cells but the void ones."""
    return [cell for cell in all_cells() if not void_reason(cell)]


def chunks(cells: Sequence[Cell]) -> list[Sequence[Cell]]:
    """The cells by ``CHUNK``: what one process plays at a time."""
    return [cells[i : i + CHUNK] for i in range(0, len(cells), CHUNK)]


def _run_all(processes: int, cells: list[Cell]) -> Iterator[tuple[int, list[Failure]]]:
    with ProcessPoolExecutor(processes) as pool:
        parts = chunks(cells)
        yield from zip(map(len, parts), pool.map(run_cells, parts), strict=True)


def _play_all(processes: int, only: str) -> int:
    began, done, failed = time.monotonic(), 0, []
    cells = [cell for cell in played_cells() if only in str(cell)]
    for count, failures in _run_all(processes, cells):
        done += count
        failed += failures
        took = time.monotonic() - began
        print(f"{took:5.0f} s: {done} of {len(cells)} cells, {len(failed)} failed", flush=True)
    for failure in failed[:_SHOWN_FAILURES]:
        print(f"{failure.cell}")
        for text in failure.found:
            print(f"    {text}")
    print(f"{len(cells)} cells in {time.monotonic() - began:.0f} s, {len(failed)} failed")
    if failed:
        print(f"ladder: .venv/bin/python -m tests.matrix.run {failed[0].cell}")
    return int(bool(failed))


def _replay(names: Sequence[str], seed: int | None) -> int:
    failed = False
    for name in names:
        cell = parse_cell(name)
        why = void_reason(cell)
        if why:
            print(f"{cell} is void: {why}")
            continue
        used = seed_of(cell) if seed is None else seed
        foretold = foretell(cell)
        seen = play(cell, used, foretold)
        found = judge(seen, foretold)
        print("\n".join(ladder_text(seen.record)))
        print(f"{cell} (seed {used})\n  foretold: {foretold}")
        print("\n".join(f"  WRONG: {text}" for text in found) or "  all was as foretold")
        failed = failed or bool(found)
    return int(failed)


def _list() -> int:
    reasons = Counter(void_reason(cell) for cell in all_cells())
    print(f"{reasons.pop('')} cells are played; void are")
    for reason, count in reasons.most_common():
        print(f"{count:6d}  {reason}")
    return 0


def main() -> int:
    """0 if all was as foretold."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.run")
    parser.add_argument("cell", nargs="*", help="replay these cells, with their ladders")
    parser.add_argument("--seed", type=int, help="another seed than the cell's own")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="count cells and reasons")
    told = parser.parse_args()
    if told.list:
        return _list()
    if told.cell:
        return _replay(told.cell, told.seed)
    return _play_all(told.processes, told.only)


if __name__ == "__main__":
    sys.exit(main())
