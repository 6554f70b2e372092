"""What happens in a lab, in plain words: who sends what to whom, and what a phone decides."""

from __future__ import annotations

from collections.abc import Mapping

from evertone.lab.record import Packet, Remark
from evertone.lab.wire import Message, read_packet

__all__ = ["PacketTeller", "tell_remark"]

MAX_BRANCHES = 10_000

_VERBS = {
    "silence": "falls silent",
    "refuse": "closes its ports",
    "freeze": "freezes",
    "restart": "restarts and forgets its bindings",
    "dns_down": "falls silent",
    "servfail": "answers SERVFAIL",
    "truncate": "truncates its answers",
}


class PacketTeller:
    """Turns packets into lines; knows a resend when it sees one. ``names`` by address."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._sends: dict[tuple[str, str, str, int], int] = {}

    def tell(self, packet: Packet) -> str | None:
        """``A -> B: INVITE``, ``A -> B: INVITE again (resend 2)``, ``B -> A: 200 OK to INVITE``.

        None for what is no SIP message.
        """
        message = read_packet(packet, self._names)
        if message is None:
            return None
        return f"{message.source} → {message.target}: {self._what(message)}"

    def _what(self, message: Message) -> str:
        if message.status:
            return f"{message.status} {message.reason} to {message.method}"
        what = message.method
        if what == "REGISTER" and message.expires == 0:
            what = "REGISTER (removal)"
        key = (message.branch, message.method, message.target, message.number)
        if len(self._sends) >= MAX_BRANCHES:
            self._sends.clear()
        count = self._sends[key] = self._sends.get(key, -1) + 1
        return f"{what} again (resend {count})" if count else what


def tell_remark(remark: Remark) -> str:
    """A fault that begins or ends, as a sentence."""
    fault, _, when = remark.text.rpartition(": ")
    verb, _, host = fault.partition(" ")
    said = _VERBS.get(verb)
    if said is None:
        return remark.text
    return f"the {host} {said}" if when == "begins" else f"the {host} is back"
