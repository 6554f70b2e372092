"""One mutant for every member of the sets and small maps that a rule enumerates."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from scripts.mutation.equal import EQUAL
from scripts.mutation.mutant import Mutant

from evertone.config import settings
from evertone.dns import locate
from evertone.model import HopSource, Transport
from evertone.phone import exchanges, outcome, reinvite
from evertone.redundancy import engine, homing, hoplist, policy, removals, walker
from evertone.redundancy.walk import Purpose
from evertone.rules import Rule

__all__ = ["member_mutants"]

_STEP_RULES: dict[object, str] = {301: "A9", 302: "A9", 401: "A3", 407: "A3", 423: "A4", 439: "R5"}

# A table, and the rule of each of its members: one for all, or by member.
_DROPPED: tuple[tuple[ModuleType, str, str | dict[object, str]], ...] = (
    (policy, "_REGISTRAR_CANNOT", "A5"),
    (policy, "PROXY_GAVE_UP", "P1"),
    (walker, "_FULL_TIME_PURPOSES", "S3"),
    (engine, "_ALWAYS_SENT", "B10"),
    (engine, "_REFUSALS", "A6"),
    (engine, "_ONE_HOP", "F8"),
    (hoplist, "_SECOND_HAND", "B8"),
    (removals, "_RECHECKED", {rule: rule.id for rule in Rule}),
    (settings, "_TWINS", "P1"),
    (outcome, "_HEEDS_RETRY_AFTER", {500: "A5", 503: "A2"}),
    (exchanges, "_STEPS", _STEP_RULES),
    (reinvite, "_OWN", "C2"),
    (reinvite, "_PEERS_OWN", "C2"),
)


def member_mutants() -> list[Mutant]:
    """All of them."""
    return [*_dropped(), *_full_time(), *_sources_of_lists(), *_srv_names(), *_transport_types()]


def _dropped() -> Iterator[Mutant]:
    """Without each member in turn; by its text, for sets have no order."""
    for module, name, rules in _DROPPED:
        table = getattr(module, name)
        for member in sorted(table, key=str):
            rule = rules if isinstance(rules, str) else rules[member]
            kept = f"if str(m) != {str(member)!r}"
            tail = f"{name} = type({name})(m for m in {name} {kept})"
            if isinstance(table, dict):
                tail = f"del {name}[{member!r}]"
            yield _member(f"{name} without {member}", module, tail, rule)


def _full_time() -> Iterator[Mutant]:
    """S3: what gets S1's time only, given the whole 64*T1."""
    for purpose in Purpose:
        if purpose not in walker._FULL_TIME_PURPOSES:
            at = f"_FULL_TIME_PURPOSES with {purpose}"
            tail = f"_FULL_TIME_PURPOSES |= {{{purpose}}}"
            yield _member(at, walker, tail, "S3")


def _sources_of_lists() -> Iterator[Mutant]:
    """What is told of where a list came from."""
    for source, rule in homing._SOURCE_RULES.items():
        tail = f"_SOURCE_RULES[{source}] = Rule.C1"
        yield _member(f"_SOURCE_RULES[{source}]", homing, tail, rule.id)
    assert set(homing._SOURCE_RULES) == set(HopSource)


def _srv_names() -> Iterator[Mutant]:
    """The SRV name of a transport, taken for that of another."""
    for transport in Transport:
        other = Transport.TCP if transport is not Transport.TCP else Transport.UDP
        tail = f"_SRV_PREFIX[{transport}] = _SRV_PREFIX[{other}]"
        yield _member(f"_SRV_PREFIX[{transport}]", locate, tail, "D6")


def _transport_types() -> Iterator[Mutant]:
    """``transport_type``, taken for another."""
    for number, transport in locate._TRANSPORT_TYPES.items():
        other = Transport.TCP if transport is not Transport.TCP else Transport.UDP
        tail = f"_TRANSPORT_TYPES[{number}] = {other}"
        rule = "D6" if transport is not None else "D3"
        yield _member(f"_TRANSPORT_TYPES[{number}]", locate, tail, rule)


def _member(name: str, module: ModuleType, tail: str, *rules: str) -> Mutant:
    file = module.__name__.removeprefix("evertone.").replace(".", "/") + ".py"
    return Mutant(name, file, rules, tail=tail, equal=EQUAL.get(name, ""))
