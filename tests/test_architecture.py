"""The architecture's promises that a linter keeps, and proof that it would bite."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def _lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports; "
    code += "sys.exit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _ruff(path: Path) -> str:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--output-format", "concise"]
    config = ["--config", str(_ROOT / "pyproject.toml"), "--no-cache", str(path)]
    done = subprocess.run(
        [*command, *config], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its tests that a test may spoil."""
    shutil.copy(_ROOT / "pyproject.toml", tmp_path)
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("src", "tests"):
        shutil.copytree(_ROOT / part, tmp_path / part, ignore=ignore)
    return tmp_path


def test_the_import_contract_is_kept() -> None:
    done = _lint_imports(_ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sip/spoiled.py", "import socket"),
        ("redundancy/spoiled.py", "import asyncio"),
        ("redundancy/spoiled.py", "import evertone.sip"),
        ("phone/spoiled.py", "import time"),
        ("phone/spoiled.py", "import evertone.io"),
        ("lab/spoiled.py", "import evertone.io"),
        ("lab/spoiled.py", "import socket"),
        ("unplaced/__init__.py", "import evertone.model"),
    ],
)
def test_the_import_contract_bites(copy: Path, module: str, line: str) -> None:
    spoiled = copy / "src/evertone" / module
    spoiled.parent.mkdir(exist_ok=True)
    spoiled.write_text(f"{line}\n")
    assert _lint_imports(copy).returncode != 0


@pytest.mark.parametrize(
    "line",
    [
        "from evertone.redundancy.policy import MOVE_ROWS",
        "from evertone.schedule import give_up_s",
        "from tests.matrix.play import play",
    ],
)
def test_the_contract_of_the_matrixs_oracle_bites(copy: Path, line: str) -> None:
    oracle = copy / "tests/matrix/oracle.py"
    oracle.write_text(f"{line}\n{oracle.read_text(encoding='utf-8')}", encoding="utf-8")
    done = _lint_imports(copy)
    assert done.returncode != 0
    assert "the matrix's oracle knows model, rules and config" in done.stdout


@pytest.mark.parametrize(
    "code", ["import random\n\nrandom.random()\n", "from random import choice\n\nchoice([1])\n"]
)
def test_global_chance_is_banned(tmp_path: Path, code: str) -> None:
    spoiled = tmp_path / "spoiled.py"
    spoiled.write_text(code)
    assert "TID251" in _ruff(spoiled)


def test_seeded_chance_is_welcome(tmp_path: Path) -> None:
    fine = tmp_path / "fine.py"
    fine.write_text("import random\n\nrng = random.Random(1)\nrng.random()\n")
    assert "TID251" not in _ruff(fine)


def test_the_lock_names_versions_and_hashes_only() -> None:
    lock = (_ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|\bfile:", lock)
    blocks = re.findall(r"^[a-z0-9][^\n]*(?:\n[ ]+[^\n]*)*", lock, re.MULTILINE)
    assert len(blocks) > 20
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==[\w.]+ ", block), block
        assert "--hash=sha256:" in block, block
