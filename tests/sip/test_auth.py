"""Digest: the examples of the RFCs, what a phone answers and for how long, what a server takes."""

from __future__ import annotations

import hashlib
import random
from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip import build, digest
from evertone.sip.auth import Credentials, DigestServer, Verdict
from evertone.sip.digest import ALGORITHMS
from evertone.sip.message import Request, Response
from tests.sip.bench import request

# --- known answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "proof"),
    [
        ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("sha-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_3_9_1(algorithm: str, proof: str) -> None:
    row = ALGORITHMS[algorithm]
    secret = digest.ha1(row, "Mufasa", "http-auth@example.org", "Circle of Life")
    assert proof == digest.response_of(
        row,
        secret,
        method="GET",
        uri="/dir/index.html",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        count="00000001",
        qop="auth",
    )


def test_rfc2617_3_5() -> None:
    row = ALGORITHMS["md5"]
    secret = digest.ha1(row, "Mufasa", "testrealm@host.com", "Circle Of Life")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    common = {"method": "GET", "uri": "/dir/index.html", "nonce": nonce}
    proof = digest.response_of(
        row, secret, cnonce="0a4f113b", count="00000001", qop="auth", **common
    )
    assert proof == "6629fae49393a05397450978507c4ef1"


def test_rfc2069_as_corrected_by_its_erratum() -> None:
    row = ALGORITHMS["md5"]
    secret = digest.ha1(row, "Mufasa", "testrealm@host.com", "CircleOfLife")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    proof = digest.response_of(row, secret, method="GET", uri="/dir/index.html", nonce=nonce)
    assert proof == "1949323746fe6a43ef61f9606e7febea"


@pytest.mark.parametrize(("name", "function"), [("md5", "md5"), ("sha-256", "sha256")])
def test_rfc7616_3_4_2_the_session_variants_hash_both_nonces_in(name: str, function: str) -> None:
    def h(text: str) -> str:
        return hashlib.new(function, text.encode()).hexdigest()

    row = ALGORITHMS[f"{name}-sess"]
    plain = digest.ha1(row, "bob", "realm", "zanzibar")
    assert plain == h("bob:realm:zanzibar")
    assert digest.session_ha1(row, plain, "N", "C") == h(f"{plain}:N:C")
    assert digest.session_ha1(ALGORITHMS[name], plain, "N", "C") == plain


# --- client -----------------------------------------------------------------------------------


def challenge(*values: str, status: int = 401, to: Request | None = None) -> Response:
    response = build.response_to(to or request(), status, to_tag="s")
    for value in values:
        response.add("WWW-Authenticate" if status == 401 else "Proxy-Authenticate", value)
    return response


def credentials(password: str = "secret word") -> Credentials:
    return Credentials("alice", password, random.Random(5))


def sent(
    creds: Credentials, target: object = "A", cseq: int = 2, now: float = 0.0
) -> dict[str, str]:
    """The parameters of what the next request to ``target`` bears."""
    message = request(cseq=cseq)
    creds.authorize(message, target, now)
    value = message.get("Authorization")
    return {} if value is None else digest.parse_credentials(value) or {}


def again(creds: Credentials, cseq: int, target: object = "A") -> Request:
    """The request with its credentials, as it is sent once it has been challenged."""
    message = request(cseq=cseq)
    creds.authorize(message, target, 0.0)
    return message


MD5 = 'Digest realm="r", nonce="n1", algorithm=MD5, qop="auth"'
SHA = 'Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth,auth-int"'


@pytest.mark.rule("A3")
def test_a_challenge_is_answered_and_the_nonce_counted_on() -> None:
    creds = credentials()
    assert creds.challenged(request(cseq=1), challenge(MD5), "A")
    first, second = sent(creds), sent(creds, cseq=3)
    assert (first["nc"], second["nc"]) == ("00000001", "00000002")
    assert first["response"] != second["response"]
    assert first["uri"] == request().uri
    assert (first["username"], first["realm"], first["nonce"]) == ("alice", "r", "n1")


@pytest.mark.rule("A3")
def test_nonces_belong_to_their_target() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(MD5), "A")
    assert sent(creds, "B") == {}
    creds.challenged(request(cseq=1), challenge(MD5.replace("n1", "nB")), "B")
    assert sent(creds, "B")["nonce"] == "nB"
    assert sent(creds, "A")["nonce"] == "n1"
    creds.forget("A")
    assert sent(creds, "A") == {}
    assert sent(creds, "B")["nc"] == "00000002"


@pytest.mark.rule("A3")
def test_the_same_realm_again_means_a_wrong_password() -> None:
    creds = credentials()
    assert creds.challenged(request(cseq=1), challenge(MD5), "A")
    assert not creds.challenged(again(creds, 2), challenge(MD5), "A")
    assert sent(creds) == {}  # the next request begins afresh, and may be challenged
    assert creds.challenged(request(cseq=3), challenge(MD5), "A")


@pytest.mark.rule("A3")
def test_two_requests_side_by_side_are_both_challenged_and_both_answered() -> None:
    creds = credentials()
    assert creds.challenged(request(cseq=4), challenge(MD5), "A")
    # the second had left before the first was challenged: no password of it was refused
    assert creds.challenged(request(cseq=5), challenge(MD5.replace("n1", "n2")), "A")
    assert sent(creds, cseq=7)["nonce"] == "n2"


@pytest.mark.rule("A3")
def test_stale_is_no_wrong_password_but_ends_after_two_challenges() -> None:
    creds = credentials()
    stale = MD5 + ", stale=true"
    assert creds.challenged(request(cseq=1), challenge(MD5), "A")
    assert creds.challenged(again(creds, 2), challenge(stale), "A")
    assert not creds.challenged(again(creds, 3), challenge(stale), "A")


@pytest.mark.rule("A3")
def test_an_old_nonce_sent_ahead_costs_one_challenge_stale_or_not() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(MD5), "A")
    sent(creds, cseq=2)
    sent(creds, cseq=3)
    assert creds.challenged(request(cseq=3), challenge(MD5.replace("n1", "new")), "A")
    assert sent(creds, cseq=4)["nonce"] == "new"
    assert sent(creds, cseq=5)["nc"] == "00000002"


