"""A frozen view of one line's engine, for people, pages and tests."""

from __future__ import annotations

from dataclasses import dataclass

from evertone.model import Group, Hop, Target
from evertone.redundancy.registration import Binding, Registration, RegState
from evertone.redundancy.state import LineState, TimerKey, TimerKind

__all__ = ["EngineSnapshot", "HopListSnapshot", "RegistrationSnapshot", "snapshot_of"]


@dataclass(frozen=True, slots=True)
class RegistrationSnapshot:
    """One server's registration. Times are on the shell's clock; None: not set. ``since``:
    registered there at ``hop``, or else in ``state``, without a break."""

    registrar: int
    state: str
    hop: Hop | None
    since: float
    expires_at: float | None
    refresh_at: float | None
    retry_at: float | None
    why: str
    bindings: tuple[Binding, ...]
    available: bool


@dataclass(frozen=True, slots=True)
class HopListSnapshot:
    """One hop list and where in it the line stands."""

    group: Group
    registrar: int
    hops: tuple[Hop, ...]
    current: Target | None
    away_since: float | None
    home_at: float | None
    home_due: bool


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """One line. ``serving`` is the server that requests start at, ``proxy`` the path's."""

    line: int
    serving: int
    proxy: Group | None
    idle: bool
    registrations: tuple[RegistrationSnapshot, ...]
    lists: tuple[HopListSnapshot, ...]
    timers: tuple[tuple[TimerKey, float], ...]
    walks: int


def _registration(state: LineState, registration: Registration) -> RegistrationSnapshot:
    held = registration.bindings.get(registration.newest) if registration.newest else None
    timers, registrar = state.timers, registration.registrar
    registered = registration.state is RegState.REGISTERED
    return RegistrationSnapshot(
        registrar=registrar,
        state=registration.state.value,
        hop=held.hop if held is not None else None,
        since=held.since if held is not None and registered else registration.since,
        expires_at=held.expires_at if held is not None else None,
        refresh_at=timers.deadline(TimerKey(TimerKind.REFRESH, registrar)),
        retry_at=timers.deadline(TimerKey(TimerKind.RETRY, registrar)),
        why=registration.why,
        bindings=tuple(registration.bindings.values()),
        available=registration.available,
    )


def snapshot_of(state: LineState, walks: int) -> EngineSnapshot:
    """The view of ``state`` with ``walks`` requests under way."""
    return EngineSnapshot(
        line=state.settings.line,
        serving=state.serving,
        proxy=state.proxy,
        idle=state.idle,
        registrations=tuple(_registration(state, r) for r in state.registrations.values()),
        lists=tuple(
            HopListSnapshot(
                lst.group,
                lst.registrar,
                lst.hops,
                lst.current,
                lst.away_since,
                lst.home_at(),
                lst.home_due,
            )
            for lst in state.lists.values()
        ),
        timers=tuple(state.timers.items()),
        walks=walks,
    )
