"""Which server and which proxy serve the line, and what happens when that changes (F, P)."""

from __future__ import annotations

from evertone.events import FailedBack, FellBack, ServerDown
from evertone.model import Group, Hop
from evertone.redundancy.policy import FallbackType
from evertone.redundancy.state import LineState, TimerKey, TimerKind
from evertone.rules import Rule

__all__ = ["Serving"]

WORKING, FALLBACK = 1, 2

PROBE = TimerKey(TimerKind.PROBE)
PROXY_PROBE = TimerKey(TimerKind.PROXY_PROBE)


class Serving:
    """The line's place among its servers and proxies. Decides nothing about requests."""

    __slots__ = ("_state", "_stranded")

    def __init__(self, state: LineState) -> None:
        self._state = state
        self._stranded = False  # the working server serves for want of any other (F5)

    def request_registrars(self, *, someone_waits: bool) -> tuple[int, ...]:
        """The servers that a request outside a dialog may use, in order (C1, F1, F3)."""
        state = self._state
        configured = tuple(state.registrations)
        if state.fallback is FallbackType.SINGLE:
            return configured
        if state.fallback is FallbackType.SUCCESSIVE:
            begin = state.on or WORKING
            if not someone_waits and state.on is not None:
                return (begin,)
        else:
            begin = state.serving
        return (begin, *(r for r in configured if r != begin))

    def register_registrars(self, registrar: int, *, after_failure: bool) -> tuple[int, ...]:
        """The servers that a registration may try; none for a server that the line has left.

        Only what comes ``after_failure`` of the fallback server begins at the working one (F5);
        a new connection or a changed list (R9, B8) is no reason to leave it.
        """
        state = self._state
        if state.fallback is not FallbackType.SUCCESSIVE:
            return (registrar,)
        if state.on is None or (state.on == FALLBACK and after_failure):
            return (WORKING, FALLBACK)
        return (registrar,) if registrar == state.on else ()

    def registered(self, registrar: int, hop: Hop, began: Group | None, now: float) -> None:
        """A 2xx to REGISTER: the line moves where its redundancy type says (F1-F4, P2).

        What ``began`` by proxy 2 says nothing of proxy 1: it does not take the line back.
        """
        if self._state.fallback is FallbackType.SINGLE:
            pass
        elif self._state.fallback is FallbackType.SUCCESSIVE:
            self._stand_on(registrar, hop, now)
        else:
            self.recompute(hop, now)
        if hop.group.is_proxy and (hop.group is Group.PROXY1 or began is not Group.PROXY2):
            self._stand_on_proxy(hop.group, registrar, hop, now)

    def recompute(self, hop: Hop | None, now: float) -> None:
        """Concurrent: the working server serves while it is available, else the other (F1);
        if neither is, requests begin at the working one (F5)."""
        state = self._state
        if state.fallback is not FallbackType.CONCURRENT:
            return
        up = {r: reg.available for r, reg in state.registrations.items()}
        serving = WORKING if up[WORKING] or not up[FALLBACK] else FALLBACK
        moved, state.serving = serving != state.serving, serving
        if up[WORKING] and (moved or self._stranded):
            self._stranded = False
            self._announce_home(now, hop, Rule.F1, "the working server answered")
        elif moved and serving == FALLBACK:
            self._stranded = False
            held = state.registrations[FALLBACK].binding(now)
            where = held.hop if held is not None else None
            self._announce_fallback(now, where, Rule.F1, "the working server is unavailable")
        elif moved:
            self._stranded = True
            reason = "neither server is available, requests begin at the working one"
            state.tell(FellBack, now, WORKING, rule=Rule.F5, reason=reason, origin_server=FALLBACK)

    def down(self, registrar: int, hop: Hop | None, reason: str, now: float) -> None:
        """The whole list of ``registrar`` is unavailable (F8)."""
        state = self._state
        registration = state.registrations[registrar]
        if registration.available:
            state.tell(ServerDown, now, registrar, hop=hop, rule=Rule.F8, reason=reason)
        registration.available = False

    def lost(self) -> None:
        """Successive: the binding that the line stood on has run out (F2, F5)."""
        self._state.on = None
        self._state.timers.cancel(PROBE)

    def begin_anew(self) -> None:
        """R8: nothing stands any more; the first server by the first path comes first."""
        self.lost()
        self._stranded = False
        state = self._state
        if state.proxy is not None:
            state.proxy = state.settings.proxies()[0]

    def _stand_on(self, registrar: int, hop: Hop, now: float) -> None:
        state = self._state
        before, state.on = state.on, registrar
        state.serving, came_from = registrar, state.serving
        if before == registrar:
            return
        state.leaving.discard(registrar)
        other = FALLBACK if registrar == WORKING else WORKING
        for kind in (TimerKind.REFRESH, TimerKind.RETRY):
            state.timers.cancel(TimerKey(kind, other))
        if registrar == FALLBACK:
            state.timers.set(PROBE, now + state.settings.fallback_timeout + state.spread_s())
            rule = Rule.F2 if before is None else Rule.F3
            self._announce_fallback(now, hop, rule, "registered with the fallback server")
            return
        state.timers.cancel(PROBE)
        if before == FALLBACK:
            state.leaving.add(FALLBACK)
        if came_from == FALLBACK:
            self._announce_home(now, hop, Rule.F4, "the working server answered")

    def _stand_on_proxy(self, group: Group, registrar: int, hop: Hop, now: float) -> None:
        state = self._state
        if state.proxy is None or group is state.proxy:
            return
        state.proxy = group
        if group is Group.PROXY2:
            interval = state.settings.outbound_proxy_fallback_interval
            state.timers.set(PROXY_PROBE, now + interval + state.spread_s())
            state.tell(
                FellBack,
                now,
                registrar,
                hop=hop,
                rule=Rule.P2,
                reason="outbound proxy 1 is unavailable",
                origin_server=registrar,
            )
            return
        state.timers.cancel(PROXY_PROBE)
        state.tell(
            FailedBack, now, registrar, hop=hop, rule=Rule.P2, reason="outbound proxy 1 answered"
        )

    def _announce_fallback(self, now: float, hop: Hop | None, rule: Rule, reason: str) -> None:
        self._state.tell(
            FellBack, now, FALLBACK, hop=hop, rule=rule, reason=reason, origin_server=WORKING
        )

    def _announce_home(self, now: float, hop: Hop | None, rule: Rule, reason: str) -> None:
        self._state.tell(FailedBack, now, WORKING, hop=hop, rule=rule, reason=reason)
