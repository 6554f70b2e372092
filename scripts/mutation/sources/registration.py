"""R and B: registration, and failback within a list."""

from __future__ import annotations

__all__ = ["ROWS"]

_ENGINE = "redundancy/engine.py"
_REGISTERING = "redundancy/registering.py"
_HOMING = "redundancy/homing.py"
_HOPLIST = "redundancy/hoplist.py"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- R: registration
    (
        "R1",
        "the primary first",
        _HOPLIST,
        "            if not self.away:\n                return list(self.hops)\n",
        "            if not self.away:\n                return list(reversed(self.hops))\n",
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
            '            params = (("transport", transport.text.lower()), *params)\n'
            '        uri = Uri("sip", self.user, _host(address), port, params)'
        ),
        '            pass\n        uri = Uri("sip", self.user, _host(address), port, params)',
    ),
    (
        "R11",
        "Service-Route",
        "phone/register.py",
        "            routes = lenient(lambda: response.service_routes, ())",
        "            routes = ()",
    ),
    # --- B: failback
    (
        "B1",
        "every request begins at the primary",
        _HOPLIST,
        "if stay or self.failback.start is not Start.TOP:",
        "if True:",
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
        "            self._remove_leftovers(registration, attempt.hop, walk, now)",
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
        "            return list(lst.hops[:1]) if asked else []",
        "            return list(lst.hops) if asked else []",
    ),
    (
        "B7",
        "from the top of the list",
        _HOPLIST,
        "        return [start, *(hop for hop in self.hops if hop is not start)]",
        "        return list(self.hops[start.index :])",
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
)
