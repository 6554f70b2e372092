"""Rules that are no rows: for each one change of the sources that disables it.

The old text must stand in its file exactly once; where it has gone, the list is out of date
and the run says so. ``(rule, what is lost, file, old text, new text)``.
"""

from __future__ import annotations

from scripts.mutation.mutant import Mutant

__all__ = ["source_mutants"]

_SCHEDULE = "schedule.py"
_WALKER = "redundancy/walker.py"
_ENGINE = "redundancy/engine.py"
_REGISTERING = "redundancy/registering.py"
_HOMING = "redundancy/homing.py"
_HOPLIST = "redundancy/hoplist.py"
_SERVING = "redundancy/serving.py"
_LOCATE = "dns/locate.py"
_EXCHANGE = "phone/exchange.py"

_ROWS: tuple[tuple[str, str, str, str, str], ...] = (
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
        "            self.stop(registrar, now)\n            self.record(attempt, expires_s, now)\n",
        "            pass\n",
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
    # --- D: from a name to a hop list
    (
        "D1",
        "a literal asks no DNS",
        _LOCATE,
        "        if literal is not None:\n            return self._at_literal",
        "        if False and literal is not None:\n            return self._at_literal",
    ),
    (
        "D2",
        "a port leaves only addresses to ask",
        _LOCATE,
        "        if self.where.port:\n",
        "        if self.where.port and fixed is not None:\n",
    ),
    (
        "D3",
        "NAPTR first",
        _LOCATE,
        "            hops = yield from self._by_naptr()",
        "            hops = yield from self._by_srv((Transport.UDP,))",
    ),
    (
        "D4",
        "lowest order, then lowest preference",
        "dns/order.py",
        "key=lambda naptr: (naptr.order, naptr.preference)",
        "key=lambda naptr: (naptr.preference, naptr.order)",
    ),
    ("D4", "no regexp", _LOCATE, "            and not n.regexp\n", ""),
    ("D4", "eight steps", _LOCATE, "_MAX_STEPS = 8 ", "_MAX_STEPS = 80 "),
    (
        "D5",
        "a static SRV record makes its transport asked for",
        _LOCATE,
        (
            "        transports |= {t for t in Transport if"
            " self._statics.lookup(self._srv_question(t))}\n"
        ),
        "",
    ),
    (
        "D6",
        "SRV for the transport that is set",
        _LOCATE,
        "            hops = yield from self._by_srv((fixed,))",
        "            hops = yield from self._host(fixed, self._name, _Trail())",
    ),
    (
        "D7",
        "highest weight first",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (srv.priority, srv.weight, lot)",
    ),
    (
        "D7",
        "lowest priority first",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (-srv.weight, lot)",
    ),
    (
        "D7",
        "a draw among equals",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (srv.priority, -srv.weight)",
    ),
    (
        "D7",
        "target . is not offered",
        _LOCATE,
        "            self._denied = True\n",
        "            pass\n",
    ),
    (
        "D8",
        "SRV port 0 is the default port",
        _LOCATE,
        "port = self.where.port or port or transport.default_port",
        "port = self.where.port or port or 5060",
    ),
    (
        "D8",
        "all addresses of a host",
        _LOCATE,
        "for record in found.records[:_MAX_ADDRESSES]",
        "for record in found.records[:1]",
    ),
    (
        "D9",
        "AAAA beside A",
        _LOCATE,
        "rtypes = [(4, RrType.A), (6, RrType.AAAA)]",
        "rtypes = [(4, RrType.A)]",
    ),
    (
        "D9",
        "in the order of RFC 6724",
        "dns/order.py",
        "return (-_precedence(record.ip), lot)",
        "return (0.0, lot)",
    ),
    (
        "D10",
        "no SRV: the addresses of the name itself",
        _LOCATE,
        "        return (yield from self._host(fixed or Transport.UDP, self._name, _Trail()))",
        "        return []",
    ),
    (
        "D11",
        "the shortest TTL",
        _LOCATE,
        "self._valid_until = min(self._valid_until, found.valid_until)",
        "self._valid_until = found.valid_until",
    ),
    (
        "D11",
        "a list lives so long",
        "dns/locator.py",
        "if standing is not None and now < standing[0].valid_until:",
        "if standing is not None:",
    ),
    (
        "D12",
        "type 0: no cache",
        "dns/sources.py",
        "        if where.dns_cache_type == 0:\n            return None\n",
        "",
    ),
    (
        "D12",
        "type 1: what was asked for only",
        "dns/sources.py",
        "with_extra=where.dns_cache_type == 2)",
        "with_extra=True)",
    ),
    (
        "D13",
        "static targets where none that DNS gave can be reached",
        "dns/locator.py",
        "            spare = self._spare(task.where, hops, now)\n",
        "            spare = ()\n",
    ),
    (
        "D13",
        "a static answer is held for its TTL",
        "dns/sources.py",
        (
            "        if where.dns_cache_type and held_until > inquiry.now:\n"
            "            return self._static(inquiry)\n"
        ),
        "",
    ),
    (
        "D14",
        "stale answers serve",
        "dns/cache.py",
        "if entry is None or self._stale_s <= 0 or",
        "if True or entry is None or self._stale_s <= 0 or",
    ),
    (
        "D14",
        "for so long only",
        "dns/cache.py",
        " or now > entry.expires_at + self._stale_s",
        "",
    ),
    (
        "D15",
        "one resolution per request",
        _WALKER,
        "            self._in_turn(walk, now)\n        else:\n            self._advance(walk, now)",
        (
            "            self._in_turn(walk, now)\n        else:\n            walk.queue.clear()\n"
            "            self._enter_leg(walk, now)"
        ),
    ),
    (
        "D16",
        "name servers in turn",
        "dns/query.py",
        "self._send(self._nameservers[self._tries % len(self._nameservers)], now)",
        "self._send(self._nameservers[0], now)",
    ),
    (
        "D16",
        "TC: over TCP",
        "dns/query.py",
        "self._send(event.nameserver, now, tcp=True)",
        'self._next_try("truncated", now)',
    ),
    (
        "D16",
        "ids are checked",
        "dns/query.py",
        "if not message.response or self._sent.get(sent) != event.tcp:",
        "if not message.response:",
    ),
    (
        "D16",
        "a person does not wait",
        "dns/locator.py",
        "            self._timers.set((_Timer.PATIENCE, number), now + _SOMEONE_WAITS_S)",
        "            pass",
    ),
    # --- R: registration
    (
        "R1",
        "the primary first",
        _HOPLIST,
        "            return list(self.hops)\n",
        "            return list(reversed(self.hops))\n",
    ),
    (
        "R3",
        "refreshed before it runs out",
        "redundancy/registration.py",
        "return granted_s - min(overlap, granted_s / 2)",
        "return granted_s",
    ),
    (
        "R3",
        "cut to half the time",
        "redundancy/registration.py",
        "return granted_s - min(overlap, granted_s / 2)",
        "return granted_s - overlap",
    ),
    (
        "R4",
        "our own binding among others",
        "phone/registration.py",
        'if other.param("+sip.instance") == instance and other.param("reg-id") == reg_id:',
        "if True:",
    ),
    (
        "R5",
        "instance and reg-id",
        "phone/identity.py",
        '("reg-id", str(server))',
        '("reg-id", "1")',
    ),
    (
        "R5",
        "unregister_on_reboot",
        "phone/line.py",
        "set(settings.registrars()) if settings.unregister_on_reboot else set()",
        "set()",
    ),
    (
        "R5",
        "a clean stop removes our bindings",
        _ENGINE,
        (
            "                self._registering.remove(registration.registrar, binding.hop,"
            " Rule.R5, now)"
        ),
        "                pass",
    ),
    (
        "R6",
        "again after the interval",
        _REGISTERING,
        "        state.timers.set(TimerKey(TimerKind.RETRY, registrar), now + wait)",
        "        pass",
    ),
    (
        "R6",
        "the wait grows",
        "redundancy/registration.py",
        "base * 2.0 ** min(failures, 32)",
        "base",
    ),
    (
        "R7",
        "a random wait after start",
        "phone/line.py",
        "self.services.rng.uniform(0, most) if most > 0 else 0.0",
        "0.0",
    ),
    (
        "R8",
        "all lines anew",
        _ENGINE,
        "        self._serving.begin_anew()\n        self._registering.begin_all(_START, now)\n",
        "        self._serving.begin_anew()\n",
    ),
    (
        "R9",
        "a connection that ends has the line register",
        "phone/line.py",
        "            self.tell(io.FlowLost(flow.target), now)",
        "            pass",
    ),
    (
        "R9",
        "a missed pong ends the connection",
        "phone/keepalive.py",
        "            self._timers.set(pong, now + PONG_WAIT_S)",
        "            pass",
    ),
    (
        "R9",
        "pings",
        "phone/keepalive.py",
        "        self._out.append(Transmit(flow_id, PING))\n",
        "",
    ),
    (
        "R10",
        "the line by the parameter of our Contact",
        "phone/identity.py",
        'text = f"{self.instance} {self.settings.line} {server}"',
        'text = f"{self.instance}"',
    ),
    (
        "R10",
        "Contact is the flow's",
        "phone/identity.py",
        (
            '            params = (("transport", transport.value.lower()), *params)\n'
            '        uri = Uri("sip", self.user, _host(address), port, params)'
        ),
        '            pass\n        uri = Uri("sip", self.user, _host(address), port, params)',
    ),
    (
        "R11",
        "Service-Route",
        "phone/register.py",
        '        if "Service-Route" in response:',
        "        if False:",
    ),
    # --- B: failback
    (
        "B1",
        "every request begins at the primary",
        _HOPLIST,
        "if begin is None and (stay or self.failback.start is not Start.TOP):",
        "if begin is None:",
    ),
    (
        "B2",
        "the TTL",
        _HOPLIST,
        'return None if ttl == float("inf") else self.away_since + ttl',
        "return None",
    ),
    (
        "B3",
        "home with the refresh",
        _HOMING,
        "if walk.refresh and self._home_with_refresh(lst, now):",
        "if False:",
    ),
    (
        "B4",
        "failback_timeout, at least 60 s",
        "config/settings.py",
        "max(timeout, 60) if timeout > 0 else 0",
        "timeout",
    ),
    (
        "B5",
        "what fell due waits for the end of the call",
        _HOMING,
        "            if lst.home_due:\n                self.due(lst, now)",
        "            pass",
    ),
    (
        "B6",
        "at most every 30 s",
        _HOPLIST,
        "HOME_SPACING_S = 30.0",
        "HOME_SPACING_S = 0.0",
    ),
    (
        "B6",
        "the binding left is removed",
        _REGISTERING,
        "            self._remove_leftovers(registrar, attempt.hop, walk, now)",
        "            pass",
    ),
    (
        "B6",
        "one more REGISTER after a removal",
        _REGISTERING,
        "if (recheck or walk.overtaken) and not self.under_way(registrar):",
        "if False:",
    ),
    (
        "B6",
        "the primary alone",
        _HOMING,
        "            return list(lst.hops[:1]) if lst.away else []",
        "            return list(lst.hops) if lst.away else []",
    ),
    (
        "B7",
        "not again what has just failed",
        "redundancy/walk.py",
        (
            "            hop = self.queue.popleft()\n"
            "            if (self.registrar, hop.target) not in self.failed:\n"
        ),
        "            hop = self.queue.popleft()\n            if True:\n",
    ),
    (
        "B8",
        "a new primary counts as a failover",
        _HOPLIST,
        "            self.away_since = now\n            return Change.NEW_PRIMARY",
        "            return Change.CHANGED",
    ),
    (
        "B8",
        "a current target that is gone is left at once",
        _ENGINE,
        "            self._registering.register(lst.registrar, Reason.RETRY, Rule.B8, now)",
        "            pass",
    ),
    (
        "B8",
        "a static list displaces nothing",
        _HOPLIST,
        "            hops = _beside(before, old, hops)",
        "            pass",
    ),
    (
        "B9",
        "registered there first",
        _ENGINE,
        "            return not registration.stands_at(hop.target, now)",
        "            return False",
    ),
    (
        "B9",
        "the newest is the registration",
        "redundancy/registration.py",
        "        if shared:\n            self.bindings.clear()\n",
        "",
    ),
    (
        "B10",
        "only to registered targets",
        _ENGINE,
        "    def may_signal(",
        (
            "    def may_signal(self, *a: object) -> bool:\n        return True\n\n"
            "    def _may_signal("
        ),
    ),
    (
        "B10",
        "not with mode 0",
        _HOPLIST,
        "            and self.failback.trigger is not FailbackTrigger.NONE\n",
        "",
    ),
    (
        "B11",
        "subscriptions follow at once",
        "phone/line.py",
        "        self.subscriptions.moved(output.registrar, now)",
        "        pass",
    ),
    # --- F: fallback
    (
        "F1",
        "the other server serves",
        _SERVING,
        "        state.serving = serving\n",
        "        return\n",
    ),
    (
        "F1",
        "REGISTER to the working server at once",
        _ENGINE,
        "            self._registering.register(registrar, Reason.PROBE, down.rule, now)",
        "            pass",
    ),
    (
        "F2",
        "the fallback REGISTER at expiry",
        _REGISTERING,
        "        registrars = (FALLBACK,) if to_fallback else (WORKING, FALLBACK)",
        "        registrars = (WORKING,)",
    ),
    (
        "F3",
        "the line moves for a person",
        _ENGINE,
        "            state.on != walk.registrar or registration.binding(now) is None\n",
        "            False\n",
    ),
    (
        "F3",
        "nobody waits: no move",
        _SERVING,
        (
            "            if not someone_waits and state.on is not None:\n"
            "                return (begin,)\n"
        ),
        "",
    ),
    (
        "F4",
        "the working server is tried",
        _SERVING,
        (
            "            state.timers.set(PROBE, now + state.settings.fallback_timeout +"
            " state.spread_s())\n"
        ),
        "",
    ),
    (
        "F4",
        "the fallback binding is removed",
        _REGISTERING,
        "                self.remove(registrar, binding.hop, Rule.F4, now)",
        "                pass",
    ),
    (
        "F4",
        "not while a call hangs there",
        _REGISTERING,
        "sorted(state.leaving - state.call_registrars)",
        "sorted(state.leaving)",
    ),
    (
        "F5",
        "again at the working server",
        _REGISTERING,
        "            registrar = WORKING  # F5: both failed, begin at the working server\n",
        "            pass\n",
    ),
    (
        "F6",
        "a merged INVITE rings once",
        "phone/uas.py",
        "            self._refuse(tid, request, 482, now)\n            return\n",
        "            pass\n",
    ),
    (
        "F7",
        "message waiting at the working server only",
        "phone/subscriptions.py",
        (
            "        pinned = self._line.working_server if"
            " subscription.interest.kind.working_only else 0"
        ),
        "        pinned = 0",
    ),
    (
        "F8",
        "only when the whole list is",
        _WALKER,
        "            hops_left=walk.hops_left(),",
        "            hops_left=False,",
    ),
    # --- P: outbound proxies
    (
        "P1",
        "the path is the proxy's",
        "config/settings.py",
        "return self.proxies() or (",
        "return (",
    ),
    (
        "P1",
        "the twins override",
        "config/settings.py",
        "            server = replace(server, **twins)\n",
        "",
    ),
    (
        "P2",
        "tries of proxy 1",
        _SERVING,
        "            state.timers.set(PROXY_PROBE, now + interval + state.spread_s())\n",
        "",
    ),
    (
        "P3",
        "keys of the other firmware do not count",
        "config/load.py",
        "        if firmware not in parameter.firmware:",
        "        if False:",
    ),
    (
        "P4",
        "proxy names resolve",
        "phone/line.py",
        "                address=path.address,\n",
        "                address=self.settings.server(registrar).address,\n",
    ),
    # --- C: calls
    (
        "C1",
        "then the other server",
        _SERVING,
        "        return (begin, *(r for r in configured if r != begin))",
        "        return (begin,)",
    ),
    (
        "C2",
        "the other targets of the list",
        _HOMING,
        "            return lst.order(at)\n",
        "            return lst.order(at)[:1]\n",
    ),
    (
        "C2",
        "dead Routes are replaced",
        "phone/next_hop.py",
        "    return routes if len(rest) == len(routes) else (_route(instead), *rest)",
        "    return routes",
    ),
    (
        "C3",
        "the user sees that the phone has gone on",
        "phone/call_out.py",
        "            self.tell(now, reason=CallEvent.MOVED.value, rule=Rule.C3, hop=attempt.hop)",
        "            pass",
    ),
    (
        "C4",
        "hanging up is local",
        "phone/call_states.py",
        "    (_S.ESTABLISHED, _E.HANGUP): Step(_S.ENDED, Act.BYE),",
        "    (_S.ESTABLISHED, _E.HANGUP): Step(_S.ESTABLISHED, Act.BYE),",
    ),
    (
        "C5",
        "a line without registration calls",
        _ENGINE,
        "            state.on != walk.registrar or registration.binding(now) is None\n",
        "            state.on not in (None, walk.registrar)\n",
    ),
    # --- X: our own keys
    (
        "X1",
        "a dead target is passed over",
        _WALKER,
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
        "X2",
        "spread",
        "redundancy/state.py",
        "return self.rng.uniform(0.0, spread) if spread > 0 else 0.0",
        "return 0.0",
    ),
    (
        "X3",
        "settle",
        _HOPLIST,
        "        return self.answers_since is not None and now - self.answers_since >= settle_s",
        "        return True",
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
)


def source_mutants() -> list[Mutant]:
    """All of them."""
    return [
        Mutant(f"{rule}: without '{lost}'", file, (rule,), old, new)
        for rule, lost, file, old, new in _ROWS
    ]
