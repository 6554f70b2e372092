"""D: from a name to a hop list."""

from __future__ import annotations

__all__ = ["ROWS"]

_WALKER = "redundancy/walker.py"
_LOCATE = "dns/locate.py"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "D1",
        "a literal asks no DNS",
        _LOCATE,
        "        if literal is not None:\n            return self._at_literal",
        "        if False and literal is not None:\n            return self._at_literal",
    ),
    (
        "D2",
        "a port leaves only addresses to ask",
        _LOCATE,
        "        if self.where.port:\n",
        "        if self.where.port and fixed is not None:\n",
    ),
    (
        "D3",
        "NAPTR first",
        _LOCATE,
        "            hops = yield from self._by_naptr()",
        "            hops = yield from self._by_srv((Transport.UDP,))",
    ),
    (
        "D4",
        "lowest order, then lowest preference",
        "dns/order.py",
        "key=lambda naptr: (naptr.order, naptr.preference)",
        "key=lambda naptr: (naptr.preference, naptr.order)",
    ),
    ("D4", "no regexp", _LOCATE, "            and not n.regexp\n", ""),
    ("D4", "eight steps", _LOCATE, "_MAX_STEPS = 8 ", "_MAX_STEPS = 80 "),
    (
        "D4",
        "usable services only",
        _LOCATE,
        "            if n.service in SERVICES\n            and not n.regexp\n",
        "            if not n.regexp\n",
    ),
    (
        "D4",
        "a later record where the first yields no target",
        _LOCATE,
        ("            if hops:\n                return hops\n        if failure is not None:\n"),
        "            return hops\n        if failure is not None:\n",
    ),
    (
        "D4",
        "no circles",
        _LOCATE,
        "        if name in self._steps:\n",
        "        if False:\n",
    ),
    (
        "D5",
        "a static SRV record makes its transport asked for",
        _LOCATE,
        (
            "        transports |= {t for t in Transport if"
            " self._statics.lookup(self._srv_question(t))}\n"
        ),
        "",
    ),
    (
        "D6",
        "SRV for the transport that is set",
        _LOCATE,
        "            hops = yield from self._by_srv((fixed,))",
        "            hops = yield from self._host(fixed, self._name, _Trail())",
    ),
    (
        "D6",
        "a port leaves only addresses to ask",
        _LOCATE,
        "        if self.where.port:\n",
        "        if self.where.port and fixed is None:\n",
    ),
    (
        "D7",
        "highest weight first",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (srv.priority, srv.weight, lot)",
    ),
    (
        "D7",
        "lowest priority first",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (-srv.weight, lot)",
    ),
    (
        "D7",
        "a draw among equals",
        "dns/order.py",
        "return (srv.priority, -srv.weight, lot)",
        "return (srv.priority, -srv.weight)",
    ),
    (
        "D7",
        "target . is not offered",
        _LOCATE,
        "            self._denied = True\n",
        "            pass\n",
    ),
    (
        "D7",
        "a draw that is kept",
        "dns/order.py",
        "digest_size=_HASH_BYTES, key=self._key)",
        'digest_size=_HASH_BYTES, key=__import__("os").urandom(32))',
    ),
    (
        "D7",
        "a draw of the phone's own",
        "dns/order.py",
        'self._key = rng.getrandbits(256).to_bytes(32, "big")',
        'self._key = b"everybody"',
    ),
    (
        "D8",
        "SRV port 0 is the default port",
        _LOCATE,
        "port = self.where.port or port or transport.default_port",
        "port = self.where.port or port or 5060",
    ),
    (
        "D8",
        "all addresses of a host",
        _LOCATE,
        "for record in found.records[:_MAX_ADDRESSES]",
        "for record in found.records[:1]",
    ),
    (
        "D8",
        "TLS at 5061",
        "model.py",
        "5061 if self is Transport.TLS else 5060",
        "5060",
    ),
    (
        "D9",
        "AAAA beside A",
        _LOCATE,
        "rtypes = [(4, RrType.A), (6, RrType.AAAA)]",
        "rtypes = [(4, RrType.A)]",
    ),
    (
        "D9",
        "in the order of RFC 6724",
        "dns/order.py",
        "return (-_precedence(record.ip), lot)",
        "return (0.0, lot)",
    ),
    (
        "D9",
        "a family that cannot be sent to is not asked for",
        _LOCATE,
        "if family in self._families]",
        "if family]",
    ),
    (
        "D10",
        "no SRV: the addresses of the name itself",
        _LOCATE,
        "        return (yield from self._host(fixed or Transport.UDP, self._name, _Trail()))",
        "        return []",
    ),
    (
        "D11",
        "the shortest TTL",
        _LOCATE,
        "self._valid_until = min(self._valid_until, found.valid_until)",
        "self._valid_until = found.valid_until",
    ),
    (
        "D11",
        "a list lives so long",
        "dns/locator.py",
        "if standing is not None and now < standing[0].valid_until:",
        "if standing is not None:",
    ),
    (
        "D11",
        "failures 30 s at most",
        "dns/cache.py",
        "_MAX_FAILURE_S = 30.0",
        "_MAX_FAILURE_S = 300.0",
    ),
    (
        "D11",
        "negative answers as RFC 2308 says",
        "dns/query.py",
        "min(self._ttl_s, soas[0]) if soas else 0.0",
        "3600.0",
    ),
    (
        "D11",
        "an answer overtakes the lists that stand",
        "dns/locator.py",
        (
            "        entry = self._sources.put(answer, now, with_extra=with_extra)\n"
            "        self._standing.clear()\n"
        ),
        "        entry = self._sources.put(answer, now, with_extra=with_extra)\n",
    ),
    (
        "D12",
        "type 0: no cache",
        "dns/sources.py",
        "        if where.dns_cache_type == 0:\n            return None\n",
        "",
    ),
    (
        "D12",
        "type 1: what was asked for only",
        "dns/sources.py",
        "with_extra=where.dns_cache_type == 2)",
        "with_extra=True)",
    ),
    (
        "D12",
        "type 2: the additional section too",
        "dns/sources.py",
        "with_extra=where.dns_cache_type == 2)",
        "with_extra=False)",
    ),
    (
        "D12",
        "type 0: a list serves one request",
        "dns/sources.py",
        "until = said.expires_at if where.dns_cache_type else inquiry.now",
        "until = said.expires_at",
    ),
    (
        "D13",
        "static targets where none that DNS gave can be reached",
        "dns/locator.py",
        "            spare = self._spare(task.where, hops, now)\n",
        "            spare = ()\n",
    ),
    (
        "D13",
        "a static answer is held for its TTL",
        "dns/sources.py",
        (
            "        if where.dns_cache_type and held_until > inquiry.now:\n"
            "            return self._static(inquiry)\n"
        ),
        "",
    ),
    (
        "D13",
        "names match without last dot and case",
        "dns/static.py",
        "        question = Question.of(name, rtype)\n        if not",
        "        question = Question(name, rtype)\n        if not",
    ),
    (
        "D13",
        "static addresses keep their order",
        _LOCATE,
        "None if static else self._draw",
        "self._draw",
    ),
    (
        "D13",
        "blank records do not exist",
        "config/build.py",
        'if fields.get("name") and fields.get(essential)]',
        'if fields.get("name")]',
    ),
    (
        "D13",
        "what has failed is no spare",
        "redundancy/walk.py",
        (
            "            if (self.registrar, hop.target) not in self.failed:\n"
            "                return hop\n"
        ),
        "            return hop\n",
    ),
    (
        "D14",
        "stale answers serve",
        "dns/cache.py",
        "if entry is None or self._stale_s <= 0 or",
        "if True or entry is None or self._stale_s <= 0 or",
    ),
    (
        "D14",
        "for so long only",
        "dns/cache.py",
        " or now > entry.expires_at + self._stale_s",
        "",
    ),
    (
        "D14",
        "0: not at all",
        "dns/sources.py",
        ("settings.last_cache_expired if settings.last_cache_expired_enable else 0"),
        "settings.last_cache_expired",
    ),
    (
        "D14",
        "a failure does not undo what was known",
        "dns/cache.py",
        "            self._store(self._failures, entry, now)\n",
        "            self._store(self._entries, entry, now)\n",
    ),
    (
        "D15",
        "one resolution per request",
        _WALKER,
        "            self._in_turn(walk, now)\n        else:\n            self._advance(walk, now)",
        (
            "            self._in_turn(walk, now)\n        else:\n            walk.queue.clear()\n"
            "            self._enter_leg(walk, now)"
        ),
    ),
    (
        "D16",
        "name servers in turn",
        "dns/query.py",
        "self._send(self._nameservers[self._tries % len(self._nameservers)], now)",
        "self._send(self._nameservers[0], now)",
    ),
    (
        "D16",
        "TC: over TCP",
        "dns/query.py",
        "self._send(event.nameserver, now, tcp=True)",
        'self._next_try("truncated", now)',
    ),
    (
        "D16",
        "ids are checked",
        "dns/query.py",
        "if not message.response or self._sent.get(sent) != event.tcp:",
        "if not message.response:",
    ),
    (
        "D16",
        "a person does not wait",
        "dns/locator.py",
        "            self._timers.set((_Timer.PATIENCE, number), now + _SOMEONE_WAITS_S)",
        "            pass",
    ),
    (
        "D16",
        "the settings' patience",
        "dns/locator.py",
        "Patience(float(settings.query_timeout), settings.retry_times)",
        "Patience()",
    ),
    (
        "D16",
        "two more tries",
        "dns/query.py",
        "if self._tries > self._patience.retries:",
        "if True:",
    ),
    (
        "D16",
        "questions are checked",
        "dns/query.py",
        "elif message.question != self._asked:",
        "elif False:",
    ),
)
