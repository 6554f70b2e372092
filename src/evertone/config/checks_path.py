"""Checks of one hop list: how long it is tried, where it leads, when the line comes home."""

from __future__ import annotations

from collections.abc import Callable

from evertone.config.finding import Severity
from evertone.config.params_server import PROXY_PARAMETERS
from evertone.config.settings import INHERIT
from evertone.config.view import Check, View
from evertone.rules import Rule
from evertone.schedule import give_up_s, send_times

__all__ = ["PATH_CHECKS", "PROXY_CHECKS", "list_give_up_s", "overlap_s"]

_UDP, _TCP, _TLS, _NAPTR = range(4)
_NO_FAILBACK = 0
_DURATION = 3
_PROXY = "account.X.outbound_proxy.Y."
_STANDARD_OVERLAP_S = 60  # R3: what -1 means
_TARGETS_OF_A_NAME = 2  # a primary and a secondary: the guide's case, and the least with failover


def overlap_s(view: View) -> float:
    """R3: how long before its end a registration is refreshed, if the server grants what is
    asked for."""
    given = view.line.register_expires_overlap
    wanted = _STANDARD_OVERLAP_S if given == -1 else given
    return min(wanted, view.line.server(view.registrar).expires / 2)


def list_give_up_s(view: View) -> float:
    """How long a refresh takes to find the whole list unavailable (S1, S3).

    A name counts as two targets: how many it really has only DNS knows. Where the line can lean
    on its binding while it tries (F2), or another hop list follows, no target gets S3's time.
    """
    timers = view.settings.timers
    each = give_up_s("REGISTER", view.hops.retry_counts, timers)
    targets = _TARGETS_OF_A_NAME if view.by_name else 1
    leans = view.line.successive and len(view.line.registrars()) == 2
    others_follow = view.line.paths(view.registrar)[-1] is not view.hops.group
    last = each if leans or others_follow else timers.timeout_s
    return each * (targets - 1) + last


def _too_slow(view: View) -> str:
    targets = "primary and one secondary" if view.by_name else "one target"
    return (
        f"finding all of its list ({targets}) unavailable takes {list_give_up_s(view):g} s, but a "
        f"refresh begins only {overlap_s(view):g} s before the registration ends: for a while the "
        "line may not be registered"
    )


def _sent(method: str, count: int, view: View) -> int:
    return len(send_times(method, count, view.settings.timers)) - 1


def _beyond(method: str, field: str) -> Callable[[View], bool]:
    def when(view: View) -> bool:
        count: int = getattr(view.hops, field)
        return _sent(method, count, view) < count

    return when


def _beyond_text(method: str, field: str) -> Callable[[View], str]:
    def text(view: View) -> str:
        sent = _sent(method, getattr(view.hops, field), view)
        end = view.settings.timers.timeout_s
        return (
            f"{method} is sent again {sent} times at most: 64*T1 ({end:g} s) is the end of a "
            "transaction, and RFC 3261 stands over the guide here"
        )

    return text


_SENDING = (
    Check(
        rule=Rule.S2,
        keys=("PATH.retry_counts",),
        when=_beyond("REGISTER", "retry_counts"),
        text=_beyond_text("REGISTER", "retry_counts"),
    ),
    Check(
        rule=Rule.S2,
        # the second where firmware 80 takes it for INVITE too (P3)
        keys=("PATH.invite_retry_counts", "PATH.retry_counts"),
        when=_beyond("INVITE", "invite_retry_counts"),
        text=_beyond_text("INVITE", "invite_retry_counts"),
    ),
    Check(
        rule=Rule.S4,
        keys=("PATH.retry_counts", "PATH.invite_retry_counts"),
        when=lambda view: view.hops.transport_type in (_TCP, _TLS),
        text="over TCP and TLS nothing is sent again: it only says how long an answer is waited "
        "for, and a broken connection is not waited for at all (a later guide of the vendor)",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.R3,
        keys=(
            "PATH.retry_counts",
            "account.X.register_expires_overlap",
            "REGISTRAR.expires",
            "PLACE.address",
        ),
        when=lambda view: list_give_up_s(view) > overlap_s(view),
        text=_too_slow,
        given=False,
    ),
    Check(
        rule=Rule.R3,
        keys=("account.X.register_expires_overlap",),
        when=lambda view: overlap_s(view) < view.line.register_expires_overlap,
        text=lambda view: (
            f"counts as {overlap_s(view):g}: half of sip_server.{view.registrar}.expires at most"
        ),
        severity=Severity.NOTICE,
    ),
)

