"""Fill stores with a thousand, a hundred thousand and a million runs, to look for something in them.

    python benchmarks/filling.py --stores DIR 1000 100000 1000000

Runs go in through the record's port, many in one batch. Those of the two smaller stores have ten steps and twelve
artifact versions, those of a larger one two steps and three versions; each has parameters, what its last step noted, a
metric and tags. Before them come twenty runs of twenty pipelines, each of which takes what the one before made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from measure import timed

from runlore.model.artifact import Content
from runlore.model.change import (
    AliasMoved,
    Change,
    Input,
    MetadataSet,
    MetricsLogged,
    NewRun,
    NewStep,
    NewVersion,
    Output,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TaskFinished,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.noun import noun
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord

SIZES = (1_000, 100_000, 1_000_000)
#: More runs than that have two steps each instead of ten.
MANY = 100_000
#: Steps, and so many rows at hand, per commit while filling.
BATCH = 40_000
#: A question for the newest fifty finds at least so many, in the smallest store too.
FOUND = 60
#: Runs whose loss was high, all of them the oldest; more than what counts as a rare match.
OLD = 300
#: How many runs pass a value on, one to the next.
DEEP = 20

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_DEFINITION = '{"name":"training","source":"@pipeline\\ndef training(lr=0.1, depth=3, seed=0): ..."}'
_CONFIG = '{"enable_cache":true,"entry":"train.py","settings":{}}'
_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_FILLED = "filled.json"


@noun
class Filled:
    """A store that was filled: where it is, and what it holds."""

    home: Path
    runs: int
    steps: int
    #: Seconds that filling took.
    seconds: float

    @property
    def file(self) -> Path:
        return self.home / "record.db"


def filled(folder: Path, runs: int) -> Filled:
    """The store of so many runs below a folder, filled unless it is there already."""
    home = folder / str(runs)
    note = home / _FILLED
    if not note.exists():
        home.mkdir(parents=True, exist_ok=True)
        for left in home.glob("record.db*"):  # of a filling that did not come to its end
            left.unlink()
        record = SQLiteRecord(home / "record.db")
        seconds = timed(lambda: fill(record, runs))
        record.close()
        note.write_text(json.dumps({"steps": steps_of(runs), "seconds": seconds}))
    return Filled(home=home, runs=runs, **json.loads(note.read_text()))


def steps_of(runs: int) -> int:
    """Steps per run in a store of so many runs."""
    return 2 if runs > MANY else 10


def spacing(runs: int, share: float) -> int:
    """Every how manieth run is to match, for a share of them to, or `FOUND` where the share would be less."""
    return max(1, runs // max(FOUND, int(runs * share)))


def fill(record: Record, runs: int) -> None:
    """Put this many finished runs into an empty record."""
    random = Random(runs)
    shape = _Shape(runs)
    with record.batch():
        _chain(record, random)
    size = BATCH // shape.steps
    for begin in range(0, runs, size):
        with record.batch(durable=False):
            noted = [_one_run(record, random, shape, number) for number in range(begin, min(begin + size, runs))]
            record.commit(noted)
    newest = record.select(Query(noun="version", conditions=(Condition("artifact", Operator.EQ, "model"),), limit=1))
    at = START + runs * SECOND
    record.commit([AliasMoved(artifact="model", alias="production", version=newest.items[0].seq, at=at)])


class _Shape:
    """What the runs of one store have in common."""

    def __init__(self, runs: int) -> None:
        self.steps = steps_of(runs)
        names = ["load", *(f"clean_{number}" for number in range(1, self.steps - 1)), "train"]
        self.planned = StepsPlanned(
            steps=tuple(_step(index, name, (index - 1,) if index else ()) for index, name in enumerate(names))
        )
        last = ("model", "accuracy", "report") if self.steps > 2 else ("model", "accuracy")
        self.outputs = [*((name.replace("load", "data"),) for name in names[:-1]), last]
        #: Every how manieth run is among the best, and how many of all are.
        self.best = spacing(runs, 0.0001)
        self.good = spacing(runs, 0.01)

    def score(self, random: Random, number: int) -> float:
        """Half are above 0.45, one in a hundred is from 0.9 on, one in ten thousand from 0.99 on."""
        if number % self.best == 0:
            return random.uniform(0.99, 1)
        if number % self.good == self.good // 2:
            return random.uniform(0.9, 0.98)
        return random.uniform(0, 0.9)


def _one_run(record: Record, random: Random, shape: _Shape, number: int) -> MetadataSet:
    """Put a finished run into the record; return what its last step noted."""
    at = START + number * SECOND
    lr, depth, score = random.choice((0.1, 0.01, 0.001)), number // 10 % 10, shape.score(random, number)
    nightly = number % 10 == 3
    # a tenth of the runs each, and only old ones have both
    fold = 4 if nightly and number < 1_000 else number % 10
    loss = 100 + random.random() if number < OLD else random.random()
    new = NewRun(
        id=_id(random),
        pipeline="training",
        fingerprint=b"code",
        definition=_DEFINITION,
        name=f"training-{at:%Y_%m_%d-%H_%M_%S_%f}",
        name_given=False,
        created=at,
        parameters=f'{{"depth":{depth},"fold":{fold},"lr":{lr!r},"seed":{number}}}',
        facts=(("depth", depth), ("fold", fold), ("lr", lr), ("seed", number)),
        config=_CONFIG,
        user="ada",
        host="laptop",
        git_commit=_COMMIT,
        tags=("nightly",) if nightly else ("manual",),
        system_tags=("python:3.11",),
        lease_host="laptop",
    )
    changes: list[Change] = [shape.planned]
    taken: tuple[Input, ...] = ()
    for index, names in enumerate(shape.outputs):
        versions = [_version(random, name) for name in names]
        changes += _steps_end(random, index, at, taken, versions)
        taken = (Input(name=names[0], version=versions[0].id),)
    points = Points(values=(score,), progress=(None,), times=(round(at.timestamp() * 1e6),))
    changes.append(MetricsLogged(step=shape.steps - 1, part=0, series=(("score", points),)))
    status = Status.FAILED if number % shape.good == 1 else Status.COMPLETED
    changes.append(RunFinished(status=status, ended=at + 2 * SECOND, duration=2.0))
    run, _ = record.begin_run(new, also=changes)
    notes = (("accuracy", score), ("loss", loss))
    return MetadataSet(
        owner=Owner(kind=OwnerKind.STEP, seq=run.seq, step=shape.steps - 1),
        values=tuple((key, repr(value)) for key, value in notes),
        at=at,
        facts=notes,
    )


def _steps_end(
    random: Random, index: int, at: datetime, taken: tuple[Input, ...], versions: list[NewVersion]
) -> Iterator[Change]:
    ended = at + SECOND
    yield StepStarted(index=index, at=at)
    yield TaskFinished(
        step=index,
        status=Status.COMPLETED,
        started=at,
        ended=ended,
        key=random.randbytes(32),
        inputs=taken,
        outputs=tuple([Output(name=version.artifact, value=version) for version in versions]),
    )
    yield StepFinished(index=index, status=Status.COMPLETED, ended=ended, duration=1.0)


def _chain(record: Record, random: Random) -> None:
    """Runs of twenty pipelines; what one of them makes is what the next one takes."""
    taken: tuple[Input, ...] = ()
    for depth in range(DEEP):
        at = START - (DEEP - depth) * SECOND
        version = _version(random, f"stage_{depth:02}")
        new = NewRun(
            id=_id(random),
            pipeline=f"stage_{depth:02}",
            fingerprint=b"code",
            definition=f'{{"name":"stage_{depth:02}"}}',
            name=f"stage_{depth:02}",
            name_given=True,
            created=at,
            user="ada",
            lease_host="laptop",
        )
        end = RunFinished(status=Status.COMPLETED, ended=at + SECOND, duration=1.0)
        planned = StepsPlanned(steps=(_step(0, "pass_on", ()),))
        record.begin_run(new, also=[planned, *_steps_end(random, 0, at, taken, [version]), end])
        taken = (Input(name="given", version=version.id),)


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _step(index: int, name: str, upstream: tuple[int, ...]) -> NewStep:
    definition = f'{{"name":"{name}"}}'
    return NewStep(
        index=index,
        name=name,
        definition=definition,
        definition_digest=bytes.fromhex(digest_of(definition.encode())[7:]),
        upstream=upstream,
    )


def _version(random: Random, artifact: str) -> NewVersion:
    payload = random.randbytes(40)
    content = Content(
        materializer="json",
        type="builtins.dict",
        digest=digest_of(payload),
        size=40,
        payload=payload,
        meta='{"length":4}',
    )
    return NewVersion(id=_id(random), artifact=artifact, content=content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="*", default=SIZES, help="how many runs, for each store")
    parser.add_argument("--stores", type=Path, required=True, help="the folder to keep the stores in")
    chosen = parser.parse_args()
    for runs in chosen.runs:
        store = filled(chosen.stores, runs)
        size = store.file.stat().st_size
        print(
            f"{runs:,} runs of {store.steps} steps in {store.home}: {store.seconds / runs * 1000:.3g} ms per run, "
            f"{size / runs / store.steps:.0f} bytes per step",
            flush=True,
        )


if __name__ == "__main__":
    main()
