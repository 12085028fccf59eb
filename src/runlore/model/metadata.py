"""Metadata, tags and notes: what people say about runs, steps and artifact versions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from runlore.model.noun import noun


class OwnerKind(StrEnum):
    """What carries metadata or tags."""

    PIPELINE = "pipeline"
    RUN = "run"
    STEP = "step"
    ARTIFACT = "artifact"
    VERSION = "version"


@noun
class Owner:
    """One thing that carries metadata or tags."""

    kind: OwnerKind
    #: `Run.seq`, `Pipeline.id`, `Artifact.id` or `Version.seq`; for a step, its run's seq.
    seq: int
    #: A step's index; 0 otherwise.
    step: int = 0


@noun
class Entry:
    """One metadata value as it was written."""

    key: str
    #: Typed JSON (`docs/design/codec.md`).
    value: str
    created: datetime


@noun
class Note:
    """What somebody wrote about something, in Markdown. Each writing takes the place of the one before."""

    #: ``None`` where the note was taken away.
    text: str | None
    at: datetime
    #: Who wrote it, if that is known.
    user: str | None = None


@noun
class Tag:
    """A label on many things."""

    name: str
    #: Set by runlore (``python:3.11``, ``user:ada``, …) and not removable by hand.
    system: bool = False
