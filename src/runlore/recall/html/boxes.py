"""Boxes: a graph as an SVG within a page, each node a box with a name and a line of facts.

It has no script, style sheet or id, and its text takes the colour of the text around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runlore.model.noun import noun
from runlore.recall.html.card import SCROLLING
from runlore.recall.html.layout import Layout, Line
from runlore.recall.html.markup import Html, cut, joined, tag

_HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 42, 16, 26, 12
#: Between columns; how much of them stands beside each other, in pixels; levels that are never parted.
_GUTTER, _BESIDE, _LEVELS = 24, 960, 10
#: Characters of a name at most; the width of one, and of one of the smaller line below it.
_LONGEST, _CHARACTER, _FACT_CHARACTER = 24, 6.7, 5.8
_NARROWEST = 110
_NAMES = "font:600 11px ui-monospace,Menlo,Consolas,monospace"
_FACTS = "font:10.5px system-ui,-apple-system,Roboto,sans-serif"


@noun
class Box:
    """What a place of a graph shows."""

    name: str
    #: The second line.
    fact: str
    #: What a pointer that rests on it is told, and who does not see it.
    told: str
    #: As a CSS value.
    color: str
    #: How many nodes it stands for, if that is to be said beside the name.
    count: int = 1
    #: Whether it stands for several things.
    several: bool = False
    #: Whether it has not happened.
    dashed: bool = False
    #: Whether it is a thing and not something that was done.
    square: bool = False
    #: The address that it leads to.
    href: str | None = None


def boxes(found: Layout, drawn: Sequence[Box], *, told: str, height: str, more: str | None) -> Html:
    """Draw a box for each place of a layout, ``height`` of them to be seen at once; ``more`` tells what is left out."""
    svg = tag("div", _svg(found, drawn, told), style=f"{SCROLLING};max-height:{height}", class_="runlore-graph")
    if more is None:
        return svg
    return joined([svg, tag("p", more, style="opacity:.7;margin:.3em 0;font-size:.9em")])


def _svg(found: Layout, drawn: Sequence[Box], told: str) -> Html:
    inner = min(max(len(box.name) + len(_number(box)) for box in drawn), _LONGEST)
    facts = min(max(len(box.fact) for box in drawn), _LONGEST + 12)
    width = max(_NARROWEST, 17 + inner * _CHARACTER, 30 + facts * _FACT_CHARACTER)
    grid = _grid(found, width)
    whole_x, whole_y = grid.size
    lines = [_line(line, grid) for line in found.lines]
    places = [
        _box(box, grid.top(place.x, place.level), width, inner) for place, box in zip(found.places, drawn, strict=True)
    ]
    return tag(
        "svg",
        tag("g", *lines, fill="none", stroke="currentColor", stroke_opacity=".42", stroke_width="1.2"),
        *places,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {whole_x} {whole_y}",
        width=whole_x,
        height=whole_y,
        # what is an image has no links for those who do not see it
        role="img" if all(box.href is None for box in drawn) else "group",
        aria_label=told,
        fill="currentColor",
        style=f"display:block;{_FACTS}",
    )


@noun(kw_only=False)
class _Grid:
    """Where a place of the layout is in the drawing. What is narrow and deep goes on in a column beside the first."""

    #: From the middle of a place to that of the next, and from the top of one to that of the one below.
    step_x: float
    step_y: float
    #: Places in the width of a column, levels in its height, columns.
    width: float
    levels: int
    columns: int

    @property
    def size(self) -> tuple[int, int]:
        x = self.columns * (self.width * self.step_x + _GUTTER) - _GUTTER - _GAP_X
        return round(x + 2 * _MARGIN), round(self.levels * self.step_y - _GAP_Y + 2 * _MARGIN)

    def column(self, level: int) -> int:
        return level // self.levels

    def top(self, x: float, level: int) -> tuple[float, float]:
        """The middle of a place's upper side."""
        left = self.column(level) * (self.width * self.step_x + _GUTTER)
        return _MARGIN + left + x * self.step_x - _GAP_X / 2, _MARGIN + (level % self.levels) * self.step_y


def _grid(found: Layout, width: float) -> _Grid:
    step_x = width + _GAP_X
    most = max(1, int((_BESIDE + _GUTTER) // (found.width * step_x + _GUTTER)))
    levels = max(_LEVELS, math.ceil(found.levels / most))
    columns = math.ceil(found.levels / levels)
    return _Grid(step_x, _HEIGHT + _GAP_Y, found.width, min(levels, found.levels), columns)


def _line(line: Line, grid: _Grid) -> Html:
    (x, y), column = grid.top(*line.points[0]), grid.column(line.points[0][1])
    y += _HEIGHT
    drawn = [f"M{x:.0f} {y:.0f}"]
    for number, (at, level) in enumerate(line.points[1:], start=2):
        to_x, to_y = grid.top(at, level)
        if grid.column(level) != column:  # round the foot of a column to the head of another
            between = to_x - (grid.width * grid.step_x) / 2 - _GUTTER / 2
            drawn.append(f"v8H{between:.0f}V{to_y - 10:.0f}H{to_x:.0f}V{to_y:.0f}")
            column = grid.column(level)
        else:
            half = (to_y - y) / 2
            drawn.append(f"C{x:.0f} {y + half:.0f} {to_x:.0f} {to_y - half:.0f} {to_x:.0f} {to_y:.0f}")
        x, y = to_x, to_y
        if number < len(line.points):  # past the level that it goes by
            y += _HEIGHT
            drawn.append(f"V{y:.0f}")
    drawn.append("m-3 -5l3 5l3 -5")
    return tag("path", d="".join(drawn))


def _box(box: Box, top: tuple[float, float], width: float, inner: int) -> Html:
    left, y = top[0] - width / 2, top[1]
    shape = {"width": f"{width:.0f}", "height": _HEIGHT, "rx": 1 if box.square else 6}
    behind = tag("rect", x=f"{left + 3:.0f}", y=f"{y + 3:.0f}", fill="none", stroke_opacity=".35", **shape)
    dashes = "3 3" if box.dashed else None
    # the colour is said once, as that of the text of a group without any
    shapes = tag(
        "g",
        behind if box.several else None,
        tag("rect", x=f"{left:.0f}", y=f"{y:.0f}", fill_opacity=".12", stroke_dasharray=dashes, **shape),
        tag("circle", cx=f"{left + 11:.0f}", cy=f"{y + 28.5:.0f}", r=3.4, stroke="none"),
        style=f"color:{box.color}",
        fill="currentColor",
        stroke="currentColor",
        stroke_opacity=".75",
    )
    number = _number(box)
    name = cut(box.name, inner - len(number)) + number
    words = (
        tag("text", name, x=f"{left + 8:.0f}", y=f"{y + 17:.0f}", style=_NAMES),
        tag("text", cut(box.fact, _LONGEST + 12), x=f"{left + 19:.0f}", y=f"{y + 32:.0f}", opacity=".8"),
    )
    parts = (tag("title", box.told), shapes, *words)
    return tag("a", *parts, href=box.href) if box.href is not None else tag("g", *parts)


def _number(box: Box) -> str:
    return "" if box.count == 1 else f" ×{box.count:,}"
