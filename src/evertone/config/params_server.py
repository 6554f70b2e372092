"""Parameters of a server and of an outbound proxy: ``account.X.sip_server.Y.*`` and its twins."""

from __future__ import annotations

from dataclasses import replace

from evertone.config.kinds import BOOLEAN, PORT, Address, Choice, Integer
from evertone.config.parameter import Parameter
from evertone.config.settings import INHERIT
from evertone.rules import Rule

__all__ = ["PROXY_PARAMETERS", "SERVER_PARAMETERS"]

_REGISTER = "Account->Register->"
_MENU = "Menu->Advanced->Account->"
_SERVER = "account.X.sip_server.Y."
_PROXY = "account.X.outbound_proxy.Y."
_BY_NAME = "the address is a name"
_LONGEST_S = 2147483647

_ADDRESSING = (
    Parameter(
        key=_SERVER + "address",
        kind=Address(),
        default="",
        text="The registrar: a name that may lead to several targets (failover), or an address. "
        "Server 1 is the working server, server 2 the fallback server.",
        web=_REGISTER + "SIP Server Y->Server Host",
        phone=_MENU + "SIP Server1",
        rules=(Rule.D1,),
    ),
    Parameter(
        key=_SERVER + "port",
        kind=PORT,
        default=5060,
        text="The server's port. 0 lets DNS say it: NAPTR and SRV are asked for.",
        web=_REGISTER + "SIP Server Y->Port",
        rules=(Rule.D2, Rule.D3, Rule.D6),
    ),
    Parameter(
        key=_SERVER + "transport_type",
        kind=Choice({0: "UDP", 1: "TCP", 2: "TLS", 3: "DNS-NAPTR"}),
        default=0,
        text="How requests travel. 3 lets DNS choose when the port is 0, and means UDP otherwise.",
        web=_REGISTER + "SIP Server Y->Transport",
        rules=(Rule.D2, Rule.D3, Rule.D6),
    ),
    Parameter(
        key=_SERVER + "expires",
        kind=Integer(30, _LONGEST_S),
        default=3600,
        text="Seconds for which the phone asks to be registered.",
        web=_REGISTER + "SIP Server Y->Server Expires",
        rules=(Rule.R3,),
    ),
)

_REDUNDANCY = (
    Parameter(
        key=_SERVER + "retry_counts",
        kind=Integer(0, 20),
        default=3,
        text="How often a request without an answer is sent again before the next target is "
        "tried. Over TCP and TLS nothing is sent again, but the time is the same.",
        web=_REGISTER + "SIP Server Y->Server Retry Counts",
        rules=(Rule.S1, Rule.S2, Rule.S4),
    ),
    Parameter(
        key=_SERVER + "register_on_enable",
        kind=BOOLEAN,
        default=0,
        text="Whether the phone registers with a secondary before it sends anything else there. "
        "0: primary and secondaries are taken to share their registrations.",
        effect=_BY_NAME,
        rules=(Rule.B9,),
    ),
    Parameter(
        key=_SERVER + "only_signal_with_registered",
        kind=BOOLEAN,
        default=0,
        text="Whether requests go to no target but one that the phone is registered with.",
        firmware=(81,),
        effect=f"{_BY_NAME}, register_on_enable is 1 and failback_mode is 1, 2 or 3",
        rules=(Rule.B10,),
    ),
    Parameter(
        key=_SERVER + "invite_retry_counts",
        kind=Integer(1, 10),
        default=3,
        text="retry_counts for INVITE. Firmware 80 takes retry_counts itself.",
        firmware=(81,),
        rules=(Rule.S1, Rule.S2),
    ),
    Parameter(
        key=_SERVER + "failback_mode",
        kind=Choice(
            {
                0: "newRequests: every request begins at the primary",
                1: "DNSTTL: home when the TTL of the target's address has run",
                2: "registration: home when the registration is refreshed",
                3: "duration: home after failback_timeout",
            }
        ),
        default=0,
        text="When the phone goes back to the primary after a failover. Modes 1 to 3 wait until "
        "the phone is idle.",
        effect=_BY_NAME,
        rules=(Rule.B1, Rule.B2, Rule.B3, Rule.B4, Rule.B5),
    ),
    Parameter(
        key=_SERVER + "failback_timeout",
        # 1 to 59 are taken, and count as 60 (B4)
        kind=Integer(0, 65535),
        default=3600,
        text="Seconds after a failover until the primary is tried again; 1 to 59 count as 60. "
        "0: not before the current target fails.",
        effect=f"{_BY_NAME} and failback_mode is 3",
        rules=(Rule.B4,),
    ),
    Parameter(
        key=_SERVER + "failback_subscribe.enable",
        kind=BOOLEAN,
        default=0,
        text="Whether subscriptions are made anew as soon as the registration has moved to "
        "another address.",
        firmware=(81,),
        effect=f"{_BY_NAME} and failback_mode is 1, 2 or 3",
        rules=(Rule.B11,),
    ),
)

SERVER_PARAMETERS: tuple[Parameter, ...] = (*_ADDRESSING, *_REDUNDANCY)


def _inheriting(kind: Integer | Choice) -> Integer | Choice:
    """The same kind, and -1 beside."""
    if isinstance(kind, Choice):
        return Choice({INHERIT: "as sip_server.Y", **kind.meanings})
    return replace(kind, also=(INHERIT,))


def _twin(parameter: Parameter) -> Parameter:
    """The outbound proxy's parameter that stands over one of the server's (P1)."""
    name = parameter.key.removeprefix(_SERVER)
    assert isinstance(parameter.kind, Integer | Choice)
    return replace(
        parameter,
        key=_PROXY + name,
        kind=_inheriting(parameter.kind),
        default=INHERIT,
        text=f"sip_server.Y.{name} for the way through outbound proxy Y.",
        firmware=(81,),
        web="",
        effect="outbound_proxy_enable is 1"
        + (f"; else as sip_server.Y.{name}" if parameter.effect else ""),
        rules=(Rule.P1, *parameter.rules),
    )


PROXY_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        key=_PROXY + "address",
        kind=Address(),
        default="",
        text="Outbound proxy Y: a name that may lead to several targets, or an address. Proxy 2 "
        "serves while proxy 1 is unavailable.",
        firmware=(81,),
        web=_REGISTER + "Outbound Proxy Server Y",
        phone=_MENU + "Outbound ProxyY",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P1, Rule.P2),
    ),
    Parameter(
        key=_PROXY + "port",
        kind=PORT,
        default=5060,
        text="The port of outbound proxy Y. 0 lets DNS say it: NAPTR and SRV are asked for.",
        firmware=(81,),
        web=_REGISTER + "Outbound Proxy Server Y->Port",
        effect="outbound_proxy_enable is 1",
        rules=(Rule.P4,),
    ),
    *(_twin(parameter) for parameter in _REDUNDANCY),
)
