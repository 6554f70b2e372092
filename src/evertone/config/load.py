"""Files in layers -> settings and findings. What a later file says wins over an earlier one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evertone.config import cfg
from evertone.config.build import build
from evertone.config.check import Subject, check
from evertone.config.finding import MASK, Finding, Severity, errors_in
from evertone.config.kinds import Value
from evertone.config.models import Model, find_model
from evertone.config.near import nearest
from evertone.config.parameter import Parameter
from evertone.config.schema import Match, limits, lookup
from evertone.config.settings import PhoneSettings
from evertone.errors import ConfigError
from evertone.rules import Rule

__all__ = ["MAX_FILES", "Loaded", "inspect_texts", "load", "load_texts", "read"]

MAX_FILES = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """What files mean.

    ``findings`` in the order of files and lines. ``given`` holds, by concrete key, the entries
    that took effect; ``foreign`` the entries whose keys are none of ours and no mistakes of one.
    """

    settings: PhoneSettings
    findings: tuple[Finding, ...]
    given: Mapping[str, cfg.Entry]
    foreign: tuple[cfg.Entry, ...]


@dataclass(slots=True)
class _Layers:
    """The entries of all files, sorted into ours and others; the last of a key stands."""

    ours: dict[str, tuple[Match, cfg.Entry]] = field(default_factory=dict)
    foreign: list[cfg.Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add_file(self, name: str, data: bytes) -> None:
        """Lay one file over those before."""
        try:
            parsed = cfg.parse_cfg(name, data)
        except ConfigError as error:
            place, _, text = str(error).partition(": ")
            line = place.removeprefix(f"{name}:")
            number = int(line) if line.isdigit() else 0
            self.findings.append(Finding(Severity.ERROR, text, name, number))
            return
        self.findings.extend(parsed.findings)
        self.findings.extend(_unread(entry) for entry in parsed.unread)
        for entry in parsed.entries:
            self._add(entry)

    def _add(self, entry: cfg.Entry) -> None:
        match = lookup(entry.key)
        if match is None:
            self._unknown(entry)
            return
        earlier = self.ours.get(match.key)
        if earlier is not None and earlier[1].file == entry.file:
            message = f"given again; line {earlier[1].line} has no effect"
            self.findings.append(_about(match.parameter, entry, Severity.WARNING, message))
        self.ours[match.key] = (match, entry)

    def _unknown(self, entry: cfg.Entry) -> None:
        meant = nearest(entry.key)
        if meant is None:
            self.foreign.append(entry)
            return
        message = f"no such parameter; did you mean {meant.key}?"
        # a mistyped key of a password still holds the password
        self.findings.append(_about(meant, entry, Severity.WARNING, message))


def _unread(entry: cfg.Entry) -> Finding:
    """A line without ``=``: a mistake if it begins with a key of ours, else somebody's matter."""
    ours = lookup(entry.key) is not None
    severity = Severity.ERROR if ours else Severity.WARNING
    key = entry.key if ours else ""
    return Finding(
        severity, "not read", entry.file, entry.line, key, allowed="key = value, or # and a comment"
    )


def _about(
    parameter: Parameter,
    entry: cfg.Entry,
    severity: Severity,
    message: str,
    *,
    allowed: str = "",
    rule: Rule | None = None,
) -> Finding:
    value = MASK if parameter.secret and entry.value else entry.value
    return Finding(
        severity, message, entry.file, entry.line, entry.key, value, allowed=allowed, rule=rule
    )


def _is_blank(entry: cfg.Entry) -> bool:
    return entry.value in ("", cfg.NULL)


def _read_value(parameter: Parameter, text: str) -> Value | None:
    """The value; None where it stands for the default. Raises ValueError."""
    if text != cfg.EMPTY:
        return parameter.kind.read(text)
    try:
        return parameter.kind.read("")
    except ValueError:
        return None  # a number has no empty text: its default


def _bad_value(parameter: Parameter, entry: cfg.Entry) -> Finding:
    message = "not a value of this parameter"
    if "#" in entry.value and not parameter.secret:
        message += " (a comment counts only at the start of a line)"
    return _about(parameter, entry, Severity.ERROR, message, allowed=parameter.kind.allowed)


_FIRST = ("evertone.model", "evertone.firmware")


