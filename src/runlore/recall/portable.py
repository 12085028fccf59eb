"""Portable: a run as a folder, written from one record and read into another (`docs/design/export.md`)."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from runlore.author.reads import note_read
from runlore.errors import ExportInvalid

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run
    from runlore.record.port import Record


def export_run(
    run: Run, path: str | os.PathLike[str], *, artifacts: bool = True, only: Collection[str] | str | None = None
) -> Path:
    """See `Run.export`."""
    from runlore.record.portable.export import Exporter  # not imported by who only reads

    note_read(f"the export of {run.pathspec}")
    place = run._reader.place
    place.complete(run.seq)
    record: Record = place.record
    only = (only,) if isinstance(only, str) else only
    exporter = Exporter(record, place.blobs)
    return exporter.export(record.run(run.seq), run.pathspec, Path(path), artifacts=artifacts, only=only)


def import_run(reader: Reader, path: str | os.PathLike[str]) -> tuple[Run, bool]:
    """The imported run, and False if it was here already; see `Client.import_run`."""
    from runlore.record.portable.importing import Importer  # as above

    folder = Path(path)
    if not folder.is_dir():
        raise ExportInvalid(f"{folder} is no folder, so no exported run. Nothing was imported.")
    place = reader.place
    importer = Importer(
        place.record, place.blobs, inline_limit=place.settings.inline_limit, holding=place.ownership.holding
    )
    noun, new = importer.bring(folder)
    return reader.run(noun), new
