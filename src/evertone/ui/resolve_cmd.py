"""``evertone resolve``: the hop list of every server and proxy, and the records behind it."""

from __future__ import annotations

import json
import sys

import click

from evertone.config.load import load
from evertone.dns.locator import LocateFailed
from evertone.errors import ConfigError
from evertone.flows import Nameserver
from evertone.model import Hop
from evertone.observe.text import printable
from evertone.ui.options import (
    ADDRESS,
    EXIT_NOT_ACHIEVED,
    NAMESERVER,
    files_argument,
    json_option,
    nameservers_for,
)
from evertone.ui.resolution import Answer, Wanted, resolve, wanted_by

__all__ = ["command"]


def _hop_text(hop: Hop) -> str:
    origin = hop.source.value
    if hop.ttl_s != float("inf"):
        origin += f", {hop.ttl_s:.0f} s"
    why = " > ".join(hop.why)
    return f"  {hop.index + 1:2}  {hop.target!s:32} {origin:16} {why}".rstrip()


def _text(wanted: Wanted, answer: Answer) -> list[str]:
    if isinstance(answer, LocateFailed):
        return [str(wanted), f"      {printable(answer.text)}"]
    lines = [str(wanted), *map(_hop_text, answer.hops)]
    if answer.spare:
        lines += ["      if none of these can be reached:", *map(_hop_text, answer.spare)]
    return lines


def _hop_json(hop: Hop) -> dict[str, object]:
    return {
        "index": hop.index,
        "transport": hop.target.transport.text,
        "address": hop.target.address,
        "port": hop.target.port,
        "tls_name": hop.target.tls_name,
        "ttl_s": None if hop.ttl_s == float("inf") else hop.ttl_s,
        "source": hop.source.value,
        "why": list(hop.why),
    }


def _json(wanted: Wanted, answer: Answer) -> dict[str, object]:
    report: dict[str, object] = {
        "line": wanted.line,
        "server": wanted.registrar,
        "group": wanted.where.group.value,
        "address": wanted.where.address,
        "port": wanted.where.port,
        "transport_type": wanted.where.transport_type,
    }
    if isinstance(answer, LocateFailed):
        return {**report, "hops": [], "spare": [], "error": answer.text}
    hops, spare = ([_hop_json(hop) for hop in some] for some in (answer.hops, answer.spare))
    return {**report, "hops": hops, "spare": spare, "error": None}


@click.command(
    "resolve",
    epilog="""\b
Examples:
  evertone resolve phone.cfg
  evertone resolve phone.cfg --dns 192.0.2.53 --dns 192.0.2.54:5353
  evertone resolve phone.cfg --json | jq '.lists[].hops[0].address'""",
)
@files_argument
@json_option
@click.option(
    "--dns",
    metavar="ADDRESS[:PORT]",
    type=NAMESERVER,
    multiple=True,
    help="Ask this name server; may be given again. Default: "
    "static.network.primary_dns and secondary_dns, else the system's.",
)
@click.option("--bind", metavar="ADDRESS", type=ADDRESS, help="Send from this local address.")
def command(
    files: tuple[str, ...], as_json: bool, dns: tuple[Nameserver, ...], bind: str | None
) -> None:
    """Show where the servers and proxies of FILE lead, in the order the phone would try them.

    For each line in use and each of its servers: the targets of its hop list, the primary
    first, where each comes from (dns, static records, or a literal address), for how many
    seconds its address may be kept, and the records that led there: "NAPTR 90/50 > SRV 0/2"
    are order and preference, priority and weight. Behind outbound proxies the server's own
    address is never resolved, so the proxies' lists are shown.

    Among records of equal weight each phone draws an order of its own: so does each run.

    Exit code: 0 if every list has a target, 3 if some server leads nowhere, 1 if FILE cannot
    be used, 2 if the command was called wrongly.
    """
    settings = load(files).settings
    lists = wanted_by(settings.enabled_lines())
    if not lists:
        raise ConfigError(
            "no line is in use: one needs account.X.enable = 1 and sip_server.1.address"
        )
    nameservers = nameservers_for(settings, dns)
    answers = resolve(settings.dns, nameservers, bind or "", lists)
    pairs = list(zip(lists, answers, strict=True))
    if as_json:
        report = {
            "nameservers": [{"address": ns.address, "port": ns.port} for ns in nameservers],
            "lists": [_json(*pair) for pair in pairs],
        }
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo("\n".join(line for pair in pairs for line in _text(*pair)))
    failed = any(isinstance(answer, LocateFailed) for answer in answers)
    sys.exit(EXIT_NOT_ACHIEVED if failed else 0)
