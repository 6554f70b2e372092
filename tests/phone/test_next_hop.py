"""Where requests within a dialog go (C2)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from evertone.config.settings import DnsSettings, PhoneSettings, StaticA
from evertone.model import Target, Transport
from evertone.phone.flow_table import Flow
from evertone.phone.next_hop import next_target, reroute
from evertone.sip.message import Request, Response
from evertone.sip.values import parse_uri
from tests.phone.desk import ONE, SDP, TWO, Desk, answer, granting, line, server, silent

TCP = Target("192.0.2.1", 5060, Transport.TCP)
TLS = Target("192.0.2.1", 5061, Transport.TLS, "sip.example.net")
PEER = Target("192.0.2.1", 49152, Transport.TCP)  # it called us: a port of no meaning


def udp(address: str, port: int = 5060) -> Target:
    return Target(address, port, Transport.UDP)


@pytest.mark.rule("C2")
@pytest.mark.parametrize(
    ("own", "incoming", "hop", "target"),
    [
        (ONE, False, "sip:192.0.2.1:5060;lr", ONE),
        (ONE, False, "sip:bob@192.0.2.7", udp("192.0.2.7")),
        (ONE, False, "sip:bob@192.0.2.7:5070", udp("192.0.2.7", 5070)),
        (ONE, False, "sip:192.0.2.1;transport=tcp;lr", TCP),
        (ONE, False, "sip:proxy.example.net;lr", ONE),
        (ONE, False, "tel:123", ONE),
        (ONE, False, "sip:192.0.2.1;transport=sctp", ONE),
        (TCP, False, "sip:192.0.2.1:5060;lr", TCP),
        (TCP, False, "sip:bob@192.0.2.7", udp("192.0.2.7")),
        (TLS, False, "sip:192.0.2.1:5061;transport=tls;lr", TLS),
        (TLS, False, "sip:bob@192.0.2.7", Target("192.0.2.7", 5061, Transport.TLS, "192.0.2.7")),
        (PEER, True, "sip:192.0.2.1:5060;transport=tcp;lr", PEER),
        (
            PEER,
            True,
            "sip:192.0.2.7:5060;transport=tcp;lr",
            Target("192.0.2.7", 5060, Transport.TCP),
        ),
        (ONE, False, "sip:bob@[2001:db8::7]:5066", udp("2001:db8::7", 5066)),
    ],
)
def test_the_next_hop_of_a_dialog(own: Target, incoming: bool, hop: str, target: Target) -> None:
    assert next_target(parse_uri(hop), Flow(own, incoming, 0.0), own_open=True) == target


@pytest.mark.rule("C2")
def test_a_connection_that_is_gone_is_not_used_again() -> None:
    flow = Flow(PEER, True, 0.0)
    hop = parse_uri("sip:192.0.2.1:5060;transport=tcp;lr")
    assert next_target(hop, flow, own_open=False) == TCP


@pytest.mark.rule("C2")
def test_leading_routes_that_name_the_dead_target_are_replaced() -> None:
    request = Request(
        "BYE",
        "sip:bob@192.0.2.7",
        [
            ("Route", "<sip:192.0.2.1;lr>, <sip:192.0.2.1:5060;lr;r2=on>"),
            ("Route", "<sip:192.0.2.5;lr>"),
        ],
    )
    reroute(request, ONE, TWO)
    assert [str(route.uri) for route in request.routes] == [
        "sip:192.0.2.2:5060;lr",
        "sip:192.0.2.5;lr",
    ]
    reroute(request, ONE, TWO)
    assert len(request.routes) == 2


@pytest.mark.rule("C2")
def test_both_sides_of_a_dead_server_that_bridges_transports_are_replaced() -> None:
    """RFC 5658: TLS on our side, UDP on the other: left in, it would be routed through again."""
    routes = "<sip:192.0.2.1:5061;transport=tls;lr>, <sip:192.0.2.1:5060;lr>, <sip:192.0.2.5;lr>"
    request = Request("BYE", "sip:bob@192.0.2.7", [("Route", routes)])
    reroute(request, TLS, Target("192.0.2.2", 5061, Transport.TLS, "sip.example.net"))
    assert [str(route.uri) for route in request.routes] == [
        "sip:192.0.2.2:5061;transport=tls;lr",
        "sip:192.0.2.5;lr",
    ]


@pytest.mark.rule("C2", "C4")
def test_a_bye_whose_server_died_goes_to_the_other_target_of_its_list() -> None:
    """Behind a list of two: the Route that names the dead one is replaced, with the next CSeq."""
    name = "sip.example.net"
    records = DnsSettings(static_a=(StaticA(name, ONE.address), StaticA(name, TWO.address)))
    desk = Desk(PhoneSettings(lines=(line(server(name)),), dns=records))

    def peer(request: Request) -> Iterable[Response]:
        if request.method != "INVITE":
            return granting()(request)
        headers = (
            ("Contact", "<sip:bob@192.0.2.7>"),
            ("Record-Route", f"<sip:{ONE.address}:5060;lr>"),
        )
        return [answer(request, 200, *headers, body=SDP)]

    desk.peers |= {ONE: peer, TWO: granting()}
    desk.start(1)
    call = desk.phone.call(1, "bob", desk.now)
    desk.drain()
    desk.peers[ONE] = silent
    desk.phone.hangup(call, desk.now)
    desk.run(desk.now + 60)
    first, moved = desk.requests("BYE", ONE)[0], desk.requests("BYE", TWO)[0]
    assert moved.cseq.number == first.cseq.number + 1
    assert [str(r.uri) for r in first.routes] == ["sip:192.0.2.1:5060;lr"]
    assert [str(r.uri) for r in moved.routes] == ["sip:192.0.2.2:5060;lr"]
    assert moved.uri == first.uri == "sip:bob@192.0.2.7"
    assert moved.call_id == first.call_id