_RESOLVING = (
    Check(
        rule=Rule.D8,
        keys=("REGISTRAR.transport_type",),
        when=lambda view: view.hops.transport_type == _TLS and view.hops.port == 5060,
        text=lambda view: (
            f"TLS on port 5060 ({view.keys('PLACE.port')[0]}): servers take TLS on "
            "5061 as a rule; 0 lets DNS say the port, else it is 5061"
        ),
    ),
    Check(
        rule=Rule.D8,
        keys=("PLACE.port",),
        when=lambda view: view.hops.transport_type == _TLS and view.hops.port == 0,
        text="where DNS says no port, TLS goes to 5061, not to the guide's 5060 (RFC 3261)",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.D2,
        keys=("PLACE.port", "REGISTRAR.transport_type"),
        when=lambda view: (
            view.hops.transport_type == _NAPTR and view.hops.port != 0 and view.by_name
        ),
        text=lambda view: (
            f"transport_type 3 with a port ({view.keys('PLACE.port')[0]} = {view.hops.port}): only "
            "address records are asked for, and UDP is used; port 0 asks for NAPTR and SRV"
        ),
        severity=Severity.NOTICE,
        given=False,
    ),
    Check(
        rule=Rule.D1,
        keys=("REGISTRAR.transport_type",),
        when=lambda view: view.hops.transport_type == _NAPTR and not view.by_name,
        text="no effect: there is nothing to ask DNS about an IP address; UDP is used",
    ),
    Check(
        rule=Rule.D1,
        keys=("PLACE.port",),
        when=lambda view: view.hops.port == 0 and not view.by_name,
        text=lambda view: (
            "for an IP address 0 means " + ("5061" if view.hops.transport_type == _TLS else "5060")
        ),
        severity=Severity.NOTICE,
    ),
)


def _needs_name(key: str, rule: Rule) -> Check:
    return Check(
        rule=rule,
        keys=(f"PATH.{key}",),
        when=lambda view: not view.by_name,
        text=lambda view: (
            f"no effect: {view.hops.address} is an address, and only a name can lead "
            "to several targets (a later guide of the vendor narrows this one here)"
        ),
    )


_FAILBACK = (
    _needs_name("failback_mode", Rule.B1),
    _needs_name("failback_timeout", Rule.B4),
    _needs_name("register_on_enable", Rule.B9),
    _needs_name("only_signal_with_registered", Rule.B10),
    _needs_name("failback_subscribe.enable", Rule.B11),
    Check(
        rule=Rule.B4,
        keys=("PATH.failback_timeout",),
        when=lambda view: view.by_name and view.hops.failback_mode != _DURATION,
        text="no effect: it needs failback_mode = 3 (duration)",
    ),
    Check(
        rule=Rule.B4,
        keys=("PATH.failback_timeout",),
        when=lambda view: any(
            0 < int(view.subject.values.get(key, 0)) < 60
            for key in view.keys("PATH.failback_timeout")[:1]
        ),
        text="1 to 59 count as 60",
        severity=Severity.NOTICE,
        allowed="0, or 60 to 65535",
    ),
    Check(
        rule=Rule.B4,
        keys=("PATH.failback_timeout",),
        when=lambda view: (
            view.by_name
            and view.hops.failback_mode == _DURATION
            and view.hops.failback_timeout == 0
        ),
        text="the line never goes home by itself: only when the current target fails",
        severity=Severity.NOTICE,
    ),
    Check(
        rule=Rule.B10,
        keys=("PATH.only_signal_with_registered",),
        when=lambda view: (
            view.by_name
            and view.hops.only_signal_with_registered
            and not (view.hops.register_on_enable and view.hops.failback_mode != _NO_FAILBACK)
        ),
        text="no effect: it counts only with register_on_enable = 1 and failback_mode 1, 2 or 3 "
        "(a later guide of the vendor narrows this one here)",
    ),
    Check(
        rule=Rule.B11,
        keys=("PATH.failback_subscribe.enable",),
        when=lambda view: (
            view.by_name
            and view.hops.failback_subscribe_enable
            and view.hops.failback_mode == _NO_FAILBACK
        ),
        text="no effect: it needs failback_mode 1, 2 or 3",
    ),
)

PATH_CHECKS: tuple[Check, ...] = (*_SENDING, *_RESOLVING, *_FAILBACK)


def _overridden(key: str) -> Check:
    """P1: for a twin that does not inherit."""
    own = f"account.X.sip_server.Y.{key.removeprefix(_PROXY)}"

    def when(view: View) -> bool:
        values = view.subject.values
        return values.get(view.keys(key)[0], INHERIT) not in (
            INHERIT,
            values.get(view.keys(own)[0]),
        )

    return Check(
        rule=Rule.P1,
        keys=(own,),
        when=when,
        text=f"no effect: {key} stands over it while the proxy is in use",
    )


PROXY_CHECKS: tuple[Check, ...] = tuple(
    _overridden(parameter.key) for parameter in PROXY_PARAMETERS if parameter.default == INHERIT
)
"""For hop lists of outbound proxies only."""
