"""What each cell must show, worked out from the rules of SEMANTICS.md, not from the code.

It may import ``evertone.model``, ``rules`` and ``config``, nothing else of the package: a linter
contract keeps it to that. All times are seconds on the world's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from evertone.config.settings import ServerSettings
from evertone.rules import Rule
from tests.matrix.cells import (
    ADDRESS_TTL_S,
    EXPIRES_S,
    FAILBACK_TIMEOUT_S,
    FALLBACK_TIMEOUT_S,
    FAULT_S,
    HANGUP_S,
    PROXY_INTERVAL_S,
    RECOVERY_S,
    REQUEST_S,
    RETRY_AFTER_S,
    RETRY_INTERVAL_S,
    SLOW_S,
    SUBSCRIBE_RETRY_S,
    SUBSCRIBE_S,
    TOO_SLOW_S,
    WITNESS_S,
    Cell,
    Fault,
    Presence,
    Request,
    Topology,
    lists_of,
    struck_by,
)

__all__ = [
    "MOMENT_S",
    "NOBODY",
    "T2_S",
    "Expected",
    "Never",
    "Prediction",
    "foretell",
    "send_times",
]

T1_S, T2_S = 0.5, 4.0  # S7
NOBODY = ""
"""Among those who may serve: it may come to nothing, too."""
MOMENT_S = 0.25
"""Round trips, name servers that answer: what no rule counts."""
_WHOLE_S = 64 * T1_S  # S2


def send_times(method: str, resends: int) -> list[float]:
    """S1, S2: when a request goes out, and last when its target is given up."""
    times, wait = [0.0], T1_S
    while len(times) <= resends and times[-1] + wait < _WHOLE_S:
        times.append(times[-1] + wait)
        wait = 2 * wait if method == "INVITE" else min(2 * wait, T2_S)
    return [*times, min(max(times[-1] + wait, 4.0), _WHOLE_S)]


_S1_S = send_times("REGISTER", ServerSettings().retry_counts)[-1]
_INVITE_S1_S = send_times("INVITE", ServerSettings().invite_retry_counts)[-1]
_REFRESH_S = EXPIRES_S / 2  # R3: the overlap is cut to half of the granted time
_HOME_SPACING_S = 30.0  # B6
_QUESTION_S = 3 * 3.0  # D16: one question is asked three times, 3 s each
_SOMEONE_WAITS_S = 1.8  # D16

_INSIDE = frozenset({Topology.INSIDE_CONCURRENT, Topology.INSIDE_SUCCESSIVE})
_CONCURRENT = frozenset({Topology.CONCURRENT, Topology.INSIDE_CONCURRENT})
_SUCCESSIVE = frozenset({Topology.SUCCESSIVE, Topology.INSIDE_SUCCESSIVE})
_NAMED = frozenset(Topology) - {Topology.CONCURRENT, Topology.SUCCESSIVE}

_HARMLESS = frozenset({Fault.DNS_DOWN, Fault.SLOW, Fault.RESTART})
"""Faults through which a server still answers in time: none may be left for them."""
_BUSY = frozenset({Fault.BUSY, Fault.BUSY_FOR})
_AT_ONCE = frozenset({Fault.REFUSED, *_BUSY})
_CHANCE = frozenset({Fault.LOSS, Fault.TOO_SLOW})
"""Faults after which late or lucky answers may bring a server back: several ends are right."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of one request: one of the hosts ``by`` serves it (none: nobody does) by
    ``latest_s``, but not before ``not_before_s``: whom a rule grants time must be given it.
    ``first`` are the hosts that it may be sent to first."""

    by: frozenset[str]
    latest_s: float
    rules: tuple[Rule, ...]
    first: frozenset[str] = frozenset()
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Never:
    """What must not happen, beside a second ring and a request to anybody but the listed hosts.

    ``patient``: (method, host) that may get S3's whole time, all else gets S1's. ``peaceful``:
    hosts that get no request for as long as their Retry-After says (A2). ``avoided``: hosts
    that, once left, get no request but tries home until one is granted (B2-B4, F1).
    ``home_try_after_s``: the first of those comes no earlier after the failover, and they are
    ``home_spacing_s`` apart.
    ``not_home_before_s``: B5. ``moves``: the line may move at all. ``asks``: name servers may be
    asked at all (D1). ``peer_stays``: the peer does not hang up by itself.
    """

    patient: frozenset[tuple[str, str]]
    peaceful: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    home_try_after_s: float = 0.0
    home_spacing_s: float = 0.0
    not_home_before_s: float = 0.0
    moves: bool = True
    asks: bool = True
    peer_stays: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """``request``: the request under test. ``witness``: a call late in the outage. ``home``:
    which host serves in the end, by when it has granted a REGISTER at the latest, and by when a
    SUBSCRIBE. ``asked_home``: the host that gets a REGISTER as soon as the call under test has
    left for the other server (F1); "" where none must."""

    request: Expected
    witness: Expected
    home: str
    home_latest_s: float
    home_rules: tuple[Rule, ...]
    subscribed_latest_s: float
    asked_home: str
    never: Never = field(repr=False)


def foretell(cell: Cell) -> Prediction:
    """What must be seen in ``cell``."""
    view = _View(cell)
    home_s, rules = _home(view)
    return Prediction(
        request=_REQUESTS[cell.request](view),
        witness=_witness(view),
        home=view.struck[0],
        home_latest_s=home_s,
        home_rules=rules,
        # B11: with failback_subscribe.enable 0, at the next refresh; a try may fail before it
        subscribed_latest_s=home_s + SUBSCRIBE_S + SUBSCRIBE_RETRY_S + _S1_S,
        asked_home=view.struck[0] if _asks_home(view) else "",
        never=_never(view),
    )


# --- the place as the rules see it --------------------------------------------------------------


class _View:
    """Who is struck, who is left, and what one target costs a request (S, A)."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.fault = cell.fault
        self.lists = lists_of(cell.topology)
        self.struck = struck_by(cell.topology)
        hosts = [host for hosts in self.lists for host in hosts]
        self.hosts = frozenset(hosts)
        self.next = next(host for host in hosts if host not in self.struck)

    @property
    def is_down(self) -> bool:
        """True where a struck server cannot serve in S1's time, come what may."""
        return self.fault not in _HARMLESS and self.fault is not Fault.LOSS

    @property
    def is_stuck(self) -> bool:
        """P1: 503 from a live path: its other targets, then the registrar is unavailable. No
        other proxy would help, and there is no other registrar."""
        return self.cell.topology is Topology.PROXIES and self.fault in _BUSY

    def judged_s(self, s1_s: float) -> float:
        """How long a struck target keeps a request: S1; at once by S4, S5 and A2."""
        return 0.0 if self.fault in _AT_ONCE else s1_s

    def walked_s(self, s1_s: float) -> float:
        """How long all struck targets keep a request that goes on to the next host."""
        return len(self.struck) * self.judged_s(s1_s)

    def cause(self) -> Rule:
        """Which rule leaves a struck target."""
        if self.fault in _BUSY:
            return Rule.A2
        if self.fault is Fault.REFUSED:
            return Rule.S4 if self.cell.transport.reliable else Rule.S5
        return Rule.S1

    @property
    def has_noticed(self) -> bool:
        """R9: the connection that carried the registration ended when the fault began, and its
        REGISTER has found out before anything else is sent."""
        return self.fault is Fault.REFUSED and self.cell.transport.reliable

    @property
    def there(self) -> frozenset[str]:
        """The primary, where it still serves."""
        return frozenset(self.struck[:1])

    @property
    def anyone(self) -> frozenset[str]:
        """Whoever chance lets serve."""
        return frozenset((*self.struck, self.next))


