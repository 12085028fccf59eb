"""The part of the record's contract about notes, and about reading what is said about many things at once."""

from __future__ import annotations

import math

from runlore.model.change import Change, MetadataSet, MetricsLogged, NoteWritten, VersionSaved
from runlore.model.metadata import Note, Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.noted import Noted
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import END, at, begun, finished, new_step, new_version, step_end


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

    def test_what_is_said_about_many_is_what_is_said_about_each(self, record: Record) -> None:
        """Tags, metadata and metrics of many runs or versions at once are those of each of them, asked one by one."""
        runs: list[int] = []
        for number in range(3):
            run, fence = begun(record, new_step(0, "a"), new_step(1, "b"), tags=("t", f"t{number}"))
            own, step = (Owner(kind=kind, seq=run.seq) for kind in (OwnerKind.RUN, OwnerKind.STEP))
            origin = (runs[-1], 0) if runs else None
            changes: list[Change] = [
                MetadataSet(owner=own, values=(("k", str(number)), ("z", "1")), at=at(1)),
                MetadataSet(owner=own, values=(("k", str(number + 10)),), at=at(2)),
                MetadataSet(owner=step, values=((f"s{number}", "1"), ("lös", "2")), at=at(number)),
            ]
            if number == 0:
                points = Points(values=(2.0, math.nan), progress=(1, 2), times=(1, 2))
                changes += [MetricsLogged(step=0, part=0, series=(("loss", points), ("acc", points)))]
                changes += [MetricsLogged(part=0, series=(("own", points),))]
            status = Status.CACHED if origin else Status.COMPLETED
            ended = finished(0, status=status, origin=origin and (*origin, 0))
            changes += [ended, step_end(0, status=status, origin=origin), finished(1), step_end(1), END]
            record.commit(changes, fence=fence)
            runs.append(run.seq)
        new = new_version(tags=("v",), metadata=(("size", "3"),))
        version = record.commit([VersionSaved(version=new)]).versions[new.id][0]

        found = record.noted(OwnerKind.RUN, [*runs[::-1], 99])
        versions = record.noted(OwnerKind.VERSION, [version])

        assert repr(found) == repr(Record.noted(record, OwnerKind.RUN, [*runs[::-1], 99]))
        assert versions == Record.noted(record, OwnerKind.VERSION, [version])
        assert [tag.name for tag in versions[version].tags] == ["v"]
        last = found[runs[2]]
        assert [tag.name for tag in last.tags] == ["t", "t2"] and found[99] == Noted()
        said = [(step, entry.key, entry.value) for step, entry in last.metadata]
        assert said == [
            (None, "k", "12"), (None, "z", "1"), (0, "s0", "1"), (0, "lös", "2"), (0, "s1", "1"), (0, "s2", "1"),
        ]  # fmt: skip
        assert [(one.step, one.name, one.count) for one in last.metrics] == [(0, "acc", 2), (0, "loss", 2)]
        assert [one.name for one in found[runs[0]].metrics] == ["own", "acc", "loss"]

    def test_a_note_within_a_batch(self, record: Record) -> None:
        """What is written about a run that the same batch began is there, in the batch and after it."""
        with record.batch():
            run, fence = begun(record)
            own = Owner(kind=OwnerKind.RUN, seq=run.seq)
            record.commit([note(own, "a"), END], fence=fence)
            inside = record.notes(own)

        assert record.notes(own) == inside == (Note(text="a", at=at(0), user="ada"),)
