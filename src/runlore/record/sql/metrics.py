"""Metrics: points of series and what sums them up, written within one transaction."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable

from runlore.model.change import MetricsLogged
from runlore.model.metric import Point
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import OWN
from runlore.record.sql.searchable import Searchable
from runlore.record.sql.text import micros

_LEAST, _MOST = -(2**63), 2**63 - 1


class Metrics:
    """Series of one run. ``word`` interns a name."""

    def __init__(self, cursor: sqlite3.Cursor, word: Callable[[str], int], facts: Searchable) -> None:
        self._cursor = cursor
        self._word = word
        self._facts = facts

    def log(self, run: int, change: MetricsLogged) -> None:
        """Append what is not there yet, and sum up anew."""
        series: dict[str, list[Point]] = {}
        for name, point in change.points:
            series.setdefault(name, []).append(point)
        step = OWN if change.step is None else change.step
        for name, points in series.items():
            key = self._word(name)
            done = self._cursor.executemany(
                SQL["add_point"],
                [
                    (run, step, change.item, change.attempt, key, change.part, position, *_columns(point))
                    for position, point in enumerate(points)
                ],
            )
            if done.rowcount:
                self._sum_up(run, step, name, key, [float(point.value) for point in points])

    def _sum_up(self, run: int, step: int, name: str, key: int, values: list[float]) -> None:
        found = self._cursor.execute(SQL["metric_so_far"], (run, step, key)).fetchone()
        count, lo, hi = found or (0, None, None)
        lo, hi = _extremes(value for value in (lo, hi, *values) if value is not None and not math.isnan(value))
        count, last = count + len(values), _number(values[-1])
        self._cursor.execute(SQL["set_metric"], (run, step, key, count, last, lo, hi))
        self._facts.sum_up(run, name, step, (last, lo, hi, count))


def _extremes(values: Iterable[float]) -> tuple[float | None, float | None]:
    known = list(values)
    return (min(known), max(known)) if known else (None, None)


def _number(value: float) -> float | None:
    """SQLite has no NaN."""
    return None if math.isnan(value) else value


def _columns(point: Point) -> tuple[int | str | None, float | None, int]:
    progress = point.progress
    fits = progress is None or _LEAST <= progress <= _MOST
    return progress if fits else str(progress), _number(float(point.value)), micros(point.at)