# --- (a), (b): the request under test -----------------------------------------------------------


def _register(view: _View) -> Expected:
    """R3: the refresh falls due at half of the granted time; R9: a connection that ends brings
    it forward."""
    fault = view.fault
    breaks = fault in (Fault.REFUSED, Fault.RESTART) and view.cell.transport.reliable
    begins = FAULT_S if breaks else _REFRESH_S
    due = begins + MOMENT_S
    if fault in _HARMLESS:
        slow = 2 * SLOW_S if fault is Fault.SLOW else 0.0
        # D14, D16: NAPTR, SRV and address are each given up before a stale answer serves; D1
        asks = fault is Fault.DNS_DOWN and view.cell.topology in _NAMED
        asking = 3 * _QUESTION_S if asks else 0.0
        return Expected(view.there, due + slow + asking, (Rule.R9 if breaks else Rule.R3,))
    if view.is_stuck and fault is Fault.BUSY:
        return Expected(frozenset(), due, (Rule.P1,))
    if view.is_stuck:
        # A2: at the next try (R6) both are passed over, for proxy 2 is left
        return Expected(frozenset({view.next}), due + RETRY_INTERVAL_S, (Rule.A2, Rule.P2))
    latest, rules = _left_by_register(view, begins)
    if fault in _CHANCE:
        return Expected(view.anyone, latest + 2 * MOMENT_S, rules)
    return Expected(frozenset({view.next}), latest + 2 * MOMENT_S, rules, not_before_s=latest)


