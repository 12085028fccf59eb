"""Note: the beginning of what somebody wrote about a run, a step or a version."""

from __future__ import annotations

from runlore.model.metadata import Owner
from runlore.recall.html.markup import cut
from runlore.record.port import Record

_LENGTH = 300


def note_of(record: Record, owner: Owner) -> str | None:
    """Its text, not as Markdown, cut; ``None`` if there is none."""
    history = record.notes(owner)
    text = history[-1].text if history else None
    return None if text is None else cut(text, _LENGTH)
