"""Measured: which metrics a run, a step or a task has, and where their points are.

Results that were taken over leave their points where they were measured. So the series of a cached step, and of each
cached item of a mapped one, is read at its origin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runlore.errors import NotFound
from runlore.model import run as runs
from runlore.model.metric import Metric as Summary
from runlore.model.metric import Points
from runlore.recall.metric import Metric
from runlore.recall.named import Named

if TYPE_CHECKING:
    from runlore.record.port import Record

#: A series: run, step, item, and attempt (``None`` for the last one).
Place = tuple[int, int, int, int | None]


def metrics_of_run(record: Record, run: int, pathspec: str) -> Named[Metric]:
    """Metrics of a run by name: of several steps that measured one, the last step's in declared order."""
    by_step: dict[int | None, list[Summary]] = {}
    for summary in record.metrics(run):
        by_step.setdefault(summary.step, []).append(summary)
    found: dict[str, Metric] = {}
    for step in record.steps(run):
        found |= _of_step(record, step, by_step.get(step.index, []), f"{pathspec}/{step.name}")
    return Named(dict(sorted(found.items())), kind="metric", owner=pathspec)


def metrics_of_step(record: Record, step: runs.Step, pathspec: str) -> Named[Metric]:
    """Metrics of a step by name."""
    own = [summary for summary in record.metrics(step.run) if summary.step == step.index]
    return Named(_of_step(record, step, own, pathspec), kind="metric", owner=pathspec)


def metrics_of_task(record: Record, task: runs.Task, pathspec: str) -> Named[Metric]:
    """Metrics of one attempt of one task by name; they are summed up from their points."""
    place = (task.run, task.step, task.item, task.attempt) if task.origin is None else (*task.origin, None)
    names = [summary.name for summary in record.metrics(place[0]) if summary.step == place[1]]
    found = _summed_up(record, names, [(task.item, place)], task.run, task.step, pathspec)
    return Named(found, kind="metric", owner=pathspec)


def _of_step(record: Record, step: runs.Step, own: Iterable[Summary], pathspec: str) -> dict[str, Metric]:
    names = [summary.name for summary in own]
    if step.tasks is not None and step.origin is None:
        homes = {task.origin[:2] for task in record.tasks(step.run, step.index) if task.origin is not None}
        if homes:  # only the points tell what sums up items that were taken over from here and from there
            names += [one.name for run, index in sorted(homes) for one in record.metrics(run) if one.step == index]
            return _summed_up(record, names, _places(record, step), step.run, step.index, pathspec)
    return {summary.name: _metric(record, step, summary, pathspec) for summary in own}


def _metric(record: Record, step: runs.Step, summary: Summary, pathspec: str) -> Metric:
    def read() -> list[tuple[int, Points]]:
        parts = _parts(record, summary.name, _places(record, step))
        if summary.count and not parts and step.origin is not None:
            raise NotFound(
                f"The points of metric {summary.name!r} of {pathspec} were deleted with the run that measured them, "
                "from which this step was served. What sums them up is still there."
            )
        return parts

    return Metric(summary, read, owner=pathspec)


def _summed_up(
    record: Record, names: Iterable[str], places: list[tuple[int, Place]], run: int, step: int, pathspec: str
) -> dict[str, Metric]:
    found = {}
    for name in sorted(set(names)):
        parts = _parts(record, name, places)
        values = [value for _, points in parts for value in points.values]
        if values:
            known = [value for value in values if not math.isnan(value)] or [math.nan]
            summary = Summary(
                run=run, step=step, name=name, count=len(values), last=values[-1], min=min(known), max=max(known)
            )
            found[name] = Metric(summary, lambda parts=parts: parts, owner=pathspec)  # type: ignore[misc]
    return found


def _places(record: Record, step: runs.Step) -> list[tuple[int, Place]]:
    """Each item of a step with the place of its series."""
    origins = {task.item: task.origin for task in record.tasks(step.run, step.index) if task.origin is not None}
    found: list[tuple[int, Place]] = []
    for item in range(1 if step.tasks is None else step.tasks):
        origin = origins.get(item)
        found.append((item, (step.run, step.index, item, None) if origin is None else (*origin, None)))
    return found


def _parts(record: Record, name: str, places: Iterable[tuple[int, Place]]) -> list[tuple[int, Points]]:
    found = []
    for item, (run, step, at, attempt) in places:
        points = record.points(run, name, step=step, item=at, attempt=attempt)
        if len(points.values):
            found.append((item, points))
    return found
