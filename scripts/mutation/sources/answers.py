"""A: what an answer means."""

from __future__ import annotations

from scripts.mutation.sources.row import EXCHANGE, JUDGING, REGISTERING, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "A1",
        "the transaction of a REGISTER has its own CSeq",
        "phone/registration.py",
        "        self.cseq += 1\n",
        "        self.cseq = 1\n",
    ),
    (
        "A1",
        "the Call-ID of an INVITE is kept",
        "phone/call_out.py",
        "            call_id=call.call_id,\n",
        '            call_id=f"{self.attempt.id}{call.call_id}",\n',
    ),
    (
        "A1",
        "the From tag of an INVITE is kept",
        "phone/call_out.py",
        "identity.aor(server, call.from_tag)",
        'identity.aor(server, f"{self.attempt.id}{call.from_tag}")',
    ),
    (
        "A1",
        "the CSeq of an INVITE is kept",
        "phone/call_out.py",
        "_FIRST_CSEQ + exchange.round",
        "_FIRST_CSEQ + exchange.round + self.attempt.id",
    ),
    (
        "A1",
        "the other server's domain",
        "phone/call_out.py",
        "identity.callee(call.peer, server)",
        "identity.callee(call.peer, 1)",
    ),
    (
        "A1",
        "one Call-ID for the REGISTERs to a server",
        "phone/registration.py",
        "        if series is None:\n",
        "        if True:\n",
    ),
    (
        "A2",
        "Retry-After is heeded",
        "redundancy/marks.py",
        "span = max(retry_after_s, skip_s)",
        "span = skip_s",
    ),
    (
        "A2",
        "passed over by every request",
        "redundancy/marks.py",
        "        if now < mark.until:\n            return Judgement.SKIP\n",
        "        if now < mark.until:\n            return Judgement.USE\n",
    ),
    (
        "A2",
        "unless nothing else is left",
        WALKER,
        (
            "if row.move is Move.GIVE_UP and walk.passed_over and walk.purpose in"
            " _FULL_TIME_PURPOSES:"
        ),
        "if False:",
    ),
    (
        "A2",
        "after a 18x it is the result",
        "phone/outcome.py",
        "    if rang and kind is OutcomeKind.BUSY:\n",
        "    if False:\n",
    ),
    (
        "A3",
        "a challenge is answered",
        EXCHANGE,
        "    401: Exchanges._challenged,\n    407: Exchanges._challenged,\n",
        "",
    ),
    (
        "A3",
        "two challenges at most",
        "sip/auth.py",
        "challenge.stale and before < _MAX_ANSWERS",
        "challenge.stale",
    ),
    (
        "A3",
        "a wrong password is none the second time",
        "sip/auth.py",
        "challenge.stale and before < _MAX_ANSWERS",
        "before < _MAX_ANSWERS",
    ),
    (
        "A3",
        "stale is no wrong password",
        "sip/auth.py",
        "challenge.stale and before < _MAX_ANSWERS",
        "False",
    ),
    (
        "A3",
        "nonces belong to their target",
        EXCHANGE,
        '    return exchange.target, exchange.job.method == "REGISTER"\n',
        (
            '    return Target("", 0, exchange.target.transport), exchange.job.method =='
            ' "REGISTER"\n'
        ),
    ),
    (
        "A4",
        "Min-Expires is heeded",
        EXCHANGE,
        "        exchange.taught = (*exchange.taught, response.status)\n",
        "        return False\n",
    ),
    (
        "A4",
        "each refusal for itself",
        EXCHANGE,
        "if response.status in exchange.taught or not",
        "if exchange.taught or not",
    ),
    (
        "A3",
        "not for a new realm each time without end",
        "sip/auth.py",
        "for challenge in challenges)}) > _MAX_REALMS:",
        "for challenge in challenges)}) > 100:",
    ),
    (
        "A11",
        "a later REGISTER has been answered",
        "phone/registration.py",
        "        if cseq < self._answered.get(target, 0):\n",
        "        if False:\n",
    ),
    (
        "A11",
        "it renews the binding that stands",
        REGISTERING,
        "        elif standing is None or renewed:\n",
        "        elif standing is None:\n",
    ),
    (
        "A4",
        "once more only",
        EXCHANGE,
        "if response.status in exchange.taught or not exchange.job.learned(response):",
        "if not exchange.job.learned(response):",
    ),
    (
        "A4",
        "SUBSCRIBE, too",
        "phone/subscription.py",
        "        self._min_expires_s = least\n        return True\n",
        "        return False\n",
    ),
    (
        "A6",
        "redundancy_with_reg_fail",
        JUDGING,
        "refusal_moves=bool(settings.redundancy_with_reg_fail_enable)",
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
        "A8",
        "five minutes",
        "sip/transaction_runner.py",
        "KEEP_S = 300.0",
        "KEEP_S = 30.0",
    ),
    (
        "A8",
        "a late 2xx gets an ACK",
        "phone/call_out.py",
        (
            "        send_ack(self.line.services, dialog, leg.request, leg.flow, now)\n"
            "        tag = dialog.id.remote_tag\n"
        ),
        "        tag = dialog.id.remote_tag\n",
    ),
    (
        "A8",
        "a late provisional gets a CANCEL",
        "sip/transaction_tables.py",
        "        E.PROVISIONAL: _row(S.CANCELLED, A.SEND_CANCEL, A.REPORT),\n",
        "        E.PROVISIONAL: _row(None, A.REPORT),\n",
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
        REGISTERING,
        "                self.record(attempt, expires_s, now)\n",
        "                pass\n",
    ),
    (
        "A11",
        "it is removed where the line is elsewhere",
        REGISTERING,
        (
            "            self._removals.begin(registrar, attempt.hop, Rule.A11, now)\n"
            "        elif standing is None"
        ),
        "            pass\n        elif standing is None",
    ),
    (
        "A11",
        "it is removed at another target of the list",
        REGISTERING,
        (
            "            self._removals.begin(registrar, attempt.hop, Rule.A11, now)\n\n"
            "    # --- the end of a binding"
        ),
        "            pass\n\n    # --- the end of a binding",
    ),
    (
        "A11",
        "nothing stands of what may have run out",
        REGISTERING,
        "            if expires_s > 0:\n",
        "            if True:\n",
    ),
    (
        "A11",
        "a surplus subscription is ended",
        "phone/subscription_jobs.py",
        "            self.subscription.end_surplus(dialog, leg.flow, now)\n",
        "            pass\n",
    ),
    (
        "A12",
        "a 482 has earlier legs waited for",
        "phone/call_out.py",
        "if outcome.code == _MERGED and self._reclaim(now):",
        "if False:",
    ),
    (
        "A12",
        "until 64*T1 after its first send",
        "sip/transaction_tables.py",
        "E.RECLAIM: _row(S.OVERDUE, A.TAKE_BACK, A.EXPIRE_START_64T1)",
        "E.RECLAIM: _row(S.OVERDUE, A.TAKE_BACK, A.EXPIRE_64T1)",
    ),
    (
        "A12",
        "the user is told so",
        "phone/call_out.py",
        "                rule=Rule.A12,\n",
        "",
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
