"""Noted: what is said about many runs or versions, read in a few statements for some hundreds of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runlore.model.metadata import Entry, OwnerKind, Tag
from runlore.model.metric import Metric, in_order
from runlore.model.noted import Noted
from runlore.record.meaning import with_own
from runlore.record.sql import rows
from runlore.record.sql.connection import Connection
from runlore.record.sql.kinds import OWNER_KINDS
from runlore.record.sql.statements import load_statements

NOTED = load_statements(Path(__file__).with_name("noted.sql"))
#: Sequences that one statement asks for.
_MANY = 500
_RUN, _STEP = OWNER_KINDS.index(OwnerKind.RUN), OWNER_KINDS.index(OwnerKind.STEP)
#: Run and index of a step.
_Step = tuple[int, int]


def noted(db: Connection, kind: OwnerKind, seqs: Sequence[int]) -> dict[int, Noted]:
    """What `Record.noted` promises."""
    with db.reading():
        return _Reading(db, OWNER_KINDS.index(kind), seqs).noted()


class _Reading:
    """One reading of one page."""

    def __init__(self, db: Connection, kind: int, seqs: Sequence[int]) -> None:
        self._db = db
        self._kind = kind
        self._seqs = list(dict.fromkeys(seqs))
        self._own: dict[int, list[Entry]] = {}
        self._steps: dict[_Step, list[Entry]] = {}
        self._origins: dict[_Step, _Step] = {}

    def noted(self) -> dict[int, Noted]:
        tags: dict[int, list[Tag]] = {}
        for owner, *tag in self._many("tags", self._seqs, self._kind):
            tags.setdefault(owner, []).append(rows.to_tag(tag))
        for owner, _, *entry in self._many("entries", self._seqs, self._kind):
            self._own.setdefault(owner, []).append(rows.to_entry(entry))
        metrics: dict[int, list[Metric]] = {}
        by_run: dict[int, list[int]] = {}
        if self._kind == _RUN:
            self._read_steps()
            for run, step in sorted({*self._steps, *self._origins}):
                by_run.setdefault(run, []).append(step)
            for name in ("metrics", "metrics_taken"):
                for row in self._many(name, self._seqs):
                    metrics.setdefault(row[0], []).append(rows.to_metric(row))
        return {
            seq: Noted(
                tags=tuple(tags.get(seq, ())),
                metadata=(
                    *((None, entry) for entry in self._own.get(seq, ())),
                    *((step, entry) for step in by_run.get(seq, ()) for entry in self._of_step((seq, step))),
                ),
                metrics=in_order(metrics.get(seq, ())),
            )
            for seq in self._seqs
        }

    def _read_steps(self) -> None:
        """Read what steps noted, those of the runs and those that they were taken over from."""
        wanted, known = self._seqs, set(self._seqs)
        while wanted:
            for run, step, *entry in self._many("entries", wanted, _STEP):
                self._steps.setdefault((run, step), []).append(rows.to_entry(entry))
            found = {(run, step): (home, index) for run, step, home, index in self._many("origins", wanted)}
            self._origins |= found
            wanted = sorted({run for run, _ in found.values()} - known)
            known.update(wanted)

    def _of_step(self, step: _Step) -> tuple[Entry, ...]:
        own = self._steps.get(step, ())
        origin = self._origins.get(step)
        return tuple(own) if origin is None else with_own(self._of_step(origin), own)

    def _many(self, name: str, seqs: Sequence[int], *first: Any) -> Iterable[Any]:
        for start in range(0, len(seqs), _MANY):
            part = seqs[start : start + _MANY]
            yield from self._db.rows(NOTED[name].format(", ".join("?" * len(part))), (*first, *part))
