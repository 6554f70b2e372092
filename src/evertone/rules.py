"""The registry of rules of behaviour. Decisions, events, tests and docs name rules from here.

Sources: G the redundancy guide, V a later guide of the same vendor, "RFC n", D decided here.
"""

from __future__ import annotations

import enum

__all__ = ["Rule"]


class Rule(enum.Enum):
    """One rule: ``id`` (also the member's name), ``meaning`` in one sentence, ``source``."""

    S1 = ("S1", "one target: sent once, resent as configured, given up one interval later, never before 4 s", "G, RFC 3261 §17, D")
    S2 = ("S2", "64*T1 is the end: resends beyond it are not sent", "RFC 3261 §17")
    S3 = ("S3", "the last target that a request may use gets the whole 64*T1", "V, D")
    S4 = ("S4", "TCP and TLS: no resends; a transport fault makes the target unavailable at once", "V, RFC 3263 §4.3")
    S5 = ("S5", "UDP: an ICMP error makes the target unavailable at once", "V")
    S6 = ("S6", "INVITE: a provisional answer stops S1; 100 and then nothing for 64*T1 moves on", "V, D")
    S7 = ("S7", "timers T1, T2 and T4 are settings", "V")
    A1 = ("A1", "no answer or a transport fault: the target is unavailable, the next one is tried", "RFC 3263 §4.3, RFC 3261 §8.2.2.2, §10.3")
    A2 = ("A2", "503: the next target; with Retry-After the target is passed over for that long", "RFC 3263 §4.3, V")
    A3 = ("A3", "401 and 407 are answered at the same target, two challenges at most", "RFC 7616, RFC 8760")
    A4 = ("A4", "423: once more with Min-Expires", "RFC 3261 §10.3")
    A5 = ("A5", "408, 500, 502, 504 to REGISTER: a registrar that cannot serve, the next target", "D")
    A6 = ("A6", "any other refusal of REGISTER: no failover, again later", "V")
    A7 = ("A7", "any other final answer is that of a live server and is the result", "RFC 3263 §4.3")
    A8 = ("A8", "an INVITE given up stays 5 minutes: stragglers are cancelled, or acknowledged and ended", "RFC 6026")
    A9 = ("A9", "301 and 302 are followed for this request only, five hops at most", "RFC 3261 §8.1.3.4")
    A10 = ("A10", "a provisional answer to a non-INVITE: alive, resent every T2 up to 64*T1", "RFC 3261 §17.1.2.2")
    A11 = ("A11", "a late 2xx to a REGISTER or SUBSCRIBE given up is recorded, and removed if surplus", "D")
    A12 = ("A12", "482 to an INVITE that was moved: wait for the earlier leg, no third INVITE", "D")
    A13 = ("A13", "CANCEL and ACK go where their INVITE went; no failover after the user's CANCEL", "RFC 3261 §9.1")
    D1 = ("D1", "an IP literal is one target and needs no DNS", "G")
    D2 = ("D2", "DNS-NAPTR with a port: A only, UDP, that port", "G")
    D3 = ("D3", "DNS-NAPTR with port 0: NAPTR, then SRV, then A", "G")
    D4 = ("D4", "NAPTR: usable services only, lowest order, then lowest preference; flags s, a and empty", "G, RFC 3263 §4.1")
    D5 = ("D5", "no NAPTR: SRV for UDP, or for UDP, TCP and TLS with naptr_build 1", "G, D")
    D6 = ("D6", "UDP, TCP or TLS with port 0: SRV for that transport, then A", "RFC 3263 §4.2")
    D7 = ("D7", "SRV: lowest priority, then highest weight, equal ones by a draw that is kept", "G, D, RFC 2782")
    D8 = ("D8", "all addresses of a host are targets; no port found: 5060, for TLS 5061", "G, RFC 3261 §19.1.2")
    D9 = ("D9", "AAAA beside A, ordered within one host, never across priorities", "RFC 7984, RFC 6724")
    D10 = ("D10", "DNS-NAPTR without SRV: A of the name itself, UDP, 5060", "G")
    D11 = ("D11", "a hop list lives as long as the shortest TTL behind it", "RFC 2308")
    D12 = ("D12", "dns_cache_type: no cache, answers only, or the additional section too", "G")
    D13 = ("D13", "static records, before or after DNS by static_cache_pri", "G, V")
    D14 = ("D14", "the last answer known serves while DNS does not answer", "V, RFC 8767")
    D15 = ("D15", "one resolution per request, not per send", "RFC 3263")
    D16 = ("D16", "one question: 3 s per try, 2 retries, name servers in turn", "V, RFC 8767")
    R1 = ("R1", "REGISTER goes to the primary first, except in failover conditions", "G")
    R2 = ("R2", "no answer: the next target; all tried: the server is unavailable", "G")
    R3 = ("R3", "refreshed some time before the granted time runs out", "V, D")
    R4 = ("R4", "the granted time is that of our own binding", "RFC 3261 §10.2.4")
    R5 = ("R5", "bindings bear one instance and a reg-id per server; a clean stop removes them", "RFC 5626")
    R6 = ("R6", "after a failure: registered again after an interval", "V, RFC 5626 §4.5")
    R7 = ("R7", "the first REGISTER after start waits a random time", "V")
    R8 = ("R8", "after a network change all lines register anew", "D")
    R9 = ("R9", "a connection that carries a registration ends: REGISTER at once", "RFC 5626")
    R10 = ("R10", "Contact is that of the flow, and unique to line and server", "D")
    R11 = ("R11", "a Service-Route belongs to the binding that brought it", "RFC 3608")
    B1 = ("B1", "failback newRequests: every request starts at the primary", "G")
    B2 = ("B2", "failback DNSTTL: home is tried when the TTL has run since the failover", "G, V")
    B3 = ("B3", "failback registration: home is tried when the refresh falls due", "G")
    B4 = ("B4", "failback duration: home is tried failback_timeout after the failover", "G")
    B5 = ("B5", "modes 1-3 go home only when the phone is idle", "G")
    B6 = ("B6", "the try home is one REGISTER to the primary alone; the binding left is removed", "D")
    B7 = ("B7", "a failure of the current target: from the top of the list, without what just failed", "G")
    B8 = ("B8", "a hop list that changes moves the line only where it must", "D")
    B9 = ("B9", "register_on_enable: registered at a target before anything else goes there", "G, D")
    B10 = ("B10", "only_signal_with_registered: requests go to registered targets only", "G, V")
    B11 = ("B11", "failback_subscribe: subscriptions follow a moved registration at once", "G")
    F1 = ("F1", "concurrent: registered with both, one serves", "G, V")
    F2 = ("F2", "successive: the fallback server is registered with when the binding has run out", "G")
    F3 = ("F3", "successive: a request that a person waits for moves the line at once", "D")
    F4 = ("F4", "successive: the working server is tried every fallback.timeout", "G")
    F5 = ("F5", "both servers fail: begin at the working server again", "D")
    F6 = ("F6", "incoming calls are taken from every server; a merged INVITE gets 482", "RFC 3261 §8.2.2.2")
    F7 = ("F7", "where message-waiting and shared-line subscriptions live", "G")
    F8 = ("F8", "a server is unavailable only when its whole list is", "G")
    P1 = ("P1", "outbound proxies are the path; the server is the registrar", "G, V, D")
    P2 = ("P2", "proxy 1 unavailable: proxy 2, with tries home", "G")
    P3 = ("P3", "firmware 80 and 81 name their proxies differently", "G")
    P4 = ("P4", "proxy names resolve like server names", "D")
    C1 = ("C1", "an INVITE walks the serving server's list, then the other's", "G")
    C2 = ("C2", "in-dialog requests follow the route set; a dead next hop is replaced", "RFC 3261 §12.2.1.1, D")
    C3 = ("C3", "the user sees at once that the phone has gone on, and why", "D")
    C4 = ("C4", "hanging up always works locally", "D")
    C5 = ("C5", "a line without registration still calls", "D")
    X1 = ("X1", "skip_unavailable: a dead target is passed over for a while", "D")
    X2 = ("X2", "spread: REGISTERs that nobody waits for are delayed at random", "D")
    X3 = ("X3", "settle: home only after the primary has answered for a while", "D")
    X4 = ("X4", "srv_weight: the guide's order or RFC 2782's draw", "D, RFC 2782")
    X5 = ("X5", "call_survival: an established call moves to the server that serves", "D")

    def __init__(self, id: str, meaning: str, source: str) -> None:
        self.id = id
        self.meaning = meaning
        self.source = source

    def __str__(self) -> str:
        return self.id
