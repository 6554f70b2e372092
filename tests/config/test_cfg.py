"""The file format."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertone.config import inspect_texts
from evertone.config.cfg import (
    HEADER,
    MAX_FILE_BYTES,
    MAX_LINE_CHARS,
    MAX_LINES,
    parse_cfg,
)
from evertone.errors import ConfigError


def _pairs(text: str | bytes) -> list[tuple[int, str, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [(e.line, e.key, e.value) for e in parse_cfg("f", data).entries]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a.b = 1", "1"),
        ("a.b=1", "1"),
        ("\ta.b\t =  1 \t", "1"),
        ("a.b =", ""),
        ('a.b = "1"', "1"),
        ('a.b = " 1 "', " 1 "),
        ('a.b = ""1""', '"1"'),
        ('a.b = "1', '"1'),
        ('a.b = "', '"'),
        ("a.b = x = y", "x = y"),
        ("a.b = 1 # no comment", "1 # no comment"),
        ("a.b = Zoë", "Zoë"),
    ],
)
def test_spacing_and_quotes(line: str, value: str) -> None:
    assert _pairs(f"{HEADER}\n{line}\n") == [(2, "a.b", value)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark(end: str, mark: bytes) -> None:
    parsed = parse_cfg("f", mark + end.join([HEADER, "# c", "", "a = 1", "b = 2"]).encode())
    assert [(e.line, e.key, e.value) for e in parsed.entries] == [(4, "a", "1"), (5, "b", "2")]
    assert parsed.findings == ()


def test_only_the_start_of_a_line_begins_a_comment() -> None:
    assert _pairs(f"{HEADER}\n#a = 1\n  # b = 2\n##c = 3\n") == []


@pytest.mark.parametrize("first", ["", "a = 1", "#!version:1.0.0.2", "# #!version:1.0.0.1"])
def test_a_missing_header_is_a_warning(first: str) -> None:
    (finding,) = parse_cfg("f", f"{first}\nb = 2\n".encode()).findings
    assert str(finding).startswith("f:1: warning: ")


def test_text_after_the_version_is_taken() -> None:
    assert parse_cfg("f", b"#!version:1.0.0.1 REV 71\n").findings == ()


def test_a_line_that_is_no_setting_is_kept_apart() -> None:
    parsed = parse_cfg("f", f"{HEADER}\n[ section ]\n= 3\n".encode())
    assert parsed.entries == ()
    assert [entry.line for entry in parsed.unread] == [2, 3]


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01\x00",
        b"a = 1\x00\n",
        b"\x1f\x8b\x08\x00",
        b"x" * (MAX_FILE_BYTES + 1),
        b"\n" * MAX_LINES,
        b"a = " + b"x" * MAX_LINE_CHARS,
    ],
)
def test_binary_and_oversized_files_are_one_clear_error(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^f(:1)?: [^\n]+$"):
        parse_cfg("f", data)


def test_latin_1_is_read_and_told() -> None:
    parsed = parse_cfg("f", HEADER.encode() + b"\na = Zo\xeb\n")
    assert parsed.entries[0].value == "Zoë"
    assert "Latin-1" in parsed.findings[0].message


def test_a_value_is_not_in_the_repr() -> None:
    (entry,) = parse_cfg("f", b"account.1.password = geheim\n").entries
    assert "geheim" not in repr(entry)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        parse_cfg("f", data)
    for finding in inspect_texts([("f", data)]).findings:
        assert "\n" not in str(finding)


_KEYS = st.sampled_from(
    [
        "account.1.enable",
        "account.1.password",
        "account.1.user_name",
        "account.1.sip_server.1.address",
        "account.1.sip_server.9.port",
        "account.99.sip_server.2.retry_counts",
        "account.1.outbound_proxy.2.failback_mode",
        "account.1.outbound_host",
        "account.00.enable",
        "account.1.evertone.spread",
        "dns_cache_a.1.ip",
        "dns_cache_srv.13.target",
        "evertone.model",
        "evertone.firmware",
        "sip.timer_t1",
        "static.network.primary_dns",
    ]
)
_VALUES = st.one_of(
    st.sampled_from(["0", "1", "2", "3", "80", "81", "%NULL%", "%EMPTY%", "::1", "a.b", "CP860"]),
    st.text(max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=12))
def test_any_setting_of_ours_loads_or_is_an_error(pairs: list[tuple[str, str]]) -> None:
    text = "\n".join([HEADER, *(f"{key} = {value}" for key, value in pairs)])
    for finding in inspect_texts([("f", text.encode("utf-8", "replace"))]).findings:
        assert "\n" not in str(finding)
