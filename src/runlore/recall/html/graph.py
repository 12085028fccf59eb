"""Graph: the steps of a run as a drawing, each with its state and how long it took.

It is an SVG within the page, without script, style sheet or id. Its text takes the colour of the text around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from runlore.model.counted import counted
from runlore.model.noun import noun
from runlore.model.run import Step
from runlore.model.status import Status
from runlore.model.units import shown_seconds
from runlore.recall.html.card import SCROLLING
from runlore.recall.html.layout import Layout, Line, Place, layout
from runlore.recall.html.markup import Html, cut, joined, tag
from runlore.recall.html.status import color

_HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 42, 16, 26, 12
#: Between columns; how much of them stands beside each other, in pixels; levels that are never parted.
_GUTTER, _BESIDE, _LEVELS = 24, 960, 10
#: Characters of a name at most; the width of one, and of one of the smaller line below it.
_LONGEST, _CHARACTER, _FACT_CHARACTER = 24, 6.7, 5.8
_NARROWEST = 110
_NAMES = "font:600 11px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_FACTS = "font:10.5px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"

#: The address that a place leads to, if any.
Target = Callable[[Place], str | None]


def graph(steps: Sequence[Step], *, most: int, target: Target = lambda place: None, height: str = "34em") -> Html:
    """Draw steps in declared order, at most ``most`` of them; ``height`` is that of what is seen at once."""
    found = layout(steps, most)
    if not found.places:
        return tag("p", "No step was planned.", style="opacity:.7;margin:.3em 0")
    drawn = tag("div", _svg(found, target), style=f"{SCROLLING};max-height:{height}", class_="runlore-graph")
    if not found.left_out:
        return drawn
    more = f"… and {counted(found.left_out, 'more step')}, not drawn"
    return joined([drawn, tag("p", more, style="opacity:.7;margin:.3em 0;font-size:.9em")])


def took(step: Step) -> float | None:
    """Seconds that a step took, or has been running."""
    if step.status is Status.RUNNING and step.started is not None:
        return max(0.0, (datetime.now(UTC) - step.started).total_seconds())
    return step.duration


def _svg(found: Layout, target: Target) -> Html:
    inner = min(max(len(place.steps[0].name) for place in found.places), _LONGEST)
    facts = max(len(_fact(place)) for place in found.places)
    width = max(_NARROWEST, 17 + inner * _CHARACTER, 30 + facts * _FACT_CHARACTER)
    grid = _grid(found, width)
    whole_x, whole_y = grid.size
    lines = [_line(line, grid) for line in found.lines]
    places = [_place(place, grid.top(place.x, place.level), width, inner, target) for place in found.places]
    steps = sum(len(place.steps) for place in found.places) + found.left_out
    said = f"The graph of {counted(steps, 'step')}; an arrow leads from a step to those that wait for it."
    return tag(
        "svg",
        tag("title", said),
        tag("g", *lines, fill="none", stroke="currentColor", stroke_opacity=".42", stroke_width="1.2"),
        *places,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {whole_x} {whole_y}",
        width=whole_x,
        height=whole_y,
        role="img",
        style="display:block",
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


def _place(place: Place, top: tuple[float, float], width: float, inner: int, target: Target) -> Html:
    left, y = top[0] - width / 2, top[1]
    said = color(place.status)
    several = len(place.steps) > 1 or place.steps[0].tasks is not None
    box = {"width": f"{width:.0f}", "height": _HEIGHT, "rx": 5}
    parts = [tag("title", _told(place))]
    if several:
        parts.append(
            tag(
                "rect",
                x=f"{left + 3:.0f}",
                y=f"{y + 3:.0f}",
                fill="none",
                stroke="currentColor",
                stroke_opacity=".3",
                **box,
            )
        )
    parts += [
        tag(
            "rect",
            x=f"{left:.0f}",
            y=f"{y:.0f}",
            style=f"fill:{said};stroke:{said}",
            fill_opacity=".12",
            stroke_opacity=".75",
            stroke_dasharray="3 3" if place.status in (Status.PENDING, Status.SKIPPED) else None,
            **box,
        ),
        tag("circle", cx=f"{left + 11:.0f}", cy=f"{y + 28.5:.0f}", r=3.4, style=f"fill:{said}"),
        tag("text", _name(place, inner), x=f"{left + 8:.0f}", y=f"{y + 17:.0f}", fill="currentColor", style=_NAMES),
        tag(
            "text",
            _fact(place),
            x=f"{left + 19:.0f}",
            y=f"{y + 32:.0f}",
            fill="currentColor",
            opacity=".8",
            style=_FACTS,
        ),
    ]
    href = target(place)
    return tag("a", *parts, href=href) if href is not None else tag("g", *parts)


def _name(place: Place, length: int) -> str:
    several = "" if len(place.steps) == 1 else f" ×{len(place.steps):,}"
    return cut(place.steps[0].name, max(length - len(several), 6)) + several


def _fact(place: Place) -> str:
    """The second line of a place."""
    if len(place.steps) > 1:
        return ", ".join(f"{count:,} {state}" for state, count in place.states[:2])
    (step,) = place.steps
    parts = [str(step.status)]
    seconds = took(step)
    if seconds is not None and step.status is not Status.CACHED:
        parts.append(shown_seconds(seconds) or "")
    if step.tasks is not None:
        parts.append(f"×{step.tasks:,}")
    return " · ".join(parts)


def _told(place: Place) -> str:
    """What a pointer that rests on it is told, and who does not see it."""
    if len(place.steps) > 1:
        states = ", ".join(f"{count:,} {state}" for state, count in place.states)
        return f"{counted(len(place.steps), 'step')} from {place.steps[0].name} to {place.steps[-1].name}: {states}"
    (step,) = place.steps
    mapped = "" if step.tasks is None else f", {counted(step.tasks, 'task')}"
    note = "" if step.cache_note is None else f". Cache: {cut(step.cache_note, 200)}"
    return f"{step.name}: {_fact(place)}{mapped}{note}"
