"""What a notebook shows of a step: where it stands, how it was called, what went in and came out, why it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from runlore.model.counted import counted
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.run import Step, Task
from runlore.model.status import Status
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.config import Parameters
from runlore.recall.decoding import decode_notes
from runlore.recall.html.card import card, facts, pre, table, title
from runlore.recall.html.flow import Flow, flows
from runlore.recall.html.graph import took
from runlore.recall.html.markup import Html, cut, joined
from runlore.recall.html.metric import lasts
from runlore.recall.html.note import note_of
from runlore.recall.html.status import badge
from runlore.recall.html.value import pairs, when
from runlore.recall.measured import metrics_of_step
from runlore.record.port import Record

_PAIRS, _FLOWS, _FAILURE = 12, 20, 600


def step_html(record: Record, step: Step, pathspec: str) -> Html:
    """A step with its inputs and outputs."""
    tasks = record.tasks(step.run, step.index)
    owner = Owner(kind=OwnerKind.STEP, seq=step.run, step=step.index)
    failure = next((task.failure for task in tasks if task.failure is not None), None)
    told = {
        "note": note_of(record, owner),
        "started": when(step.started),
        "cache": cut(step.cache_note or "", 200),
        "tasks": None if step.tasks is None else states_of(latest(tasks), step.tasks),
        "attempts": attempts_of(tasks),
        "parameters": pairs(Parameters(step.parameters, owner=pathspec).shown(), _PAIRS),
        "metrics": pairs(lasts(metrics_of_step(record, step, pathspec)), _PAIRS),
        "metadata": pairs({one.key: decode_notes(one.value) for one in record.metadata(owner)}, _PAIRS),
    }
    return card(
        title(pathspec, badge(step.status), shown_seconds(took(step))),
        facts(told),
        None if failure is None else pre(cut(failure.said, _FAILURE)),
        flow_table(flows(record, step)),
    )


def task_html(task: Task, pathspec: str) -> Html:
    """One attempt of a task."""
    usage, failure = task.usage, task.failure
    told = {
        "attempt": f"{task.attempt}, counted from 0",
        "started": when(task.started),
        "processor": shown_seconds(usage.cpu),
        "memory": None if usage.memory is None else shown_size(usage.memory),
        "accelerator memory": None if usage.gpu_memory is None else shown_size(usage.gpu_memory),
    }
    return card(
        title(pathspec, badge(task.status), shown_seconds(usage.wall)),
        facts(told),
        None if failure is None else pre(cut(failure.said, _FAILURE)),
    )


def flow_table(found: Sequence[Flow]) -> Html | None:
    """Inputs and outputs."""
    rows = [
        (
            cut(flow.name, 60),
            flow.kind,
            cut(flow.pathspec, 100),
            cut(flow.version.content.type, 60) if flow.version is not None else None,
            shown_size(flow.version.content.size) if flow.version is not None else None,
        )
        for flow in found[:_FLOWS]
    ]
    return table(("name", "kind", "artifact", "type", "size"), rows, more=len(found) - _FLOWS) if rows else None


def latest(tasks: Sequence[Task]) -> dict[int, Task]:
    """The last attempt of each task, by item."""
    return {task.item: task for task in tasks}


def states_of(tasks: dict[int, Task], planned: int) -> Html:
    """How many tasks are in which state, those that have not started included."""
    counts = Counter(task.status for task in tasks.values())
    counts[Status.PENDING] += max(0, planned - len(tasks))
    told: list[object] = []
    for status, count in counts.most_common():
        if count:
            told += [", " if told else None, f"{count:,} ", badge(status)]
    return joined(told)


def attempts_of(tasks: Sequence[Task]) -> str | None:
    """How often tasks were tried again, if any was."""
    again = sum(task.attempt > 0 for task in tasks)
    return f"{counted(len(tasks), 'attempt')}, {again:,} of them repeated" if again else None
