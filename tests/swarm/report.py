"""What a failure prints: the seed, how to replay it, what was planned, and the ladder."""

from __future__ import annotations

from evertone.errors import SipParseError
from evertone.lab.record import Packet
from evertone.sip.message import Request, parse
from tests.swarm.plan import CALLEE, DNS, PHONE, Plan
from tests.swarm.play import CALLEE_ADDRESS, DNS_ADDRESS, PHONE_ADDRESS, Play

__all__ = ["failure_text", "ladder_text", "plan_text"]

MAX_ROWS = 4000


def plan_text(plan: Plan) -> str:
    """The world before it happened."""
    lines = [f"seed {plan.seed}: {plan.settings.lines[0]}"]
    if len(plan.settings.lines) > 1:
        lines.append("  and a second line with the same settings")
    lines.append(f"  static records: {bool(plan.settings.dns.static_a)}, {plan.settings.dns}")
    for place in plan.places.values():
        names = ", ".join(f"{m.name} {m.address}" for m in place.ranked())
        lines.append(f"  {place.group.value}: {place.shape} {place.ttl_s} s, {names}")
    lines.append(f"  stores: {plan.stores}, digest {plan.digest}")
    lines += [f"  {f.at_s:7.1f} to {f.until_s:7.1f}  {f}" for f in plan.faults]
    lines += [
        f"  {a.at_s:7.1f}  {a.verb} line {a.line} {a.lasts_s:.1f} s {a.order or ''}"
        for a in plan.actions
    ]
    return "\n".join(lines)


def failure_text(play: Play, found: list[str], rows: int = MAX_ROWS) -> str:
    """All that a person needs to look into it."""
    seed = play.plan.seed
    head = [f"seed {seed} breaks:", *(f"  {text}" for text in found)]
    head.append(f"replay: .venv/bin/python -m tests.swarm {seed}")
    return "\n".join([*ladder_text(play, rows), *head])


def ladder_text(play: Play, most: int = MAX_ROWS) -> list[str]:
    """What the phone and the callee said and heard, what it announced, what struck, by time."""
    names = {PHONE_ADDRESS: PHONE, CALLEE_ADDRESS: CALLEE, DNS_ADDRESS: DNS}
    names |= {m.address: m.name for p in play.plan.places.values() for m in p.machines}
    record = play.world.record
    rows = [
        (p.at, f"{names[p.source[0]]:>7} -> {names[p.target[0]]:<7} {p.kind} {_label(p)}")
        for p in record.packets
        if p.kind != "DNS" and len(p.data.strip(b"\r\n\0")) + len(p.note) > 0
    ]
    rows += [(r.at, f"!! {r.text}") for r in record.remarks]
    for node, event in record.events:
        where = f" {event.hop.target}" if event.hop else ""
        text = f"{type(event).__name__} line {event.line} server {event.server}{where}"
        rows.append((event.at, f"   [{node}] {text}: {event.reason} [{event.rule}]"))
    rows.sort(key=lambda row: row[0])
    lines = [f"{at:10.3f}  {label}" for at, label in rows]
    if len(lines) <= most:
        return lines
    return [f"... {len(lines) - most} rows before", *lines[-most:]]


def _label(packet: Packet) -> str:
    if packet.note:
        return f"({packet.note})"
    try:
        message = parse(packet.data)
        tail = f"{message.call_id[:8]} {message.cseq} {message.via.branch[-6:]}"
    except SipParseError:
        return "unreadable"
    if not isinstance(message, Request):
        return f"{message.status} {tail}"
    expires = f" expires {message.expires}" if message.method == "REGISTER" else ""
    return f"{message.method} {message.uri}{expires} {tail}"
