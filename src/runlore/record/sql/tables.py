"""Tables: what the verbs of a writer ask of the rows of a record.

`runlore.record.sql.direct` answers with a statement each, `runlore.record.sql.gathered` with rows that are written
later, many at a time. What a verb means stands in neither: both are asked the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from runlore.model.artifact import Content
from runlore.model.change import MetricsLogged
from runlore.record.sql.kinds import OWN

#: Values of one row, in the order of the statement or table that takes them.
Row = tuple[Any, ...]


class Facts(Protocol):
    """Searchable values; see `runlore.record.sql.searchable.Searchable`."""

    def set(self, kind: int, owner: int, facts: Iterable[tuple[str, object]], step: int = OWN) -> None: ...

    def note(
        self, kind: int, owner: int, keys: Sequence[str], facts: Sequence[tuple[str, object]], step: int = OWN
    ) -> None: ...

    def take_over(self, run: int, step: int, origin: tuple[int, int]) -> None: ...


class Tables(Protocol):
    """Rows within one transaction. ``bool`` answers tell whether a row was there to change, or was new."""

    #: For what is never gathered: reading, and verbs that write at once.
    cursor: sqlite3.Cursor

    @property
    def facts(self) -> Facts: ...

    # -- interned rows -------------------------------------------------------------------------------------------

    def word(self, text: str) -> int: ...
    def kind(self, content: Content) -> int: ...
    def definition(self, digest: bytes, body: str) -> int: ...
    def artifact(self, name: str, at: int) -> int: ...

    # -- runs ----------------------------------------------------------------------------------------------------

    def pipeline(self, name: str) -> Row | None:
        """Id, version, last number and fingerprint."""

    def add_pipeline(self, name: str, at: int, version: int, fingerprint: bytes) -> int: ...
    def count_run(self, name: str, pipeline: int, version: int, number: int, fingerprint: bytes) -> None: ...
    def name_taken(self, name: str) -> bool: ...

    def add_run(self, row: Row) -> int:
        """Add a running run; return its seq."""

    def note_created(self, run: int, at: int) -> None:
        """Let ranges over the times of runs find this one."""

    def row_of_run(self, seq: int, pipeline: str) -> Row:
        """The columns of ``run_columns`` in `read.sql`, of a run of this pipeline."""

    def describe_run(self, row: Row) -> None: ...
    def finish_run(self, row: Row) -> None: ...
    def add_lease(self, row: Row) -> None: ...
    def holds_lease(self, run: int | None, token: int) -> bool: ...

    def leave(self, run: int) -> None:
        """Note which steps were executed, and drop the lease."""

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def add_steps(self, rows: Sequence[Row]) -> None: ...

    def unfinished_steps(self, run: int) -> Sequence[tuple[int, int]]:
        """Index and status of each."""

    def close_step(self, run: int, index: int, status: int, at: int) -> None: ...
    def start_step(self, run: int, index: int, at: int, tasks: int | None) -> bool: ...
    def finish_step(self, run: int, index: int, row: Row) -> bool: ...

    def tasks_of_step(self, run: int, index: int) -> tuple[int | None] | None:
        """The step's number of tasks; ``None`` without such a step."""

    def add_task(self, row: Row) -> bool: ...
    def add_edge(self, row: Row) -> None: ...
    def add_lookup(self, row: Row) -> None: ...
    def add_item(self, row: Row) -> None: ...
    def add_event(self, row: Row) -> None: ...
    def add_log(self, row: Row) -> None: ...

    # -- versions ------------------------------------------------------------------------------------------------

    def version_of(self, uid: bytes) -> tuple[int, str] | None:
        """Seq and text of a version."""

    def has_version(self, seq: int) -> bool:
        """Whether the version is there, to be used: a mark that pruning put on it is taken away."""

    def newest(self, artifact: int) -> tuple[int, int] | None:
        """Number and count of the artifact's newest version."""

    def label_taken(self, artifact: int, label: str, number: int) -> bool:
        """Whether a version is called so; ``number`` is the label as a number, or 0."""

    def add_version(self, row: Row) -> int | None:
        """Add a version; return its seq, or ``None`` where its id is there already."""

    def add_payload(self, digest: bytes | str, data: bytes) -> None: ...
    def add_picture(self, row: Row) -> None: ...

    # -- notes ---------------------------------------------------------------------------------------------------

    def add_entries(self, kind: int, owner: int, step: int, values: Iterable[tuple[str, str]], at: int) -> None: ...
    def add_tags(self, rows: Sequence[Row]) -> None: ...
    def log_metrics(self, run: int, change: MetricsLogged) -> None: ...
