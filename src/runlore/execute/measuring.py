"""Measuring: series of numbers that a step logs while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlore.execute.context import current_step_context
from runlore.execute.metric_log import only_log


def log_metric(name: str, value: Any, step: int | None = None) -> None:
    """Add a point to a series of the running step: ``log_metric("loss", 0.3, step=epoch)``.

    A call takes a microsecond or so: points are recorded together, within about a second and with the step's end, so
    that others see the series while the step runs. The time is noted with each point. The threads of a step may log.

    Args:
        name: What is measured. It obeys the rules of names, and may hold ``/``.
        value: An int, a float, or one number of numpy, torch and the like, kept as the float that it is exactly; NaN
            and the infinities are numbers here.
        step: What you count by, such as the epoch or the batch. Several points may have the same.

    Raises:
        StepContextError: no step is running here.
        ValueUnstorable: ``value`` is no number, or an int that no float is exactly; ``step`` is no int.
        NameInvalid: ``name`` is none.
    """
    context = current_step_context()
    (only_log() if context is None else context.metric_log).log(name, value, step)


def log_metrics(values: Mapping[str, Any], step: int | None = None) -> None:
    """Add a point to each of several series of the running step: ``log_metrics({"loss": 0.3, "accuracy": 0.9})``.

    If one value is refused, none is added. Otherwise it is `log_metric` for each of them, and raises what that does.
    """
    context = current_step_context()
    (only_log() if context is None else context.metric_log).log_all(values, step)
