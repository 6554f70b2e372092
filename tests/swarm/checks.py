"""The six invariants of docs/architecture.md, asked of a world after its course.

What is reachable and since when is told by the plan, never by the phone. Each check returns
its violations in words.
"""

from __future__ import annotations

from collections.abc import Iterator

from evertone.config.settings import LineSettings, PathSettings
from evertone.events import CallChanged, Resolved
from evertone.lab.checkers import (
    Home,
    at_rest,
    bindings_agree,
    call_bound_s,
    is_home,
    one_ring_per_invite,
    only_allowed_targets,
)
from evertone.lab.faults import Fault, Verb
from evertone.lab.record import Record
from evertone.lab.registrations import Binding
from evertone.model import Group
from evertone.phone.snapshot import LineSnapshot
from evertone.sip.message import Request
from tests.swarm.early import home_too_early
from tests.swarm.plan import DNS, PHONE, TROUBLE_S, USERS, Plan, make_plan
from tests.swarm.play import CALLEE_ADDRESS, PHONE_ADDRESS, REALM, Play
from tests.swarm.reading import Bound, messages_of, registered_spans

__all__ = [
    "callers",
    "judge",
    "judge_calls",
    "left_after_stop",
    "left_over",
    "not_home",
    "run",
    "unregistered_requests",
]

_NEGATIVE_S = 31.0  # D11: how long a failed question may count
_STALE_WAIT_S = 1.8  # D16
_MOMENT_S = 2.0
_RESEND_MOST_S = 60.0  # RFC 6298 §2.5: the least upper bound of TCP's pauses
_AT_ONCE_S = 1.0
_IDLE_TIMERS = frozenset({"engine", "bindings", "ping", "pong", "transactions", "locator"})


def run(seed: int) -> tuple[Play, list[str]]:
    """Play the world of ``seed`` and judge it; what was found, [] if all is well."""
    play = Play(make_plan(seed))
    return play, list(judge(play))


def judge(play: Play) -> Iterator[str]:
    """Let the world run its course, and name what is wrong."""
    play.begin()
    play.go_home()
    yield from (f"5: {text}" for text in not_home(play))
    yield from (f"1: in peace: {text}" for text in _calls_at_once(play))
    play.come_to_rest()
    yield from (f"3: {text}" for text in left_over(play))
    play.stop()
    yield from (f"3: after the stop: {text}" for text in left_after_stop(play))
    record = play.world.record
    early = home_too_early(record, PHONE, play.plan.settings.lines)
    yield from (f"5: {text}" for text in early)
    yield from (f"1: {text}" for text in judge_calls(play.plan, record, play.dialled, play.hung_up))
    allowed = {end for place in play.plan.places.values() for end in place.targets()}
    allowed |= callers(record)
    yield from (f"2: {text}" for text in only_allowed_targets(record, [PHONE_ADDRESS], allowed))
    yield from (f"2: {text}" for text in unregistered_requests(play.plan, record))
    callees = {CALLEE_ADDRESS: "the callee", PHONE_ADDRESS: "the phone"}
    yield from (f"4: {text}" for text in one_ring_per_invite(record, callees))


# --- 1: calls ---------------------------------------------------------------------------------


def judge_calls(
    plan: Plan, record: Record, dialled: dict[str, tuple[float, int]], hung_up: dict[str, float]
) -> Iterator[str]:
    """1: a call rings or stands within its bound, where some way was open all the time."""
    lines = {line.line: line for line in plan.settings.lines}
    resolved = _first_resolved(record)
    for call, (at, number) in dialled.items():
        bound_s = _bound_s(plan, lines[number], at, resolved)
        if bound_s is None:
            continue
        settled, ended, code, reason = _fate(record, call)
        end = at + bound_s
        if settled is not None and settled <= end:
            continue
        given_up = hung_up.get(call)
        if given_up is not None and given_up <= end and code == 0:
            continue
        if code == 482 and _changes(plan, lines[number], at, end):
            continue  # A12: an earlier leg woke up, reached the callee, and was cancelled
        if code == 408 and _loses(plan, lines[number], at, end):
            continue  # A7: the server's own INVITEs to the callee were lost, all of them
        took = f"rang after {settled - at:.1f} s" if settled is not None else "never rang"
        if ended is not None and settled is None:
            took += f", ended after {ended - at:.1f} s: {code} {reason}"
        yield f"{call} of line {number}, dialled at {at:.3f}: {took}; allowed are {bound_s:.1f} s"


