"""Notes: metadata, tags, texts, logs, metrics and aliases, written within one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from runlore.model.change import AliasMoved, LogWritten, MetadataSet, MetricsLogged, NoteWritten, TagsChanged
from runlore.model.metadata import Owner, OwnerKind
from runlore.record.sql.aliases import Aliases
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import OWN, OWNER_KINDS, RUN_METADATA, VERSION_METADATA
from runlore.record.sql.tables import Tables
from runlore.record.sql.text import micros, pack

_FACT_KIND = {OwnerKind.RUN: RUN_METADATA, OwnerKind.STEP: RUN_METADATA, OwnerKind.VERSION: VERSION_METADATA}
_OWNER_KIND = {kind: code for code, kind in enumerate(OWNER_KINDS)}


class Notes:
    """What is said about things that are there."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def set_metadata(self, change: MetadataSet) -> None:
        owner = change.owner
        kind = _FACT_KIND.get(owner.kind)
        if kind is not None:
            step = owner.step if owner.kind is OwnerKind.STEP else OWN
            self._tables.facts.note(kind, owner.seq, [key for key, _ in change.values], change.facts, step)
        self.add_entries(owner, change.values, micros(change.at))

    def add_entries(self, owner: Owner, values: Iterable[tuple[str, str]], at: int) -> None:
        self._tables.add_entries(_OWNER_KIND[owner.kind], owner.seq, owner.step, values, at)

    def write_note(self, change: NoteWritten) -> None:
        owner, text, user = change.owner, change.text, change.user
        self._tables.cursor.execute(
            SQL["add_note"],
            (
                *(_OWNER_KIND[owner.kind], owner.seq, owner.step),
                *(None if text is None else pack(text), None if user is None else pack(user), micros(change.at)),
            ),
        )

    def log_metrics(self, run: int, change: MetricsLogged) -> None:
        self._tables.log_metrics(run, change)

    def move_alias(self, change: AliasMoved, version: int | None) -> None:
        Aliases(self._tables.cursor, self._tables.word).move(change, version)

    def change_tags(self, change: TagsChanged) -> None:
        owner = change.owner
        kind = _OWNER_KIND[owner.kind]
        if change.remove:
            self._tables.cursor.executemany(
                SQL["drop_tag"], [(kind, self._tables.word(tag), owner.seq, owner.step) for tag in change.remove]
            )
        self.add_tags(owner, change.add)

    def add_tags(self, owner: Owner, tags: Iterable[str], *, system: bool = False) -> None:
        kind, word = _OWNER_KIND[owner.kind], self._tables.word
        self._tables.add_tags([(kind, word(tag), owner.seq, owner.step, int(system)) for tag in tags])

    def write_log(self, run: int | None, change: LogWritten) -> None:
        self._tables.add_log((run, change.step, change.item, change.attempt, change.part, pack(change.text)))
