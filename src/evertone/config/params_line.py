"""Parameters of a line: ``account.X.*`` without the servers and proxies."""

from __future__ import annotations

from evertone.config.kinds import BOOLEAN, PORT, Address, Choice, Integer, Kind, Text, User, Word
from evertone.config.parameter import Parameter
from evertone.rules import Rule

__all__ = ["LINE_PARAMETERS", "OWN_KINDS"]

_REGISTER = "Account->Register->"
_ADVANCED = "Account->Advanced->"
_MENU = "Menu->Advanced->Account->"
_LONGEST_S = 2147483647

OWN_KINDS: dict[str, Kind] = {
    "skip_unavailable": Integer(0, 86400),
    "spread": Integer(0, 3600),
    "settle": Integer(0, 86400),
    "srv_weight": Word(
        {"guide": "highest weight first", "rfc2782": "a draw in proportion to the weights"}
    ),
    "call_survival": BOOLEAN,
}
"""Our own keys (X), which exist for the whole phone and for one line."""

_IDENTITY = (
    Parameter(
        key="account.X.enable",
        kind=BOOLEAN,
        default=0,
        text="Whether the line is in use: only an enabled line registers and calls.",
        web=_REGISTER + "Line Active",
        phone=_MENU + "Activation",
    ),
    Parameter(
        key="account.X.label",
        kind=Text(),
        default="",
        text="What the screen calls the line.",
        web=_REGISTER + "Label",
        phone=_MENU + "Label",
    ),
    Parameter(
        key="account.X.display_name",
        kind=Text(),
        default="",
        text="The name that the other party sees; it goes into the From header.",
        web=_REGISTER + "Display Name",
        phone=_MENU + "Display Name",
    ),
    Parameter(
        key="account.X.auth_name",
        kind=Text(),
        default="",
        text="The name with which the phone answers a server's challenge. Blank: the user name.",
        web=_REGISTER + "Register Name",
        phone=_MENU + "Register Name",
        rules=(Rule.A3,),
    ),
    Parameter(
        key="account.X.user_name",
        kind=User(),
        default="",
        text="The number or name that the line registers. user@domain makes that domain the one "
        "of the address of record; without it the server's address is.",
        web=_REGISTER + "User Name",
        phone=_MENU + "User Name",
    ),
    Parameter(
        key="account.X.password",
        kind=Text(secret=True),
        default="",
        text="The password with which the phone answers a server's challenge. Never shown.",
        web=_REGISTER + "Password",
        phone=_MENU + "Password",
        rules=(Rule.A3,),
    ),
)

_PROXY_USE = (
    Parameter(
        key="account.X.outbound_proxy_enable",
        kind=BOOLEAN,
        default=0,
        text="Whether requests take their way through the outbound proxies.",
        web=_REGISTER + "Enable Outbound Proxy Server",
        phone=_MENU + "Outbound Status",
        rules=(Rule.P1,),
    ),
    Parameter(
        key="account.X.outbound_host",
        kind=Address(),
        default="",
        text="Outbound proxy 1 in firmware 80.",
        firmware=(80,),
        web=_REGISTER + "Outbound Proxy Server 1",
        phone=_MENU + "Outbound Proxy1",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P3,),
    ),
    Parameter(
        key="account.X.outbound_port",
        kind=PORT,
        default=5060,
        text="The port of outbound proxy 1 in firmware 80.",
        firmware=(80,),
        web=_REGISTER + "Outbound Proxy Server 1->Port",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P3,),
    ),
    Parameter(
        key="account.X.backup_outbound_host",
        kind=Address(),
        default="",
        text="Outbound proxy 2 in firmware 80.",
        firmware=(80,),
        web=_REGISTER + "Outbound Proxy Server 2",
        phone=_MENU + "Outbound Proxy2",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P3,),
    ),
    Parameter(
        key="account.X.backup_outbound_port",
        kind=PORT,
        default=5060,
        text="The port of outbound proxy 2 in firmware 80.",
        firmware=(80,),
        web=_REGISTER + "Outbound Proxy Server 2->Port",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P3,),
    ),
    Parameter(
        key="account.X.outbound_proxy_fallback_interval",
        # the guide gives no range: the widest that any of its intervals has
        kind=Integer(1, _LONGEST_S),
        default=3600,
        text="Seconds between tries to register through proxy 1 again while proxy 2 serves.",
        web=_REGISTER + "Proxy Fallback Interval",
        phone=_MENU + "Proxy Fallback Interval",
        effect="there are two outbound proxies",
        rules=(Rule.P2,),
    ),
)

