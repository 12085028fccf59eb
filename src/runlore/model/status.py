"""Status: where a run, step or task stands, and which moves between states are allowed."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a run, step or task stands. Members compare equal to their names: ``run.status == "completed"``."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CACHED = "cached"
    #: Never started, because something upstream failed.
    SKIPPED = "skipped"
    #: Someone stopped it.
    CANCELLED = "cancelled"
    #: Its process is gone.
    INTERRUPTED = "interrupted"

    @property
    def finished(self) -> bool:
        """Whether this state is final; nothing ever leaves a final state."""
        return self not in (Status.PENDING, Status.RUNNING)

    @property
    def successful(self) -> bool:
        """Whether results are there: computed now or taken from the cache."""
        return self in (Status.COMPLETED, Status.CACHED)

    @property
    def code(self) -> int:
        """The integer under which stores keep this state."""
        return CODES.index(self)

    def may_become(self, other: Status) -> bool:
        """Whether the move from this state to ``other`` is allowed."""
        return other in MOVES[self]


#: Position is the stored integer: only ever append.
CODES: tuple[Status, ...] = tuple(Status)

_ENDS = frozenset(s for s in Status if s.finished)
MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: _ENDS | {Status.RUNNING},
    Status.RUNNING: _ENDS - {Status.SKIPPED},
    **{end: frozenset() for end in _ENDS},
}
