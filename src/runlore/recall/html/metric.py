"""What a notebook shows of a metric: what sums it up, and its series as a curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runlore.errors import NotFound
from runlore.model.counted import counted
from runlore.recall.html.card import card, remark, title
from runlore.recall.html.curve import Series, curve, written
from runlore.recall.html.markup import Html, cut

if TYPE_CHECKING:
    from runlore.recall.metric import Metric

#: Lines over each other; tasks with a line each.
LINES = 6


def metric_html(metric: Metric) -> Html:
    """A metric as a curve."""
    head = title(cut(metric.name, 200), cut(metric.owner, 200), summed_up(metric))
    return card(head, curve_of(metric))


def summed_up(metric: Metric) -> str:
    """What is kept of it beside its points, in a line."""
    if metric.count == 1:
        return written(metric.last)
    bounds = f"last {written(metric.last)}, min {written(metric.min)}, max {written(metric.max)}"
    return f"{bounds}, {counted(metric.count, 'point')}"


def lasts(metrics: Mapping[str, Metric]) -> dict[str, str]:
    """The last value of each; no point is read."""
    return {name: written(metric.last) for name, metric in metrics.items()}


def curve_of(metric: Metric) -> Html | None:
    """The series, a line for each task; ``None`` for a single point."""
    if metric.count < 2:
        return None
    try:
        lines = series_of(metric)
    except NotFound:
        return remark("Its points were deleted with the run that measured them.")
    told = f"{cut(metric.name, 80)}: {summed_up(metric)}"
    drawn = curve(lines[:LINES], told)
    return Html(drawn + remark(f"… and {len(lines) - LINES:,} more tasks")) if len(lines) > LINES else drawn


def series_of(metric: Metric) -> list[Series]:
    """Points by task."""
    values: dict[int, list[float]] = {}
    steps: dict[int, list[int | None]] = {}
    for task, value, step in zip(metric.tasks, metric.values, metric.steps, strict=True):
        values.setdefault(task, []).append(value)
        steps.setdefault(task, []).append(step)
    return [Series(name=f"task {task}", values=found, steps=steps[task]) for task, found in values.items()]
