"""Reads: what a running step looked up in the record by itself, which decides whether its result may serve others."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

#: Sentences about what was read, and what brings the record up to date; ``None`` outside a step.
_reads: ContextVar[tuple[list[str], Callable[[], None]] | None] = ContextVar("runlore_reads", default=None)


def note_read(what: str) -> None:
    """Note that the record is about to be consulted, if a step is running; ``what`` completes "it read …"."""
    watching = _reads.get()
    if watching is not None:
        reads, settle = watching
        settle()
        reads.append(what)


def watch(settle: Callable[[], None]) -> tuple[list[str], object]:
    """Begin to collect reads; return the list and a token for `unwatch`. ``settle`` is called before each read."""
    reads: list[str] = []
    return reads, _reads.set((reads, settle))


def unwatch(token: object) -> None:
    """Stop collecting the reads begun with `watch`."""
    _reads.reset(token)  # type: ignore[arg-type]