def _fate(record: Record, call: str) -> tuple[float | None, float | None, int, str]:
    """When the call rang or stood, when it ended, and how."""
    settled = ended = None
    code, reason = 0, ""
    for event in record.events_of(PHONE):
        if not isinstance(event, CallChanged) or event.call != call:
            continue
        if event.state in ("ringing", "established") and settled is None:
            settled = event.at
        elif event.state == "ended":
            ended, code, reason = event.at, event.code, event.reason
    return settled, ended, code, reason


def _first_resolved(record: Record) -> dict[tuple[int, Group], float]:
    found: dict[tuple[int, Group], float] = {}
    for event in record.events_of(PHONE):
        if isinstance(event, Resolved):
            found.setdefault((event.line, event.hops[0].group), event.at)
    return found


def _bound_s(
    plan: Plan, line: LineSettings, at: float, resolved: dict[tuple[int, Group], float]
) -> float | None:
    """How long this call may wait; None where nothing is promised."""
    hops = {group: _size(plan, group) for group in plan.places}
    groups = [g for y in line.registrars() for g in line.paths(y)]
    timers = plan.settings.timers
    quiet = call_bound_s(line, hops, timers) + 2 * len(groups)
    stalled = call_bound_s(line, hops, timers, stall_s=2 * timers.timeout_s) + 2 * len(groups)
    changes = _changes(plan, line, at - timers.timeout_s - _MOMENT_S, at + quiet)
    bound_s = stalled if changes else quiet
    since, until = at - _memory_s(plan), at + bound_s
    if _struck(plan, PHONE, since, until) or _refusals(plan, line, since, until):
        return None
    if not _dns_answers(plan, line, at, until, resolved):
        return None
    return bound_s if _some_way(plan, line, since, until) else None


def _memory_s(plan: Plan) -> float:
    """How long a fault that is over may still be felt: a REGISTER that a server could not refuse
    (408, RFC 4320) waits for its end."""
    mute = any(f.verb is Verb.ANSWER and f.value == 408 for f in plan.faults)
    return plan.settings.timers.timeout_s if mute else _MOMENT_S


def _size(plan: Plan, group: Group) -> int:
    place = plan.places[group]
    return len(place.targets())


def _overlaps(plan: Plan, fault: Fault, since: float, until: float) -> bool:
    return fault.at_s <= until and _felt_until_s(plan, fault) >= since


def _felt_until_s(plan: Plan, fault: Fault) -> float:
    """What was sent on a stream goes out again ever more rarely: when the fault is over, after as
    long again as it has lasted, up to the longest pause of a network that resends."""
    if fault.verb is Verb.RESTART:
        return fault.at_s
    streams = any(t.reliable for place in plan.places.values() for t in place.transports)
    lasted_s = fault.until_s - fault.at_s
    return fault.until_s + (min(lasted_s, _RESEND_MOST_S) if streams else 0.0)


def _struck(plan: Plan, name: str, since: float, until: float) -> bool:
    return any(name in (f.subject, f.peer) for f in plan.faults if _overlaps(plan, f, since, until))


def _machines(plan: Plan, line: LineSettings) -> set[str]:
    """Whoever a request of the line may pass."""
    groups = {g for y in line.registrars() for g in line.paths(y)}
    groups |= {p.group for p in plan.servers}
    return {m.name for g in groups for m in plan.places[g].machines}


def _refusals(plan: Plan, line: LineSettings, since: float, until: float) -> bool:
    """A7: a live server's refusal is the result; behind a proxy a 503 comes as 500."""
    final = [f for f in plan.faults if f.verb is Verb.ANSWER and (f.value != 503 or plan.proxies)]
    names = _machines(plan, line)
    return any(f.subject in names and _overlaps(plan, f, since, until) for f in final)