def _left_by_register(view: _View, begins: float) -> tuple[float, tuple[Rule, ...]]:
    """When a REGISTER that begins then has found all struck targets wanting, and the line may
    lean on its binding no more."""
    if view.cell.topology in _SUCCESSIVE:
        # F2: the binding is used until it expires, then the other server is asked at once
        return EXPIRES_S, (Rule.F2, view.cause())
    walked = view.walked_s(_S1_S)
    if view.cell.topology in _CONCURRENT:
        # S3: of this REGISTER server 1 is the last server, and it is serving
        extended = view.judged_s(_WHOLE_S) - view.judged_s(_S1_S)
        return begins + walked + extended, (Rule.F1, Rule.S3, view.cause())
    return begins + walked, (Rule.R2, view.cause())


def _invite(view: _View) -> Expected:
    """C1: the serving server's list, then the other server's."""
    moved = view.has_noticed and _moves_by_refresh(view.cell)
    return _call(view, REQUEST_S, () if moved else view.struck)


def _moves_by_refresh(cell: Cell) -> bool:
    """A failed refresh moves the requests that come after it: not in mode 0 within a list (B1),
    nor in successive mode while the binding stands (F2)."""
    within = cell.topology is Topology.FAILOVER and cell.mode == 0
    return not within and cell.topology not in _SUCCESSIVE


def _call(view: _View, at: float, met: tuple[str, ...]) -> Expected:
    """A call placed at ``at`` that meets the struck hosts ``met`` before it comes to the next."""
    fault = view.fault
    first = frozenset(met[:1] or {view.next})
    if fault in _HARMLESS:
        slow = 4 * SLOW_S if fault is Fault.SLOW else 0.0
        asking = _SOMEONE_WAITS_S if fault is Fault.DNS_DOWN else 0.0
        return Expected(view.there, at + slow + asking + MOMENT_S, (Rule.D16, Rule.S6), first)
    if fault is Fault.LOSS:
        # S6: a 100 stops S1; what the lossy server then loses has 64*T1
        lost = len(view.struck) * (_INVITE_S1_S + _WHOLE_S)
        return Expected(view.anyone, at + lost + _WHOLE_S, (Rule.S1, Rule.S6))
    if view.is_stuck and met:
        return Expected(frozenset(), at + MOMENT_S, (Rule.P1, Rule.A2), first)
    spent = len(met) * view.judged_s(_INVITE_S1_S)
    if fault is Fault.TOO_SLOW and len(met) > 1:
        # A12, A8: by then the callee has it by the first way, which is cancelled, or serves late
        latest = at + spent - _INVITE_S1_S + _WHOLE_S + MOMENT_S
        return Expected(view.anyone | {NOBODY}, latest, (Rule.A12, Rule.A8), first)
    if fault is Fault.ANSWERS_LOST and met:
        # A12: the callee has it by the first way, whose leg is waited for until 64*T1 after its
        # first send; every later way brings 482 (F6)
        latest = at + spent - _INVITE_S1_S + _WHOLE_S + MOMENT_S
        return Expected(frozenset(), latest, (Rule.A12, Rule.F6), first)
    latest, rules = at + spent + 2 * MOMENT_S, (Rule.C1, Rule.F3)
    return Expected(frozenset({view.next}), latest, rules, first, at + spent)


