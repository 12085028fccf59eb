"""Metric: the handle of a series of numbers that a step measured, and of what sums it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from runlore.model import metric as model
from runlore.model.counted import counted
from runlore.model.noun import noun

if TYPE_CHECKING:
    import pandas
    import polars

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@noun
class MetricPoint:
    """One measured number."""

    value: float
    #: What was counted by when it was logged (``step=``), such as the epoch; ``None`` where nothing was said.
    step: int | None
    #: When it was logged.
    time: datetime
    #: Index of the mapped item that logged it; 0 for a plain step.
    task: int


class Metric:
    """A series of numbers under a name, as it stood when it was asked for; ask again for what came since.

    ``last``, ``min``, ``max`` and ``count`` are kept with the run and cost no reading of points. They are about all
    tasks and attempts of the step. The points are read when one is asked for: those of the last attempt, in the order
    of logging, of a mapped step item after item.
    """

    def __init__(
        self, summary: model.Metric, read: Callable[[], Sequence[tuple[int, model.Points]]], *, owner: str
    ) -> None:
        self._summary = summary
        self._read = read
        #: Pathspec of the step or task that measured it.
        self.owner = owner

    @property
    def name(self) -> str:
        return self._summary.name

    @property
    def last(self) -> float:
        """The value that was logged last."""
        return self._summary.last

    @property
    def min(self) -> float:
        """The least value that is a number; NaN if none is."""
        return self._summary.min

    @property
    def max(self) -> float:
        """The greatest value that is a number; NaN if none is."""
        return self._summary.max

    @property
    def count(self) -> int:
        """How many points were logged."""
        return self._summary.count

    def best(self, mode: str) -> float:
        """The least value with ``"min"``, the greatest with ``"max"``; raises ValueError for anything else."""
        if mode not in ("min", "max"):
            raise ValueError(f"The best value is the least with 'min' or the greatest with 'max', not {mode!r}.")
        return self.min if mode == "min" else self.max

    # -- its points ----------------------------------------------------------------------------------------------

    @cached_property
    def _parts(self) -> Sequence[tuple[int, model.Points]]:
        return self._read()

    @cached_property
    def values(self) -> list[float]:
        """The numbers, in the order of logging."""
        return [value for _, points in self._parts for value in points.values]

    @cached_property
    def steps(self) -> list[int | None]:
        """What was counted by at each point (``step=``); ``None`` where nothing was said."""
        return [progress for _, points in self._parts for progress in points.progress]

    @cached_property
    def times(self) -> list[datetime]:
        """When each point was logged, in UTC."""
        return [_moment(at) for _, points in self._parts for at in points.times]

    @cached_property
    def tasks(self) -> list[int]:
        """Index of the mapped item that logged each point; 0 for a plain step."""
        return [task for task, points in self._parts for _ in points.values]

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> MetricPoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[MetricPoint]: ...
    def __getitem__(self, index: int | slice) -> MetricPoint | list[MetricPoint]:
        if isinstance(index, slice):
            return [self._point(position) for position in range(*index.indices(len(self)))]
        try:
            return self._point(range(len(self))[index])
        except IndexError:
            there = counted(len(self), "point")
            raise IndexError(f"Metric {self.name!r} of {self.owner} has no point {index}: it has {there}.") from None

    def __contains__(self, point: object) -> bool:
        return any(point == each for each in self)

    def __iter__(self) -> Iterator[MetricPoint]:
        return map(self._point, range(len(self)))

    def _point(self, position: int) -> MetricPoint:
        return MetricPoint(
            value=self.values[position],
            step=self.steps[position],
            time=self.times[position],
            task=self.tasks[position],
        )

    def to_frame(self, library: str | None = None) -> pandas.DataFrame | polars.DataFrame:
        """A row per point with columns ``step``, ``value`` and ``time``, and ``task`` if several items logged.

        ``library`` is ``"pandas"`` or ``"polars"``; without it, the one that is installed, pandas first. Raises
        `MissingExtra` where it is not.
        """
        from runlore.recall.frame import frame_of_columns  # not imported by who only reads

        columns: dict[str, Sequence[Any]] = {"step": self.steps, "value": self.values, "time": self.times}
        if len(self._parts) > 1:
            columns["task"] = self.tasks
        return frame_of_columns(columns, library)

    def to_row(self) -> dict[str, Any]:
        """What sums it up, for a table, by column."""
        return {
            "metric": self.name,
            "last": self.last,
            "min": self.min,
            "max": self.max,
            "count": self.count,
            "measured_by": self.owner,
        }

    def _repr_html_(self) -> str:
        from runlore.recall.html.metric import metric_html  # what only notebooks need

        return metric_html(self)

    def __repr__(self) -> str:
        said = f"last {self.last:.6g}, min {self.min:.6g}, max {self.max:.6g}"
        return f"<Metric {self.name!r} of {self.owner}: {counted(self.count, 'point')}, {said}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metric):
            return NotImplemented
        return (self.owner, repr(self._summary)) == (other.owner, repr(other._summary))

    def __hash__(self) -> int:
        return hash((self.owner, self.name))


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
