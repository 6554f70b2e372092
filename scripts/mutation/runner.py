"""Runs mutants, each in a copy of the tree, against the tests that are to notice it."""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from scripts.mutation.mutant import Mutant

__all__ = ["Tree", "Verdict", "files_by_rule", "run_all", "verdict_of"]

# Slow, or about real time and processes: they may prove a rule, but not alone.
_LEFT_OUT = frozenset({"interop", "io", "matrix", "swarm", "ui"})
_COPIED = ("src", "tests", "scripts", "examples", "docs", "pyproject.toml", "Makefile", "bench")
_TIMEOUT_S = 120
_MEMORY = 3 << 30
_NO_TESTS = 5  # pytest's exit status
_CRASHES = ("AttributeError", "ImportError", "NameError", "UnboundLocalError")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``noticed``: a test failed. ``by`` names it, or says what else happened.

    ``weak``: what failed is not what a test asserts. The mutant does not run, or never ends, so
    that nothing is proven of its rule.
    """

    mutant: Mutant
    noticed: bool
    by: str
    weak: bool = False


def files_by_rule(tests: Path) -> dict[str, list[Path]]:
    """The fast test files in which a rule is marked, by rule."""
    found: dict[str, list[Path]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        if _LEFT_OUT & set(path.relative_to(tests).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
                for arg in node.args:
                    files = found.setdefault(str(ast.literal_eval(arg)), [])
                    if path not in files:
                        files.append(path)
    return found


class Tree:
    """A copy of the repository that may be spoiled."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = home
        ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
        for name in _COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, home / name, ignore=ignore)
            elif source.exists():
                shutil.copy(source, home / name)
        self._files = files_by_rule(home / "tests")
        self._tick = 0

    def baseline(self) -> Verdict:
        """All tests that mutants are judged by, with nothing changed."""
        files = {path for paths in self._files.values() for path in paths}
        whole = Mutant("nothing changed", "")
        return self._judge(whole, sorted(files), [], timeout_s=10 * _TIMEOUT_S)

    def run(self, mutant: Mutant) -> Verdict:
        """Spoil the file, run the tests, mend the file."""
        file = self.root / "src" / "evertone" / mutant.file
        original = file.read_text(encoding="utf-8")
        try:
            self._write(file, mutant.applied(original))
            files = [self.root / path for path in mutant.tests]
            for rule in mutant.rules:
                files += self._files.get(rule, [])
            if not files:
                return Verdict(mutant, False, "no fast test bears its rule")
            chosen = [f"--rule={rule}" for rule in mutant.rules]
            return self._judge(mutant, list(dict.fromkeys(files)), chosen)
        finally:
            self._write(file, original)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
        self._tick += 1  # two changes within a second must not share their byte code
        stamp = file.stat().st_mtime - 10_000_000 + self._tick
        os.utime(file, (stamp, stamp))

    def _judge(
        self, mutant: Mutant, files: Iterable[Path], more: list[str], timeout_s: int = _TIMEOUT_S
    ) -> Verdict:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no"]
        command += ["-p", "no:cacheprovider", "-rfE", *more, *map(str, files)]
        # wide enough for what a test failed of
        env = {**os.environ, "PYTHONPATH": str(self.root / "src"), "COLUMNS": "500"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=env,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                preexec_fn=_limit,
            )
        except subprocess.TimeoutExpired:
            return Verdict(mutant, True, f"nothing came to an end in {timeout_s} s", weak=True)
        return verdict_of(mutant, done.returncode, f"{done.stdout}{done.stderr}")


def verdict_of(mutant: Mutant, status: int, said: str) -> Verdict:
    """What pytest's exit status, and what it printed, say of a mutant."""
    if status == 0:
        return Verdict(mutant, False, "all tests pass")
    if status == _NO_TESTS:
        return Verdict(mutant, False, "no test was selected")
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    line = lines[0] if lines else said.strip()[-300:]
    by, _, why = line.removeprefix("FAILED ").partition(" - ")
    weak = not line.startswith("FAILED") or why.startswith(_CRASHES)
    return Verdict(mutant, True, line if weak else by, weak=weak)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def run_all(
    trees: list[Tree], mutants: Iterable[Mutant], told: Callable[[Verdict], None]
) -> list[Verdict]:
    """Run the mutants, one per tree at a time; ``told`` hears each verdict as it comes."""
    waiting: SimpleQueue[Mutant] = SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    verdicts: list[Verdict] = []
    lock = threading.Lock()

    def work(tree: Tree) -> None:
        while True:
            try:
                mutant = waiting.get_nowait()
            except Empty:
                return
            verdict = tree.run(mutant)
            with lock:
                verdicts.append(verdict)
                told(verdict)

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts
