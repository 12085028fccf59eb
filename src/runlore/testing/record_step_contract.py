"""The part of the record's contract about steps and their tasks: what they took, made, printed and noted."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from runlore.errors import NotFound
from runlore.model.artifact import Content, SaveType
from runlore.model.change import (
    Input,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    Output,
    StepsPlanned,
    StepStarted,
    TaskFinished,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Metric, Points
from runlore.model.run import Failure, Usage
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import (
    END,
    ask,
    at,
    begun,
    blob,
    done,
    finished,
    inline,
    new_step,
    new_version,
    step_end,
)

_MEASURED = Points(values=(0.5, 0.125, 0.25), progress=(0, 1, 2), times=(0, 1, 2))


class RecordStepContract:
    """What every record promises about steps and tasks. Give a ``record`` fixture: an empty store."""

    # -- steps, tasks, edges -------------------------------------------------------------------------------------

    def test_steps_come_back_as_planned_and_as_they_went(self, record: Record) -> None:
        """A step keeps its plan, and gains start, end, duration, origin and note."""
        first = done(record)
        run, fence = begun(record, new_step(0, "a", parameters='{"lr":1}', config='{"c":2}'))
        record.commit([StepsPlanned(steps=(new_step(1, "b", upstream=(0,), tasks=3),))], fence=fence)
        record.commit(
            [
                StepStarted(index=0, at=at(1)),
                step_end(0, status=Status.CACHED, origin=(first.seq, 0), cache_note="hit"),
            ],
            fence=fence,
        )

        a, b = record.steps(run.seq)

        assert (a.name, a.parameters, a.config, a.upstream, a.tasks) == ("a", '{"lr":1}', '{"c":2}', (), None)
        assert (a.status, a.started, a.ended, a.duration) == ("cached", at(1), at(3), 1.5)
        assert (a.origin, a.cache_note) == ((first.seq, 0), "hit")
        assert (b.index, b.upstream, b.tasks, b.status, b.started) == (1, (0,), 3, "pending", None)

    def test_definitions_are_stored_once_per_content(self, record: Record) -> None:
        """Two runs of the same step share one definition, which comes back whole."""
        one, two = (record.steps(done(record).seq)[0].definition for _ in range(2))

        assert one == two
        found = record.definition(one)
        assert (found.body, found.digest) == ('{"name":"train"}', sha256(found.body.encode()).digest())
        with pytest.raises(NotFound):
            record.definition(987654)

    def test_every_attempt_is_kept(self, record: Record) -> None:
        """A retried task has all its attempts, with failure and usage, and the inputs of its last one."""
        run, fence = begun(record)
        receipt = record.commit([VersionSaved(version=new_version("data"))])
        ((seq, _),) = receipt.versions.values()
        failure = Failure(type="builtins.OSError", message="no", traceback="tb", state='{"args":["\\u0000"]}')
        usage = Usage(wall=1.5, cpu=0.5, memory=2**40, gpu_memory=None)
        inputs = (Input(name="data", version=seq),)
        record.commit(
            [finished(0, status=Status.FAILED, failure=failure, usage=usage, inputs=inputs)], fence=fence, durable=False
        )
        record.commit([finished(0, attempt=1, inputs=inputs, key=b"k" * 32), step_end()], fence=fence)

        first, second = record.tasks(run.seq, 0)

        assert (first.attempt, first.status, first.failure, first.usage) == (0, "failed", failure, usage)
        assert (second.attempt, second.status, second.key, second.started) == (1, "completed", b"k" * 32, at(1))
        assert [(edge.name, edge.version) for edge in record.edges(run.seq, 0)] == [("data", seq)]
        assert record.tasks(run.seq, 0, 0) == (first, second) and record.tasks(run.seq, 0, 1) == ()

    def test_edges_tell_inputs_and_outputs_in_declared_order(self, record: Record) -> None:
        """A task's edges name parameters, outputs and what was saved by hand, each in order."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        made = new_version("model"), new_version("score", b"2"), new_version("note", b"3", save_type=SaveType.MANUAL)
        task = finished(0, *made[:2])
        saved = Output(name="note", value=made[2], direction="saved")
        record.commit([TaskFinished(**_fields(task) | {"outputs": (*task.outputs, saved)}), step_end()], fence=fence)
        record.commit(
            [
                finished(
                    1,
                    inputs=(Input(name="m", version=made[0].id), Input(name="s.0", version=made[1].id, element=4)),
                ),
                step_end(1),
            ],
            fence=fence,
        )

        outputs = record.edges(run.seq, 0, 0)
        inputs = record.edges(run.seq, 1)

        assert [(e.direction, e.position, e.name) for e in outputs] == [
            ("output", 0, "out0"),
            ("output", 1, "out1"),
            ("saved", 0, "note"),
        ]
        assert [(e.direction, e.position, e.name, e.version, e.element) for e in inputs] == [
            ("input", 0, "m", outputs[0].version, None),
            ("input", 1, "s.0", outputs[1].version, 4),
        ]
        assert record.edges(run.seq) == outputs + inputs
        assert record.consumers(outputs[1].version) == (inputs[1],)
        assert record.version(outputs[1].version).producer == (run.seq, 0, 0, 1)

    def test_an_input_that_does_not_exist_is_refused(self, record: Record) -> None:
        """Reading a version that is not recorded raises `NotFound`, and so does taking one over."""
        _, fence = begun(record)

        with pytest.raises(NotFound):
            record.commit([finished(0, inputs=(Input(name="x", version=uuid4()),))], fence=fence)
        with pytest.raises(NotFound):
            record.commit([finished(0, 12345)], fence=fence)

    def test_a_mapped_step_keeps_its_items_in_a_collection(self, record: Record) -> None:
        """Items come back in order, by slice, through the collection version that the step's end brings."""
        run, fence = begun(record, new_step(0, tasks=3))
        contents = [inline(b"zero"), blob(b"one"), inline(b"two")]
        record.commit([StepStarted(index=0, at=at(1), tasks=3)], fence=fence)
        record.commit([finished(0, contents[2], item=2), finished(0, contents[0], item=0)], fence=fence)
        record.commit([finished(0, contents[1], item=1)], fence=fence)
        whole = Content(materializer="collection", type="builtins.list", digest=digest_of(b"all"), size=10)
        output = Output(name="models", value=new_version("models", content=whole))
        receipt = record.commit([step_end(outputs=(output,))], fence=fence)
        ((seq, _),) = receipt.versions.values()

        items = record.items(seq)

        assert [item.index for item in items] == [0, 1, 2]
        assert [item.content for item in items] == contents
        assert record.items(seq, 1, 2) == items[1:2] and record.items(seq, 1) == items[1:]
        assert record.version(seq).producer == (run.seq, 0, -1, 0)
        assert [edge.version for edge in record.edges(run.seq, 0, -1)] == [seq]
        assert [event.item for event in record.events() if event.item is not None] == [2, 0, 1]

    def test_logs_come_in_parts_of_the_last_attempt(self, record: Record) -> None:
        """Log chunks are read from a part on, of one attempt or of the last that has any, exactly as written."""
        run, fence = begun(record)
        texts = ["1 o a\n", "2 e \ud800\0\n", "3 l é\n"]
        record.commit([LogWritten(step=0, item=0, attempt=0, part=0, text="old")], fence=fence, durable=False)
        record.commit(
            [LogWritten(step=0, item=0, attempt=1, part=part, text=text) for part, text in enumerate(texts)],
            fence=fence,
        )

        assert [chunk.text for chunk in record.logs(run.seq, 0)] == texts
        assert [chunk.part for chunk in record.logs(run.seq, 0, part=1)] == [1, 2]
        assert [chunk.text for chunk in record.logs(run.seq, 0, attempt=0)] == ["old"]
        assert record.logs(run.seq, 0, item=1) == ()

    def test_events_tell_what_changed_in_order(self, record: Record) -> None:
        """A watcher that remembers the last event sees every later one, once."""
        run = done(record)
        events = record.events()

        assert [(event.step, event.status) for event in events] == [
            (None, "running"),
            (0, "running"),
            (0, "completed"),
            (None, "completed"),
        ]
        assert {event.run for event in events} == {run.seq}
        assert record.events(after=events[1].seq) == events[2:]
        assert record.events(limit=1) == events[:1]

    # -- what was taken over ---------------------------------------------------------------------------------------

    def test_a_cached_step_shows_and_is_found_by_what_its_origin_noted(self, record: Record) -> None:
        """Metadata and metrics of a step stand for every step that took its result over, in lists and on the step."""
        first, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        noted = MetadataSet(
            owner=Owner(kind=OwnerKind.STEP, seq=first.seq, step=0),
            values=(("accuracy", "0.93"), ("kind", '"tree"')),
            at=at(1),
            facts=(("accuracy", 0.93), ("kind", "tree")),
        )
        measured = MetricsLogged(step=0, part=0, series=(("loss", _MEASURED),))
        record.commit([finished(0), noted, measured, step_end(0), finished(1), step_end(1), END], fence=fence)
        second, fence = begun(record, new_step(0, "z"), new_step(1, "a"))
        hit = step_end(1, status=Status.CACHED, origin=(first.seq, 0))
        record.commit(
            [finished(0), step_end(0), finished(1, status=Status.CACHED, origin=(first.seq, 0, 0)), hit, END],
            fence=fence,
        )
        owner = Owner(kind=OwnerKind.STEP, seq=second.seq, step=1)

        assert [(entry.key, entry.value) for entry in record.metadata(owner)] == list(noted.values)
        both = [second.seq, first.seq]
        assert ask(record, "run", ("metadata:accuracy", "ge", 0.9)) == both
        assert ask(record, "run", ("metadata:kind", "eq", "tree")) == both
        assert ask(record, "run", ("metric:loss", "lt", 0.5)) == both
        shown = Metric(run=second.seq, step=1, name="loss", count=3, last=0.25, min=0.125, max=0.5)
        assert record.metrics(second.seq) == (shown,)
        record.delete_run(first.seq)
        assert record.metrics(second.seq) == (shown,)
        assert record.metadata(Owner(kind=OwnerKind.STEP, seq=second.seq, step=0)) == ()

    def test_a_runs_own_note_hides_what_its_cached_step_brings(self, record: Record) -> None:
        """A note of the run wins over one that was taken over, as over one of a step; on the step it shows."""
        first, fence = begun(record)
        value = (("accuracy", "0.5"),)
        record.commit(
            [
                finished(),
                MetadataSet(
                    owner=Owner(kind=OwnerKind.STEP, seq=first.seq, step=0),
                    values=value,
                    at=at(1),
                    facts=(("accuracy", 0.5),),
                ),
                step_end(),
                END,
            ],
            fence=fence,
        )
        second, fence = begun(record)
        own = MetadataSet(
            owner=Owner(kind=OwnerKind.RUN, seq=second.seq),
            values=(("accuracy", "1"),),
            at=at(1),
            facts=(("accuracy", 1),),
        )
        late = MetadataSet(
            owner=Owner(kind=OwnerKind.STEP, seq=second.seq, step=0),
            values=(("later", "2"),),
            at=at(5),
            facts=(("later", 2),),
        )
        record.commit([own, step_end(status=Status.CACHED, origin=(first.seq, 0)), late, END], fence=fence)

        assert ask(record, "run", ("metadata:accuracy", "eq", 0.5)) == [first.seq]
        assert ask(record, "run", ("metadata:accuracy", "eq", 1)) == [second.seq]
        shown = record.metadata(Owner(kind=OwnerKind.STEP, seq=second.seq, step=0))
        assert [(entry.key, entry.value) for entry in shown] == [("accuracy", "0.5"), ("later", "2")]


def _fields(change: TaskFinished) -> dict[str, Any]:
    return {name: getattr(change, name) for name in TaskFinished.__dataclass_fields__}

    def test_it_is_known_which_attempts_have_logs(self, record: Record) -> None:
        """Each attempt that wrote is named once, in order; of one step, within a range of items."""
        run, fence = begun(record, new_step(0, "a", tasks=40), new_step(1, "b"))
        places = [(0, 0, 0), (0, 2, 0), (0, 2, 1), (0, 11, 0), (1, 0, 0)]
        record.commit(
            [
                LogWritten(step=step, item=item, attempt=attempt, part=part, text=f"{part} o x\n")
                for part in range(3)
                for step, item, attempt in reversed(places)
            ],
            fence=fence,
        )

        assert record.logged(run.seq) == tuple(places)
        assert record.logged(run.seq, 0) == tuple(places[:4])
        assert record.logged(run.seq, 0, 2) == tuple(places[1:4])
        assert record.logged(run.seq, 0, 2, 11) == tuple(places[1:3])
        assert record.logged(run.seq, 1, 1) == record.logged(run.seq, 2) == record.logged(run.seq + 1) == ()
