"""What a notebook shows of a run: where it stands, its steps as a graph, how it was called, why it failed."""

from __future__ import annotations

from datetime import UTC, datetime

from runlore.model.counted import counted
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.run import Failure, Run, Step
from runlore.model.status import Status
from runlore.model.units import shown_seconds
from runlore.recall.config import Parameters
from runlore.recall.decoding import decode_notes
from runlore.recall.html.card import card, facts, folded, pre, table, title
from runlore.recall.html.graph import graph, took
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.metric import lasts
from runlore.recall.html.note import note_of
from runlore.recall.html.status import badge
from runlore.recall.html.value import pairs, when
from runlore.recall.measured import metrics_of_run
from runlore.record.port import Record

#: Places of the graph, rows of the table of steps, parameters and metadata.
_PLACES, _ROWS, _PAIRS = 40, 20, 12
#: Characters of a failure.
_FAILURE = 600


def run_html(record: Record, run: Run) -> Html:
    """A run with its steps."""
    steps = record.steps(run.seq)
    tags = [tag.name for tag in record.tags(Owner(kind=OwnerKind.RUN, seq=run.seq)) if not tag.system]
    noted = {entry.key: decode_notes(entry.value) for entry in record.metadata(Owner(kind=OwnerKind.RUN, seq=run.seq))}
    pathspec = f"{run.pipeline}/{run.number}"
    parameters = Parameters(run.parameters, owner=pathspec).shown()
    told = {
        "note": note_of(record, Owner(kind=OwnerKind.RUN, seq=run.seq)),
        "name": run.name,
        "created": when(run.created),
        "parameters": pairs(parameters, _PAIRS),
        "metrics": pairs(lasts(metrics_of_run(record, run.seq, pathspec)), _PAIRS),
        "metadata": pairs(noted, _PAIRS),
        "tags": cut(", ".join(tags), 400),
    }
    failure = failure_of(record, run, steps)
    return card(
        title(pathspec, badge(run.status), shown_seconds(lasted(run))),
        graph(steps, most=_PLACES),
        facts(told),
        None if failure is None else pre(cut(failure.said, _FAILURE)),
        _table(steps) if steps else None,
    )


def _table(steps: tuple[Step, ...]) -> Html:
    rows = [
        (
            cut(step.name, 60),
            badge(step.status),
            shown_seconds(took(step)),
            None if step.tasks is None else f"{step.tasks:,}",
            cut(step.cache_note or "–", 80),
        )
        for step in steps[:_ROWS]
    ]
    columns = ("step", "status", "took", "tasks", "cache")
    return folded(counted(len(steps), "step"), table(columns, rows, more=len(steps) - _ROWS))


def lasted(run: Run) -> float | None:
    """Seconds that a run took, or has been running."""
    if run.status is Status.RUNNING:
        return max(0.0, (datetime.now(UTC) - run.created).total_seconds())
    return run.duration


def failure_of(record: Record, run: Run, steps: tuple[Step, ...]) -> Failure | None:
    """What made a run fail: its own failure, or that of the first step that failed."""
    if run.failure is not None or run.status is not Status.FAILED:
        return run.failure
    for step in steps:
        if step.status is Status.FAILED:
            for task in record.tasks(run.seq, step.index):
                if task.failure is not None:
                    return task.failure
    return None
