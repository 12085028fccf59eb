"""The contract of a record, about what happened elsewhere: runs and versions of another record, written here."""

from __future__ import annotations

from runlore.model.change import RunFinished, StepFinished, StepsPlanned, StepStarted, VersionSaved
from runlore.model.query import Query
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import ask, at, begun, finished, inline, new_run, new_step, new_version


class RecordElsewhereContract:
    """What every record promises about what it is told of other records."""

    def test_a_run_from_elsewhere_leaves_the_pipelines_version_alone(self, record: Record) -> None:
        """It has the pipeline's version of its own record and the next number; the next run here goes on as before."""
        for fingerprint in (b"one", b"two"):
            begun(record, fingerprint=fingerprint)
        told, _ = record.begin_run(new_run(fingerprint=b"other", pipeline_version=7))
        assert (told.number, told.pipeline_version) == (3, 7)
        (pipeline,) = record.select(Query(noun="pipeline")).items
        assert (pipeline.version, pipeline.last_number, pipeline.runs) == (2, 3, 3)

        assert begun(record, fingerprint=b"two")[0].pipeline_version == 2

    def test_a_pipeline_that_is_only_known_from_elsewhere_goes_on_from_its_version(self, record: Record) -> None:
        """The first run here of other code has the version after that."""
        told, _ = record.begin_run(new_run(fingerprint=b"one", pipeline_version=7))
        assert told.pipeline_version == 7

        assert begun(record, fingerprint=b"one")[0].pipeline_version == 7
        assert begun(record, fingerprint=b"two")[0].pipeline_version == 8

    def test_a_version_can_tell_when_it_was_made(self, record: Record) -> None:
        """With ``created`` a saved version and an output bear that time, and ranges find them by it."""
        run, fence = begun(record, new_step())
        record.commit(
            [
                VersionSaved(version=new_version("saved", created=at(-500))),
                StepStarted(index=0, at=at(1)),
                finished(0, new_version("output", data=b"2", created=at(-400))),
                StepFinished(index=0, status=Status.COMPLETED, ended=at(3)),
                RunFinished(status=Status.COMPLETED, ended=at(4)),
            ],
            fence=fence,
        )

        created = {one.artifact: one.created for one in record.select(Query(noun="version")).items}
        assert created == {"saved": at(-500), "output": at(-400)}

    def test_a_version_can_come_without_its_bytes(self, record: Record) -> None:
        """It reads as one whose bytes were deleted, keeps what is known of it, and no payload is kept."""
        content = inline(b"far away")
        record.commit([VersionSaved(version=new_version(content=content, deleted=True))])
        (found,) = record.select(Query(noun="version")).items

        assert found.deleted and found.content.digest == content.digest
        assert ask(record, "version", ("deleted", "eq", True)) == [found.seq]
        assert record.payload(content.digest) is None
        assert list(record.payloads()) == []

    def test_a_batch_takes_a_finished_run_from_elsewhere(self, record: Record) -> None:
        """Within a batch the same holds: version, times and missing bytes are as told."""
        version = new_version(created=at(-400), deleted=True)
        with record.batch():
            run, _ = record.begin_run(
                new_run(pipeline_version=3),
                also=[
                    StepsPlanned(steps=(new_step(),)),
                    StepStarted(index=0, at=at(1)),
                    finished(0, version),
                    StepFinished(index=0, status=Status.COMPLETED, ended=at(3)),
                    RunFinished(status=Status.COMPLETED, ended=at(4)),
                ],
            )
        (found,) = record.select(Query(noun="version")).items

        assert record.run(run.seq).pipeline_version == 3
        assert (found.created, found.deleted, found.producer) == (at(-400), True, (run.seq, 0, 0, 0))
