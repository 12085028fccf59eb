"""Gathered: what a batch writes about runs of its own, kept at hand and inserted many rows at a time.

A statement for each of a run's forty rows costs more than the rows do, and what began and ended within one batch need
not be written twice. So a batch keeps whole rows of the runs that it began, changes them at hand, and inserts them when
somebody reads, when a verb comes that it does not gather, when enough have come together, or when it ends.

Rows are only ever added, and changed after a note of what they were, so that a verb which is refused is undone by
cutting off what it added and putting back what it changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from runlore.model.change import (
    Change,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    RunDescribed,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import OwnerKind
from runlore.model.status import CODES, Status
from runlore.record.facts import fact_number
from runlore.record.sql import zones
from runlore.record.sql.intern import SQL, Interned
from runlore.record.sql.kinds import CREATED, OWN, OWNER_KINDS
from runlore.record.sql.memo import Memo
from runlore.record.sql.metrics import Metrics
from runlore.record.sql.revive import revive
from runlore.record.sql.searchable import Searchable
from runlore.record.sql.tables import Row
from runlore.record.sql.text import pack

#: Rows that are kept at hand before they are inserted: some 40 MB.
ENOUGH = 150000
#: Bytes of payloads that are kept at hand.
ENOUGH_BYTES = 8_000_000

_ALWAYS = frozenset((StepsPlanned, StepStarted, TaskFinished, RunFinished, LogWritten, MetricsLogged, VersionSaved))
_FROM_RUN = (OwnerKind.RUN, OwnerKind.STEP)
_RUN = OWNER_KINDS.index(OwnerKind.RUN)
_PENDING, _RUNNING = CODES.index(Status.PENDING), CODES.index(Status.RUNNING)
_COMPLETED = CODES.index(Status.COMPLETED)

#: (key as text, step) → a row of ``fact``, of one owner.
Facts = dict[tuple[str, int], Row]


class Gathering:
    """What waits to be inserted in a batch: the `Tables` of the verbs that need nothing else.

    Only the thread that has the batch may use it.
    """

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._reader: sqlite3.Cursor | None = None
        self.facts = GatheredFacts(self)
        self._empty()

    def _empty(self) -> None:
        self._size = 0
        #: What was changed since the verb began, and what it was: put back last to first.
        self.undo: list[tuple[Any, Any, Any]] = []
        self._marks: list[int] = []
        # Rows, by table. A dict is keyed by what the table is; lists are in the order of writing.
        self._runs: dict[int, list[Any]] = {}
        self._names: dict[str, int] = {}
        self._leases: dict[int, list[Any]] = {}
        self._steps: dict[int, dict[int, list[Any]]] = {}
        self._executed: list[Row] = []
        self._tasks: dict[tuple[int, int, int, int], Row] = {}
        self._versions: dict[bytes, Row] = {}
        self._texts: dict[tuple[int, str], int] = {}
        self._payloads: dict[bytes | str, bytes] = {}
        self._edges: list[Row] = []
        self._events: list[Row] = []
        self._entries: list[Row] = []
        self._tags: list[Row] = []
        self._lookups: list[Row] = []
        self._items: list[Row] = []
        self._pictures: list[Row] = []
        self._logs: list[Row] = []
        #: (run, what it measured), summed up where the rows are.
        self._measured: list[tuple[int, MetricsLogged]] = []
        self.owned: dict[tuple[int, int], Facts] = {}
        self._added: tuple[Any, ...] = (
            *(self._runs, self._names, self._leases, self._steps, self._executed, self._tasks, self._versions),
            *(self._texts, self._payloads, self._edges, self._events, self._entries, self._tags, self._lookups),
            *(self._items, self._logs, self._measured, self._pictures, self.owned),
        )
        # Changed in place, and noted in `undo` before.
        self._pipelines: dict[str, tuple[int, int, int, bytes, int]] = {}
        #: Number and count of the newest version, by artifact.
        self._newest: dict[int, tuple[int, int]] = {}
        #: Keys that a run noted itself.
        self.told: dict[int, frozenset[str]] = {}
        #: Seq of the newest run and version, counted on from here, once they are known.
        self._last = {"run": -1, "version": -1}
        self._first_version = 0
        self.add_edge, self.add_event = self._edges.append, self._events.append
        self.add_lookup, self.add_item, self.add_log = self._lookups.append, self._items.append, self._logs.append
        self.add_picture = self._pictures.append

    # -- verbs ---------------------------------------------------------------------------------------------------

    def gathers(self, run: int | None, changes: Sequence[Change]) -> bool:
        """Whether nothing in the tables is needed to apply these changes, or changed by them."""
        if run is not None and run not in self._runs:
            return False
        for change in changes:
            if type(change) in _ALWAYS:
                continue
            if isinstance(change, StepFinished):
                if change.origin is not None:  # brings what another run noted, which the tables know
                    return False
                continue
            if isinstance(change, MetadataSet):
                fine = self._is_new(change.owner.kind, change.owner.seq)
            elif isinstance(change, TagsChanged):
                fine = not change.remove
            else:
                fine = isinstance(change, RunDescribed) and change.run in self._runs
            if not fine:
                return False
        return True

    def _is_new(self, kind: OwnerKind, seq: int) -> bool:
        if kind in _FROM_RUN:
            return seq in self._runs
        if kind is OwnerKind.VERSION:
            return self._first_version < seq <= self._last["version"]
        return True

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """A verb begins. ``cursor`` is for the few rows that cannot wait."""
        self.cursor = cursor
        if self._reader is None:
            self._reader = cursor.connection.cursor()
            self._read = self._reader.execute
        if self._last["run"] < 0:
            self._last["run"] = int(self._read(SQL["last_run"]).fetchone()[0])
            self._last["version"] = self._first_version = int(self._read(SQL["last_version"]).fetchone()[0])
        interned = Interned(cursor, self._memo)
        self.word, self.kind = interned.word, interned.kind
        self.definition, self.artifact = interned.definition, interned.artifact
        self.undo.clear()
        self.undo.append((self._last, None, dict(self._last)))
        self._marks = [len(rows) for rows in self._added]

    def refuse(self) -> None:
        """Take back what the verb at hand did."""
        for rows, key, old in reversed(self.undo):
            if key is not None and old is None:
                rows.pop(key, None)
            elif key is not None:
                rows[key] = old
            elif isinstance(rows, list):
                rows[:] = old
            else:
                rows.clear()
                rows.update(old)
        for rows, mark in zip(self._added, self._marks, strict=False):
            if isinstance(rows, list):
                del rows[mark:]
            else:
                while len(rows) > mark:
                    rows.popitem()

    def is_enough(self) -> bool:
        """Whether so much waits that it should be written."""
        return self._size >= ENOUGH

    def forget(self) -> None:
        """Give up what waits."""
        self._empty()

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Insert everything that waits."""

        def put(statement: str, values: Sequence[Any]) -> None:
            if values:
                cursor.executemany(SQL[statement], values)

        counted = self._pipelines.values()
        put("count_run", [(version, added, number, code, id) for id, version, number, code, added in counted])
        put("put_run", list(self._runs.values()))
        put("add_lease", [row for row in self._leases.values() if row])
        put("put_step", [step for steps in self._steps.values() for step in steps.values()])
        put("put_executed", self._executed)
        put("add_task", list(self._tasks.values()))
        put("put_version", list(self._versions.values()))
        # in the order of the digests, so that a page of them is looked for once
        put("add_payload", sorted(self._payloads.items(), key=_place_of_payload))
        put("add_picture", self._pictures)
        put("add_edge", self._edges)
        put("add_lookup", self._lookups)
        put("add_item", self._items)
        put("add_entry", self._entries)
        put("add_tag", self._tags)
        put("add_log", self._logs)
        put("add_event", self._events)
        facts = [row for owned in self.owned.values() for row in owned.values()]
        put("set_fact", facts)
        created = [(CREATED, run[0], 0, 0, run[7], None) for run in self._runs.values()]
        put("widen_zone", [(*place, *bounds) for place, bounds in zones.bounds_of(facts + created).items()])
        if self._measured:
            word = Interned(cursor, self._memo).word
            metrics = Metrics(cursor, word, Searchable(cursor, word))
            for run, change in self._measured:
                metrics.log(run, change)
        self._empty()

    # -- runs ----------------------------------------------------------------------------------------------------

    def pipeline(self, name: str) -> Row | None:
        known = self._pipelines.get(name)
        if known is not None:
            return known[:4]
        row: Row | None = self._read(SQL["find_pipeline"], (name,)).fetchone()
        return row

    def add_pipeline(self, name: str, at: int, version: int, fingerprint: bytes) -> int:
        self.cursor.execute(SQL["add_pipeline"], (name, version, at, fingerprint))
        return int(self.cursor.lastrowid or 0)

    def count_run(self, name: str, pipeline: int, version: int, number: int, fingerprint: bytes) -> None:
        known = self._pipelines.get(name)
        self.undo.append((self._pipelines, name, known))
        added = 1 if known is None else known[4] + 1
        self._pipelines[name] = (pipeline, version, number, fingerprint, added)

    def name_taken(self, name: str) -> bool:
        return name in self._names or self._read(SQL["run_named"], (name,)).fetchone() is not None

    def add_run(self, row: Row) -> int:
        self._last["run"] = seq = self._last["run"] + 1
        self._runs[seq] = [seq, *row[:5], _RUNNING, row[5], None, None, *row[6:], None, "{}"]
        self._names[row[4]] = seq
        self._steps[seq] = {}
        self._size += 40
        return seq

    def note_created(self, run: int, at: int) -> None:
        """Nothing: `write` knows from the row."""

    def row_of_run(self, seq: int, pipeline: str) -> Row:
        row = self._runs[seq]
        return (*row[:2], pipeline, *row[3:10], *row[11:])

    def _changed(self, row: list[Any]) -> list[Any]:
        self.undo.append((row, None, row[:]))
        return row

    def describe_run(self, row: Row) -> None:
        environment, code, git_commit, config, seq = row
        run = self._changed(self._runs[seq])
        for column, value in ((13, environment), (14, code), (17, git_commit), (12, config)):
            if value is not None:
                run[column] = value

    def finish_run(self, row: Row) -> None:
        status, ended, duration, failure, outputs, seq = row
        run = self._changed(self._runs[seq])
        run[6], run[8], run[9], run[20], run[21] = status, ended, duration, failure, outputs

    def add_lease(self, row: Row) -> None:
        self._leases[row[0]] = [*row]

    def holds_lease(self, run: int | None, token: int) -> bool:
        lease = None if run is None else self._leases.get(run)
        return bool(lease) and lease is not None and lease[1] == token

    def leave(self, run: int) -> None:
        pipeline = self._runs[run][2]
        self._executed += [
            (pipeline, step[2], run, index)
            for index, step in self._steps[run].items()
            if step[4] == _COMPLETED and step[10] is None
        ]
        self._changed(self._leases[run]).clear()

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def add_steps(self, rows: Sequence[Row]) -> None:
        steps = self._steps[rows[0][0]] if rows else {}
        for run, index, name, definition, parameters, upstream, tasks, config in rows:
            if index not in steps:
                self.undo.append((steps, index, None))
                head = [run, index, name, definition, _PENDING, None, None, None]
                steps[index] = [*head, parameters, upstream, None, None, tasks, config, None]

    def unfinished_steps(self, run: int) -> Sequence[tuple[int, int]]:
        return sorted((index, step[4]) for index, step in self._steps[run].items() if step[4] <= _RUNNING)

    def close_step(self, run: int, index: int, status: int, at: int) -> None:
        step = self._changed(self._steps[run][index])
        step[4], step[6] = status, at

    def start_step(self, run: int, index: int, at: int, tasks: int | None) -> bool:
        step = self._steps[run].get(index)
        if step is None or step[4] != _PENDING:
            return False
        self._changed(step)
        step[4], step[5] = _RUNNING, at
        if tasks is not None:
            step[12] = tasks
        return True

    def finish_step(self, run: int, index: int, row: Row) -> bool:
        step = self._steps[run].get(index)
        if step is None or step[4] > _RUNNING:
            return False
        self._changed(step)
        step[4], step[6], step[7], step[10], step[11], step[14] = row
        return True

    def tasks_of_step(self, run: int, index: int) -> tuple[int | None] | None:
        step = self._steps[run].get(index)
        return None if step is None else (step[12],)

    def add_task(self, row: Row) -> bool:
        key = row[:4]
        if key in self._tasks:
            return False
        self._tasks[key] = row
        self._size += 2
        return True

    # -- versions ------------------------------------------------------------------------------------------------

    def version_of(self, uid: bytes) -> tuple[int, str] | None:
        row = self._versions.get(uid)
        if row is not None:
            return row[0], row[5] or str(row[3])
        found: tuple[int, str] | None = self._read(SQL["version_of_uid"], (uid,)).fetchone()
        return found

    def has_version(self, seq: int) -> bool:
        if seq > self._first_version:
            return seq <= self._last["version"]
        row = self._read(SQL["version_exists"], (seq,)).fetchone()
        if row is not None and row[0]:
            revive(self.cursor, seq)
        return row is not None

    def newest(self, artifact: int) -> tuple[int, int] | None:
        known = self._newest.get(artifact)
        return known or self._read(SQL["newest_version"], (artifact,)).fetchone()

    def label_taken(self, artifact: int, label: str, number: int) -> bool:
        if (artifact, label) in self._texts or self._read(SQL["version_taken"], (artifact, label)).fetchone():
            return True
        return number > 0 and self._read(SQL["number_taken"], (artifact, number)).fetchone() is not None

    def add_version(self, row: Row) -> int | None:
        uid, artifact, number, nth, label = row[:5]
        if self.version_of(uid) is not None:
            return None
        self._last["version"] = seq = self._last["version"] + 1
        self._versions[uid] = (seq, *row)
        self.undo.append((self._newest, artifact, self._newest.get(artifact)))
        self._newest[artifact] = (number, nth)
        self._texts[artifact, label or str(number)] = seq
        self._size += 2
        return seq

    def add_payload(self, digest: bytes | str, data: bytes) -> None:
        if digest not in self._payloads:
            self._payloads[digest] = data
            self._size += len(data) * ENOUGH // ENOUGH_BYTES

    # -- notes ---------------------------------------------------------------------------------------------------

    def add_entries(self, kind: int, owner: int, step: int, values: Iterable[tuple[str, str]], at: int) -> None:
        for key, value in values:
            self._entries.append((kind, owner, step, self.word(key), pack(value), at))
            self._size += 1
            if kind == _RUN:
                told = self.told.get(owner)
                self.undo.append((self.told, owner, told))
                self.told[owner] = frozenset((key,)) if told is None else told | {key}

    def add_tags(self, rows: Sequence[Row]) -> None:
        self._tags += rows

    def log_metrics(self, run: int, change: MetricsLogged) -> None:
        self._measured.append((run, change))
        self._size += 5 * len(change.series)


