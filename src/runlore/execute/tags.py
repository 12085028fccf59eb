"""Tags that every run gets from runlore; `docs/design/semantics.md`, "Tags"."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from runlore.errors import NameInvalid
from runlore.model.name import checked_tag


def system_tags(*, pipeline: str, user: str | None, started: datetime) -> tuple[str, ...]:
    """``user:ann``, ``pipeline:training``, ``python:3.11`` and ``date:2026-11-01``, the day in UTC.

    What can be no tag, as a user's name with a line break in it, is left out: no run fails because of it.
    """
    told = (
        f"user:{user}" if user else "",
        f"pipeline:{pipeline}",
        f"python:{sys.version_info.major}.{sys.version_info.minor}",
        f"date:{started.astimezone(UTC):%Y-%m-%d}",
    )
    return tuple(tag for tag in told if tag and is_tag(tag))


def is_tag(text: str) -> bool:
    """Whether a text can be a tag as it is."""
    try:
        return checked_tag(text) == text
    except NameInvalid:
        return False
