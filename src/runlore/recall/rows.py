"""Rows: what tables show of runs, steps and artifact versions, read for many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from runlore.model import run as runs
from runlore.model.artifact import Version
from runlore.model.metadata import OwnerKind
from runlore.model.noted import Noted
from runlore.recall.config import Parameters
from runlore.recall.decoding import decode_notes
from runlore.record.port import Record

#: Nouns that are looked at together.
PAGE = 500


def rows_of(record: Record, nouns: Iterable[Any], make: Callable[[Any], Any]) -> Iterator[dict[str, Any]]:
    """A row for each of ``nouns``; ``make`` gives the handle of one.

    Runs and versions are read some hundreds at a time, with all that is said about them; other nouns give what their
    handle's ``to_row`` does.
    """
    walking = iter(nouns)
    while page := list(islice(walking, PAGE)):
        if isinstance(page[0], runs.Run):
            page = [noun if noun.status.finished else make(noun)._now() for noun in page]
            noted = record.noted(OwnerKind.RUN, [noun.seq for noun in page])
            yield from (run_row(noun, noted[noun.seq]) for noun in page)
        elif isinstance(page[0], Version):
            noted = record.noted(OwnerKind.VERSION, [noun.seq for noun in page])
            yield from (_version_row(make(noun), noted[noun.seq]) for noun in page)
        else:
            yield from (make(noun).to_row() for noun in page)


def run_row(run: runs.Run, noted: Noted) -> dict[str, Any]:
    """Facts, tags, parameters, metadata and the last values of metrics of a run, by column.

    Metadata and metrics are those of its steps, of several under one name the last step's, and before those its own.
    """
    row: dict[str, Any] = {
        "id": str(run.id),
        "name": run.name,
        "pipeline": run.pipeline,
        "number": run.number,
        "status": str(run.status),
        "created": run.created,
        "duration": run.duration,
        "tags": [tag.name for tag in noted.tags if not tag.system],
    }
    parameters = Parameters(run.parameters, owner=f"{run.pipeline}/{run.number}")
    row.update((f"parameters.{key}", value) for key, value in parameters.shown().items())
    row.update((f"metadata.{key}", value) for key, value in metadata_of(noted).items())
    row.update((f"metrics.{key}", value) for key, value in lasts_of(noted).items())
    return row


def step_rows(record: Record, run: int, steps: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """A row for each step of a run: facts, parameters, metadata and the last values of metrics, by column."""
    noted = record.noted(OwnerKind.RUN, [run])[run]
    for step in steps:
        row = step.to_row()
        row.update((f"parameters.{key}", value) for key, value in step.parameters.shown().items())
        own = [(None, entry) for index, entry in noted.metadata if index == step.index]
        row.update((f"metadata.{entry.key}", decode_notes(entry.value)) for _, entry in own)
        row.update((f"metrics.{one.name}", one.last) for one in noted.metrics if one.step == step.index)
        yield row


def metadata_of(noted: Noted) -> dict[str, Any]:
    """Metadata of a run or version as plain values; see `run_row`."""
    said = [*(one for one in noted.metadata if one[0] is not None), *(one for one in noted.metadata if one[0] is None)]
    return {entry.key: decode_notes(entry.value) for entry in {entry.key: entry for _, entry in said}.values()}


def lasts_of(noted: Noted) -> dict[str, float]:
    """Last values of a run's metrics; see `run_row`."""
    measured = [*(one for one in noted.metrics if one.step is not None), *(m for m in noted.metrics if m.step is None)]
    return {one.name: one.last for one in measured}


def _version_row(version: Any, noted: Noted) -> dict[str, Any]:
    row: dict[str, Any] = version.to_row()
    row["tags"] = [tag.name for tag in noted.tags if not tag.system]
    row.update((f"metadata.{key}", entry.value) for key, entry in version._noted().items())
    row.update((f"metadata.{key}", value) for key, value in metadata_of(noted).items())
    return row
