"""The exception tree: everything Evertone raises on purpose is an :class:`EvertoneError`."""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DnsError",
    "EvertoneError",
    "FaultError",
    "LimitError",
    "ScenarioError",
    "SipParseError",
    "UsageError",
]


class EvertoneError(Exception):
    """Base of all errors raised on purpose; its text is fit to be shown to a person."""


class ConfigError(EvertoneError):
    """A configuration that cannot be used: its text names file, line, key, value and remedy."""


class SipParseError(EvertoneError):
    """The one error of the SIP parsers.

    ``status`` is the response code that RFC 3261 asks for when the offending message is a
    request that can still be answered (400, 416, 505, ...); 0 when it must be dropped.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class DnsError(EvertoneError):
    """A DNS message or record that cannot be used, or a walk that leads nowhere."""


class LimitError(EvertoneError):
    """A bound of ours was reached (queue, message size, number of calls, ...)."""


class UsageError(EvertoneError):
    """A verb was called in a state in which it has no meaning, or with a bad argument."""


class ScenarioError(EvertoneError):
    """A lab scenario file or fault that makes no sense; the text says what would."""


class FaultError(ScenarioError):
    """A fault that names an unknown target, verb or time."""
