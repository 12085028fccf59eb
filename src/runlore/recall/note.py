"""Note: what people write about a run, a step or a version, in Markdown, with its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runlore.author.reads import note_read, without_secrets
from runlore.errors import ValueUnstorable
from runlore.model.article import with_article
from runlore.model.metadata import Note, Owner

if TYPE_CHECKING:
    from runlore.record.port import Record

#: Most bytes (UTF-8) of one note.
LARGEST = 64 * 1024


class Annotatable:
    """What people may write a note about."""

    @property
    def _record(self) -> Record:
        raise NotImplementedError

    def _owner(self) -> Owner:
        raise NotImplementedError

    @property
    def pathspec(self) -> str:
        """Name by position; see `docs/design/semantics.md`, "Pathspecs"."""
        raise NotImplementedError

    @property
    def note(self) -> str | None:
        """What somebody wrote about it, as Markdown; ``None`` if nobody did.

        Assigning writes it in place of what it was, at once, also after the end of a run; ``None`` or an empty text
        takes it away. Raises `ValueUnstorable` for what is no text, or more than 64 KiB of it.
        """
        history = self.note_history
        return history[-1].text if history else None

    @note.setter
    def note(self, text: str | None) -> None:
        from runlore.model.change import NoteWritten  # what writes is not imported by who only reads
        from runlore.platform import user_name

        wanted = without_secrets(_checked(text, self.pathspec))
        before = self._record.notes(self._owner())
        if (before[-1].text if before else None) != wanted:
            change = NoteWritten(owner=self._owner(), text=wanted, at=datetime.now(UTC), user=user_name())
            self._record.commit([change])

    @property
    def note_history(self) -> tuple[Note, ...]:
        """Every writing of its note, oldest first: ``text`` (``None`` where it was taken away), ``at`` and ``user``."""
        note_read(f"the note of {self.pathspec}")
        return self._record.notes(self._owner())


def _checked(text: object, what: str) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueUnstorable(
            f"The note of {what} is Markdown text, a str; {text!r:.60} is {with_article(type(text).__name__)}."
        )
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise ValueUnstorable(
            f"The note of {what} may have {LARGEST:,} bytes, and this one has {size:,}. "
            'Save longer texts as an artifact: save_artifact(text, "name").'
        )
    return str(text) if text.strip() else None
