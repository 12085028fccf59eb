"""Writers, runs and prunes interleaved at random: nothing that is referred to is ever lost, and nothing else stays."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runlore.errors import NotFound, StoreError
from runlore.model.artifact import SaveType
from runlore.model.change import AliasMoved, Input, VersionSaved
from runlore.model.digest import digest_of
from runlore.model.pruning import Pruning
from runlore.model.query import Query
from runlore.model.run import Lease
from runlore.record.blobs.port import Blobs
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.prune import Pruner
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import END, at, begun, blob, finished, inline, new_version, step_end

Actor = Generator[None, None, None]


class Shelf(Blobs):
    """Blobs on a dictionary. Whatever is read or deleted first lets others act."""

    location = "memory"

    def __init__(self, pause: Callable[[], None]) -> None:
        self.kept: dict[str, bytes] = {}
        self._pause = pause

    def writer(self, size: int | None = None) -> Any:
        raise NotImplementedError

    def read(self, digest: str) -> bytes:
        return self.kept[digest]

    path = folder = verify = None  # type: ignore[assignment]

    def has(self, digest: str) -> bool:
        return digest in self.kept

    def list(self) -> list[tuple[str, int]]:
        self._pause()
        return [(digest, len(data)) for digest, data in self.kept.items()]

    def delete(self, digest: str) -> int:
        return len(self.kept.pop(digest, b""))

    def sweep(self) -> int:
        return 0


Shelf.__abstractmethods__ = frozenset()


class Paused:
    """A record whose verbs first let others act."""

    def __init__(self, record: Record, pause: Callable[[], None]) -> None:
        self._record, self._pause = record, pause

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._record, name)

        def verb(*args: Any, **given: Any) -> Any:
            self._pause()
            return found(*args, **given)

        return verb


class World:
    """One record, its blobs, and whoever acts on them."""

    def __init__(self, record: Record, seed: int) -> None:
        self.record = record
        self.random = random.Random(seed)
        self.blobs = Shelf(self.pause)
        self.leases: set[str] = set()
        self.actors: list[tuple[str, Actor]] = []
        self.steps = self.count = self.pruning = 0
        self.prunes = 0

    def pause(self) -> None:
        """Somebody else acts, a few times; maybe another prune begins."""
        while self.random.random() < 0.6:
            self.act()

    def held(self) -> frozenset[str]:
        self.pause()
        found = frozenset(self.leases)
        self.pause()
        return found

    def act(self) -> None:
        self.steps += 1
        if len(self.actors) < 6 and self.random.random() < 0.3:
            self.count += 1
            name = f"lease-{self.count}"
            kind = self.random.choice([self.save, self.save, self.run, self.run, self.hit, self.tidy, self.alias])
            self.actors.append((name, kind(name)))
        elif self.pruning < 2 and self.random.random() < 0.03:
            self.prune()
        elif self.actors:
            number = self.random.randrange(len(self.actors))
            name, actor = self.actors[number]
            if self.random.random() < 0.02:  # killed
                actor.close()
            elif next(actor, "over") != "over":
                return
            self.actors.pop(number)
            self.leases.discard(name)

    def prune(self, wanted: Pruning | None = None) -> None:
        self.pruning += 1
        self.sweep()
        if wanted is None:
            wanted = Pruning(manual=self.random.random() < 0.2, keep_last=self.random.choice([0, 0, 0, 2]))
        pruner = Pruner(Paused(self.record, self.pause), self.blobs, self.held)  # type: ignore[arg-type]
        pruner.prune(wanted, threads=1)
        self.pruning -= 1
        self.prunes += 1
        self.check()

    def sweep(self) -> None:
        """Runs whose owner was killed are interrupted, as whoever opens a record does it."""
        for lease in self.record.leases():
            if lease.host not in self.leases:
                self.record.interrupt(Lease(**{n: getattr(lease, n) for n in lease.__dataclass_fields__}), at(9))

    def check(self) -> None:
        """Everything that is referred to is there, and has its bytes."""
        payloads = {digest for digest, _ in self.record.payloads()}
        for digest, form in self.record.references():
            assert digest in (payloads if form == "inline" else self.blobs.kept), (digest, form)
        for run in self.record.select(Query(noun="run", limit=1_000)).items:
            for edge in self.record.edges(run.seq):
                assert not self.record.version(edge.version).deleted

    # -- who acts: each yields between two steps that others may come between --------------------------------------

    def put(self, data: bytes) -> Actor:
        """As a blob's writer does it: the mark first, then the file."""
        self.record.spare(digest_of(data))
        yield
        self.blobs.kept[digest_of(data)] = data
        yield

    def made(self, **given: Any) -> Any:
        data = b"%d" % self.random.randrange(12)
        content = self.random.choice([blob, blob, inline])(data)
        return data, content, new_version(self.random.choice("ab"), content=content, **given)

    def save(self, lease: str) -> Actor:
        """A save outside runs."""
        self.leases.add(lease)
        yield
        kind = self.random.choice([SaveType.MANUAL, SaveType.EXTERNAL, SaveType.EXTERNAL])
        data, content, new = self.made(save_type=kind)
        if content.form == "blob":
            yield from self.put(data)
        self.record.commit([VersionSaved(version=new)])
        yield

    def run(self, lease: str) -> Actor:
        """A run that takes a version it looked up, and makes another one."""
        self.leases.add(lease)
        yield
        there = [v.seq for v in self.record.select(Query(noun="version")).items if not v.deleted]
        taken = self.random.choice(there) if there else None
        yield
        _, fence = begun(self.record, lease_host=lease)
        yield
        data, content, new = self.made()
        if content.form == "blob":
            yield from self.put(data)
        inputs = () if taken is None else (Input(name="x", version=taken),)
        key = self.random.choice([b"k", b"l", None])
        self.record.commit([finished(0, new, inputs=inputs, key=key), step_end()], fence=fence)
        yield
        self.record.commit([END], fence=fence)

    def hit(self, lease: str) -> Actor:
        """A run that is served from the cache."""
        self.leases.add(lease)
        yield
        _, fence = begun(self.record, lease_host=lease)
        found = self.record.cached(self.random.choice([b"k", b"l"]))
        yield
        yield
        if found is not None:
            outputs = [value.seq for _, value in found.outputs if hasattr(value, "seq")]
            self.record.commit([finished(0, *outputs, key=b"m"), step_end()], fence=fence)
            yield
        self.record.commit([END], fence=fence)

    def tidy(self, lease: str) -> Actor:
        """Somebody deletes runs."""
        for run in self.record.select(Query(noun="run", limit=20)).items:
            if run.status.finished and self.random.random() < 0.5:
                with suppress(NotFound):  # somebody else was quicker
                    self.record.delete_run(run.seq)
            yield

    def alias(self, lease: str) -> Actor:
        self.leases.add(lease)
        yield
        there = [v for v in self.record.select(Query(noun="version")).items if not v.deleted]
        if there:
            chosen = self.random.choice(there)
            yield
            change = AliasMoved(
                artifact=chosen.artifact, alias="gold", version=self.random.choice([chosen.seq, None]), at=at(1)
            )
            self.record.commit([change])
        yield

    def finish(self) -> None:
        """Everybody is killed. Two prunes later, exactly what is referred to is left."""
        for _, actor in self.actors:
            actor.close()
        self.actors.clear()
        self.leases.clear()
        self.act = lambda: None  # type: ignore[method-assign]
        self.prune(Pruning())
        self.prune(Pruning())
        assert self.record.prunable(Pruning()).versions == ()
        assert set(self.blobs.kept) == {d for d, form in self.record.references() if form != "inline"}
        assert {d for d, _ in self.record.payloads()} == {d for d, form in self.record.references() if form == "inline"}
        assert self.record.marks() == () and self.record.dead() == {}
        assert list(self.record.check()) == []


