"""Interned rows: texts, kinds of content, definitions and artifacts, each stored once and known by its id."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from runlore.model.artifact import Content
from runlore.record.sql.memo import Memo
from runlore.record.sql.statements import load_statements
from runlore.record.sql.text import pack

SQL = load_statements(Path(__file__).with_name("write.sql"))


class Interned:
    """Finds or makes interned rows within one transaction."""

    def __init__(self, cursor: sqlite3.Cursor, memo: Memo) -> None:
        self._execute = cursor.execute
        self._memo = memo

    def word(self, text: str) -> int:
        known = self._memo.words
        found = known.get(text)
        if found is None:
            found = known[text] = self._intern("word", (pack(text),))
        return found

    def kind(self, content: Content) -> int:
        known = self._memo.kinds
        key = (content.materializer, content.type, content.artifact_type)
        found = known.get(key)
        if found is None:
            found = known[key] = self._intern("kind", key)
        return found

    def definition(self, digest: bytes, body: str) -> int:
        known = self._memo.definitions
        found = known.get(digest)
        if found is None:
            found = known[digest] = self._intern("definition", (digest,), pack(body))
        return found

    def artifact(self, name: str, at: int) -> int:
        known = self._memo.artifacts
        found = known.get(name)
        if found is None:
            found = known[name] = self._intern("artifact", (name,), at)
        return found

    def _intern(self, table: str, key: tuple[Any, ...], *rest: Any) -> int:
        """Find a row by its key, or make it; nobody else writes meanwhile."""
        row = self._execute(SQL["find_" + table], key).fetchone()
        if row is not None:
            return int(row[0])
        return int(self._execute(SQL["add_" + table], (*key, *rest)).lastrowid or 0)
