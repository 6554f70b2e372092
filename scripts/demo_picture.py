"""Make docs/demo.svg from what `evertone demo --fast` prints: one scenario's tale, and the table.

Run it with `make picture`.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

SCENARIO = "INVITE failover"
COLUMNS = 140
PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"

_NOT_OURS = re.compile(r"@font-face \{\{.*?\}\}|<!--.*?-->", re.DOTALL)  # it must load nothing


def output() -> list[str]:
    """The demo's lines, colours included."""
    command = [str(Path(sys.executable).with_name("evertone")), "demo", "--fast"]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def shown(lines: list[str]) -> list[str]:
    """The lines of one scenario, then everything from the table's title on."""
    title = next(number for number, line in enumerate(lines) if "What the guide says" in line)
    tale = [line for line in lines[:title] if SCENARIO in line]
    return [*tale, "", *lines[title:]]


def main() -> None:
    """Write the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print("$ evertone demo --fast", style="bold")
    for line in shown(output()):
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis")
    console.save_svg(
        str(PICTURE),
        title="evertone demo --fast",
        code_format=_NOT_OURS.sub("", CONSOLE_SVG_FORMAT),
        unique_id="demo",
    )


if __name__ == "__main__":
    main()
