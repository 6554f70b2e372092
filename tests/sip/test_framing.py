"""Messages out of streams: any chunking, keep-alives, limits, garbage."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip.framing import MAX_HEAD, MAX_START_LINE, Frame, Ping, Pong, StreamFramer
from evertone.sip.message import MAX_MESSAGE

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n"
MESSAGE = b"MESSAGE sip:a SIP/2.0\r\nl :\r\n 9\r\nCall-ID: y\r\n\r\n\r\n\r\nSIP/2"
ANSWER = b"SIP/2.0 200 OK\r\nCONTENT-LENGTH:004\r\n\r\nbody"


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def feed_all(chunks: list[bytes]) -> list[Frame]:
    framer = StreamFramer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


def test_several_messages_in_one_piece() -> None:
    assert feed_all([OPTIONS + MESSAGE + ANSWER]) == [OPTIONS, MESSAGE, ANSWER]


def test_byte_by_byte() -> None:
    data = OPTIONS + MESSAGE + ANSWER
    assert feed_all([data[i : i + 1] for i in range(len(data))]) == [OPTIONS, MESSAGE, ANSWER]


@given(st.lists(st.integers(0, len(OPTIONS + MESSAGE + ANSWER)), max_size=12))
def test_any_chunking_gives_the_same_messages(places: list[int]) -> None:
    assert feed_all(split_at(OPTIONS + MESSAGE + ANSWER, places)) == [OPTIONS, MESSAGE, ANSWER]


def test_pings_and_pongs() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n") == [Ping()]
    assert framer.feed(b"\r\n") == [Pong()]
    assert framer.feed(OPTIONS + b"\r\n\r\n" + ANSWER) == [OPTIONS, Ping(), ANSWER]
    assert framer.feed(b"\r\n\r\n\r\n") == [Ping(), Pong()]
    assert framer.feed(OPTIONS) == [OPTIONS]


def test_a_ping_in_two_pieces_is_answered_all_the_same() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [Pong()]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [Ping()]


def test_pongs_on_a_connection_of_our_own_never_make_a_ping() -> None:
    framer = StreamFramer(pings=False)
    assert [framer.feed(b"\r\n") for _ in range(3)] == [[Pong()], [Pong()], [Pong()]]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [Pong()]


def test_a_pong_before_a_message_is_no_half_of_a_later_ping() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n" + OPTIONS + b"\r\n") == [Pong(), OPTIONS, Pong()]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n",  # no Content-Length
        b"OPTIONS sip:a SIP/2.0\r\nX-Content-Length: 0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: \r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1 1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 65536\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01 TLS hello\r\n",
        b"\r\rOPTIONS\r\n",
        b"x" * (MAX_START_LINE + 1),
        b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * (MAX_HEAD // 6 + 1),
        b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * (MAX_HEAD // 6 + 1) + b"l: 0\r\n\r\n",
    ],
)
def test_unreadable_streams(data: bytes) -> None:
    framer = StreamFramer()
    with pytest.raises(SipParseError) as caught:
        framer.feed(data)
    assert framer.failed is caught.value
    with pytest.raises(SipParseError):
        framer.feed(OPTIONS)
    assert framer.pending == 0


def test_what_was_complete_before_the_fault_is_not_lost() -> None:
    framer = StreamFramer()
    assert framer.feed(OPTIONS + b"garbage\r\n") == [OPTIONS]
    assert framer.failed is not None
    with pytest.raises(SipParseError):
        framer.feed(b"")


def test_a_smaller_limit_of_ones_own() -> None:
    framer = StreamFramer(max_message=len(OPTIONS) + 5)
    assert framer.feed(OPTIONS) == [OPTIONS]
    with pytest.raises(SipParseError) as caught:
        framer.feed(OPTIONS.replace(b"h: 0", b"h: 9"))
    assert caught.value.status == 513


def test_a_message_of_just_the_greatest_size() -> None:
    head = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 65000\r\n\r\n"
    body = b"\r\n" * 32500
    framer = StreamFramer(max_message=len(head) + len(body))
    assert framer.feed(head + body + OPTIONS) == [head + body, OPTIONS]


class CountingBuffer(bytearray):
    """A buffer that adds up how many bytes it was asked to search."""

    searched = 0

    def find(self, sub: object, start: object = 0, end: object = None) -> int:
        assert isinstance(sub, bytes)
        assert isinstance(start, int)
        self.searched += len(self) - start
        return super().find(sub, start)


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 4000 + b"l: 0\r\n\r\n",
        b"OPTIONS sip:" + b"a" * 8000 + b" SIP/2.0\r\nl: 0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nl: 30000\r\n\r\n" + b"\r\n" * 15000,
        b"\r\n" * 15000,
    ],
)
def test_byte_by_byte_is_linear(data: bytes) -> None:
    framer = StreamFramer()
    buffer = CountingBuffer()
    framer._buffer = buffer
    for place in range(len(data)):
        framer.feed(data[place : place + 1])
    assert framer.pending == 0
    assert buffer.searched <= 8 * len(data)


def test_random_streams_never_raise_anything_else() -> None:
    seed = 20261
    print(f"seed {seed}")
    rng = random.Random(seed)
    pieces = [OPTIONS, MESSAGE, ANSWER, b"\r\n", b"\r", b"\n", b"l: 5\r\n", b"SIP/2.0 ", b"\0\xff"]
    refused = 0
    for _ in range(300):
        framer = StreamFramer(max_message=rng.choice((100, 1000, MAX_MESSAGE)))
        try:
            for _ in range(rng.randrange(12)):
                framer.feed(b"".join(rng.choices(pieces, k=rng.randrange(4))))
        except SipParseError:
            refused += 1
        assert framer.pending <= MAX_MESSAGE
    assert 0 < refused < 300


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_arbitrary_bytes(chunks: list[bytes]) -> None:
    framer = StreamFramer()
    for chunk in chunks:
        if framer.failed is not None:
            break
        try:
            framer.feed(chunk)
        except SipParseError:
            assert framer.failed is not None
