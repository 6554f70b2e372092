"""Which names of a configuration lead nowhere, asked of the live DNS."""

from __future__ import annotations

from evertone.config import Loaded
from evertone.config.finding import Finding, Severity, shown
from evertone.dns.locator import LocateFailed
from evertone.flows import Nameserver
from evertone.rules import Rule
from evertone.ui.options import nameservers_for
from evertone.ui.resolution import Wanted, resolve, wanted_by

__all__ = ["leading_nowhere"]


def leading_nowhere(loaded: Loaded, told: tuple[Nameserver, ...], bind: str) -> list[Finding]:
    """A warning for each address of a server or proxy of which DNS knows no target (D14).

    ``told`` are the name servers to ask, empty for the settings' or the system's; ``bind`` is the
    local address to ask from, empty for any.
    """
    settings = loaded.settings
    lists = wanted_by(settings.enabled_lines())
    answers = resolve(settings.dns, nameservers_for(settings, told), bind, lists)
    # by key: behind a proxy both servers are reached by the proxy's list
    texts = {
        _address_key(wanted): answer.text
        for wanted, answer in zip(lists, answers, strict=True)
        if isinstance(answer, LocateFailed)
    }
    return [_finding(loaded, key, text) for key, text in texts.items()]


def _address_key(wanted: Wanted) -> str:
    group = wanted.where.group
    kind = "outbound_proxy" if group.is_proxy else "sip_server"
    return f"account.{wanted.line}.{kind}.{group.number}.address"


def _finding(loaded: Loaded, key: str, text: str) -> Finding:
    message, entry = f"leads nowhere: {shown(text)}", loaded.given.get(key)
    if entry is None:
        return Finding(Severity.WARNING, message, key=key, rule=Rule.D14)
    return Finding(
        Severity.WARNING, message, entry.file, entry.line, entry.key, entry.value, rule=Rule.D14
    )
