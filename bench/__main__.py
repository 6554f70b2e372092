"""``python -m bench [MODULE…]``: measure, print a table, write ``bench/latest.json``.

Exit code 1 if a value is on the wrong side of its limit.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.rows import Row

HERE = Path(__file__).parent


def modules(wanted: list[str]) -> list[str]:
    found = sorted(path.stem for path in HERE.glob("bench_*.py"))
    unknown = [name for name in wanted if f"bench_{name}" not in found]
    if unknown:
        known = ", ".join(name.removeprefix("bench_") for name in found)
        sys.exit(f"no such measurement: {', '.join(unknown)} (there are: {known})")
    return [name for name in found if not wanted or name.removeprefix("bench_") in wanted]


def interpreter() -> str:
    """Which Python this is: how it was built alone makes a tenth and more of a second."""
    return f"Python {' '.join(sys.version.split())} of {sys.base_prefix}"


def show(rows: list[Row]) -> None:
    table = Table("what", "value", "unit", "limit", "ok")
    for one in rows:
        limit = "" if one["limit"] is None else f"{one['limit']:g}"
        table.add_row(one["name"], f"{one['value']:.4g}", one["unit"], limit, str(one["ok"]))
    console = Console()
    console.print(interpreter())
    console.print(table)


def main() -> None:
    rows: list[Row] = []
    for name in modules(sys.argv[1:]):
        rows += importlib.import_module(f"bench.{name}").run()
    show(rows)
    (HERE / "latest.json").write_text(json.dumps(rows, indent=2) + "\n")
    sys.exit(0 if all(one["ok"] for one in rows) else 1)


if __name__ == "__main__":
    main()