_FALLBACK = (
    Parameter(
        key="account.X.fallback.redundancy_type",
        kind=Choice({0: "concurrent", 1: "successive"}),
        default=0,
        text="Whether the line is registered with both servers at once, or with one at a time. "
        "Outbound proxies are always used one at a time.",
        effect="there are two servers",
        rules=(Rule.F1, Rule.F2),
    ),
    Parameter(
        key="account.X.fallback.timeout",
        kind=Integer(10, _LONGEST_S),
        default=120,
        text="Seconds between tries to register with server 1 again while server 2 serves.",
        effect="there are two servers and fallback.redundancy_type is 1",
        rules=(Rule.F4,),
    ),
)

_DNS = (
    Parameter(
        key="account.X.dns_cache_type",
        kind=Choice(
            {
                0: "ask each time",
                1: "keep the answers",
                2: "keep the answers and their additional section",
            }
        ),
        default=1,
        text="What the line's look-ups keep of what name servers answer.",
        rules=(Rule.D12,),
    ),
    Parameter(
        key="account.X.static_cache_pri",
        kind=Choice({0: "name servers first", 1: "static records first"}),
        default=0,
        text="Whether the static records serve before or after the name servers.",
        effect="there are static records",
        rules=(Rule.D13,),
    ),
    Parameter(
        key="account.X.naptr_build",
        kind=Choice({0: "SRV for UDP", 1: "SRV for UDP, TCP and TLS"}),
        default=0,
        text="What is asked for when a name has no NAPTR record.",
        effect="transport_type is 3 and the port is 0",
        rules=(Rule.D5,),
    ),
)

_REGISTRATION = (
    Parameter(
        key="account.X.reg_fail_retry_interval",
        kind=Integer(0, 1800),
        default=30,
        text="Seconds until a failed registration is tried again.",
        web=_ADVANCED + "SIP Registration Retry Timer",
        effect="reg_failed_retry_min_time is 0",
        rules=(Rule.R6,),
    ),
    Parameter(
        key="account.X.reg_failed_retry_min_time",
        kind=Integer(0, _LONGEST_S),
        default=0,
        text="Seconds to begin with when the wait after a failed registration shall grow and be "
        "random (RFC 5626 §4.5). 0: it is always reg_fail_retry_interval.",
        rules=(Rule.R6,),
    ),
    Parameter(
        key="account.X.reg_failed_retry_max_time",
        kind=Integer(0, _LONGEST_S),
        default=60,
        text="Seconds beyond which the growing wait does not grow.",
        effect="reg_failed_retry_min_time is above 0",
        rules=(Rule.R6,),
    ),
    Parameter(
        key="account.X.register_expires_overlap",
        kind=Integer(1, _LONGEST_S, also=(-1,)),
        default=-1,
        text="How many seconds before its end a registration is refreshed. -1: 60. Half the "
        "granted time at most.",
        rules=(Rule.R3,),
    ),
    Parameter(
        key="account.X.unregister_on_reboot",
        kind=BOOLEAN,
        default=0,
        text="Whether the phone removes its own earlier binding when it starts.",
        web=_ADVANCED + "Unregister When Reboot",
        rules=(Rule.R5,),
    ),
    Parameter(
        key="account.X.redundancy_with_reg_fail.enable",
        kind=BOOLEAN,
        default=0,
        text="Whether a refusal of the registration sends the phone to the next target, as "
        "silence does.",
        rules=(Rule.A6,),
    ),
    Parameter(
        key="account.X.nat.udp_update_enable",
        # the vendor's ways differ in the packet; ours is one and the same
        kind=Choice({0: "disabled", 1: "enabled", 2: "as 1", 3: "as 1"}),
        default=0,
        text="Whether the phone keeps its way through an address translator open over UDP.",
        web=_ADVANCED + "Keep Alive Type",
        rules=(Rule.R9,),
    ),
    Parameter(
        key="account.X.nat.udp_update_time",
        kind=Integer(15, _LONGEST_S),
        default=30,
        text="Seconds between two packets that keep the way open.",
        web=_ADVANCED + "Keep Alive Interval",
        effect="nat.udp_update_enable is not 0",
        rules=(Rule.R9,),
    ),
)

_OWN = tuple(
    Parameter(
        key=f"account.X.evertone.{name}",
        kind=OWN_KINDS[name],
        default=None,
        text=f"evertone.{name} for this line alone; blank: as the whole phone.",
        rules=(rule,),
    )
    for name, rule in (
        ("skip_unavailable", Rule.X1),
        ("spread", Rule.X2),
        ("settle", Rule.X3),
        ("srv_weight", Rule.X4),
        ("call_survival", Rule.X5),
    )
)

LINE_PARAMETERS: tuple[Parameter, ...] = (
    *_IDENTITY,
    *_PROXY_USE,
    *_FALLBACK,
    *_DNS,
    *_REGISTRATION,
    *_OWN,
)
