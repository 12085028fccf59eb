"""Metric: a series of numbers under a name, measured by a run or by one of its steps."""

from __future__ import annotations

from datetime import datetime

from runlore.model.noun import noun


@noun
class Point:
    """One measured number."""

    #: Any float, NaN and the infinities included.
    value: float
    #: What the user counts by, such as the epoch; ``None`` where nothing was said.
    progress: int | None = None
    at: datetime


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
