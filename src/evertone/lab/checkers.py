"""The invariants that hold in every world, as functions: each returns its violations in words.

They look at events, packets and snapshots only, never into a phone, and know no faults: the
test that plays a world says what was reachable and since when.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from evertone.config.settings import LineSettings, PathSettings
from evertone.events import CallChanged
from evertone.lab.record import Record
from evertone.lab.registrations import Binding
from evertone.lab.wire import Wire
from evertone.model import Group
from evertone.phone.snapshot import LineSnapshot, LineState, PhoneSnapshot
from evertone.schedule import SipTimers, give_up_s

__all__ = [
    "End",
    "Home",
    "at_rest",
    "bindings_agree",
    "call_bound_s",
    "calls_in_time",
    "home_bound_s",
    "is_home",
    "one_ring_per_invite",
    "only_allowed_targets",
    "same_trace",
]

_SLACK_S = 1.0  # the network's own time: round trips, challenges
_HOME_SPACING_S = 30.0  # B6
_SETTLE_SPACING_S = 10.0  # X3
_NEGATIVE_S = 30.0  # D11

End: TypeAlias = tuple[str, int, str]
"""Address, port and transport."""

_MAY_STAY = ("binding", "subscription")  # what holds a flow while nothing happens
_SETTLED = frozenset({"ringing", "established"})


# --- 1: a call can be placed in time -----------------------------------------------------------


def call_bound_s(
    line: LineSettings, hops: Mapping[Group, int], timers: SipTimers, *, stall_s: float = 0.0
) -> float:
    """The longest that a call may wait for a server that is reachable, in seconds.

    ``hops`` is the number of targets by hop list. Every other target is tried first and costs
    S1's time: of the INVITE, and of a REGISTER before it where one is asked for (B9, F3).
    Behind a proxy each of them may cost the proxy's own 64*T1 instead, until its 408 (P1).
    ``stall_s`` is added for every target that may say 100 and then nothing (S6). The last one
    is reachable and costs nothing.
    """
    total = 0.0
    for registrar in line.registrars():
        for group in line.paths(registrar):
            path = line.path(group, registrar)
            costs = [give_up_s("INVITE", path.invite_retry_counts, timers)]
            if line.successive or path.register_on_enable:
                costs.append(give_up_s("REGISTER", path.retry_counts, timers))
            if group.is_proxy:
                costs += [timers.timeout_s] * len(costs)
            total += hops.get(group, 1) * (sum(costs) + stall_s)
    return total + _SLACK_S


def calls_in_time(record: Record, node: str, bound_s: float) -> list[str]:
    """1: each call that ``node`` placed rang or stood within ``bound_s`` seconds.

    For worlds in which some server is reachable throughout and the callee answers. Calls
    that the user ended before are left out.
    """
    begun: dict[str, float] = {}
    settled: dict[str, float] = {}
    ended: dict[str, CallChanged] = {}
    for event in record.events_of(node):
        if not isinstance(event, CallChanged) or event.direction != "out":
            continue
        begun.setdefault(event.call, event.at)
        if event.state in _SETTLED:
            settled.setdefault(event.call, event.at)
        elif event.state == "ended":
            ended.setdefault(event.call, event)
    found = []
    for call, at in begun.items():
        if call in settled:
            took_s = settled[call] - at
            if took_s > bound_s:
                found.append(f"{node}: {call} took {took_s:.3f} s, {bound_s:.3f} s are allowed")
        elif call not in ended:
            found.append(f"{node}: {call} of {at:.3f} s came to nothing")
        elif ended[call].at - at > bound_s or ended[call].code:
            found.append(f"{node}: {call} ended without an answer: {ended[call].reason}")
    return found


# --- 2: nothing to excluded targets ------------------------------------------------------------


def only_allowed_targets(
    record: Record, own: Collection[str], allowed: Collection[End]
) -> list[str]:
    """2: what left the addresses ``own`` went to ``allowed`` only, over the right transport."""
    seen = {(*p.target, p.kind) for p in record.packets if p.source[0] in own and p.kind != "DNS"}
    return [f"sent to {kind} {host}:{port}" for host, port, kind in sorted(seen - set(allowed))]


# --- 3: nothing is left over -------------------------------------------------------------------


def at_rest(snapshot: PhoneSnapshot, bindings: Iterable[Binding], *, both_serve: bool) -> list[str]:
    """3: of a phone that has been idle for more than 5 minutes (A8), nothing is left over.

    ``bindings`` are ours on every reachable server; ``both_serve``: a line may have them on
    both (concurrent registration, F1).
    """
    found = [f"call {call.call} is {call.state}" for call in snapshot.calls]
    if snapshot.attempts:
        found.append(f"{snapshot.attempts} attempts in flight")
    if snapshot.transactions or snapshot.lingering:
        found.append(f"{snapshot.transactions} + {snapshot.lingering} transactions")
    for flow in snapshot.flows:
        others = [holder for holder in flow.holders if not holder.startswith(_MAY_STAY)]
        if others or not flow.holders:
            found.append(f"flow to {flow.target} held by {', '.join(others) or 'nobody'}")
    serving: dict[str, set[str]] = {}
    for binding in bindings:
        serving.setdefault(binding.aor, set()).add(binding.server)
    if not both_serve:
        found += [
            f"{aor} is bound at {', '.join(sorted(servers))}"
            for aor, servers in serving.items()
            if len(servers) > 1
        ]
    return found


def bindings_agree(
    line: LineSnapshot, bindings: Iterable[Binding], ways: Mapping[str, Collection[str]]
) -> list[str]:
    """3: the servers know the line where it believes to be bound, and nowhere else.

    ``bindings`` are the line's on every reachable server; ``ways`` are by server (as bindings
    name it) the addresses through which one is made there: its own, those of the servers that
    it shares with, of proxies before it. For a line whose servers have long been reachable.
    """
    found, seen = [], set()
    for binding in bindings:
        known = [
            held
            for held in line.bindings
            if str(held.server) == binding.reg_id and held.target.address in ways[binding.server]
        ]
        seen.update(known)
        if not known:
            found.append(f"{binding.aor} (reg-id {binding.reg_id}) is left at {binding.server}")
    found += [
        f"line {line.line}: {held.target} has lost our binding"
        for held in line.bindings
        if held not in seen
    ]
    for server in {held.server for held in line.bindings}:
        at = [str(held.target) for held in line.bindings if held.server == server]
        if len(at) > 1:  # B9: one binding is the registration, others run out
            found.append(f"line {line.line} is bound with server {server} at {', '.join(at)}")
    return found


# --- 4: one INVITE, one ring -------------------------------------------------------------------


def one_ring_per_invite(record: Record, callees: Mapping[str, str]) -> list[str]:
    """4: no callee (names by address) answered 180 to two INVITE transactions of one call."""
    rings: dict[tuple[str, str], set[str]] = {}
    for message in Wire(record, callees).messages:
        if message.method == "INVITE" and message.status == 180:
            rings.setdefault((message.source, message.call_id), set()).add(message.branch)
    return [
        f"{host} rang {len(branches)} times for one call"
        for (host, _), branches in rings.items()
        if len(branches) > 1 and host in callees.values()
    ]


# --- 5: home again -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Home:
    """Where a line belongs: its registrar and the addresses of that registrar's primary."""

    line: int
    server: int
    addresses: frozenset[str]


