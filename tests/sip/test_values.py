"""URIs, addresses, Vias and the small values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip.values import (
    CSeq,
    NameAddr,
    RetryAfter,
    Uri,
    Via,
    parse_cseq,
    parse_host_port,
    parse_name_addr,
    parse_retry_after,
    parse_uri,
    parse_via,
)

# --- URIs -------------------------------------------------------------------------------------

URIS = {
    "sip:example.com": Uri("sip", host="example.com"),
    "sips:alice@example.com:5061": Uri("sips", "alice", "example.com", 5061),
    "sip:alice:pw@[::1]:5060;transport=tcp;lr?a=b&c=": Uri(
        "sip",
        "alice",
        "[::1]",
        5060,
        (("transport", "tcp"), ("lr", None)),
        "a=b&c=",
        "pw",
    ),
    "sip:+1-555;ext=%40x@h;user=phone": Uri(
        "sip", "+1-555;ext=%40x", "h", None, (("user", "phone"),)
    ),
    "sip:#31#@h": Uri("sip", "#31#", "h"),
    "tel:+1-201-555-0123;phone-context=example.com": Uri(
        "tel", opaque="+1-201-555-0123;phone-context=example.com"
    ),
    "urn:service:sos": Uri("urn", opaque="service:sos"),
}


@pytest.mark.parametrize("text", URIS)
def test_uris(text: str) -> None:
    assert parse_uri(text) == URIS[text]
    assert str(URIS[text]) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip",
        "sip:@h",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip: a@b",
        "sip:a@b ",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:a@b;",
        "sip:a@b;x=",
        "sip:a@b;x;X",
        "sip:a@b?",
        "sip:%4@b",
        "sip:a@[::g]",
        "sip:a@[1:2]",
        "sip:a@::1",
        "sip:2001:db8::10",
        "<sip:a@b>",
        "1ab:c",
        "http:",
        "tel:+1 2",
        "sip:a@b\x00",
        "sip:a@b\u00e9",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_uri(text)


def test_scheme_is_read_in_any_case() -> None:
    assert parse_uri("SIP:a@B").scheme == "sip"
    assert parse_uri("TEL:1").scheme == "tel"


def test_a_uri_longer_than_any_cache_entry() -> None:
    text = f"sip:{'a' * 5000}@example.com"
    assert str(parse_uri(text)) == text


# the examples of RFC 3261 §19.1.4
EQUAL = [
    (
        "sip:%61lice@atlanta.com;transport=TCP",
        "sip:alice@AtLanTa.CoM;Transport=tcp",
    ),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("tel:123", "TEL:123"),
]
UNEQUAL = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@b", "sips:a@b"),
    ("sip:a:@b", "sip:a@b"),
    ("sip:a@b", "tel:1"),
    ("tel:1", "tel:2"),
]


@pytest.mark.parametrize(("one", "two"), EQUAL)
def test_equal_uris(one: str, two: str) -> None:
    assert parse_uri(one).matches(parse_uri(two))
    assert parse_uri(two).matches(parse_uri(one))


@pytest.mark.parametrize(("one", "two"), UNEQUAL)
def test_unequal_uris(one: str, two: str) -> None:
    assert not parse_uri(one).matches(parse_uri(two))
    assert not parse_uri(two).matches(parse_uri(one))


def test_uri_params() -> None:
    uri = parse_uri("sip:a@b;lr;x=1")
    assert (uri.param("lr"), uri.param("x"), uri.param("y")) == ("", "1", None)
    assert str(uri.with_param("x", "2").with_param("y")) == "sip:a@b;lr;x=2;y"


def test_passwords_are_not_shown() -> None:
    assert "s3cret" not in repr(parse_name_addr("<sip:a:s3cret@b>"))
    assert "s3cret" in str(parse_uri("sip:a:s3cret@b"))


# --- name-addr --------------------------------------------------------------------------------

ALICE = parse_uri("sip:alice@example.com")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<sip:alice@example.com>", NameAddr(ALICE)),
        ("sip:alice@example.com;tag=1", NameAddr(ALICE, "", (("tag", "1"),))),
        ('"A \\"B\\", C" <sip:alice@example.com>', NameAddr(ALICE, 'A "B", C')),
        ('"a>b" <sip:alice@example.com>;x', NameAddr(ALICE, "a>b", (("x", None),))),
        ('"a<b" <sip:alice@example.com>', NameAddr(ALICE, "a<b")),
        ("Alice B. <sip:alice@example.com>;tag=x", NameAddr(ALICE, "Alice B.", (("tag", "x"),))),
        ("Jürgen <sip:alice@example.com>", NameAddr(ALICE, "Jürgen")),
        (" \t<sip:alice@example.com>", NameAddr(ALICE)),
        ('""<sip:alice@example.com>', NameAddr(ALICE)),
        (
            '<sip:alice@example.com> ; a = "b;c" ; d',
            NameAddr(ALICE, "", (("a", '"b;c"'), ("d", None))),
        ),
        ("<urn:service:sos>", NameAddr(Uri("urn", opaque="service:sos"))),
    ],
)
def test_name_addrs(text: str, value: NameAddr) -> None:
    assert parse_name_addr(text) == value
    assert parse_name_addr(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        '"a <sip:a@b>',
        "a, b <sip:a@b>",
        "< sip:a@b>",
        "<sip:a@b >",
        "<sip:a@b> x",
        "<sip:a@b>;",
        "sip:a@b?x=y",
        'a "b" <sip:a@b>',
        "a;b <sip:a@b>",
        "<sip:a@b>;tag=1;tag=2",
    ],
)
def test_what_is_no_name_addr(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_name_addr(text)


def test_name_addr_params() -> None:
    address = parse_name_addr('<sip:a@b>;+sip.instance="<urn:uuid:1>";expires=60;x')
    assert address.param("+sip.instance") == '"<urn:uuid:1>"'
    assert address.text_param("+sip.instance") == "<urn:uuid:1>"
    assert (address.param("x"), address.text_param("y"), address.expires_s) == ("", None, 60)
    assert address.with_tag("t").tag == "t"


@pytest.mark.parametrize("expires", ["", "=x", "=-1", "=99999999999"])
def test_malformed_expires_of_a_contact_counts_as_absent(expires: str) -> None:
    assert parse_name_addr(f"<sip:a@b>;expires{expires}").expires_s is None


# --- Via --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
            Via("UDP", "192.0.2.1", 5060, (("branch", "z9hG4bK1"), ("rport", None))),
        ),
        ("SIP/2.0/TLS [::1]:5061", Via("TLS", "[::1]", 5061)),
        ("SIP / 2.0 / tcp  h : 5 ; a = b", Via("TCP", "h", 5, (("a", "b"),))),
        ("OTHER/7.1/X h", Via("X", "h", protocol="OTHER/7.1")),
    ],
)
def test_vias(text: str, value: Via) -> None:
    assert parse_via(text) == value
    assert parse_via(str(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h h", "SIP/2.0/UDP [::g]", ";a"],
)
def test_what_is_no_via(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_via(text)


def test_received_and_rport() -> None:
    via = parse_via("SIP/2.0/UDP h;rport")
    assert (via.wants_rport, via.rport, via.received, via.branch) == (True, None, None, "")
    seen = via.with_param("rport", "5070").with_param("received", "2001:db8::1")
    assert (seen.rport, seen.received) == (5070, "2001:db8::1")
    assert not parse_via("SIP/2.0/UDP h").wants_rport
    with pytest.raises(SipParseError):
        _ = via.with_param("rport", "x").rport


# --- small ones -------------------------------------------------------------------------------


def test_host_port() -> None:
    assert parse_host_port("h.example") == ("h.example", None)
    assert parse_host_port("[::1]:0005") == ("[::1]", 5)
    with pytest.raises(SipParseError):
        parse_host_port("::1")


def test_cseq() -> None:
    assert parse_cseq("0001   x-Y") == CSeq(1, "x-Y")
    assert parse_cseq("2147483647 INVITE").number == 2**31 - 1
    assert str(CSeq(3, "BYE")) == "3 BYE"


@pytest.mark.parametrize("text", ["", "1", "INVITE", "1 2 3", "-1 A", "2147483648 A", "1 é"])
def test_what_is_no_cseq(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_cseq(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", RetryAfter(5)),
        ("18000;duration=3600", RetryAfter(18000, "", (("duration", "3600"),))),
        ("120 (I'm in a meeting)", RetryAfter(120, "I'm in a meeting")),
        ("120 (a);x=y", RetryAfter(120, "a", (("x", "y"),))),
    ],
)
def test_retry_after(text: str, value: RetryAfter) -> None:
    assert parse_retry_after(text) == value
    assert str(value) == text


@pytest.mark.parametrize("text", ["", "x", "-5", "5 (a", "5 a", "99999999999"])
def test_what_is_no_retry_after(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_retry_after(text)


# --- whatever the text ------------------------------------------------------------------------

PARSERS = [parse_uri, parse_name_addr, parse_via, parse_cseq, parse_retry_after, parse_host_port]


@given(
    st.sampled_from(PARSERS),
    st.text(alphabet=' \t"\\<>;,=:@?[]%*()sipSIP/2.0aé\x00\udcff', max_size=60) | st.text(),
)
def test_one_kind_of_error(parser: object, text: str) -> None:
    assert callable(parser)
    try:
        value = parser(text)
    except SipParseError:
        return
    if not isinstance(value, tuple) or type(value) is tuple:
        return
    assert parser(str(value)) == value
