"""What a mutant is: one change to one file of the package, and who must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "MutantError"]


class MutantError(Exception):
    """A mutant that fits the sources no more."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """``file`` (under ``src/evertone``) has ``old`` replaced by ``new``, or ``tail`` appended.

    A test marked with one of ``rules`` must fail then; for tables without rules a test of the
    files ``tests`` instead. ``equal``: why no test can tell it from the original.
    """

    name: str
    file: str
    rules: tuple[str, ...] = ()
    old: str = ""
    new: str = ""
    tail: str = ""
    tests: tuple[str, ...] = ()
    equal: str = ""

    def applied(self, text: str) -> str:
        """The file's text with the change. MutantError if ``old`` does not stand there once."""
        if self.tail:
            return f"{text}\n\n{self.tail}\n"
        if text.count(self.old) != 1:
            times = text.count(self.old)
            raise MutantError(f"{self.name}: its text stands {times} times in {self.file}")
        return text.replace(self.old, self.new)

    def check(self, package: Path) -> None:
        """MutantError if it cannot be applied to the package at ``package``."""
        changed = self.applied((package / self.file).read_text(encoding="utf-8"))
        compile(changed, self.file, "exec")
