"""What a request is answered with before anybody looks at its meaning."""

from __future__ import annotations

import pytest

from evertone.sip.check import check_request, check_response, unsupported_extensions
from evertone.sip.grammar import SINGLE_HEADERS
from evertone.sip.message import Request, Response

USUAL: dict[str, str | None] = {
    "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
    "From": "<sip:a@b>;tag=1",
    "To": "<sip:c@d>",
    "Call-ID": "x",
    "CSeq": "1 INVITE",
    "Max-Forwards": "70",
    "Contact": "<sip:a@h>",
}


def invite(uri: str = "sip:c@d", /, **changes: str | None) -> Request:
    headers = USUAL | {name.replace("_", "-"): value for name, value in changes.items()}
    return Request(
        "INVITE", uri, [(name, value) for name, value in headers.items() if value is not None]
    )


def status_of(request: Request, **how: object) -> int | None:
    answer = check_request(request, **how)  # type: ignore[arg-type]
    return None if answer is None else answer[0]


def test_a_usual_request_passes() -> None:
    assert check_request(invite()) is None
    assert check_request(invite(), proxy=True) is None


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call_ID", "CSeq"])
def test_mandatory_headers(name: str) -> None:
    assert status_of(invite(**{name: None})) == 400


def test_max_forwards_may_be_missing() -> None:
    assert status_of(invite(Max_Forwards=None)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0"),
        ("Via", "SIP/2.0/UDP h;branch=1, junk"),
        ("Via", "SIP/2.0/UDP h;rport=x"),
        ("From", "x"),
        ("To", "<x>"),
        ("CSeq", "INVITE 1"),
        ("CSeq", "1 BYE"),
        ("Max_Forwards", "256"),
        ("Max_Forwards", "x"),
        ("Contact", "<sip:a@h>, <"),
        ("Contact", "*, <sip:a@h>"),
        ("Route", "sip"),
        ("Record_Route", "<sip:a@b"),
    ],
)
def test_malformed_headers(name: str, value: str) -> None:
    assert status_of(invite(**{name: value})) == 400


@pytest.mark.parametrize("key", sorted(SINGLE_HEADERS))
def test_singles_may_not_come_twice(key: str) -> None:
    request = invite()
    request.add(key, request.get(key) or "0")
    if request.count(key) == 1:
        request.add(key, "0")
    assert status_of(request) == 400


@pytest.mark.parametrize("name", ["Expires", "Retry_After", "Date", "X_Odd"])
def test_what_is_not_needed_is_not_judged(name: str) -> None:
    assert status_of(invite(**{name: "junk"})) is None


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:c@d", None),
        ("sips:c@d", None),
        ("tel:1", 416),
        ("http://x", 416),
        ("sip:c@d?a=b", 400),
        ("c@d", 400),
        ("sip:c@d ", 400),
    ],
)
def test_request_uris(uri: str, status: int | None) -> None:
    assert status_of(invite(uri)) == status


def test_schemes_are_the_callers_choice() -> None:
    assert status_of(invite("tel:1"), schemes=("tel",)) is None


def test_version_comes_first() -> None:
    request = Request("INVITE", "?", version="SIP/3.0")
    assert status_of(request) == 505


def test_hops() -> None:
    request = invite(Max_Forwards="0")
    assert (status_of(request), status_of(request, proxy=True)) == (None, 483)


def test_required_extensions() -> None:
    request = invite(Require="100rel, Path", Proxy_Require="gruu")
    assert status_of(request) == 420
    assert status_of(request, supported={"100rel", "path"}) is None
    assert unsupported_extensions(request, {"path"}) == ["100rel"]
    assert status_of(request, proxy=True) == 420
    assert status_of(request, proxy=True, supported={"gruu"}) is None


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_not_asked_for_extensions(method: str) -> None:
    request = invite(Require="x", CSeq=f"1 {method}")
    request.method = method
    assert check_request(request) is None


def test_responses() -> None:
    good = Response(200, "OK", invite().headers)
    assert check_response(good) is None
    assert check_response(Response(200, "OK")) is not None
    forked = good.copy()
    forked.prepend("Via", "SIP/2.0/TCP proxy;branch=z9hG4bK2")
    assert check_response(forked) == "more than one via"
    assert check_response(forked, proxy=True) is None
