"""Searchable: the facts in force, written within one transaction, with the zones over them.

A zone is never narrower than its facts. It widens with every fact that is set; where facts are overwritten or deleted
it is measured again, so that it does not grow idle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from runlore.model.metadata import OwnerKind
from runlore.record.facts import fact_number
from runlore.record.sql import zones
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import METRIC_LAST, OWN, OWNER_KINDS, RUN_METADATA
from runlore.record.sql.text import pack, unpack

_RUN = OWNER_KINDS.index(OwnerKind.RUN)


class Searchable:
    """Facts of runs and versions. ``word`` interns a key."""

    def __init__(self, cursor: sqlite3.Cursor, word: Callable[[str], int]) -> None:
        self._cursor = cursor
        self._execute = cursor.execute
        self._word = word

    def set(self, kind: int, owner: int, facts: Iterable[tuple[str, object]], step: int = OWN) -> None:
        """Put facts in force, beside those that are."""
        rows = [(self._word(key), fact_number(value), value) for key, value in facts]
        if not rows:
            return
        self._cursor.executemany(
            SQL["set_fact"],
            [
                (kind, owner, key, step, number, pack(value) if isinstance(value, str) else None)
                for key, number, value in rows
            ],
        )
        blocks = tuple(enumerate(zones.blocks_of(owner)))
        self._cursor.executemany(
            SQL["widen_zone"],
            [
                (kind, key, level, block, number, number)
                for key, number, _ in rows
                if number is not None
                for level, block in blocks
            ],
        )

    def note(
        self, kind: int, owner: int, keys: Sequence[str], facts: Sequence[tuple[str, object]], step: int = OWN
    ) -> None:
        """Put the facts of metadata in force whose ``keys`` are being written.

        They take the place of what was there under these keys and below them: of the same step, or of the run and all
        its steps when the run itself is told. What a step notes does not count where the run has a note of its own.
        """
        gone = {row[0] for key in keys for row in self._execute(SQL["facts_below"], (kind, owner, step, pack(key)))}
        self._cursor.executemany(SQL["drop_fact"], [(kind, owner, key, step) for key in gone])
        if step != OWN:
            facts = [(key, value) for key, value in facts if not self._told_by_run(owner, key)]
        self.set(kind, owner, facts, step)
        for key in gone:
            self._measure_zone(kind, owner, key)

    def _told_by_run(self, run: int, key: str) -> bool:
        """Whether the run itself noted ``key``, or what ``key`` would be a member of."""
        parts = key.split(".")
        return any(
            self._execute(SQL["has_entry"], (_RUN, run, pack(".".join(parts[:end])))).fetchone()
            for end in range(1, len(parts) + 1)
        )

    def sum_up(self, run: int, name: str, step: int, summary: Sequence[float | None]) -> None:
        """Put last, least, greatest and number of a metric in force; one of the run itself hides those of its steps."""
        key = self._word(name)
        if step != OWN and self._execute(SQL["has_fact"], (METRIC_LAST, run, key, OWN)).fetchone():
            return
        for kind, value in enumerate(summary, METRIC_LAST):
            gone = self._execute(SQL["drop_fact"], (kind, run, key, step)).rowcount
            self.set(kind, run, [(name, value)], step)
            if gone:
                self._measure_zone(kind, run, key)

    def take_over(self, run: int, step: int, origin: tuple[int, int]) -> None:
        """Put in force for a step what its origin noted and measured, unless the run has notes of its own there."""
        for kind, key, number, text in self._execute(SQL["facts_of_step"], origin).fetchall():
            if kind == RUN_METADATA:
                hidden = self._told_by_run(run, unpack(self._execute(SQL["word_of"], (key,)).fetchone()[0]))
            else:
                hidden = self._execute(SQL["has_fact"], (METRIC_LAST, run, key, OWN)).fetchone() is not None
            if not hidden:
                self._execute(SQL["set_fact"], (kind, run, key, step, number, text))
                if number is not None:
                    places = zones.places_of(kind, key, run)
                    self._cursor.executemany(SQL["widen_zone"], [(*place, number, number) for place in places])

    def forget(self, run: int) -> None:
        """Delete every fact of a run."""
        gone = self._execute(SQL["facts_of_run"], (run,)).fetchall()
        self._execute(SQL["delete_run_facts"], (run,))
        for kind, key in gone:
            self._measure_zone(kind, run, key)

    def _measure_zone(self, kind: int, owner: int, key: int) -> None:
        for level, block in enumerate(zones.blocks_of(owner)):
            within = SQL["bounds_of_facts" if level == 0 else "bounds_of_zones"]
            lo, hi = self._execute(within, (kind, key, *zones.members_of(block))).fetchone()
            if lo is None:
                self._execute(SQL["drop_zone"], (kind, key, level, block))
            else:
                self._execute(SQL["set_zone"], (lo, hi, kind, key, level, block))
