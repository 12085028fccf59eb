"""The part of the record's contract about notes: what people write about runs, steps and versions."""

from __future__ import annotations

from runlore.model.change import NoteWritten, VersionSaved
from runlore.model.metadata import Note, Owner, OwnerKind
from runlore.record.port import Record
from runlore.testing.record_stories import END, at, begun, new_version


def note(owner: Owner, text: str | None, seconds: float = 0, user: str | None = "ada") -> NoteWritten:
    """A writing of a note."""
    return NoteWritten(owner=owner, text=text, at=at(seconds), user=user)


class RecordNoteContract:
    """What every record promises of notes. Give a ``record`` fixture: an empty store."""

    def test_every_writing_of_a_note_is_kept(self, record: Record) -> None:
        """The history of a note has each text with its time and writer, its removal included, and only its own."""
        run, fence = begun(record)
        own, step = (Owner(kind=kind, seq=run.seq) for kind in (OwnerKind.RUN, OwnerKind.STEP))
        odd = "# los\ud800t\0\r\nline " + "é" * 1000
        record.commit([note(own, "first"), note(own, odd, 1, user=None)])
        record.commit([note(step, "of the step", 2), END], fence=fence)
        record.commit([note(own, None, 3, user="a\ud800")])

        assert record.notes(own) == (
            Note(text="first", at=at(0), user="ada"),
            Note(text=odd, at=at(1)),
            Note(text=None, at=at(3), user="a\ud800"),
        )
        assert record.notes(step) == (Note(text="of the step", at=at(2), user="ada"),)
        assert record.notes(Owner(kind=OwnerKind.STEP, seq=run.seq, step=1)) == ()
        assert record.metadata(own) == ()

    def test_a_deleted_run_takes_its_notes_along(self, record: Record) -> None:
        """What was written about a run and its steps goes with it, and what is about a version of that number stays."""
        run, fence = begun(record)
        new = new_version()
        seq = record.commit([VersionSaved(version=new)]).versions[new.id][0]
        version = Owner(kind=OwnerKind.VERSION, seq=seq)
        own, step = (Owner(kind=kind, seq=run.seq) for kind in (OwnerKind.RUN, OwnerKind.STEP))
        record.commit([note(own, "a"), note(step, "b"), note(version, "c"), END], fence=fence)
        record.delete_run(run.seq)

        assert run.seq == seq
        assert record.notes(own) == record.notes(step) == ()
        assert [one.text for one in record.notes(version)] == ["c"]

    def test_a_note_within_a_batch(self, record: Record) -> None:
        """What is written about a run that the same batch began is there, in the batch and after it."""
        with record.batch():
            run, fence = begun(record)
            own = Owner(kind=OwnerKind.RUN, seq=run.seq)
            record.commit([note(own, "a"), END], fence=fence)
            inside = record.notes(own)

        assert record.notes(own) == inside == (Note(text="a", at=at(0), user="ada"),)
