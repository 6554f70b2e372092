"""The models of the guide."""

from __future__ import annotations

import pytest

from evertone.config.models import FIRMWARES, MODELS, find_model


@pytest.mark.parametrize(
    ("name", "lines", "since"),
    [
        ("SIP VP-T49G", 16, 80),
        ("SIP-T48S", 16, 81),
        ("T42G", 12, 80),
        ("sip-t41p", 6, 80),
        ("SIP-T27G", 6, 81),
        ("W56P", 5, 80),
        ("SIP-T23P", 3, 80),
        ("SIP-T21P E2", 2, 80),
        ("sip-t19 e2", 1, 80),
        ("CP860", 1, 80),
    ],
)
def test_lines_and_firmware(name: str, lines: int, since: int) -> None:
    model = find_model(name)
    assert model is not None
    assert (model.lines, model.since) == (lines, since)


def test_every_model_is_found_by_its_name() -> None:
    assert [find_model(model.name) for model in MODELS] == list(MODELS)
    assert {model.since for model in MODELS} == set(FIRMWARES)
    assert find_model("SIP-T99") is None
