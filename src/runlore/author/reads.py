"""Reads: what a running step looked up in the record by itself, which decides whether its result may serve others."""

from __future__ import annotations

from contextvars import ContextVar

#: Sentences about what was read, or ``None`` outside a step.
_reads: ContextVar[list[str] | None] = ContextVar("runlore_reads", default=None)


def note_read(what: str) -> None:
    """Note that the record was consulted, if a step is running; ``what`` completes "it read …"."""
    reads = _reads.get()
    if reads is not None:
        reads.append(what)


def watch() -> tuple[list[str], object]:
    """Begin to collect reads; return the list and a token for `unwatch`."""
    reads: list[str] = []
    return reads, _reads.set(reads)


def unwatch(token: object) -> None:
    """Stop collecting the reads begun with `watch`."""
    _reads.reset(token)  # type: ignore[arg-type]