def _changes(plan: Plan, line: LineSettings, since: float, until: float) -> bool:
    """True if a server may say 100 and then nothing more (S6)."""
    names = _machines(plan, line)
    steady = (Verb.SILENCE, Verb.REFUSE, Verb.ANSWER)
    return any(
        f.subject in names or f.peer in names
        for f in plan.faults
        if _overlaps(plan, f, since, until)
        and not (f.verb in steady and f.at_s < since and f.until_s > until)
    )


def _loses(plan: Plan, line: LineSettings, since: float, until: float) -> bool:
    """True if a server loses packets."""
    names = _machines(plan, line)
    faults = [fault for fault in plan.faults if fault.verb is Verb.LOSE]
    return any(f.subject in names and _overlaps(plan, f, since, until) for f in faults)


def _dns_answers(
    plan: Plan,
    line: LineSettings,
    at: float,
    until: float,
    resolved: dict[tuple[int, Group], float],
) -> bool:
    """DNS answers, or what it said before still serves (D14, D16)."""
    since = at - _NEGATIVE_S
    if not _struck(plan, DNS, since, until) and not _struck(plan, PHONE, since, until):
        return True
    names = [g for y in line.registrars() for g in line.paths(y)]
    names = [g for g in names if plan.places[g].shape != "literal"]
    dns = plan.settings.dns
    known = all((line.line, g) in resolved and resolved[line.line, g] < at for g in names)
    lasting = dns.last_cache_expired_enable and dns.last_cache_expired > TROUBLE_S
    return not names or (known and bool(lasting))


def _some_way(plan: Plan, line: LineSettings, since: float, until: float) -> bool:
    """A way to some registrar is free of faults from ``since`` to ``until``."""

    def free(name: str) -> bool:
        return not _struck(plan, name, since, until)

    for registrar in line.registrars():
        place = plan.places[(Group.SERVER1, Group.SERVER2)[registrar - 1]]
        open_servers = any(free(m.name) for m in place.machines)
        proxies = line.proxies()
        open_paths = not proxies or any(
            free(m.name) for group in proxies for m in plan.places[group].machines
        )
        if open_servers and open_paths:
            return True
    return False


def _calls_at_once(play: Play) -> Iterator[str]:
    """When all is well a call rings at once."""
    for line in play.plan.settings.lines:
        play.last_call = ""
        play.call(line.line, 20.0)
        call = play.last_call
        play.world.run_for(25.0)
        settled, _, code, reason = _fate(play.world.record, call)
        at = play.dialled[call][0]
        if settled is None:
            yield f"line {line.line}: {call} of {at:.3f} s came to nothing: {code} {reason}"
        elif settled - at > _AT_ONCE_S:
            yield f"line {line.line}: {call} of {at:.3f} s rang after {settled - at:.3f} s"


# --- 2: where requests go -----------------------------------------------------------------------


def callers(record: Record) -> set[tuple[str, int, str]]:
    """Whoever asked us something: our answers, and what a dialog of theirs sends, go there."""
    return {
        (*p.source, p.kind)
        for p in record.packets
        if p.target[0] == PHONE_ADDRESS and p.kind != "DNS" and not p.data.startswith(b"SIP/2.0")
    }


def _path_at(plan: Plan, line: LineSettings, peer: str) -> PathSettings | None:
    for registrar in line.registrars():
        for group in line.paths(registrar):
            if any(m.address == peer for m in plan.places[group].machines):
                return line.path(group, registrar)
    return None


