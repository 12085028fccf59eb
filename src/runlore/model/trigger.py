"""Trigger: what started a run, as events (`docs/design/semantics.md`, "Triggers")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runlore.model.noun import field, noun

#: Type of an event that somebody told of, and of one that is a run.
EVENT = "event"
RUN = "run"


@noun
class TriggerEvent:
    """Something that starts runs: ``training.with_options(trigger=TriggerEvent(name="data_ready"))``."""

    #: What happened; of a run, the name of its pipeline.
    name: str
    #: Tells it from others of its name; by default made when the run starts. Of a run, its id.
    id: str | None = None
    #: When it happened, with its time zone; by default when the run starts.
    timestamp: datetime | None = None
    #: ``event`` or ``run``.
    type: str = EVENT
    #: Anything that metadata can hold. Of a run: its pathspec, and the task that started this one, if one did.
    payload: Mapping[str, Any] = field(default_factory=dict)


def run_tag(id: str) -> str:
    """System tag of the runs that the run with this id started."""
    return f"trigger:run:{id}"


def event_tag(name: str) -> str:
    """System tag of the runs that an event of this name started."""
    return f"trigger:event:{name}"