@pytest.mark.rule("A3")
def test_two_realms_are_answered_together_and_do_not_go_round_for_ever() -> None:
    creds = credentials()
    other = 'Digest realm="p", nonce="np", qop="auth"'
    assert creds.challenged(request(cseq=1), challenge(MD5), "A")
    assert creds.challenged(again(creds, 2), challenge(other, status=407), "A")
    message = request(cseq=3)
    creds.authorize(message, "A", 0.0)
    assert 'realm="r"' in (message.get("Authorization") or "")
    assert 'realm="p"' in (message.get("Proxy-Authorization") or "")
    assert not creds.challenged(message, challenge(MD5), "A")


@pytest.mark.rule("A3")
@pytest.mark.parametrize("order", [(MD5, SHA), (SHA, MD5)])
def test_rfc8760_the_strongest_algorithm_is_answered(order: tuple[str, str]) -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(*order), "A")
    answer = sent(creds)
    assert (answer["algorithm"], answer["nonce"], len(answer["response"])) == ("SHA-256", "n2", 64)


def test_several_challenges_in_one_header_are_all_read() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(f'Basic realm="x", {MD5}, {SHA}'), "A")
    assert sent(creds)["nonce"] == "n2"


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="r"',
        'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r"',
        'Digest nonce="n"',
        "Digest",
        "=,=",
        "",
    ],
)
def test_what_cannot_be_answered_is_not(value: str) -> None:
    creds = credentials()
    assert not creds.challenged(request(), challenge(value), "A")
    assert sent(creds) == {}


def test_without_a_password_or_a_challenge_there_is_no_second_try() -> None:
    assert not credentials("").challenged(request(), challenge(MD5), "A")
    assert not credentials().challenged(request(), build.response_to(request(), 403), "A")


def test_a_challenge_without_qop_is_answered_as_rfc2069_says() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge('Digest realm="r", nonce="n", opaque="o"'), "A")
    answer = sent(creds)
    assert {"qop", "nc", "cnonce"}.isdisjoint(answer)
    assert answer["opaque"] == "o"


def test_authorizing_again_replaces_what_was_there() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(MD5), "A")
    message = request(cseq=2)
    creds.authorize(message, "A", 0.0)
    creds.authorize(message, "A", 0.0)
    assert message.count("Authorization") == 1
    creds.authorize(message, "B", 0.0)
    assert message.count("Authorization") == 0


def test_a_nonce_that_nobody_used_for_a_day_is_not_sent() -> None:
    creds = credentials()
    creds.challenged(request(cseq=1), challenge(MD5), "A")
    assert sent(creds, now=10.0)
    assert sent(creds, now=86_400.0)
    assert sent(creds, now=172_801.0) == {}


def test_secrets_stay_out_of_every_repr() -> None:
    creds = credentials("hunter2hunter2")
    creds.challenged(request(cseq=1), challenge(MD5), "A")
    secret = digest.ha1(ALGORITHMS["md5"], "alice", "r", "hunter2hunter2")
    shown = repr(creds) + repr(creds._targets) + str(creds)
    assert "hunter2" not in shown
    assert secret not in shown


