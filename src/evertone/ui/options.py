"""What the commands that put a phone on the network have in common: options and settings."""

from __future__ import annotations

import ipaddress
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from evertone.config.finding import Severity
from evertone.config.load import load
from evertone.config.settings import PhoneSettings
from evertone.dns.locate import Where
from evertone.errors import ConfigError, EvertoneError, UsageError
from evertone.flows import Nameserver
from evertone.io.nameservers import choose_nameservers, parse_nameserver
from evertone.ui.certificates import certificate_findings
from evertone.ui.identity import instance_urn

__all__ = [
    "ADDRESS",
    "EXIT_NOT_ACHIEVED",
    "NAMESERVER",
    "Seconds",
    "Setup",
    "files_argument",
    "json_option",
    "nameservers_for",
    "network_options",
    "prepare",
    "with_remedy",
]

EXIT_NOT_ACHIEVED = 3
"""The command worked, but what was asked for did not come about. 1: an error, 2: wrong usage."""

F = TypeVar("F", bound=Callable[..., Any])


def _address(text: str) -> str:
    """An IP address literal in its one spelling."""
    try:
        address = ipaddress.ip_address(text).compressed
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no IP address") from error
    if "%" in address:  # it would stand in our Contact, where nobody could make use of it
        raise click.BadParameter(f"{text!r} is an address of one link only")
    return address


def _nameserver(text: str) -> Nameserver:
    """``ADDRESS[:PORT]`` of a name server."""
    try:
        return parse_nameserver(text)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error


ADDRESS = click.types.FuncParamType(_address)
NAMESERVER = click.types.FuncParamType(_nameserver)


class Seconds(click.FloatRange):
    """A time that ends: neither ``nan`` nor ``inf``, which Python takes for numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return number


def files_argument(command: F) -> F:
    """``FILE...``: configuration files, later ones laid over earlier ones."""
    return click.argument(
        "files",
        metavar="FILE...",
        nargs=-1,
        required=True,
        type=click.Path(exists=True, dir_okay=False),
    )(command)


def json_option(command: F) -> F:
    """``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON for programs, not text.")(
        command
    )


def network_options(command: F) -> F:
    """``--dns``, ``--bind`` and ``--state``, passed as ``dns``, ``bind`` and ``state``."""
    for option in (
        click.option(
            "--state",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where the phone keeps its identity, the same over restarts; "
            "two phones on one machine want two. Default: the user's state directory.",
        ),
        click.option(
            "--bind",
            metavar="ADDRESS",
            type=ADDRESS,
            help="Send from and listen at this local address only.",
        ),
        click.option(
            "--dns",
            metavar="ADDRESS[:PORT]",
            type=NAMESERVER,
            multiple=True,
            help="Ask this name server; may be given again. Default: "
            "static.network.primary_dns and secondary_dns, else the system's.",
        ),
    ):
        command = option(command)
    return command


def with_remedy(error: EvertoneError, remedies: Mapping[int, str]) -> EvertoneError:
    """``error`` with what to do about the operating system's error behind it (by errno)."""
    number = getattr(error.__cause__, "errno", None)
    remedy = remedies.get(number) if number is not None else None
    return type(error)(f"{error}: {remedy}") if remedy else error


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a phone on the network is made from. ``instance`` is its +sip.instance (R5)."""

    settings: PhoneSettings
    instance: str
    nameservers: tuple[Nameserver, ...] = ()
    bind: str = ""


def nameservers_for(
    settings: PhoneSettings, told: tuple[Nameserver, ...]
) -> tuple[Nameserver, ...]:
    """Whom to ask. Where there is nobody, and a name to ask for, standard error says so."""
    nameservers = choose_nameservers(settings.dns, told)
    if not nameservers and any(map(_is_name, _addresses(settings))):
        click.echo("no name server is known; give one: --dns ADDRESS", err=True)
    return nameservers


def _addresses(settings: PhoneSettings) -> Iterator[str]:
    """Where the enabled lines send to (P1: behind a proxy, the server's own name is not asked)."""
    for line in settings.enabled_lines():
        for registrar in line.registrars():
            for group in line.paths(registrar):
                yield Where.of(line, group, registrar).address


def _is_name(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    return False


def prepare(
    files: Sequence[str],
    dns: tuple[Nameserver, ...],
    bind: str | None,
    state: Path | None,
    *,
    resident: bool = False,
) -> Setup:
    """Read files and options. ConfigError if they cannot be used, or name no line to register.

    ``resident``: the phone takes connections, with its own certificate. What else there is to
    say about the files is counted on standard error.
    """
    loaded = load(files)
    warnings = sum(1 for f in loaded.findings if f.severity is Severity.WARNING)
    if warnings:
        what = "warning" if warnings == 1 else "warnings"
        click.echo(f"{warnings} {what}: see 'evertone check {' '.join(files)}'", err=True)
    if not loaded.settings.enabled_lines():
        raise ConfigError(
            "no line is in use: one needs account.X.enable = 1, a user_name and "
            "sip_server.1.address"
        )
    unusable = certificate_findings(loaded, resident=resident)
    if unusable:
        raise ConfigError("\n".join(map(str, unusable)))
    return Setup(
        settings=loaded.settings,
        instance=instance_urn(random.SystemRandom(), state),
        nameservers=nameservers_for(loaded.settings, dns),
        bind=bind or "",
    )
