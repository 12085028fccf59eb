"""The contract of a record, as tests: subclass `RecordContract`, give it a ``record`` fixture, and pytest runs it.

Rules that need two openings of one store are in `SharedRecordContract`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from runlore.errors import AlreadyExists, LeaseLost, NotFound, StoreError
from runlore.model.change import (
    Change,
    LogWritten,
    MetadataSet,
    RunDescribed,
    RunFinished,
    StepStarted,
    TagsChanged,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind, Tag
from runlore.model.noun import changed
from runlore.model.query import Query
from runlore.model.run import Failure, Fence, Run
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_alias_contract import RecordAliasContract
from runlore.testing.record_batch_contract import RecordBatchContract
from runlore.testing.record_elsewhere_contract import RecordElsewhereContract
from runlore.testing.record_lease_contract import RecordLeaseContract
from runlore.testing.record_lineage_contract import RecordLineageContract
from runlore.testing.record_metric_contract import RecordMetricContract
from runlore.testing.record_note_contract import RecordNoteContract
from runlore.testing.record_picture_contract import RecordPictureContract
from runlore.testing.record_prune_contract import RecordPruneContract
from runlore.testing.record_query_contract import RecordQueryContract
from runlore.testing.record_range_contract import RecordRangeContract
from runlore.testing.record_search_contract import RecordSearchContract
from runlore.testing.record_step_contract import RecordStepContract
from runlore.testing.record_stories import (
    END,
    START,
    ask,
    at,
    begun,
    done,
    finished,
    new_run,
    new_step,
    new_version,
    step_end,
)
from runlore.testing.record_version_contract import RecordVersionContract


class RecordContract(
    RecordPruneContract,
    RecordQueryContract,
    RecordRangeContract,
    RecordSearchContract,
    RecordStepContract,
    RecordVersionContract,
    RecordMetricContract,
    RecordNoteContract,
    RecordAliasContract,
    RecordLeaseContract,
    RecordLineageContract,
    RecordPictureContract,
    RecordBatchContract,
    RecordElsewhereContract,
):
    """What every record promises. Give a ``record`` fixture: an empty store."""

    @pytest.fixture(autouse=True)
    def nothing_is_wrong_afterwards(self, record: Record) -> Any:
        """Every story ends with a store in which all invariants hold."""
        yield
        assert [finding for finding in record.check() if not finding.harmless] == []

    # -- runs ----------------------------------------------------------------------------------------------------

    def test_a_new_run_is_running_numbered_and_owned(self, record: Record) -> None:
        """A run that begins is running, first of its pipeline, and has a lease."""
        new = new_run(
            parameters='{"lr":0.1}',
            config='{"a":1}',
            environment=digest_of(b"env"),
            code=digest_of(b"code"),
            user="ada",
            host="h",
            git_commit="abc",
            origin=uuid4(),
            trigger="{}",
            lease_host="h",
            lease_boot="b",
            lease_pid=7,
            lease_born=9,
        )

        run, fence = record.begin_run(new)

        assert run == Run(
            seq=run.seq,
            id=new.id,
            pipeline="training",
            pipeline_version=1,
            number=1,
            name=new.name,
            status=Status.RUNNING,
            created=START,
            parameters='{"lr":0.1}',
            config='{"a":1}',
            environment=digest_of(b"env"),
            code=digest_of(b"code"),
            user="ada",
            host="h",
            git_commit="abc",
            origin=new.origin,
            trigger="{}",
        )
        assert record.run(run.seq) == run
        (lease,) = record.leases()
        assert (lease.run, lease.run_id, lease.token) == (run.seq, new.id, fence.token)
        assert (lease.host, lease.boot, lease.pid, lease.born) == ("h", "b", 7, 9)

    def test_numbers_count_within_the_pipeline_and_seq_over_all(self, record: Record) -> None:
        """Runs are numbered 1, 2, … within their pipeline, while seq grows over all of them."""
        runs = [record.begin_run(new_run(name))[0] for name in ("a", "b", "a", "a")]

        assert [run.number for run in runs] == [1, 1, 2, 3]
        assert sorted({run.seq for run in runs}) == [run.seq for run in runs]

    def test_the_version_grows_when_the_code_differs_from_the_last(self, record: Record) -> None:
        """A pipeline's version grows by one exactly when a run's fingerprint differs from that of the last run."""
        versions = [
            record.begin_run(new_run(fingerprint=code))[0].pipeline_version for code in (b"1", b"1", b"2", b"1")
        ]

        assert versions == [1, 1, 2, 3]

    def test_a_taken_given_name_is_refused_and_nothing_is_written(self, record: Record) -> None:
        """A run name that the user chose and that is taken raises, and leaves no trace."""
        record.begin_run(new_run(name="mine", name_given=True))

        with pytest.raises(AlreadyExists, match="mine"):
            record.begin_run(new_run("other", name="mine", name_given=True))

        assert record.count(Query(noun="run")) == 1
        assert ask(record, "pipeline", ("name", "eq", "other")) == []

    def test_a_taken_made_up_name_gets_a_suffix(self, record: Record) -> None:
        """A name made from a template takes the suffix -2, -3, … when it is taken."""
        names = [record.begin_run(new_run(name="auto"))[0].name for _ in range(3)]

        assert names == ["auto", "auto-2", "auto-3"]

    def test_a_run_ends_once_and_loses_its_lease(self, record: Record) -> None:
        """A finished run keeps its end, has no lease, and takes no more changes."""
        run, fence = begun(record)
        failure = Failure(type="builtins.ValueError", message="\ud800 nul \0", traceback="…")
        end = RunFinished(
            status=Status.FAILED,
            ended=at(5),
            duration=5.25,
            failure=failure,
            outputs='{"x":[0,0]}',
            rest=Status.SKIPPED,
        )
        record.commit([end], fence=fence)

        ended = record.run(run.seq)

        assert (ended.status, ended.ended, ended.duration) == (Status.FAILED, at(5), 5.25)
        assert (ended.failure, ended.outputs) == (failure, '{"x":[0,0]}')
        assert record.leases() == ()
        with pytest.raises(LeaseLost):
            record.commit([END], fence=fence)
        assert record.run(run.seq) == ended

    def test_steps_left_over_take_the_given_end(self, record: Record) -> None:
        """When a run ends, a pending step is skipped; a running one cannot be skipped any more and is cancelled."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"), new_step(2, "c"))
        record.commit([StepStarted(index=0, at=at(1)), finished(0), step_end(0)], fence=fence)
        record.commit([StepStarted(index=1, at=at(1)), END], fence=fence)

        assert [step.status for step in record.steps(run.seq)] == ["completed", "cancelled", "skipped"]

    def test_a_run_can_be_described_while_it_runs(self, record: Record) -> None:
        """Facts gathered late are filled in; those not given stay."""
        run, fence = begun(record, git_commit="abc")
        record.commit([RunDescribed(run=run.seq, environment=digest_of(b"e"), config='{"late":1}')], fence=fence)

        told = record.run(run.seq)

        assert (told.environment, told.config, told.git_commit) == (digest_of(b"e"), '{"late":1}', "abc")

    def test_a_run_can_be_described_after_its_end(self, record: Record) -> None:
        """What was gathered beside a run needs no fence, changes nothing else, and is dropped when the run is gone."""
        run, fence = begun(record)
        record.commit([END], fence=fence)
        ended = record.run(run.seq)

        record.commit([RunDescribed(run=run.seq, git_commit="abc")])
        assert record.run(run.seq) == changed(ended, git_commit="abc")

        record.delete_run(run.seq)
        record.commit([RunDescribed(run=run.seq, git_commit="def")])

    def test_pipeline_rows_count_their_runs(self, record: Record) -> None:
        """A pipeline tells its version, how many runs are recorded, and the last number given."""
        for _ in range(3):
            done(record)
        (pipeline,) = record.select(Query(noun="pipeline")).items

        assert (pipeline.name, pipeline.version, pipeline.runs, pipeline.last_number) == ("training", 1, 3, 3)
        assert pipeline.created == START

    # -- ownership -----------------------------------------------------------------------------------------------

    def test_a_wrong_token_writes_nothing(self, record: Record) -> None:
        """A commit whose fence does not hold raises and applies none of its changes."""
        run, fence = begun(record)

        with pytest.raises(LeaseLost):
            record.commit([StepStarted(index=0, at=at(1)), END], fence=Fence(run=run.seq, token=fence.token + 1))

        assert record.run(run.seq).status == "running"
        assert record.steps(run.seq)[0].status == "pending"

    def test_run_bound_changes_need_a_fence(self, record: Record) -> None:
        """What belongs to a run is refused without proof of owning it."""
        begun(record)

        with pytest.raises(StoreError, match="fence"):
            record.commit([StepStarted(index=0, at=at(1))])

    def test_interrupting_ends_the_run_of_a_dead_owner_once(self, record: Record) -> None:
        """Interrupting marks run and running steps interrupted, pending ones skipped; a second time it does nothing."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        record.commit([StepStarted(index=0, at=at(1))], fence=fence)
        (lease,) = record.leases()

        assert record.interrupt(lease, at(4)) is True
        assert record.interrupt(lease, at(5)) is False

        assert (record.run(run.seq).status, record.run(run.seq).ended) == ("interrupted", at(4))
        assert [step.status for step in record.steps(run.seq)] == ["interrupted", "skipped"]
        assert record.leases() == ()
        with pytest.raises(LeaseLost):
            record.commit([END], fence=fence)

    # -- atomicity -----------------------------------------------------------------------------------------------

    def test_a_commit_that_fails_midway_leaves_nothing(self, record: Record) -> None:
        """When a later change of a commit is refused, the earlier ones are not there either."""
        run, fence = begun(record)
        record.commit([VersionSaved(version=new_version(version="gold"))])
        events = record.events()
        changes: list[Change] = [
            StepStarted(index=0, at=at(1)),
            LogWritten(step=0, item=0, attempt=0, part=0, text="hello"),
            TagsChanged(owner=Owner(kind=OwnerKind.RUN, seq=run.seq), add=("new-tag",)),
            finished(0, new_version("fresh"), new_version("model", b"2", version="gold")),
        ]

        with pytest.raises(AlreadyExists, match="gold"):
            record.commit(changes, fence=fence)

        assert record.steps(run.seq)[0].status == "pending"
        assert record.tasks(run.seq, 0) == () and record.logs(run.seq, 0) == ()
        assert record.tags(Owner(kind=OwnerKind.RUN, seq=run.seq)) == ()
        assert record.count(Query(noun="version")) == 1 and record.count(Query(noun="artifact")) == 1
        assert record.events() == events
        assert record.payload(digest_of(b"2")) is None

        record.commit(changes[:3] + [finished(0, new_version("fresh"))], fence=fence)  # what was interned is not stale
        assert record.tags(Owner(kind=OwnerKind.RUN, seq=run.seq)) == (Tag(name="new-tag"),)
        assert record.version(2).artifact == "fresh"

    def test_a_repeated_commit_is_harmless(self, record: Record) -> None:
        """The same changes twice give the same receipt and the same store."""
        run, fence = begun(record)
        changes: list[Change] = [StepStarted(index=0, at=at(1)), finished(0, new_version()), step_end()]

        first = record.commit(changes, fence=fence)
        story = (record.steps(run.seq), record.tasks(run.seq, 0), record.edges(run.seq), record.events())
        second = record.commit(changes, fence=fence)

        assert first == second and len(first.versions) == 1
        assert (record.steps(run.seq), record.tasks(run.seq, 0), record.edges(run.seq), record.events()) == story
        assert record.count(Query(noun="version")) == 1

    def test_a_final_task_and_step_do_not_change(self, record: Record) -> None:
        """A second end of a task or step is ignored, with all that it brings."""
        run, fence = begun(record)
        record.commit([finished(0, new_version()), step_end()], fence=fence)
        record.commit(
            [finished(0, new_version("late"), status=Status.FAILED), step_end(status=Status.FAILED)], fence=fence
        )

        assert record.tasks(run.seq, 0)[0].status == "completed"
        assert record.steps(run.seq)[0].status == "completed"
        assert ask(record, "artifact", ("name", "eq", "late")) == []

    def test_ending_a_step_that_was_never_planned_is_refused(self, record: Record) -> None:
        """Steps and tasks that nobody planned raise `NotFound`."""
        _, fence = begun(record)
        unknown: Sequence[Change] = (StepStarted(index=5, at=at(1)), step_end(5), finished(5))

        for change in unknown:
            with pytest.raises(NotFound):
                record.commit([change], fence=fence)

    # -- deleting ------------------------------------------------------------------------------------------------

    def test_a_deleted_run_is_gone_and_its_versions_stay(self, record: Record) -> None:
        """Deleting a run removes everything about it but its versions; its seq and number are not used again."""
        made = new_version()
        first = done(record, made, key=b"k", tags=("t",), facts=(("lr", 1),))
        kept = done(record)
        record.commit([MetadataSet(owner=Owner(kind=OwnerKind.RUN, seq=first.seq), values=(("m", "1"),), at=at(1))])
        record.delete_run(first.seq)

        with pytest.raises(NotFound):
            record.run(first.seq)
        assert record.steps(first.seq) == () and record.edges(first.seq) == () and record.tasks(first.seq, 0) == ()
        assert record.tags(Owner(kind=OwnerKind.RUN, seq=first.seq)) == ()
        assert record.metadata(Owner(kind=OwnerKind.RUN, seq=first.seq)) == ()
        assert ask(record, "run") == [kept.seq] and ask(record, "run", ("parameter:lr", "eq", 1)) == []
        assert record.count(Query(noun="run")) == 1 and record.cached(b"k") is None
        assert ask(record, "version", ("id", "eq", made.id)) == [1]
        record.delete_run(kept.seq)
        last = max(event.seq for event in record.events())
        again = done(record)
        assert (again.seq, again.number) == (kept.seq + 1, 3)
        assert min(event.seq for event in record.events(after=last)) > last

    def test_a_running_run_cannot_be_deleted(self, record: Record) -> None:
        """A run that somebody owns is refused, an unknown one too."""
        run, _ = begun(record)

        with pytest.raises(StoreError, match="running"):
            record.delete_run(run.seq)
        with pytest.raises(NotFound):
            record.delete_run(999)

    # -- threads -------------------------------------------------------------------------------------------------

    def test_threads_write_side_by_side(self, record: Record) -> None:
        """Runs begun and versions saved by several threads at once are all there, numbered without gaps."""
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(5):
                    done(record, new_version())
            except BaseException as error:
                errors.append(error)

        _together([work] * 4)

        assert errors == []
        assert sorted(run.number for run in record.select(Query(noun="run")).items) == list(range(1, 21))
        versions = record.select(Query(noun="version")).items
        assert sorted(int(version.version) for version in versions) == list(range(1, 21))


class SharedRecordContract:
    """What stores promise that outlive a process. Give an ``open_record`` fixture: each call opens the same store."""

    def test_what_was_committed_is_there_after_reopening(self, open_record: Callable[[], Record]) -> None:
        """Closing and opening again changes nothing, the store's own id included."""
        first = open_record()
        run = done(first, new_version(), tags=("t",))
        first.close()

        again = open_record()

        assert again.id == first.id and again.run(run.seq) == run
        assert ask(again, "run", ("tag", "eq", "t")) == [run.seq]
        assert list(again.check()) == []

    def test_two_openings_see_each_other(self, open_record: Callable[[], Record]) -> None:
        """Commits through one opening are seen and counted on by the other."""
        one, two = open_record(), open_record()
        run, fence = begun(one)
        two.commit([VersionSaved(version=new_version())])
        receipt = one.commit([finished(0, new_version(data=b"2"))], fence=fence)

        assert [text for _, text in receipt.versions.values()] == ["2"]
        assert two.run(run.seq).status == "running" and len(two.leases()) == 1

    def test_a_batch_is_seen_by_others_as_a_whole(self, open_record: Callable[[], Record]) -> None:
        """Another opening sees nothing of a batch until it ends, and then all of it."""
        one, two = open_record(), open_record()
        with one.batch():
            runs = [done(one).seq for _ in range(3)]
            assert two.count(Query(noun="run")) == 0

        assert ask(two, "run", descending=False) == runs

    def test_a_taken_over_run_shuts_its_owner_out(self, open_record: Callable[[], Record]) -> None:
        """Once another opening interrupted a run, its owner writes nothing more."""
        owner, other = open_record(), open_record()
        run, fence = begun(owner)
        assert other.interrupt(other.leases()[0], at(2))

        with pytest.raises(LeaseLost):
            owner.commit([finished(0, new_version()), step_end()], fence=fence)

        assert other.count(Query(noun="version")) == 0 and owner.run(run.seq).status == "interrupted"


def _together(work: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
