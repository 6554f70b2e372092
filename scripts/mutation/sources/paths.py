"""P and C: outbound proxies, and calls."""

from __future__ import annotations

from scripts.mutation.sources.row import ENGINE, HOMING, LOCATE, REGISTERING, SERVING, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "P1",
        "what a proxy could not deliver before says little of now",
        WALKER,
        "return stalled and walk.purpose is _REQUEST and not walk.heard_little",
        "return False",
    ),
    (
        "C4",
        "a re-INVITE that nobody acknowledges ends no call",
        "phone/uas.py",
        "            if answered.call.line.settings.call_survival:\n",
        "            if False:\n",
    ),
    (
        "C2",
        "only the answer to the newest re-INVITE matters",
        "phone/uas.py",
        "if answered is not None and answered.call.answered_last == effect.tid:",
        "if answered is not None:",
    ),
    (
        "B5",
        "a call whose connection broke before its ACK ends",
        "phone/calls.py",
        "            call.step(CallEvent.BROKEN, now)\n",
        "            pass\n",
    ),
    (
        "C2",
        "a proxy that answers for a silent peer is no dead server",
        ENGINE,
        "out.cause is not Cause.STALLED and out.kind not in _REFUSALS\n",
        "out.cause is not Cause.STALLED\n",
    ),
    (
        "P1",
        "but that counts once only",
        WALKER,
        "            walk.path_alive = walk.heard_little = True\n",
        "            walk.path_alive = True\n",
    ),
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
        "P1",
        "a live path: the registrar is at fault",
        WALKER,
        "            walk.path_alive = True\n",
        "            pass\n",
    ),
    (
        "P1",
        "what the proxy's 408 means after a ring",
        "redundancy/policy.py",
        "code in PROXY_GAVE_UP and not alerted:",
        "code in PROXY_GAVE_UP:",
    ),
    (
        "P1",
        "only a proxy gives up on another's behalf",
        "redundancy/policy.py",
        "kind is OutcomeKind.REFUSED and via_proxy and code",
        "kind is OutcomeKind.REFUSED and code",
    ),
    (
        "P2",
        "tries of proxy 1",
        SERVING,
        "            state.timers.set(PROXY_PROBE, now + interval + state.spread_s())\n",
        "",
    ),
    (
        "P2",
        "the line moves with a call",
        ENGINE,
        ("            return True  # P2: always successively, so the line moves with the call\n"),
        "            pass\n",
    ),
    (
        "P2",
        "again after a failed try",
        REGISTERING,
        "            self._probe_proxy_later(now)\n\n    def _probe_proxy_later",
        "            pass\n\n    def _probe_proxy_later",
    ),
    (
        "P2",
        "a dead proxy says nothing of the server",
        ENGINE,
        (
            "        if walk.rule is Rule.P2:\n"
            "            return  # the other proxy serves: nothing is said of the server\n"
        ),
        "",
    ),
    (
        "P2",
        "what began by proxy 2 does not lead back to it",
        SERVING,
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
        "P3",
        "80: INVITE uses retry_counts",
        "config/build.py",
        "    if firmware > 80:\n",
        "    if True:\n",
    ),
    (
        "P4",
        "proxy names resolve",
        LOCATE,
        "            address=path.address,\n",
        "            address=line.server(registrar).address,\n",
    ),
    (
        "C1",
        "then the other server",
        SERVING,
        "        return (begin, *(r for r in configured if r != begin))",
        "        return (begin,)",
    ),
    (
        "C2",
        "the other targets of the list",
        HOMING,
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
        "C2",
        "a re-INVITE goes on by the target that answered",
        "phone/reinvite.py",
        "            call.reroute(self.first, attempt.hop.target)\n",
        "            pass\n",
    ),
    (
        "C2",
        "a 481 by another target ends nothing",
        "phone/reinvite.py",
        ("if attempt.hop.target != self.first and outcome.code not in _PEERS_OWN:"),
        "if False:",
    ),
    (
        "C2",
        "the list of its own proxy first",
        HOMING,
        ("                return (path, *(other for other in paths if other is not path))\n"),
        "                return paths\n",
    ),
    (
        "C2",
        "a dialog elsewhere does not move the line",
        ENGINE,
        "            return just_failed\n",
        "            return True\n",
    ),
    (
        "C3",
        "the user sees that the phone has gone on",
        "phone/call_out.py",
        "            self.tell(now, reason=CallEvent.MOVED.value, rule=Rule.C3, hop=attempt.hop)",
        "            pass",
    ),
    (
        "C3",
        "the user sees when the call was proceeding already",
        "phone/call_out.py",
        "self.step(CallEvent.MOVED, now, rule=Rule.C3, hop=attempt.hop)",
        "self.step(CallEvent.MOVED, now)",
    ),
    (
        "C4",
        "hanging up is local",
        "phone/call_states.py",
        "    (_S.ESTABLISHED, _E.HANGUP): Step(_S.ENDED, Act.BYE),",
        "    (_S.ESTABLISHED, _E.HANGUP): Step(_S.ESTABLISHED, Act.BYE),",
    ),
    (
        "C4",
        "a stop waits for the BYE",
        ENGINE,
        (
            '            if walk.method != "BYE":  # the peer of a call just hung up must'
            " hear of it (C4)\n"
            "                self"
        ),
        "            if True:\n                self",
    ),
    (
        "C5",
        "a line without registration calls",
        ENGINE,
        "            state.on != walk.registrar or registration.binding(now) is None\n",
        "            state.on not in (None, walk.registrar)\n",
    ),
)
