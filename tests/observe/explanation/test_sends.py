"""The worst moment for an outage to end: no other is worse, as a sweep over them shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertone.config import load
from evertone.events import Refreshed, Registered
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.site import survey
from evertone.observe.explanation.explain import explain

EXAMPLES = Path(__file__).parents[3] / "examples"
BEHIND_A_PROXY = """#!version:1.0.0.1
account.1.enable = 1
account.1.user_name = 1001
account.1.sip_server.1.address = 192.0.2.1
account.1.sip_server.1.expires = 300
account.1.outbound_proxy_enable = 1
account.1.outbound_proxy.1.address = 192.0.2.21
"""


def told_s(name: str, text: bytes, case: str) -> float:
    """What explain says: home so long after the end, at worst."""
    (line,) = explain([(name, text)]).lines
    return next(o.home.after_s for o in line.outcomes if o.case.key == case)


@pytest.mark.rule("R6", "F1", "F4", "F5", "P1")
@pytest.mark.parametrize(
    ("name", "case", "struck", "ends"),
    [
        ("fallback-register.cfg", "primary-silent", ("server1",), (7260, 7400)),
        ("fallback-register.cfg", "all-silent", ("server1", "server2"), (7230, 7310)),
        ("fallback-invite.cfg", "primary-silent", ("server1",), (4000, 4050)),
        ("proxy.cfg", "server-silent", ("server1",), (3600, 3670)),
    ],
)
def test_no_other_moment_is_worse(
    name: str, case: str, struck: tuple[str, ...], ends: tuple[int, int], tmp_path: Path
) -> None:
    file = EXAMPLES / name
    if not file.exists():
        file = tmp_path / name
        file.write_text(BEHIND_A_PROXY)
    told = told_s(name, file.read_bytes(), case)
    settings = load([str(file)]).settings
    site = survey(settings)
    worst = 0.0
    for end_s in range(*ends, 4):
        faults = [f"{host} silence 10s..{end_s}s" for host in struck]
        ran = rehearse(settings, site=site, faults=faults, for_s=end_s + told + 20)
        after = [e for e in ran.events if e.at > end_s and isinstance(e, Registered | Refreshed)]
        # where everything is silent, to be registered anywhere is what is told
        worst = max(
            worst, min(e.at for e in after if case == "all-silent" or e.server == 1) - end_s
        )
    assert told - 5 < worst <= told + 0.1
