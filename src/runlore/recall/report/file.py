"""File: where a report is written, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from runlore.errors import AlreadyExists
from runlore.recall.report.page import BEGINNING


def write_report(page: str, path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Write a report to ``path`` and return it. Raises `AlreadyExists` for a file that is no report."""
    target = Path(path)
    if target.is_dir():
        raise AlreadyExists(f"{target} is a folder; name a file in it, such as {target / 'report.html'}.")
    if os.path.lexists(target) and not overwrite and not _is_report(target):
        raise AlreadyExists(
            f"{target} is already there and is not a report; choose another path, or replace it: overwrite=True, or "
            "--overwrite."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{uuid4().hex}.part")
    try:
        draft.write_text(page, encoding="utf-8", errors="replace")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING.encode()
    except OSError:
        return False
