"""What a phone is told, typed: one field per parameter of the guide, under the guide's names.

Built from files by :mod:`evertone.config.load`; built by hand in tests. ``account.X.a.b`` is
field ``a_b`` of :class:`LineSettings`; ``account.X.sip_server.Y.a`` field ``a`` of
:class:`ServerSettings`. Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from evertone.model import Group
from evertone.schedule import SipTimers

__all__ = [
    "BUSY_LAMP_FIELD",
    "INHERIT",
    "DnsSettings",
    "LineKey",
    "LineSettings",
    "PathSettings",
    "PhoneSettings",
    "ProxySettings",
    "SecuritySettings",
    "ServerSettings",
    "StaticA",
    "StaticNaptr",
    "StaticSrv",
]

INHERIT = -1
"""Value of an ``outbound_proxy.Y.*`` twin that leaves the choice to ``sip_server.Y.*``."""

BUSY_LAMP_FIELD = 16
"""``linekey.K.type`` of a key that watches somebody."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``account.X.sip_server.Y.*``. An empty address: the server is not configured."""

    address: str = ""
    port: int = 5060
    transport_type: int = 0  # 0 UDP, 1 TCP, 2 TLS, 3 DNS-NAPTR
    expires: int = 3600
    retry_counts: int = 3
    register_on_enable: int = 0
    only_signal_with_registered: int = 0
    invite_retry_counts: int = 3
    failback_mode: int = 0
    failback_timeout: int = 3600
    failback_subscribe_enable: int = 0


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """``account.X.outbound_proxy.Y.*``; the twins default to :data:`INHERIT` (B)."""

    address: str = ""
    port: int = 5060
    retry_counts: int = INHERIT
    register_on_enable: int = INHERIT
    only_signal_with_registered: int = INHERIT
    invite_retry_counts: int = INHERIT
    failback_mode: int = INHERIT
    failback_timeout: int = INHERIT
    failback_subscribe_enable: int = INHERIT


@dataclass(frozen=True, slots=True)
class PathSettings:
    """What governs one hop list: a server's own settings, or a proxy's laid over them (P1)."""

    group: Group
    address: str
    port: int
    transport_type: int
    retry_counts: int
    invite_retry_counts: int
    register_on_enable: bool
    only_signal_with_registered: bool
    failback_mode: int
    failback_timeout: int  # B4 applied: 0 or >= 60
    failback_subscribe_enable: bool


@dataclass(frozen=True, slots=True)
class LineSettings:
    """One ``account.X``; ``line`` is X."""

    line: int = 1
    enable: int = 0
    label: str = ""
    display_name: str = ""
    auth_name: str = ""
    user_name: str = ""
    password: str = field(default="", repr=False)
    sip_server: tuple[ServerSettings, ServerSettings] = (ServerSettings(), ServerSettings())
    outbound_proxy_enable: int = 0
    outbound_proxy: tuple[ProxySettings, ProxySettings] = (ProxySettings(), ProxySettings())
    fallback_redundancy_type: int = 0  # 0 concurrent, 1 successive
    fallback_timeout: int = 120
    outbound_proxy_fallback_interval: int = 3600
    dns_cache_type: int = 1
    static_cache_pri: int = 0
    naptr_build: int = 0
    reg_fail_retry_interval: int = 30
    reg_failed_retry_min_time: int = 0
    reg_failed_retry_max_time: int = 60  # counts only with a min_time above 0 (R6)
    register_expires_overlap: int = -1
    unregister_on_reboot: int = 0
    redundancy_with_reg_fail_enable: int = 0
    nat_udp_update_enable: int = 0
    nat_udp_update_time: int = 30
    subscribe_mwi: int = 0
    subscribe_mwi_expires: int = 3600
    shared_line: int = 0  # 0 off, 1 not taken part in, 3 watched as dialog;sla
    bla_number: str = ""
    bla_subscribe_period: int = 300
    blf_subscribe_period: int = 1800
    sub_fail_retry_interval: int = 30
    # our own keys (X); the phone-wide evertone.KEY is already laid under
    skip_unavailable: int = 0
    spread: int = 0
    settle: int = 0
    srv_weight: str = "guide"
    call_survival: int = 1

    @property
    def successive(self) -> bool:
        """True for successive registration (F2)."""
        return self.fallback_redundancy_type == 1

    @property
    def user(self) -> str:
        """The user part of the address of record: ``user_name`` up to its ``@``."""
        return self.user_name.partition("@")[0]

    @property
    def auth_user(self) -> str:
        """The user name for digest: ``auth_name``, or where that is blank :attr:`user`."""
        return self.auth_name or self.user

    def domain(self, registrar: int) -> str:
        """The domain of the address of record at ``registrar``.

        That of ``user_name`` if it is ``user@domain``, else the server's address. An IPv6
        literal comes without brackets.
        """
        return self.user_name.partition("@")[2] or self.server(registrar).address

    def registrars(self) -> tuple[int, ...]:
        """The configured servers: (), (1,), (2,) or (1, 2); the first is where it begins (F5)."""
        return tuple(y for y in (1, 2) if self.sip_server[y - 1].address)

    def server(self, registrar: int) -> ServerSettings:
        """``sip_server.Y`` of registrar Y."""
        return self.sip_server[registrar - 1]

    def proxies(self) -> tuple[Group, ...]:
        """The outbound proxies in use, in order; empty: the path is the server itself (P1)."""
        if not self.outbound_proxy_enable:
            return ()
        groups = (Group.PROXY1, Group.PROXY2)
        return tuple(g for g in groups if self.outbound_proxy[g.number - 1].address)

    def paths(self, registrar: int) -> tuple[Group, ...]:
        """The hop lists that lead to ``registrar``, in order of preference (P1, P2)."""
        return self.proxies() or ((Group.SERVER1, Group.SERVER2)[registrar - 1],)

    def path(self, group: Group, registrar: int) -> PathSettings:
        """What governs the hop list ``group`` on the way to ``registrar`` (P1, B)."""
        server = self.sip_server[group.number - 1] if group.is_proxy else self.server(registrar)
        address, port = server.address, server.port
        if group.is_proxy:
            proxy = self.outbound_proxy[group.number - 1]
            address, port = proxy.address, proxy.port
            twins = {
                name: getattr(proxy, name) for name in _TWINS if getattr(proxy, name) != INHERIT
            }
            server = replace(server, **twins)
        timeout = server.failback_timeout
        return PathSettings(
            group=group,
            address=address,
            port=port,
            transport_type=self.server(registrar).transport_type,
            retry_counts=server.retry_counts,
            invite_retry_counts=server.invite_retry_counts,
            register_on_enable=bool(server.register_on_enable),
            only_signal_with_registered=bool(server.only_signal_with_registered),
            failback_mode=server.failback_mode,
            failback_timeout=max(timeout, 60) if timeout > 0 else 0,
            failback_subscribe_enable=bool(server.failback_subscribe_enable),
        )


