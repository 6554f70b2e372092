"""Cells that mean nothing, each with its reason. All others are played."""

from __future__ import annotations

from collections.abc import Callable

from tests.matrix.cells import Cell, Presence, Request, Topology

__all__ = ["VOIDS", "void_reason"]

_IN_DIALOG = frozenset({Request.BYE, Request.REINVITE})
_LITERALS = frozenset({Topology.CONCURRENT, Topology.SUCCESSIVE})

VOIDS: tuple[tuple[Callable[[Cell], bool], str], ...] = (
    (
        lambda cell: cell.request in _IN_DIALOG and cell.presence is Presence.IDLE,
        "a request within a dialog needs a call, so the phone is not idle",
    ),
    (
        lambda cell: cell.topology in _LITERALS and cell.mode != 0,
        "failback modes count only where a server's address is a name (B)",
    ),
)
"""(which cells, why they are void); the first that fits is the reason."""


def void_reason(cell: Cell) -> str:
    """Why the cell is not played; empty if it is."""
    return next((why for fits, why in VOIDS if fits(cell)), "")
