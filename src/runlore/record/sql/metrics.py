"""Metrics: points of series and what sums them up, written within one transaction."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from runlore.model.change import MetricsLogged
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import OWN
from runlore.record.sql.points import pack_points
from runlore.record.sql.searchable import Searchable


class Metrics:
    """Series of one run. ``word`` interns a name."""

    def __init__(self, cursor: sqlite3.Cursor, word: Callable[[str], int], facts: Searchable) -> None:
        self._cursor = cursor
        self._word = word
        self._facts = facts

    def log(self, run: int, change: MetricsLogged) -> None:
        """Append what is not there yet, and sum up anew."""
        step = OWN if change.step is None else change.step
        for name, points in change.series:
            key = self._word(name)
            row = (run, step, change.item, change.attempt, key, change.part, *pack_points(points))
            if self._cursor.execute(SQL["add_point"], row).rowcount:
                self._sum_up(run, step, name, key, points.values)

    def _sum_up(self, run: int, step: int, name: str, key: int, values: Sequence[float]) -> None:
        found = self._cursor.execute(SQL["metric_so_far"], (run, step, key)).fetchone()
        count, lo, hi = found or (0, None, None)
        lo, hi = _extremes(value for value in (lo, hi, *values) if value is not None and not math.isnan(value))
        count, last = count + len(values), _number(float(values[-1]))
        self._cursor.execute(SQL["set_metric"], (run, step, key, count, last, lo, hi))
        self._facts.sum_up(run, name, step, (last, lo, hi, count))


def _extremes(values: Iterable[float]) -> tuple[float | None, float | None]:
    known = list(values)
    return (float(min(known)), float(max(known))) if known else (None, None)


def _number(value: float) -> float | None:
    """SQLite has no NaN."""
    return None if math.isnan(value) else value
