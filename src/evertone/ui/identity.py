"""The phone's identity (+sip.instance, RFC 5626 §4.1): made once, the same over restarts (R5)."""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from pathlib import Path

from evertone.errors import ConfigError

__all__ = ["instance_urn", "state_directory"]

_FILE = "instance"
_MACHINE_ID = Path("/etc/machine-id")
_NAMESPACE = uuid.UUID("5e0f5a0a-6c0d-5b3b-9d4e-65766572746f")
"""Ours: what is derived from the machine id must not be the id itself (machine-id(5))."""
_MAX_CHARACTERS = 200


def state_directory() -> Path:
    """Where state is kept unless ``--state`` says otherwise: $XDG_STATE_HOME/evertone."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # the XDG specification: a relative path is to be ignored
    return (
        Path(base) if base.startswith("/") else Path("~/.local/state").expanduser()
    ) / "evertone"


def instance_urn(
    rng: random.Random, state: Path | None = None, machine_id: Path = _MACHINE_ID
) -> str:
    """``urn:uuid:...`` of the phone whose state is in ``state``, made on first use.

    Where nothing can be kept it is derived from the machine's id. ConfigError if there is
    none either, if a directory that was asked for cannot be used, or if what was kept is no
    identity.
    """
    try:
        return _kept(state or state_directory(), rng).urn
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory
        if state is not None:
            why = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"the phone's identity cannot be kept in {state}: {why}") from error
    try:
        return uuid.uuid5(_NAMESPACE, machine_id.read_text("ascii").strip()).urn
    except (OSError, ValueError) as error:
        raise ConfigError("the phone's identity cannot be kept: choose a --state DIR") from error


def _kept(folder: Path, rng: random.Random) -> uuid.UUID:
    """Read the identity, or make it; of phones that start at once all get the same one."""
    path = folder / _FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _create(path, f"{uuid.UUID(int=rng.getrandbits(128), version=4)}\n")
    with path.open(encoding="ascii", errors="replace") as file:
        text = file.read(_MAX_CHARACTERS)
    try:
        return uuid.UUID(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"{path} holds no identity of a phone; remove it and a new one is made"
        ) from error


def _create(path: Path, text: str) -> None:
    """Create ``path`` whole or leave the one that another process was quicker to make."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
