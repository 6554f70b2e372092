"""Which names of a configuration lead nowhere, asked of the live DNS."""

from __future__ import annotations

from evertone.config import Loaded
from evertone.config.finding import Finding, Severity
from evertone.dns.locator import LocateFailed
from evertone.flows import Nameserver
from evertone.observe.text import printable
from evertone.rules import Rule
from evertone.ui.options import nameservers_for
from evertone.ui.resolution import Wanted, resolve, wanted_by

__all__ = ["leading_nowhere"]

_PROXY_KEYS = {1: "outbound_proxy.1.address", 2: "outbound_proxy.2.address"}
_PROXY_KEYS_80 = {1: "outbound_host", 2: "backup_outbound_host"}  # P3


def leading_nowhere(loaded: Loaded, told: tuple[Nameserver, ...], bind: str) -> list[Finding]:
    """A warning for each address of a server or proxy of which DNS knows no target (D14), and one
    if some could not be asked for (D16): that says nothing of them.

    ``told`` are the name servers to ask, empty for the settings' or the system's; ``bind`` is the
    local address to ask from, empty for any.
    """
    settings = loaded.settings
    lists = wanted_by(settings.enabled_lines())
    answers = resolve(settings.dns, nameservers_for(settings, told), bind, lists)
    failed = [
        (wanted, answer)
        for wanted, answer in zip(lists, answers, strict=True)
        if isinstance(answer, LocateFailed)
    ]
    found = [_nowhere(loaded, *pair) for pair in failed if not pair[1].unanswered]
    unasked = [answer for _, answer in failed if answer.unanswered]
    if unasked:
        names = "a name" if len(unasked) == 1 else f"{len(unasked)} names"
        message = f"{names} could not be asked for: {printable(unasked[0].text)}"
        found.append(Finding(Severity.WARNING, message, rule=Rule.D16))
    return list(dict.fromkeys(found))  # two servers behind one proxy have its list in common


def _nowhere(loaded: Loaded, wanted: Wanted, failed: LocateFailed) -> Finding:
    key = _address_key(wanted, loaded.settings.firmware)
    entry = loaded.given.get(key)
    return Finding(
        Severity.WARNING,
        f"leads nowhere: {printable(failed.text)}",
        entry.file if entry else "",
        entry.line if entry else 0,
        key,
        entry.value if entry else "",
        rule=Rule.D14,
    )


def _address_key(wanted: Wanted, firmware: int) -> str:
    group = wanted.where.group
    name = f"sip_server.{group.number}.address"
    if group.is_proxy:
        name = (_PROXY_KEYS if firmware > 80 else _PROXY_KEYS_80)[group.number]
    return f"account.{wanted.line}.{name}"
