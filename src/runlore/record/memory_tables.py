"""Tables of dictionaries: what a `MemoryRecord` holds, and transactions over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.errors import NotFound
from runlore.model.artifact import Alias, Artifact, Content, Edge, KeptPicture, LookedUp, Version
from runlore.model.metadata import Entry, Note, Owner, Tag
from runlore.model.metric import Points
from runlore.model.run import Definition, Event, Lease, LogChunk, Pipeline, Run, Step, Task

#: Stands in a step's place for what belongs to the run or version itself.
OWN = -1


@dataclass
class _Tables:
    """Everything recorded; values are never changed in place."""

    pipelines: dict[str, tuple[Pipeline, bytes]] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    steps: dict[tuple[int, int], Step] = field(default_factory=dict)
    tasks: dict[tuple[int, int, int, int], Task] = field(default_factory=dict)
    edges: dict[tuple[int, int, int, int, int], Edge] = field(default_factory=dict)
    items: dict[tuple[int, int, int, int], tuple[str, Content]] = field(default_factory=dict)
    #: Under (run, step, item, attempt).
    looked_up: dict[tuple[int, int, int, int], tuple[LookedUp, ...]] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    #: The last automatic number of each artifact.
    numbers: dict[str, int] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    seqs: dict[UUID, int] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)
    #: Under (version, element).
    pictures: dict[tuple[int, int | None], tuple[KeptPicture, ...]] = field(default_factory=dict)
    definitions: dict[bytes, Definition] = field(default_factory=dict)
    entries: dict[Owner, tuple[Entry, ...]] = field(default_factory=dict)
    notes: dict[Owner, tuple[Note, ...]] = field(default_factory=dict)
    #: (noun, sequence) → (prefix of the field, key, step or `OWN`) → value.
    facts: dict[tuple[str, int], dict[tuple[str, str, int], object]] = field(default_factory=dict)
    #: (run, step or `OWN`, item, attempt, name, part) → points.
    points: dict[tuple[int, int, int, int, str, int], Points] = field(default_factory=dict)
    aliases: dict[tuple[str, str], Alias] = field(default_factory=dict)
    alias_moves: dict[int, Alias] = field(default_factory=dict)
    tags: dict[tuple[Owner, str], Tag] = field(default_factory=dict)
    logs: dict[tuple[int, int, int, int, int], LogChunk] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    #: Mark → leases that were held after it was made and still are; ``None``: not asked yet.
    marks: dict[int, frozenset[str] | None] = field(default_factory=dict)
    #: Version → what of it goes, the mark, and whether its bytes were gone before.
    condemned: dict[int, tuple[str, int, bool]] = field(default_factory=dict)
    #: Blob → mark.
    dead: dict[str, int] = field(default_factory=dict)
    #: (digest, form) of bytes whose version was forgotten, and which stay.
    spared: dict[tuple[str, str], None] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


class MemoryTables:
    """The tables, the lock, and transactions."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._t = _Tables()
        #: What the open transaction replaced: (table, key, had a value, value).
        self._undo: list[tuple[dict[Any, Any], Any, bool, Any]] = []
        self._depth = 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, or, within another one, a part of it that is undone alone when it raises."""
        with self._lock:
            if self._depth == 0:
                self._undo.clear()
            begun = len(self._undo)
            self._depth += 1
            try:
                yield
            except BaseException:
                for table, key, had, value in reversed(self._undo[begun:]):
                    if had:
                        table[key] = value
                    else:
                        del table[key]
                del self._undo[begun:]
                raise
            finally:
                self._depth -= 1

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, key in table, table.get(key)))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> None:
        if key in table:
            self._undo.append((table, key, True, table[key]))
            del table[key]

    def _next(self, counter: str) -> int:
        number = self._t.counters.get(counter, 0) + 1
        self._put(self._t.counters, counter, number)
        return number

    def _step(self, run: int, index: int) -> Step:
        step = self._t.steps.get((run, index))
        if step is None:
            raise NotFound(f"Run {run} has no step {index}; it must be planned before anything happens in it.")
        return step
