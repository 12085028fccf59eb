"""Gathered: what a batch writes about runs of its own, kept at hand and inserted many rows at a time.

A statement for each of a run's forty rows costs more than the rows do, and what began and ended within one batch need not
be written twice. So a batch keeps whole rows of the runs that it began, changes them at hand, and inserts them when
somebody reads, when a verb comes that it does not gather, when enough have come together, or when it ends.

`Gathering` holds what the verbs of a batch have left; a `Part` holds what the verb at work adds, which is thrown away
when the verb is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from runlore.model.change import (
    Change,
    LogWritten,
    MetadataSet,
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
from runlore.record.sql.kinds import OWN, OWNER_KINDS
from runlore.record.sql.memo import Memo
from runlore.record.sql.tables import Row
from runlore.record.sql.text import pack

#: Rows that are kept at hand before they are inserted: some 40 MB.
ENOUGH = 150_000
#: Bytes of payloads that are kept at hand.
ENOUGH_BYTES = 8_000_000

_ALWAYS = (StepsPlanned, StepStarted, TaskFinished, StepFinished, RunFinished, LogWritten, VersionSaved)
_FROM_RUN = (OwnerKind.RUN, OwnerKind.STEP)
_RUN = OWNER_KINDS.index(OwnerKind.RUN)
_PENDING, _RUNNING = CODES.index(Status.PENDING), CODES.index(Status.RUNNING)
_COMPLETED = CODES.index(Status.COMPLETED)

#: (key as text, step) → a row of ``fact``, of one owner.
_Facts = dict[tuple[str, int], Row]


class _Rows:
    """Rows that wait, by table. A dict is keyed by what the table is; lists are in the order of writing."""

    def __init__(self) -> None:
        self.pipelines: dict[str, tuple[int, int, int, bytes, int]] = {}
        self.runs: dict[int, list[Any]] = {}
        self.names: set[str] = set()
        #: ``None`` stands for one that was dropped.
        self.leases: dict[int, Row | None] = {}
        self.steps: dict[int, dict[int, list[Any]]] = {}
        self.executed: list[Row] = []
        self.tasks: dict[tuple[int, int, int, int], Row] = {}
        self.versions: dict[bytes, Row] = {}
        #: Number and count of the newest version, by artifact.
        self.newest: dict[int, tuple[int, int]] = {}
        self.texts: set[tuple[int, str]] = set()
        self.payloads: dict[bytes | str, bytes] = {}
        self.facts: dict[tuple[int, int], _Facts] = {}
        #: Keys that a run noted itself.
        self.told: dict[int, set[str]] = {}
        self.edges: list[Row] = []
        self.events: list[Row] = []
        self.entries: list[Row] = []
        self.tags: list[Row] = []
        self.lookups: list[Row] = []
        self.items: list[Row] = []
        self.logs: list[Row] = []

    def absorb(self, later: _Rows) -> None:
        """Take in what was written later."""
        for name, rows in later.__dict__.items():
            if rows:
                mine = getattr(self, name)
                if isinstance(rows, list):
                    mine.extend(rows)
                else:
                    mine.update(rows)


class Gathering:
    """What waits to be inserted in a batch. Only the thread that has the batch may use it."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self.rows = _Rows()
        self._size = 0
        #: Seq of the newest run and version, counted on from here, once they are known.
        self.last_run: int | None = None
        self.last_version: int | None = None
        self.first_version = 0

    def gathers(self, run: int | None, changes: Sequence[Change]) -> bool:
        """Whether nothing in the tables is needed to apply these changes, or changed by them."""
        runs = self.rows.runs
        if run is not None and run not in runs:
            return False
        for change in changes:
            if isinstance(change, _ALWAYS):
                continue
            if isinstance(change, MetadataSet):
                fine = self._is_new(change.owner.kind, change.owner.seq)
            elif isinstance(change, TagsChanged):
                fine = not change.remove
            else:
                fine = isinstance(change, RunDescribed) and change.run in runs
            if not fine:
                return False
        return True

    def _is_new(self, kind: OwnerKind, seq: int) -> bool:
        if kind in _FROM_RUN:
            return seq in self.rows.runs
        if kind is OwnerKind.VERSION:
            return self.last_version is not None and self.first_version < seq <= self.last_version
        return True

    def part(self, cursor: sqlite3.Cursor, reader: sqlite3.Cursor) -> Part:
        """What the next verb adds. ``cursor`` is for the few rows that cannot wait, ``reader`` only reads."""
        if self.last_run is None or self.last_version is None:
            self.last_run = int(reader.execute(SQL["last_run"]).fetchone()[0])
            self.last_version = self.first_version = int(reader.execute(SQL["last_version"]).fetchone()[0])
        return Part(self, cursor, reader, self._memo)

    def keep(self, part: Part) -> bool:
        """Take in what a verb has written; tell whether enough has come together."""
        self.last_run, self.last_version = part.last_run, part.last_version
        self.rows.absorb(part.rows)
        self._size += part.size
        return self._size >= ENOUGH

    def forget(self) -> None:
        """Give up what waits."""
        self.rows, self._size = _Rows(), 0
        self.last_run = self.last_version = None

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Insert everything that waits."""
        rows = self.rows
        self.forget()
        many = cursor.executemany

        def put(statement: str, values: Sequence[Any]) -> None:
            if values:
                many(SQL[statement], values)

        counted = rows.pipelines.values()
        put("count_run", [(version, added, number, code, id) for id, version, number, code, added in counted])
        put("put_run", list(rows.runs.values()))
        put("add_lease", [row for row in rows.leases.values() if row is not None])
        put("put_step", [step for steps in rows.steps.values() for step in steps.values()])
        put("put_executed", rows.executed)
        put("add_task", list(rows.tasks.values()))
        put("put_version", list(rows.versions.values()))
        # in the order of the digests, so that a page of them is looked for once
        put("add_payload", sorted(rows.payloads.items(), key=_place_of_payload))
        put("add_edge", rows.edges)
        put("add_lookup", rows.lookups)
        put("add_item", rows.items)
        put("add_entry", rows.entries)
        put("add_tag", rows.tags)
        put("add_log", rows.logs)
        put("add_event", rows.events)
        facts = [row for owned in rows.facts.values() for row in owned.values()]
        put("set_fact", facts)
        put("widen_zone", [(*place, *bounds) for place, bounds in zones.bounds_of(facts).items()])


def _place_of_payload(item: tuple[bytes | str, bytes]) -> bytes:
    return item[0] if isinstance(item[0], bytes) else item[0].encode()


class Part:
    """The `Tables` of one verb within a batch: rows of its own before those that wait, and those before the file's."""

    def __init__(self, gathering: Gathering, cursor: sqlite3.Cursor, reader: sqlite3.Cursor, memo: Memo) -> None:
        self.cursor = cursor
        self.rows = rows = _Rows()
        self._waiting = gathering.rows
        self._read = reader.execute
        self.size = 0
        self.last_run: int = gathering.last_run or 0
        self.last_version: int = gathering.last_version or 0
        self._first_version = gathering.first_version
        interned = Interned(cursor, memo)
        self.word, self.kind = interned.word, interned.kind
        self.definition, self.artifact = interned.definition, interned.artifact
        self.facts = GatheredFacts(rows, self._waiting, interned.word)
        self.add_edge, self.add_event = rows.edges.append, rows.events.append
        self.add_lookup, self.add_item, self.add_log = rows.lookups.append, rows.items.append, rows.logs.append

    # -- runs ----------------------------------------------------------------------------------------------------

    def pipeline(self, name: str) -> Row | None:
        known = self.rows.pipelines.get(name) or self._waiting.pipelines.get(name)
        if known is not None:
            return known[:4]
        row: Row | None = self._read(SQL["find_pipeline"], (name,)).fetchone()
        return row

    def add_pipeline(self, name: str, at: int, fingerprint: bytes) -> int:
        self.cursor.execute(SQL["add_pipeline"], (name, at, fingerprint))
        return int(self.cursor.lastrowid or 0)

    def count_run(self, name: str, pipeline: int, version: int, number: int, fingerprint: bytes) -> None:
        known = self.rows.pipelines.get(name) or self._waiting.pipelines.get(name)
        added = 1 if known is None else known[4] + 1
        self.rows.pipelines[name] = (pipeline, version, number, fingerprint, added)

    def name_taken(self, name: str) -> bool:
        if name in self._waiting.names or name in self.rows.names:
            return True
        return self._read(SQL["run_named"], (name,)).fetchone() is not None

    def add_run(self, row: Row) -> int:
        self.last_run = seq = self.last_run + 1
        uid, pipeline, version, number, name, created, definition, *rest = row
        head = [seq, uid, pipeline, version, number, name, _RUNNING, created, None, None, definition]
        self.rows.runs[seq] = [*head, *rest, None, "{}"]
        self.rows.names.add(name)
        self.size += 40
        return seq

    def row_of_run(self, seq: int, pipeline: str) -> Row:
        """A run's row as reading it would give it (`rows.to_run`)."""
        row = self._run(seq)
        return (*row[:2], pipeline, *row[3:10], *row[11:])

    def _run(self, seq: int) -> list[Any]:
        """The run's row, to be changed."""
        row = self.rows.runs.get(seq)
        if row is None:
            row = self.rows.runs[seq] = list(self._waiting.runs[seq])
        return row

    def describe_run(self, row: Row) -> None:
        environment, code, git_commit, config, seq = row
        run = self._run(seq)
        for column, value in ((13, environment), (14, code), (17, git_commit), (12, config)):
            if value is not None:
                run[column] = value

    def finish_run(self, row: Row) -> None:
        status, ended, duration, failure, outputs, seq = row
        run = self._run(seq)
        run[6], run[8], run[9], run[20], run[21] = status, ended, duration, failure, outputs

    def add_lease(self, row: Row) -> None:
        self.rows.leases[row[0]] = row

    def holds_lease(self, run: int | None, token: int) -> bool:
        if run is None:
            return False
        lease = self.rows.leases[run] if run in self.rows.leases else self._waiting.leases.get(run)
        return lease is not None and lease[1] == token

    def leave(self, run: int) -> None:
        pipeline = self._run(run)[2]
        self.rows.executed += [
            (pipeline, step[2], run, step[1])
            for step in self._steps(run).values()
            if step[4] == _COMPLETED and step[10] is None
        ]
        self.rows.leases[run] = None

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def _steps(self, run: int) -> dict[int, list[Any]]:
        """The run's steps by index, to be changed."""
        steps = self.rows.steps.get(run)
        if steps is None:
            waiting = self._waiting.steps.get(run, {})
            steps = self.rows.steps[run] = {index: list(step) for index, step in waiting.items()}
        return steps

    def add_steps(self, rows: Sequence[Row]) -> None:
        for run, index, name, definition, parameters, upstream, tasks, config in rows:
            head = [run, index, name, definition, _PENDING, None, None, None]
            self._steps(run).setdefault(index, [*head, parameters, upstream, None, None, tasks, config, None])

    def unfinished_steps(self, run: int) -> Sequence[tuple[int, int]]:
        return sorted((step[1], step[4]) for step in self._steps(run).values() if step[4] <= _RUNNING)

    def close_step(self, run: int, index: int, status: int, at: int) -> None:
        step = self._steps(run)[index]
        step[4], step[6] = status, at

    def start_step(self, run: int, index: int, at: int, tasks: int | None) -> bool:
        step = self._steps(run).get(index)
        if step is None or step[4] != _PENDING:
            return False
        step[4], step[5] = _RUNNING, at
        if tasks is not None:
            step[12] = tasks
        return True

    def finish_step(self, run: int, index: int, row: Row) -> bool:
        step = self._steps(run).get(index)
        if step is None or step[4] > _RUNNING:
            return False
        step[4], step[6], step[7], step[10], step[11], step[14] = row
        return True

    def tasks_of_step(self, run: int, index: int) -> tuple[int | None] | None:
        step = self._steps(run).get(index)
        return None if step is None else (step[12],)

    def add_task(self, row: Row) -> bool:
        key = row[:4]
        if key in self._waiting.tasks or key in self.rows.tasks:
            return False
        self.rows.tasks[key] = row
        self.size += 2
        return True

    # -- versions ------------------------------------------------------------------------------------------------

    def version_of(self, uid: bytes) -> tuple[int, str] | None:
        row: Row | None = self.rows.versions.get(uid) or self._waiting.versions.get(uid)
        if row is not None:
            return row[0], row[5] or str(row[3])
        return self._read(SQL["version_of_uid"], (uid,)).fetchone()

    def has_version(self, seq: int) -> bool:
        if seq > self._first_version:
            return seq <= self.last_version
        return self._read(SQL["version_exists"], (seq,)).fetchone() is not None

    def newest(self, artifact: int) -> tuple[int, int] | None:
        known = self.rows.newest.get(artifact) or self._waiting.newest.get(artifact)
        return known or self._read(SQL["newest_version"], (artifact,)).fetchone()

    def label_taken(self, artifact: int, label: str, number: int) -> bool:
        if (artifact, label) in self._waiting.texts or (artifact, label) in self.rows.texts:
            return True
        if self._read(SQL["version_taken"], (artifact, label)).fetchone():
            return True
        return number > 0 and self._read(SQL["number_taken"], (artifact, number)).fetchone() is not None

    def add_version(self, row: Row) -> int | None:
        uid, artifact, number, nth, label = row[:5]
        if self.version_of(uid) is not None:
            return None
        self.last_version = seq = self.last_version + 1
        self.rows.versions[uid] = (seq, *row)
        self.rows.newest[artifact] = (number, nth)
        self.rows.texts.add((artifact, label or str(number)))
        self.size += 2
        return seq

    def add_payload(self, digest: bytes | str, data: bytes) -> None:
        self.rows.payloads[digest] = data
        self.size += len(data) * ENOUGH // ENOUGH_BYTES

    # -- notes ---------------------------------------------------------------------------------------------------

    def add_entries(self, kind: int, owner: int, step: int, values: Iterable[tuple[str, str]], at: int) -> None:
        for key, value in values:
            self.rows.entries.append((kind, owner, step, self.word(key), pack(value), at))
            if kind == _RUN:
                if owner not in self.rows.told:
                    self.rows.told[owner] = set(self._waiting.told.get(owner, ()))
                self.rows.told[owner].add(key)
            self.size += 1

    def add_tags(self, rows: Sequence[Row]) -> None:
        self.rows.tags += rows


