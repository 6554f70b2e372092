"""The page: whole, safe, and readable without scripts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from evertone.config import load_texts
from evertone.lab.rehearsal.calls import CallPlan
from evertone.lab.rehearsal.play import rehearse
from evertone.lab.rehearsal.report import Rehearsal
from evertone.lab.rehearsal.zones import Zone, read_zone
from evertone.observe.page import MAX_LADDER_ROWS, MAX_TIMELINE_ROWS, render
from evertone.observe.svg import close_up, tag
from tests.observe.rehearsed import EVIL, SECRET, calm, outage, settings

VOID = {"meta", "br", "hr", "img", "input", "link"}


class _Reader(HTMLParser):
    """Checks that tags nest, and collects what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def pages() -> dict[str, Rehearsal]:
    return {
        "an outage": outage(),
        "all is well": calm(),
        "all is down": outage("all silence 0s.."),
        "a restart": outage("server1 restart 10m"),
        "no server at all": rehearse(
            settings(), zone=read_zone("z", b"other.example. A 192.0.2.1\n"), for_s=600.0
        ),
    }


@pytest.mark.parametrize("name", pages())
def test_a_page_is_whole_and_loads_and_runs_nothing(name: str) -> None:
    page = render(pages()[name])
    reader = read(page)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "form"}
    for key, value in reader.attributes:
        assert not key.startswith("on"), key
        assert key not in ("src", "href", "action", "srcset"), (key, value)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "$" not in "".join(reader.text), "a place of the template was left open"


@pytest.mark.parametrize("name", pages())
def test_its_pictures_are_well_formed(name: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render(pages()[name]), re.DOTALL)
    assert len(pictures) >= 2
    for picture in pictures:
        ET.fromstring(picture)


def test_what_comes_from_the_configuration_is_escaped() -> None:
    page = render(outage())
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_a_zone_that_bears_markup_is_escaped() -> None:
    zone = Zone("pbx.example. A 192.0.2.1\n", f"zone file {EVIL}", (EVIL,))
    assert EVIL not in render(rehearse(settings(), zone=zone, for_s=60.0))


def test_there_is_no_secret_in_it() -> None:
    page = render(outage())
    assert SECRET not in page
    assert "nonce" not in page
    assert "Digest" not in page


def test_it_says_what_happened_and_by_which_rule() -> None:
    text = " ".join(read(render(outage())).text)
    for said in (
        "server1.primary silence 10m..25m",
        "3 rang late, by 7.5 s at most",
        "Who was available, and when",
        "INVITE to server1.primary failed: no answer (after 4 sends)",
        "sent once, resent as configured",  # the meaning of S1
        "INVITE (resend 3)",
        "with seed 1",
    ):
        assert said in text, said


def test_a_short_outage_in_a_long_time_has_a_close_up() -> None:
    assert close_up(calm()) is None
    assert close_up(outage("server1.primary silence 10m..100m")) is None
    ran = rehearse(settings(), faults=["server1.primary silence 10m..25m"], for_s=86_400.0)
    span = close_up(ran)
    assert span is not None
    assert span[0] < 600
    assert 1500 < span[1] < 4000
    assert "Close-up" in render(ran)


def test_a_long_story_is_cut_and_says_so() -> None:
    faults = [f"server1.{1 + n % 2} lose:{10 + n}% {10 + n}m..{11 + n}m" for n in range(90)]
    ran = rehearse(settings(), faults=faults, for_s=4 * 3600.0, keep_packets=True, seed=3)
    page = render(ran)
    assert page.count("<tr") < MAX_TIMELINE_ROWS + 100
    assert page.count('class="soft mono"') <= MAX_LADDER_ROWS


def test_one_element() -> None:
    assert tag("a", text="<&>", class_='"x"', font_size=1.0) == (
        '<a class="&quot;x&quot;" font-size="1">&lt;&amp;&gt;</a>'
    )


def test_many_lines_are_a_table() -> None:
    lines = "".join(
        f"account.{n}.enable = 1\naccount.{n}.user_name = 10{n}\naccount.{n}.label = Desk {n}\n"
        f"account.{n}.sip_server.1.address = 192.0.2.1\n"
        for n in range(1, 6)
    )
    many = load_texts([("phone.cfg", f"#!version:1.0.0.1\n{lines}".encode())]).settings
    page = render(rehearse(many, calls=CallPlan(300.0), for_s=1800.0))
    assert 'class="figures"' in page
    assert 'class="card' not in page
    assert "<b>5</b> Desk 5" in page
    assert 'class="figures"' not in render(outage())
