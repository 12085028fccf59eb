"""Prune: the part of a SQLite record that lets go of what nothing refers to (``docs/design/blobs.md``, "Pruning")."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from runlore.model.artifact import SaveType
from runlore.model.pruning import PARTS, Prunable, Pruning, Since, Unused
from runlore.record.sql import rows
from runlore.record.sql.connection import Connection
from runlore.record.sql.references import CONDEMNED, REFERENCES, SNAPSHOT, TEXTS
from runlore.record.sql.statements import load_statements
from runlore.record.sql.text import micros, pack_digest, unpack, unpack_digest

PRUNE = load_statements(Path(__file__).with_name("prune.sql"))
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: Versions that are there since somebody wanted them, run or no run.
_BY_HAND = tuple(rows.SAVE_TYPES.index(kind) for kind in (SaveType.MANUAL, SaveType.REGISTERED))
_INLINE = rows.FORMS.index("inline")
_LATEST = 2**63 - 1
#: Pages given back to the disk at a time: others can write in between.
_PAGES = 2_000


class Upkeep:
    """The verbs of pruning, which `runlore.record.port` describes, over a connection."""

    def __init__(self, db: Connection, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def prunable(self, pruning: Pruning) -> Prunable:
        before = _LATEST if pruning.before is None else micros(pruning.before)
        spared: set[int] = set()
        with self._db.reading():
            since = Since(run=self._db.row(PRUNE["oldest_running"])[0], version=self._newest())
            found = self._db.rows(PRUNE["unused_versions"], (*_BY_HAND, pruning.manual, before))
            if pruning.keep_last:
                spared = {row[0] for row in self._db.rows(PRUNE["newest_of_each"], (pruning.keep_last,))}
        return Prunable(
            versions=tuple(
                Unused(seq=seq, artifact=unpack(name), version=unpack(label), size=0 if deleted else size)
                for seq, name, label, size, deleted in found
                if seq not in spared and not (deleted and pruning.part == "artifact")
            ),
            since=since,
        )

    def _newest(self) -> int:
        return int(self._db.row("select coalesce(max(seq), 0) from version")[0])

    def condemn(self, versions: Sequence[int], since: Since, part: str) -> tuple[int, ...]:
        with self._db.writing(durable=False) as cursor:
            used = {row[0] for row in cursor.execute(PRUNE["used_since"], (since.run, since.version))}
            states = dict(_many(cursor, PRUNE["states"], versions))
            going = [
                seq
                for seq in versions
                if seq in states and seq not in used and not (states[seq] and part == "artifact")
            ]
            if going:
                mark = self._mark(cursor)
                cursor.executemany(PRUNE["hide"], [(seq,) for seq in going])
                cursor.executemany(
                    PRUNE["add_condemned"], [(seq, PARTS.index(part), mark, states[seq]) for seq in going]
                )
        return tuple(going)

    def _mark(self, cursor: sqlite3.Cursor) -> int:
        cursor.execute(PRUNE["add_mark"], (micros(self._clock()),))
        return int(cursor.lastrowid or 0)

    def marks(self) -> tuple[int, ...]:
        return tuple(row[0] for row in self._db.rows(PRUNE["marks"]))

    def settle(self, marks: Iterable[int], held: Collection[str]) -> None:
        with self._db.writing(durable=False) as cursor:
            for mark in marks:
                row = cursor.execute(PRUNE["holders"], (mark,)).fetchone()
                if row is not None and row[0] != "":
                    left = held if row[0] is None else [one for one in row[0].split() if one in held]
                    cursor.execute(PRUNE["set_holders"], (" ".join(sorted(left)), mark))

    def clear(self, limit: int) -> int:
        if not self._db.row(PRUNE["ripe_versions"], (1,)):
            return self._clear_orphans()
        with self._db.writing(durable=True) as cursor:
            going = cursor.execute(PRUNE["ripe_versions"], (limit,)).fetchall()
            for _, part, _, run, step, item, pos in going:
                if item == -1:
                    if PARTS[part] == "metadata":
                        cursor.execute(PRUNE["spare_items"], (run, step, pos))
                    cursor.execute(PRUNE["drop_items"], (run, step, pos))
            spared = [(row[0],) for row in going if PARTS[row[1]] == "metadata" and not row[2]]
            cursor.executemany(PRUNE["spare_version"], spared)
            cursor.executemany(PRUNE["forget_pictures"], [(row[0],) for row in going])
            self._forget(cursor, [row[0] for row in going if PARTS[row[1]] != "artifact"])
            cursor.executemany(PRUNE["drop_condemned"], [(row[0],) for row in going])
        return len(going)

    def _forget(self, cursor: sqlite3.Cursor, versions: Sequence[int]) -> None:
        """Delete rows, and what was noted on them."""
        keys = [(seq,) for seq in versions]
        for notes in ("drop_entries", "drop_notes", "drop_tags", "drop_facts"):
            cursor.executemany(PRUNE[notes], keys)
        gone = Counter(artifact for _, artifact in _many(cursor, PRUNE["artifacts_of"], versions))
        cursor.executemany(PRUNE["drop_version"], sorted(keys, reverse=True))  # while the newest that stays is there
        left = list(_many(cursor, PRUNE["artifacts_of"], versions))
        cursor.executemany(PRUNE["keep_number"], [(seq,) for seq, _ in left])
        cursor.executemany(PRUNE["count_gone"], [(count, artifact) for artifact, count in gone.items()])

    def _clear_orphans(self) -> int:
        if self._db.rows(PRUNE["orphans"]):
            with self._db.writing(durable=True) as cursor:
                cursor.executemany(PRUNE["drop_items"], cursor.execute(PRUNE["orphans"]).fetchall())
        return 0

    def references(self, *, condemned: bool = True, without: Collection[int] = ()) -> Iterable[tuple[str, str]]:
        with self._db.reading():
            if not condemned:
                going = self._db.rows(PRUNE["condemned_with_bytes"], (PARTS.index("metadata"),))
                without = {*without, *(row[0] for row in going)}
            for reference in (*REFERENCES.values(), CONDEMNED):
                for version, digest, form in self._db.rows(reference.select):
                    if version is None or version not in without:
                        yield unpack_digest(digest), "code" if form == SNAPSHOT else rows.FORMS[form]
            for (text,) in self._db.rows(TEXTS):
                yield from ((digest, "blob") for digest in _DIGEST.findall(unpack(text)))

    def payloads(self) -> Iterable[tuple[str, int]]:
        for digest, size in self._db.rows(PRUNE["payloads"]):
            yield unpack_digest(digest), size

    def drop_payloads(self, digests: Sequence[str], since: Since) -> tuple[int, int]:
        with self._db.writing(durable=True) as cursor:
            wanted: set[Any] = set()
            for reference in (*REFERENCES.values(), CONDEMNED):
                statement = f"{reference.select} and {reference.since}"
                found = cursor.execute(statement, {"run": since.run, "version": since.version})
                wanted.update(digest for _, digest, form in found if form == _INLINE)
            going = [digest for digest in map(pack_digest, digests) if digest not in wanted]
            sizes = [row[1] for row in _many(cursor, PRUNE["payload_sizes"], going)]
            cursor.executemany(PRUNE["drop_payload"], [(digest,) for digest in going])
        return len(sizes), sum(sizes)

    def condemn_blobs(self, digests: Sequence[str]) -> None:
        with self._db.writing(durable=False) as cursor:
            mark = self._mark(cursor)
            cursor.executemany(PRUNE["add_dead"], [(pack_digest(digest), mark) for digest in digests])

    def dead(self) -> dict[str, bool]:
        return {unpack_digest(digest): bool(ripe) for digest, ripe in self._db.rows(PRUNE["dead"])}

    def spare(self, digest: str) -> None:
        if self._db.row(PRUNE["is_dead"], (pack_digest(digest),)) is not None:
            with self._db.writing(durable=False) as cursor:
                cursor.execute(PRUNE["drop_dead"], (pack_digest(digest),))

    def bury(self, digests: Sequence[str], delete: Callable[[Sequence[str]], int]) -> int:
        with self._db.writing(durable=False) as cursor:
            ripe = [one for one in digests if cursor.execute(PRUNE["is_ripe"], (pack_digest(one),)).fetchone()]
            freed = delete(ripe)
            cursor.executemany(PRUNE["drop_dead"], [(pack_digest(digest),) for digest in ripe])
        return freed

    def compact(self) -> None:
        with self._db.writing(durable=False) as cursor:
            cursor.execute(PRUNE["drop_marks"])
            cursor.execute(PRUNE["drop_numbers"])
        while left := int(self._db.row("pragma freelist_count")[0]):
            self._db.give_back(_PAGES)
            if int(self._db.row("pragma freelist_count")[0]) >= left:
                return


def _many(cursor: sqlite3.Cursor, statement: str, values: Sequence[Any], size: int = 500) -> Iterator[Any]:
    for start in range(0, len(values), size):
        part = values[start : start + size]
        yield from cursor.execute(statement.format(", ".join("?" * len(part))), part)
