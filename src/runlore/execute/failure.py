"""Failures: exceptions of the user's code, kept as text and handed back with a note of where they happened."""

from __future__ import annotations

import traceback

from runlore.model.run import Failure
from runlore.plan.redaction import Redaction


def failure_of(error: BaseException, redaction: Redaction) -> Failure:
    """Describe an exception without the run's secrets; never raises, whatever its ``__str__`` does."""
    cls = type(error)
    try:
        message = str(error)
    except Exception as broken:
        message = f"<its message cannot be shown: {type(broken).__name__}>"
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:
        text = ""
    return Failure(
        type=f"{cls.__module__}.{cls.__qualname__}", message=redaction.text(message), traceback=redaction.text(text)
    )


def annotate(error: BaseException, *, run: str, step: str, attempt: int = 0, item: int | None = None) -> None:
    """Add a note telling which run, step and attempt raised ``error``."""
    where = f"step {step!r}" if item is None else f"task {item} of step {step!r}"
    note = f"raised by {where} of run {run!r}, attempt {attempt}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
