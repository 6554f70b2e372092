"""The oracle reads rules, not code; and whoever judges by it can say no."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from evertone.rules import Rule
from tests.matrix.cells import parse_cell
from tests.matrix.judge import judge
from tests.matrix.oracle import Expected, Never, Prediction, foretell
from tests.matrix.play import Seen, play
from tests.matrix.run import Failure
from tests.matrix.site import seed_of

_HERE = Path(__file__).parent
_MAY_READ = frozenset({"model", "rules", "config"})
_OUR_OWN = frozenset({"tests.matrix.cells"})


def _imports(source: str) -> Iterator[str]:
    """Every module that a source imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "import_module",
        ):
            yield ast.unparse(node)


def _forbidden(source: str) -> list[str]:
    """The imports that the oracle's contract does not allow."""
    found = []
    for name in _imports(source):
        top, _, rest = name.partition(".")
        if top == "evertone" and rest.split(".")[0] in _MAY_READ:
            continue
        if (top in ("evertone", "tests", "") and name not in _OUR_OWN) or "import" in name:
            found.append(name)
    return found


@pytest.mark.parametrize("module", ["oracle.py", "cells.py"])
def test_the_oracle_reads_the_rules_and_not_the_code(module: str) -> None:
    assert _forbidden((_HERE / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import evertone",
        "from evertone import redundancy",
        "from evertone.redundancy.policy import MOVE_ROWS",
        "def f():\n    from evertone.phone.phone import Phone",
        "from tests.matrix.play import play",
        "from . import play",
        "__import__('evertone.phone')",
    ],
)
def test_the_contract_of_the_oracle_bites(line: str) -> None:
    assert _forbidden(line)


# --- the judge can say no ---------------------------------------------------------------------

_NOBODY = frozenset[str]()
_SILENT = "failover/INVITE/silence/mode1/UDP/idle"


@cache
def _seen(name: str) -> tuple[Seen, Prediction]:
    cell = parse_cell(name)
    foretold = foretell(cell)
    return play(cell, seed_of(cell), foretold), foretold


def _request(**changes: object) -> dict[str, object]:
    return {"request": changes}


def _never(**changes: object) -> dict[str, object]:
    return {"never": changes}


def _spoiled(foretold: Prediction, changes: dict[str, object]) -> Prediction:
    """The prediction with a part of it made wrong."""
    for part, change in changes.items():
        value: object = change
        if isinstance(change, dict):
            value = replace(getattr(foretold, part), **change)
        foretold = replace(foretold, **{part: value})  # type: ignore[arg-type]
    return foretold


@pytest.mark.parametrize(
    ("cell", "changes", "says"),
    [
        (_SILENT, _request(by=frozenset({"one"})), "one was foretold"),
        (_SILENT, _request(by=_NOBODY), "it should fail"),
        (_SILENT, _request(latest_s=18.4), "by 18.400 s was foretold"),
        (_SILENT, _request(first=frozenset({"two"})), "went to one first"),
        (_SILENT, {"witness": {"first": frozenset({"one"})}}, "went to two first"),
        (_SILENT, {"home": "two"}, "to two alone was foretold"),
        (_SILENT, {"home_latest_s": 111.0}, "home at one at"),
        (_SILENT, _never(home_try_after_s=60.0), "after the failover"),
        (_SILENT, _never(moves=False), "none had failed"),
        (_SILENT, _never(asks=False), "[D1]"),
        ("failover/INVITE/silence/mode3/UDP/idle", _never(not_home_before_s=150.0), "[B5]"),
        ("failover/INVITE/silence/mode0/UDP/idle", _never(avoided=frozenset({"one"})), "[B, F1]"),
        ("failover/INVITE/refused/mode1/UDP/idle", _never(home_spacing_s=40.0), "[B6]"),
        ("concurrent/INVITE/503/mode0/UDP/idle", {"asked_home": "two"}, "[F1]"),
        ("concurrent/INVITE/503/mode0/UDP/idle", _request(not_before_s=12.0), "before 12.000"),
        ("concurrent/REGISTER/503/mode0/UDP/idle", _request(not_before_s=31.0), "too early"),
        ("failover/INVITE/503/mode0/UDP/idle", _never(peaceful=frozenset({"one"})), "[A2]"),
        ("concurrent/BYE/silence/mode0/UDP/in-call", _never(patient=_NOBODY), "[S1]"),
        ("failover/BYE/silence/mode0/TLS/in-call", _request(by=_NOBODY), "nobody could bring it"),
        ("failover/BYE/silence/mode0/TLS/in-call", _request(latest_s=18.4), "by 18.400 s"),
        ("concurrent/REGISTER/silence/mode0/UDP/idle", _request(latest_s=61.9), "registered at"),
        ("successive/REGISTER/503/mode0/TCP/idle", _request(latest_s=59.0), "registered at"),
        ("successive/REGISTER/503/mode0/TCP/idle", _request(by=_NOBODY), "nobody should grant"),
        ("failover/SUBSCRIBE/silence/mode1/UDP/idle", _request(latest_s=30.0), "subscribed at"),
        ("concurrent/SUBSCRIBE/slow/mode0/UDP/idle", _request(by=_NOBODY), "subscribed at one"),
        ("failover/SUBSCRIBE/silence/mode1/UDP/idle", {"subscribed_latest_s": 112.0}, "[B11, F7]"),
        ("failover/INVITE/one-way-loss/mode0/UDP/idle", _request(latest_s=40.0), "by 40.000 s"),
        ("concurrent/re-INVITE/one-way-loss/mode0/TCP/in-call", _never(peer_stays=True), "[C4]"),
    ],
)
def test_the_judge_sees_what_is_not_as_foretold(
    cell: str, changes: dict[str, object], says: str
) -> None:
    seen, foretold = _seen(cell)
    assert judge(seen, foretold) == []
    wrong = judge(seen, _spoiled(foretold, changes))
    assert any(says in text for text in wrong), wrong