def _bye(view: _View) -> Expected:
    return _in_dialog(view, _S1_S)


def _reinvite(view: _View) -> Expected:
    return _in_dialog(view, _INVITE_S1_S)


def _in_dialog(view: _View, s1_s: float) -> Expected:
    """C2: its next hop, else the other targets of that list; never the other server. ``by`` is
    the host from which the callee hears of it."""
    fault, at = view.fault, REQUEST_S
    if fault in _HARMLESS:
        slow = 2 * SLOW_S if fault is Fault.SLOW else 0.0
        return Expected(view.there, at + slow + MOMENT_S, (Rule.C2,))
    if fault is Fault.ANSWERS_LOST:
        return Expected(view.there, at + MOMENT_S, (Rule.C2,))  # it does arrive
    walked = view.walked_s(s1_s)
    other = view.cell.topology in (Topology.FAILOVER, Topology.PROXIES) and not view.is_stuck
    if fault in _CHANCE:
        return Expected(view.anyone, at + max(walked, 2 * TOO_SLOW_S) + _WHOLE_S, (Rule.C2,))
    by = frozenset({view.next} if other else ())
    rules = (Rule.C2, view.cause())
    return Expected(by, at + walked + MOMENT_S, rules, not_before_s=at + walked)


def _subscribe(view: _View) -> Expected:
    """The refresh of a mailbox subscription. ``by`` are those that may hold it in the outage.

    In a dialog it meets the list only (C2), the last of it with S3's patience; what fails is
    made anew after an interval, outside a dialog, along the walk of its line (C1).
    """
    fault, topology = view.fault, view.cell.topology
    due = SUBSCRIBE_S / 2 + MOMENT_S
    if fault in _HARMLESS:
        # RFC 6665 §4.1.2.2: one that the server has forgotten is made anew at once
        slow = 2 * SLOW_S if fault is Fault.SLOW else 0.0
        return Expected(view.there, due + slow + MOMENT_S, (Rule.C2, Rule.B11))
    given_up = due + len(view.struck) * _S1_S + _WHOLE_S + SUBSCRIBE_RETRY_S
    anew = given_up + view.walked_s(_S1_S) + MOMENT_S
    if topology in _CONCURRENT:
        # F7: message waiting lives on the working server only
        at_home = frozenset(view.struck) if fault in _CHANCE else frozenset[str]()
        return Expected(at_home | {NOBODY}, anew, (Rule.F7,))
    if fault in _CHANCE or view.is_stuck:
        return Expected(view.anyone | {NOBODY}, anew, (Rule.A11, Rule.C2))
    by = frozenset({view.next})
    if topology in _SUCCESSIVE:
        # F7: it follows the line, which waits for the binding's end (F2)
        return Expected(by, EXPIRES_S + 2 * MOMENT_S, (Rule.F7, Rule.F2))
    peace = RETRY_AFTER_S if fault is Fault.BUSY_FOR else 0.0
    return Expected(by, anew + peace, (Rule.C2, Rule.A1))


_REQUESTS: dict[Request, Callable[[_View], Expected]] = {
    Request.REGISTER: _register,
    Request.INVITE: _invite,
    Request.REINVITE: _reinvite,
    Request.BYE: _bye,
    Request.SUBSCRIBE: _subscribe,
}
"""One row for each request that the phone sends; a new usage adds its own."""


# --- who serves late in the outage ---------------------------------------------------------------


