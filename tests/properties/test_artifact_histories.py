"""Any history of saving, running, naming, deleting and pruning leaves what a plain dictionary says, on every record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runlore.errors import AlreadyExists
from runlore.model.artifact import Content, LookedUp, SaveType
from runlore.model.change import AliasMoved, Change, Input, NewVersion, Output, TagsChanged, VersionSaved
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.pruning import PARTS, Pruning
from runlore.model.query import Query
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import File, decode_manifest, encode_manifest
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.prune import Pruner
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import END, at, begun, blob, finished, inline, new_step, new_version, step_end

ARTIFACTS = st.sampled_from(["a", "b"])
KEYS = st.sampled_from([b"k", b"l"])
FORMS = st.sampled_from(["inline", "blob", "tree"])
#: Few, so that versions share them.
DATA = st.integers(0, 4)
PICKS = st.integers(0, 1_000)
KINDS = st.sampled_from([SaveType.MANUAL, SaveType.REGISTERED, SaveType.EXTERNAL])
PRUNINGS = st.builds(
    Pruning,
    part=st.sampled_from(["all", *PARTS]),
    before=st.none() | st.integers(0, 30).map(at),
    keep_last=st.sampled_from([0, 0, 0, 1, 2]),
    manual=st.booleans(),
)


class Shelf(Blobs):
    """Blobs on a dictionary."""

    location = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def writer(self, size: int | None = None) -> Any:
        raise NotImplementedError

    def read(self, digest: str) -> bytes:
        return self.kept[digest]

    path = folder = verify = None  # type: ignore[assignment]

    def has(self, digest: str) -> bool:
        return digest in self.kept

    def list(self) -> list[tuple[str, int]]:
        return [(digest, len(data)) for digest, data in self.kept.items()]

    def delete(self, digest: str) -> int:
        return len(self.kept.pop(digest, b""))

    def sweep(self) -> int:
        return 0


Shelf.__abstractmethods__ = frozenset()


@dataclass
class Known:
    """What should be known of a version."""

    artifact: str
    label: str
    content: Content
    kind: SaveType
    created: datetime
    origin: UUID | None = None
    items: tuple[Content, ...] = ()
    tags: set[str] = field(default_factory=set)
    deleted: bool = False


@dataclass
class Ran:
    """What should be known of a run: its key, what it made or took over, and all that it names."""

    key: bytes
    outputs: tuple[UUID, ...]
    names: frozenset[UUID]


class Expected:
    """The model: versions in the order of making, runs, aliases, and what pruning means for them."""

    def __init__(self) -> None:
        self.versions: dict[UUID, Known] = {}
        self.runs: dict[int, Ran] = {}
        self.aliases: dict[tuple[str, str], UUID] = {}
        self.reached = {"a": 0, "b": 0}
        self.marked: dict[UUID, tuple[str, bool]] = {}
        self.spared: set[Content] = set()

    def label(self, artifact: str, wanted: str | None) -> str | None:
        """How a new version will be called; ``None`` if that is taken."""
        if wanted is None:
            self.reached[artifact] += 1
            return str(self.reached[artifact])
        if any(known.artifact == artifact and known.label == wanted for known in self.versions.values()):
            return None
        if wanted.isdigit():
            self.reached[artifact] = max(self.reached[artifact], int(wanted))
        return wanted

    def there(self) -> list[UUID]:
        return [id for id, known in self.versions.items() if not known.deleted]

    def newest(self, artifact: str, count: int) -> list[UUID]:
        return [id for id, known in self.versions.items() if known.artifact == artifact][-count:] if count else []

    def prunable(self, pruning: Pruning) -> list[UUID]:
        used = {id for run in self.runs.values() for id in run.names} | set(self.aliases.values())
        used |= {known.origin for known in self.versions.values() if known.origin and not known.deleted}
        return [
            id
            for id, known in self.versions.items()
            if id not in used
            and id not in self.marked
            and (pruning.manual or known.kind not in (SaveType.MANUAL, SaveType.REGISTERED))
            and (pruning.before is None or known.created < pruning.before)
            and id not in self.newest(known.artifact, pruning.keep_last)
            and not (known.deleted and pruning.part == "artifact")
        ]

    def mark(self, ids: list[UUID], part: str) -> None:
        for id in ids:
            self.marked[id] = (part, self.versions[id].deleted)
            self.versions[id].deleted = True

    def use(self, ids: frozenset[UUID]) -> None:
        for id in ids & self.marked.keys():
            _, self.versions[id].deleted = self.marked.pop(id)

    def finish(self) -> None:
        """What is marked goes."""
        for id, (part, was) in self.marked.items():
            known = self.versions[id]
            if part == "metadata" and not was:
                self.spared.update((known.content, *known.items))
            known.items = ()
            if part != "artifact":
                del self.versions[id]
        self.marked.clear()

    def contents(self) -> set[Content]:
        """Everything whose bytes are needed."""
        marked = {id for id, (_, was) in self.marked.items() if not was}
        holders = [known for id, known in self.versions.items() if not known.deleted or id in marked]
        return self.spared | {content for known in holders for content in (known.content, *known.items)}


class ArtifactHistories(RuleBasedStateMachine):
    """Any history agrees with the model after every step, and every prune takes exactly what the model says."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.now = 0
        clock: Callable[[], datetime] = lambda: at(self.now)  # noqa: E731
        file = SQLiteRecord(Path(self.folder.name) / "record.db", durability="relaxed", clock=clock)
        self.both: tuple[tuple[Record, Shelf], ...] = ((MemoryRecord(clock=clock), Shelf()), (file, Shelf()))
        self.expected = Expected()
        self.seqs: dict[UUID, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "both"):
            self.both[1][0].close()
            self.folder.cleanup()

    # -- what everybody does -----------------------------------------------------------------------------------------

    def tick(self) -> datetime:
        self.now += 1
        return at(self.now)

    def stored(self, data: int, form: str) -> Content:
        """Bytes put away as a writer does it, the mark first; two trees share a file."""
        files = {b"%d" % data: digest_of(b"%d" % data)}
        whole = next(iter(files))
        if form == "inline":
            return inline(whole)
        if form == "tree":
            files |= {b"part %d" % (data % 2): digest_of(b"part %d" % (data % 2))}
            named = [File(f"file-{n}", digest, len(data)) for n, (data, digest) in enumerate(files.items())]
            whole = encode_manifest(named)
            files[whole] = digest_of(whole)
        for record, shelf in self.both:
            for one, digest in files.items():
                record.spare(digest)
                shelf.kept[digest] = one
        return blob(whole, form)

    def know(self, new: NewVersion, label: str, items: tuple[Content, ...] = ()) -> None:
        content = changed(new.content, payload=None)
        items = tuple(changed(item, payload=None) for item in items)
        self.expected.versions[new.id] = Known(
            new.artifact, label, content, new.save_type, at(self.now), new.origin, items
        )

    def made(self, record: Record, *new: NewVersion) -> None:
        there = {version.id: version.seq for version in record.select(Query(noun="version", limit=1_000)).items}
        for version in new:
            assert self.seqs.setdefault(version.id, there[version.id]) == there[version.id]

    def pick(self, number: int, *, also_marked: bool = False) -> UUID | None:
        there = self.expected.there()
        if also_marked:  # whoever took it before it was marked, and says so only now
            there += [id for id, (_, was) in self.expected.marked.items() if not was]
        return there[number % len(there)] if there else None

    # -- the steps of a history --------------------------------------------------------------------------------------

    @rule(artifact=ARTIFACTS, data=DATA, form=FORMS, kind=KINDS, wanted=st.sampled_from([None, None, None, "x", "7"]))
    def save(self, artifact: str, data: int, form: str, kind: SaveType, wanted: str | None) -> None:
        self.tick()
        new = new_version(artifact, content=self.stored(data, form), save_type=kind, version=wanted)
        label = self.expected.label(artifact, wanted)
        for record, _ in self.both:
            if label is None:
                with pytest.raises(AlreadyExists):
                    record.commit([VersionSaved(version=new)])
            else:
                record.commit([VersionSaved(version=new)])
                self.made(record, new)
        if label is not None:
            self.know(new, label)

    @rule(artifact=ARTIFACTS, data=DATA, form=FORMS, key=KEYS, taken=PICKS, looked_up=st.booleans())
    def run(self, artifact: str, data: int, form: str, key: bytes, taken: int, looked_up: bool) -> None:
        """A run that takes a version as an input, or looks it up, and makes one."""
        ended = self.tick()
        new = new_version(artifact, content=self.stored(data, form))
        source = self.pick(taken, also_marked=True)
        names = frozenset([new.id] if source is None else [new.id, source])
        given: dict[str, Any] = {}
        if source is not None:
            known, seq = self.expected.versions[source], self.seqs[source]
            look = LookedUp(artifact=known.artifact, asked=known.label, version=seq)
            given = {"looked_up": (look,)} if looked_up else {"inputs": (Input(name="x", version=seq),)}
        self.expected.use(names)
        self.commit_run(finished(0, new, key=None if looked_up else key, ended=ended, **given), step_end(), new=new)
        self.know(new, str(self.expected.label(artifact, None)))
        self.expected.runs[self.last] = Ran(key if not looked_up else b"", (new.id,), names)

    def commit_run(self, *changes: Change, new: NewVersion | None = None, tasks: int | None = None) -> None:
        for record, _ in self.both:
            run, fence = begun(record, new_step(tasks=tasks))
            record.commit([*changes, END], fence=fence)
            self.last = run.seq
            if new is not None:
                self.made(record, new)

    @rule(artifact=ARTIFACTS, items=st.lists(st.tuples(DATA, FORMS), min_size=1, max_size=3))
    def run_mapped(self, artifact: str, items: list[tuple[int, str]]) -> None:
        """A run of a mapped step, whose collection has items for bytes."""
        ended = self.tick()
        contents = [self.stored(data, form) for data, form in items]
        whole = changed(inline(b"".join(one.digest.encode() for one in contents)), materializer="collection")
        new = new_version(artifact, content=whole)
        tasks = [finished(0, content, item=number, ended=ended) for number, content in enumerate(contents)]
        end = step_end(ended=ended, outputs=(Output(name="out0", value=new),))
        self.commit_run(*tasks, end, new=new, tasks=len(items))
        self.know(new, str(self.expected.label(artifact, None)), tuple(contents))
        self.expected.runs[self.last] = Ran(b"", (new.id,), frozenset([new.id]))

    @rule(key=KEYS, renamed=st.booleans())
    def hit(self, key: bytes, renamed: bool) -> None:
        """The newest run with the key whose outputs are there serves another one, also under another name."""
        ended = self.tick()
        serving = [
            run
            for run in self.expected.runs.values()
            if run.key == key and not any(self.expected.versions[id].deleted for id in run.outputs)
        ]
        for record, _ in self.both:
            found = record.cached(key)
            served = () if found is None else tuple(value.id for _, value in found.outputs)  # type: ignore[union-attr]
            assert served == (serving[-1].outputs if serving else ())
        if not serving:
            return
        [id] = serving[-1].outputs
        source = self.expected.versions[id]
        other = "b" if source.artifact == "a" else "a"
        new = new_version(other, content=source.content, origin=source.origin or id) if renamed else None
        self.commit_run(finished(0, new or self.seqs[id], key=key, ended=ended), step_end(), new=new)
        if new is not None:
            self.know(new, str(self.expected.label(other, None)))
        output = id if new is None else new.id
        self.expected.runs[self.last] = Ran(key, (output,), frozenset([output]))

    @rule(number=PICKS, alias=st.sampled_from(["gold", "best"]))
    def move_alias(self, number: int, alias: str) -> None:
        id = self.pick(number, also_marked=True)
        if id is not None:
            known = self.expected.versions[id]
            self.expected.use(frozenset([id]))
            self.expected.aliases[known.artifact, alias] = id
            self.move(known.artifact, alias, self.seqs[id])

    @precondition(lambda self: self.expected.aliases)
    @rule(number=PICKS)
    def take_alias_away(self, number: int) -> None:
        held = sorted(self.expected.aliases)
        artifact, alias = held[number % len(held)]
        del self.expected.aliases[artifact, alias]
        self.move(artifact, alias, None)

    def move(self, artifact: str, alias: str, version: int | None) -> None:
        now = self.tick()
        for record, _ in self.both:
            record.commit([AliasMoved(artifact=artifact, alias=alias, version=version, at=now)])

    @rule(number=PICKS, tag=st.sampled_from(["red", "blue"]), there=st.booleans())
    def tag(self, number: int, tag: str, there: bool) -> None:
        id = self.pick(number)
        if id is not None:
            owner, named = Owner(kind=OwnerKind.VERSION, seq=self.seqs[id]), (tag,)
            for record, _ in self.both:
                record.commit([TagsChanged(owner=owner, add=named if there else (), remove=() if there else named)])
            (self.expected.versions[id].tags.add if there else self.expected.versions[id].tags.discard)(tag)

    @precondition(lambda self: self.expected.runs)
    @rule(number=PICKS)
    def delete_run(self, number: int) -> None:
        seq = list(self.expected.runs)[number % len(self.expected.runs)]
        del self.expected.runs[seq]
        for record, _ in self.both:
            record.delete_run(seq)

    @rule(pruning=PRUNINGS, beside=st.sampled_from([False, False, True]))
    def prune(self, pruning: Pruning, beside: bool) -> None:
        """A prune takes what the model says, and foretells it; beside a run, it only marks."""
        going = self.expected.prunable(pruning)
        self.expected.mark(going, pruning.part)
        if not beside:
            self.expected.finish()
        held = ["somebody"] if beside else []
        for record, shelf in self.both:
            pruner = Pruner(record, shelf, lambda: held)
            foretold = pruner.preview(pruning)
            pruned = pruner.prune(pruning, threads=1)

            assert [one.seq for one in pruned.versions] == [self.seqs[id] for id in going]
            assert changed(foretold, dry_run=False) == pruned
            assert pruned.errors == ()
            if not beside:
                self.assert_bytes(record, shelf, exactly=True)
                assert record.marks() == () and record.dead() == {}
        self.seqs = {id: seq for id, seq in self.seqs.items() if id in self.expected.versions}

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def versions_agree(self) -> None:
        versions = self.expected.versions
        for record, shelf in self.both:
            found = record.select(Query(noun="version", limit=1_000)).items
            assert {v.id: (v.artifact, v.version, v.deleted) for v in found} == {
                id: (known.artifact, known.label, known.deleted) for id, known in versions.items()
            }
            for id, known in versions.items():
                owner = Owner(kind=OwnerKind.VERSION, seq=self.seqs[id])
                assert {tag.name for tag in record.tags(owner)} == known.tags
            aliases = {(one.artifact, one.name): one.version for name in "ab" for one in record.aliases(name)}
            assert aliases == {alias: self.seqs[id] for alias, id in self.expected.aliases.items()}
            self.assert_bytes(record, shelf)
            assert [finding for finding in record.check() if not finding.harmless] == []

    def assert_bytes(self, record: Record, shelf: Shelf, *, exactly: bool = False) -> None:
        """What is needed is there; ``exactly``: and nothing else."""
        needed = self.expected.contents()
        payloads = {one.digest for one in needed if one.form == "inline" and one.materializer != "collection"}
        collections = {one.digest for one in needed if one.materializer == "collection"}
        blobs = {one.digest for one in needed if one.form != "inline"}
        assert blobs <= shelf.kept.keys()
        blobs |= {digest for one in needed if one.form == "tree" for digest in _named(shelf.kept[one.digest])}
        there = {digest for digest, _ in record.payloads()}
        assert payloads <= there and blobs <= shelf.kept.keys()
        if exactly:
            assert there - collections == payloads and shelf.kept.keys() == blobs


def _named(manifest: bytes) -> set[str]:
    return {file.digest for file in decode_manifest(manifest, digest_of(manifest))}


TestArtifactHistories = ArtifactHistories.TestCase
TestArtifactHistories.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.mark.slow
class TestManyArtifactHistories(ArtifactHistories.TestCase):  # type: ignore[misc]
    """The same, longer and more often."""

    settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
