"""Measures: the metrics of a run, as curves."""

from __future__ import annotations

from collections.abc import Iterator

from runlore.recall.html.curve import written
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.html.metric import curve_of, summed_up
from runlore.recall.measured import metrics_of_step
from runlore.recall.metric import Metric
from runlore.recall.report.account import Account
from runlore.recall.report.part import more, section, table
from runlore.recall.report.room import Room

#: Curves, points of one that are read for it, and tasks of its step.
_CURVES, _POINTS, _TASKS = 12, 200_000, 64


def metrics(account: Account, room: Room) -> Html | None:
    """A curve of each series, and a row for each metric of one point; ``None`` if nothing was measured."""
    found = list(_metrics(account))
    if not found:
        return None
    curves: list[Html] = []
    rows: list[tuple[object, ...]] = []
    for metric, drawable in found:
        if drawable and len(curves) < _CURVES:
            drawn = _curve(metric)
            if room.take(drawn):
                curves.append(drawn)
                continue
        numbers = (metric.last, metric.min, metric.max)
        rows.append((cut(metric.name, 80), cut(metric.owner, 120), *map(written, numbers), f"{metric.count:,}"))
    left = len(found) - len(curves)
    return section(
        "metrics",
        "Metrics",
        tag("div", *curves, class_="cards") if curves else None,
        table(("metric", "measured by", "last", "min", "max", "points"), rows, room, count=left)
        if rows
        else more(left),
    )


def _metrics(account: Account) -> Iterator[tuple[Metric, bool]]:
    """Each metric, and whether its points are few enough to be drawn."""
    measuring = {metric.step for metric in account.record.metrics(account.run.seq)}
    for step in account.told:
        if step.index in measuring:
            few = (step.tasks or 1) <= _TASKS
            for metric in metrics_of_step(account.record, step, f"{account.pathspec}/{step.name}").values():
                yield metric, few and 1 < metric.count <= _POINTS


def _curve(metric: Metric) -> Html:
    return tag(
        "div",
        tag("h3", cut(metric.name, 80)),
        tag("p", f"{cut(metric.owner, 120)} · {summed_up(metric)}", class_="soft small"),
        curve_of(metric),
        class_="card",
    )
