"""What it costs to find something among a thousand, a hundred thousand and a million runs.

Each store is filled through the record's port: runs of two steps that made three versions, with their inputs and
outputs, three parameters, two values that a step noted, and two tags. Questions go through the client, as users ask
them; each finds equally many runs in every store.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from measure import Row, alternately, emptied, python, timed

from runlore.client import Client
from runlore.model.artifact import Content
from runlore.model.change import (
    Input,
    MetadataSet,
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
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.workspace import default_workspace

SIZES = (1_000, 100_000, 1_000_000)
#: Runs per commit while filling.
BATCH = 20_000
#: Runs whose loss was high, all of them the oldest; more than what counts as a rare match.
OLD = 300
#: Runs whose accuracy is outstanding, spread over the whole store.
RARE = 60

_START = datetime(2026, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DEFINITION = '{"name":"training","source":"@pipeline\\ndef training(lr=0.1, depth=3, seed=0): ..."}'
_CONFIG = '{"enable_cache":true,"entry":"train.py","settings":{}}'


def fill(record: Record, runs: int) -> None:
    """Put this many finished runs into an empty record."""
    random = Random(runs)
    for begin in range(0, runs, BATCH):
        with record.batch(durable=False):
            numbers = range(begin, min(begin + BATCH, runs))
            record.commit([_one_run(record, random, number, number % max(1, runs // RARE) == 0) for number in numbers])


def _one_run(record: Record, random: Random, number: int, outstanding: bool) -> MetadataSet:
    """Put a finished run into the record; return what its second step noted."""
    at = _START + number * _SECOND
    lr, depth = random.choice((0.1, 0.01, 0.001)), number % 10
    accuracy = 0.99 if outstanding else random.uniform(0.5, 0.95)
    loss = 100.0 + random.random() if number < OLD else random.random()
    parameters = f'{{"depth":{depth},"lr":{lr!r},"seed":{number}}}'
    new = NewRun(
        id=_id(random),
        pipeline="training",
        fingerprint=b"code",
        definition=_DEFINITION,
        name=f"training-{at:%Y_%m_%d-%H_%M_%S_%f}",
        name_given=False,
        created=at,
        parameters=parameters,
        facts=(("depth", depth), ("lr", lr), ("seed", number)),
        config=_CONFIG,
        user="ada",
        host="laptop",
        git_commit="0123456789abcdef0123456789abcdef01234567",
        tags=("nightly",) if number % 10 == 0 else ("manual",),
        system_tags=("python:3.11",),
        lease_host="laptop",
    )
    data, model, score = (_version(random, name) for name in ("data", "model", "accuracy"))
    notes = (("accuracy", accuracy), ("loss", loss))
    run, _ = record.begin_run(
        new,
        also=[
            StepsPlanned(steps=_STEPS),
            StepStarted(index=0, at=at),
            _task(0, at, random, outputs=(Output(name="data", value=data),)),
            StepFinished(index=0, status=Status.COMPLETED, ended=at + _SECOND, duration=1.0),
            StepStarted(index=1, at=at + _SECOND),
            _task(
                1,
                at + _SECOND,
                random,
                inputs=(Input(name="data", version=data.id), Input(name="labels", version=data.id)),
                outputs=(Output(name="model", value=model), Output(name="accuracy", value=score)),
            ),
            StepFinished(index=1, status=Status.COMPLETED, ended=at + 2 * _SECOND, duration=1.0),
            RunFinished(status=Status.COMPLETED, ended=at + 2 * _SECOND, duration=2.0),
        ],
    )
    return MetadataSet(
        owner=Owner(kind=OwnerKind.STEP, seq=run.seq, step=1),
        values=tuple((key, repr(value)) for key, value in notes),
        at=at,
        facts=notes,
    )


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


_STEPS = (_step(0, "load", ()), _step(1, "train", (0,)))


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


def _task(step: int, at: datetime, random: Random, **given: Any) -> TaskFinished:
    ended = at + _SECOND
    return TaskFinished(step=step, status=Status.COMPLETED, started=at, ended=ended, key=random.randbytes(32), **given)


def questions(client: Client) -> dict[str, tuple[str, Callable[[], Any]]]:
    """What is asked: question → budget, and how to ask it."""
    runs = client.list_pipeline_runs
    newest = client.get_pipeline("training").last_run.number - 1
    times = [(_START + number * _SECOND).isoformat() for number in (newest - 49, 50)]
    return {
        "latest run": ("≤ 0.5 ms", lambda: client.get_pipeline("training").last_run),
        "newest 50": ("≤ 3 ms, 1.2", lambda: runs()[:50]),
        "newest 50 with a tag": ("≤ 3 ms, 1.2", lambda: runs(tag="nightly")[:50]),
        "newest 50 with a parameter": ("≤ 3 ms, 1.2", lambda: runs(parameters={"depth": 3})[:50]),
        "newest 50 with a metric, rare": ("≤ 3 ms", lambda: runs(run_metadata=["accuracy:gte:0.96"])[:50]),
        "newest 50 with a metric, common": ("≤ 3 ms", lambda: runs(run_metadata=["accuracy:gte:0.7"])[:50]),
        "newest 50 with a metric, old ones only": ("≤ 3 ms", lambda: runs(run_metadata=["loss:gt:99"])[:50]),
        "newest 50 between two parameters": (
            "≤ 3 ms, 1.2",
            lambda: runs(parameters=["seed:gte:100", "seed:lt:150"])[:50],
        ),
        "newest 50 since a time": ("≤ 3 ms, 1.2", lambda: runs(created=f">={times[0]}")[:50]),
        "newest 50 before a time": ("≤ 3 ms, 1.2", lambda: runs(created=f"<{times[1]}")[:50]),
        "how many runs": ("≤ 3 ms, 1.2", lambda: len(runs())),
    }


def recall(rounds: int, sizes: Sequence[int] = SIZES) -> Iterator[Row]:
    """Every question in every store; the column of the floor holds the time in the smallest one."""
    smallest: dict[str, float] = {}
    for size in sizes:
        with emptied():
            record = default_workspace().record
            taken = timed(lambda record=record, size=size: fill(record, size))
            yield Row(what=f"{size:,} runs: filling, per run", floor=None, runlore=taken, units=size)
            yield from _asked(size, rounds, smallest)
            if size == max(sizes):
                yield from _processes(size, rounds)


def _asked(size: int, rounds: int, smallest: dict[str, float]) -> Iterator[Row]:
    asked = questions(Client())
    for question, (_, ask) in asked.items():
        found = ask()
        if question.startswith("newest 50") and len(found) != 50:
            raise RuntimeError(f"{question} finds {len(found)} of {size:,} runs, so this would measure something else")
    times = alternately(max(rounds, 5) * 10, *(ask for _, ask in asked.values()))
    for (question, (budget, _)), taken in zip(asked.items(), times, strict=True):
        base = smallest.setdefault(question, taken)
        yield Row(what=f"{size:,} runs: {question}", floor=base, runlore=taken, budget=budget)


_IDLE = """
from runlore.client import Client
client = Client()
found = client.list_pipeline_runs()[:50]
import os, sys
try:
    pages = int(open("/proc/self/statm").read().split()[1])
    print(pages * os.sysconf("SC_PAGE_SIZE"))
except OSError:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
_LATEST = "from runlore.client import Client; print(Client().get_pipeline('training').last_run)"


def _processes(size: int, rounds: int) -> Iterator[Row]:
    idle = statistics.median(int(python(_IDLE)) for _ in range(3))
    yield Row(what=f"{size:,} runs: idle client", floor=None, runlore=idle, unit="MB", budget="≤ 40 MB")
    bare, latest = alternately(max(rounds, 9), lambda: python("pass"), lambda: python(_LATEST))
    yield Row(what=f"{size:,} runs: script printing the latest", floor=bare, runlore=latest, budget="≤ 100 ms")
    file = os.path.join(os.environ["RUNLORE_HOME"], "record.db")
    yield Row(what=f"{size:,} runs: on disk", floor=None, runlore=os.path.getsize(file), unit="MB")
