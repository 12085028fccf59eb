"""What a notebook shows of a list, of an artifact and of a pipeline: the first rows, and how many more there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from runlore.model.counted import counted
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.html.card import card, facts, remark, table, title
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.status import badge
from runlore.recall.html.value import when

if TYPE_CHECKING:
    from runlore.recall.artifact import Artifact
    from runlore.recall.pipeline import Pipeline
    from runlore.recall.run import Run
    from runlore.recall.task import Task
    from runlore.recall.version import ArtifactVersion

#: Rows of a list, and of what an artifact or a pipeline holds.
ROWS, FEW = 12, 5
_NAME = 60


def _run(run: Run) -> tuple[object, ...]:
    return (
        cut(run.pathspec, _NAME),
        cut(run.name, _NAME),
        badge(run.status),
        when(run.created),
        shown_seconds(run.duration),
    )


def _pipeline(pipeline: Pipeline) -> tuple[object, ...]:
    row = pipeline.to_row()
    return cut(row["name"], _NAME), row["version"], f"{row['runs']:,}", when(row["created"])


def _artifact(artifact: Artifact) -> tuple[object, ...]:
    row = artifact.to_row()
    return cut(row["name"], _NAME), f"{row['versions']:,}", when(row["created"])


def _version(version: ArtifactVersion) -> tuple[object, ...]:
    content = version.content
    return cut(version.pathspec, 2 * _NAME), cut(content.type, _NAME), shown_size(content.size), when(version.created)


def _task(task: Task) -> tuple[object, ...]:
    return cut(task.pathspec, _NAME), badge(task.status), when(task.started), shown_seconds(task.usage.wall)


#: By the word for what is listed: the heads of columns, and the cells of one.
_KINDS: dict[str, tuple[Sequence[str], Callable[[Any], tuple[object, ...]]]] = {
    "run": (("run", "name", "status", "created", "took"), _run),
    "pipeline": (("pipeline", "version", "runs", "created"), _pipeline),
    "artifact": (("artifact", "versions", "created"), _artifact),
    "artifact version": (("version", "type", "size", "created"), _version),
    "task": (("task", "status", "started", "took"), _task),
}


def listing_html(what: str, handles: Iterable[Any], total: int) -> Html:
    """The first handles of a list of ``total``."""
    return card(title(counted(total, what)), _rows(what, handles, total))


def pipeline_html(pipeline: Pipeline) -> Html:
    """A pipeline and its newest runs."""
    runs = pipeline.runs
    told = {"version": pipeline.version, "created": when(pipeline.created), "tags": cut(", ".join(pipeline.tags), 400)}
    total = len(runs)
    return card(title(pipeline.name, counted(total, "run")), facts(told), _rows("run", runs[:FEW], total))


def artifact_html(artifact: Artifact) -> Html:
    """An artifact and its newest versions."""
    versions = artifact.versions
    aliases = [f"{alias} → {version.version}" for alias, version in artifact.aliases.items()]
    told = {
        "created": when(artifact.created),
        "aliases": cut(", ".join(aliases), 400),
        "tags": cut(", ".join(artifact.tags), 400),
    }
    total = len(versions)
    return card(
        title(artifact.pathspec, counted(total, "version")),
        facts(told),
        _rows("artifact version", versions[:FEW], total),
    )


def _rows(what: str, handles: Iterable[Any], total: int) -> Html:
    columns, cells = _KINDS[what]
    rows = [cells(handle) for handle in handles]
    return table(columns, rows, more=total - len(rows)) if rows else remark(f"There is no {what}.")
