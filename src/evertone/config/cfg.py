"""The file format: ``#!version:1.0.0.1``, then ``key = value`` and ``#`` lines.

Knows nothing of parameters. Takes any bytes, in linear time; the one error is
:class:`~evertone.errors.ConfigError`, for what is no text file or too large.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from evertone.config.finding import Finding, Severity
from evertone.errors import ConfigError

__all__ = [
    "EMPTY",
    "HEADER",
    "MAX_FILE_BYTES",
    "MAX_LINES",
    "MAX_LINE_CHARS",
    "NULL",
    "CfgFile",
    "Entry",
    "parse_cfg",
]

HEADER = "#!version:1.0.0.1"
NULL = "%NULL%"
"""As a value: the default, whatever an earlier file says."""
EMPTY = "%EMPTY%"
"""As a value: the empty text, where the default is another."""

MAX_FILE_BYTES = 1 << 20
MAX_LINES = 20_000
MAX_LINE_CHARS = 4096

_BOM = b"\xef\xbb\xbf"
_QUOTE = '"'
# what a text file may hold besides printable characters: tab, line ends, form feed
_TEXT_CONTROLS = frozenset(b"\t\n\r\f")
_BINARY = bytes(c for c in range(32) if c not in _TEXT_CONTROLS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key = value`` of a file; the value may be a secret, so that it is not in the repr."""

    file: str
    line: int
    key: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CfgFile:
    """What a file holds, in its order. ``unread`` are lines that are no ``key = value``."""

    name: str
    entries: tuple[Entry, ...]
    unread: tuple[Entry, ...]
    findings: tuple[Finding, ...]


def _decode(name: str, data: bytes) -> tuple[str, list[Finding]]:
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(
            f"{name}: more than {MAX_FILE_BYTES} bytes; a configuration file has no more"
        )
    data = data.removeprefix(_BOM)
    if len(data.translate(None, _BINARY)) != len(data):
        raise ConfigError(f"{name}: a binary file, not a configuration in text")
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        note = Finding(Severity.WARNING, "not UTF-8; read as Latin-1", name)
        return data.decode("latin-1"), [note]


def _lines(name: str, text: str) -> list[str]:
    # not splitlines(): that would end a line at a form feed or a Unicode separator too
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise ConfigError(f"{name}: more than {MAX_LINES} lines")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_CHARS:
            raise ConfigError(f"{name}:{number}: a line of more than {MAX_LINE_CHARS} characters")
    return lines


def _header(name: str, first: str) -> list[Finding]:
    # the vendor's own files have more text after the version
    if first.split()[:1] == [HEADER]:
        return []
    message = f"the first line is not {HEADER}; a telephone would refuse the file"
    return [Finding(Severity.WARNING, message, name, 1)]


def _unquote(value: str) -> str:
    if len(value) >= 2 and value.startswith(_QUOTE) and value.endswith(_QUOTE):
        return value[1:-1]
    return value


def parse_cfg(name: str, data: bytes) -> CfgFile:
    """Read a file; ``name`` is what findings call it.

    Taken: CRLF, CR and LF, a byte order mark, any spacing around ``=``, one pair of double
    quotes around the value. ``#`` begins a comment only where a line begins. Raises ConfigError
    for a binary or oversized file.
    """
    text, findings = _decode(name, data)
    lines = _lines(name, text)
    findings += _header(name, lines[0])
    entries: list[Entry] = []
    unread: list[Entry] = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if equals and key.strip():
            entries.append(Entry(name, number, key.strip(), _unquote(value.strip())))
        else:
            unread.append(Entry(name, number, line.split()[0], ""))
    return CfgFile(name, tuple(entries), tuple(unread), tuple(findings))
