"""The DNS records of a rehearsal as options: from a zone file, the live DNS, or invented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evertone.config.settings import PhoneSettings
from evertone.errors import ScenarioError, UsageError
from evertone.flows import Nameserver
from evertone.io.nameservers import choose_nameservers
from evertone.lab.rehearsal.zones import MAX_ZONE_BYTES, Zone, invent_zone, read_zone
from evertone.ui.options import ADDRESS, NAMESERVER

__all__ = ["check_records", "records_options", "zone_for"]

F = TypeVar("F", bound=Callable[..., Any])


def records_options(command: F) -> F:
    """``--zone``, ``--live-dns``, ``--dns`` and ``--bind``, passed as ``zone_file``, ``live``,
    ``dns`` and ``bind``."""
    for option in (
        click.option(
            "--bind",
            metavar="ADDRESS",
            type=ADDRESS,
            help="Ask the live DNS from this local address.",
        ),
        click.option(
            "--dns",
            metavar="ADDRESS[:PORT]",
            type=NAMESERVER,
            multiple=True,
            help="The name server to ask with --live-dns; may be given again.",
        ),
        click.option(
            "--live-dns", "live", is_flag=True, help="DNS records from the live DNS, taken once."
        ),
        click.option(
            "--zone",
            "zone_file",
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="DNS records from a zone file (RFC 1035).",
        ),
    ):
        command = option(command)
    return command


def check_records(
    zone_file: Path | None, live: bool, dns: tuple[Nameserver, ...], bind: str | None
) -> None:
    """Raises click.UsageError for options that do not go together."""
    if zone_file is not None and live:
        raise click.UsageError("--zone and --live-dns are two sources of the same: give one")
    if dns and not live:
        raise click.UsageError("--dns goes with --live-dns: a rehearsal asks nobody else")
    if bind is not None and not live:
        raise click.UsageError("--bind goes with --live-dns: a rehearsal sends nothing else")


def zone_for(
    settings: PhoneSettings,
    zone_file: Path | None,
    live: bool,
    dns: tuple[Nameserver, ...],
    bind: str | None,
) -> Zone:
    """The records that the options ask for; invented from the names if they ask for none.

    Raises ScenarioError for a file that cannot be used, UsageError without a name server that
    answers.
    """
    if zone_file is not None:
        try:
            with zone_file.open("rb") as opened:
                return read_zone(str(zone_file), opened.read(MAX_ZONE_BYTES + 1))
        except OSError as error:
            raise ScenarioError(f"{zone_file}: {error.strerror or 'cannot be read'}") from error
    if live:
        nameservers = choose_nameservers(settings.dns, dns)
        if not nameservers:
            raise UsageError("no name server to ask: give one with --dns ADDRESS")
        from evertone.ui.live_records import take  # the network's modules take time to load

        return take(settings, nameservers, bind or "")
    return invent_zone(settings)
