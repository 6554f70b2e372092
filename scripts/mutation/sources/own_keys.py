"""X: our own keys."""

from __future__ import annotations

from scripts.mutation.sources.row import HOMING, HOPLIST, REGISTERING, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "X1",
        "a dead target is passed over",
        WALKER,
        "            skip_s=self._state.settings.skip_unavailable,",
        "            skip_s=0,",
    ),
    (
        "X1",
        "one at a time may test it",
        "redundancy/marks.py",
        "return Judgement.SKIP if mark.testing else Judgement.TEST",
        "return Judgement.TEST",
    ),
    (
        "X1",
        "unless nothing else is left",
        WALKER,
        (
            "if row.move is Move.GIVE_UP and walk.passed_over and walk.purpose in"
            " _FULL_TIME_PURPOSES:"
        ),
        "if False:",
    ),
    (
        "X2",
        "spread",
        "redundancy/state.py",
        "return self.rng.uniform(0.0, spread) if spread > 0 else 0.0",
        "return 0.0",
    ),
    (
        "X1",
        "what a call that was hung up found is told",
        WALKER,
        "            if judged.step is _NEXT:  # nobody waits, but others pass it over now (X1)\n",
        "            if False:\n",
    ),
    (
        "B4",
        "a try home of before another failover is void",
        HOMING,
        "            due = lst.away and walk.found == began_at\n",
        "            due = lst.away\n",
    ),
    (
        "B3",
        "a refresh that passed over the primary leaves a try home",
        WALKER,
        "            if walk.trying_home and hop.index == 0:\n",
        "            if False:\n",
    ),
    (
        "X2",
        "no call is delayed",
        WALKER,
        "        if walk.purpose is Purpose.REGISTER and not was_try_home:\n",
        "        if True:\n",
    ),
    (
        "X2",
        "nor the refresh after a failed try home",
        WALKER,
        "if walk.purpose is Purpose.REGISTER and not was_try_home:",
        "if walk.purpose is Purpose.REGISTER:",
    ),
    (
        "X3",
        "it counts from when the line left",
        "redundancy/hoplist.py",
        "            self.answers_since = None  # X3: what the primary says from now on\n",
        "            pass\n",
    ),
    (
        "X2",
        "tries home are spread",
        HOMING,
        "self._state.timers.set(key, ready + self._state.spread_s())",
        "self._state.timers.set(key, ready)",
    ),
    (
        "X3",
        "settle",
        HOPLIST,
        "        return self.answers_since is not None and now - self.answers_since >= settle_s",
        "        return True",
    ),
    (
        "X3",
        "every 10 s",
        "redundancy/settling.py",
        "SETTLE_SPACING_S = 10.0",
        "SETTLE_SPACING_S = 2.0",
    ),
    (
        "X3",
        "mode 0 stays, too",
        HOMING,
        "stay=not self._settling.settled(lst, now)",
        "stay=False",
    ),
    (
        "X3",
        "the refresh waits, too",
        HOMING,
        (
            "        if not self._settling.settled(lst, now):\n"
            "            self.due(lst, now)  # it waits for X3\n"
            "            return False\n"
        ),
        "",
    ),
    (
        "X3",
        "the working server, too",
        REGISTERING,
        "        if not self._may_go_home(WORKING, now):\n",
        "        if False:\n",
    ),
    (
        "X3",
        "the first proxy, too",
        REGISTERING,
        (
            "if not self._settling.settled(self._state.hop_list(self._state.serving,"
            " Group.PROXY1), now):"
        ),
        "if False:",
    ),
    (
        "X3",
        "a missed answer starts it anew",
        "redundancy/settling.py",
        "if step is Step.NEXT or outcome.code == 503:",
        "if False:",
    ),
    (
        "X4",
        "in proportion to the weight",
        "dns/order.py",
        "rate = srv.weight or _ALMOST_NO_WEIGHT",
        "rate = 1.0",
    ),
    (
        "X5",
        "an INVITE with Replaces",
        "phone/way.py",
        "        self._mover.begin(now)",
        "        pass",
    ),
    (
        "X5",
        "call_survival 0",
        "phone/way.py",
        "if alive and call.line.settings.call_survival and self.state is WayState.QUIET:",
        "if alive and self.state is WayState.QUIET:",
    ),
    (
        "X5",
        "the callee gives the caller time",
        "phone/way.py",
        "            call.arm(now + _CALLEE_WAITS_S)",
        "            self._move(now)",
    ),
    (
        "X5",
        "a call adrift tries again when the line registers",
        "phone/way.py",
        "        self.adrift = True\n",
        "        pass\n",
    ),
    (
        "X5",
        "an INVITE with Replaces does not ring",
        "phone/uas.py",
        '        if "Replaces" in request:\n',
        "        if False:\n",
    ),
)
