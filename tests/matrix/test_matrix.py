"""The whole matrix: every cell is played, or void with its reason (issue 3, section 2).

The cells of one redundancy and one request are one test; two processes share them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from tests.matrix.cells import Cell, Fault, Presence, Request, Topology, all_cells
from tests.matrix.run import CHUNK, Failure, chunks, run_cells
from tests.matrix.voids import VOIDS, void_reason

PROCESSES = 2
_SHOWN_FAILURES = 5

Group = tuple[Topology, Request]
GROUPS: dict[Group, list[Cell]] = {}
for _cell in all_cells():
    if not void_reason(_cell):
        GROUPS.setdefault((_cell.topology, _cell.request), []).append(_cell)


def _name(group: Group) -> str:
    topology, request = group
    return f"{topology.value}/{request.value}"


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[dict[Group, list[Future[list[Failure]]]]]:
    """What is being played, by group: those that were selected, in their order."""
    selected = {item.nodeid for item in request.session.items}
    wanted = [g for g in GROUPS if any(node.endswith(f"[{_name(g)}]") for node in selected)]
    context = multiprocessing.get_context("spawn")  # a fork copies whatever tests left behind
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        yield {
            group: [pool.submit(run_cells, part) for part in chunks(GROUPS[group])]
            for group in wanted
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("group", GROUPS, ids=_name)
def test_every_cell_is_as_foretold(
    group: Group, results: dict[Group, list[Future[list[Failure]]]]
) -> None:
    failed = [failure for future in results[group] for failure in future.result()]
    print("\n\n".join(failure.text for failure in failed[:_SHOWN_FAILURES]))
    assert [str(failure.cell) for failure in failed] == []


def test_every_cell_is_played_or_void_for_a_reason() -> None:
    cells = list(all_cells())
    assert len(cells) == len(set(cells)) == 6 * 5 * 10 * 4 * 3 * 2
    played = sum(map(len, GROUPS.values()))
    assert played + sum(bool(void_reason(cell)) for cell in cells) == len(cells)
    for fits, why in VOIDS:
        assert any(fits(cell) for cell in cells), f"nothing is void because {why}"


def test_no_column_of_the_matrix_is_void_altogether() -> None:
    played = [cell for cells in GROUPS.values() for cell in cells]
    assert {cell.fault for cell in played} == set(Fault)
    assert {cell.presence for cell in played} == set(Presence)
    assert {(cell.topology, cell.request) for cell in played} == {
        (topology, request) for topology in Topology for request in Request
    }
    assert max(len(part) for part in chunks(played)) == CHUNK
