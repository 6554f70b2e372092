"""What requests and responses have in common: header lines, read when asked for, and a body.

Headers are kept as text in wire order; what one means is read once, on first access, and
forgotten when it changes (RFC 3261 §7.3, §20).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from evertone.errors import SipParseError, UsageError
from evertone.sip.grammar import (
    KEYS,
    LIST_HEADERS,
    MAX_INTEGER,
    header_key,
    is_token,
    parse_integer,
    split_list,
)
from evertone.sip.values import (
    CSeq,
    NameAddr,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_retry_after,
    parse_sent_by,
    parse_via,
)

__all__ = ["Header", "Index", "Message", "enter"]

_COLON = ": "

Header: TypeAlias = tuple[str, str]
Index: TypeAlias = dict[str, str | list[str]]
"""Header key to its value, or to its values where the header stands more than once."""


def enter(index: Index, key: str, value: str) -> None:
    """Enter one more value of a header into an index."""
    held = index.get(key)
    if held is None:
        index[key] = value
    elif isinstance(held, str):
        index[key] = [held, value]
    else:
        held.append(value)


class Message:
    """What requests and responses have in common; make one of those.

    ``headers`` is the list of (name, value) in wire order. Change it through the methods here
    only: they keep the caches true. ``body`` may be set. Names are found in any case and in
    compact form.
    """

    __slots__ = ("_cache", "_index", "body", "headers")

    def __init__(self, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        self.headers: list[Header] = list(headers)
        self.body = body
        self._index: Index | None = None
        self._cache: dict[str, Any] = {}

    # --- text -------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """The first value of a header, as it stands there; None if there is none."""
        values = self._values(header_key(name))
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """All values of a header in order; those of list headers split at their commas.

        Raises SipParseError where a quoted string or an angle bracket of a list has no end.
        """
        return list(self._elements(header_key(name)))

    def __contains__(self, name: str) -> bool:
        key = KEYS.get(name) or header_key(name)
        return key in (self._index if self._index is not None else self.indexed())

    def count(self, name: str) -> int:
        """How many header lines of this name there are."""
        return len(self._values(header_key(name)))

    def indexed(self) -> Index:
        """The values by header key; for reading, and only until the message changes."""
        index = self._index
        if index is None:
            try:
                index = {KEYS[name]: value for name, value in self.headers}
            except KeyError:  # an unusual name
                index = {}
            if len(index) != len(self.headers):  # or one that stands twice
                index = {}
                for name, value in self.headers:
                    enter(index, KEYS.get(name) or header_key(name), value)
            self._index = index
        return index

    # --- change -----------------------------------------------------------------------------

    def add(self, name: str, value: object) -> None:
        """Append a header."""
        text = str(value)
        self.headers.append((name, text))
        self._added(KEYS.get(name) or header_key(name), text)

    def prepend(self, name: str, value: object) -> None:
        """Insert a header before the first of its name, or before all others."""
        key = KEYS.get(name) or header_key(name)
        text = str(value)
        is_first = self._index is not None and key not in self._index
        self.headers.insert(0 if is_first else max(self._place(key), 0), (name, text))
        self._added(key, text)
        self._keep(value)

    def put_via_on_top(self, text: str, branch: str) -> None:
        """Put our own Via, which has that branch, before all others (RFC 3261 §8.1.1.7, §16.6)."""
        self.headers.insert(0, ("Via", text))
        self._added("via", text)
        self._cache["branch"] = branch

    def see_from(self, address: str, port: int) -> bool:
        """Fill in ``rport`` and ``received`` of the topmost Via (RFC 3581 §4), as text; False,
        and nothing done, where that takes reading it: nearly all stand first and ask plainly."""
        headers = self.headers
        if not headers or headers[0][0] != "Via":
            return False
        old = headers[0][1]
        if old.count(";rport;") != 1 or "," in old or '"' in old or "received" in old.lower():
            return False
        text = old.replace(";rport;", f";rport={port};") + f";received={address}"
        headers[0] = ("Via", text)
        self._changed("via", old, text)
        return True

    def set(self, name: str, value: object) -> None:
        """Replace all headers of this name by one, at the place of the first, else at the end."""
        key = KEYS.get(name) or header_key(name)
        text = str(value)
        place = self._place(key)
        if place < 0:
            self.add(name, text)
            return
        old = self.headers[place][1]
        if self._index is None or not isinstance(self._index.get(key), str):
            rest = [h for h in self.headers[place + 1 :] if header_key(h[0]) != key]
            self.headers[place + 1 :] = rest
        self.headers[place] = (name, text)
        self._changed(key, old, text)

    def remove(self, name: str) -> None:
        """Remove all headers of this name; none is fine."""
        key = header_key(name)
        self.headers = [header for header in self.headers if header_key(header[0]) != key]
        self._index = None
        self._forget(key)

    def remove_first(self, name: str) -> None:
        """Remove the first value of a list header: the topmost Via or Route (§16.4, §16.7)."""
        self._replace_first(name, [])

    def set_first(self, name: str, value: object) -> None:
        """Replace the first value of a list header, e.g. the topmost Via."""
        self._replace_first(name, [str(value)])
        self._keep(value)

    def _replace_first(self, name: str, by: list[str]) -> None:
        key = KEYS.get(name) or header_key(name)
        place = self._place(key)
        if place < 0:
            if by:
                self.prepend(name, by[0])
            return
        spelled, old = self.headers[place]
        new = ", ".join([*by, *split_list(old)[1:]] if "," in old else by)
        if new:
            self.headers[place] = (spelled, new)
            self._changed(key, old, new)
        else:
            del self.headers[place]
            self._index = None
            self._forget(key)

    def _place(self, key: str) -> int:
        for place, (name, _) in enumerate(self.headers):
            if (KEYS.get(name) or header_key(name)) == key:
                return place
        return -1

    def _added(self, key: str, new: str) -> None:
        """Keep the index where there was none of this header; else drop it."""
        if self._index is not None:
            if key in self._index:
                self._index = None
            else:
                self._index[key] = new
        if self._cache:
            self._forget(key)

    def _changed(self, key: str, old: str | None, new: str) -> None:
        """Keep the index where a single value took the place of ``old``; else drop it."""
        index = self._index
        if index is not None:
            if index.get(key) == old:
                index[key] = new
            else:
                self._index = None
        if self._cache:
            self._forget(key)

    def _forget(self, key: str) -> None:
        self._cache.pop(key, None)
        if key == "via":
            self._cache.pop("vias", None)
            self._cache.pop("branch", None)

    def _keep(self, value: object) -> None:
        """What was put on top need not be read again."""
        if type(value) is Via:
            self._cache["via"] = value

    # --- meaning: each raises SipParseError where the header is missing or malformed ----------

    @property
    def via(self) -> Via:
        """The topmost Via."""
        value: Via | None = self._cache.get("via")
        if value is None:
            first = (self._index or self.indexed()).get("via")
            if isinstance(first, list):
                first = first[0]
            if first and "," in first:
                first = (split_list(first) or ("",))[0]
            if not first:
                raise SipParseError("no via")
            value = self._cache["via"] = parse_via(first)
        return value

    @property
    def branch(self) -> str:
        """The branch of the topmost Via; the rest of it is not read where it stands as usual."""
        value: str | None = self._cache.get("branch")
        if value is None:
            value = self._cache["branch"] = self._plain_branch() or self.via.branch
        return value

    @property
    def sent_by(self) -> tuple[str, int | None]:
        """Host and port of the topmost Via's sent-by; read as :attr:`branch` is."""
        line = self._plain_via()
        if line:
            return parse_sent_by(line.partition(";")[0])
        return self.via.host, self.via.port

    def _plain_via(self) -> str:
        """The topmost Via's line where it is alone there, quotes nothing, and was not read yet."""
        if "via" not in self._cache:
            line = (self._index or self.indexed()).get("via")
            if isinstance(line, str) and "," not in line and '"' not in line:
                return line
        return ""

    def _plain_branch(self) -> str:
        branch = self._plain_via().partition(";branch=")[2].partition(";")[0]
        return branch if branch and is_token(branch) else ""

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Vias, topmost first."""
        value: tuple[Via, ...] | None = self._cache.get("vias")
        if value is None:
            value = self._cache["vias"] = tuple([parse_via(e) for e in self._elements("via")])
        return value

    @property
    def from_(self) -> NameAddr:
        """From."""
        value: NameAddr | None = self._cache.get("from")
        if value is None:
            value = self._cache["from"] = parse_name_addr(self._single("from"))
        return value

    @property
    def to(self) -> NameAddr:
        """To."""
        value: NameAddr | None = self._cache.get("to")
        if value is None:
            value = self._cache["to"] = parse_name_addr(self._single("to"))
        return value

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte for byte (§20.8)."""
        return self._single("call-id")

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        value: CSeq | None = self._cache.get("cseq")
        if value is None:
            value = self._cache["cseq"] = parse_cseq(self._single("cseq"))
        return value

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """The Contacts; empty for none and for ``*``."""
        value: tuple[NameAddr, ...] | None = self._cache.get("contact")
        if value is None:
            line = (self._index or self.indexed()).get("contact")
            if line and isinstance(line, str) and line != "*" and "," not in line:
                value = (parse_name_addr(line),)
            else:
                elements = self._elements("contact")
                value = () if elements == ["*"] else tuple(map(parse_name_addr, elements))
            self._cache["contact"] = value
        return value

    @property
    def contact_star(self) -> bool:
        """True for ``Contact: *`` (§10.2.2)."""
        return self._elements("contact") == ["*"]

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Routes, in order."""
        return self._addresses("route")

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The Record-Routes, in order."""
        return self._addresses("record-route")

    @property
    def service_routes(self) -> tuple[NameAddr, ...]:
        """The Service-Routes, in order (RFC 3608)."""
        return self._addresses("service-route")

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None if absent."""
        return self._number("expires")

    @property
    def min_expires(self) -> int | None:
        """Min-Expires in seconds (§20.23); None if absent."""
        return self._number("min-expires")

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards (§20.22); None if absent."""
        return self._number("max-forwards", 255)

    @property
    def retry_after_s(self) -> int | None:
        """The seconds of Retry-After (§20.33); None if absent."""
        if not self._values("retry-after"):
            return None
        return parse_retry_after(self._single("retry-after")).delay_s

    # --- wire -------------------------------------------------------------------------------

    def start_line(self) -> str:
        """The first line, without CRLF."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message as it goes over the wire; Content-Length is always there and true.

        Raises UsageError where a line break hides in the start line or in a header: it would
        smuggle in another one.
        """
        length = str(len(self.body))
        stated = (self._index or self.indexed()).get("content-length")
        tail = ""
        if stated is None:
            tail = f"Content-Length: {length}\r\n"
        elif stated != length:
            self.set("Content-Length", length)
        lines = [self.start_line(), *map(_COLON.join, self.headers)]
        joined = "".join(lines)
        if "\r" in joined or "\n" in joined:
            raise UsageError("a line break inside a header")
        text = "\r\n".join(lines) + f"\r\n{tail}\r\n"
        return text.encode("utf-8", "surrogateescape") + self.body

    # --- within -----------------------------------------------------------------------------

    def _values(self, key: str) -> list[str]:
        value = (self._index or self.indexed()).get(key)
        if value is None:
            return []
        return [value] if isinstance(value, str) else value

    def _elements(self, key: str) -> list[str]:
        value = (self._index or self.indexed()).get(key)
        if value is None:
            return []
        if key not in LIST_HEADERS:
            return [value] if isinstance(value, str) else value
        if isinstance(value, str):
            return split_list(value)
        return [element for line in value for element in split_list(line)]

    def _single(self, key: str) -> str:
        value = (self._index or self.indexed()).get(key)
        if value is None:
            raise SipParseError(f"no {key}")
        if not isinstance(value, str):
            raise SipParseError(f"more than one {key}")
        return value

    def _addresses(self, key: str) -> tuple[NameAddr, ...]:
        value: tuple[NameAddr, ...] | None = self._cache.get(key)
        if value is None:
            value = tuple([parse_name_addr(e) for e in self._elements(key)])
            self._cache[key] = value
        return value

    def _number(self, key: str, most: int = MAX_INTEGER) -> int | None:
        value: int | None = self._cache.get(key)
        if value is None:
            text = (self._index or self.indexed()).get(key)
            if text is not None:
                text = text if isinstance(text, str) else self._single(key)
                value = self._cache[key] = parse_integer(text, key, most)
        return value
