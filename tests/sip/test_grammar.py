"""Tokens, quoted strings, lists, parameters, numbers, escapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip.grammar import (
    COMPACT_FORMS,
    LIST_HEADERS,
    SINGLE_HEADERS,
    escape,
    find_param,
    format_params,
    header_key,
    parse_integer,
    parse_params,
    quote,
    replace_param,
    split_list,
    unescape,
    unquote,
)


def test_no_header_is_both_a_list_and_single() -> None:
    assert not LIST_HEADERS & SINGLE_HEADERS


def test_no_authentication_header_is_a_list() -> None:
    names = {"www-authenticate", "authorization", "proxy-authenticate", "proxy-authorization"}
    assert not names & LIST_HEADERS


@pytest.mark.parametrize(("compact", "full"), sorted(COMPACT_FORMS.items()))
def test_compact_forms(compact: str, full: str) -> None:
    assert header_key(compact) == header_key(compact.upper()) == header_key(full.title()) == full


@pytest.mark.parametrize(
    ("name", "key"),
    [("cAlL-iD", "call-id"), ("X-Odd \t", "x-odd"), ("V ", "via"), ("CSEQ", "cseq")],
)
def test_names_in_any_spelling(name: str, key: str) -> None:
    assert header_key(name) == key


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "é", "a\x00"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(SipParseError):
        header_key(name)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("00042", 42), ("4294967295", 2**32 - 1)])
def test_integers(text: str, value: int) -> None:
    assert parse_integer(text, "x") == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "1 ", "1.0", "x", "٣", "4294967296", "9" * 99999])
def test_what_is_no_integer(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_integer(text, "x")


@given(st.text())
def test_quote_and_unquote(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquote_leaves_the_rest_alone() -> None:
    assert [unquote(text) for text in ("", "a", '"', 'a"b"', '"a"b"')] == [
        "",
        "a",
        '"',
        'a"b"',
        '"a"b"',
    ]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_escape_and_unescape(text: str) -> None:
    assert unescape(escape(text)) == text


def test_unescape_takes_whole_escapes_only() -> None:
    assert unescape("%41%C3%A9%4%zz%") == "Aé%4%zz%"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b ,\tc", ["a", "b", "c"]),
        (",,a,,", ["a"]),
        ('"a,b" <x,y>, c', ['"a,b" <x,y>', "c"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        ('<a"b>,"c<d", e', ['<a"b>', '"c<d"', "e"]),
    ],
)
def test_lists(value: str, parts: list[str]) -> None:
    assert split_list(value) == parts


@pytest.mark.parametrize("value", ['a,"b', "a,<b", '"a\\",b', "a,<b,c"])
def test_lists_without_end(value: str) -> None:
    with pytest.raises(SipParseError):
        split_list(value)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", ()),
        (" \t", ()),
        (";tag=1", (("tag", "1"),)),
        (";lr;Q=0.5", (("lr", None), ("q", "0.5"))),
        (' ; a = "x;,y" ;\tb', (("a", '"x;,y"'), ("b", None))),
        (";received=2001:db8::1;x=[::1]", (("received", "2001:db8::1"), ("x", "[::1]"))),
        (';+sip.instance="<urn:uuid:A>"', (("+sip.instance", '"<urn:uuid:A>"'),)),
    ],
)
def test_params(text: str, params: tuple[tuple[str, str | None], ...]) -> None:
    assert parse_params(text) == params
    assert parse_params(format_params(params)) == params


@pytest.mark.parametrize(
    "text", [";", ";;", "a", ";a=", ";a=b c", ';a="b', ";a;A", ";=b", ";a=b;", ";a=b,c", ";a==b"]
)
def test_what_is_no_params(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_params(text)


def test_find_and_replace() -> None:
    params = parse_params(";a=1;b")
    assert (find_param(params, "a"), find_param(params, "b"), find_param(params, "c")) == (
        "1",
        "",
        None,
    )
    assert replace_param(params, "a", None) == (("a", None), ("b", None))
    assert replace_param(params, "c", "2") == (("a", "1"), ("b", None), ("c", "2"))