def test_what_is_remembered_is_bounded() -> None:
    creds = credentials()
    for number in range(500):
        value = f'Digest realm="r{number}", nonce="n"'
        creds.challenged(request(cseq=2 * number), challenge(value), number % 100)
    assert len(creds._targets) <= 64
    assert len(creds._rounds) <= 64
    assert len(creds._secrets) <= 64
    assert all(len(realms) <= 8 for realms in creds._targets.values())


# --- client and server ------------------------------------------------------------------------


class Options(TypedDict, total=False):
    algorithms: tuple[str, ...]
    proxy: bool
    limit: int


def server(**more: Unpack[Options]) -> DigestServer:
    passwords = {"alice": "secret word", 'we"ird\\': "p:w"}
    return DigestServer("pbx", passwords.get, random.Random(6), **more)


def register(creds: Credentials, serving: DigestServer, cseq: int, now: float) -> Verdict:
    """One REGISTER with as many rounds as the client is ready for."""
    for number in range(cseq, cseq + 5):
        message = request(cseq=number)
        creds.authorize(message, "A", now)
        verdict = serving.verify(message, now).verdict
        if verdict is Verdict.OK:
            return verdict
        if not creds.challenged(message, serving.challenge(message, verdict, now), "A"):
            return verdict
    pytest.fail("the client never gives up")


@pytest.mark.rule("A3")
@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize(
    "algorithms", [("MD5",), ("SHA-256", "MD5"), ("MD5-sess",), ("SHA-256-sess",)]
)
def test_the_two_sides_understand_each_other(algorithms: tuple[str, ...], proxy: bool) -> None:
    serving, creds = server(algorithms=algorithms, proxy=proxy), credentials()
    assert register(creds, serving, 1, 0.0) is Verdict.OK
    message = request(cseq=9)
    creds.authorize(message, "A", 1.0)
    assert serving.verify(message, 1.0).verdict is Verdict.OK  # sent ahead: no round trip
    assert serving.verify(message, 1.0).verdict is Verdict.STALE  # replayed
    creds.authorize(message, "A", 400.0)
    assert serving.verify(message, 400.0).verdict is Verdict.STALE
    assert register(creds, serving, 20, 400.0) is Verdict.OK


@pytest.mark.rule("A3")
def test_a_wrong_password_is_wrong_and_ends() -> None:
    assert register(credentials("guess"), server(), 1, 0.0) is Verdict.WRONG


def test_names_with_quotes_survive() -> None:
    creds = Credentials('we"ird\\', "p:w", random.Random(1))
    assert register(creds, server(), 1, 0.0) is Verdict.OK


@pytest.mark.parametrize("part", ["response", "nonce", "uri", "username", "cnonce", "nc"])
def test_whatever_is_changed_on_the_way_is_noticed(part: str) -> None:
    serving, creds = server(), credentials()
    first = request(cseq=1)
    creds.challenged(first, serving.challenge(first, Verdict.MISSING, 0.0), "A")
    message = request(cseq=2)
    creds.authorize(message, "A", 0.0)
    value = message.get("Authorization")
    assert value is not None
    parts = digest.parse_credentials(value)
    assert parts is not None
    message.set("Authorization", value.replace(parts[part], "0" * 7 + "e"))
    assert serving.verify(message, 0.0).verdict in (Verdict.WRONG, Verdict.STALE)


def test_a_weaker_algorithm_than_the_nonce_was_issued_for_is_refused() -> None:
    serving, creds = server(), credentials()
    first = request(cseq=1)
    strong = serving.challenge(first, Verdict.MISSING, 0.0)
    value = strong.get("WWW-Authenticate")
    assert value is not None
    creds.challenged(first, challenge(value.replace("SHA-256", "MD5")), "A")
    message = request(cseq=2)
    creds.authorize(message, "A", 0.0)
    assert serving.verify(message, 0.0).verdict is Verdict.WRONG


def test_issued_nonces_are_bounded() -> None:
    serving = server(limit=10)
    for _ in range(100):
        serving.challenge(request(), Verdict.MISSING, 0.0)
    assert len(serving._issued) <= 10


# --- bad input --------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_the_reader_raises_its_one_error_only(text: str) -> None:
    for read in (digest.parse_challenges, digest.parse_credentials):
        try:
            read(text)
        except SipParseError:
            continue


@given(st.text(alphabet='Digest realm="r",nonce=\\ \t', max_size=120))
def test_the_server_survives_any_credentials(text: str) -> None:
    message = request()
    message.add("Authorization", text)
    assert server().verify(message, 0.0).verdict is not Verdict.OK


def test_a_hostile_header_is_read_in_linear_time() -> None:
    for text in ("Digest " + 'a="' * 1300, "Digest " + "a=b," * 1000, " ," * 2000, "x" * 4097):
        try:
            digest.parse_challenges(text)
        except SipParseError:
            continue
