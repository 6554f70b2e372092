"""The message layer against sipmessage: parse, read seven headers typed, serialize.

Every message bears its own branch, tags, Call-ID and CSeq, as traffic does; the addresses are
those of 200 subscribers, so they recur as they do at a phone or a registrar.
"""

from __future__ import annotations

from functools import partial

import sipmessage

from bench.rows import Row, paired_ratio, row
from evertone.sip.message import parse

COUNT = 600
SUBSCRIBERS = 200

REGISTER = """\
REGISTER sip:pbx.example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.{octet}:5060;branch=z9hG4bK{n:016x};rport
Max-Forwards: 70
From: "User {user}" <sip:{user}@pbx.example.com>;tag={n:08x}
To: "User {user}" <sip:{user}@pbx.example.com>
Call-ID: {n:032x}@192.0.2.{octet}
CSeq: {n} REGISTER
Contact: <sip:{user}@192.0.2.{octet}:5060;line={user}>;reg-id=1;\
+sip.instance="<urn:uuid:00000000-0000-1000-8000-{user:012}>";expires=3600
Authorization: Digest username="{user}", realm="pbx.example.com", nonce="{n:040x}", \
uri="sip:pbx.example.com", response="{n:032x}", algorithm=MD5, cnonce="{n:016x}", qop=auth, \
nc=00000001
Allow: INVITE, ACK, OPTIONS, CANCEL, BYE, NOTIFY
Supported: path, outbound, gruu
User-Agent: bench
Expires: 3600
Content-Length: 0

"""

OK = """\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.{octet}:5060;branch=z9hG4bK{n:016x};rport=5060;received=192.0.2.{octet}
From: "User {user}" <sip:{user}@pbx.example.com>;tag={n:08x}
To: "User {user}" <sip:{user}@pbx.example.com>;tag=b{n:08x}
Call-ID: {n:032x}@192.0.2.{octet}
CSeq: {n} REGISTER
Contact: <sip:{user}@192.0.2.{octet}:5060;line={user}>;expires=3600;reg-id=1;\
+sip.instance="<urn:uuid:00000000-0000-1000-8000-{user:012}>"
Server: bench
Content-Length: 0

"""

INVITE = """\
INVITE sip:{callee}@pbx.example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.{octet}:5060;branch=z9hG4bK{n:016x};rport
Max-Forwards: 70
From: "User {user}" <sip:{user}@pbx.example.com>;tag={n:08x}
To: <sip:{callee}@pbx.example.com>
Call-ID: {n:032x}@192.0.2.{octet}
CSeq: {n} INVITE
Contact: <sip:{user}@192.0.2.{octet}:5060;line={user}>
Allow: INVITE, ACK, OPTIONS, CANCEL, BYE, NOTIFY
Supported: replaces, outbound
User-Agent: bench
Content-Type: application/sdp
Content-Length: {length}

{sdp}"""

SDP = """\
v=0
o=- {n} 1 IN IP4 192.0.2.{octet}
s=-
c=IN IP4 192.0.2.{octet}
t=0 0
m=audio 11780 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
"""


def messages(template: str) -> list[bytes]:
    made = []
    for n in range(1, COUNT + 1):
        user = 1000 + n % SUBSCRIBERS
        octet = n % SUBSCRIBERS + 1
        sdp = SDP.format(n=n, octet=octet).replace("\n", "\r\n")
        text = template.replace("\n", "\r\n").format(
            n=n, user=user, callee=user + 1, octet=octet, sdp=sdp, length=len(sdp)
        )
        made.append(text.encode())
    return made


def ours(batch: list[bytes]) -> None:
    for data in batch:
        message = parse(data)
        _ = message.vias
        _ = message.from_
        _ = message.to
        _ = message.call_id
        _ = message.cseq
        _ = message.contacts
        message.to_bytes()


def theirs(batch: list[bytes]) -> None:
    for data in batch:
        message = sipmessage.Message.parse(data)
        _ = message.via
        _ = message.from_address
        _ = message.to_address
        _ = message.call_id
        _ = message.cseq
        _ = message.contact
        bytes(message)


def run() -> list[Row]:
    rows = []
    for name, template in (("REGISTER", REGISTER), ("its 200", OK), ("INVITE with SDP", INVITE)):
        batch = messages(template)
        if any(parse(data).to_bytes() != data for data in batch):
            raise AssertionError(f"{name} does not survive a round trip")
        ratio, seconds = paired_ratio(partial(theirs, batch), partial(ours, batch))
        rows.append(row(f"message: {name}, × sipmessage", ratio, "×", 2.0, better="more"))
        rows.append(row(f"message: {name}", seconds / COUNT * 1e6, "µs"))
    return rows
