"""Revive: a version that pruning has marked is in use again (``docs/design/blobs.md``, "Pruning")."""

from __future__ import annotations

import sqlite3

from runlore.record.sql.intern import SQL


def revive(cursor: sqlite3.Cursor, seq: int) -> None:
    """Take the mark away, if there is one. A version whose bytes were gone before stays deleted."""
    cursor.execute(SQL["undelete"], (seq,))
    cursor.execute(SQL["drop_condemned"], (seq,))
