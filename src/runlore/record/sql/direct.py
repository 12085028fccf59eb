"""Direct: rows that are written with a statement each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from runlore.model.change import MetricsLogged
from runlore.record.sql import zones
from runlore.record.sql.intern import SQL, Interned
from runlore.record.sql.kinds import CREATED
from runlore.record.sql.memo import Memo
from runlore.record.sql.metrics import Metrics
from runlore.record.sql.revive import revive
from runlore.record.sql.searchable import Searchable
from runlore.record.sql.tables import Row
from runlore.record.sql.text import pack

_ADD_TASK, _ADD_EVENT, _ADD_VERSION = SQL["add_task"], SQL["add_event"], SQL["add_version"]


class Direct:
    """The `Tables` of a transaction that writes at once; `write_rows` ends it."""

    def __init__(self, cursor: sqlite3.Cursor, memo: Memo) -> None:
        self.cursor = cursor
        self._execute = cursor.execute
        interned = Interned(cursor, memo)
        self.word, self.kind = interned.word, interned.kind
        self.definition, self.artifact = interned.definition, interned.artifact
        self.facts = Searchable(cursor, interned.word)
        self._edges: list[Row] = []
        self._events: list[Row] = []
        self.add_edge, self.add_event = self._edges.append, self._events.append

    def write_rows(self) -> None:
        """Insert the rows that were collected, since inserting them one by one takes longer."""
        if self._edges:
            self.cursor.executemany(SQL["add_edge"], self._edges)
            self._edges.clear()
        if self._events:
            self.cursor.executemany(_ADD_EVENT, self._events)
            self._events.clear()

    # -- runs ----------------------------------------------------------------------------------------------------

    def pipeline(self, name: str) -> Row | None:
        row: Row | None = self._execute(SQL["find_pipeline"], (name,)).fetchone()
        return row

    def add_pipeline(self, name: str, at: int, version: int, fingerprint: bytes) -> int:
        self._execute(SQL["add_pipeline"], (name, version, at, fingerprint))
        return int(self.cursor.lastrowid or 0)

    def count_run(self, name: str, pipeline: int, version: int, number: int, fingerprint: bytes) -> None:
        self._execute(SQL["count_run"], (version, 1, number, fingerprint, pipeline))

    def name_taken(self, name: str) -> bool:
        return self._execute(SQL["run_named"], (name,)).fetchone() is not None

    def add_run(self, row: Row) -> int:
        self._execute(SQL["add_run"], row)
        return int(self.cursor.lastrowid or 0)

    def note_created(self, run: int, at: int) -> None:
        self.cursor.executemany(SQL["widen_zone"], [(*place, at, at) for place in zones.places_of(CREATED, 0, run)])

    def row_of_run(self, seq: int, pipeline: str) -> Row:
        row: Row = self._execute(SQL["written_run"], (pipeline, seq)).fetchone()
        return row

    def describe_run(self, row: Row) -> None:
        self._execute(SQL["describe_run"], row)

    def finish_run(self, row: Row) -> None:
        self._execute(SQL["finish_run"], row)

    def add_lease(self, row: Row) -> None:
        self._execute(SQL["add_lease"], row)

    def holds_lease(self, run: int | None, token: int) -> bool:
        return self._execute(SQL["holds_lease"], (run, token)).fetchone() is not None

    def leave(self, run: int) -> None:
        self._execute(SQL["add_executed"], (run,))
        self._execute(SQL["drop_lease"], (run,))

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def add_steps(self, rows: Sequence[Row]) -> None:
        self.cursor.executemany(SQL["add_step"], rows)

    def unfinished_steps(self, run: int) -> Sequence[tuple[int, int]]:
        return self._execute(SQL["unfinished_steps"], (run,)).fetchall()

    def close_step(self, run: int, index: int, status: int, at: int) -> None:
        self._execute(SQL["close_step"], (status, at, run, index))

    def start_step(self, run: int, index: int, at: int, tasks: int | None) -> bool:
        return self._execute(SQL["start_step"], (at, tasks, run, index)).rowcount > 0

    def finish_step(self, run: int, index: int, row: Row) -> bool:
        return self._execute(SQL["finish_step"], (*row, run, index)).rowcount > 0

    def tasks_of_step(self, run: int, index: int) -> tuple[int | None] | None:
        row: tuple[int | None] | None = self._execute(SQL["step_tasks"], (run, index)).fetchone()
        return row

    def add_task(self, row: Row) -> bool:
        return self._execute(_ADD_TASK, row).rowcount > 0

    def add_lookup(self, row: Row) -> None:
        self._execute(SQL["add_lookup"], row)

    def add_item(self, row: Row) -> None:
        self._execute(SQL["add_item"], row)

    def add_log(self, row: Row) -> None:
        self._execute(SQL["add_log"], row)

    # -- versions ------------------------------------------------------------------------------------------------

    def version_of(self, uid: bytes) -> tuple[int, str] | None:
        row: tuple[int, str] | None = self._execute(SQL["version_of_uid"], (uid,)).fetchone()
        return row

    def has_version(self, seq: int) -> bool:
        row = self._execute(SQL["version_exists"], (seq,)).fetchone()
        if row is not None and row[0]:
            revive(self.cursor, seq)
        return row is not None

    def newest(self, artifact: int) -> tuple[int, int] | None:
        row: tuple[int, int] | None = self._execute(SQL["newest_version"], (artifact,)).fetchone()
        return row

    def label_taken(self, artifact: int, label: str, number: int) -> bool:
        if self._execute(SQL["version_taken"], (artifact, label)).fetchone():
            return True
        return number > 0 and self._execute(SQL["number_taken"], (artifact, number)).fetchone() is not None

    def add_version(self, row: Row) -> int | None:
        added = self._execute(_ADD_VERSION, row)
        return int(self.cursor.lastrowid or 0) if added.rowcount else None

    def add_payload(self, digest: bytes | str, data: bytes) -> None:
        self._execute(SQL["add_payload"], (digest, data))

    def add_picture(self, row: Row) -> None:
        self._execute(SQL["add_picture"], row)

    # -- notes ---------------------------------------------------------------------------------------------------

    def add_entries(self, kind: int, owner: int, step: int, values: Iterable[tuple[str, str]], at: int) -> None:
        rows = [(kind, owner, step, self.word(key), pack(value), at) for key, value in values]
        if rows:
            self.cursor.executemany(SQL["add_entry"], rows)

    def add_tags(self, rows: Sequence[Row]) -> None:
        if rows:
            self.cursor.executemany(SQL["add_tag"], rows)

    def log_metrics(self, run: int, change: MetricsLogged) -> None:
        Metrics(self.cursor, self.word, self.facts).log(run, change)