def _place_of_payload(item: tuple[bytes | str, bytes]) -> bytes:
    return item[0] if isinstance(item[0], bytes) else item[0].encode()


class GatheredFacts:
    """Facts of owners that came with the batch; see `runlore.record.sql.searchable` for what they mean."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    def _owned(self, kind: int, owner: int) -> Facts:
        """The owner's facts, to be changed."""
        owned = self._gathering.owned.get((kind, owner))
        if owned is None:
            owned = self._gathering.owned[kind, owner] = {}
        else:
            self._gathering.undo.append((owned, None, dict(owned)))
        return owned

    def set(self, kind: int, owner: int, facts: Iterable[tuple[str, object]], step: int = OWN) -> None:
        if facts:
            owned, word = self._owned(kind, owner), self._gathering.word
            for key, value in facts:
                text = pack(value) if isinstance(value, str) else None
                owned[key, step] = (kind, owner, word(key), step, fact_number(value), text)

    def note(
        self, kind: int, owner: int, keys: Sequence[str], facts: Sequence[tuple[str, object]], step: int = OWN
    ) -> None:
        owned = self._owned(kind, owner)
        for key, noted in list(owned):
            if step in (OWN, noted) and any(key == above or key.startswith(above + ".") for above in keys):
                del owned[key, noted]
        told = self._gathering.told.get(owner)
        if step != OWN and told:
            facts = [(key, value) for key, value in facts if not told.intersection(_and_above(key))]
        self.set(kind, owner, facts, step)

    def take_over(self, run: int, step: int, origin: tuple[int, int]) -> None:
        raise NotImplementedError("what is taken over is never gathered")


def _and_above(key: str) -> list[str]:
    """A key, and what it would be a member of."""
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
