"""SIPp, the SIP stack that speaks exactly what its scenario says."""

from __future__ import annotations

from pathlib import Path

from tests import tools
from tests.interop.process import Process

__all__ = ["Sipp"]

_SCENARIOS = Path(__file__).with_name("scenarios")


class Sipp(Process):
    """One run of ``scenarios/NAME.xml`` from ``local`` to ``server``; ``wait`` for its exit code.

    0: every call went as the scenario says. ``user`` and ``password`` answer challenges,
    ``number`` is whom it calls; ``calls`` of them at ``rate`` a second.
    """

    def __init__(
        self,
        directory: Path,
        scenario: str,
        local: tuple[str, int],
        server: tuple[str, int],
        *,
        user: str = "",
        password: str = "",
        number: str = "",
        calls: int = 1,
        rate: int = 10,
        timeout_s: int = 60,
    ) -> None:
        command = [tools.program("sipp"), "-sf", str(_SCENARIOS / f"{scenario}.xml"), "-nostdin"]
        command += ["-i", local[0], "-p", str(local[1]), "-m", str(calls), "-r", str(rate)]
        command += ["-timeout", str(timeout_s), "-timeout_error"]
        command += ["-au", user, "-ap", password, "-key", "user", user] if user else []
        command += ["-s", number] if number else []
        home = directory / f"sipp-{scenario}"
        home.mkdir(exist_ok=True)
        super().__init__(home.name, [*command, f"{server[0]}:{server[1]}"], home)