@pytest.mark.rule("F6", "A8")
def test_the_judge_hears_a_second_ring() -> None:
    seen, foretold = _seen("failover/INVITE/silence/mode0/UDP/idle")
    ring = next(m for m in seen.messages if m.status == 180 and m.source == "callee")
    twice = replace(seen, messages=[*seen.messages, replace(ring, branch="another")])
    assert any("rang 2 times" in text for text in judge(twice, foretold))


def test_the_judge_sees_a_packet_to_somebody_else() -> None:
    seen, foretold = _seen(_SILENT)
    stray = next(p for p in seen.record.packets if p.source[0] == "10.0.1.1" and p.kind == "UDP")
    seen.record.packets.append(stray._replace(target=("10.0.0.3", 5060)))
    try:
        assert any("none of its servers" in text for text in judge(seen, foretold))
    finally:
        seen.record.packets.pop()


def test_a_failure_says_how_to_see_it_again() -> None:
    cell = parse_cell(_SILENT)
    text = Failure(cell, 7, ("something else",), ("1.0 a ladder",)).text
    assert f"python -m tests.matrix.run {cell} --seed 7" in text
    assert "a ladder" in text and "something else" in text


# --- the oracle itself, where a person can count along ----------------------------------------


@pytest.mark.parametrize(
    ("cell", "by", "latest_s"),
    [
        ("failover/INVITE/silence/mode0/UDP/idle", {"two"}, 11 + 7.5),
        ("failover/INVITE/refused/mode0/UDP/idle", {"two"}, 11),
        ("inside-concurrent/INVITE/silence/mode0/UDP/idle", {"fallback"}, 11 + 2 * 7.5),
        ("concurrent/REGISTER/silence/mode0/UDP/idle", {"fallback"}, 30 + 32),
        ("inside-concurrent/REGISTER/silence/mode0/UDP/idle", {"fallback"}, 30 + 7.5 + 32),
        ("successive/REGISTER/refused/mode0/UDP/idle", {"fallback"}, 60),
        ("proxies/INVITE/503/mode0/UDP/idle", set(), 11),
        ("proxies/BYE/silence/mode0/UDP/in-call", {"edge-2"}, 11 + 15),
        ("concurrent/BYE/silence/mode0/UDP/in-call", set(), 11 + 7.5),
        ("failover/INVITE/one-way-loss/mode0/UDP/idle", set(), 11 + 32),
        ("failover/INVITE/dns-down/mode0/UDP/idle", {"one"}, 11 + 1.8),
    ],
)
def test_the_oracle_by_hand(cell: str, by: set[str], latest_s: float) -> None:
    expected: Expected = foretell(parse_cell(cell)).request
    assert expected.by == by
    assert 0 <= expected.latest_s - latest_s <= 0.5


def test_a_prediction_names_the_rules_it_rests_on() -> None:
    foretold = foretell(parse_cell("failover/INVITE/silence/mode1/UDP/in-call"))
    assert foretold.home_rules == (Rule.B2, Rule.B5)
    assert isinstance(foretold.never, Never)
    assert foretold.never.not_home_before_s == 190
