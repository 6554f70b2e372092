"""A phone of ours that is told to call when it has long been registered.

No command does that: ``evertone call`` starts a phone for its call. So this one runs within the
test, on the production driver and real sockets, on a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from evertone.events import Event, Registered
from evertone.flows import Nameserver
from evertone.ui.call_cmd import CallReport
from evertone.ui.options import prepare
from evertone.ui.session import Session
from tests.interop.bind import Bind

__all__ = ["Handset"]

_START_S = 10.0
_ANSWER_S = 90.0
_STOP_S = 10.0

T = TypeVar("T")


class Handset:
    """Line 1 of ``config``; registered once it has been entered."""

    def __init__(self, config: Path, *, names: Bind, bind: str) -> None:
        servers = (Nameserver(names.address, names.port),)
        self._setup = prepare([str(config)], servers, bind, config.with_suffix(".state"))
        self._session: Session | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._begin(), _START_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def call(self, number: str, seconds: float = 1.0) -> dict[str, Any]:
        """Call ``number`` and hang up ``seconds`` after the answer: the report of the call."""
        return self._run(self._call(number, seconds), _ANSWER_S + seconds)

    async def _begin(self) -> None:
        self._session = session = Session(self._setup)
        await session.driver.start()
        seen: list[Event] = []
        session.listeners.append(seen.append)
        session.start()
        registered = await session.driver.until(
            lambda: any(isinstance(event, Registered) for event in seen), _START_S
        )
        session.listeners.remove(seen.append)
        if not registered:
            raise TimeoutError(f"not registered: {seen}")

    async def _call(self, number: str, seconds: float) -> dict[str, Any]:
        assert self._session is not None
        session, driver, phone = self._session, self._session.driver, self._session.phone
        report = CallReport(driver.now())
        session.listeners.append(report)
        call = driver.do(lambda now: phone.call(1, number, now))
        await driver.until(lambda: report.decided, _ANSWER_S)
        await driver.until(lambda: report.ended_s is not None, seconds)
        if report.ended_s is None:
            driver.do(lambda now: phone.hangup(call, now))
        session.listeners.remove(report)
        return report.to_dict()

    async def _stop(self) -> None:
        if self._session is not None:
            await self._session.driver.stop(self._session.phone)

    def _end(self) -> None:
        try:
            self._run(self._stop(), _STOP_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)
