"""One program of ours with all its children: started, frozen, thawed, ended in bounded time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

__all__ = ["Process", "wait_until"]

_LIFE_S = 600  # no process outlives this, whatever becomes of the test run
_END_S = 5.0
_KILL_S = 10  # from the signal that ends it to the one that cannot be caught
_POLL_S = 0.02


def wait_until(what: str, met: Callable[[], bool], timeout_s: float) -> None:
    """Poll ``met`` until it holds; a TimeoutError names ``what`` did not come."""
    deadline = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no {what} within {timeout_s:g} s")
        time.sleep(_POLL_S)


class Process:
    """A program in a session of its own; only what is in that session is ever signalled.

    ``timeout`` stands above the program: it lives through a freeze, so that even a test run
    that was killed leaves nothing behind for longer than ten minutes.
    """

    end_s: ClassVar[float] = 5.0
    """How long an orderly end may take."""

    def __init__(self, name: str, command: Sequence[str | Path], directory: Path) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self._command = [str(part) for part in command]
        self._directory = directory
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        try:
            self.ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """True from start to end, frozen or not."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """The program's exit code once it has ended."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start it; its output goes to :attr:`log`."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        timeout = shutil.which("timeout")
        if timeout is None:
            raise LookupError("timeout (coreutils) is missing")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [timeout, f"--kill-after={_KILL_S}", str(_LIFE_S), *self._command],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Return when it serves; TimeoutError or RuntimeError with the log's end otherwise."""

    def freeze(self) -> None:
        """SIGSTOP to every process of it: it keeps its ports and says nothing."""
        self._signal_children(signal.SIGSTOP)
        wait_until(f"standstill of {self.name}", lambda: self._states() <= {"T"}, _END_S)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was, with all that came in meanwhile."""
        self._signal_children(signal.SIGCONT)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal every process of it."""
        self._signal_children(number)

    def stop(self) -> None:
        """End it in an orderly way, frozen or not; after :attr:`end_s` by force."""
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self.thaw()
            self._popen.terminate()
            try:
                self._popen.wait(self.end_s)
            except subprocess.TimeoutExpired:
                self.kill()
                return
        self._end_children()

    def kill(self) -> None:
        """End it at once, as a crash would: its ports refuse from now on."""
        if self._popen is None:
            return
        self._end_children()
        self._popen.kill()
        self._popen.wait(_END_S)

    def wait(self, timeout_s: float) -> int:
        """Wait for its own end; its exit code. subprocess.TimeoutExpired if it runs on."""
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.wait(timeout_s)

    def await_ready(self, met: Callable[[], bool], timeout_s: float = 15.0) -> None:
        """Poll ``met``, at once giving up on a program that has ended."""

        def met_or_ended() -> bool:
            return not self.running or met()

        try:
            wait_until(f"sign of life of {self.name}", met_or_ended, timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log_tail()}") from None
        if not self.running:
            raise RuntimeError(f"{self.name} ended at once\n{self.log_tail()}")

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its output."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _end_children(self) -> None:
        self._signal_children(signal.SIGKILL)
        # A process closes its sockets when it is gone, not when it was signalled.
        wait_until(f"end of {self.name}", lambda: not self._children(), _END_S)

    def _signal_children(self, number: signal.Signals) -> None:
        for pid in self._children():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _children(self) -> list[int]:
        """Every process of the session but its leader, ``timeout``."""
        if self._popen is None:
            return []
        leader = self._popen.pid
        return [pid for pid, session, _ in _processes() if session == leader and pid != leader]

    def _states(self) -> set[str]:
        children = set(self._children())
        return {state for pid, _, state in _processes() if pid in children}


def _processes() -> list[tuple[int, int, str]]:
    """(pid, session, state) of every living process; zombies are dead."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue  # ended meanwhile
        # proc(5): the name in parentheses may hold anything; then state, ppid, pgrp, session.
        state, _, _, session = stat.rpartition(")")[2].split()[:4]
        if state not in "ZX":
            found.append((int(entry.name), int(session), state))
    return found
