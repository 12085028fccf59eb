"""Trigger: what started a run, as its record tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read
from runlore.errors import NotFound
from runlore.model.suggest import did_you_mean
from runlore.model.trigger import EVENT, RUN, TriggerEvent
from runlore.recall.decoding import decode_notes

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run

_NEVER = datetime.min.replace(tzinfo=UTC)


class Trigger:
    """What started a run: events, some of which are runs. Walking it gives the events, latest first."""

    def __init__(self, reader: Reader, events: Iterable[TriggerEvent], *, owner: str) -> None:
        self._reader = reader
        self._owner = owner
        self._events = tuple(sorted(events, key=lambda event: event.timestamp or _NEVER, reverse=True))

    @property
    def events(self) -> tuple[TriggerEvent, ...]:
        """Everything that started it, latest first; of a run, an event of the type ``run``."""
        return self._events

    @property
    def event(self) -> TriggerEvent:
        """The latest of `events`."""
        return self._events[0]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs among what started it, latest first, as far as this record has them."""
        found = (self._run(event) for event in self._events if event.type == RUN)
        return tuple(run for run in found if run is not None)

    @property
    def run(self) -> Run | None:
        """The latest of `runs`; ``None`` if there is none, or it was deleted: then `event` tells which it was."""
        return next(iter(self.runs), None)

    def _run(self, event: TriggerEvent) -> Run | None:
        note_read(f"what started {self._owner}")
        try:
            return self._reader.run(self._reader.lookup.anywhere.run(str(event.id)))
        except NotFound:
            return None

    def __getitem__(self, name: str) -> TriggerEvent | Run:
        """The event of this name, or the run of the pipeline of this name; the latest of several."""
        found = [event for event in self._events if event.name == name]
        # an event that somebody told of before a run that happens to have its name
        for event in sorted(found, key=lambda event: event.type == RUN):
            if event.type != RUN:
                return event
            run = self._run(event)
            if run is not None:
                return run
        if found:
            raise NotFound(f"{found[0].payload.get('run', name)}, which started {self._owner}, was deleted.")
        names = list(dict.fromkeys(event.name for event in self._events))
        raise NotFound(f"{self._owner} was not started by {name!r}.{did_you_mean(str(name), names)}")

    def __contains__(self, name: object) -> bool:
        return any(event.name == name for event in self._events)

    def __iter__(self) -> Iterator[TriggerEvent]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def _ipython_key_completions_(self) -> list[str]:
        return [event.name for event in self._events]

    def to_rows(self) -> list[dict[str, Any]]:
        """The events for a listing, by column."""
        fields = ("name", "type", "id", "timestamp", "payload")
        return [{field: getattr(event, field) for field in fields} for event in self._events]

    def __str__(self) -> str:
        return ", ".join(
            str(event.payload.get("run", event.name)) if event.type == RUN else event.name for event in self._events
        )

    def _repr_html_(self) -> str:
        from runlore.recall.html.provenance import trigger_html  # what only notebooks need

        return trigger_html(self, self._owner)

    def __repr__(self) -> str:
        return f"<Trigger of {self._owner}: {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trigger) and (self._owner, self._events) == (other._owner, other._events)

    def __hash__(self) -> int:
        return hash((self._owner, self._events[0].id))


def trigger_of(reader: Reader, text: str | None, owner: str) -> Trigger | None:
    """The trigger that a record tells of; ``None`` if it tells of none that can be read, as a stranger's may."""
    told = None if text is None else decode_notes(text)
    events = told.get("events") if isinstance(told, dict) else None
    found = [event for event in map(_event, events) if event is not None] if isinstance(events, list) else []
    return Trigger(reader, found, owner=owner) if found else None


def _event(told: Any) -> TriggerEvent | None:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        return None
    at, payload = told.get("timestamp"), told.get("payload")
    return TriggerEvent(
        name=told["name"],
        id=str(told.get("id")),
        timestamp=at if isinstance(at, datetime) and at.tzinfo is not None else None,
        type=RUN if told.get("type") == RUN else EVENT,
        payload=payload if isinstance(payload, dict) else {},
    )
