"""The lab's servers: one door to both."""

from __future__ import annotations

from evertone.lab.name_server import NameServer
from evertone.lab.registrations import Binding, RegistrationStore
from evertone.lab.sip_server import SipServer

__all__ = ["Binding", "NameServer", "RegistrationStore", "SipServer"]
