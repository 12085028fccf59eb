"""Noted: all that is said about a run and its steps, or about a version, as it is read for many of them at once."""

from __future__ import annotations

from runlore.model.metadata import Entry, Tag
from runlore.model.metric import Metric
from runlore.model.noun import noun


@noun
class Noted:
    """What is said about one run or version."""

    tags: tuple[Tag, ...] = ()
    #: Current values with the index of the step that noted them, or ``None`` for its own: first its own, then those of
    #: the steps in order, where a step that took its result over has what its origin noted as well.
    metadata: tuple[tuple[int | None, Entry], ...] = ()
    #: Of a run, as `Record.metrics` gives them.
    metrics: tuple[Metric, ...] = ()
