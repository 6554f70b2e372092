"""S: sending one request to one target."""

from __future__ import annotations

from scripts.mutation.sources.row import ENGINE, EXCHANGE, SCHEDULE, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "S1",
        "no target is judged before 4 s",
        SCHEDULE,
        "_NEVER_BEFORE_S = 4.0",
        "_NEVER_BEFORE_S = 0.0",
    ),
    (
        "S1",
        "the intervals double",
        SCHEDULE,
        'wait * 2 if method == "INVITE" else min(wait * 2, timers.t2)',
        'wait if method == "INVITE" else min(wait, timers.t2)',
    ),
    (
        "S1",
        "as often as configured",
        SCHEDULE,
        "_intervals(method, timers)[:resends]",
        "_intervals(method, timers)[:3]",
    ),
    (
        "S1",
        "one more interval after the last send",
        SCHEDULE,
        "times[-1] + waits[len(times) - 1]",
        "times[-1]",
    ),
    (
        "S1",
        "capped at T2",
        SCHEDULE,
        'wait * 2 if method == "INVITE" else min(wait * 2, timers.t2)',
        "wait * 2",
    ),
    (
        "S1",
        "no cap for INVITE",
        SCHEDULE,
        'wait * 2 if method == "INVITE" else min(wait * 2, timers.t2)',
        "min(wait * 2, timers.t2)",
    ),
    (
        "S2",
        "64*T1 is the end of resends",
        SCHEDULE,
        "        if at >= timers.timeout_s:\n            break\n",
        "",
    ),
    (
        "S2",
        "64*T1 is the end of waiting",
        SCHEDULE,
        "_NEVER_BEFORE_S), timers.timeout_s)",
        "_NEVER_BEFORE_S), 10 * timers.timeout_s)",
    ),
    (
        "S3",
        "a call that joined the last one goes on",
        WALKER,
        "            self._leave_extended(attempt_id, outcome, now)\n",
        "",
    ),
    (
        "S3",
        "a call that leaves it says why",
        WALKER,
        'self._tell_failed(joiner, joiner.hop, "REGISTER", outcome, Rule.S1, now)',
        "pass",
    ),
    (
        "S3",
        "a call that joins it when its time is up goes on at once",
        WALKER,
        "        if not other.extended or other.attempt is None:\n",
        "        if True:\n",
    ),
    (
        "S3",
        "the last target gets the whole time",
        WALKER,
        (
            "            walk.extended = True\n"
            "            self._state.out.append(Extend(attempt_id))\n"
            "            self._leave_extended(attempt_id, outcome, now)\n"
            "            return\n"
        ),
        "            pass\n",
    ),
    (
        "S3",
        "not while targets are left",
        WALKER,
        "            hops_left=walk.hops_left(),",
        "            hops_left=False,",
    ),
    (
        "S3",
        "not while a binding stands",
        ENGINE,
        "        return state.on is None\n",
        "        return True\n",
    ),
    (
        "S3",
        "not for a server that is not serving",
        ENGINE,
        "return walk.registrar == state.serving",
        "return True",
    ),
    (
        "S4",
        "connecting counts",
        EXCHANGE,
        "spent = now - exchange.began if exchange.round == 0 else 0.0",
        "spent = 0.0",
    ),
    (
        "S4",
        "no resends on connections",
        "sip/transaction_runner.py",
        ("        if not tx.reliable:  # S4: a reliable transport resends by itself\n"),
        "        if True:\n",
    ),
    (
        "S4",
        "a connection that cannot be made ends the wait",
        EXCHANGE,
        (
            "        self._timers.cancel(Timer(TimerKind.CONNECT, exchange.id))\n"
            "        self._fail(exchange, cause, text, now)\n"
        ),
        "        self._timers.cancel(Timer(TimerKind.CONNECT, exchange.id))\n",
    ),
    (
        "S4",
        "a connection that ends, ends the wait",
        EXCHANGE,
        "                self._fail(leg.exchange, cause, text, now)\n",
        "                pass\n",
    ),
    (
        "R9",
        "an old connection that ends is no failure yet",
        EXCHANGE,
        "if leg.exchange.reused and unheard",
        "if False and unheard",
    ),
    (
        "S4",
        "of connections that end, one only is excused",
        EXCHANGE,
        "                leg.exchange.reused = False\n",
        "",
    ),
    (
        "R9",
        "a connection that misses its pong is its target's failure",
        EXCHANGE,
        "and unheard and cause is Cause.RESET",
        "and unheard",
    ),
    (
        "S1",
        "a second connection has what is left of the time",
        EXCHANGE,
        "end = exchange.began + self._whole(exchange)",
        "end = now + self._whole(exchange)",
    ),
    (
        "S5",
        "an ICMP error ends the wait",
        EXCHANGE,
        "            self._fail(leg.exchange, Cause.ICMP, event.text, now)",
        "            pass",
    ),
    (
        "S6",
        "100 and then nothing is told from silence",
        EXCHANGE,
        "alive = stalled or leg.seen > 0",
        "alive = False",
    ),
    (
        "S6",
        "after a 18x never",
        "phone/outcome.py",
        "    if rang:\n",
        "    if False:\n",
    ),
    (
        "S6",
        "a 100 stops S1",
        "sip/transaction_tables.py",
        "_row(S.PROCEEDING, A.STOP_RESENDS, A.EXPIRE_64T1, A.REPORT)",
        "_row(None, A.REPORT)",
    ),
    (
        "S7",
        "the timers are those of the settings",
        "phone/phone.py",
        "tx.TransactionLayer(settings.timers, rng)",
        "tx.TransactionLayer(type(settings.timers)(), rng)",
    ),
    (
        "S3",
        "a call lets a REGISTER begin anew whose time is up",
        WALKER,
        "            self.restart(other, now)\n",
        "            pass\n",
    ),
)
