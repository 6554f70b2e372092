"""``evertone explain`` for one line, the whole command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.rows import Row, row

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = ("guide-failover.cfg", "fallback-register.cfg")
ROUNDS = 3
LIMIT_S = 2

_LINE = ("enable = 1", "user_name = 4605", "password = 4605")
_NAMES = (
    "sip_server.1.address = pbx.example",
    "sip_server.1.port = 0",
    "sip_server.1.transport_type = 3",
    "sip_server.2.address = backup.example",
    "sip_server.2.port = 0",
    "sip_server.2.transport_type = 3",
)
_PROXIES = (
    "outbound_proxy_enable = 1",
    "outbound_proxy.1.address = edge1.example",
    "outbound_proxy.1.port = 0",
    "outbound_proxy.2.address = edge2.example",
    "outbound_proxy.2.port = 0",
)


def _home_after(seconds: int) -> tuple[str, ...]:
    return "sip_server.1.failback_mode = 3", f"sip_server.1.failback_timeout = {seconds}"


def _expires(seconds: int) -> tuple[str, ...]:
    return f"sip_server.1.expires = {seconds}", f"sip_server.2.expires = {seconds}"


SLOW_KINDS: dict[str, tuple[str, ...]] = {
    "two servers behind two proxies": (*_NAMES, *_PROXIES),
    "expires 60, failback_timeout 3600": (*_NAMES[:3], *_expires(60)[:1], *_home_after(3600)),
    "expires 30, failback_timeout 65535": (*_NAMES[:3], *_expires(30)[:1], *_home_after(65535)),
    "expires 86400, successive, fallback.timeout 3600": (
        *_NAMES,
        *_expires(86400),
        *_home_after(3600),
        "fallback.redundancy_type = 1",
        "fallback.timeout = 3600",
    ),
    "two proxies, outbound_proxy_fallback_interval 65535": (
        "sip_server.1.address = 192.0.2.1",
        "sip_server.2.address = 192.0.2.2",
        "fallback.redundancy_type = 1",
        *_PROXIES,
        "outbound_proxy_fallback_interval = 65535",
    ),
    "expires 2147483647, every timer at its most": (
        *_NAMES,
        *_PROXIES,
        *_expires(2**31 - 1),
        *_home_after(65535),
        "outbound_proxy_fallback_interval = 65535",
    ),
}
"""Lines of ``account.1`` whose rehearsals would be long, were they not ended when all is seen."""


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


def explain_lines_s(lines: tuple[str, ...]) -> float:
    """The same for a file of these lines."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "phone.cfg"
        text = "".join(f"account.1.{line}\n" for line in (*_LINE, *lines))
        file.write_text(f"#!version:1.0.0.1\n{text}", "utf-8")
        return explain_s(file)


def run() -> list[Row]:
    return [
        *(
            row(f"explain: {name}, one line", explain_s(EXAMPLES / name), "s", LIMIT_S)
            for name in FILES
        ),
        *(
            row(f"explain: {kind}", explain_lines_s(lines), "s", LIMIT_S)
            for kind, lines in SLOW_KINDS.items()
        ),
    ]
