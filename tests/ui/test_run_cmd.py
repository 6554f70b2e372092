"""``evertone run`` as a process of its own: events, answering, a clean stop on a signal."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from evertone.io.driver import STOP_S
from evertone.ui.cli import cli
from tests.ui.serving import LOOPBACK, bound, config, registrar, serving

EVERTONE = str(Path(sys.executable).with_name("evertone"))
PATIENCE_S = 15.0


class Process:
    """A running phone whose lines of output can be waited for."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen
        self.lines: list[str] = []
        self._came = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._came:
                self.lines.append(line.rstrip("\n"))
                self._came.notify_all()
        with self._came:
            self._ended = True
            self._came.notify_all()

    def wait_for(self, *words: str) -> str:
        """The first line that holds all ``words``."""

        def found() -> str | None:
            return next((x for x in self.lines if all(word in x for word in words)), None)

        with self._came:
            self._came.wait_for(lambda: found() or self._ended, PATIENCE_S)
            line = found()
        assert line is not None, self.lines
        return line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.popen.send_signal(number)
        code = self.popen.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


@contextlib.contextmanager
def running(path: str, *options: str, bind: str = LOOPBACK) -> Iterator[Process]:
    """A phone on ``bind``; "": wherever the routing says."""
    state = Path(path).with_suffix(".state")
    where = ("--bind", bind) if bind else ()
    command = [EVERTONE, "run", path, *where, *options]
    with subprocess.Popen(
        [*command, "--state", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as popen:
        try:
            yield Process(popen)
        finally:
            popen.kill()


@pytest.mark.rule("R5")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_registers_tells_it_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    server, events = registrar(), tmp_path / "events.jsonl"
    with serving(server):
        path = config(tmp_path, server.listen[0].port)
        with running(path, "--events", str(events)) as phone:
            phone.wait_for("registered at", str(server.listen[0]))
            # how the line stands: state, server, target, since, next refresh
            stands = phone.wait_for("= line 1 1001: registered, server 1")
            assert "since" in stands
            assert "next REGISTER" in stands
            written = [json.loads(line) for line in events.read_text().splitlines()]
            assert "Registered" in [event["event"] for event in written]  # flushed as it happens
            assert phone.stop(number) == 0
        assert not bound(server)
    assert "let-me-in" not in events.read_text() + "".join(phone.lines)


def test_json_lines_on_standard_output(tmp_path: Path) -> None:
    server = registrar()
    with serving(server), running(config(tmp_path, server.listen[0].port), "--json") as phone:
        registered = json.loads(phone.wait_for('"Registered"'))
        assert registered["line"] == 1
        assert phone.stop() == 0
        assert all(json.loads(line)["event"] for line in phone.lines)


@pytest.mark.rule("R5")
def test_the_stop_is_bounded_when_no_server_answers(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = registrar()
        with serving(server):
            phone = stack.enter_context(running(config(tmp_path, server.listen[0].port)))
            phone.wait_for("registered at")
        # the server's port stays open, but nobody answers there any more
        mute = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        mute.bind((LOOPBACK, server.listen[0].port))
        begin = time.monotonic()
        assert phone.stop() == 0
        assert time.monotonic() - begin < STOP_S + 1.0
        assert "not every server confirmed" in "".join(phone.lines)


@pytest.mark.rule("F6")
def test_it_answers_a_call_and_shows_malformed_packets_in_one_line(tmp_path: Path) -> None:
    server = registrar()
    port = server.listen[0].port
    with serving(server), running(config(tmp_path, port, user="1002"), "--answer") as callee:
        callee.wait_for("registered at")
        path = config(tmp_path, port)
        options = ["--bind", LOOPBACK, "--state", str(tmp_path / "state"), "--seconds", "0"]
        result = CliRunner().invoke(cli, ["call", path, "1002", "--json", *options])
        assert result.exit_code == 0, result.output
        report = json.loads(result.stdout)
        assert report["answered"] is True
        assert report["server"] == 1
        assert [row["target"] for row in report["tried"]] == [str(server.listen[0])]
        callee.wait_for("call from", "established")
        callee.wait_for("call from", "ended")

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            listen_port = Path(tmp_path / "1002.cfg").read_text().partition("listen_port = ")[2]
            stranger.sendto(b"\xff\x00\x1b[2J\r\n\r\n", (LOOPBACK, int(listen_port.split()[0])))
        time.sleep(0.2)
        assert callee.stop() == 0
    odd = [line for line in callee.lines if "phone:" in line]
    assert len(odd) == 1
    assert odd[0].isprintable()


def test_a_port_in_use_ends_it_with_one_line(tmp_path: Path) -> None:
    server = registrar()
    path = config(tmp_path, server.listen[0].port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        port = int(Path(path).read_text().partition("listen_port = ")[2].split()[0])
        other.bind((LOOPBACK, port))
        with running(path) as phone:
            assert phone.popen.wait(PATIENCE_S) == 1
            line = phone.wait_for(f"cannot listen at UDP 127.0.0.1:{port}")
    assert line.startswith("evertone: ")
    assert "choose another sip.listen_port" in line
    assert "Traceback" not in "".join(phone.lines)


def test_an_address_that_is_not_ours_is_said_to_be_none(tmp_path: Path) -> None:
    with running(config(tmp_path, 5060), bind="192.0.2.1") as phone:
        assert phone.popen.wait(PATIENCE_S) == 1
        phone.wait_for("evertone: cannot listen at UDP 192.0.2.1", "no address of this machine")


def test_an_events_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "events.jsonl"
    with running(config(tmp_path, 5060), "--events", str(absent)) as phone:
        assert phone.popen.wait(PATIENCE_S) == 1
        phone.wait_for("evertone: ", str(absent))
