"""The part of the record's contract about batches: many verbs in one commit, which a store may gather."""

from __future__ import annotations

from typing import Any

import pytest

from runlore.errors import AlreadyExists, LeaseLost, NotFound
from runlore.model.change import (
    Change,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    RunDescribed,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.query import Query
from runlore.model.run import Fence
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import (
    END,
    ask,
    at,
    begun,
    done,
    finished,
    inline,
    new_run,
    new_step,
    new_version,
    step_end,
)

_MEASURED = Points(values=(1.5,), progress=(None,), times=(0,))
_LOST = Points(values=(9.0,), progress=(None,), times=(2,))


class RecordBatchContract:
    """What every record promises to bulk writers. Give a ``record`` fixture: an empty store."""

    def test_a_batch_writes_as_its_parts_would(self, record: Record) -> None:
        """Runs, versions and deletions within a batch are numbered, found and kept as without it."""
        with record.batch():
            runs = [done(record, new_version(), tags=("t",), facts=(("lr", n),)) for n in range(3)]
            assert ask(record, "run", ("parameter:lr", "ge", 1)) == [runs[2].seq, runs[1].seq]
            record.delete_run(runs[1].seq)
            with record.batch():
                runs.append(done(record, new_version()))

        assert [run.number for run in runs] == [1, 2, 3, 4]
        assert ask(record, "run") == [runs[3].seq, runs[2].seq, runs[0].seq]
        assert record.version(4).version == "4"

    def test_a_batch_that_raises_leaves_nothing(self, record: Record) -> None:
        """An error that leaves the block undoes everything in it, and what comes later is written well."""
        kept = done(record, new_version())
        with pytest.raises(ZeroDivisionError), record.batch():
            done(record, new_version("fresh"), tags=("new tag",), facts=(("new key", 1),), pipeline="other")
            raise ZeroDivisionError

        assert ask(record, "run") == [kept.seq] and record.count(Query(noun="artifact")) == 1
        again = done(record, new_version("fresh"), tags=("new tag",), facts=(("new key", 1),))
        assert ask(record, "run", ("parameter:new key", "eq", 1)) == ask(record, "run", ("tag", "eq", "new tag"))
        assert ask(record, "run", ("tag", "eq", "new tag")) == [again.seq] and again.number == 2

    def test_an_error_that_is_caught_within_a_batch_undoes_its_own_part(self, record: Record) -> None:
        """A refused commit leaves nothing of its own, and the rest of the batch is kept."""
        with record.batch():
            first = done(record, new_version(version="gold"), name="mine", name_given=True)
            with pytest.raises(AlreadyExists):
                record.commit(
                    [VersionSaved(version=new_version("lost")), VersionSaved(version=new_version(version="gold"))]
                )
            with pytest.raises(AlreadyExists):
                record.begin_run(new_run("other", name="mine", name_given=True))
            second = done(record, new_version("lost"))

        assert ask(record, "run") == [second.seq, first.seq]
        assert [artifact.name for artifact in record.select(Query(noun="artifact")).items] == ["lost", "model"]
        assert [pipeline.name for pipeline in record.select(Query(noun="pipeline")).items] == ["training"]

    def test_every_verb_does_in_a_batch_what_it_does_alone(self, record: Record) -> None:
        """Steps, retries, maps, notes, tags, logs, hits and refusals come out the same within a batch and without."""
        alone = _history(record, "alone")
        with record.batch():
            together = _history(record, "together")

        told = [_told(record, history) for history in (alone, together)]
        assert told[0] == told[1]

    def test_a_batch_sees_what_it_has_written(self, record: Record) -> None:
        """Reading within a batch finds every change so far, and what was read can be changed on."""
        with record.batch():
            run, fence = begun(record, facts=(("lr", 3),), tags=("t",))
            owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
            assert record.run(run.seq) == run and record.steps(run.seq)[0].status == "pending"
            record.commit([StepStarted(index=0, at=at(1))], fence=fence)
            assert record.steps(run.seq)[0].status == "running"
            record.commit([MetadataSet(owner=owner, values=(("m", "1"),), at=at(1), facts=(("m", 1),))])
            assert ask(record, "run", ("metadata:m", "gt", 0)) == ask(record, "run", ("tag", "eq", "t")) == [run.seq]
            record.commit([MetadataSet(owner=owner, values=(("m", "-1"),), at=at(2), facts=(("m", -1),))])
            record.commit([finished(0, new_version()), step_end(), END], fence=fence)
            assert ask(record, "run", ("metadata:m", "gt", 0)) == [] and record.leases() == ()
            assert [event.status for event in record.events()] == ["running", "running", "completed", "completed"]
            again = done(record, new_version())

        assert (again.number, record.run(run.seq).status) == (2, "completed")
        assert [version.version for version in record.select(Query(noun="version")).items] == ["2", "1"]

    def test_a_refused_commit_puts_back_what_it_changed_in_a_batch(self, record: Record) -> None:
        """A commit that is refused late leaves the runs of its batch, their notes and numbers as they were."""
        with record.batch():
            run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
            owner = Owner(kind=OwnerKind.STEP, seq=run.seq, step=0)
            kept = MetadataSet(owner=owner, values=(("m", "1"),), at=at(1), facts=(("m", 1),))
            measured = MetricsLogged(step=0, part=0, series=(("loss", _MEASURED),))
            record.commit([StepStarted(index=0, at=at(1)), kept, measured, finished(0, new_version())], fence=fence)
            refused: list[Change] = [
                finished(1, new_version("lost", b"2")),
                MetadataSet(owner=owner, values=(("m", "2"),), at=at(2), facts=(("m", 2),)),
                StepsPlanned(steps=(new_step(2, "c"),)),
                TagsChanged(owner=Owner(kind=OwnerKind.RUN, seq=run.seq), add=("lost",)),
                RunDescribed(run=run.seq, git_commit="lost"),
                LogWritten(step=0, item=0, attempt=0, part=0, text="lost"),
                MetricsLogged(step=0, part=1, series=(("loss", _LOST),)),
                step_end(0),
                END,
                finished(1, 4711, attempt=1),
            ]
            with pytest.raises(NotFound):
                record.commit(refused, fence=fence)
            with pytest.raises(LeaseLost):
                record.commit([END], fence=Fence(run=run.seq, token=fence.token + 1))
            record.commit([finished(1, new_version(data=b"3"))], fence=fence)

        assert record.run(run.seq) == run and record.leases()[0].run == run.seq
        assert [step.status for step in record.steps(run.seq)] == ["running", "pending"]
        assert ask(record, "run", ("metadata:m", "eq", 1)) == [run.seq]
        assert [entry.value for entry in record.metadata_history(owner, "m")] == ["1"]
        assert record.tags(Owner(kind=OwnerKind.RUN, seq=run.seq)) == () and record.logs(run.seq, 0) == ()
        assert [(one.count, one.last) for one in record.metrics(run.seq)] == [(1, 1.5)]
        assert ask(record, "run", ("metric:loss", "le", 1.5)) == [run.seq]
        assert [(v.artifact, v.version) for v in record.select(Query(noun="version")).items] == [
            ("model", "2"),
            ("model", "1"),
        ]
        assert [event.status for event in record.events()] == ["running", "running"]

    def test_an_inner_batch_that_raises_leaves_nothing_of_its_own(self, record: Record) -> None:
        """What the outer batch wrote before and writes later is kept."""
        with record.batch():
            first = done(record, new_version())
            with pytest.raises(ZeroDivisionError), record.batch():
                done(record, new_version(), pipeline="lost", tags=("lost",))
                raise ZeroDivisionError
            second = done(record, new_version())

        assert ask(record, "run") == [second.seq, first.seq] and second.number == 2
        assert [version.version for version in record.select(Query(noun="version")).items] == ["2", "1"]
        assert ask(record, "pipeline", ("name", "eq", "lost")) == []

    def test_a_version_is_made_once_within_a_batch_too(self, record: Record) -> None:
        """A version id that is there already changes nothing, whether it came before the batch or in it."""
        before, within = new_version(), new_version(data=b"2", version="gold")
        record.commit([VersionSaved(version=before)])
        with record.batch():
            record.commit([VersionSaved(version=within)])
            receipts = [record.commit([VersionSaved(version=one)]) for one in (before, within)]
            with pytest.raises(AlreadyExists):
                record.commit([VersionSaved(version=new_version(version="gold"))])
            record.commit([VersionSaved(version=new_version(version="7"))])
            with pytest.raises(AlreadyExists):
                record.commit([VersionSaved(version=new_version(version="7"))])

        assert [receipt.versions[one.id] for receipt, one in zip(receipts, (before, within), strict=True)] == [
            (1, "1"),
            (2, "gold"),
        ]
        assert record.count(Query(noun="version")) == 3


def _history(record: Record, name: str) -> tuple[int, int]:
    """Two runs with something of everything."""
    run, fence = record.begin_run(new_run(name))
    step = [Owner(kind=OwnerKind.STEP, seq=run.seq, step=index) for index in range(3)]
    own = Owner(kind=OwnerKind.RUN, seq=run.seq)
    record.commit([StepsPlanned(steps=(new_step(0, "a"), new_step(1, "b", tasks=2), new_step(2, "c")))], fence=fence)
    record.commit([StepsPlanned(steps=(new_step(0, "a"),))], fence=fence)  # there already
    record.commit([StepStarted(index=0, at=at(1)), finished(0, status=Status.FAILED)], fence=fence)
    made = new_version(f"{name} model", tags=("v",), metadata=(("size", "3"),), facts=(("size", 3),))
    ended = finished(0, made, attempt=1, key=name.encode())
    receipts = [record.commit([ended, step_end(0)], fence=fence) for _ in range(2)]
    assert receipts[0] == receipts[1]
    ((seq, _),) = receipts[0].versions.values()
    record.commit([MetadataSet(owner=step[0], values=(("m", "{}"),), at=at(1), facts=(("m.x", 1), ("m.y", 2)))])
    record.commit([MetadataSet(owner=step[1], values=(("m", "5"),), at=at(1), facts=(("m", 5),))])
    record.commit([MetadataSet(owner=step[0], values=(("m", "3"), ("k", "1")), at=at(2), facts=(("m", 3), ("k", 1)))])
    record.commit([MetadataSet(owner=own, values=(("k", "9"),), at=at(3), facts=(("k", 9),))])
    record.commit([MetadataSet(owner=step[2], values=(("k", "2"),), at=at(4), facts=(("k", 2),))])
    record.commit(
        [
            MetadataSet(
                owner=Owner(kind=OwnerKind.VERSION, seq=seq), values=(("size", "4"),), at=at(4), facts=(("size", 4),)
            )
        ]
    )
    record.commit([TagsChanged(owner=own, add=("x", "y"))])
    record.commit([TagsChanged(owner=own, add=("z",), remove=("x",))])
    record.commit([StepStarted(index=1, at=at(2), tasks=2)], fence=fence)
    for item in (1, 0):
        record.commit([finished(1, inline(b"%d" % item), item=item)], fence=fence)
    record.commit([LogWritten(step=1, item=0, attempt=0, part=0, text="hello")], fence=fence)
    record.commit([MetricsLogged(step=0, part=0, series=(("loss", _MEASURED),))], fence=fence)
    record.commit([RunDescribed(run=run.seq, git_commit="abc")])
    record.commit([END], fence=fence)
    record.commit([RunDescribed(run=run.seq, config='{"late":1}')])
    again, fence = begun(record, pipeline=name, tags=("t",))
    hit = finished(0, seq, status=Status.CACHED, origin=(run.seq, 0, 0))
    record.commit([hit, step_end(0, status=Status.CACHED, origin=(run.seq, 0)), END], fence=fence)
    return run.seq, again.seq


def _told(record: Record, history: tuple[int, int]) -> Any:
    """Everything that the record tells about a history, but for numbers that count over all of the record."""
    first = history[0]
    versions = {edge.version: number for number, edge in enumerate(record.edges(first))}

    def shift(seq: int) -> int:
        return seq - first

    told: list[Any] = []
    for run in history:
        row = record.run(run)
        told.append((shift(run), row.number, row.status, row.ended, row.git_commit, row.config, row.pipeline_version))
        steps = record.steps(run)
        told += [(s.name, s.status, s.started, s.ended, s.tasks, s.origin and shift(s.origin[0])) for s in steps]
        told += [(t.step, t.item, t.attempt, t.status, t.ended) for s in steps for t in record.tasks(run, s.index)]
        told += [(e.step, e.item, e.direction, e.position, e.name, versions.get(e.version)) for e in record.edges(run)]
        owners = [Owner(kind=OwnerKind.RUN, seq=run), *(Owner(kind=OwnerKind.STEP, seq=run, step=i) for i in range(3))]
        told += [[(e.key, e.value, e.created) for e in record.metadata(owner)] for owner in owners]
        told += [[tag.name for tag in record.tags(owner)] for owner in owners]
        told += [[chunk.text for chunk in record.logs(run, step.index)] for step in steps]
        told += [(m.name, m.step, m.count, m.last) for m in record.metrics(run)]
        told.append([(e.step, e.item, e.status, e.at) for e in record.events() if e.run == run])
    for condition in (
        *(("metadata:m", "ge", 3), ("metadata:m.x", "null", False), ("metadata:k", "eq", 9), ("metadata:k", "eq", 2)),
        *(("tag", "eq", "x"), ("tag", "eq", "z"), ("metric:loss", "gt", 1), ("created", "le", at(0))),
    ):
        told.append([shift(seq) for seq in ask(record, "run", condition) if seq in history])
    told.append([record.version(seq).version for seq in versions])
    last = record.last_execution(record.run(first).pipeline, "a", before=history[1] + 1)
    told.append(last and (shift(last[0].seq), last[2].attempt))
    return told
