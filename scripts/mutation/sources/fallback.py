"""F: two servers on a line."""

from __future__ import annotations

from scripts.mutation.sources.row import ENGINE, REGISTERING, REMOVALS, SERVING, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "F7",
        "a server found wanting counts only where F1 registers with it anew",
        "phone/subscriptions.py",
        "found_wanting = at_once and not registration.available",
        "found_wanting = not registration.available",
    ),
    (
        "F1",
        "the other server serves",
        SERVING,
        "        moved, state.serving = serving != state.serving, serving\n",
        "        return\n",
    ),
    (
        "F1",
        "REGISTER to the working server at once",
        ENGINE,
        "            self._registering.register(registrar, Reason.PROBE, down.rule, now)",
        "            pass",
    ),
    (
        "F1",
        "its 2xx makes it serve at once",
        SERVING,
        "            self.recompute(hop, now)\n",
        "            pass\n",
    ),
    (
        "F1",
        "registered with both",
        REGISTERING,
        (
            "        registrars = tuple(self._state.registrations)\n"
            "        if self._state.fallback is FallbackType.SUCCESSIVE:\n"
        ),
        ("        registrars = tuple(self._state.registrations)\n        if True:\n"),
    ),
    (
        "F2",
        "the fallback REGISTER at expiry",
        REGISTERING,
        "        registrars = (FALLBACK,) if to_fallback else (WORKING, FALLBACK)",
        "        registrars = (WORKING,)",
    ),
    (
        "F2",
        "the other server where none stands",
        SERVING,
        "            return (WORKING, FALLBACK)\n        return (registrar,) if",
        "            return (registrar,)\n        return (registrar,) if",
    ),
    (
        "F2",
        "a try in flight is given up",
        REGISTERING,
        (
            "        self.stop(registrar, now)\n"
            "        state.timers.cancel(TimerKey(TimerKind.RETRY, registrar))\n"
        ),
        "        state.timers.cancel(TimerKey(TimerKind.RETRY, registrar))\n",
    ),
    (
        "F3",
        "the line moves for a person",
        ENGINE,
        "            state.on != walk.registrar or registration.binding(now) is None\n",
        "            False\n",
    ),
    (
        "F3",
        "nobody waits: no move",
        SERVING,
        (
            "            if not someone_waits and state.on is not None:\n"
            "                return (begin,)\n"
        ),
        "",
    ),
    (
        "F4",
        "the working server is tried",
        SERVING,
        (
            "            state.timers.set(PROBE, now + state.settings.fallback_timeout +"
            " state.spread_s())\n"
        ),
        "",
    ),
    (
        "F4",
        "the fallback binding is removed",
        REMOVALS,
        "                self.begin(registrar, binding.hop, Rule.F4, now)",
        "                pass",
    ),
    (
        "F4",
        "not while a call hangs there",
        REMOVALS,
        "sorted(state.leaving - state.call_registrars)",
        "sorted(state.leaving)",
    ),
    (
        "F4",
        "again after a failed try",
        REGISTERING,
        (
            "            state.timers.set(PROBE, now + state.settings.fallback_timeout +"
            " state.spread_s())\n"
            "        elif"
        ),
        "            pass\n        elif",
    ),
    (
        "F4",
        "what is under way elsewhere is called off",
        REGISTERING,
        ("                self.stop(other, now)  # its answer would take the line back\n"),
        "                pass\n",
    ),
    (
        "F5",
        "again at the working server",
        SERVING,
        "        return (WORKING, FALLBACK)\n",
        "        return (FALLBACK, WORKING)\n",
    ),
    (
        "F4",
        "only a failure leads back to the working server",
        SERVING,
        "if state.on is None or (state.on == FALLBACK and after_failure):",
        "if state.on is None or state.on == FALLBACK:",
    ),
    (
        "F5",
        "nothing is home while neither server answers",
        SERVING,
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
        "F7",
        "all follow in successive mode",
        REGISTERING,
        " and served != registrar:\n",
        " and False:\n",
    ),
    (
        "F7",
        "concurrent: they stay where they live",
        "phone/subscriptions.py",
        "        return server not in (0, registrar)\n",
        "        return False\n",
    ),
    (
        "F8",
        "only when the whole list is",
        WALKER,
        "            self._in_turn(walk, now)\n        else:\n            self._advance(walk, now)",
        (
            "            self._leg_spent(walk, now)\n"
            "        else:\n            self._leg_spent(walk, now)"
        ),
    ),
    (
        "F8",
        "a next hop of the dialog's own is no server of ours",
        ENGINE,
        ("if walk.purpose is Purpose.IN_DIALOG and not self._whole_list_failed(walk):"),
        "if False:",
    ),
)
