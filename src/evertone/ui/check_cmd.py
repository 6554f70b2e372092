"""``evertone check``: what files mean, what is wrong with them, what has no effect."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evertone.config import Loaded, inspect_texts
from evertone.config.finding import Finding, Severity, errors_in, shown, to_dict
from evertone.config.load import read
from evertone.ui.certificates import certificate_findings

if TYPE_CHECKING:
    from evertone.flows import Nameserver

__all__ = ["command"]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}


def _nameserver(text: str) -> Nameserver:
    """As the other commands read it; they take longer to load."""
    from evertone.ui.options import NAMESERVER

    server: Nameserver = NAMESERVER.func(text)
    return server


def _address(text: str) -> str:
    from evertone.ui.options import ADDRESS

    address: str = ADDRESS.func(text)
    return address


@dataclasses.dataclass(frozen=True, slots=True)
class _Dns:
    """Whom to ask for the names of the files, and from where."""

    nameservers: tuple[Nameserver, ...]
    bind: str


def _inspected(files: Sequence[Path], dns: _Dns | None) -> Loaded:
    """What files mean, and whether what they name can be used: certificate files, and with ``dns``
    the names of servers and proxies."""
    loaded = inspect_texts(read(files))
    findings = [*loaded.findings, *certificate_findings(loaded, resident=True)]
    if dns is not None and not errors_in(findings):
        from evertone.ui.names import leading_nowhere  # what knows the network takes time to load

        findings += leading_nowhere(loaded, dns.nameservers, dns.bind)
    order = {str(name): index for index, name in enumerate(files)}
    findings.sort(key=lambda f: (order.get(f.file, len(order)), f.line))
    return dataclasses.replace(loaded, findings=tuple(findings))


def _counts(loaded: Loaded) -> dict[str, int]:
    counts = {f"{severity.value}s": 0 for severity in Severity}
    for finding in loaded.findings:
        counts[f"{finding.severity.value}s"] += 1
    return counts


def _report(loaded: Loaded, show_foreign: bool) -> dict[str, object]:
    """What ``--json`` prints."""
    report: dict[str, object] = {
        "findings": [to_dict(finding) for finding in loaded.findings],
        **_counts(loaded),
        "given": len(loaded.given),
        "foreign": len(loaded.foreign),
        "enabled_lines": [line.line for line in loaded.settings.enabled_lines()],
    }
    if show_foreign:
        report["foreign_keys"] = [
            {"file": entry.file, "line": entry.line, "key": entry.key} for entry in loaded.foreign
        ]
    return report


def _styled(finding: Finding) -> str:
    word = f"{finding.severity.value}: "
    return str(finding).replace(word, click.style(word, fg=_COLOURS[finding.severity]), 1)


def _summary(loaded: Loaded) -> str:
    counts = ", ".join(
        f"{number} {name if number != 1 else name.removesuffix('s')}"
        for name, number in _counts(loaded).items()
    )
    lines = ", ".join(str(line.line) for line in loaded.settings.enabled_lines()) or "none"
    return (
        f"{counts}. Settings of ours: {len(loaded.given)}; others, ignored: "
        f"{len(loaded.foreign)}. Lines in use: {lines}."
    )


@click.command(
    epilog="""\b
Examples:
  evertone check phone.cfg
  evertone check common.cfg 001565aabbcc.cfg     the second lies over the first
  evertone check --json phone.cfg | jq .findings
  evertone check phone.cfg --dns 192.0.2.53      is every name known there?
"""
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--all", "show_all", is_flag=True, help="List the keys that are none of ours too.")
@click.option("--live-dns", "live", is_flag=True, help="Ask the DNS too: which names lead nowhere?")
@click.option(
    "--dns",
    metavar="ADDRESS[:PORT]",
    type=click.types.FuncParamType(_nameserver),
    multiple=True,
    help="With --live-dns, or instead of it: ask this name server; may be given again.",
)
@click.option(
    "--bind",
    metavar="ADDRESS",
    type=click.types.FuncParamType(_address),
    help="With --live-dns, or instead of it: ask from this local address.",
)
def command(
    files: tuple[Path, ...],
    as_json: bool,
    show_all: bool,
    live: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
) -> None:
    """Read configuration FILES and say what is wrong, odd or without effect.

    Later files lie over earlier ones. Each remark names file, line, key, value and what is
    allowed, and in brackets the rule of behaviour behind it. An error keeps the phone from
    starting; a warning marks what does not do what it seems to; a notice what is worth knowing.
    Passwords are never shown. Keys that other telephones know and this one does not are counted
    only; those that look like a mistyped one of ours are listed.

    Nothing is sent, unless the DNS is to be asked where servers and proxies are: then a name that
    leads nowhere is a warning. 'evertone resolve' shows where the others lead.

    Exit code: 0 without errors, 1 with errors, 2 if the command was called wrongly.
    """
    asks = live or dns or bind is not None
    loaded = _inspected(files, _Dns(dns, bind or "") if asks else None)
    if as_json:
        click.echo(json.dumps(_report(loaded, show_all), indent=2))
    else:
        for finding in loaded.findings:
            click.echo(_styled(finding))
        for entry in loaded.foreign if show_all else ():
            click.echo(f"{entry.file}:{entry.line}: {shown(entry.key)}: none of ours, ignored")
        click.echo(_summary(loaded))
    sys.exit(1 if errors_in(loaded.findings) else 0)
