"""What is recorded of what started a run: the events that were told of, and the run whose step called the pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from runlore.execute.context import StepContext
from runlore.execute.tags import is_tag
from runlore.model.noun import changed
from runlore.model.trigger import RUN, TriggerEvent, event_tag, run_tag
from runlore.plan.redaction import Redaction
from runlore.values.metadata import encode_metadata


def recorded_trigger(
    given: Iterable[TriggerEvent], parent: StepContext | None, now: datetime, redaction: Redaction
) -> tuple[str | None, tuple[str, ...]]:
    """The trigger of a run as typed JSON, or ``None``, and the system tags by which the run is found.

    ``parent`` is the step that calls the pipeline, if one does. Raises `ValueUnstorable` for a payload that metadata
    cannot hold.
    """
    events = [changed(one, id=one.id or str(uuid4()), timestamp=one.timestamp or now) for one in given]
    if parent is not None and not any(one.type == RUN and one.id == str(parent._run_id) for one in events):
        events.append(_called_by(parent, now))
    if not events:
        return None, ()
    told = [
        {
            "name": one.name,
            "id": one.id,
            "timestamp": (one.timestamp or now).astimezone(UTC),
            "type": one.type,
            "payload": dict(one.payload),
        }
        for one in events
    ]
    tags = (run_tag(one.id or "") if one.type == RUN else event_tag(one.name) for one in events)
    text = encode_metadata("trigger", redaction.value({"events": told}))
    return text, tuple(dict.fromkeys(tag for one in tags if is_tag(tag := redaction.text(one))))


def _called_by(step: StepContext, now: datetime) -> TriggerEvent:
    pipeline, number, *_ = step._task.split("/")
    payload = {"run": f"{pipeline}/{number}", "task": step._task}
    return TriggerEvent(name=pipeline, id=str(step._run_id), timestamp=now, type=RUN, payload=payload)
