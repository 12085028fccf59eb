"""Candidates: what the argument under the cursor may become, asked of the record that is there.

A shell asks at every press of the tab key, so each question is a short page over an index, nothing is ever written or
made, and whatever goes wrong is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runlore.model.pathspec import ARTIFACT_PREFIX
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from runlore.record.port import Record

#: Candidates of one kind, at most.
MOST = 30
_LAST = "\U0010ffff"

Candidates = Callable[["click.Context", "click.Parameter", str], "list[str]"]


def _asked(ask: Callable[[Record, str], Iterator[str]]) -> Candidates:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            record = _record()
            if record is None:
                return []
            try:
                found = dict.fromkeys(ask(record, incomplete))
            finally:
                record.close()
            return [one for one in found if one.startswith(incomplete) and one.isprintable()]
        except Exception:  # whatever it is, a press of the tab key is no place to say it
            return []

    return complete


def _record() -> Record | None:
    """The record that the settings lead to, for reading only; ``None`` where there is none."""
    from runlore.record.sql.sqlite import SQLiteRecord  # only where something is completed
    from runlore.settings import load_settings

    settings = load_settings()
    file = settings.home / "record.db"
    return SQLiteRecord(file, read_only=True) if settings.store is None and file.is_file() else None


# -- pathspecs: a level at a time, and the next one where there is only one choice -------------------------------------


def _pipelines(record: Record, start: str) -> Iterator[str]:
    yield from _named(record, "pipeline", start)


def _runs(record: Record, start: str) -> Iterator[str]:
    pipeline, slash, rest = start.partition("/")
    if slash:
        yield from (f"{pipeline}/{run}" for run in _runs_of(record, pipeline, rest))
        return
    names = list(_named(record, "pipeline", start))
    if len(names) == 1:
        yield from (f"{names[0]}/{run}" for run in _runs_of(record, names[0], ""))
    else:
        yield from (f"{name}/" for name in names)
    yield from _named(record, "run", start) if start else ()


def _runs_of(record: Record, pipeline: str, start: str) -> Iterator[str]:
    of = Condition("pipeline", Operator.EQ, pipeline)
    newest = record.select(Query(noun="run", conditions=(of,), limit=MOST)).items
    if newest:
        yield from ("latest", "latest-successful")
    yield from (str(run.number) for run in newest)
    if start.isascii() and start.isdigit() and _run_called(record, pipeline, start) is not None:
        yield str(int(start))  # an older one, which is whole already


def _steps(record: Record, start: str) -> Iterator[str]:
    parts = start.split("/")
    if len(parts) < 3:
        runs = list(dict.fromkeys(one for one in _runs(record, start) if one.startswith(start)))
        yield from (one if one.endswith("/") else f"{one}/" for one in runs if "/" in one)
        return
    run = _run_called(record, *parts[:2])
    if run is None:
        return
    for step in record.steps(run.seq):
        yield f"{parts[0]}/{parts[1]}/{step.name}"


def _run_called(record: Record, pipeline: str, run: str) -> Any:
    of = Condition("pipeline", Operator.EQ, pipeline)
    if run.isascii() and run.isdigit() and len(run) < 10:
        which: tuple[Condition, ...] = (Condition("number", Operator.EQ, int(run)),)
    elif run == "latest":
        which = ()
    elif run == "latest-successful":
        which = (Condition("status", Operator.IN, ("completed", "cached")),)
    else:
        which = (Condition("name", Operator.EQ, run),)
    return next(iter(record.select(Query(noun="run", conditions=(of, *which), limit=1)).items), None)


# -- artifacts ---------------------------------------------------------------------------------------------------------


def _artifacts(record: Record, start: str) -> Iterator[str]:
    yield from _named(record, "artifact", start)


def _versions(record: Record, start: str) -> Iterator[str]:
    name, at, _ = start.rpartition("@")
    if not at:
        names = list(_named(record, "artifact", start))
        yield from names
        if len(names) != 1:
            return
        name = names[0]
    yield from (f"{name}@{alias.name}" for alias in record.aliases(name))
    yield from (f"{name}@{version.version}" for version in _newest(record, name))


def _newest(record: Record, artifact: str) -> Sequence[Any]:
    of = Condition("artifact", Operator.EQ, artifact)
    return record.select(Query(noun="version", conditions=(of,), limit=MOST)).items


def _references(record: Record, start: str) -> Iterator[str]:
    if start.startswith(ARTIFACT_PREFIX):
        yield from (ARTIFACT_PREFIX + one for one in _versions(record, start.removeprefix(ARTIFACT_PREFIX)))
        return
    yield from _versions(record, start)
    yield from _runs(record, start) if start.count("/") < 2 else _steps(record, start)


def _named(record: Record, noun: str, start: str) -> Iterator[str]:
    """Names that begin so, by name: a range of the index over names."""
    within = (Condition("name", Operator.GE, start), Condition("name", Operator.LT, start + _LAST)) if start else ()
    query = Query(noun=noun, conditions=within, order="name", descending=False, limit=MOST)
    return (found.name for found in record.select(query).items)


#: A pipeline.
pipelines = _asked(_pipelines)
#: A run.
runs = _asked(_runs)
#: A step.
steps = _asked(_steps)
#: An artifact.
artifacts = _asked(_artifacts)
#: A version of an artifact, by label or alias.
versions = _asked(_versions)
#: An artifact, a version, a run or a step.
references = _asked(_references)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """A file: the shell knows them."""
    from click.shell_completion import CompletionItem  # only where something is completed

    return [CompletionItem(incomplete, type="file")]


def statuses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """A status."""
    return [status for status in Status if status.startswith(incomplete)]


def steps_of(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """A step of the run that was given before."""
    complete = _asked(lambda record, _: (step.name for run in _given(record, ctx) for step in record.steps(run.seq)))
    return complete(ctx, param, incomplete)


def metrics_of(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """A metric of the run that was given before, also if a step or task of it was."""
    complete = _asked(lambda record, _: (each.name for run in _given(record, ctx) for each in record.metrics(run.seq)))
    return complete(ctx, param, incomplete)


def _given(record: Record, ctx: click.Context) -> list[Any]:
    pipeline, run = [*str(ctx.params.get("run") or "").split("/"), ""][:2]
    found = _run_called(record, pipeline, run)
    return [] if found is None else [found]


def labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """A version of the artifact that was given before, by its label."""
    artifact = str(ctx.params.get("artifact") or "")
    complete = _asked(lambda record, _: (version.version for version in _newest(record, artifact)))
    return complete(ctx, param, incomplete)


def aliases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """An alias of the artifact that was given before."""
    artifact = str(ctx.params.get("artifact") or "")
    complete = _asked(lambda record, _: (alias.name for alias in record.aliases(artifact)))
    return complete(ctx, param, incomplete)
