"""What the chapters share: the form of a row, and short names for files that many rows change."""

from __future__ import annotations

__all__ = [
    "ENGINE",
    "EXCHANGE",
    "HOMING",
    "HOPLIST",
    "JUDGING",
    "LOCATE",
    "REGISTERING",
    "REMOVALS",
    "SCHEDULE",
    "SERVING",
    "WALKER",
    "Row",
]

Row = tuple[str, str, str, str, str]
"""Rule, what is lost, file under ``src/evertone``, old text, new text."""

ENGINE = "redundancy/engine.py"
EXCHANGE = "phone/exchanges.py"
HOMING = "redundancy/homing.py"
HOPLIST = "redundancy/hoplist.py"
JUDGING = "redundancy/judging.py"
LOCATE = "dns/locate.py"
REGISTERING = "redundancy/registering.py"
REMOVALS = "redundancy/removals.py"
SCHEDULE = "schedule.py"
SERVING = "redundancy/serving.py"
WALKER = "redundancy/walker.py"