class _Reader:
    """Turns layered entries into values, finding by finding."""

    def __init__(self, layers: _Layers) -> None:
        self.findings = layers.findings
        self.given: dict[str, cfg.Entry] = {}
        self.values: dict[str, Value] = {}
        self._ours = layers.ours

    def read_all(self) -> None:
        """Model and firmware first: they decide which other keys count."""
        for key in _FIRST:
            if key in self._ours:
                self._read(key, *self._ours[key])
        defaults = PhoneSettings()
        model = find_model(str(self.values.get("evertone.model", defaults.model)))
        assert model is not None, "the schema takes no other names"
        firmware = int(self.values.get("evertone.firmware", defaults.firmware))
        if firmware < model.since:
            self._never_ran(model)
        highest = limits(model.lines)
        for key, (match, entry) in self._ours.items():
            if key in _FIRST or _is_blank(entry):
                continue
            if self._counts(match, entry, firmware, highest, model.name):
                self._read(key, match, entry)

    def _never_ran(self, model: Model) -> None:
        match, entry = self._ours["evertone.firmware"]
        message = f"a {model.name} never ran this firmware"
        self.findings.append(
            _about(
                match.parameter,
                entry,
                Severity.ERROR,
                message,
                allowed=str(model.since),
                rule=Rule.P3,
            )
        )

    def _counts(
        self,
        match: Match,
        entry: cfg.Entry,
        firmware: int,
        highest: Mapping[str, int],
        model_name: str,
    ) -> bool:
        parameter = match.parameter
        if firmware not in parameter.firmware:
            message = f"not a parameter of firmware {firmware}; ignored"
            instead = _INSTEAD.get((firmware, parameter.field), "")
            self.findings.append(
                _about(
                    parameter,
                    entry,
                    Severity.WARNING,
                    message,
                    allowed=instead,
                    rule=Rule.P3,
                )
            )
            return False
        for sign, number in match.numbers.items():
            if not 1 <= number <= highest[sign]:
                whose = f" on a {model_name}" if sign == "X" else ""
                message = f"there is no number {number} of this{whose}; ignored"
                allowed = f"1 to {highest[sign]} for {sign} in {parameter.key}"
                self.findings.append(
                    _about(parameter, entry, Severity.WARNING, message, allowed=allowed)
                )
                return False
        return True

    def _read(self, key: str, match: Match, entry: cfg.Entry) -> None:
        if _is_blank(entry):
            return
        try:
            value = _read_value(match.parameter, entry.value)
        except ValueError:
            self.findings.append(_bad_value(match.parameter, entry))
            return
        if value is not None:
            self.given[key] = entry
            self.values[key] = value


_INSTEAD = {
    (81, "outbound_host"): "account.X.outbound_proxy.1.address",
    (81, "outbound_port"): "account.X.outbound_proxy.1.port",
    (81, "backup_outbound_host"): "account.X.outbound_proxy.2.address",
    (81, "backup_outbound_port"): "account.X.outbound_proxy.2.port",
    (80, "invite_retry_counts"): "account.X.sip_server.Y.retry_counts",
}
"""P3: what the other firmware calls it, by firmware and field."""


def inspect_texts(texts: Sequence[tuple[str, bytes]]) -> Loaded:
    """Read files (name, content), earlier ones first, and check them. Never raises.

    Where findings hold errors, ``settings`` stand as if the wrong values had not been given: fit
    to be looked at, not to be used.
    """
    layers = _Layers()
    for name, data in texts:
        layers.add_file(name, data)
    reader = _Reader(layers)
    reader.read_all()
    settings = build(reader.values)
    found = check(Subject(settings, reader.values, reader.given))
    order = {name: index for index, (name, _) in enumerate(texts)}
    findings = sorted(
        (*reader.findings, *found), key=lambda f: (order.get(f.file, len(order)), f.line)
    )
    return Loaded(settings, tuple(findings), reader.given, tuple(layers.foreign))


def load_texts(texts: Sequence[tuple[str, bytes]]) -> Loaded:
    """As :func:`inspect_texts`; raises ConfigError, one line per error, if there are errors."""
    loaded = inspect_texts(texts)
    errors = errors_in(loaded.findings)
    if errors:
        raise ConfigError("\n".join(str(error) for error in errors))
    return loaded


def read(paths: Iterable[str | Path]) -> list[tuple[str, bytes]]:
    """The content of files, no more than a configuration may have. Raises ConfigError."""
    texts: list[tuple[str, bytes]] = []
    for path in paths:
        if len(texts) == MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} configuration files")
        try:
            with Path(path).open("rb") as file:
                texts.append((str(path), file.read(cfg.MAX_FILE_BYTES + 1)))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from error
    return texts


def load(paths: Iterable[str | Path]) -> Loaded:
    """Read files and make settings of them; later files win. Raises ConfigError."""
    return load_texts(read(paths))