@pytest.fixture(params=["memory", "sqlite"])
def make_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[int], Record]]:
    opened: list[Record] = []

    def make(number: int) -> Record:
        new = MemoryRecord() if request.param == "memory" else SQLiteRecord(
            tmp_path / f"{number}.db", durability="relaxed"
        )  # fmt: skip
        opened.append(new)
        return new

    yield make
    for record in opened:
        record.close()


def lived(record: Record, seed: int, steps: int) -> World:
    world = World(record, seed)
    while world.steps < steps:
        try:
            world.act()
        except StoreError as error:  # a run was deleted, say, before its end came
            raise AssertionError(f"seed {seed}: {error}") from error
    world.check()
    world.finish()
    return world


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_nothing_stays(make_record: Callable[[int], Record], seed: int) -> None:
    """However saves, runs, hits, deletes and prunes fall between each other, what is referred to has its bytes."""
    world = lived(make_record(0), seed, 700)

    assert world.prunes > 5


@pytest.mark.slow
def test_nothing_is_lost_in_many_steps(make_record: Callable[[int], Record]) -> None:
    """The same, for as many steps as a minute allows."""
    memory = isinstance(make_record(0), MemoryRecord)
    for seed in range(1, 800 if memory else 110):
        lived(make_record(seed), seed + 1_000, 700)
