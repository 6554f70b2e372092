"""Messages: parse, read, change, serialize."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError, UsageError
from evertone.sip.message import MAX_HEADERS, MAX_MESSAGE, Message, Request, Response, parse
from evertone.sip.values import CSeq

REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "A, B" <sip:alice@example.com>;tag=1\r\n'
    b"To: <sip:alice@example.com>\r\n"
    b"Call-ID: a@b\r\n"
    b"CSeq: 1 REGISTER\r\n"
    b'Contact: <sip:alice@192.0.2.1:5060>;+sip.instance="<urn:uuid:1>";expires=3600\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def register(*lines: str, body: bytes = b"", drop: str = "") -> bytes:
    """The REGISTER above with more lines, and without the lines that start with ``drop``."""
    head = REGISTER.decode().removesuffix("\r\n\r\n").split("\r\n")
    kept = [line for line in head if not drop or not line.startswith(drop)]
    return "\r\n".join([*kept, *lines, "", ""]).encode("utf-8", "surrogateescape") + body


# --- parse ------------------------------------------------------------------------------------


def test_a_request_is_read() -> None:
    message = parse(REGISTER)
    assert isinstance(message, Request)
    assert (message.method, message.uri) == ("REGISTER", "sip:example.com")
    assert message.request_uri.host == "example.com"
    assert message.via.branch == "z9hG4bK1"
    assert (message.from_.display, message.from_.tag) == ("A, B", "1")
    assert message.to.tag == ""
    assert message.call_id == "a@b"
    assert message.cseq == CSeq(1, "REGISTER")
    assert message.contacts[0].param("+sip.instance") == '"<urn:uuid:1>"'
    assert message.contacts[0].expires_s == 3600
    assert message.max_forwards == 70
    assert (message.expires, message.min_expires, message.retry_after_s) == (None, None, None)


def test_a_response_is_read() -> None:
    message = parse(b"SIP/2.0 503 Not now\r\nRetry-After: 20 (soon);duration=5\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.retry_after_s) == (503, "Not now", 20)


def test_bytes_come_back_as_they_came() -> None:
    data = register("X-Odd: \udcff\udcfe caf\u00e9 \x07", drop="Content-Length") + b""
    data = data.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    assert parse(data).to_bytes() == data


def test_line_breaks_before_a_message_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + REGISTER).to_bytes() == REGISTER


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"", 400),
        (b"REGISTER", 400),
        (b"REGISTER sip:a", 400),
        (b"REGISTER sip:a SIP/2", 400),
        (b"REG ISTER sip:a SIP/2.0 x", 400),
        (b"R\xc3\xa9GISTER sip:a SIP/2.0", 400),
        (b"REGISTER sip:a\nb SIP/2.0", 400),
        (b"REGISTER sip:a\rb SIP/2.0", 400),
        (b"SIP/2.0 99 low", 0),
        (b"SIP/2.0 700 high", 0),
        (b"SIP/2.0 2000 long", 0),
        (b"SIP/3.0 200 OK", 0),
        (b"SIP/2.0", 0),
    ],
)
def test_start_lines_that_are_none(start: bytes, status: int) -> None:
    with pytest.raises(SipParseError) as caught:
        parse(start + b"\r\nCall-ID: x\r\n\r\n")
    assert caught.value.status == status


def test_start_line_is_read_in_any_case() -> None:
    message = parse(b"OPTIONS sip:a sip/2.0\r\nCall-ID: x\r\n\r\n")
    assert isinstance(message, Request)
    assert message.version == "SIP/2.0"
    assert isinstance(parse(b"sip/2.0 200 OK\r\nCall-ID: x\r\n\r\n"), Response)


def test_methods_are_case_sensitive() -> None:
    message = parse(b"register sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n")
    assert isinstance(message, Request)
    assert message.method == "register"


@pytest.mark.parametrize(
    "lines",
    [
        ["no colon"],
        ["Supported"],  # a name alone
        ["Supported", "X: y"],
        ["Supported", "Supported: path"],
        [": no name"],
        ["Na me: x"],
        ["Name\x00: x"],
        ["X: a\nY: b"],
        ["X: a\rY: b"],
        ["Content-Length: 1", "Content-Length: 1"],
        ["Content-Length: -1"],
        ["Content-Length: 1x"],
        ["Content-Length: "],
        ["Content-Length: 99999999999999999999"],
    ],
)
def test_malformed_headers(lines: list[str]) -> None:
    with pytest.raises(SipParseError) as caught:
        parse(register(*lines, drop="Content-Length", body=b"xx"))
    assert caught.value.status == 400


def test_fold_right_after_the_start_line() -> None:
    with pytest.raises(SipParseError):
        parse(REGISTER.replace(b"SIP/2.0\r\n", b"SIP/2.0\r\n ", 1))


def test_folds_mean_a_blank() -> None:
    message = parse(register("Subject: one\r\n\t two\r\n three", "X:\r\n y"))
    assert message.get("Subject") == "one two three"
    assert message.get("X") == "y"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Subject: one ", "one"),
        ("Subject: one\t", "one"),
        ("Subject:  one", "one"),
        ("Subject:\tone", "one"),
        ("Subject : one", "one"),
        ("Subject:one", "one"),
        ("Subject:", ""),
        ("Subject: ", ""),
        ("Subject: a  b", "a  b"),
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_blanks_around_a_value_are_not_its_own(line: str, value: str, last: bool) -> None:
    message = parse(register(line) if last else register(line, "Organization: other"))
    assert message.get("Subject") == value


def test_no_end_of_head() -> None:
    with pytest.raises(SipParseError):
        parse(REGISTER[:-2])


@pytest.mark.parametrize(("length", "body"), [("3", b"abc"), ("0", b""), ("003", b"abc")])
def test_body_is_cut_to_content_length(length: str, body: bytes) -> None:
    data = register(f"l: {length}", drop="Content-Length", body=b"abcdef")
    assert parse(data).body == body


def test_body_without_content_length_goes_to_the_end_of_the_datagram() -> None:
    message = parse(register(drop="Content-Length", body=b"abc"))
    assert message.body == b"abc"
    assert message.to_bytes().endswith(b"\r\nContent-Length: 3\r\n\r\nabc")


def test_short_body_is_400_for_a_request_and_dropped_in_a_response() -> None:
    with pytest.raises(SipParseError) as caught:
        parse(register("Content-Length: 4", drop="Content-Length", body=b"abc"))
    assert caught.value.status == 400
    with pytest.raises(SipParseError) as caught:
        parse(b"SIP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nabc")
    assert caught.value.status == 0


def test_limits() -> None:
    with pytest.raises(SipParseError) as caught:
        parse(register(body=b"x" * MAX_MESSAGE))
    assert caught.value.status == 513
    with pytest.raises(SipParseError):
        parse(register(*["X: y"] * MAX_HEADERS))


# --- read -------------------------------------------------------------------------------------


def test_names_compare_without_case_and_in_compact_form() -> None:
    message = parse(
        b"OPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/TCP h\r\nCALL-id : x\r\nT:sip:a@b\r\n\r\n"
    )
    assert message.via.host == "h"
    assert (message.call_id, message.get("i"), message.get("Call-ID")) == ("x", "x", "x")
    assert "to" in message
    assert "From" not in message
    assert message.count("VIA") == 1


def test_lists_are_split_at_top_level_commas_only() -> None:
    message = parse(
        register(
            'm: "a, b" <sip:x@y;p=1,2>;q=1, <sip:z@y>',
            "Contact: sip:w@y",
            'WWW-Authenticate: Digest realm="a", nonce="b"',
            "Date: Sat, 13 Nov 2010 23:29:00 GMT",
            "Allow: INVITE , , BYE",
        )
        .replace(b";p=1,2", b"")
        .replace(b"Contact: <sip:alice", b"X-Contact: <sip:alice")
    )
    assert [str(contact) for contact in message.contacts] == [
        '"a, b" <sip:x@y>;q=1',
        "<sip:z@y>",
        "<sip:w@y>",
    ]
    assert message.get_all("WWW-Authenticate") == ['Digest realm="a", nonce="b"']
    assert message.get_all("Date") == ["Sat, 13 Nov 2010 23:29:00 GMT"]
    assert message.get_all("Allow") == ["INVITE", "BYE"]


def test_several_challenges_are_several_values() -> None:
    message = parse(register('Proxy-Authenticate: Digest realm="a"', "proxy-authenticate: Basic x"))
    assert message.get_all("Proxy-Authenticate") == ['Digest realm="a"', "Basic x"]


def test_contact_star() -> None:
    message = parse(register("Contact: *", drop="Contact"))
    assert message.contact_star
    assert message.contacts == ()
    mixed = parse(register("Contact: *"))
    assert not mixed.contact_star
    with pytest.raises(SipParseError):
        _ = mixed.contacts


@pytest.mark.parametrize("name", ["from_", "to", "call_id", "cseq", "via"])
def test_what_is_missing_raises_on_access(name: str) -> None:
    message = parse(b"OPTIONS sip:a SIP/2.0\r\nX: y\r\n\r\n")
    with pytest.raises(SipParseError):
        getattr(message, name)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("from_", "From: <sip:b@c>"),
        ("to", "To: <sip:b@c>"),
        ("call_id", "Call-ID: b"),
        ("cseq", "CSeq: 2 REGISTER"),
        ("max_forwards", "Max-Forwards: 5"),
    ],
)
def test_a_second_one_raises_on_access(name: str, line: str) -> None:
    with pytest.raises(SipParseError):
        getattr(parse(register(line)), name)


# --- change -----------------------------------------------------------------------------------


def message_with(*headers: tuple[str, str]) -> Message:
    return Request("OPTIONS", "sip:a", list(headers))


def test_add_and_prepend() -> None:
    message = message_with(("To", "<sip:a@b>"), ("Via", "SIP/2.0/UDP one"))
    assert message.via.host == "one"
    message.prepend("v", "SIP/2.0/UDP two")
    message.add("Via", "SIP/2.0/UDP three")
    assert [via.host for via in message.vias] == ["two", "one", "three"]
    assert message.via.host == "two"
    message.prepend("Max-Forwards", 70)
    assert message.headers[0] == ("Max-Forwards", "70")


def test_set_keeps_the_place_and_leaves_one() -> None:
    message = message_with(("A", "1"), ("Route", "<sip:x>"), ("B", "2"), ("route", "<sip:y>"))
    assert len(message.routes) == 2
    message.set("Route", "<sip:z>")
    assert message.headers == [("A", "1"), ("Route", "<sip:z>"), ("B", "2")]
    assert [str(route.uri) for route in message.routes] == ["sip:z"]
    message.set("A", 5)
    message.set("C", 6)
    assert (message.get("a"), message.get("c")) == ("5", "6")


def test_remove() -> None:
    message = message_with(("Route", "<sip:x>"), ("A", "1"), ("Route", "<sip:y>"))
    assert message.routes
    message.remove("route")
    message.remove("nothing")
    assert message.headers == [("A", "1")]
    assert message.routes == ()


def test_first_values_of_lists() -> None:
    message = message_with(("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b"), ("Via", "SIP/2.0/UDP c"))
    message.set_first("Via", message.via.with_param("rport", "5"))
    assert [str(via) for via in message.vias] == [
        "SIP/2.0/UDP a;rport=5",
        "SIP/2.0/UDP b",
        "SIP/2.0/UDP c",
    ]
    for left in (["b", "c"], ["c"], []):
        message.remove_first("Via")
        assert [via.host for via in message.vias] == left
    message.remove_first("Via")
    message.set_first("Via", "SIP/2.0/UDP d")
    assert message.via.host == "d"


def test_caches_follow_every_change() -> None:
    message = message_with(("CSeq", "1 OPTIONS"), ("Expires", "5"))
    assert (message.cseq.number, message.expires) == (1, 5)
    message.set("CSeq", CSeq(2, "OPTIONS"))
    message.set("Expires", 0)
    assert (message.cseq.number, message.expires) == (2, 0)
    message.remove("Expires")
    assert message.expires is None


def test_a_copy_is_its_own() -> None:
    original = Request("OPTIONS", "sip:a", [("A", "1")], b"x")
    copy = original.copy()
    copy.set("A", "2")
    assert (original.get("A"), copy.body) == ("1", b"x")
    answer = Response(200, "OK", [("A", "1")])
    again = answer.copy()
    again.add("B", "2")
    assert len(answer.headers) == 1


@pytest.mark.parametrize("bad", ["a\r\nEvil: 1", "a\nEvil: 1", "a\r"])
def test_line_breaks_cannot_be_smuggled_out(bad: str) -> None:
    with pytest.raises(UsageError):
        message_with(("X", bad)).to_bytes()
    with pytest.raises(UsageError):
        Response(200, bad).to_bytes()


def test_content_length_is_made_true() -> None:
    message = message_with(("l", "7"), ("A", "1"))
    message.body = b"abc"
    assert message.to_bytes() == (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\nA: 1\r\n\r\nabc")


def test_reprs_bear_no_secrets() -> None:
    message = parse(register('Authorization: Digest response="5ecret"'))
    assert "5ecret" not in repr(message)


# --- whatever the bytes -----------------------------------------------------------------------

ACCESSORS = [
    "via",
    "vias",
    "from_",
    "to",
    "call_id",
    "cseq",
    "contacts",
    "contact_star",
    "routes",
    "record_routes",
    "service_routes",
    "expires",
    "min_expires",
    "max_forwards",
    "retry_after_s",
]


def read_all(message: Request | Response) -> None:
    names = [*ACCESSORS, "request_uri"] if isinstance(message, Request) else ACCESSORS
    for name in names:
        try:
            getattr(message, name)
        except SipParseError:
            continue


def swallow(data: bytes) -> None:
    try:
        message = parse(data)
    except SipParseError:
        return
    read_all(message)
    again = parse(message.to_bytes())
    assert again.body == message.body
    assert again.start_line() == message.start_line()
    assert len(again.headers) - len(message.headers) in (0, 1)


@given(st.binary(max_size=300))
def test_arbitrary_bytes(data: bytes) -> None:
    swallow(data)


@given(
    st.sampled_from(["Via", "From", "Contact", "Route", "CSeq", "Content-Length", "Retry-After"]),
    st.text(alphabet=' \t\r\n"\\<>;,=:@?[]%*()sipSIP/2.0aé\x00\udcff', max_size=60),
)
def test_arbitrary_header_values(name: str, value: str) -> None:
    swallow(register(f"{name}: {value}", drop=name))


@given(st.integers(0, len(REGISTER)), st.binary(max_size=4), st.integers(0, 8))
def test_mutations_of_a_real_message(place: int, insert: bytes, cut: int) -> None:
    swallow(REGISTER[:place] + insert + REGISTER[place + cut :])


@pytest.mark.parametrize(
    ("via", "branch", "host", "port"),
    [
        ("SIP/2.0/UDP a.example:5070;rport;branch=z9hG4bKx", "z9hG4bKx", "a.example", 5070),
        ("SIP / 2.0 / UDP [2001:db8::1] ;branch=z9hG4bKx", "z9hG4bKx", "[2001:db8::1]", None),
        ('SIP/2.0/UDP a;x="y;branch=n";branch=z9hG4bKx', "z9hG4bKx", "a", None),
        ("SIP/2.0/UDP a;branch=z9hG4bKx, SIP/2.0/UDP b;branch=z9hG4bKy", "z9hG4bKx", "a", None),
        ("SIP/2.0/UDP a", "", "a", None),
    ],
)
def test_branch_and_sent_by_are_those_of_the_topmost_via(
    via: str, branch: str, host: str, port: int | None
) -> None:
    for read_before in (True, False):
        message = parse(register(f"Via: {via}", drop="Via"))
        if read_before:
            assert message.via.branch == branch
        assert (message.branch, message.sent_by) == (branch, (host, port))


def test_a_sent_by_that_is_none() -> None:
    message = parse(register("Via: SIP/2.0/UDP;branch=z9hG4bKx", drop="Via"))
    with pytest.raises(SipParseError):
        _ = message.sent_by


@pytest.mark.parametrize("lines", [["Contact: *"], ["Contact: *,"], ["Contact: ,*"]])
def test_a_star_is_no_contact(lines: list[str]) -> None:
    message = parse(register(*lines, drop="Contact"))
    assert message.contacts == ()
    assert message.contact_star


@pytest.mark.parametrize("lines", [[], ["Contact: "], ["Contact: ,"]])
def test_no_contact(lines: list[str]) -> None:
    message = parse(register(*lines, drop="Contact"))
    assert message.contacts == ()
    assert not message.contact_star


def test_several_contacts_of_one_line_and_of_two() -> None:
    message = parse(register("Contact: <sip:a>, <sip:b,c@d>", "m: sip:d", drop="Contact"))
    assert [str(each.uri) for each in message.contacts] == ["sip:a", "sip:b,c@d", "sip:d"]


def test_expires_twice_is_no_number() -> None:
    with pytest.raises(SipParseError):
        _ = parse(register("Expires: 1", "Expires: 2")).expires
