"""B: failback within a hop list."""

from __future__ import annotations

from scripts.mutation.sources.row import ENGINE, HOMING, HOPLIST, JUDGING, REGISTERING, WALKER, Row

__all__ = ["ROWS"]

ROWS: tuple[Row, ...] = (
    (
        "B1",
        "every request begins at the primary",
        HOPLIST,
        "if stay or self.failback.start is not Start.TOP:",
        "if True:",
    ),
    (
        "B2",
        "the TTL",
        HOPLIST,
        'return None if ttl == float("inf") else self.away_since + ttl',
        "return None",
    ),
    (
        "B3",
        "home with the refresh",
        HOMING,
        "if walk.refresh and self._home_with_refresh(lst, now):",
        "if False:",
    ),
    (
        "B3",
        "a try that fails leads to the current target",
        HOMING,
        ("            return [home, *(hop for hop in lst.order() if hop is not home)]"),
        "            return [home]",
    ),
    (
        "B3",
        "a try that is refused does, too",
        JUDGING,
        "if walk.trying_home and row.step is Step.RESULT and attempt.hop.index == 0:",
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
        "B4",
        "0: not before the current one fails",
        HOPLIST,
        "self.away_since + timeout if timeout else None",
        "self.away_since + timeout",
    ),
    (
        "B4",
        "the last registered target",
        ENGINE,
        ("if lst.failback.start is not Start.REGISTERED or not lst.path.register_on_enable:"),
        "if True:",
    ),
    (
        "B5",
        "what fell due waits for the end of the call",
        HOMING,
        "            if lst.home_due:\n                self.due(lst, now)",
        "            pass",
    ),
    (
        "B5",
        "the refresh waits, too",
        HOMING,
        (
            "        if not self._state.idle:\n"
            "            lst.home_due = True\n"
            "            return False\n"
        ),
        "",
    ),
    (
        "B6",
        "at most every 30 s",
        HOPLIST,
        "HOME_SPACING_S = 30.0",
        "HOME_SPACING_S = 0.0",
    ),
    (
        "B6",
        "the binding left is removed",
        REGISTERING,
        "            self._removals.begin_leftovers(registration, attempt.hop, walk, now)",
        "            pass",
    ),
    (
        "B6",
        "one more REGISTER after a removal",
        REGISTERING,
        "if self._removals.ended(walk, now) and not self.under_way(walk.registrar):",
        "if False:",
    ),
    (
        "B6",
        "the primary alone",
        HOMING,
        "return list(lst.hops[:1]) if asked else []",
        "return list(lst.hops) if asked else []",
    ),
    (
        "B6",
        "the time runs anew after a failure",
        HOMING,
        ("        self.postpone(lst, now)\n        self._state.tell(\n            ProbeFailed,"),
        "        self._state.tell(\n            ProbeFailed,",
    ),
    (
        "B6",
        "an answer from before the line moved is no way home",
        ENGINE,
        "lst.stay != walk.found and not just_failed:\n",
        "False:\n",
    ),
    (
        "B6",
        "what was passed over counts from when its own list was found",
        "redundancy/walk.py",
        "        self.found = kept.found\n",
        "",
    ),
    (
        "B9",
        "a binding that is being removed is none",
        "redundancy/removals.py",
        "        self._state.registrations[registrar].leave(hop.target)\n",
        "",
    ),
    (
        "B8",
        "a try home that finds it delisted registers anew",
        REGISTERING,
        "            if walk.purpose is Purpose.HOME and walk.registrar == registrar:\n",
        "            if False:\n",
    ),
    (
        "B6",
        "what was passed over is tried where the line is by now",
        WALKER,
        "return walk.take_passed_over(lst.order())",
        "return walk.take_passed_over([*lst.hops])",
    ),
    (
        "B6",
        "a refusal, too, proves that a target has not failed",
        WALKER,
        "judged.step is not _NEXT and len(self.walks) > 1",
        "judged.step is _DONE and len(self.walks) > 1",
    ),
    (
        "B7",
        "from the top of the list",
        HOPLIST,
        "        return [start, *(hop for hop in self.hops if hop is not start)]",
        "        return list(self.hops[start.index :])",
    ),
    (
        "B8",
        "a new primary counts as a failover",
        HOPLIST,
        "            self.away_since = now\n            return Change.NEW_PRIMARY",
        "            return Change.CHANGED",
    ),
    (
        "B8",
        "a current target that is gone is left at once",
        ENGINE,
        "            self._registering.current_gone(lst.registrar, now)\n",
        "            pass\n",
    ),
    (
        "B8",
        "a static list displaces nothing",
        HOPLIST,
        "            hops = _beside(before, old, hops)",
        "            pass",
    ),
    (
        "B8",
        "only what is new is a new primary",
        HOPLIST,
        ("if after.index > 0 and hops[0].target not in {h.target for h in old[: before.index]}:"),
        "if after.index > 0:",
    ),
    (
        "B9",
        "registered there first",
        ENGINE,
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
        "B9",
        "the others are not refreshed",
        "redundancy/registration.py",
        "        self.newest = self.last = hop.target\n",
        "        self.newest = self.last = self.newest or hop.target\n",
    ),
    (
        "B9",
        "the next target where it is refused",
        WALKER,
        (
            "            self._hop_failed(walk, attempt, outcome, judged, now)\n"
            "\n"
            "    def _joined_over"
        ),
        ("            self._end(walk, outcome, Step.RESULT, now)\n\n    def _joined_over"),
    ),
    (
        "B10",
        "only to registered targets",
        ENGINE,
        "    def may_signal(",
        (
            "    def may_signal(self, *a: object) -> bool:\n        return True\n\n"
            "    def _may_signal("
        ),
    ),
    (
        "B10",
        "not with mode 0",
        HOPLIST,
        "            and self.failback.trigger is not FailbackTrigger.NONE\n",
        "",
    ),
    (
        "B10",
        "a call that hangs on such a target is ended",
        ENGINE,
        ("if not walk.queue or not (stays or self._state.settings.call_survival):"),
        "if not walk.queue:",
    ),
    (
        "B10",
        "only with register_on_enable",
        HOPLIST,
        "            and self.path.register_on_enable\n",
        "",
    ),
    (
        "B11",
        "subscriptions follow at once",
        "phone/line.py",
        "        self.subscriptions.moved(output.registrar, now)",
        "        pass",
    ),
    (
        "B11",
        "not with mode 0",
        REGISTERING,
        ("            and lst.failback.trigger is not FailbackTrigger.NONE  # modes 1-3 only\n"),
        "",
    ),
    (
        "B11",
        "0: not at once",
        REGISTERING,
        "            and lst.path.failback_subscribe_enable\n",
        "",
    ),
    (
        "B11",
        "0: at their next refresh",
        "phone/subscription.py",
        "            and self._owner.has_moved(self, self._hop, now)\n",
        "            and False\n",
    ),
    (
        "B7",
        "a walk that goes on follows the line",
        WALKER,
        "        if lst.stay != walk.found:\n            walk.bring_forward",
        "        if False:\n            walk.bring_forward",
    ),
)