def home_bound_s(line: LineSettings, granted_s: float, ttl_s: float, timers: SipTimers) -> float:
    """How long after the last fault a line may take to come home, in seconds.

    What its failback mode waits for (B1: the next request, at latest the refresh; B2: the TTL;
    B3: the refresh; B4: failback_timeout), what its redundancy type waits for (F1: R6, F4), the
    proxies' interval (P2), our own keys (X1-X3), a "no" that DNS had given (D11), a try that was
    in flight, and that at most every 30 s one is made (B6). B4 with 0 never comes home by
    itself: then this bounds the way to the server only.
    """
    wait_s = max(
        _list_wait_s(line.path(group, registrar), granted_s, ttl_s)
        for registrar in line.registrars()
        for group in line.paths(registrar)
    )
    retry_s = float(line.reg_fail_retry_interval)
    if line.reg_failed_retry_min_time:
        retry_s = float(line.reg_failed_retry_max_time)
    wait_s += retry_s
    if line.successive and len(line.registrars()) > 1:
        wait_s += line.fallback_timeout
    if len(line.proxies()) > 1:
        wait_s += line.outbound_proxy_fallback_interval
    wait_s += line.skip_unavailable + line.spread
    if line.settle:
        wait_s += line.settle + 2 * _SETTLE_SPACING_S
    return wait_s + _NEGATIVE_S + _HOME_SPACING_S + timers.timeout_s + _SLACK_S


def _list_wait_s(path: PathSettings, granted_s: float, ttl_s: float) -> float:
    return {0: granted_s, 1: ttl_s, 2: granted_s, 3: float(path.failback_timeout)}[
        path.failback_mode
    ]


def is_home(snapshot: PhoneSnapshot, homes: Iterable[Home]) -> list[str]:
    """5: every line is registered at the primary of the server that it belongs to."""
    lines = {line.line: line for line in snapshot.lines}
    found = []
    for home in homes:
        line = lines[home.line]
        address = line.target.address if line.target else "nowhere"
        if line.state is not LineState.REGISTERED:
            found.append(f"line {home.line} is {line.state.value}")
        elif line.server != home.server or address not in home.addresses:
            found.append(f"line {home.line} is at server {line.server}, {address}: {line.why}")
    return found


# --- 6: the same seed, the same trace ----------------------------------------------------------


def same_trace(run: Callable[[int], Record], seed: int) -> list[str]:
    """6: two runs with one seed leave the same packets and events, byte for byte."""
    one, two = run(seed), run(seed)
    if one.fingerprint() == two.fingerprint():
        return []
    pairs = zip(one.packets, two.packets, strict=False)
    first = next((p for p, q in pairs if p.line() != q.line()), None)
    where = f"from {first.at:.6f} s on" if first else "in length or in events"
    return [f"seed {seed}: two runs differ {where}"]
