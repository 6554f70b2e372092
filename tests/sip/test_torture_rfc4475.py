"""Every message of RFC 4475: the valid ones are taken, the others refused or answered so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from evertone.errors import SipParseError
from evertone.sip.check import check_request, check_response, unsupported_extensions
from evertone.sip.grammar import unescape
from evertone.sip.message import Request, Response, parse

CORPUS = Path(__file__).parent / "corpus" / "rfc4475"


def message_bytes(name: str) -> bytes:
    return (CORPUS / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse(message_bytes(name))
    assert isinstance(message, Request)
    return message


def response(name: str) -> Response:
    message = parse(message_bytes(name))
    assert isinstance(message, Response)
    return message


@dataclass(frozen=True)
class Case:
    section: str
    name: str
    refused: int | None = None  # by parse, with this status hint
    answer: int | None = None  # by check_request
    dropped: bool = False  # a response that check_response finds fault with


CASES = [
    Case("3.1.1.1", "wsinv"),
    Case("3.1.1.2", "intmeth"),
    Case("3.1.1.3", "esc01"),
    Case("3.1.1.4", "escnull"),
    Case("3.1.1.5", "esc02"),
    Case("3.1.1.6", "lwsdisp"),
    Case("3.1.1.7", "longreq"),
    Case("3.1.1.8", "dblreq"),
    Case("3.1.1.9", "semiuri"),
    Case("3.1.1.10", "transports"),
    Case("3.1.1.11", "mpart01"),
    Case("3.1.1.12", "unreason"),
    Case("3.1.1.13", "noreason"),
    Case("3.1.2.1", "badinv01", answer=400),
    Case("3.1.2.2", "clerr", refused=400),
    Case("3.1.2.3", "ncl", refused=400),
    Case("3.1.2.4", "scalar02", answer=400),
    Case("3.1.2.5", "scalarlg", dropped=True),
    Case("3.1.2.6", "quotbal", answer=400),
    Case("3.1.2.7", "ltgtruri", answer=400),
    Case("3.1.2.8", "lwsruri", answer=400),
    Case("3.1.2.9", "lwsstart", answer=400),
    Case("3.1.2.10", "trws", refused=400),
    Case("3.1.2.11", "escruri", answer=400),
    # "free to ignore": a Date means nothing to us (RFC 3261 §8.2: ignore what isn't needed)
    Case("3.1.2.12", "baddate"),
    Case("3.1.2.13", "regbadct", answer=400),
    Case("3.1.2.14", "badaspec", answer=400),
    Case("3.1.2.15", "baddn", answer=400),
    Case("3.1.2.16", "badvers", answer=505),
    Case("3.1.2.17", "mismatch01", answer=400),
    Case("3.1.2.18", "mismatch02", answer=400),
    Case("3.1.2.19", "bigcode", refused=0),
    Case("3.2.1", "badbranch"),  # the transaction layer matches it as RFC 2543's
    Case("3.3.1", "insuf", answer=400),
    Case("3.3.2", "unkscm", answer=416),
    Case("3.3.3", "novelsc", answer=416),
    Case("3.3.4", "unksm2"),
    Case("3.3.5", "bext01", answer=420),
    Case("3.3.6", "invut"),  # well-formed: 415 is its reader's answer
    Case("3.3.7", "regaut01"),
    Case("3.3.8", "multi01", answer=400),
    Case("3.3.9", "mcl01", refused=400),
    Case("3.3.10", "bcast", dropped=True),
    Case("3.3.11", "zeromf"),
    Case("3.3.12", "cparam01"),
    Case("3.3.13", "cparam02"),
    Case("3.3.14", "regescrt"),
    Case("3.3.15", "sdp01"),  # well-formed: 406 is its reader's answer
    Case("3.4.1", "inv2543"),
]


def test_every_message_of_the_rfc_has_its_case() -> None:
    assert len(CASES) == 49
    assert {case.name for case in CASES} == {path.stem for path in CORPUS.glob("*.dat")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}-{case.name}")
def test_outcome(case: Case) -> None:
    data = message_bytes(case.name)
    if case.refused is not None:
        with pytest.raises(SipParseError) as caught:
            parse(data)
        assert caught.value.status == case.refused
        return
    message = parse(data)
    if isinstance(message, Response):
        assert (check_response(message) is not None) == case.dropped
    else:
        answer = check_request(message)
        assert (None if answer is None else answer[0]) == case.answer


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.refused is None],
    ids=lambda case: f"{case.section}-{case.name}",
)
def test_reads_the_same_after_a_round_trip(case: Case) -> None:
    message = parse(message_bytes(case.name))
    again = parse(message.to_bytes())
    assert again.start_line() == message.start_line()
    assert again.headers == message.headers or case.name == "inv2543"  # gets a Content-Length
    assert again.body == message.body


def test_3_1_1_1_a_short_tortuous_invite() -> None:
    invite = request("wsinv")
    assert invite.request_uri.param("unknownparam") == ""
    assert invite.to.tag == "1918181833n"
    assert (invite.from_.display, invite.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert invite.max_forwards == 68
    assert invite.cseq == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in invite.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert invite.get("Subject") == ""
    assert invite.get("newfangledheader") == "newfangled value continued newfangled value"
    assert invite.get_all("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    route = invite.routes[0].uri
    assert (route.param("lr"), route.param("unknownwith")) == ("", "value")
    contact = invite.contacts[0]
    assert contact.display == 'Quoted string ""'
    assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert len(invite.body) == 150


def test_3_1_1_2_wide_range_of_valid_characters() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.cseq.method == message.method
    assert message.request_uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.request_uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.text_param("fromparam''~+*_!.-%") == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_3_1_1_3_valid_use_of_percent_escapes() -> None:
    message = request("esc01")
    assert unescape(message.request_uri.user) == "sips:user@example.com"
    assert unescape(message.to.uri.user) == "user"
    assert unescape(message.from_.uri.user) == "I have spaces"
    assert message.contacts[0].uri.params == (("%6c%72", None), ("n%61me", "v%61lue%25%34%31"))


def test_3_1_1_4_escaped_nulls() -> None:
    message = request("escnull")
    assert [unescape(contact.uri.user) for contact in message.contacts] == ["\0", "\0\0"]


def test_3_1_1_5_percent_that_is_no_escape() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display == "%Z%45"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]
    assert message.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_3_1_1_6_no_blank_before_the_angle_bracket() -> None:
    assert request("lwsdisp").from_.display == "caller"


def test_3_1_1_7_long_values() -> None:
    message = request("longreq")
    assert len(message.vias) == 34
    assert message.vias[-1].received == "192.0.2.5"
    assert message.to.uri.port == 6000
    assert message.call_id == f"longreq.one{'really' * 20}longcallid"


def test_3_1_1_8_extra_octets_are_dropped() -> None:
    message = request("dblreq")
    assert message.method == "REGISTER"
    assert message.body == b""


def test_3_1_1_9_semicolon_in_the_user_part() -> None:
    message = request("semiuri")
    assert message.request_uri.user == "user;par=u%40example.net"
    assert message.request_uri.params == ()
    assert message.get_all("Accept")[-1] == "message/sipfrag"


def test_3_1_1_10_unknown_transports() -> None:
    transports = [via.transport for via in request("transports").vias]
    assert transports == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_3_1_1_11_multipart_body_is_kept_byte_for_byte() -> None:
    assert bytes(range(256)) in request("mpart01").body


def test_3_1_1_12_unusual_reason_phrase() -> None:
    assert response("unreason").reason == "= 2**3 * 5**2 но сто девяносто девять - простое"


def test_3_1_1_13_empty_reason_phrase() -> None:
    message = response("noreason")
    assert (message.status, message.reason) == (100, "")


def test_3_1_2_5_overlarge_retry_after_is_no_number_of_seconds() -> None:
    with pytest.raises(SipParseError):
        _ = response("scalarlg").retry_after_s


def test_3_3_4_unknown_schemes_in_headers_are_kept() -> None:
    message = request("unksm2")
    assert (message.to.uri.scheme, message.to.uri.opaque) == ("isbn", "2983792873")
    assert str(message.from_.uri) == "http://www.example.com"
    assert message.contacts[0].uri.scheme == "name"


def test_3_3_5_the_unsupported_options_are_named() -> None:
    message = request("bext01")
    assert unsupported_extensions(message) == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert unsupported_extensions(message, proxy=True)[0] == "noProxiesSupportThis"
    assert check_request(message, proxy=True) == (420, "Bad Extension")


def test_3_3_10_a_proxy_takes_a_response_with_two_vias() -> None:
    assert check_response(response("bcast"), proxy=True) is None


def test_3_3_11_max_forwards_of_zero_stops_a_proxy_only() -> None:
    message = request("zeromf")
    assert check_request(message) is None
    assert check_request(message, proxy=True) == (483, "Too Many Hops")


def test_3_3_12_and_13_whose_parameter_it_is() -> None:
    header, uri = request("cparam01").contacts[0], request("cparam02").contacts[0]
    assert (header.params, header.uri.params) == ((("unknownparam", None),), ())
    assert (uri.params, uri.uri.params) == ((), (("unknownparam", None),))


def test_3_3_14_escaped_header_in_a_contact() -> None:
    assert request("regescrt").contacts[0].uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_3_4_1_rfc_2543_syntax() -> None:
    message = request("inv2543")
    assert (message.via.branch, message.from_.tag, message.max_forwards) == ("", "", None)
    assert message.to.params == (("user", "phone"),)
    assert message.body.endswith(b"m=audio 49217 RTP/AVP 0\r\n")
