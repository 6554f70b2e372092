"""R: registration with one server."""

from __future__ import annotations

__all__ = ["ROWS"]

_ENGINE = "redundancy/engine.py"
_REGISTERING = "redundancy/registering.py"
_HOPLIST = "redundancy/hoplist.py"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "R1",
        "the primary first",
        _HOPLIST,
        "            return list(self.hops)\n",
        "            return list(reversed(self.hops))\n",
    ),
    (
        "R1",
        "the primary of a list that is spent comes first",
        _REGISTERING,
        "                self._homing.forget(registrar)\n",
        "                pass\n",
    ),
    (
        "R2",
        "a server whose list has failed is unavailable",
        _ENGINE,
        ('        self._serving.down(registrar, walk.hop, str(walk.last_outcome or ""), now)\n'),
        "        pass\n",
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
        "R3",
        "60 s by default",
        "redundancy/registration.py",
        "_DEFAULT_OVERLAP_S = 60",
        "_DEFAULT_OVERLAP_S = 0",
    ),
    (
        "R4",
        "our own binding among others",
        "phone/registration.py",
        'if other.param("+sip.instance") == instance and other.param("reg-id") == reg_id:',
        "if True:",
    ),
    (
        "R4",
        "else by its URI",
        "phone/registration.py",
        "        if other.uri.matches(contact.uri):",
        "        if False:",
    ),
    (
        "R4",
        "else it is the only one",
        "phone/registration.py",
        "contacts[0] if len(contacts) == 1 else None",
        "None",
    ),
    (
        "R4",
        "one among others is not ours",
        "phone/registration.py",
        "contacts[0] if len(contacts) == 1 else None",
        "contacts[0] if contacts else None",
    ),
    (
        "R4",
        "else the Expires header",
        "phone/registration.py",
        "granted = lenient(lambda: response.expires, None)",
        "pass",
    ),
    (
        "R4",
        "what a late answer grants began with its REGISTER",
        "phone/register.py",
        "waited_s = math.ceil(now - leg.exchange.began)",
        "waited_s = math.ceil(0.0)",
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
        "R5",
        "without outbound where the first hop lacks it",
        "phone/register.py",
        ("return self.line.book.series_of(self.attempt.registrar).forgo_outbound()"),
        "return False",
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
        "R6",
        "the growth has an end",
        "redundancy/registration.py",
        "min(longest, base * 2.0 ** min(failures, 32))",
        "base * 2.0 ** min(failures, 32)",
    ),
    (
        "R6",
        "a random part of it",
        "redundancy/registration.py",
        "return wait * (0.5 + 0.5 * draw)",
        "return wait",
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
        "R8",
        "what is under way is called off",
        _ENGINE,
        "        self._registering.stop_all(now)\n",
        "",
    ),
    (
        "R8",
        "the old bindings are void",
        _ENGINE,
        "            registration.clear(now)\n",
        "",
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
        "R9",
        "the same target first",
        _REGISTERING,
        "        walk.first = first\n",
        "",
    ),
    (
        "R9",
        "a pong is missed only where pongs are known",
        "phone/keepalive.py",
        "if kept.flow.reliable and kept.answers and pong not in self._timers:",
        "if kept.flow.reliable and pong not in self._timers:",
    ),
    (
        "R9",
        "UDP only where it is configured",
        "phone/keepalive.py",
        ("            if not flow.reliable and udp_interval_s <= 0:\n                return\n"),
        "",
    ),
    (
        "R9",
        "by the server's Flow-Timer",
        "phone/keepalive.py",
        "if flow_timer_s > 0 and flow.reliable and not kept.answers:",
        "if False:",
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
        "R10",
        "unique to the server",
        "phone/identity.py",
        'text = f"{self.instance} {self.settings.line} {server}"',
        'text = f"{self.instance} {self.settings.line}"',
    ),
    (
        "R10",
        "the line by our parameter",
        "phone/uas.py",
        "        if found is not None:\n            return found\n        user",
        "        user",
    ),
    (
        "R11",
        "Service-Route",
        "phone/register.py",
        '        if "Service-Route" in response:',
        "        if False:",
    ),
    (
        "R11",
        "by its own binding only",
        "phone/registration.py",
        ("        held = self.bindings.get((server, target))\n        return held.routes"),
        ("        held = next(iter(self.bindings.values()), None)\n        return held.routes"),
    ),
)
