"""Failures: exceptions of the user's code, kept as text and handed back with a note of where they happened."""

from __future__ import annotations

import traceback
from typing import Any

from runlore.model.run import Failure
from runlore.plan.redaction import Redaction
from runlore.values import codec

#: Characters of an exception's arguments and attributes, beyond which they are not kept.
STATE_LIMIT = 32 * 1024


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
        type=f"{cls.__module__}.{cls.__qualname__}", message=redaction.text(message), traceback=redaction.text(text),
        state=_state(error, redaction),
    )  # fmt: skip


def _state(error: BaseException, redaction: Redaction) -> str | None:
    """What the exception can be made of again, if the codec can carry it; large ones are told by their text alone."""
    try:
        reduced: Any = error.__reduce__()
        kind, args, *attributes = reduced
        if kind is not type(error) or len(attributes) > 1:
            return None
        made = {"args": list(args), "attributes": dict(attributes[0] or {}) if attributes else {}}
        text = codec.encode(redaction.value(made))
    except Exception:  # what it holds is no value that can be kept, or code of the user's failed
        return None
    return text if len(text) <= STATE_LIMIT and not redaction.is_in(text) else None


def annotate(error: BaseException, *, run: str, step: str, attempt: int = 0, item: int | None = None) -> None:
    """Add a note telling which run, step and attempt raised ``error``."""
    where = f"step {step!r}" if item is None else f"task {item} of step {step!r}"
    note = f"raised by {where} of run {run!r}, attempt {attempt}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
