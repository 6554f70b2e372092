"""F, P, C and X: servers, proxies, calls, our own keys."""

from __future__ import annotations

__all__ = ["ROWS"]

_WALKER = "redundancy/walker.py"
_ENGINE = "redundancy/engine.py"
_REGISTERING = "redundancy/registering.py"
_HOMING = "redundancy/homing.py"
_HOPLIST = "redundancy/hoplist.py"
_SERVING = "redundancy/serving.py"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- F: fallback
    (
        "F1",
        "the other server serves",
        _SERVING,
        "        moved, state.serving = serving != state.serving, serving\n",
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
        _SERVING,
        "        return (WORKING, FALLBACK)\n",
        "        return (FALLBACK, WORKING)\n",
    ),
    (
        "F5",
        "nothing is home while neither server answers",
        _SERVING,
        "        elif moved:\n            self._stranded = True\n",
        '        elif moved:\n            self._announce_home(now, hop, Rule.F1, "")\n',
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
        "            self._in_turn(walk, now)\n        else:\n            self._advance(walk, now)",
        (
            "            self._leg_spent(walk, now)\n"
            "        else:\n            self._leg_spent(walk, now)"
        ),
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
        "P2",
        "what began by proxy 2 does not lead back to it",
        _SERVING,
        "if hop.group.is_proxy and (hop.group is Group.PROXY1 or began is not Group.PROXY2):\n",
        "if hop.group.is_proxy:\n",
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
