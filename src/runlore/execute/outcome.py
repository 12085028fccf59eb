"""Outcomes: what the steps of a running run have produced so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from runlore.model.artifact import Content
from runlore.model.status import Status

#: Values of these classes cannot change, so that handing them over in memory is as good as loading them afresh.
IMMUTABLE = frozenset({int, float, bool, str, bytes, type(None), complex})
ABSENT: Any = object()


@dataclass(slots=True)
class Produced:
    """One output of a finished step."""

    content: Content
    #: `Version.seq`, or the id of the new version until its commit has returned.
    version: int | UUID
    #: The value itself where handing it over is safe; `ABSENT` otherwise.
    value: Any = ABSENT
    #: Elements, for the collection of a mapped step.
    elements: tuple[Content, ...] | None = None


@dataclass(slots=True)
class Outcome:
    """How a step ended."""

    status: Status
    outputs: dict[str, Produced] = field(default_factory=dict)
    error: BaseException | None = None
    #: The pipeline's body received the error from ``load()`` and may have handled it.
    delivered: bool = False
