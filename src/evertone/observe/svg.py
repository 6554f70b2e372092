"""Pictures of a rehearsal as SVG: who was available when, and the ladder of messages.

Colours are classes of the page's style sheet. Every text is escaped here, in :func:`tag`.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from evertone.lab.rehearsal.report import CallReport, HostReport, LineReport, Rehearsal
from evertone.lab.rehearsal.spans import Span, clip, common, cut, gaps, time_text
from evertone.observe.fold import Fold
from evertone.observe.ladder import Ladder, Step
from evertone.observe.timeline import Tone, at_text, fold_text

__all__ = ["availability", "close_up", "draw_ladder", "tag"]


def tag(name: str, content: str = "", *, text: str = "", **attributes: object) -> str:
    """One element. ``content`` is markup, ``text`` is escaped; ``_`` in attribute names is
    ``-``, one at the end is dropped (``class_``)."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{pairs}>{content}{escape(text)}</{name}>"


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _svg(width: float, height: float, parts: Iterable[str], title: str) -> str:
    return tag(
        "svg",
        tag("title", text=title) + "".join(parts),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=float(width),
        height=float(height),
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


# --- availability -----------------------------------------------------------------------------

_WIDTH = 1000
_LEFT = 190
_BAR = 18
_ROW = 40
_TOP = 30
_NOTICEABLE_S = 1.0  # a line's start takes less
_LEAST_PX = 2.0  # so wide is a moment that would else not be seen
_STEPS_S = (1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_MOST_TICKS = 9
_MOST_CALLS = 600
_MOST_ROUTINE_CALLS = 60


class _Axis:
    """Time from left to right."""

    def __init__(self, span: Span) -> None:
        self.begin, self.end = span
        self._scale = (_WIDTH - _LEFT - 10) / (self.end - self.begin)

    def x(self, at: float) -> float:
        return _LEFT + (min(max(at, self.begin), self.end) - self.begin) * self._scale

    def spans(self, spans: Iterable[Span]) -> list[Span]:
        """What of ``spans`` can be seen."""
        return common(spans, [(self.begin, self.end)])

    def bar(self, span: Span, y: float, height: float, class_: str, title: str) -> str:
        x = self.x(span[0])
        width = max(self.x(span[1]) - x, _LEAST_PX)
        tip = tag("title", text=title)
        return tag("rect", tip, x=x, y=y, width=width, height=height, rx=2, class_=class_)

    def ticks(self) -> list[float]:
        length = self.end - self.begin
        days = [86_400 * n for n in (2, 5, 10, 30, 60)]
        step = next((s for s in (*_STEPS_S, *days) if length / s <= _MOST_TICKS), length)
        first = -(-self.begin // step) * step
        return [first + n * step for n in range(int((self.end - first) / step) + 1)]


def availability(rehearsal: Rehearsal, span: Span) -> str:
    """Servers and lines over the time ``span``, one bar each, and the calls as dots."""
    axis = _Axis(span)
    parts: list[str] = []
    y = _TOP
    hosts = [report for report in rehearsal.hosts if report.host.role != "dns" or _hurt(report)]
    height = _TOP + _ROW * (len(hosts) + len(rehearsal.lines)) + 16
    for tick in axis.ticks():
        x = axis.x(tick)
        parts.append(tag("line", x1=x, x2=x, y1=_TOP - 8, y2=float(height - 8), class_="grid"))
        label = "start" if tick == 0 else time_text(tick)
        parts.append(tag("text", text=label, x=x, y=_TOP - 14, text_anchor="middle", class_="soft"))
    for report in hosts:
        parts += _host_row(report, rehearsal, axis, y)
        y += _ROW
    if hosts and rehearsal.lines:
        y_rule = y - 8.0
        parts.append(tag("line", x1=0, x2=_WIDTH, y1=y_rule, y2=y_rule, class_="life"))
        y += 6
    for line in rehearsal.lines:
        parts += _line_row(line, rehearsal, axis, y)
        y += _ROW
    return _svg(_WIDTH, height + 6, parts, "availability of servers and lines over time")


def _hurt(report: HostReport) -> bool:
    return bool(report.down or report.worse or report.restarts)


def _name(text: str, detail: str, y: float) -> list[str]:
    shown = text if len(text) <= 26 else text[:25] + "…"
    return [
        tag("text", text=shown, x=0, y=y + 10, class_="bold"),
        tag("text", text=detail, x=0, y=y + 24, class_="soft", font_size=11),
    ]


def _host_row(report: HostReport, rehearsal: Rehearsal, axis: _Axis, y: float) -> list[str]:
    host = report.host
    parts = _name(host.name, host.address, y)
    whole = axis.spans([(0.0, rehearsal.for_s)])
    for spans, class_, what in (
        (whole, "good-fill", "works"),
        (cut(report.worse, report.down), "warn-fill", "degraded"),
        (report.down, "bad-fill", "down"),
    ):
        parts += [
            axis.bar(span, y, _BAR, class_, f"{host.name} {what} {_from_to(span)}")
            for span in axis.spans(spans)
        ]
    parts += [
        axis.bar((at, at), y - 3, _BAR + 6, "bad-fill", f"{host.name} restarts at {at_text(at)}")
        for at in report.restarts
        if axis.begin <= at <= axis.end
    ]
    for line in rehearsal.lines:
        title = f"line {line.line} is registered with {host.name}"
        parts += [
            axis.bar(span, y + _BAR + 3, 4, "here-fill", f"{title} {_from_to(span)}")
            for span in axis.spans(line.bound.get(host.name, ()))
        ]
    return parts


def _line_row(line: LineReport, rehearsal: Rehearsal, axis: _Axis, y: float) -> list[str]:
    parts = _name(f"line {line.line}", line.label, y)
    end = rehearsal.for_s
    states = (
        (gaps(line.unreachable, end), "good-fill", "can be called"),
        (
            cut(line.unreachable, line.unregistered),
            "warn-fill",
            "is registered where nobody answers",
        ),
        (line.unregistered, "bad-fill", "has no registration"),
    )
    for spans, class_, what in states:
        parts += [
            axis.bar(span, y, _BAR, class_, f"line {line.line} {what} {_from_to(span)}")
            for span in axis.spans(spans)
            if span[1] - span[0] >= _NOTICEABLE_S
        ]
    calls = [c for c in rehearsal.calls if c.line == line.line and axis.begin <= c.at <= axis.end]
    notable = [c for c in calls if c.failed or c.delayed]
    routine = [c for c in calls if c not in notable] if len(calls) <= _MOST_ROUTINE_CALLS else []
    return [*parts, *(_dot(c, axis, y) for c in [*routine, *notable[:_MOST_CALLS]])]


def _dot(call: CallReport, axis: _Axis, y: float) -> str:
    class_ = "here-fill"
    said = call.end.value
    if call.failed:
        class_, said = "bad-fill", f"{call.end.value}: {call.reason}"
    elif call.delayed:
        class_, said = "warn-fill", f"rang after {call.waited_s:.1f} s"
    tip = tag("title", text=f"call at {at_text(call.at)} {said}")
    radius = 3 if class_ == "here-fill" else 4
    return tag("circle", tip, cx=axis.x(call.at), cy=y + _BAR + 7, r=radius, class_=class_)


def _from_to(span: Span) -> str:
    return f"from {at_text(span[0])} to {at_text(span[1])} ({time_text(span[1] - span[0])})"


def close_up(rehearsal: Rehearsal) -> Span | None:
    """The time around the faults, where that is a small part of the whole; else None."""
    if not rehearsal.strikes:
        return None
    begin = min(s.at_s for s in rehearsal.strikes)
    ends = [s.until_s if s.until_s < rehearsal.for_s else s.at_s for s in rehearsal.strikes]
    hurt = [span for line in rehearsal.lines for span in line.unreachable if span[1] > begin]
    end = max([*ends, *(span[1] for span in hurt if span[1] < rehearsal.for_s)])
    margin = max(0.25 * (end - begin), 60.0)
    clipped = clip([(begin - margin, end + 2 * margin)], rehearsal.for_s)
    if not clipped or clipped[0][1] - clipped[0][0] > rehearsal.for_s / 3:
        return None
    return clipped[0]


# --- the ladder -------------------------------------------------------------------------------

_COLUMN = 230
_TIME = 110
_STEP = 24
_HEAD = 40
_AFTER_NOTE = 8
_NOTE_FILLS = {Tone.FAULT: "bad-soft-fill", Tone.MENDED: "good-soft-fill"}


def draw_ladder(drawn: Ladder, most_rows: int) -> tuple[str, int]:
    """The ladder as a picture of at most ``most_rows`` rows, and how many rows were left out."""
    rows: list[tuple[Fold[Step], Step | None]] = []
    for fold in drawn.rows:
        rows += [(fold, step) for step in fold.items]
        if fold.times > 1:
            rows.append((fold, None))
    left_out = max(0, len(rows) - most_rows)
    rows = rows[:most_rows]
    width = _TIME + _COLUMN * len(drawn.columns)
    notes = sum(step is None or not step.source for _, step in rows)
    height = _HEAD + _STEP * len(rows) + _AFTER_NOTE * notes + 20
    middles = {name: _TIME + _COLUMN * (number + 0.5) for number, name in enumerate(drawn.columns)}
    parts = [_marker("ask"), _marker("reply"), _marker("refusal")]
    parts += _lives(middles, height)
    y = float(_HEAD)
    for fold, step in rows:
        y += _STEP
        if step is None:
            parts += _repeat(fold, width, y)
            y += _AFTER_NOTE
        elif step.source:
            parts += _arrow(step, middles, y)
        else:
            parts += _note(step, width, y)
            y += _AFTER_NOTE
    return _svg(width, height, parts, "messages between the phone and the servers"), left_out


def _marker(class_: str) -> str:
    colour = {"ask": "here-fill", "reply": "good-fill", "refusal": "warn-fill"}[class_]
    return tag(
        "marker",
        tag("path", d="M0 0L8 4L0 8z", class_=colour),
        id=f"tip-{class_}",
        markerWidth=8,
        markerHeight=8,
        refX=8,
        refY=4,
        orient="auto",
        markerUnits="userSpaceOnUse",
    )


def _lives(middles: dict[str, float], height: float) -> list[str]:
    parts = []
    for name, x in middles.items():
        parts.append(tag("line", x1=x, x2=x, y1=_HEAD - 6, y2=height - 4, class_="life"))
        parts.append(
            tag("rect", x=x - 92, y=4, width=184, height=28, rx=6, class_="here-soft-fill")
        )
        parts.append(tag("text", text=name, x=x, y=23, text_anchor="middle", class_="bold"))
    return parts


def _time_of(at: float, y: float) -> str:
    return tag(
        "text", text=at_text(at), x=_TIME - 12, y=y + 4, text_anchor="end", class_="soft mono"
    )


def _arrow(step: Step, middles: dict[str, float], y: float) -> list[str]:
    here, there = middles[step.source], middles[step.target]
    kind = "ask"
    if step.is_answer:
        kind = "reply" if step.label[0] in "12" else "refusal"
    class_ = "lost" if step.lost else kind
    to = there - 26 if there > here else there + 26
    attributes = {} if step.lost else {"marker_end": f"url(#tip-{kind})"}
    end = to if step.lost else there
    parts = [
        _time_of(step.at, y),
        tag("line", x1=here, x2=end, y1=y, y2=y, class_=class_, **attributes),
    ]
    if step.lost:
        cross = f"M{to - 5:.0f} {y - 5:.0f}l10 10m0 -10l-10 10"
        parts.append(tag("path", d=cross, class_="lost", stroke_dasharray="none"))
    # beside the first lifeline that the arrow passes, so that no line crosses the words
    side = _COLUMN / 2 if there > here else -_COLUMN / 2
    parts.append(
        tag(
            "text",
            text=step.label,
            x=here + side,
            y=y - 5,
            text_anchor="middle",
            class_="soft" if step.again else "",
        )
    )
    return parts


def _note(step: Step, width: float, y: float) -> list[str]:
    class_ = _NOTE_FILLS.get(step.tone, "paper-fill")
    middle = (_TIME + width) / 2
    return [
        tag("rect", x=_TIME, y=y - 11, width=width - _TIME, height=20, rx=5, class_=class_),
        _time_of(step.at, y),
        tag(
            "text",
            text=step.label,
            x=middle,
            y=y + 4,
            text_anchor="middle",
            class_="bold" if step.tone in _NOTE_FILLS else "soft",
        ),
    ]


def _repeat(fold: Fold[Step], width: float, y: float) -> list[str]:
    text = f"⟳ {fold_text(fold, fold.last.at)}"
    middle = (_TIME + width) / 2
    return [
        tag("rect", x=_TIME, y=y - 11, width=width - _TIME, height=20, rx=5, class_="paper-fill"),
        tag("text", text=text, x=middle, y=y + 4, text_anchor="middle", class_="soft"),
    ]
