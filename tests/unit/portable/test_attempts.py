"""What no pipeline of one process makes yet: several attempts, metrics, interrupted runs, logs of what never ended."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

from runlore.model.artifact import LookedUp
from runlore.model.change import (
    Change,
    Input,
    LogWritten,
    MetricsLogged,
    NoteWritten,
    Output,
    RunFinished,
    StepFinished,
    StepStarted,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points, joined
from runlore.model.run import Failure, Run, Usage
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.record.portable.export import Exporter
from runlore.testing.record_stories import at, begun, new_step, new_version
from runlore.workspace import Workspace

Make = Callable[[str], Workspace]


def point(value: float, progress: int | None, seconds: float) -> Points:
    return Points(values=(value,), progress=(progress,), times=(round(at(seconds).timestamp() * 1e6),))


def written(record: Record) -> Run:
    """A run whose first step failed twice, whose mapped one was tried again, and whose last was interrupted."""
    looked = new_version("looked", b"0", created=at(-10))
    receipt = record.commit([VersionSaved(version=looked)])
    seq = receipt.versions[looked.id][0]
    run, fence = begun(record, new_step(), new_step(1, "items", upstream=(0,)), new_step(2, "last", upstream=(1,)))
    output, saved, late = new_version("model"), new_version("saved", b"2"), new_version("late", b"3")
    state = '{"args":["no"],"attributes":{}}'
    failure = Failure(type="builtins.ValueError", message="no\nway", traceback="Traceback …", state=state)
    usage = Usage(wall=0.5, cpu=0.25, memory=2**40, gpu_memory=0)
    changes: list[Change] = [StepStarted(index=0, at=at(1))]
    for attempt in range(2):
        changes += [
            LogWritten(step=0, item=0, attempt=attempt, part=0, text=f"1000000 o try {attempt}\n"),
            LogWritten(step=0, item=0, attempt=attempt, part=1, text="2000000 l W x: \\x1b \\udc80\n"),
            TaskFinished(
                step=0, item=0, attempt=attempt, status=Status.FAILED, started=at(1), ended=at(2), failure=failure,
                outputs=(Output(name="saved", value=saved, direction="saved"),) if attempt else (),
            ),
        ]  # fmt: skip
    changes += [
        MetricsLogged(
            step=0, item=0, attempt=2, part=0,
            series=(
                ("loss", joined([point(math.nan, None, 2), point(math.inf, 10**30, 2.5)])), ("acc", point(0.1, -1, 2)),
            ),
        ),
        TaskFinished(
            step=0, item=0, attempt=2, status=Status.COMPLETED, started=at(2), ended=at(3), usage=usage,
            outputs=(Output(name="model", value=output),), key=b"k" * 32,
            looked_up=(LookedUp(artifact="looked", version=seq), LookedUp(artifact="nothing", asked="production")),
        ),
        StepFinished(index=0, status=Status.COMPLETED, ended=at(3), duration=2.0, cache_note="why\nnot"),
        StepStarted(index=1, at=at(3), tasks=2),
        TaskFinished(
            step=1, item=0, status=Status.COMPLETED, started=at(3), ended=at(4),
            inputs=(Input(name="model", version=output.id, element=None),), outputs=(Output(name="late", value=late),),
        ),
        TaskFinished(step=1, item=1, status=Status.CANCELLED, started=None, ended=None),
        StepFinished(index=1, status=Status.FAILED, ended=at(4)),
        StepStarted(index=2, at=at(4)),
        LogWritten(step=2, item=0, attempt=0, part=0, text="3000000 e the end\n"),
        MetricsLogged(step=2, part=0, series=(("loss", point(1.5, 0, 5)),)),
        MetricsLogged(part=0, series=(("own", point(-0.0, None, 6)),)),
        StepFinished(index=2, status=Status.INTERRUPTED, ended=at(7)),
        RunFinished(status=Status.INTERRUPTED, ended=at(7), failure=failure),
    ]  # fmt: skip
    record.commit(changes, fence=fence)
    for owner in (Owner(kind=OwnerKind.RUN, seq=run.seq), Owner(kind=OwnerKind.STEP, seq=run.seq, step=1)):
        for text, user in (("# first", "ada"), (None, None), ("last\nof all", "bob")):
            record.commit([NoteWritten(owner=owner, text=text, at=at(20), user=user)])
    return record.run(run.seq)


def manifest(folder: Path) -> dict[str, object]:
    body: dict[str, object] = json.loads((folder / "manifest.json").read_text())
    del body["exported"]
    return body


def test_attempts_metrics_and_look_ups_travel(workspace_at: Make, target_kind: str, tmp_path: Path) -> None:
    """Every attempt with its log and what it saved, every series exactly, and what was looked up, also of a run that
    was interrupted, are the same in another record; cache keys are not."""
    source, target = workspace_at("sqlite"), workspace_at(target_kind)
    run = written(source.record)
    first = Exporter(source.record, source.blobs).export(run, "training/1", tmp_path / "first")
    imported = target.client.import_run(first)
    second = imported.export(tmp_path / "second")

    assert manifest(second) == manifest(first)
    assert '"key"' not in (first / "manifest.json").read_text()
    for one, other in ((source.record, run.seq), (target.record, imported.seq)):
        summaries = {(metric.step, metric.name): (metric.count, metric.last) for metric in one.metrics(other)}
        step = {(0, "acc"): (1, 0.1), (0, "loss"): (2, math.inf)}
        assert summaries == {**step, (None, "own"): (1, -0.0), (2, "loss"): (1, 1.5)}
        points = one.points(other, "loss", step=0, attempt=2)
        assert list(points.progress) == [None, 10**30] and math.isnan(points.values[0])
        assert [task.attempt for task in one.tasks(other, 0)] == [0, 1, 2]
        assert [found.version is None for found in one.looked_up(other, 0)] == [False, True]
        assert [chunk.text[8:] for chunk in one.logs(other, 0, 0, 1)][0].startswith("o try 1\n")
    assert target.record.tasks(imported.seq, 0)[2].key is None
    notes = target.record.notes(Owner(kind=OwnerKind.STEP, seq=imported.seq, step=1))
    assert [(note.text, note.user, note.at) for note in notes] == [
        ("# first", "ada", at(20)), (None, None, at(20)), ("last\nof all", "bob", at(20)),
    ]  # fmt: skip
    assert target.client.get("training/1/train").saved_artifacts["saved"].created == at(2)
    assert [finding for finding in target.record.check() if not finding.harmless] == []
