"""The schema has a row for everything, and fits the settings."""

from __future__ import annotations

import dataclasses

import pytest

from evertone.config.kinds import Text
from evertone.config.models import FIRMWARES, find_model
from evertone.config.parameter import Parameter, Scope
from evertone.config.schema import PARAMETERS, limits, lookup
from evertone.config.settings import (
    LineKey,
    LineSettings,
    PhoneSettings,
    ProxySettings,
    ServerSettings,
    StaticA,
    StaticNaptr,
    StaticSrv,
)

_CLASSES = {
    Scope.LINE: LineSettings,
    Scope.SERVER: ServerSettings,
    Scope.PROXY: ProxySettings,
    Scope.RECORD_A: StaticA,
    Scope.RECORD_SRV: StaticSrv,
    Scope.RECORD_NAPTR: StaticNaptr,
    Scope.LINE_KEY: LineKey,
}
_FIRMWARE_80_ONLY = {
    "account.X.outbound_host",
    "account.X.outbound_port",
    "account.X.backup_outbound_host",
    "account.X.backup_outbound_port",
}
_ESSENTIAL = {"name", "ip", "target", "replace"}  # fields of records without a default
_GUIDE = [
    "account.X.enable",
    "account.X.label",
    "account.X.display_name",
    "account.X.auth_name",
    "account.X.user_name",
    "account.X.password",
    "account.X.sip_server.Y.address",
    "account.X.sip_server.Y.port",
    "account.X.sip_server.Y.transport_type",
    "account.X.sip_server.Y.expires",
    "account.X.sip_server.Y.retry_counts",
    "account.X.outbound_proxy_enable",
    "account.X.outbound_host",
    "account.X.outbound_port",
    "account.X.backup_outbound_host",
    "account.X.backup_outbound_port",
    "account.X.outbound_proxy.Y.address",
    "account.X.outbound_proxy.Y.port",
    "account.X.fallback.redundancy_type",
    "account.X.fallback.timeout",
    "account.X.outbound_proxy_fallback_interval",
    "account.X.sip_server.Y.register_on_enable",
    "account.X.sip_server.Y.only_signal_with_registered",
    "account.X.sip_server.Y.invite_retry_counts",
    "account.X.sip_server.Y.failback_mode",
    "account.X.sip_server.Y.failback_timeout",
    "account.X.sip_server.Y.failback_subscribe.enable",
    "account.X.dns_cache_type",
    "account.X.static_cache_pri",
    "dns_cache_a.N.name",
    "dns_cache_a.N.ip",
    "dns_cache_a.N.ttl",
    "dns_cache_srv.N.name",
    "dns_cache_srv.N.port",
    "dns_cache_srv.N.priority",
    "dns_cache_srv.N.target",
    "dns_cache_srv.N.weight",
    "dns_cache_srv.N.ttl",
    "account.X.naptr_build",
    "dns_cache_naptr.N.name",
    "dns_cache_naptr.N.flags",
    "dns_cache_naptr.N.order",
    "dns_cache_naptr.N.preference",
    "dns_cache_naptr.N.replace",
    "dns_cache_naptr.N.service",
    "dns_cache_naptr.N.ttl",
]
_ids = [parameter.key for parameter in PARAMETERS]


def test_every_parameter_of_the_guide_is_a_row() -> None:
    assert len(_GUIDE) == 46
    assert set(_GUIDE) <= set(_ids)


def test_no_key_twice() -> None:
    names = [name for p in PARAMETERS for name in (p.key, *p.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.rule("P3")
def test_which_firmware_knows_what() -> None:
    only_80 = {p.key for p in PARAMETERS if p.firmware == (80,)}
    only_81 = {p.key for p in PARAMETERS if p.firmware == (81,)}
    assert only_80 == _FIRMWARE_80_ONLY
    assert only_81 == {
        "account.X.sip_server.Y.only_signal_with_registered",
        "account.X.sip_server.Y.invite_retry_counts",
        "account.X.sip_server.Y.failback_subscribe.enable",
        *(p.key for p in PARAMETERS if p.scope is Scope.PROXY),
    }


def _settings_default(parameter: Parameter) -> object:
    if parameter.scope is Scope.PHONE:
        value: object = PhoneSettings()
        path = parameter.field
        if path in {field.name for field in dataclasses.fields(LineSettings)}:
            return getattr(LineSettings(), path)  # evertone.KEY, laid under each line
        for name in path.split("."):
            value = getattr(value, name)
        return value
    fields = {field.name: field for field in dataclasses.fields(_CLASSES[parameter.scope])}
    return fields[parameter.field].default


@pytest.mark.parametrize("parameter", PARAMETERS, ids=_ids)
def test_rows_fit_the_settings(parameter: Parameter) -> None:
    assert parameter.text.endswith((".", ".)"))
    assert set(parameter.firmware) <= set(FIRMWARES)
    if parameter.key in _FIRMWARE_80_ONLY or parameter.default is None:
        return  # fields of another object, or an inherited default
    if parameter.scope is not Scope.PHONE and parameter.field in _ESSENTIAL:
        assert parameter.default == ""
        return
    default = _settings_default(parameter)
    assert default == parameter.default
    assert parameter.kind.read(str(default)) == default


def test_only_passwords_are_secret() -> None:
    assert [p.key for p in PARAMETERS if p.secret] == ["account.X.password"]
    assert Text(secret=True).allowed == Text().allowed


@pytest.mark.parametrize(
    ("key", "own", "numbers"),
    [
        ("account.3.sip_server.2.port", "account.3.sip_server.2.port", {"X": 3, "Y": 2}),
        ("account.03.enable", "account.3.enable", {"X": 3}),
        ("dns_cache_a.12.ttl", "dns_cache_a.12.ttl", {"N": 12}),
        ("security.cn_validation", "static.security.cn_validation", {}),
        ("account.2.evertone.spread", "account.2.evertone.spread", {"X": 2}),
        ("account.17.enable", "account.17.enable", {"X": 17}),
    ],
)
def test_lookup(key: str, own: str, numbers: dict[str, int]) -> None:
    match = lookup(key)
    assert match is not None
    assert (match.key, match.numbers) == (own, numbers)


@pytest.mark.parametrize(
    "key", ["account.X.enable", "account..enable", "account.12345.enable", "", "account.²."]
)
def test_lookup_of_others(key: str) -> None:
    assert lookup(key) is None


def test_limits() -> None:
    model = find_model("T21P E2")
    assert model is not None
    assert limits(model.lines) == {"X": 2, "Y": 2, "N": 12, "K": 29}
