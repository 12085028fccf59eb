"""Metadata and tags: what people note about runs, steps and artifact versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OwnerKind(StrEnum):
    """What carries metadata or tags."""

    PIPELINE = "pipeline"
    RUN = "run"
    STEP = "step"
    ARTIFACT = "artifact"
    VERSION = "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One thing that carries metadata or tags."""

    kind: OwnerKind
    #: `Run.seq`, `Pipeline.id`, `Artifact.id` or `Version.seq`; for a step, its run's seq.
    seq: int
    #: A step's index; 0 otherwise.
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One metadata value as it was written."""

    key: str
    #: Typed JSON (`docs/design/codec.md`).
    value: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A label on many things."""

    name: str
    #: Set by runlore (``python:3.11``, ``user:ada``, …) and not removable by hand.
    system: bool = False
