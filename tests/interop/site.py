"""A small company's telephony: a primary and a secondary Kamailio, a BIND that names them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.interop.bind import Bind
from tests.interop.capture import Capture
from tests.interop.handset import Handset
from tests.interop.kamailio import Kamailio
from tests.interop.net import Net, free_net
from tests.interop.phone import Phone, evertone, network

__all__ = ["DOMAIN", "USERS", "Site", "example"]

DOMAIN = "yealink.pbx.com"
"""The name that the guide's examples register with."""

USERS = ("4605", "4606", "4607", "4608")
"""Each one's password is the user name, as in the guide's examples."""

_EXAMPLES = Path(__file__).parents[2] / "examples"
_RECORDS = """
    @ NAPTR 90 50 "s" "SIP+D2{letter}" "" _sip._{transport}
    _sip._{transport} SRV 0 2 5060 primary
    _sip._{transport} SRV 1 2 5060 secondary
    primary A {primary}
    secondary A {secondary}
"""

_drawing = threading.Lock()


def example(name: str, user: str = "4605", **replacements: str) -> str:
    """``examples/NAME.cfg`` for ``user``, some values replaced: ``expires="60"`` is that of
    every key that ends in ``.expires``."""
    lines = []
    for line in (_EXAMPLES / f"{name}.cfg").read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition(" = ")
        last = key.rpartition(".")[2]
        lines.append(key + equals + (replacements.get(last, value) if equals else ""))
    return "\n".join(lines).replace("4605", user) + "\n"


class Site:
    """Two registrars with digest and a name server on a loopback network of their own.

    ``share``: the two tell each other of every registration, as ``register_on_enable`` 0
    supposes. ``challenge_calls`` False: digest for REGISTER alone. Everything that is sent is
    captured where ``captured``; leave the site before asking for its packets.
    """

    def __init__(
        self,
        directory: Path,
        *,
        share: bool = True,
        challenge_calls: bool = True,
        captured: bool = False,
        transport: str = "udp",
    ) -> None:
        with _drawing:  # sites that are set up at once shall not draw the same
            self.net: Net = free_net()
        self.directory = directory
        one, two = self.net.host(1), self.net.host(2)
        passwords = {user: user for user in USERS}

        def registrar(name: str, address: str, other: str) -> Kamailio:
            return Kamailio(
                directory,
                address,
                passwords,
                name=name,
                domain=DOMAIN,
                share_with=other if share else "",
                challenge_calls=challenge_calls,
            )

        self.primary = registrar("primary", one, two)
        self.secondary = registrar("secondary", two, one)
        letter = {"udp": "U", "tcp": "T"}[transport]
        records = _RECORDS.format(letter=letter, transport=transport, primary=one, secondary=two)
        self.names = Bind(directory, records, zone=DOMAIN)
        self.capture = Capture(directory, self.net) if captured else None
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            for server in (self.capture, self.primary, self.secondary, self.names):
                if server is not None:
                    ends.enter_context(server)
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    def address(self, user: str) -> str:
        """Where the phone of ``user`` is."""
        return self.net.host(10 + USERS.index(user))

    def phone(self, config: str, user: str = "4605", *, answer: bool = False) -> Phone:
        """``evertone run``; start it by entering it."""
        return Phone(
            self.directory,
            config,
            names=self.names,
            bind=self.address(user),
            name=f"phone-{user}",
            answer=answer,
        )

    def handset(self, config: str, user: str) -> Handset:
        """A phone that can be told to call; start it by entering it."""
        file = self.directory / f"handset-{user}.cfg"
        file.write_text(config, encoding="utf-8")
        return Handset(file, names=self.names, bind=self.address(user))

    def run(
        self, command: str, config: str, user: str, *arguments: str, timeout_s: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """One command of ours from the address of ``user``, to its end."""
        file = self.directory / f"{command}-{user}.cfg"
        file.write_text(config, encoding="utf-8")
        where = network(self.names, self.address(user), file.with_suffix(".state"))
        return evertone(command, file, *arguments, *where, timeout_s=timeout_s)

    def resolve(self, config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``evertone resolve`` with the site's name server."""
        file = self.directory / "resolve.cfg"
        file.write_text(config, encoding="utf-8")
        server = f"{self.names.address}:{self.names.port}"
        return evertone("resolve", file, *arguments, "--dns", server)

    def call(self, config: str, user: str, number: str, *, seconds: float = 1.0) -> dict[str, Any]:
        """``evertone call --json``: its report, with its exit code as ``exit_code``."""
        done = self.run("call", config, user, number, "--json", "--seconds", str(seconds))
        if not done.stdout:
            raise RuntimeError(f"evertone call said nothing: {done.stderr}")
        report: dict[str, Any] = json.loads(done.stdout)
        return {**report, "exit_code": done.returncode}
