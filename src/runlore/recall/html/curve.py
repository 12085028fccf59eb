"""Curve: series of numbers as lines, in an SVG without script, style sheet or id."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence

from runlore.model.noun import noun
from runlore.recall.html.markup import Html, cut, joined, tag

#: Colours of lines side by side, with a contrast of 3 and more to white and to #111.
COLORS = ("#3c80c8", "#c2622d", "#2b915a", "#a5679c", "#b08518", "#7c8590")
#: Stretches that a line is made of: of each, its least and its greatest number are drawn.
_STRETCHES = 100
#: Steps beyond which positions serve.
_FAR = 2**63
_WIDTH, _HEIGHT = 320, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 20
_TEXT = "font:10px system-ui,-apple-system,Roboto,sans-serif"


@noun
class Series:
    """Numbers in the order of measuring, with what they are drawn over."""

    name: str
    #: Any floats; those that are none, or infinite, are gaps.
    values: Sequence[float]
    #: What was counted by, such as the epoch; without it, or where it is unknown, positions serve.
    steps: Sequence[int | None] | None = None


def sparkline(values: Sequence[float], color: str = COLORS[0]) -> Html:
    """A line in the height of text."""
    span = _bounds(values)
    if span is None:
        return Html("")
    low, high = span
    path = _path(list(enumerate(values)), (0.0, max(len(values) - 1.0, 1.0)), (low, high), (1, 119), (21, 3))
    line = tag("path", d=path, fill="none", stroke=color, stroke_width="1.5", stroke_linejoin="round")
    told = f"{len(values):,} points from {written(values[0])} to {written(values[-1])}"
    style = "vertical-align:middle"
    return tag("svg", tag("title", told), line, viewBox="0 0 120 24", width=120, height=24, role="img", style=style)


def curve(series: Sequence[Series], told: str) -> Html:
    """Lines over each other, with the least and greatest of both axes; several have a legend."""
    points = [list(_points(one)) for one in series]
    every = [y for line in points for _, y in line]
    span = _bounds(every)
    if span is None:
        return tag("p", "No point is a number that can be drawn.", style="opacity:.72;margin:.3em 0")
    xs = [x for line in points for x, _ in line]
    across, up = _bounds(xs) or (0.0, 1.0), span
    room_x, room_y = (_LEFT, _WIDTH - _RIGHT), (_HEIGHT - _BOTTOM, _TOP)
    lines = [
        tag("path", d=_path(line, across, up, room_x, room_y), stroke=COLORS[number % len(COLORS)])
        for number, line in enumerate(points)
    ]
    dots = [
        tag(
            "circle",
            cx=f"{_scaled(line[0][0], across, room_x):.1f}",
            cy=f"{_scaled(line[0][1], up, room_y):.1f}",
            r=2.5,
            fill=COLORS[number % len(COLORS)],
        )
        for number, line in enumerate(points)
        if len(line) == 1 and math.isfinite(line[0][1])
    ]
    axes = f"M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"
    words = (
        _word(written(max(known for known in every if math.isfinite(known))), _LEFT - 5, _TOP + 8, "end"),
        _word(written(min(known for known in every if math.isfinite(known))), _LEFT - 5, _HEIGHT - _BOTTOM, "end"),
        _word(written(min(xs)), _LEFT, _HEIGHT - 6, "start"),
        _word(written(max(xs)), _WIDTH - _RIGHT, _HEIGHT - 6, "end"),
    )
    svg = tag(
        "svg",
        tag("title", told),
        tag("path", d=axes, fill="none", stroke="currentColor", stroke_opacity=".3"),
        tag("g", *lines, fill="none", stroke_width="1.6", stroke_linejoin="round"),
        *dots,
        tag("g", *words, fill="currentColor", opacity=".75"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        role="img",
        style=f"display:block;max-width:100%;height:auto;{_TEXT}",
    )
    return joined([svg, _legend(series)]) if len(series) > 1 else svg


def written(number: float) -> str:
    """A number as short as it can be read."""
    if isinstance(number, float) and not math.isfinite(number):
        return str(number)
    return f"{number:,.0f}" if number == int(number) and abs(number) < 1e7 else f"{number:.4g}"


def _points(series: Series) -> Iterator[tuple[float, float]]:
    steps = series.steps
    counted = steps is not None and all(step is not None and abs(step) < _FAR for step in steps)
    for position, value in enumerate(series.values):
        yield (float(steps[position] or 0) if counted and steps is not None else float(position)), value


def _bounds(values: Sequence[float]) -> tuple[float, float] | None:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return None
    low, high = min(known), max(known)
    size = max(abs(low), abs(high))
    if high - low > 1e-12 * size:
        return low, high
    apart = max(size * 1e-6, 0.5)
    return max(low - apart, -sys.float_info.max), min(high + apart, sys.float_info.max)


def _path(
    points: Sequence[tuple[float, float]],
    across: tuple[float, float],
    up: tuple[float, float],
    room_x: tuple[float, float],
    room_y: tuple[float, float],
) -> str:
    drawn: list[str] = []
    pen = "M"
    for x, y in _fewer(points):
        if not math.isfinite(y):
            pen = "M"
            continue
        drawn.append(f"{pen}{_scaled(x, across, room_x):.1f} {_scaled(y, up, room_y):.1f}")
        pen = "L"
    return "".join(drawn)


def _scaled(value: float, span: tuple[float, float], room: tuple[float, float]) -> float:
    # halves, since the distance of two floats may be none
    share = (value / 2 - span[0] / 2) / (span[1] / 2 - span[0] / 2)
    return room[0] + share * (room[1] - room[0])


def _fewer(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Of many points the ends, and the least and greatest of each stretch: no peak is lost."""
    if len(points) <= 2 * _STRETCHES:
        return points
    found: list[tuple[float, float]] = []
    for number in range(_STRETCHES):
        part = points[len(points) * number // _STRETCHES : len(points) * (number + 1) // _STRETCHES]
        known = [at for at, point in enumerate(part) if math.isfinite(point[1])]
        if not known:
            found.append(part[0])
            continue
        ends = {min(known, key=lambda at: part[at][1]), max(known, key=lambda at: part[at][1])}
        if number == 0:
            ends.add(0)
        if number == _STRETCHES - 1:
            ends.add(len(part) - 1)
        found += [part[at] for at in sorted(ends)]
    return found


def _word(text: str, x: float, y: float, anchor: str) -> Html:
    return tag("text", text, x=f"{x:.0f}", y=f"{y:.0f}", text_anchor=anchor)


def _legend(series: Sequence[Series]) -> Html:
    line = "display:inline-block;width:1em;height:2px;margin:0 .4em 0 0;vertical-align:middle;background:"
    parts = [
        tag(
            "span",
            tag("span", style=line + COLORS[number % len(COLORS)]),
            cut(one.name, 60),
            style="margin-right:1em;white-space:nowrap",
        )
        for number, one in enumerate(series)
    ]
    return tag("div", *parts, style="font-size:.85em;opacity:.85")
