"""Reads: what a running step takes from the record by itself, which decides whom its result may serve.

An artifact that is looked up by name is kept with what the name meant; reading anything else makes the result
uncacheable (`docs/design/cache-key.md`, "Reads").
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any


class Reads:
    """What one attempt has read so far."""

    __slots__ = ("looked_up", "others", "outer", "redacted", "settle")

    def __init__(
        self,
        settle: Callable[[], None] = lambda: None,
        outer: Reads | None = None,
        redacted: Callable[[Any], Any] = lambda noted: noted,
    ) -> None:
        #: (artifact, label or ``None``: the latest, `Version.seq` or ``None``: nothing), in the order of first asking.
        self.looked_up: dict[tuple[str, str | None, int | None], None] = {}
        #: What was read that rules the cache out; each completes "it read …".
        self.others: dict[str, None] = {}
        #: Brings the record up to date with what the run has done.
        self.settle = settle
        #: Takes the secrets of the run out of what is to be noted.
        self.redacted = redacted
        #: Those of the step that runs the pipeline to which this step belongs.
        self.outer = outer

    @property
    def reason(self) -> str | None:
        """Why the result may serve nobody else, or ``None``."""
        return f"it read {' and '.join(self.others)} while it ran" if self.others else None


_reads: ContextVar[Reads | None] = ContextVar("runlore_reads", default=None)
#: Those of every step that is running in this process.
_running: list[Reads] = []


def note_look_up(artifact: str, asked: str | None, version: int | None) -> None:
    """Note that an artifact was looked up by its exact name, and which version that was; ``None`` is nothing."""
    for reads in _watching():
        reads.looked_up.setdefault((artifact, asked, version))


def settle() -> None:
    """Bring the record up to date, before it is looked into, with what the run of the asking step has done."""
    for reads in _watching():
        asking: Reads | None = reads
        while asking is not None:
            asking.settle()
            asking = asking.outer


def note_read(what: str) -> None:
    """Note that the record is about to be consulted otherwise; ``what`` completes "it read …"."""
    settle()
    for reads in _watching():
        reads.others.setdefault(what)


def _watching() -> list[Reads]:
    """Who has to know: the step that runs here; in a thread that a step started, every step that is running."""
    reads = _reads.get()
    return list(_running) if reads is None else [reads]


def without_secrets(noted: Any) -> Any:
    """Return what is about to be noted in the record, without the secrets of the running step, if one is running."""
    for reads in _watching():
        noted = reads.redacted(noted)
    return noted


def watch(settle: Callable[[], None], redacted: Callable[[Any], Any] = lambda noted: noted) -> tuple[Reads, object]:
    """Begin to collect reads; return them and a token for `unwatch`.

    ``settle`` is called before each read, ``redacted`` takes secrets out of what the step notes at once.
    """
    reads = Reads(settle=settle, outer=_reads.get(), redacted=redacted)
    _running.append(reads)
    return reads, _reads.set(reads)


def unwatch(token: object) -> None:
    """Stop collecting the reads begun with `watch`."""
    reads = _reads.get()
    if reads is not None:
        _running.remove(reads)
    _reads.reset(token)  # type: ignore[arg-type]
