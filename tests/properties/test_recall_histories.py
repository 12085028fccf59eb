"""Any history of runs, notes, tags, aliases, deletes and prunes: any question gets the answer of plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from runlore.errors import AlreadyExists
from runlore.model.artifact import SaveType
from runlore.model.change import (
    AliasMoved,
    Change,
    Input,
    MetadataSet,
    MetricsLogged,
    NewVersion,
    RunDescribed,
    RunFinished,
    StepFinished,
    StepsPlanned,
    TagsChanged,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.noun import changed
from runlore.model.pruning import Pruning
from runlore.model.query import Query
from runlore.model.run import Fence
from runlore.model.status import Status
from runlore.recall.client import Client
from runlore.recall.listing import Listing
from runlore.recall.reader import Reader
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.ownership import Ownership
from runlore.record.port import Record
from runlore.record.prune import Pruner
from runlore.record.sql import lists, zones
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.settings import Settings
from runlore.testing.record_questions import MOMENTS, NAMES, NUMBERS, WORDS, id_of, queries
from runlore.testing.record_stories import at, finished, inline, new_run, new_step
from runlore.testing.record_world import STEP_NAMES, Thing, World
from runlore.values.facts import facts
from runlore.workspace import Workspace

PICKS = st.integers(0, 1_000)
TEXTS = st.sampled_from(WORDS)
PLAIN = st.sampled_from([*NUMBERS, *WORDS])
VALUES = PLAIN | st.dictionaries(st.sampled_from(["x", "y"]), PLAIN | st.just([1]), max_size=2)
TIMES = st.sampled_from(MOMENTS)
STEPS = st.sampled_from([None, 0, 1])
ENDS = st.sampled_from([status for status in Status if status.finished and status is not Status.SKIPPED])
#: What tags may be: no control characters, and text that is UTF-8.
WORN = st.sampled_from([word for word in WORDS if word.isprintable() and word])
TAGS = st.lists(WORN, max_size=2, unique=True).map(tuple)
ARTIFACTS = st.sampled_from(["a", "ab"])
LABELS = st.sampled_from([None, None, None, "x", "7", "gold"])
FLOATS = st.lists(
    st.sampled_from([0.5, -1.0, 2.0, 1e300, float("nan"), float("inf"), float("-inf")]), min_size=1, max_size=2
)


class RecallHistories(RuleBasedStateMachine):
    """Whatever happened, both records answer any question as the dictionaries do, page by page and as a list."""

    @initialize()
    def open(self) -> None:
        self.closing = ExitStack()
        patch = self.closing.enter_context(pytest.MonkeyPatch.context())
        # so few rows are common already, and so few runs a block, that short histories walk as long ones do
        patch.setattr(zones, "SIZE", 2)
        patch.setattr(lists, "ENOUGH", 2)
        self.folder = Path(self.closing.enter_context(TemporaryDirectory()))
        self.now = 0
        self.made = 0
        self.clock: Callable[[], datetime] = lambda: at(self.now)
        self.world = World()
        self.memory = MemoryRecord(clock=self.clock)
        self.reopen()

    @rule()
    def reopen(self) -> None:
        """The file is closed, and opened by somebody else."""
        if hasattr(self, "file"):
            self.file.close()
        self.file = SQLiteRecord(self.folder / "record.db", durability="relaxed", clock=self.clock)
        self.records: tuple[Record, ...] = (self.memory, self.file)
        where = Settings(home=self.folder, durability="relaxed", progress="quiet")
        ownership = Ownership(self.folder / "leases")
        places = [Workspace(where, record, ownership) for record in self.records]
        self.clients, self.readers = [Client(place) for place in places], [Reader(place) for place in places]

    def teardown(self) -> None:
        if hasattr(self, "closing"):
            with self.closing:
                for record in self.records:
                    wrong = [finding for finding in record.check() if not finding.harmless]
                    # which looks for blocks of the usual size
                    assert [finding for finding in wrong if not finding.rule.endswith("outside-zone")] == [], wrong
                self.file.close()

    # -- what everybody does -----------------------------------------------------------------------------------------

    def number(self) -> int:
        self.made += 1
        self.now += 1
        return self.made

    def commit(self, *changes: Change, run: Thing | None = None) -> None:
        for record in self.records:
            record.commit(changes, fence=None if run is None else Fence(run=run["seq"], token=1))

    def runs(self, *, running: bool) -> list[Thing]:
        return [run for run in self.world.runs if (run["status"] is Status.RUNNING) is running]

    # -- the steps of a history --------------------------------------------------------------------------------------

    @rule(
        count=st.integers(1, 4),
        batch=st.booleans(),
        pipeline=st.sampled_from(["a", "A", "b"]),
        code=st.sampled_from([b"1", b"2"]),
        created=TIMES,
        user=st.none() | TEXTS,
        commit=st.none() | TEXTS,
        origin=st.none() | PICKS.map(lambda number: number % 5),
        tags=TAGS,
        parameters=st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=2),
        noted=st.none() | st.tuples(STEPS, st.sampled_from(["m", "loss"]), VALUES),
        values=st.none() | FLOATS,
        end=st.none() | ENDS,
    )
    def begin(
        self,
        count: int,
        batch: bool,
        pipeline: str,
        code: bytes,
        created: datetime,
        user: str | None,
        commit: str | None,
        origin: int | None,
        tags: tuple[str, ...],
        parameters: dict[str, Any],
        noted: tuple[int | None, str, Any] | None,
        values: list[float] | None,
        end: Status | None,
    ) -> None:
        """Some runs that are alike begin, one by one or in a batch, and perhaps end there."""
        with ExitStack() as stack:
            if batch:
                for record in self.records:
                    stack.enter_context(record.batch())
            for _ in range(count):
                number = self.number()
                given: dict[str, Any] = {
                    **{"id": id_of(number), "name": f"run-{number}", "created": created, "user": user, "host": commit},
                    **{"git_commit": commit, "origin": None if origin is None else id_of(origin), "tags": tags},
                    **{"system_tags": ("system",), "fingerprint": code},
                }
                new = new_run(pipeline, facts=tuple(parameters.items()), name_given=True, **given)
                run = self.world.begin(pipeline, parameters=list(parameters.items()), **given)
                planned = StepsPlanned(steps=tuple(new_step(index, name) for index, name in enumerate(STEP_NAMES)))
                for record in self.records:
                    begun, _ = record.begin_run(new, also=[planned])
                    assert run.setdefault("seq", begun.seq) == begun.seq
                    assert begun.number == run["number"]
                if noted is not None:
                    self.note_run(run, *noted)
                if values is not None:
                    self.measure_run(run, 0, "loss", values)
                if end is not None:
                    self.end_run(run, end, created, 0.5)
        self.learn_ids("pipeline")

    @precondition(lambda self: self.world.runs)
    @rule(pick=PICKS, step=STEPS, key=st.sampled_from(["m", "loss", "m.x"]), value=VALUES)
    def note(self, pick: int, step: int | None, key: str, value: Any) -> None:
        """A run or a step of it is told something, also after its end."""
        self.note_run(self.world.runs[pick % len(self.world.runs)], step, key, value)

    def note_run(self, run: Thing, step: int | None, key: str, value: Any) -> None:
        kind = OwnerKind.RUN if step is None else OwnerKind.STEP
        owner = Owner(kind=kind, seq=run["seq"], step=step or 0)
        self.commit(MetadataSet(owner=owner, values=((key, repr(value)),), at=at(self.now), facts=facts(key, value)))
        self.world.note(run, step, key, value)

    @precondition(lambda self: self.runs(running=True))
    @rule(pick=PICKS, step=STEPS, name=st.sampled_from(["loss", "m"]), values=FLOATS)
    def measure(self, pick: int, step: int | None, name: str, values: list[float]) -> None:
        """A running run or a step of it measures."""
        running = self.runs(running=True)
        self.measure_run(running[pick % len(running)], step, name, values)

    def measure_run(self, run: Thing, step: int | None, name: str, values: list[float]) -> None:
        times = [round(at(self.now).timestamp() * 1e6)] * len(values)
        points = Points(values=values, progress=[None] * len(values), times=times)
        self.commit(MetricsLogged(step=step, part=self.number(), series=((name, points),)), run=run)
        self.world.measure(run, step, name, values)

    @precondition(lambda self: self.runs(running=True) and self.runs(running=False))
    @rule(pick=PICKS, step=st.sampled_from([0, 1]), origin=PICKS, origin_step=st.sampled_from([0, 1]))
    def take_over(self, pick: int, step: int, origin: int, origin_step: int) -> None:
        """A step of a running run ends with what a step of an earlier run noted and measured."""
        running, ended = self.runs(running=True), self.runs(running=False)
        run, source = running[pick % len(running)], ended[origin % len(ended)]
        if step in run.setdefault("ended steps", []):
            return
        run["ended steps"].append(step)
        place = (source["seq"], origin_step)
        self.commit(StepFinished(index=step, status=Status.CACHED, ended=at(self.now), origin=place), run=run)
        self.world.take_over(run, step, source, origin_step)

    @precondition(lambda self: self.runs(running=True))
    @rule(pick=PICKS, end=ENDS, ended=TIMES, duration=st.none() | st.sampled_from([0.0, 0.5, 2.5]))
    def end(self, pick: int, end: Status, ended: datetime, duration: float | None) -> None:
        """A run ends."""
        running = self.runs(running=True)
        self.end_run(running[pick % len(running)], end, ended, duration)

    def end_run(self, run: Thing, end: Status, ended: datetime, duration: float | None) -> None:
        self.commit(RunFinished(status=end, ended=ended, duration=duration), run=run)
        run |= {"status": end, "ended": ended, "duration": duration}

    @precondition(lambda self: self.world.runs)
    @rule(pick=PICKS, commit=TEXTS)
    def describe(self, pick: int, commit: str) -> None:
        """What git says is told later."""
        run = self.world.runs[pick % len(self.world.runs)]
        self.commit(RunDescribed(run=run["seq"], git_commit=commit))
        run["git_commit"] = commit

    @precondition(lambda self: self.runs(running=False))
    @rule(pick=PICKS)
    def delete(self, pick: int) -> None:
        """A run is deleted; what it made stays."""
        ended = self.runs(running=False)
        run = ended[pick % len(ended)]
        for record in self.records:
            record.delete_run(run["seq"])
        self.world.runs.remove(run)

    @rule(noun=st.sampled_from(["run", "run", "version", "pipeline", "artifact"]), pick=PICKS, add=TAGS, remove=TAGS)
    def tag(self, noun: str, pick: int, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
        """Something gets and loses tags; those of the system stay."""
        things = self.world.things[noun]
        if not things:
            return
        thing = things[pick % len(things)]
        self.commit(TagsChanged(owner=self.owner(noun, thing), add=add, remove=remove))
        tags = thing["tag"]
        thing["tag"] = {name: system for name, system in tags.items() if system or name not in remove}
        thing["tag"] = {name: False for name in add} | thing["tag"]

    def owner(self, noun: str, thing: Thing) -> Owner:
        return Owner(kind=OwnerKind(noun), seq=thing["seq" if noun in ("run", "version") else "id"])

    def learn_ids(self, noun: str) -> None:
        """Pipelines and artifacts are numbered by the record."""
        for record in self.records:
            for one in record.select(Query(noun=noun, limit=1_000)).items:
                thing = self.world.named(noun, one.name)
                assert thing is not None and thing.setdefault("id", one.id) == one.id

    @rule(
        artifact=ARTIFACTS,
        wanted=LABELS,
        data=TEXTS,
        tags=TAGS,
        value=st.none() | VALUES,
        kind=st.sampled_from([SaveType.MANUAL, SaveType.EXTERNAL]),
        within=st.booleans(),
        pick=PICKS,
    )
    def save(
        self,
        artifact: str,
        wanted: str | None,
        data: str,
        tags: tuple[str, ...],
        value: Any,
        kind: SaveType,
        within: bool,
        pick: int,
    ) -> None:
        """A version is made, by hand or by a run that reads another one."""
        running, number = self.runs(running=True), self.number()
        run = running[pick % len(running)] if within and running else None
        content = inline(data.encode("utf-8", "surrogatepass"))
        found = () if value is None else facts("m", value)
        new = NewVersion(
            id=id_of(number), artifact=artifact, content=content, version=wanted, tags=tags, save_type=kind,
            metadata=() if value is None else (("m", repr(value)),), facts=found,
        )  # fmt: skip
        there = [version for version in self.world.versions if not version["deleted"]]
        taken = there[pick % len(there)] if there and run is not None else None
        task = finished(0, new, item=number, ended=at(self.now))
        if taken is not None:
            task = changed(task, inputs=(Input(name="x", version=taken["seq"]),))
        known = self.world.make(
            artifact,
            wanted,
            at(self.now),
            **{"id": new.id, "tag": dict.fromkeys(tags, False), "save_type": str(kind), "type": content.type},
            **{"materializer": content.materializer, "artifact_type": content.artifact_type, "size": content.size},
            **{"digest": content.digest, "run": None if run is None else run["seq"]},
        )
        change: Change = VersionSaved(version=new) if run is None else task
        if known is None:
            for record in self.records:
                with pytest.raises(AlreadyExists):
                    record.commit([change], fence=None if run is None else Fence(run=run["seq"], token=1))
            return
        if value is not None:
            self.world.note(known, None, "m", value)
        for record in self.records:
            receipt = record.commit([change], fence=None if run is None else Fence(run=run["seq"], token=1))
            seq, label = receipt.versions[new.id]
            assert (known.setdefault("seq", seq), known["version"]) == (seq, label)
        self.learn_ids("artifact")
        if run is not None:
            run["names"] += [known] if taken is None else [known, taken]

    @precondition(lambda self: self.world.versions)
    @rule(pick=PICKS, key=st.sampled_from(["m", "m.x"]), value=VALUES)
    def note_version(self, pick: int, key: str, value: Any) -> None:
        """A version is told something."""
        version = self.world.versions[pick % len(self.world.versions)]
        found = facts(key, value)
        self.commit(
            MetadataSet(owner=self.owner("version", version), values=((key, "0"),), at=at(self.now), facts=found)
        )
        self.world.note(version, None, key, value)

    @precondition(lambda self: any(not version["deleted"] for version in self.world.versions))
    @rule(pick=PICKS, alias=st.sampled_from(["gold", "é", "x"]), away=st.booleans())
    def alias(self, pick: int, alias: str, away: bool) -> None:
        """A version takes an alias over, or loses it."""
        there = [version for version in self.world.versions if not version["deleted"]]
        version = there[pick % len(there)]
        artifact = version["artifact"]
        held = self.world.aliases.setdefault(artifact, {})
        moved = AliasMoved(artifact=artifact, alias=alias, version=None if away else version["seq"], at=at(self.now))
        labelled = any(one["artifact"] == artifact and one["version"] == alias for one in self.world.versions)
        if labelled and not away:
            for record in self.records:
                with pytest.raises(AlreadyExists):
                    record.commit([moved])
            return
        self.commit(moved)
        held.pop(alias, None)
        if not away:
            held[alias] = version

    @rule(bytes_only=st.booleans(), manual=st.booleans())
    def prune(self, bytes_only: bool, manual: bool) -> None:
        """What nothing refers to goes, or only its bytes do."""
        going = [
            version
            for version in self.world.unused()
            if (manual or version["save_type"] != "manual") and not (bytes_only and version["deleted"])
        ]
        pruning = Pruning(part="artifact" if bytes_only else "all", manual=manual)
        for record in self.records:
            pruned = Pruner(record, LocalBlobs(self.folder / "blobs"), lambda: []).prune(pruning, threads=1)
            assert [one.seq for one in pruned.versions] == [version["seq"] for version in going]
        for version in going:
            version["deleted"] = True
            if not bytes_only:
                self.world.versions.remove(version)

    # -- questions ---------------------------------------------------------------------------------------------------

    @rule(asked=st.lists(queries(), min_size=2, max_size=8))
    def ask(self, asked: list[Query]) -> None:
        """Any question, in pages of any size: the right things in the right order, and their number."""
        for query in asked:
            expected = [name_of(query.noun, thing) for thing in self.world.answer(query)]
            for record in self.records:
                assert pages(record, query) == expected, (record, query)
                assert record.count(query) == len(expected), (record, query)

    @rule(
        query=queries(), bounds=st.tuples(*[st.none() | st.integers(-6, 6)] * 2), step=st.sampled_from([None, 1, 2, -1])
    )
    def listed(self, query: Query, bounds: tuple[int | None, int | None], step: int | None) -> None:
        """The answers as a list: how many, in both directions, by place, in slices, and whether one is among them."""
        expected = [name_of(query.noun, thing) for thing in self.world.answer(query)]
        for reader in self.readers:
            found: Listing[Any] = Listing(reader.record, query, getattr(reader, query.noun), what=query.noun)
            everything = Listing(reader.record, Query(noun=query.noun), getattr(reader, query.noun), what=query.noun)
            part = slice(*bounds, step)
            assert (len(found), bool(found)) == (len(expected), bool(expected))
            assert keys_of(query, found[part]) == expected[part]
            assert keys_of(query, found) == expected
            assert keys_of(query, reversed(found)) == expected[::-1]
            for handle in everything:
                assert (handle in found) is (key_of(query.noun, handle) in expected)
            assert keys_of(query, map(found.__getitem__, range(-len(expected), len(expected)))) == expected * 2
            with pytest.raises(IndexError):
                found[len(expected)]

    @rule(tag=WORN, status=st.sampled_from(list(Status)), number=st.sampled_from([0, 1, 2.5]))
    def ask_the_client(self, tag: str, status: Status, number: float) -> None:
        """What people ask a client for, with the words they use."""
        runs, versions = self.world.runs[::-1], self.world.versions[::-1]
        lr = [(run, [value for key, value in run["parameters"] if key == "lr"]) for run in runs]
        for client in self.clients:
            assert [run.id for run in client.list_pipeline_runs()] == [run["id"] for run in runs]
            found = client.list_pipeline_runs(tag=f"equals:{tag}", status=status)
            assert [run.id for run in found] == [
                run["id"] for run in runs if tag in run["tag"] and run["status"] is status
            ]
            found = client.list_pipeline_runs(parameters=[f"lr:gte:{number}"])
            assert [run.id for run in found] == [
                run["id"] for run, values in lr if any(not isinstance(v, str) and v >= number for v in values)
            ]
            for pipeline in client.list_pipelines():
                own = [run["id"] for run in runs if run["pipeline"] == pipeline.name]
                assert [run.id for run in pipeline.runs] == own and len(pipeline.runs) == len(own)
            for artifact in client.list_artifacts():
                made = [version["version"] for version in versions if version["artifact"] == artifact.name]
                assert [version.version for version in artifact.versions] == made


def key_of(noun: str, found: Any) -> Any:
    """What tells things of one kind apart, in a record."""
    return found.id if noun in ("run", "version") else found.name


def keys_of(query: Query, found: Iterable[Any]) -> list[Any]:
    """The same of several."""
    return [key_of(query.noun, one) for one in found]


def name_of(noun: str, thing: Thing) -> Any:
    """The same in the model."""
    return thing["id"] if noun in ("run", "version") else thing["name"]


def pages(record: Record, query: Query) -> list[Any]:
    """Every page, joined; all but the last one are full."""
    found: list[Any] = []
    while True:
        page = record.select(query)
        found += [key_of(query.noun, noun) for noun in page.items]
        if page.cursor is None:
            return found
        assert len(page.items) == query.limit
        query = changed(query, after=page.cursor)


TestRecallHistories = RecallHistories.TestCase
TestRecallHistories.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.mark.slow
class TestManyRecallHistories(RecallHistories.TestCase):  # type: ignore[misc]
    """The same, longer and more often."""

    settings = settings(max_examples=500, stateful_step_count=50, deadline=None)
