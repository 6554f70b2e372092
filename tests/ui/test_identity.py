"""The phone's identity is made once and the same over restarts."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import pytest

from evertone.errors import ConfigError
from evertone.ui.identity import instance_urn, state_directory

RNG = random.Random(5)


@pytest.mark.rule("R5")
def test_it_is_the_same_over_restarts_and_another_elsewhere(tmp_path: Path) -> None:
    first = instance_urn(RNG, tmp_path / "a")
    assert first.startswith("urn:uuid:")
    assert uuid.UUID(first).version == 4
    assert instance_urn(RNG, tmp_path / "a") == first
    assert instance_urn(RNG, tmp_path / "b") != first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["instance"]


def test_what_is_no_identity_is_named_instead_of_replaced(tmp_path: Path) -> None:
    (tmp_path / "instance").write_bytes(b"\xff\x00" * 5000)
    with pytest.raises(ConfigError, match="instance holds no identity"):
        instance_urn(RNG, tmp_path)


def test_a_directory_that_was_asked_for_must_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be kept in"):
        instance_urn(RNG, tmp_path / "file")


def test_where_nothing_can_be_kept_it_comes_from_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evertone").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    first = instance_urn(RNG, machine_id=machine)
    assert first == instance_urn(RNG, machine_id=machine)
    assert "0123456789ab" not in first  # machine-id(5): not to be shown to the network
    with pytest.raises(ConfigError, match="--state"):
        instance_urn(RNG, machine_id=tmp_path / "absent")


def test_the_state_directory_follows_the_xdg_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "evertone"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_directory() == tmp_path / ".local/state/evertone"
