"""Rehearsals for the tests of what is made of them."""

from __future__ import annotations

import functools

from evertone.config import load_texts
from evertone.config.settings import PhoneSettings
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.report import Rehearsal

SECRET = "pa55-w0rd-of-nobody"
EVIL = "<script>alert('x')</script>"

_TEXT = f"""#!version:1.0.0.1
account.1.enable = 1
account.1.label = {EVIL}
account.1.display_name = {EVIL}
account.1.user_name = 1001
account.1.auth_name = 1001
account.1.password = {SECRET}
account.1.sip_server.1.address = pbx.example
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
account.1.sip_server.1.expires = 600
"""


def settings() -> PhoneSettings:
    return load_texts([("phone.cfg", _TEXT.encode())]).settings


@functools.cache
def outage(fault: str = "server1.primary silence 10m..25m", for_s: float = 7200.0) -> Rehearsal:
    """A primary that is silent for a quarter of an hour, with calls every five minutes."""
    return rehearse(
        settings(), faults=[fault], calls=CallPlan(300.0), for_s=for_s, keep_packets=True
    )


@functools.cache
def calm() -> Rehearsal:
    """Nothing fails, nobody calls, no packets are kept."""
    return rehearse(settings(), for_s=7200.0)
