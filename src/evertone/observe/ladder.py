"""Who sent what to whom: a rehearsal's messages as a ladder, row by row, and as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from evertone.lab.record import Packet
from evertone.lab.rehearsal.report import Rehearsal
from evertone.lab.rehearsal.site import PHONE, PHONE_ADDRESSES
from evertone.lab.rehearsal.spans import Span, merge
from evertone.lab.rehearsal.strikes import Harm
from evertone.lab.teller import PacketTeller
from evertone.lab.wire import read_packet
from evertone.observe.fold import Fold, fold
from evertone.observe.text import printable
from evertone.observe.timeline import Entry, Tone, at_text, fold_text, strike_entries

__all__ = ["Ladder", "Step", "ladder", "ladder_text", "spans_of_interest"]

_DROPPING = frozenset({"silence", "freeze"})
_LABEL_CHARS = 60
_BEFORE_S, _AFTER_S = 2.0, 12.0  # around what is worth telling
_NOT_WORTH_A_GAP = 4
_NOTES = {
    "refused": "connection refused",
    "reset": "connection reset",
    "wrong certificate": "wrong certificate",
    "icmp": "port unreachable",
}
"""What of the network's own notes a ladder shows."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row: an arrow from ``source`` to ``target`` (host names), or with neither a note.

    ``method`` is the request's, or that of the request answered. ``lost``: it never arrived.
    ``again``: it was sent before. ``tone`` is a note's.
    """

    at: float
    label: str
    source: str = ""
    target: str = ""
    method: str = ""
    lost: bool = False
    again: bool = False
    tone: Tone = Tone.PLAIN

    @property
    def is_answer(self) -> bool:
        """True for a response, which begins with its status."""
        return self.label[:1].isdigit()


@dataclass(frozen=True, slots=True)
class Ladder:
    """``columns`` are host names, the phone first; ``rows`` in order, what repeats folded.
    ``is_cut``: there were more messages than the run kept."""

    columns: tuple[str, ...]
    rows: tuple[Fold[Step], ...]
    is_cut: bool


def ladder(rehearsal: Rehearsal, spans: Sequence[Span] | None = None) -> Ladder:
    """The ladder of what the run kept (``keep_packets``).

    ``spans``: show these times only, and say how much there was between them.
    """
    names = {report.host.address: report.host.name for report in rehearsal.hosts}
    names |= dict.fromkeys(PHONE_ADDRESSES, PHONE)
    steps = list(_steps(rehearsal, names))
    if spans is not None:
        steps = _within(steps, merge(spans))
    seen = {name for step in steps for name in (step.source, step.target)}
    columns = (PHONE, *(r.host.name for r in rehearsal.hosts if r.host.name in seen))
    notes = [
        Step(entry.at, entry.text, tone=entry.tone)
        for entry in strike_entries(rehearsal)
        if not rehearsal.wire_cut or not steps or entry.at <= steps[-1].at
    ]
    merged = sorted([*notes, *steps], key=lambda step: step.at)
    rows = fold(merged, lambda s: (s.source, s.target, s.method, s.label, s.lost))
    return Ladder(columns, tuple(rows), rehearsal.wire_cut)


def spans_of_interest(folds: Iterable[Fold[Entry]]) -> list[Span]:
    """The times around what a timeline tells, the first time that it does."""
    return merge(
        (entry.at - _BEFORE_S, entry.at + _AFTER_S) for one in folds for entry in one.items
    )


def _within(steps: Sequence[Step], spans: Sequence[Span]) -> list[Step]:
    """The steps in ``spans``, and notes of how many are left out between them."""
    shown: list[Step] = []
    skipped: list[Step] = []
    number = 0
    for step in steps:
        while number < len(spans) and spans[number][1] <= step.at:
            number += 1
        if number < len(spans) and spans[number][0] <= step.at:
            shown += [*_gap(skipped), step]
            skipped = []
        else:
            skipped.append(step)
    return [*shown, *_gap(skipped)]


def _gap(skipped: Sequence[Step]) -> list[Step]:
    if len(skipped) <= _NOT_WORTH_A_GAP:
        return list(skipped)
    until = at_text(skipped[-1].at)
    return [Step(skipped[0].at, f"{len(skipped)} messages of routine, until {until}")]


def _steps(rehearsal: Rehearsal, names: dict[str, str]) -> Iterator[Step]:
    teller = PacketTeller(names)
    deaf = _drops(rehearsal)
    for packet in rehearsal.wire:
        source, target = (names.get(end[0], end[0]) for end in (packet.source, packet.target))
        method, label = _said(packet, teller, names)
        if label:
            lost = any(
                begin <= packet.at < end
                for place in ((source, ""), (target, ""), (source, target))
                for begin, end in deaf.get(place, ())
            )
            yield Step(packet.at, label, source, target, method, lost, "(resend" in label)


def _said(packet: Packet, teller: PacketTeller, names: dict[str, str]) -> tuple[str, str]:
    """The method and what the packet says; empty for keep-alives and the like."""
    if packet.note:
        return "", _NOTES.get(packet.note, "")
    message = read_packet(packet, names)
    if message is None:
        return "", ""
    label = (teller.tell(packet) or "").partition(": ")[2].replace(" again (resend", " (resend")
    if message.status:
        label = label.removesuffix(f" to {message.method}").replace("Authentication", "Auth")
    return message.method, printable(label)[:_LABEL_CHARS]


def _drops(rehearsal: Rehearsal) -> dict[tuple[str, str], list[Span]]:
    """When packets of whom ("" any peer) surely do not arrive: what a ladder marks as lost."""
    found: dict[tuple[str, str], list[Span]] = {}
    for strike in rehearsal.strikes:
        if strike.harm is not Harm.DOWN:
            continue
        for fault in strike.faults:
            if fault.verb.value in _DROPPING or fault.peer:
                place = (fault.subject, fault.peer)
                found.setdefault(place, []).append((fault.at_s, fault.until_s))
    return found


# --- plain text -------------------------------------------------------------------------------


def ladder_text(drawn: Ladder) -> list[str]:
    """The ladder in characters, one row per message."""
    longest = max((len(s.label) for row in drawn.rows for s in row.items if s.source), default=0)
    width = max(22, min(longest, 23) + 6, *(len(name) + 4 for name in drawn.columns))
    head = "".join(f"{name:^{width}}" for name in drawn.columns)
    lines = [f"{'':14}{head}".rstrip()]
    for row in drawn.rows:
        lines += [_row(step, drawn.columns, width) for step in row.items]
        if row.times > 1:
            times = f"... {fold_text(row, row.last.at)}"
            lines.append(f"{'':14}{times:^{width * len(drawn.columns)}}".rstrip())
    if drawn.is_cut:
        lines.append(f"{'':14}(there was more than a ladder can hold: rehearse a shorter time)")
    return lines


def _row(step: Step, columns: Sequence[str], width: int) -> str:
    time = f"{at_text(step.at):>13} "
    if not step.source:
        return time + f" {step.tone.value} {step.label} ".center(width * len(columns), "=")
    cells = list((" " * (width // 2) + "|" + " " * (width - width // 2 - 1)) * len(columns))
    here, there = (_middle(name, columns, width) for name in (step.source, step.target))
    left, right = sorted((here, there))
    label = step.label[: right - left - 5]
    cells[left + 1 : right] = f" {label} ".center(right - left - 1, "-")
    tip = (right - 1) if there > here else (left + 1)
    cells[tip] = "x" if step.lost else (">" if there > here else "<")
    return time + "".join(cells).rstrip()


def _middle(name: str, columns: Iterable[str], width: int) -> int:
    return list(columns).index(name) * width + width // 2
