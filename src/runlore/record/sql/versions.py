"""Versions: members of artifacts, numbered and labelled within one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from runlore.errors import AlreadyExists, NotFound
from runlore.model.artifact import Content, KeptPicture
from runlore.model.change import NewVersion, Output, PicturesKept
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.record.sql.aliases import Aliases
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import VERSION_METADATA
from runlore.record.sql.notes import Notes
from runlore.record.sql.rows import FORMS, SAVE_TYPES, element_code
from runlore.record.sql.tables import Tables
from runlore.record.sql.text import micros, pack, pack_digest, to_uid

_FORM = {form: code for code, form in enumerate(FORMS)}


class Versions:
    """Makes and finds versions; ``made`` is what a receipt tells of them."""

    def __init__(self, tables: Tables, notes: Notes) -> None:
        self._tables = tables
        self._notes = notes
        self.made: dict[UUID, tuple[int, str]] = {}

    def add(self, new: NewVersion, at: int, producer: tuple[int | None, ...]) -> int:
        """Make a version, unless its id is there; return its seq."""
        tables = self._tables
        at = at if new.created is None else micros(new.created)
        artifact = tables.artifact(new.artifact, at)
        last, nth = tables.newest(artifact) or (0, 0)
        number, label = (last + 1, None) if new.version is None else self._labelled(new, artifact, last)
        content = new.content
        digest = pack_digest(content.digest)
        seq = tables.add_version(
            (
                new.id.bytes,
                artifact,
                number,
                nth + 1,
                label,
                at,
                SAVE_TYPES.index(new.save_type),
                tables.kind(content),
                digest,
                content.size,
                _FORM[content.form],
                *producer,
                to_uid(new.origin),
                int(new.deleted),
                pack(content.meta),
            )
        )
        if seq is None:
            self._find(new.id)
            return self.seq_of(new.id)
        if not new.deleted:
            self.add_payload(digest, content)
        if content.pictures:
            self._add_pictures(seq, None, content.pictures)
        if new.origin is not None:
            origin = tables.version_of(new.origin.bytes)
            if origin is not None:
                tables.has_version(origin[0])
        self.made[new.id] = (seq, label or str(number))
        if new.tags or new.metadata or new.facts:
            owner = Owner(kind=OwnerKind.VERSION, seq=seq)
            self._notes.add_tags(owner, new.tags)
            self._notes.add_entries(owner, new.metadata, at)
            tables.facts.set(VERSION_METADATA, seq, new.facts)
        return seq

    def _labelled(self, new: NewVersion, artifact: int, last: int) -> tuple[int, str | None]:
        """Number and label of a version that was given one. A label that is a number not yet reached becomes one.

        So the number of the next version is never taken by a label, and need not be looked for.
        """
        label = str(new.version)
        Aliases(self._tables.cursor, self._tables.word).refuse_label(artifact, new.artifact, label)
        number = int(label) if label.isascii() and label.isdigit() and label[0] != "0" and len(label) < 10 else 0
        if self._tables.label_taken(artifact, label, number):
            if self._find(new.id) is not None:  # by itself: the commit is repeated
                return last, label
            raise AlreadyExists(
                f"Artifact {new.artifact!r} has a version {label!r} already. Choose another label, or none."
            )
        return (number, None) if number > last else (last, label)

    def add_item(self, place: tuple[int | None, int, int, int], word: int, content: Content) -> None:
        """Keep one output of one task of a mapped step."""
        digest = pack_digest(content.digest)
        kind = self._tables.kind(content)
        self._tables.add_item((*place, word, kind, digest, content.size, _FORM[content.form], pack(content.meta)))
        self.add_payload(digest, content)

    def add_payload(self, digest: bytes | str, content: Content) -> None:
        """Keep the bytes of a small value."""
        if content.payload is not None and content.form == "inline":
            self._tables.add_payload(digest, content.payload)

    def keep_pictures(self, change: PicturesKept) -> None:
        """Keep what was drawn, of a version that has bytes, in place of what was kept before."""
        execute = self._tables.cursor.execute
        if execute(SQL["has_bytes"], (change.version,)).fetchone():
            execute(SQL["drop_pictures"], (change.version, element_code(change.element)))
            self._add_pictures(change.version, change.element, change.pictures)

    def _add_pictures(self, seq: int, element: int | None, pictures: tuple[KeptPicture, ...]) -> None:
        for position, one in enumerate(pictures):
            digest = None if one.data is None else pack_digest(digest_of(one.data))
            if digest is not None and one.data is not None:
                self._tables.add_payload(digest, one.data)
            place = (seq, element_code(element), position)
            self._tables.add_picture((*place, one.kind, pack(one.name), one.media_type, one.size, digest))

    def report(self, outputs: Iterable[Output]) -> None:
        """Tell of versions that an earlier commit made."""
        for output in outputs:
            if isinstance(output.value, NewVersion):
                self._find(output.value.id)

    def _find(self, id: UUID) -> int | None:
        row = self._tables.version_of(id.bytes)
        if row is None:
            return None
        self.made[id] = (row[0], row[1])
        return row[0]

    def seq_of(self, id: UUID) -> int:
        """The seq of a version, by id. Raises `NotFound`."""
        made = self.made.get(id)
        if made is not None:
            return made[0]
        row = self._tables.version_of(id.bytes)
        if row is None:
            raise NotFound(f"There is no artifact version {id} that a task could have read.")
        return self.require(row[0])

    def require(self, seq: int) -> int:
        """Return ``seq`` of a version that is used from now on. Raises `NotFound` where there is no such version."""
        if not self._tables.has_version(seq):
            raise NotFound(f"There is no artifact version number {seq} in this record.")
        return seq
