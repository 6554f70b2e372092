"""A network namespace of a test's own, in which addresses and routes may be changed."""

from __future__ import annotations

import subprocess
from functools import cache

__all__ = ["COMMAND", "ip", "missing"]

COMMAND = ("unshare", "--user", "--map-root-user", "--net")
"""What precedes a command that is to run in a new namespace."""


@cache
def missing() -> str:
    """Why there can be none here; empty if there can."""
    try:
        command = [*COMMAND, "ip", "link", "set", "lo", "up"]
        subprocess.run(command, capture_output=True, timeout=20, check=True)
    except FileNotFoundError:
        return "unshare is missing: apt-get install util-linux"
    except subprocess.SubprocessError:
        return "no network namespace here: it takes user namespaces and ip (package iproute2)"
    return ""


def ip(*words: str) -> None:
    """``ip WORDS``; for use inside the namespace."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
