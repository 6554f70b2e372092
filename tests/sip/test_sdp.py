"""Session descriptions: read, offered, answered, held."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip.sdp import (
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Direction,
    Media,
    Session,
    agreed,
    answer,
    offer,
    parse,
)

OFFER = b"""v=0
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
s=Call to John Smith
i=SDP Offer #1
c=IN IP4 198.51.100.1
t=0 0
a=tool:x
m=audio 49170/2 RTP/AVP 9 96 8 0 97
a=rtpmap:96 opus/48000/2
a=rtpmap:97 telephone-event/8000
a=fmtp:97 0-16
m=video 51372 RTP/AVP 99
c=IN IP6 2001:DB8::2
a=rtpmap:99 h263-1998/90000
""".replace(b"\n", b"\r\n")


def test_an_offer_is_read() -> None:
    session = parse(OFFER)
    audio, video = session.media
    assert session.origin.session_id == 3724394400
    assert (session.name, session.address(audio)) == ("Call to John Smith", "198.51.100.1")
    assert (audio.kind, audio.port, audio.protocol) == ("audio", 49170, "RTP/AVP")
    assert audio.codecs() == (
        Codec(9, "G722"),
        PCMA,
        PCMU,
        Codec(97, "telephone-event", fmtp="0-16"),
    )
    assert session.address(video) == "2001:db8::2"
    assert session.direction(audio) is Direction.SENDRECV


def test_lf_alone_is_a_line_end_too() -> None:
    assert parse(OFFER.replace(b"\r\n", b"\n")) == parse(OFFER)


def test_our_offer_says_what_we_can() -> None:
    session = offer("192.0.2.1", 4000, session_id=5, version=6)
    assert session.to_bytes() == (
        b"v=0\r\no=- 5 6 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert parse(session.to_bytes()) == session


def test_what_is_written_is_read_again() -> None:
    session = parse(OFFER)
    assert parse(session.to_bytes()) == session
    v6 = offer("2001:db8::1", 4000)
    assert b"c=IN IP6 2001:db8::1" in v6.to_bytes()
    assert parse(v6.to_bytes()) == v6


def test_an_answer_takes_one_stream_in_the_offers_order_and_numbers() -> None:
    session = answer(parse(OFFER), "192.0.2.1", 4000)
    audio, video = session.media
    assert audio.formats == ("8", "0", "97")
    assert (audio.port, video.port) == (4000, 0)
    assert (video.kind, video.formats) == ("video", ("99",))
    assert ("fmtp", "97 0-15") in audio.attributes


def test_both_sides_agree_on_one_stream() -> None:
    offered = parse(OFFER)
    answered = answer(offered, "192.0.2.1", 4000)
    ours, theirs = agreed(answered, offered), agreed(offered, answered)
    assert (ours.address, ours.port) == ("198.51.100.1", 49170)
    assert (theirs.address, theirs.port) == ("192.0.2.1", 4000)
    assert ours.codec == theirs.codec == PCMA
    assert ours.dtmf is not None
    assert ours.dtmf.payload_type == 97
    assert ours.direction is theirs.direction is Direction.SENDRECV


@pytest.mark.parametrize(("wanted", "offered"), list(itertools.product(Direction, Direction)))
def test_every_hold_is_answered_with_what_both_allow(wanted: Direction, offered: Direction) -> None:
    theirs = offer("192.0.2.1", 4000, direction=offered)
    ours = answer(theirs, "192.0.2.2", 5000, direction=wanted)
    given = ours.direction(ours.media[0])
    assert given.sends == (wanted.sends and offered.receives)
    assert given.receives == (wanted.receives and offered.sends)
    assert agreed(ours, theirs).direction is given
    mirrored = agreed(theirs, ours).direction
    assert (mirrored.sends, mirrored.receives) == (given.receives, given.sends)


def test_the_sessions_direction_holds_for_its_media() -> None:
    session = parse(OFFER.replace(b"a=tool:x", b"a=sendonly"))
    assert session.direction(session.media[0]) is Direction.SENDONLY
    own = replace(session.media[0], attributes=(("inactive", ""),))
    assert session.direction(own) is Direction.INACTIVE


def test_an_address_of_zeros_is_a_hold() -> None:
    theirs = offer("0.0.0.0", 4000)
    assert agreed(offer("192.0.2.2", 5000), theirs).direction is Direction.RECVONLY


def test_without_telephone_events_there_are_none() -> None:
    stream = agreed(offer("192.0.2.1", 1), offer("192.0.2.2", 2, codecs=(PCMU,)))
    assert (stream.codec, stream.dtmf) == (PCMU, None)


@pytest.mark.parametrize(
    "media",
    [
        (),
        (Media("audio", 0, "RTP/AVP", ("0",)),),
        (Media("audio", 4000, "RTP/SAVP", ("0",)),),
        (Media("audio", 4000, "RTP/AVP", ("18",)),),
        (Media("video", 4000, "RTP/AVP", ("0",)),),
        offer("192.0.2.1", 4000, codecs=(TELEPHONE_EVENT,)).media,
    ],
)
def test_nothing_in_common_is_488(media: tuple[Media, ...]) -> None:
    base = offer("192.0.2.1", 4000)
    offered = replace(base, media=media)
    with pytest.raises(SipParseError) as caught:
        answer(offered, "192.0.2.2", 5000)
    assert caught.value.status == 488


def test_a_refused_stream_is_no_agreement() -> None:
    ours = offer("192.0.2.1", 4000)
    with pytest.raises(SipParseError) as caught:
        agreed(ours, replace(ours, media=(Media("audio", 0, "RTP/AVP", ("0",)),)))
    assert caught.value.status == 488


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=0", b"v=1"),
        (b"o=jdoe", b"x=jdoe"),
        (b"3724394400", b"abc"),
        (b"3724394400", b"9" * 30),
        (b"3724394400", "٣".encode()),
        (b"IN IP4 198.51.100.1\r\ns", b"IN IP4\r\ns"),
        (b"c=IN IP4 198.51.100.1", b"c=IN IP6 198.51.100.1"),
        (b"c=IN IP4 198.51.100.1", b"c=IN IP4 <evil>"),
        (b"c=IN IP4 198.51.100.1", b"c=IN"),
        (b"c=IN IP4 198.51.100.1\r\n", b""),
        (b"m=audio 49170/2 RTP/AVP 9", b"m=audio 49170"),
        (b"49170", b"70000"),
        (b"t=0 0", b"nonsense"),
        (b"m=audio 49170/2 RTP/AVP 9 ", b"m=audio 1 RTP/AVP " + b"0 " * 200),
        (b"m=video", b"m=audio 1 RTP/AVP 0\r\n" * 20 + b"m=video"),
        (b"a=tool:x\r\n", b"a=tool:x\r\n" * 2000),
        (b"a=tool:x", b"a=" + b"x" * 40_000),
    ],
)
def test_what_is_malformed_or_boundless_is_refused(old: bytes, new: bytes) -> None:
    assert old in OFFER
    data = OFFER.replace(old, new, 1)
    if new == b"m=audio 49170":
        data = data.split(b"m=video")[0].split(b" 96 8")[0] + b"\r\n"
    with pytest.raises(SipParseError):
        parse(data)


@given(st.binary(max_size=300))
def test_any_bytes_raise_the_one_error_only(data: bytes) -> None:
    for candidate in (data, OFFER[:60] + data, OFFER.replace(b"0 97", data)):
        try:
            session = parse(candidate)
        except SipParseError:
            continue
        check(session)


@given(st.lists(st.sampled_from(OFFER.split(b"\r\n")), max_size=20))
def test_any_order_of_good_lines_raises_the_one_error_only(lines: list[bytes]) -> None:
    try:
        session = parse(b"\r\n".join([b"v=0", *lines]))
    except SipParseError:
        return
    check(session)


def check(session: Session) -> None:
    """Whatever was read can be written, and answered or refused."""
    parse(session.to_bytes())
    try:
        answered = answer(session, "192.0.2.1", 4000)
    except SipParseError:
        return
    assert parse(answered.to_bytes()) == answered
