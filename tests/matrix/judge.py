"""What was seen, held against what was foretold: every difference in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise

from evertone.events import CallChanged, FailedOver, FellBack
from tests.matrix.cells import (
    ADDRESSES,
    EDGE,
    FAULT_S,
    RECOVERY_S,
    REQUEST_S,
    RETRY_AFTER_S,
    SLOW_S,
    TOO_SLOW_S,
    WITNESS_S,
    Fault,
    Request,
    Topology,
    lists_of,
    struck_by,
)
from tests.matrix.oracle import MOMENT_S, NOBODY, T2_S, Expected, Prediction, send_times
from tests.matrix.play import Ask, Seen

__all__ = ["judge"]

_ALL_RESENDS = 10
_RESENDS = 3
_SAME_S = 0.0005
_SCHEDULED = frozenset({"REGISTER", "INVITE", "BYE", "SUBSCRIBE"})
_OUTSIDE = frozenset({"INVITE", "SUBSCRIBE"})
_DELAYS = {Fault.SLOW: SLOW_S, Fault.TOO_SLOW: TOO_SLOW_S}
"""How long an answer that was sent is under way."""
_ANSWERS = frozenset({"ACK", "CANCEL"})


def judge(seen: Seen, foretold: Prediction) -> list[str]:
    """What was not as foretold; nothing if all was."""
    found: list[str] = []
    for claim in _CLAIMS:
        found += claim(seen, foretold)
    return found


# --- (a), (b): who served the request, and when ---------------------------------------------------


def _request(seen: Seen, foretold: Prediction) -> Iterator[str]:
    expected = foretold.request
    if seen.cell.request is Request.INVITE:
        yield from _call("the call", seen, seen.request_call, expected)
    elif seen.cell.request in (Request.BYE, Request.REINVITE):
        yield from _in_dialog(seen, expected)
    elif seen.cell.request is Request.REGISTER:
        yield from _register(seen, expected)
    else:
        yield from _subscribe(seen, foretold)


def _register(seen: Seen, expected: Expected) -> Iterator[str]:
    served = [(at, host) for at, host in _serving(seen) if at >= FAULT_S]
    good = [(at, host) for at, host in served if host in expected.by]
    if not expected.by and served and served[0][0] < WITNESS_S:
        yield f"registered at {served[0][1]} at {served[0][0]:.3f} s: nobody should grant it"
    if good and good[0][0] < expected.not_before_s:
        yield f"registered at {good[0][1]} at {good[0][0]:.3f} s, too early {_rules(expected)}"
    if expected.by and not any(at <= expected.latest_s for at, _ in good):
        when = f"{good[0][1]} at {good[0][0]:.3f} s" if good else f"none of {served[:4]}"
        yield (
            f"registered at {_names(expected)} by {expected.latest_s:.3f} s was foretold"
            f" {_rules(expected)}, it was {when}"
        )


def _subscribe(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """Who holds the subscription in the outage, and whether it is home in the end."""
    expected = foretold.request
    hosts = sorted({host for hosts in lists_of(seen.cell.topology) for host in hosts})
    made = [
        (ask.answered_at, host)
        for host in hosts
        for ask in seen.granted("SUBSCRIBE", host, FAULT_S)
        if ask.answered_at < RECOVERY_S
    ]
    wrong = [x for x in made if x[1] not in expected.by]
    if wrong:
        yield f"subscribed at {wrong[0][1]} at {wrong[0][0]:.3f} s: {_names(expected)} was foretold"
    in_time = any(at <= expected.latest_s for at, host in made if host in expected.by)
    if expected.by and NOBODY not in expected.by and not in_time:
        yield (
            f"subscribed at {_names(expected)} by {expected.latest_s:.3f} s was foretold"
            f" {_rules(expected)}, it was {sorted(made)[:3]}"
        )
    home = seen.granted("SUBSCRIBE", foretold.home, RECOVERY_S)
    latest = foretold.subscribed_latest_s
    if not home or home[0].answered_at > latest:
        when = f"at {home[0].answered_at:.3f} s" if home else "never"
        yield f"subscribed at home {when}, by {latest:.3f} s was foretold [B11, F7]"


def _serving(seen: Seen) -> list[tuple[float, str]]:
    """When which host began or went on to serve the line.

    In concurrent mode the line is registered with the fallback server all the time: there it is
    the event of the fallback that tells.
    """
    cell = seen.cell
    hosts = {host for hosts in lists_of(cell.topology) for host in hosts}
    always = cell.topology in (Topology.CONCURRENT, Topology.INSIDE_CONCURRENT)
    found = [
        (ask.answered_at, host)
        for host in hosts
        if not (always and host == "fallback")
        for ask in seen.granted("REGISTER", host, 0.0)
    ]
    if always:
        found += [(event.at, "fallback") for event in seen.of_caller(FellBack)]
    return sorted(found)


def _call(what: str, seen: Seen, call: str, expected: Expected) -> Iterator[str]:
    states = seen.states(call)
    begun = states["calling"].at
    up = states.get("established")
    end = states.get("ended")
    asks = _invites(seen, begun)
    over = end.at if end else float("inf")
    first = next(iter(seen.tries("INVITE", begun, over)), "nobody")
    if expected.first and first not in expected.first:
        yield f"{what} went to {first} first, to {'/'.join(sorted(expected.first))} was foretold"
    if NOBODY in expected.by and up is None:
        return
    if not expected.by:
        if up is not None:
            yield f"{what} stood at {up.at:.3f} s: it should fail {_rules(expected)}"
        elif end is None or end.at > expected.latest_s:
            when = f"{end.at:.3f} s" if end else "not at all"
            yield f"{what} ended {when}, by {expected.latest_s:.3f} s was foretold"
        return
    if up is None or up.at > expected.latest_s:
        when = f"at {up.at:.3f} s" if up else f"never ({end.reason if end else 'it goes on'})"
        yield f"{what} stood {when}, by {expected.latest_s:.3f} s was foretold {_rules(expected)}"
        return
    if up.at < expected.not_before_s:
        yield f"{what} stood at {up.at:.3f} s, before {expected.not_before_s:.3f} s"
    by = {ask.host for ask in asks if ask.status == 200}
    if not by & expected.by:
        yield f"{what} was served by {by or 'nobody'}, {_names(expected)} was foretold"


def _invites(seen: Seen, begun: float) -> list[Ask]:
    """The INVITEs of the call that began then, in order."""
    later = [a for a in seen.asks if a.method == "INVITE" and not a.inside and a.sends[0] >= begun]
    return [ask for ask in later if ask.call_id == later[0].call_id]


def _in_dialog(seen: Seen, expected: Expected) -> Iterator[str]:
    """From whom the peer hears the BYE or re-INVITE, as its hub sees it."""
    method = "BYE" if seen.cell.request is Request.BYE else "INVITE"
    standing = next(a.call_id for a in seen.asks if a.method == "INVITE")
    ended = seen.states(seen.request_call)["ended"].at
    if method == "BYE" and ended > REQUEST_S:
        yield f"hanging up ended the call at {ended:.3f} s, not at once [C4]"
    heard = [
        m
        for m in seen.messages
        if m.method == method
        and not m.status
        and m.target == "hub"
        and m.branch in seen.inside
        and m.call_id == standing
    ]
    if not expected.by:
        if heard and heard[0].at < RECOVERY_S:
            yield f"the peer heard the {method} from {heard[0].source}: nobody could bring it"
        return
    in_time = heard and expected.not_before_s <= heard[0].at <= expected.latest_s
    if not in_time or heard[0].source not in expected.by:
        when = f"{heard[0].source} at {heard[0].at:.3f} s" if heard else "nobody"
        yield (
            f"the peer heard the {method} from {when}; {_names(expected)} by"
            f" {expected.latest_s:.3f} s was foretold {_rules(expected)}"
        )


def _witness(seen: Seen, foretold: Prediction) -> Iterator[str]:
    yield from _call("the call late in the outage", seen, seen.witness_call, foretold.witness)


def _asked_home(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """F1: whoever was found unavailable by a call gets a REGISTER at once."""
    host = foretold.asked_home
    if not host:
        return
    left = _left_at(seen, ())
    if host not in seen.tries("REGISTER", left, left + MOMENT_S):
        yield f"no REGISTER to {host} at {left:.3f} s, when it was left [F1]"


# --- (c): home ------------------------------------------------------------------------------------


def _home(seen: Seen, foretold: Prediction) -> Iterator[str]:
    home, latest = foretold.home, foretold.home_latest_s
    granted = seen.granted("REGISTER", home, RECOVERY_S)
    rules = ", ".join(rule.id for rule in foretold.home_rules)
    if not granted or granted[0].answered_at > latest:
        when = f"at {granted[0].answered_at:.3f} s" if granted else "never"
        yield f"home at {home} {when}, by {latest:.3f} s was foretold [{rules}]"
    states = seen.states(seen.final_call)
    up = states.get("established")
    asks = _invites(seen, states["calling"].at)
    hosts = [ask.host for ask in asks]
    if hosts != [home] or up is None or up.at - seen.final_at > MOMENT_S:
        yield f"the call after the return went to {hosts}, to {home} alone was foretold [{rules}]"


# --- (d): never -----------------------------------------------------------------------------------


def _listed_hosts(seen: Seen, foretold: Prediction) -> Iterator[str]:
    hosts = {host for hosts in lists_of(seen.cell.topology) for host in hosts}
    port, kind = seen.cell.transport.default_port, seen.cell.transport.value
    allowed = {(kind, ADDRESSES[host], port) for host in hosts}
    for packet in seen.record.packets:
        if packet.source[0] == ADDRESSES["caller"] and packet.kind != "DNS":
            to = (packet.kind, *packet.target)
            if to not in allowed:
                yield f"sent to {to}, which is none of its servers"
                return


def _schedule(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """S1-S4: how often a request is sent, and when; S6, A10: after a provisional answer."""
    for ask in seen.asks:
        if ask.method not in _SCHEDULED:
            continue
        patient = (ask.method, ask.host) in foretold.never.patient
        resends = 0 if ask.reliable else (_ALL_RESENDS if patient else _RESENDS)
        allowed = send_times(ask.method, resends)[:-1]
        offsets = [at - ask.sends[0] for at in ask.sends]
        plain = sum(abs(a - b) < _SAME_S for a, b in zip(offsets, allowed, strict=False))
        heard = ask.alive_at - ask.sends[0] + _DELAYS.get(seen.cell.fault, 0.0)
        late = seen.cell.fault is not Fault.LOSS and offsets[plain - 1] > heard + MOMENT_S
        rest = offsets[plain:]
        calm = ask.method != "INVITE" and all(
            b - a > T2_S - MOMENT_S for a, b in pairwise(offsets[plain - 1 :])
        )
        if (late and not calm) or (rest and (rest[0] < heard or not calm)):
            text = ", ".join(f"{x:.3f}" for x in offsets)
            yield f"{ask.method} to {ask.host} of {ask.sends[0]:.3f} s was sent at {text} [S1]"


def _one_ring(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """F6, A8: one call rings one callee once."""
    rings: dict[str, set[str]] = {}
    for message in seen.messages:
        rings_or_talks = message.method == "INVITE" and 101 <= message.status < 300
        if message.branch in seen.inside:
            continue
        if message.source in ("callee", "friend") and rings_or_talks:
            rings.setdefault(message.call_id, set()).add(message.branch)
    for call_id, branches in rings.items():
        if len(branches) > 1:
            yield f"the call {call_id} rang {len(branches)} times [F6]"


def _peace(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """A2: who said Retry-After is passed over."""
    for host in foretold.never.peaceful:
        until = 0.0
        for ask in (a for a in seen.asks if a.host == host and a.method not in _ANSWERS):
            if ask.sends[0] < until - MOMENT_S:
                yield f"{ask.method} to {host} at {ask.sends[0]:.3f} s, before {until:.3f} s [A2]"
            if ask.status == 503:
                until = max(until, ask.answered_at + RETRY_AFTER_S)


def _steady(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """B2-B6, F1: who was left gets tries home only, in time and 30 s apart, until one is
    granted, and in a call none."""
    never = foretold.never
    left = _left_at(seen, never.avoided)
    for host in never.avoided:
        home = min(
            (a.answered_at for h in never.avoided for a in seen.granted("REGISTER", h, left)),
            default=float("inf"),
        )
        away = [a for a in seen.asks if a.host == host and left < a.sends[0] < home]
        for ask in away:
            if ask.method in _OUTSIDE and not ask.inside:
                yield f"{ask.method} to {host} at {ask.sends[0]:.3f} s, before it is home [B, F1]"
        tries = [a.sends[0] for a in away if a.method == "REGISTER"]
        if tries and tries[0] < left + never.home_try_after_s:
            yield f"a try home at {tries[0]:.3f} s, {tries[0] - left:.3f} s after the failover"
        if any(b - a < never.home_spacing_s - MOMENT_S for a, b in pairwise(tries)):
            yield f"tries home at {tries}, less than 30 s apart [B6]"
        if tries and tries[0] < never.not_home_before_s:
            yield f"a try home at {tries[0]:.3f} s, in a call [B5]"


def _left_at(seen: Seen, left: Collection[str]) -> float:
    """When the line left for another host: within a list when that answered, in concurrent mode
    when the fallback is announced."""
    if seen.cell.topology is not Topology.FAILOVER:
        return min((e.at for e in seen.of_caller(FellBack)), default=float("inf"))
    others = [a for a in seen.asks if a.host not in left and a.status not in (0, 503)]
    return min((a.answered_at for a in others if a.answered_at > FAULT_S), default=float("inf"))


def _no_moves(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """A server that answers in time is not left."""
    if foretold.never.moves:
        return
    for event in seen.of_caller(FailedOver, FellBack):
        yield f"{type(event).__name__} at {event.at:.3f} s: {event.reason}; none had failed"
    struck = struck_by(seen.cell.topology)
    for ask in seen.asks:
        if ask.method in _OUTSIDE and ask.host != struck[0]:
            yield f"{ask.method} to {ask.host} at {ask.sends[0]:.3f} s, though {struck[0]} serves"


def _no_questions(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """D1: literals need no name server; P1: behind a proxy the server's name is not resolved."""
    own = [
        p.data
        for p in seen.record.packets
        if p.kind == "DNS" and p.source[0] == ADDRESSES["caller"]
    ]
    if own and not foretold.never.asks:
        yield f"{len(own)} questions to name servers [D1]"
    if seen.cell.topology is Topology.PROXIES:
        edge = EDGE.partition(".")[0].encode()
        if any(edge not in data for data in own):
            yield "the registrar's own name was resolved [P1]"


def _calls_stay(seen: Seen, foretold: Prediction) -> Iterator[str]:
    """C4: the call that stood when the fault began ends at its user's word."""
    made = [seen.request_call] if seen.cell.request is Request.INVITE else []
    made += [seen.witness_call, seen.final_call]
    may_end = {"the user hangs up"}
    if not foretold.never.peer_stays:
        may_end.add("the peer hung up")
    for event in seen.of_caller(CallChanged):
        assert isinstance(event, CallChanged)
        if event.call in made or event.state != "ended" or event.reason in may_end:
            continue
        yield f"the standing call ended at {event.at:.3f} s: {event.reason} [C4]"


def _names(expected: Expected) -> str:
    return "/".join(sorted(expected.by))


def _rules(expected: Expected) -> str:
    return f"[{', '.join(rule.id for rule in expected.rules)}]"


_CLAIMS: tuple[Callable[[Seen, Prediction], Iterator[str]], ...] = (
    _request,
    _witness,
    _asked_home,
    _home,
    _listed_hosts,
    _schedule,
    _one_ring,
    _peace,
    _steady,
    _no_moves,
    _no_questions,
    _calls_stay,
)
