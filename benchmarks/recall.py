"""What it costs to find something among a thousand, a hundred thousand and a million runs.

Each question is an expression, as users write it, over a client. It finds equally many things in every store, is asked
of all stores in turns, and once more in processes of their own that print the answer. `filling` says what the stores
hold, and makes stores that can be kept.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filling import DEEP, SECOND, SIZES, START, Filled, filled
from measure import Row, alternately, python

from runlore.model.noun import noun
from runlore.workspace import Workspace

__all__ = ["SIZES", "recall"]

_SMALL, _FLAT, _NEAR = "≤ 0.5 ms, 1.2", "≤ 3 ms, 1.2", "≤ 3 ms"


@noun(kw_only=False)
class Question:
    """Something to ask of a store: what it is, the expression that asks, the budget, and how many answers there are."""

    what: str
    code: str
    budget: str = _FLAT
    answers: int | None = 50


def questions(runs: int) -> tuple[Question, ...]:
    """What is asked of a store of so many runs."""
    since, before = ((START + number * SECOND).isoformat() for number in (runs - 50, 50))
    return (
        Question("latest run", "client.get_pipeline('training').last_run", _SMALL, None),
        Question("newest 50", "client.runs()[:50]"),
        Question("newest 50 of a pipeline", "client.runs('training')[:50]"),
        Question("newest 50 with a status", "client.runs(status='failed')[:50]"),
        Question("newest 50 with a tag", "client.runs(tag='nightly')[:50]"),
        Question("newest 50 with a parameter", "client.runs(parameters={'depth': 3})[:50]"),
        Question("50 between two parameters", "client.runs(parameters=['seed:gte:100', 'seed:lt:150'])[:]"),
        Question("newest 50 since a time", f"client.runs(created='>={since}')[:]"),
        Question("newest 50 before a time", f"client.runs(created='<{before}', pipeline='training')[:]"),
        Question("metric of half of the runs", "client.runs(metrics=['score:gte:0.45'])[:50]", _NEAR),
        Question("metric of 1 % of the runs", "client.runs(metrics=['score:gte:0.9'])[:50]", _NEAR),
        Question("metric of 0.01 % of the runs", "client.runs(metrics=['score:gte:0.99'])[:50]", _NEAR),
        Question("metadata of old runs only", "client.runs(run_metadata=['loss:gt:99'])[:50]", _NEAR),
        Question(
            "a rare metric and a common tag",
            "client.runs(metrics=['score:gte:0.99'], tag='manual')[:50]",
            _NEAR,
        ),
        Question(
            "a common tag and a rare metric",
            "client.runs(tag='manual', metrics=['score:gte:0.99'])[:50]",
            _NEAR,
        ),
        Question("a common tag and a common metric", "client.runs(tag='nightly', metrics=['score:gt:0.1'])[:50]"),
        Question("a common tag and a common status", "client.runs(tag='nightly', status='completed')[:50]"),
        Question("a common tag and few numbers", "client.runs(tag='manual', parameters=['seed:lt:60'])[:50]"),
        Question("two conditions that seldom meet", "client.runs(tag='nightly', parameters={'fold': 4})[:50]", ""),
        Question("either of two tags", "client.runs(where='tags any of (nightly, manual)')[:50]"),
        Question("best 50 by a metric", "client.runs(sort_by='desc:metrics.score')[:50]"),
        Question("longest 50", "client.runs(sort_by='desc:duration')[:50]"),
        Question("an artifact's newest version", "client.get_artifact_version('model')", _FLAT, None),
        Question("an artifact's version by number", "client.get_artifact_version('model', 500)", _FLAT, None),
        Question("an artifact's version by alias", "client.get_artifact_version('model', 'production')", _FLAT, None),
        Question("newest 50 versions of an artifact", "client.get_artifact('model').versions[:50]"),
        Question("consumers of a version", "client.get_artifact_version('data').consumers", _FLAT, None),
        Question(
            "what a version of 20 runs came of", "client.get_artifact_version('stage_19').upstream()", "", DEEP - 1
        ),
        Question(
            "what came of a version in 20 runs", "client.get_artifact_version('stage_00').downstream()", "", DEEP - 1
        ),
        Question("how many runs", "len(client.runs())", _FLAT, None),
        Question("how many runs of a pipeline", "len(client.runs('training'))", _FLAT, None),
    )


def recall(rounds: int, sizes: Sequence[int] = SIZES, stores: Path | None = None) -> Iterator[Row]:
    """Every question to every store; the column of the floor holds the time in the smallest one.

    ``stores`` is where stores that `filling` made lie, and where missing ones are made to stay.
    """
    with tempfile.TemporaryDirectory(prefix="runlore-bench-") as folder:
        kept = [filled(stores or Path(folder), runs) for runs in sizes]
        for store in kept:
            yield Row(
                what=f"{store.runs:,} runs: filling, per run", floor=None, runlore=store.seconds, units=store.runs
            )
        opened = [_opened(store) for store in kept]
        yield from _warm(opened, [questions(store.runs) for store in kept], rounds, sizes)
        for workspace in opened:
            workspace.close()
        yield from _cold(kept, rounds)
        for store in kept:
            size, steps = store.file.stat().st_size, store.runs * store.steps
            yield Row(what=f"{store.runs:,} runs: on disk", floor=None, runlore=size, unit="MB")
            yield Row(what=f"{store.runs:,} runs: on disk, per step", floor=None, runlore=size, units=steps, unit="B")


def _opened(store: Filled) -> Workspace:
    os.environ["RUNLORE_HOME"] = str(store.home)
    os.environ["RUNLORE_PROGRESS"] = "quiet"
    return Workspace.open()


def _warm(
    opened: Sequence[Workspace], asked: Sequence[tuple[Question, ...]], rounds: int, sizes: Sequence[int]
) -> Iterator[Row]:
    for alike in zip(*asked, strict=True):
        asks = [_ask(workspace, question) for workspace, question in zip(opened, alike, strict=True)]
        times = alternately(max(rounds, 5) * 10, *asks)
        for size, taken in zip(sizes, times, strict=True):
            question = alike[0]
            yield Row(what=f"{size:,} runs: {question.what}", floor=times[0], runlore=taken, budget=question.budget)


def _ask(workspace: Workspace, question: Question) -> Any:
    code, names = compile(question.code, question.what, "eval"), {"client": workspace.client}
    found = eval(code, names)
    if question.answers is not None and len(found) != question.answers:
        raise RuntimeError(f"{question.what}: {len(found)} answers, so this would measure something else")
    return lambda: eval(code, names)


_PRINTED = "from runlore.client import Client; client = Client(); print({})"
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


def _cold(kept: Sequence[Filled], rounds: int) -> Iterator[Row]:
    """Every question in a process of its own, beside one that does nothing."""

    def fresh(store: Filled, code: str) -> str:
        os.environ["RUNLORE_HOME"] = str(store.home)
        return python(code)

    for number, question in enumerate(questions(kept[0].runs)):
        codes = [_PRINTED.format(questions(store.runs)[number].code) for store in kept]
        asks = [lambda store=store, code=code: fresh(store, code) for store, code in zip(kept, codes, strict=True)]
        bare, *times = alternately(max(rounds, 7) if number == 0 else rounds, lambda: python("pass"), *asks)
        if number == 0:
            yield Row(what="a process that does nothing", floor=None, runlore=bare)
        for store, taken in zip(kept, times, strict=True):
            budget = "≤ 100 ms" if number == 0 else ""
            what = f"{store.runs:,} runs: printing {question.what}, cold process"
            yield Row(what=what, floor=times[0], runlore=taken, budget=budget)
    for store in kept:
        idle = statistics.median(int(fresh(store, _IDLE)) for _ in range(3))
        yield Row(what=f"{store.runs:,} runs: idle client", floor=None, runlore=idle, unit="MB", budget="≤ 40 MB")
