"""Triggers that are given by hand: names, events, and runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.errors import ConfigurationError
from runlore.model.article import with_article
from runlore.model.noun import changed
from runlore.model.suggest import did_you_mean
from runlore.model.trigger import EVENT, RUN, TriggerEvent

#: Characters of a name or an id, at most.
_LONGEST = 255
_FIELDS = ("name", "id", "timestamp", "payload")


def triggers_of(value: Any, about: str) -> tuple[TriggerEvent, ...]:
    """What started a run, from a name, a `TriggerEvent`, a dict of its fields, a run, or several of these.

    Raises `ConfigurationError`, which ``about`` begins, for anything else.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(event for one in value for event in triggers_of(one, about))
    if isinstance(value, str):
        return (_checked(TriggerEvent(name=value), about),)
    if isinstance(value, TriggerEvent):
        return (_checked(value, about),)
    if isinstance(value, Mapping):
        return (_checked(_from_fields(value, about), about),)
    told = getattr(type(value), "__runlore_trigger__", None)
    if told is not None:
        event: TriggerEvent = told(value)
        return (event,)
    kind = with_article(type(value).__name__)
    raise ConfigurationError(
        f"{about}: trigger is the name of an event, a TriggerEvent, a run, or a list of these, not {kind}."
    )


def _from_fields(given: Mapping[Any, Any], about: str) -> TriggerEvent:
    for name in given:
        if name not in _FIELDS:
            raise ConfigurationError(f"{about}: a trigger has no {name!r}.{did_you_mean(str(name), _FIELDS)}")
    if "name" not in given:
        raise ConfigurationError(f"{about}: a trigger needs a name, which {dict(given)!r} has not.")
    return TriggerEvent(**given)


def _checked(event: TriggerEvent, about: str) -> TriggerEvent:
    id = str(event.id) if isinstance(event.id, UUID) else event.id
    for what, text in (("name", event.name), ("id", id)):
        if what == "id" and text is None:
            continue
        if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
            raise ConfigurationError(f"{about}: the {what} of a trigger is a text of 1 to {_LONGEST}, not {text!r}.")
    at = event.timestamp
    if at is not None and (not isinstance(at, datetime) or at.tzinfo is None):
        raise ConfigurationError(f"{about}: the timestamp of a trigger is a datetime with its time zone, not {at!r}.")
    if event.type not in (EVENT, RUN):
        raise ConfigurationError(f"{about}: the type of a trigger is {EVENT!r} or {RUN!r}, not {event.type!r}.")
    if not isinstance(event.payload, Mapping):
        raise ConfigurationError(f"{about}: the payload of a trigger is a dict, not {event.payload!r}.")
    return changed(event, id=id)