_TWINS = (
    "retry_counts",
    "register_on_enable",
    "only_signal_with_registered",
    "invite_retry_counts",
    "failback_mode",
    "failback_timeout",
    "failback_subscribe_enable",
)


@dataclass(frozen=True, slots=True)
class StaticA:
    """``dns_cache_a.N`` (D13). An IPv6 literal makes it an AAAA record."""

    name: str
    ip: str
    ttl: int = 300


@dataclass(frozen=True, slots=True)
class StaticSrv:
    """``dns_cache_srv.N`` (D13)."""

    name: str
    target: str
    port: int = 0
    priority: int = 0
    weight: int = 0
    ttl: int = 300


@dataclass(frozen=True, slots=True)
class StaticNaptr:
    """``dns_cache_naptr.N`` (D13)."""

    name: str
    replace: str
    flags: str = ""
    service: str = ""
    order: int = 0
    preference: int = 0
    ttl: int = 300


@dataclass(frozen=True, slots=True)
class LineKey:
    """``linekey.K``: a key with a lamp. Type 16 shows whether ``value`` is on the telephone."""

    type: int = 0
    line: int = 1
    value: str = ""

    @property
    def watches(self) -> bool:
        """True for a busy lamp field that names somebody."""
        return self.type == BUSY_LAMP_FIELD and bool(self.value)


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Name servers, static records, and how patient the phone is with both (D13-D16)."""

    primary_dns: str = ""
    secondary_dns: str = ""
    static_a: tuple[StaticA, ...] = ()
    static_srv: tuple[StaticSrv, ...] = ()
    static_naptr: tuple[StaticNaptr, ...] = ()
    query_timeout: int = 3
    retry_times: int = 2
    last_cache_expired_enable: int = 1
    last_cache_expired: int = 3600


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """``security.trust_certificates`` and ``static.security.*``; files are paths as given."""

    trust_certificates: int = 1  # 1: only certificates that the trust store vouches for
    ca_cert: int = 2  # 0 built-in (the system's), 1 custom, 2 both
    trusted_certificates_file: str = ""
    cn_validation: int = 1  # check the server's name (RFC 5922)
    dev_cert: int = 0
    client_certificate_file: str = ""


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """Everything one phone is told."""

    lines: tuple[LineSettings, ...] = ()
    line_keys: tuple[LineKey, ...] = ()
    model: str = "SIP-T46G"
    firmware: int = 81
    timers: SipTimers = SipTimers()
    listen_port: int = 5060
    reg_surge_prevention: int = 0
    dns: DnsSettings = DnsSettings()
    security: SecuritySettings = SecuritySettings()

    def watched_by(self, line: int) -> tuple[str, ...]:
        """Whom the keys of ``line`` watch, each once."""
        keys = (key for key in self.line_keys if key.line == line and key.watches)
        return tuple(dict.fromkeys(key.value for key in keys))

    def enabled_lines(self) -> tuple[LineSettings, ...]:
        """The lines that register: enabled, with a user name and at least one server."""
        return tuple(x for x in self.lines if x.enable and x.user_name and x.registrars())