def _witness(view: _View) -> Expected:
    """By then the line has moved as far as its rules let it."""
    if not view.is_down:
        return _call(view, WITNESS_S, view.struck)
    if view.is_stuck and view.fault is Fault.BUSY:
        return _call(view, WITNESS_S, view.struck)
    if view.cell.topology is Topology.FAILOVER and view.cell.mode == 0:
        met = _call(view, WITNESS_S, view.struck)  # B1: every request starts at the primary
        if view.fault is Fault.BUSY_FOR:
            return replace(met, first=view.anyone, rules=(Rule.B1, Rule.A2))
        if view.fault is Fault.ANSWERS_LOST and view.cell.transport.reliable:
            # S4: where no new connection can be made, the callee has not heard of it
            return replace(met, by=frozenset({NOBODY, view.next}))
        return met
    if view.fault is Fault.TOO_SLOW and view.cell.topology is not Topology.FAILOVER:
        # A11: a late 2xx counts, so that the working server may serve by spells
        met = _call(view, WITNESS_S, view.struck)
        by, rules = met.by | view.anyone, (Rule.A11, *met.rules)
        return replace(met, by=by, first=view.anyone, not_before_s=0.0, rules=rules)
    return _call(view, WITNESS_S, ())


# --- (c): home again -----------------------------------------------------------------------------


def _home(view: _View) -> tuple[float, tuple[Rule, ...]]:
    """By when a REGISTER at the primary is granted after the last fault has ended."""
    stayed_s = RECOVERY_S + _REFRESH_S + _S1_S + MOMENT_S  # R3: whoever never left renews
    wait_s, rules = _FALLBACKS[view.cell.topology](view)
    if view.cell.topology is Topology.FAILOVER or view.cell.topology not in _NAMED:
        return max(stayed_s, RECOVERY_S + wait_s + MOMENT_S), rules
    # the way back may have led to the second of the list: then the failback mode comes on top
    list_s, list_rules = _failback(view, RECOVERY_S + wait_s)
    return max(stayed_s, list_s + MOMENT_S), (*rules, *list_rules)


def _failover_home(view: _View) -> tuple[float, tuple[Rule, ...]]:
    latest, rules = _failback(view, RECOVERY_S)
    return latest - RECOVERY_S, rules


def _failback(view: _View, since: float) -> tuple[float, tuple[Rule, ...]]:
    """B1-B6: when a line away from its primary is there again, if it serves from ``since`` on.

    A try that was under way may fail as late as S1's time after that; then the time runs anew.
    """
    if view.fault is Fault.BUSY_FOR:
        since += RETRY_AFTER_S  # A2
    waits: dict[int, tuple[float, Rule]] = {
        0: (_REFRESH_S, Rule.B1),
        1: (max(ADDRESS_TTL_S, _HOME_SPACING_S), Rule.B2),
        2: (_REFRESH_S + _HOME_SPACING_S, Rule.B3),
        3: (FAILBACK_TIMEOUT_S, Rule.B4),
    }
    wait_s, rule = waits[view.cell.mode]
    latest = since + _S1_S + wait_s
    if not _waits_for_idle(view):
        return latest, (rule,)
    # B5: what fell due in the call is done at its end; a REGISTER under way comes first
    return max(latest, HANGUP_S) + _S1_S, (rule, Rule.B5)


def _waits_for_idle(view: _View) -> bool:
    in_call = view.cell.presence is Presence.IN_CALL and view.cell.request is not Request.BYE
    return in_call and view.cell.mode in (1, 2, 3)


def _concurrent_home(view: _View) -> tuple[float, tuple[Rule, ...]]:
    """F1, R6: a server that does not serve is tried again after each try's end."""
    return len(view.struck) * _S1_S + RETRY_INTERVAL_S, (Rule.F1, Rule.R6)


def _successive_home(view: _View) -> tuple[float, tuple[Rule, ...]]:
    """F4: every fallback.timeout, from the last try's end."""
    peace = RETRY_AFTER_S if view.fault is Fault.BUSY_FOR else 0.0
    return len(view.struck) * _S1_S + FALLBACK_TIMEOUT_S + peace, (Rule.F4,)


