"""Metric: a series of numbers under a name, measured by a run or by one of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runlore.model.noun import noun


@noun
class Points:
    """A stretch of one series in the order of measuring, column by column. The columns are equally long."""

    #: Any floats, NaN and the infinities included.
    values: Sequence[float]
    #: What the user counts by, such as the epoch; ``None`` where nothing was said.
    progress: Sequence[int | None]
    #: When each was measured: microseconds since the epoch, UTC.
    times: Sequence[int]


def in_order(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """Metrics of one run: its own first, then those of its steps in order; by name."""
    return tuple(sorted(metrics, key=lambda one: (-1 if one.step is None else one.step, one.name)))


def joined(parts: Iterable[Points]) -> Points:
    """Stretches of one series as one, in the given order."""
    values: list[float] = []
    progress: list[int | None] = []
    times: list[int] = []
    for part in parts:
        values.extend(part.values)
        progress.extend(part.progress)
        times.extend(part.times)
    return Points(values=tuple(values), progress=tuple(progress), times=tuple(times))


@noun
class Metric:
    """All series of one name that a step, or the run itself, measured: every task and attempt together."""

    run: int
    #: The step's index; ``None`` for the run itself.
    step: int | None
    name: str
    #: How many points there are.
    count: int
    #: The value that was recorded last.
    last: float
    #: The least value that is a number; NaN if none is.
    min: float
    #: The greatest value that is a number; NaN if none is.
    max: float