def unregistered_requests(plan: Plan, record: Record) -> Iterator[str]:
    """B9: with ``register_on_enable`` 1 no INVITE goes to a target without a registration.

    Where a connection had to be made first, it may have run out in that time. And the phone counts
    from when it hears of the grant, which may be long on its way.
    """
    slow = max((f.value for f in plan.faults if f.verb is Verb.DELAY), default=0.0)
    on_the_way_s = 2 * slow  # at either end
    lines = {line.user: line for line in plan.settings.lines}
    bound, asked, timers = Bound({}), dict[str, int](), plan.settings.timers
    seen: set[tuple[str, str]] = set()
    for said in messages_of(record, PHONE_ADDRESS):
        message = said.message
        if message.cseq.method == "REGISTER":
            registered_spans(bound, said, asked)
            continue
        if not said.sent or not isinstance(message, Request) or message.method != "INVITE":
            continue
        line = lines.get(message.from_.uri.user)
        path = _path_at(plan, line, said.peer) if line else None
        if line is None or path is None or message.to.tag:
            continue
        request = (message.call_id, said.peer)
        if request in seen:
            continue  # sent again, or a challenge answered: it was decided before
        seen.add(request)
        connecting_s = timers.timeout_s if message.via.transport != "UDP" else 0.0
        decided = said.at - connecting_s - on_the_way_s
        if path.register_on_enable and not bound.stands(said, decided):
            yield f"INVITE to {said.peer} at {said.at:.3f} s without a registration there (B9)"


# --- 3: nothing is left over ----------------------------------------------------------------------


def _bindings(play: Play) -> dict[str, list[Binding]]:
    """Ours by user."""
    found: dict[str, list[Binding]] = {user: [] for user in USERS}
    for store in play.stores.values():
        for binding in store.all(play.world.now):
            user = binding.aor.removesuffix(f"@{REALM}")
            if user in found:
                found[user].append(binding)
    return found


def _ways(play: Play) -> dict[str, set[str]]:
    """By server: through which addresses its bindings may have been made."""
    by_store: dict[str, set[str]] = {}
    edges = {m.address for place in play.plan.proxies for m in place.machines}
    for place in play.plan.servers:
        for machine in place.machines:
            by_store.setdefault(play.plan.stores[machine.name], set(edges)).add(machine.address)
    return {name: by_store[store] for name, store in play.plan.stores.items()}


def left_over(play: Play) -> Iterator[str]:
    """3: attempts, transactions, flows, timers, bindings."""
    view = play.phone.snapshot(play.world.now)
    yield from at_rest(view, (), both_serve=True)
    strange = {timer.split()[0] for timer, _ in view.timers} - _IDLE_TIMERS
    if strange:
        yield f"timers {', '.join(sorted(strange))} are set"
    bindings = _bindings(play)
    for snapshot, line in zip(view.lines, play.plan.settings.lines, strict=True):
        yield from bindings_agree(snapshot, bindings[line.user], _ways(play))
        yield from _wrong_servers(snapshot, line)


def _wrong_servers(snapshot: LineSnapshot, line: LineSettings) -> Iterator[str]:
    """F1, F2: with which servers the line is registered at rest."""
    wanted = {1} if line.successive else set(line.registrars())
    have = {held.server for held in snapshot.bindings}
    if have != wanted:
        yield f"line {line.line} is registered with {sorted(have)}, not {sorted(wanted)}"


def left_after_stop(play: Play) -> Iterator[str]:
    """3, R5: after a clean stop there is nothing at all."""
    view = play.phone.snapshot(play.world.now)
    if not view.stopped:
        yield "it has not stopped"
    if view.flows or view.timers or view.transactions or view.lingering:
        yield f"flows {view.flows}, timers {view.timers}"
    for user, bindings in _bindings(play).items():
        for binding in bindings:
            yield f"{user} is still bound at {binding.server} (R5)"


# --- 5: home --------------------------------------------------------------------------------------


def not_home(play: Play) -> list[str]:
    """Each line is at the primary of what it tries first (B4 with 0: at any target of that)."""
    plan, homes = play.plan, []
    for line in plan.settings.lines:
        group = line.paths(1)[0]
        path = line.path(group, 1)
        machines = plan.places[group].machines
        stays = path.failback_mode == 3 and path.failback_timeout == 0
        at = machines if stays else (plan.primary(line, group),)
        homes.append(Home(line.line, 1, frozenset(m.address for m in at)))
    return is_home(play.phone.snapshot(play.world.now), homes)
