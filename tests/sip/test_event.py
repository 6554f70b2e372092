"""Event, Subscription-State (RFC 6665), Replaces (RFC 3891), and the bodies of their NOTIFYs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertone.errors import SipParseError
from evertone.sip.dialog_info import (
    DialogInfo,
    DialogState,
    Lamp,
    Watched,
    lamp_of,
    parse_dialog_info,
)
from evertone.sip.event import (
    AGAIN,
    EventType,
    SubscriptionState,
    SubState,
    parse_event,
    parse_subscription_state,
)
from evertone.sip.message_summary import MessageSummary, parse_message_summary
from evertone.sip.replaces import Replaces, parse_replaces

# --- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "package", "id"),
    [
        ("message-summary", "message-summary", ""),
        ("  Dialog ; id=7 ", "dialog", "7"),
        ("dialog;sla", "dialog", ""),
        ("presence.winfo;id=a;x=y", "presence.winfo", "a"),
    ],
)
def test_an_event_is_read(text: str, package: str, id: str) -> None:
    event = parse_event(text)
    assert (event.package, event.id) == (package, id)
    assert parse_event(str(event)) == event


def test_package_and_id_alone_make_a_subscription() -> None:
    sla = EventType("dialog", (("sla", None),))
    assert sla.same_as(EventType("dialog"))
    assert not sla.same_as(EventType("dialog", (("id", "1"),)))
    assert not sla.same_as(EventType("presence"))


@pytest.mark.parametrize("text", ["", ";id=1", "a b", "a,b", "\x00"])
def test_what_is_no_event_is_a_bad_one(text: str) -> None:
    with pytest.raises(SipParseError) as error:
        parse_event(text)
    assert error.value.status == 489


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("active;expires=600", SubscriptionState(SubState.ACTIVE, expires_s=600)),
        ("Pending", SubscriptionState(SubState.PENDING)),
        ("terminated;reason=NoResource", SubscriptionState(SubState.TERMINATED, "noresource")),
        (
            "terminated;reason=probation;retry-after=9",
            SubscriptionState(SubState.TERMINATED, "probation", retry_after_s=9),
        ),
        ("waiting", SubscriptionState(SubState.ACTIVE)),
    ],
)
def test_a_subscription_state_is_read_and_written(text: str, state: SubscriptionState) -> None:
    assert parse_subscription_state(text) == state
    assert parse_subscription_state(str(state)) == state
    assert state.over is (state.state is SubState.TERMINATED)


@pytest.mark.parametrize("text", ["", ";expires=1", "active;expires=soon", "active;expires=-1"])
def test_a_malformed_subscription_state(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_subscription_state(text)


def test_every_reason_of_the_rfc_has_its_row() -> None:
    named = {"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}
    assert set(AGAIN) == named | {""}


def test_a_replaces_is_read_and_written() -> None:
    replaces = Replaces("98732@sip.example.com", "r33th4x0r", "ff87ff", early_only=True)
    assert parse_replaces(str(replaces)) == replaces
    assert not parse_replaces("1@a ;to-tag=x; from-tag=y").early_only
    assert replaces.dialog.local_tag == "r33th4x0r"


@pytest.mark.parametrize(
    "text",
    ["", "a", "a;to-tag=x", "a;from-tag=x", "a;to-tag=;from-tag=y", "a b;to-tag=x;from-tag=y"],
)
def test_a_malformed_replaces(text: str) -> None:
    with pytest.raises(SipParseError) as error:
        parse_replaces(text)
    assert error.value.status == 400


# --- message-summary --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        (b"Messages-Waiting: yes\r\n", MessageSummary(True)),
        (
            b"messages-waiting : YES\nMessage-Account: sip:vm@x\nVoice-Message: 4/8 (1/2)\n",
            MessageSummary(True, 4, 8, "sip:vm@x"),
        ),
        (b"Messages-Waiting: no\r\nVoice-Message: 0/3\r\n", MessageSummary(False, 0, 3)),
        (b"Messages-Waiting: yes\r\nVoice-Message: many\r\n", MessageSummary(True)),
        (b"Fax-Message: 1/1\r\n\r\nMessages-Waiting: no\r\n", MessageSummary(False)),
    ],
)
def test_a_mailbox_is_read(body: bytes, summary: MessageSummary) -> None:
    assert parse_message_summary(body) == summary
    assert parse_message_summary(summary.to_bytes()) == summary


@pytest.mark.parametrize("body", [b"", b"Messages-Waiting: maybe\r\n", b"x" * 9000, b"\xff\xfe"])
def test_what_tells_nothing_of_a_mailbox(body: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_message_summary(body)


# --- dialog-info ------------------------------------------------------------------------------

EXAMPLE = b"""<?xml version="1.0"?>
<d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" version="3" state="partial"
  entity="sip:alice@example.com">
  <d:dialog id="as7" call-id="a84" direction="Initiator" extra="yes">
    <d:state event="remote-busy" code="486"> confirmed </d:state>
    <d:duration>274</d:duration>
    <d:remote><d:target uri="sip:bob@example.com"/><d:state>terminated</d:state></d:remote>
  </d:dialog>
</d:dialog-info>
"""


def test_the_state_of_dialogs_is_read() -> None:
    assert parse_dialog_info(EXAMPLE) == DialogInfo(
        "sip:alice@example.com",
        3,
        False,
        (Watched("as7", DialogState.CONFIRMED, "initiator"),),
    )


def test_what_we_write_we_read() -> None:
    info = DialogInfo(
        'sip:"<&>"@x', 0, True, tuple(Watched(s.value, s, "recipient") for s in DialogState)
    )
    assert parse_dialog_info(info.to_bytes()) == info


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        b"<dialog-info/>",
        b'<dialog-info version="x"/>',
        b'<dialog-info version="1"><dialog id="a"/></dialog-info>',
        b'<dialog-info version="1"><dialog id="a"><state>odd</state></dialog></dialog-info>',
        b'<dialog-info version="1">',
        b'<!DOCTYPE a [<!ENTITY b "c">]><dialog-info version="1">&b;</dialog-info>',
        b'<dialog-info version="1">' + b"<x>" * 100 + b"</x>" * 100 + b"</dialog-info>",
        b'<dialog-info version="1">'
        + b"".join(b'<dialog id="%d"><state>early</state></dialog>' % n for n in range(300))
        + b"</dialog-info>",
        b" " * 70_000,
    ],
)
def test_another_document_or_too_much_of_one(body: bytes) -> None:
    with pytest.raises(SipParseError) as error:
        parse_dialog_info(body)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("states", "lamp"),
    [
        ([], Lamp.IDLE),
        ([("terminated", "")], Lamp.IDLE),
        ([("early", "recipient")], Lamp.RINGING),
        ([("early", "")], Lamp.RINGING),
        ([("early", "initiator")], Lamp.BUSY),
        ([("trying", "initiator")], Lamp.BUSY),
        ([("confirmed", "recipient"), ("early", "recipient")], Lamp.BUSY),
    ],
)
def test_what_a_lamp_shows(states: list[tuple[str, str]], lamp: Lamp) -> None:
    watched = [Watched(str(n), DialogState(s), d) for n, (s, d) in enumerate(states)]
    assert lamp_of(watched) is lamp


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda b: EXAMPLE[:200] + b)))
def test_parsers_raise_their_one_error_only(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (
        lambda: parse_event(text),
        lambda: parse_subscription_state(text),
        lambda: parse_replaces(text),
        lambda: parse_message_summary(data),
        lambda: parse_dialog_info(data),
    ):
        with contextlib.suppress(SipParseError):
            read()
