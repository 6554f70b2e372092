"""The programs outside Python that some tests run: where they are, and how to get them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

__all__ = ["PATH", "TOOLS", "Tool", "missing", "program"]

# Debian keeps servers out of an ordinary user's path.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, the Debian package it comes in, and a command that proves it usable here."""

    program: str
    package: str
    probe: tuple[str, ...] = ()
    probe_hint: str = ""


TOOLS = {
    tool.program: tool
    for tool in (
        Tool("kamailio", "kamailio"),
        Tool("named", "bind9"),
        Tool("sipp", "sip-tester"),
        # Asking for link types opens the interface, which takes the privilege to capture.
        Tool("tshark", "tshark", ("dumpcap", "-i", "lo", "-L"), "capturing takes root here"),
        Tool("ip", "iproute2"),
        Tool("unshare", "util-linux"),
    )
}


def program(name: str) -> str:
    """The path of a program; LookupError names the command that installs it."""
    path = shutil.which(name, path=PATH)
    if path is None:
        raise LookupError(f"{name} is not installed")
    return path


@cache
def missing(name: str) -> str:
    """Why the tool cannot be used, with the remedy; empty if it can."""
    tool = TOOLS[name]
    if shutil.which(tool.program, path=PATH) is None:
        return f"{name} is missing: apt-get install {tool.package}"
    if tool.probe:
        try:
            command = [program(tool.probe[0]), *tool.probe[1:]]
            subprocess.run(command, capture_output=True, timeout=20, check=True)
        except (LookupError, subprocess.SubprocessError):
            return f"{name} cannot be used: {tool.probe_hint}"
    return ""
