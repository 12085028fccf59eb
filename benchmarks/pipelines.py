"""The pipelines that are measured: chains and maps of the least that a step can do."""

from __future__ import annotations

from itertools import count
from typing import Any

from runlore import pipeline, step

#: Arguments that no earlier round had, so that a first run is one.
starts = count(1_000_000, 1_000_000)


def add(value: int) -> int:
    return value + 1


add_step = step(add)


@pipeline
def chain(length: int, start: int) -> Any:
    value = add_step(start)
    for _ in range(length - 1):
        value = add_step(value)
    return value


@pipeline
def fan(length: int, start: int) -> Any:
    return add_step.map(range(start, start + length))
