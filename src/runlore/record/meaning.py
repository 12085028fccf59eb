"""Meaning: what names and steps that stand for others mean, the same in every store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlore.errors import NotFound
from runlore.model.artifact import LookedUp, Version
from runlore.model.metadata import Entry
from runlore.model.query import Condition, Operator, Query
from runlore.record.port import Record


def with_own(taken_over: Sequence[Entry], own: Sequence[Entry]) -> tuple[Entry, ...]:
    """Metadata of a step that took its result over: that of its origin, and what was noted on the step itself."""
    return tuple({entry.key: entry for entry in (*taken_over, *own)}.values())


def means_the_same(record: Record, one: LookedUp) -> bool:
    """Whether looking ``one`` up again would give the same version, or nothing again (`docs/design/cache-key.md`)."""
    found = version_called(record, one.artifact, one.asked)
    if found is not None or one.version is not None:
        return found is not None and found.seq == one.version
    # An unknown name may also stand for the only artifact that begins with it.
    if _first(record, "artifact", Condition("name", Operator.EQ, one.artifact)) is not None:
        return True
    return _first(record, "artifact", Condition("name", Operator.STARTSWITH, one.artifact)) is None


def version_called(record: Record, artifact: str, asked: str | None) -> Version | None:
    """The version of an artifact with this label or else this alias; ``None`` asks for the latest. ``None``: nothing.

    A label and an alias are never the same word.
    """
    is_it = Condition("artifact", Operator.EQ, artifact)
    if asked is None:
        latest: Version | None = _first(record, "version", is_it)
        return latest
    by_label: Version | None = _first(record, "version", is_it, Condition("version", Operator.EQ, asked))
    if by_label is not None:
        return by_label
    by_alias: Version | None = _first(record, "version", is_it, Condition("alias", Operator.EQ, asked))
    return by_alias


def _first(record: Record, noun: str, *conditions: Condition) -> Any:
    try:
        return next(iter(record.select(Query(noun=noun, conditions=conditions, limit=1)).items), None)
    except NotFound:
        return None
