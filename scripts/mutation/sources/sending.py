"""S and A: sending one request, and what an answer means."""

from __future__ import annotations

__all__ = ["ROWS"]

_SCHEDULE = "schedule.py"
_WALKER = "redundancy/walker.py"
_ENGINE = "redundancy/engine.py"
_REGISTERING = "redundancy/registering.py"
_EXCHANGE = "phone/exchange.py"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- S: one request to one target
    (
        "S1",
        "no target is judged before 4 s",
        _SCHEDULE,
        "_NEVER_BEFORE_S = 4.0",
        "_NEVER_BEFORE_S = 0.0",
    ),
    (
        "S1",
        "the intervals double",
        _SCHEDULE,
        'wait * 2 if method == "INVITE" else min(wait * 2, timers.t2)',
        'wait if method == "INVITE" else min(wait, timers.t2)',
    ),
    (
        "S2",
        "64*T1 is the end of resends",
        _SCHEDULE,
        "        if at >= timers.timeout_s:\n            break\n",
        "",
    ),
    (
        "S2",
        "64*T1 is the end of waiting",
        _SCHEDULE,
        "_NEVER_BEFORE_S), timers.timeout_s)",
        "_NEVER_BEFORE_S), 10 * timers.timeout_s)",
    ),
    (
        "S3",
        "the last target gets the whole time",
        _WALKER,
        (
            "            walk.extended = True\n"
            "            self._state.out.append(Extend(attempt_id))\n"
            "            return\n"
        ),
        "            pass\n",
    ),
    (
        "S3",
        "not while targets are left",
        _WALKER,
        "            hops_left=walk.hops_left(),",
        "            hops_left=False,",
    ),
    (
        "S3",
        "not while a binding stands",
        _ENGINE,
        "        return state.on is None\n",
        "        return True\n",
    ),
    (
        "S3",
        "not for a server that is not serving",
        _ENGINE,
        "return walk.registrar == state.serving",
        "return True",
    ),
    (
        "S4",
        "connecting counts",
        _EXCHANGE,
        "spent = now - exchange.began if exchange.round == 0 else 0.0",
        "spent = 0.0",
    ),
    (
        "S5",
        "an ICMP error ends the wait",
        _EXCHANGE,
        "            self._fail(leg.exchange, Cause.ICMP, event.text, now)",
        "            pass",
    ),
    (
        "S6",
        "100 and then nothing is told from silence",
        _EXCHANGE,
        "alive = stalled or leg.seen > 0",
        "alive = False",
    ),
    (
        "S7",
        "the timers are those of the settings",
        "phone/phone.py",
        "tx.TransactionLayer(settings.timers, rng)",
        "tx.TransactionLayer(type(settings.timers)(), rng)",
    ),
    # --- A: what an answer means
    (
        "A1",
        "the transaction of a REGISTER has its own CSeq",
        "phone/registration.py",
        "        self.cseq += 1\n",
        "        self.cseq = 1\n",
    ),
    (
        "A2",
        "Retry-After is heeded",
        "redundancy/marks.py",
        "span = max(retry_after_s, skip_s)",
        "span = skip_s",
    ),
    (
        "A3",
        "a challenge is answered",
        _EXCHANGE,
        "    401: Exchanges._challenged,\n    407: Exchanges._challenged,\n",
        "",
    ),
    (
        "A4",
        "Min-Expires is heeded",
        _EXCHANGE,
        "        exchange.asked_again = True\n",
        "        return False\n",
    ),
    (
        "A5",
        "500 with Retry-After is heeded",
        "phone/outcome.py",
        "frozenset({500, 503})  # A2, A5",
        "frozenset({503})",
    ),
    (
        "A6",
        "redundancy_with_reg_fail",
        _WALKER,
        "refusal_moves=bool(self._state.settings.redundancy_with_reg_fail_enable)",
        "refusal_moves=False",
    ),
    (
        "A8",
        "a late 2xx gets a BYE",
        "phone/call_out.py",
        "            SurplusBye(self.line, dialog).say(leg.flow, now)",
        "            pass",
    ),
    (
        "A9",
        "never from TLS to less",
        "phone/redirect.py",
        (
            "    if origin.transport is Transport.TLS and transport is not Transport.TLS:\n"
            "        return None\n"
        ),
        "",
    ),
    (
        "A9",
        "five hops at most",
        "phone/redirect.py",
        "MAX_REDIRECTS = 5 ",
        "MAX_REDIRECTS = 500 ",
    ),
    ("A9", "it is followed", _EXCHANGE, "    302: Exchanges._redirected,\n", ""),
    (
        "A10",
        "alive: resends every T2",
        "sip/transaction_tables.py",
        "_row(S.PROCEEDING, A.RESEND_T2, A.EXPIRE_START_64T1, A.REPORT)",
        "_row(S.PROCEEDING, A.STOP_RESENDS, A.EXPIRE_START_64T1, A.REPORT)",
    ),
    (
        "A10",
        "alive: up to 64*T1",
        "sip/transaction_tables.py",
        "_row(S.PROCEEDING, A.RESEND_T2, A.EXPIRE_START_64T1, A.REPORT)",
        "_row(None, A.REPORT)",
    ),
    (
        "A11",
        "a late 2xx is recorded",
        _REGISTERING,
        "                self.record(attempt, expires_s, now)\n",
        "                pass\n",
    ),
    (
        "A11",
        "it is removed where the line is elsewhere",
        _REGISTERING,
        (
            "            self.remove(registrar, attempt.hop, Rule.A11, now)\n"
            "        elif standing is None"
        ),
        "            pass\n        elif standing is None",
    ),
    (
        "A12",
        "a 482 has earlier legs waited for",
        "phone/call_out.py",
        "if outcome.code == _MERGED and self._reclaim(now):",
        "if False:",
    ),
    (
        "A13",
        "no failover after the user's hanging up",
        "phone/call_out.py",
        "            self.line.unwant(self._request, now)\n",
        "            pass\n",
    ),
    (
        "A13",
        "each leg is cancelled",
        "phone/call_out.py",
        (
            "        for job in self._jobs:\n            if job.exchange is not None:\n"
            "                self.services.exchanges.abandon(job.exchange, now)\n"
        ),
        "",
    ),
)
