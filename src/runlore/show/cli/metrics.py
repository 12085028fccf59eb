"""``runlore run metrics``: what was measured, and single series."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from typing import Any

import click

from runlore.errors import NotFound
from runlore.recall.metric import Metric
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.show.cli import candidates
from runlore.show.cli.shared import client, json_option, named
from runlore.show.cli.table import print_json, print_rows

COLUMNS = ("metric", "last", "min", "max", "count", "measured_by")
_POINT = ("step", "value", "time", "task")
#: A table shows so many points.
_NEWEST = 50


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@click.argument("name", required=False, shell_complete=candidates.metrics_of)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "--limit", type=click.IntRange(min=0), help="How many points; 0 is all.  [default: 50; of CSV and JSON all]"
)
@json_option
def metrics(run: str, name: str | None, as_csv: bool, limit: int | None, as_json: bool) -> None:
    """List what RUN measured, or print the series NAME: its newest points.

    RUN may be a step or a task as well: training/12/train.
    """
    if as_csv and as_json:
        raise click.UsageError("Choose --csv or --json.")
    found = _metrics_of(run)
    if name is None:
        rows = [metric.to_row() for metric in found.values()]
        if as_csv:
            _print_csv(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
        else:
            print_rows(rows, COLUMNS, as_json=as_json, empty="It measured nothing.")
        return
    metric = found[name]
    if limit is None:
        limit = 0 if as_csv or as_json else _NEWEST
    if as_csv:
        rows_of_text = [(at, repr(value), time.isoformat(), task) for at, value, time, task in _points(metric, limit)]
        _print_csv(_POINT, rows_of_text)
    elif as_json:
        print_json([dict(zip(_POINT, each, strict=True)) for each in _points(metric, limit)])
    else:
        points = [dict(zip(_POINT, each, strict=True)) for each in _points(metric, limit)]
        columns = _POINT if len(set(metric.tasks)) > 1 else _POINT[:3]
        print_rows(points, columns, as_json=False, empty="It has no points.")
        if len(metric) > len(points):
            click.echo(f"… after {len(metric) - len(points)} earlier ones; --limit 0 shows all.", err=True)


def _metrics_of(reference: str) -> Mapping[str, Metric]:
    found = client().get(reference)
    if isinstance(found, (Run, Step, Task)):
        return found.metrics
    raise NotFound(f"{reference!r} names {named(found)}; metrics are those of a run, a step or a task.")


def _points(metric: Metric, last: int) -> list[tuple[Any, ...]]:
    columns = (metric.steps, metric.values, metric.times, metric.tasks)
    return list(zip(*(column[-last:] for column in columns), strict=True))


def _print_csv(header: tuple[str, ...], rows: list[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
