"""The table of advices: every row names what exists."""

from __future__ import annotations

import pytest

from evertone.config.schema import lookup
from evertone.config.settings import LineSettings, PhoneSettings, ProxySettings, ServerSettings
from evertone.lab.rehearsal.zones import invent_zone
from evertone.observe.explanation.advice import ADVICES, Advice
from evertone.observe.explanation.faults import CASES, Scene

_SLOW = ServerSettings(address="pbx.example", port=0, invite_retry_counts=6, retry_counts=6)
_LATE = ServerSettings(
    address="pbx.example", port=0, failback_mode=3, failback_timeout=7200, expires=7200
)
_BACKUP = ServerSettings(address="192.0.2.2")
_LONE = ServerSettings(address="192.0.2.1")
_PROXIES = (ProxySettings(address="192.0.2.3"), ProxySettings(address="192.0.2.4"))

_LINES = (
    LineSettings(sip_server=(_SLOW, ServerSettings())),
    LineSettings(
        sip_server=(_LATE, _BACKUP),
        fallback_redundancy_type=1,
        fallback_timeout=600,
        reg_fail_retry_interval=600,
        reg_failed_retry_min_time=30,
        reg_failed_retry_max_time=600,
    ),
    LineSettings(
        sip_server=(_LONE, ServerSettings()), outbound_proxy=_PROXIES, outbound_proxy_enable=1
    ),
    LineSettings(sip_server=(_LONE, ServerSettings())),
)


def _scenes() -> list[Scene]:
    scenes = []
    for bare in _LINES:
        fields = {name: getattr(bare, name) for name in LineSettings.__slots__}
        line = LineSettings(**{**fields, "enable": 1, "user_name": "1001", "password": "x"})
        settings = PhoneSettings(lines=(line,))
        scenes.append(Scene.of(settings, line, invent_zone(settings), 1))
    return scenes


def test_no_two_rows_have_one_name() -> None:
    names = [row.id for row in ADVICES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", ADVICES, ids=lambda row: row.id)
def test_every_row_applies_somewhere_with_keys_and_values_that_exist(row: Advice) -> None:
    proposed = [dict(row.lines(scene)) for scene in _scenes()]
    assert any(proposed), "no scene in which it is tried"
    for key, value in (item for lines in proposed for item in lines.items()):
        match = lookup(key)
        assert match is not None, key
        match.parameter.kind.read(str(value))


def test_every_row_is_for_cases_that_exist() -> None:
    known = {case.key for case in CASES}
    assert all(set(row.cases) <= known for row in ADVICES)
