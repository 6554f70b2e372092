"""Mistyped keys are told from those of others."""

from __future__ import annotations

import pytest

from evertone.config.near import nearest


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("account.1.sip_server.1.retry_count", "account.X.sip_server.Y.retry_counts"),
        ("account.1.sip_sever.1.address", "account.X.sip_server.Y.address"),
        ("Account.1.Enable", "account.X.enable"),
        ("account.1.enbale", "account.X.enable"),
        ("account.1.user-name", "account.X.user_name"),
        ("account.1.pasword", "account.X.password"),
        ("account.1.fallback_timeout", "account.X.fallback.timeout"),
        ("account.X.enable", "account.X.enable"),
        ("account.1.outbound_proxy.address", "account.X.outbound_proxy.Y.address"),
        ("account.1.failback_mode", "account.X.sip_server.Y.failback_mode"),
        ("account.1.2.retry_counts", "account.X.sip_server.Y.retry_counts"),
        ("sip_server.1.address", "account.X.sip_server.Y.address"),
        ("network.dns.query_timeout", "static.network.dns.query_timeout"),
        ("dns_cache_srv.1.taget", "dns_cache_srv.N.target"),
        ("static.network.primary_dsn", "static.network.primary_dns"),
        ("evertone.fimwares", "evertone.firmware"),
        ("evertone.settling_time_of_all", "evertone.settle"),
    ],
)
def test_mistakes(key: str, meant: str) -> None:
    parameter = nearest(key)
    assert parameter is not None
    assert parameter.key == meant


@pytest.mark.parametrize(
    "key",
    [
        "account.1.check_to_tag.enable",
        "account.1.subscribe_expires_overlap",
        "account.1.sip_server_host",
        "account.1.nat.rport",
        "account.1.tls.port",
        "phone.account.1.sip_server.1.address",
        "account.1.dial_tone",
        "account.1.codec.pcmu.enable",
        "static.network.internet_port.type",
        "static.network.dns.ttl_enable",
        "sip.skip_redundant_failover_addr",
        "static.security.default_ssl_method",
        "lang.gui",
        "",
        "account.1." + "x" * 4000,
    ],
)
def test_keys_of_others(key: str) -> None:
    assert nearest(key) is None
