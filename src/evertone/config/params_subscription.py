"""Parameters of what a line subscribes to: message waiting, a shared line, busy lamps."""

from __future__ import annotations

from evertone.config.kinds import BOOLEAN, Choice, Integer, Text
from evertone.config.parameter import Parameter
from evertone.rules import Rule

__all__ = ["LINE_KEY_PARAMETERS", "SUBSCRIPTION_PARAMETERS"]

_ADVANCED = "Account->Advanced->"
_KEYS = "Dsskey->Line Key->"
_LONGEST_S = 2147483647

SUBSCRIPTION_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        key="account.X.subscribe_mwi",
        kind=BOOLEAN,
        default=0,
        text="Whether the line asks its server to be told of messages in its mailbox. With two "
        "servers at once it asks the working server only.",
        web=_ADVANCED + "Subscribe for MWI",
        rules=(Rule.F7,),
    ),
    Parameter(
        key="account.X.subscribe_mwi_expires",
        kind=Integer(0, 84600),
        default=3600,
        text="Seconds for which the line asks to be told of messages. 0: the server decides.",
        web=_ADVANCED + "MWI Subscription Period (Seconds)",
        effect="subscribe_mwi is 1",
    ),
    Parameter(
        key="account.X.shared_line",
        # of the vendor's ways only the one that is a dialog event is ours
        kind=Choice({0: "disabled", 1: "not taken part in", 3: "watched by dialog events"}),
        default=0,
        text="Whether the line watches a line that it shares with others. With two servers at "
        "once it does so at the working server only.",
        web=_ADVANCED + "Shared Line",
        rules=(Rule.F7,),
    ),
    Parameter(
        key="account.X.bla_number",
        kind=Text(),
        default="",
        text="The number of the shared line. Blank: the line's own user name.",
        web=_ADVANCED + "BLA Number",
        effect="shared_line is 3",
    ),
    Parameter(
        key="account.X.bla_subscribe_period",
        kind=Integer(60, 7200),
        default=300,
        text="Seconds for which the line asks to be told about the shared line.",
        web=_ADVANCED + "BLA Subscription Period",
        effect="shared_line is 3",
    ),
    Parameter(
        key="account.X.blf.subscribe_period",
        kind=Integer(30, _LONGEST_S),
        default=1800,
        text="Seconds for which the line asks to be told about those whom its keys watch.",
        web=_ADVANCED + "Subscribe Period (Seconds)",
        effect="a line key of type 16 names somebody",
    ),
    Parameter(
        key="account.X.sub_fail_retry_interval",
        kind=Integer(0, 3600),
        default=30,
        text="Seconds until a failed subscription is tried again.",
        effect="the line subscribes to something",
    ),
)

LINE_KEY_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        key="linekey.K.type",
        kind=Integer(0, 255),
        default=0,
        text="What the key is for. 16 watches whether somebody is on the telephone; all other "
        "types do nothing here.",
        web=_KEYS + "Type",
    ),
    Parameter(
        key="linekey.K.line",
        kind=Integer(0, 16),
        default=1,
        text="The line by which the key watches.",
        web=_KEYS + "Line",
        effect="linekey.K.type is 16",
    ),
    Parameter(
        key="linekey.K.value",
        kind=Text(),
        default="",
        text="Whom the key watches: a number or a SIP address.",
        web=_KEYS + "Value",
        effect="linekey.K.type is 16",
    ),
)
