"""X3: the phone asks a server that it has left whether it is back for good."""

from __future__ import annotations

import pytest

from tests.phone.desk import ONE, TWO, Desk, answer, granting, line, server, silent


@pytest.mark.rule("X3")
def test_home_only_when_options_have_been_answered_for_the_settle_time() -> None:
    settings = line(
        server(), server(TWO.address), fallback_redundancy_type=1, fallback_timeout=10, settle=25
    )
    desk = Desk(settings)
    desk.peers = {ONE: silent, TWO: granting()}
    desk.start(30)
    assert desk.phone.snapshot(desk.now).lines[0].server == 2
    asked = desk.requests("OPTIONS", ONE)
    assert asked, "nobody asks whether it is back"
    assert str(asked[0].request_uri) == f"sip:{ONE.address}"
    registers = len(desk.requests("REGISTER", ONE))
    desk.peers[ONE] = lambda request: (
        [answer(request, 405)] if request.method == "OPTIONS" else granting()(request)
    )
    desk.run(50)
    assert len(desk.requests("REGISTER", ONE)) == registers  # it answers, but not for long
    desk.run(90)
    assert desk.phone.snapshot(desk.now).lines[0].server == 1