class GatheredFacts:
    """Facts of owners that came with the batch; see `runlore.record.sql.searchable` for what they mean."""

    def __init__(self, rows: _Rows, waiting: _Rows, word: Any) -> None:
        self._rows = rows
        self._waiting = waiting
        self._word = word

    def _owned(self, kind: int, owner: int) -> _Facts:
        """The owner's facts, to be changed."""
        facts = self._rows.facts.get((kind, owner))
        if facts is None:
            facts = self._rows.facts[kind, owner] = dict(self._waiting.facts.get((kind, owner), ()))
        return facts

    def set(self, kind: int, owner: int, facts: Iterable[tuple[str, object]], step: int = OWN) -> None:
        if facts:
            owned = self._owned(kind, owner)
            for key, value in facts:
                text = pack(value) if isinstance(value, str) else None
                owned[key, step] = (kind, owner, self._word(key), step, fact_number(value), text)

    def note(
        self, kind: int, owner: int, keys: Sequence[str], facts: Sequence[tuple[str, object]], step: int = OWN
    ) -> None:
        owned = self._owned(kind, owner)
        for key, noted in list(owned):
            if step in (OWN, noted) and any(key == above or key.startswith(above + ".") for above in keys):
                del owned[key, noted]
        if step != OWN:
            told = self._rows.told.get(owner) or self._waiting.told.get(owner)
            if told:
                facts = [(key, value) for key, value in facts if not told.intersection(_and_above(key))]
        self.set(kind, owner, facts, step)


def _and_above(key: str) -> list[str]:
    """A key, and what it would be a member of."""
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


