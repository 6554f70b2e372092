"""The reference page of all parameters, made from the schema.

``python -m evertone.config.reference > docs/parameters.md`` writes it; a test fails while the
page in the repository is another.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from evertone.config.models import FIRMWARES, LINE_KEYS, MODELS, RECORDS, SERVERS
from evertone.config.parameter import Parameter
from evertone.config.params_line import LINE_PARAMETERS
from evertone.config.params_phone import PHONE_PARAMETERS, RECORD_PARAMETERS
from evertone.config.params_server import PROXY_PARAMETERS, SERVER_PARAMETERS
from evertone.config.params_subscription import LINE_KEY_PARAMETERS, SUBSCRIPTION_PARAMETERS
from evertone.config.settings import INHERIT

__all__ = ["render"]

_CHAPTERS = (
    ("A line", LINE_PARAMETERS),
    ("What a line subscribes to", SUBSCRIPTION_PARAMETERS),
    ("The servers of a line", SERVER_PARAMETERS),
    ("The outbound proxies of a line", PROXY_PARAMETERS),
    ("Static DNS records", RECORD_PARAMETERS),
    ("Line keys", LINE_KEY_PARAMETERS),
    ("The whole phone", PHONE_PARAMETERS),
)


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return "as `evertone." + parameter.key.rpartition(".")[2] + "`"
    if parameter.default == INHERIT and parameter in PROXY_PARAMETERS:
        return f"`{INHERIT}`: as `sip_server.Y`"
    return f"`{parameter.default}`" if parameter.default != "" else "blank"


def _firmware(parameter: Parameter) -> str:
    if parameter.firmware == FIRMWARES:
        return ""
    return " and ".join(str(number) for number in parameter.firmware) + " only"


def _facts(parameter: Parameter) -> Iterator[tuple[str, str]]:
    yield "Allowed", parameter.kind.allowed
    yield "Default", _default(parameter)
    yield "Firmware", _firmware(parameter)
    yield "Counts when", parameter.effect
    yield "Web page", parameter.web.replace("->", " > ")
    yield "Telephone menu", parameter.phone.replace("->", " > ")
    yield "Also spelt", ", ".join(f"`{alias}`" for alias in parameter.aliases)
    yield "Rules", ", ".join(rule.id for rule in parameter.rules)


def _entry(parameter: Parameter) -> Iterator[str]:
    yield f"### `{parameter.key}`"
    yield ""
    yield parameter.text
    yield ""
    yield from (f"- {name}: {fact}" for name, fact in _facts(parameter) if fact)
    yield ""


def _models() -> Iterator[str]:
    yield "| model | lines (X) | firmware |"
    yield "|---|---|---|"
    for model in MODELS:
        yield f"| {model.name} | 1 to {model.lines} | {model.since} or later |"
    yield ""


def _lines() -> Iterator[str]:
    yield "# Parameters"
    yield ""
    yield "<!-- made by `python -m evertone.config.reference`: change the schema, not this page -->"
    yield ""
    yield (
        f"X is the line, Y the server or outbound proxy (1 to {SERVERS}), N the static record "
        f"(1 to {RECORDS}), K the line key (1 to {LINE_KEYS}). A blank value and `%NULL%` mean the "
        "default, `%EMPTY%` the empty text. Rules are those of `evertone.rules`; `evertone check` "
        "names them where settings have no effect."
    )
    yield ""
    yield from _models()
    for title, parameters in _CHAPTERS:
        yield f"## {title}"
        yield ""
        for parameter in parameters:
            yield from _entry(parameter)


def render() -> str:
    """The page, in Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
