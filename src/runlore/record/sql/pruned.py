"""Pruned record: hands pruning, and lineage, on to what does them, which is imported when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from runlore.record.port import Record
from runlore.record.sql.connection import Connection

if TYPE_CHECKING:
    from runlore.model.lineage import Direction, Key, Traced
    from runlore.model.pruning import Prunable, Pruning, Since
    from runlore.record.sql.prune import Upkeep


class PrunedRecord(Record):
    """A record over a connection that can be pruned and traced."""

    _db: Connection
    _clock: Callable[[], datetime]

    @cached_property
    def _upkeep(self) -> Upkeep:
        from runlore.record.sql.prune import Upkeep  # brings statements that who looks something up never needs

        return Upkeep(self._db, self._clock)

    def lineage(
        self,
        start: Sequence[Key],
        direction: Direction,
        *,
        depth: int | None = None,
        breadth: int | None = None,
        limit: int | None = None,
    ) -> Traced:
        from runlore.record.lineage import trace  # with its statements, which who looks something up never needs
        from runlore.record.sql.lineage import SQLLinks

        with self._db.reading():
            return trace(SQLLinks(self._db), start, direction, depth=depth, breadth=breadth, limit=limit)

    def prunable(self, pruning: Pruning) -> Prunable:
        return self._upkeep.prunable(pruning)

    def condemn(self, versions: Sequence[int], since: Since, part: str) -> tuple[int, ...]:
        return self._upkeep.condemn(versions, since, part)

    def marks(self) -> tuple[int, ...]:
        return self._upkeep.marks()

    def settle(self, marks: Iterable[int], held: Collection[str]) -> None:
        self._upkeep.settle(marks, held)

    def clear(self, limit: int) -> int:
        return self._upkeep.clear(limit)

    def references(self, *, condemned: bool = True, without: Collection[int] = ()) -> Iterable[tuple[str, str]]:
        return self._upkeep.references(condemned=condemned, without=without)

    def payloads(self) -> Iterable[tuple[str, int]]:
        return self._upkeep.payloads()

    def drop_payloads(self, digests: Sequence[str], since: Since) -> tuple[int, int]:
        return self._upkeep.drop_payloads(digests, since)

    def condemn_blobs(self, digests: Sequence[str]) -> None:
        self._upkeep.condemn_blobs(digests)

    def dead(self) -> dict[str, bool]:
        return self._upkeep.dead()

    def spare(self, digest: str) -> None:
        self._upkeep.spare(digest)

    def bury(self, digests: Sequence[str], delete: Callable[[Sequence[str]], int]) -> int:
        return self._upkeep.bury(digests, delete)

    def compact(self) -> None:
        self._upkeep.compact()