def _proxies_home(view: _View) -> tuple[float, tuple[Rule, ...]]:
    """P2: every interval; a line that never left proxy 1 goes on by R6."""
    peace = RETRY_AFTER_S if view.fault is Fault.BUSY_FOR else 0.0
    wait_s = max(PROXY_INTERVAL_S, RETRY_INTERVAL_S)
    return len(view.struck) * _S1_S + wait_s + peace, (Rule.P2, Rule.R6)


_FALLBACKS: dict[Topology, Callable[[_View], tuple[float, tuple[Rule, ...]]]] = {
    Topology.FAILOVER: _failover_home,
    Topology.CONCURRENT: _concurrent_home,
    Topology.SUCCESSIVE: _successive_home,
    Topology.PROXIES: _proxies_home,
    Topology.INSIDE_CONCURRENT: _concurrent_home,
    Topology.INSIDE_SUCCESSIVE: _successive_home,
}


def _asks_home(view: _View) -> bool:
    """F1: a call finds the working server unavailable, before a REGISTER could (R9)."""
    is_call = view.cell.request is Request.INVITE and view.cell.topology in _CONCURRENT
    return is_call and view.is_down and not view.has_noticed


# --- (d): never ----------------------------------------------------------------------------------


def _never(view: _View) -> Never:
    topology, mode = view.cell.topology, view.cell.mode
    failover = topology is Topology.FAILOVER and view.is_down
    steady = failover and mode in (1, 2, 3)
    # F1: the server that does not serve gets REGISTERs only, too; late 2xx may bring it back
    stops = topology in _CONCURRENT and view.is_down and view.fault not in _CHANCE
    due_after = {1: float(ADDRESS_TTL_S), 3: float(FAILBACK_TIMEOUT_S)}
    return Never(
        patient=_patient(view),
        peaceful=frozenset(view.struck) if _peace_holds(view) else frozenset(),
        avoided=frozenset(view.struck) if steady or stops else frozenset(),
        home_spacing_s=_HOME_SPACING_S if steady else 0.0,
        home_try_after_s=due_after.get(mode, 0.0) if steady else 0.0,
        not_home_before_s=HANGUP_S if steady and _waits_for_idle(view) else 0.0,
        moves=view.fault not in _HARMLESS,
        asks=topology in _NAMED,
        # RFC 3261 §14.2: a peer whose answer to a re-INVITE is never acknowledged hangs up
        peer_stays=not (view.cell.request is Request.REINVITE and view.fault is Fault.ANSWERS_LOST),
    )


def _peace_holds(view: _View) -> bool:
    """A2: while something else is left, that is for requests that may go on elsewhere. A REGISTER
    of concurrent mode, or of F2 while a binding stands, may not."""
    return view.fault is Fault.BUSY_FOR and view.cell.topology in (
        Topology.FAILOVER,
        Topology.PROXIES,
    )


def _patient(view: _View) -> frozenset[tuple[str, str]]:
    """S3: the last target of the last server that a request may use."""
    last = view.lists[0][-1]
    found: set[tuple[str, str]] = set()
    if view.cell.topology in _CONCURRENT:
        found.add(("REGISTER", last))
    if view.cell.topology in _CONCURRENT | _SUCCESSIVE:
        found.add(("BYE", last))  # C2: no other server
    if view.cell.request is Request.SUBSCRIBE:
        # C2, F7: no other server; any of the list may be the last, if another comes first
        found |= {("SUBSCRIBE", host) for host in (*view.lists[0], view.next)}
    if view.cell.request is Request.REINVITE:
        found.add(("INVITE", last))
    if view.fault in _CHANCE or view.fault is Fault.ANSWERS_LOST:
        # A8: the BYE of a leg that was answered late goes there and nowhere else
        found |= {("BYE", host) for host in view.hosts}
    return frozenset(found)
