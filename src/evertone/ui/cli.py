"""The command line: ``evertone COMMAND``. A command is a module ``ui/<name>_cmd.py``.

Each such module holds one click command under the name ``command``. It is imported only when
that command runs, so that ``evertone --help`` and ``evertone check`` start fast. To add a
command, write the module and its row in :data:`COMMANDS`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys

import click

from evertone.errors import EvertoneError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "demo": "See the phone survive its servers: the guide's four scenarios, told as they happen.",
    "check": "Read configuration files and say what is wrong, odd or without effect.",
    "explain": "Say in plain words what a configuration means, and what would make it better.",
    "simulate": "Rehearse in simulated time what the phone does when its servers fail.",
    "resolve": "Show the hop list of every server and proxy, and the records that led there.",
    "register": "Register all enabled lines once and say where each landed.",
    "call": "Place a call and show each server that was tried.",
    "run": "Run the phone until it is stopped.",
    "lab": "Start a name server and SIP servers that can be made to fail.",
}
"""The commands in the order in which a newcomer meets them, each with its one line of help."""


def _module(name: str) -> str:
    return f"evertone.ui.{name}_cmd"


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that this installation holds, in the order of :data:`COMMANDS`."""
        return [name for name in COMMANDS if importlib.util.find_spec(_module(name))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of ``cmd_name``; None if there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(_module(cmd_name)).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the lines of :data:`COMMANDS`, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'evertone COMMAND --help' explains a command and shows examples.",
)
@click.version_option(package_name="evertone", prog_name="evertone")
def cli() -> None:
    """A SIP phone that survives its servers, and can prove in advance what it will do.

    It is told what to do by .cfg files in the format of the server redundancy guide: begin
    with 'evertone check FILE' to see what a file means, or with 'evertone demo' to see it act.
    """


def main() -> None:
    """Entry point of the program: errors raised on purpose, and those of the operating system
    (a full disk, a file that cannot be written), become one line and exit code 1."""
    try:
        try:
            cli.main(prog_name="evertone")
        finally:
            sys.stdout.flush()  # what cannot be written is to be known here, not at the exit
    except EvertoneError as error:
        click.echo(f"evertone: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"evertone: {where}{error.strerror or error}", err=True)
        _drop_output()
        sys.exit(1)


def _drop_output() -> None:
    """What is left in the buffer is written nowhere: Python's own try at exit would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
