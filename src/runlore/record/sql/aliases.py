"""Aliases: which version holds which label of its artifact, moved within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from runlore.errors import AlreadyExists, NotFound
from runlore.model.change import AliasMoved
from runlore.model.name import checked_alias
from runlore.record.sql.intern import SQL
from runlore.record.sql.revive import revive
from runlore.record.sql.text import micros, pack


class Aliases:
    """Moves aliases. ``word`` interns a label."""

    def __init__(self, cursor: sqlite3.Cursor, word: Callable[[str], int]) -> None:
        self._cursor, self._execute = cursor, cursor.execute
        self._word = word

    def move(self, change: AliasMoved, version: int | None) -> None:
        """Let ``version`` hold the alias, or nobody; say nothing where that is so already."""
        alias = checked_alias(change.alias)
        found = self._execute(SQL["find_artifact"], (change.artifact,)).fetchone()
        if found is None:
            raise NotFound(f"There is no artifact {change.artifact!r} whose version could be called {alias!r}.")
        artifact, word = found[0], self._word(alias)
        holder = self._execute(SQL["alias_holder"], (artifact, word)).fetchone()
        if (None if holder is None else holder[0]) == version:
            return
        if version is None:
            self._execute(SQL["drop_alias"], (artifact, word))
        else:
            self._check_version(change, artifact, version)
            self._execute(SQL["set_alias"], (artifact, word, version, micros(change.at)))
        self._execute(SQL["add_alias_move"], (artifact, word, version, micros(change.at)))

    def _check_version(self, change: AliasMoved, artifact: int, version: int) -> None:
        owner = self._execute(SQL["artifact_of_version"], (version,)).fetchone()
        if owner is None or owner[0] != artifact:
            raise NotFound(f"Artifact {change.artifact!r} has no version with sequence {version} in this record.")
        revive(self._cursor, version)
        if self._execute(SQL["version_taken"], (artifact, pack(change.alias))).fetchone():
            raise AlreadyExists(
                f"Artifact {change.artifact!r} has a version called {change.alias!r}; its alias must be another word."
            )

    def refuse_label(self, artifact: int, name: str, label: str) -> None:
        """Raise `AlreadyExists` when a version of the artifact cannot be called so, because an alias is."""
        if self._execute(SQL["has_alias"], (artifact, pack(label))).fetchone():
            raise AlreadyExists(f"Artifact {name!r} has an alias {label!r}. Choose another label, or none.")
