"""``runlore run …``: list, show, delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from runlore.model.counted import counted
from runlore.model.status import Status
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.show.cli import candidates
from runlore.show.cli.shared import (
    client,
    confirm,
    find_run,
    given_filters,
    json_option,
    limited,
    listing_options,
    where_option,
    yes_option,
)
from runlore.show.cli.table import facts_lines, print_json, print_rows, rows_lines
from runlore.show.cli.terminal import height, width
from runlore.show.cli.watch import refuse_without_terminal, watch_option
from runlore.show.cli.watch import watch as watch_until

#: Runs that a question names; of more it says how many.
_NAMED = 5
#: Runs that are watched, at most.
MOST_WATCHED = 50
COLUMNS = ("run", "name", "status", "created", "took")


@click.command("list")
@click.argument("pipeline", required=False, shell_complete=candidates.pipelines)
@click.option("--status", shell_complete=candidates.statuses, help="Such as completed, failed or running.")
@click.option("--metadata", multiple=True, metavar="KEY:[OP:]VALUE", help="Such as accuracy:gte:0.9.")
@click.option("--parameter", multiple=True, metavar="KEY:[OP:]VALUE", help="Such as lr:0.1.")
@watch_option
@listing_options
def list_runs(pipeline: str | None, status: str | None, metadata: tuple[str, ...], watch: bool, **options: Any) -> None:
    """List runs, newest first: all, or those of PIPELINE."""
    given = given_filters(options["filters"], options["tags"], options["sort_by"], options["where"])
    if status is not None:
        given["status"] = status
    if metadata:
        given["run_metadata"] = list(metadata)
    if options["parameter"]:
        given["parameters"] = list(options["parameter"])
    if watch:
        _watch_list(pipeline, given, options)
        return
    found, more = limited(client().runs(pipeline, **given), options["limit"])
    print_runs(found, as_json=options["as_json"], more=more)


def _watch_list(pipeline: str | None, given: dict[str, Any], options: dict[str, Any]) -> None:
    refuse_without_terminal(options["as_json"])

    def lines() -> Iterable[str]:
        # what does not fit would not be seen
        most = min(options["limit"] or MOST_WATCHED, MOST_WATCHED)
        runs = client().runs(pipeline, **given)[:most]
        return rows_lines([_row(run) for run in runs], COLUMNS, width()) if runs else ["There are no such runs."]

    watch_until(client()._reader.record, lines, lambda: False)


def print_runs(runs: list[Run], *, as_json: bool, more: int = 0) -> None:
    """Print one row for each run."""
    rows = [_row(run) for run in runs]
    if as_json and runs:
        from runlore.recall.rows import rows_of  # the table shows neither parameters nor metadata

        rows = list(rows_of(runs[0]._record, (run._now() for run in runs), client().run_of))
    print_rows(rows, COLUMNS, as_json=as_json, empty="There are no such runs.", more=more)


def _row(run: Run) -> dict[str, Any]:
    return {
        "run": run.pathspec,
        "name": run.name,
        "status": run.status,
        "created": run.created,
        "took": _took(run),
    }


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@watch_option
@json_option
def show(run: str, watch: bool, as_json: bool) -> None:
    """Show RUN (a name, an id, or a pathspec such as training/latest) with its steps."""
    found = find_run(run)
    if watch:
        refuse_without_terminal(as_json)
        watch_until(client()._reader.record, lambda: _shown(found, height()), lambda: found.finished)
        return
    if as_json:
        facts, steps = _facts(found), [step.to_row() for step in found.steps.values()]
        facts["trigger"] = found.trigger.to_rows() if found.trigger is not None else []
        facts["metrics"] = [metric.to_row() for metric in found.metrics.values()]
        outputs = {name: version.pathspec for name, version in found.outputs.items()}
        print_json({**facts, "steps": steps, "outputs": outputs})
        return
    for line in _shown(found):
        click.echo(line)


def _shown(run: Run, rows: int | None = None) -> Iterator[str]:
    """What `show` prints; while it is running, of its steps only those that matter where there are few ``rows``."""
    facts = {**_facts(run), "duration": _took(run)}
    facts["trigger"] = str(run.trigger) if run.trigger is not None else None
    told = [*facts_lines(facts, width()), ""]
    yield from told
    steps = [{**step.to_row(), "took": _took(step)} for step in run.steps.values()]
    if not steps:
        yield "It has no steps."
        return
    metrics = [metric.to_row() for metric in run.metrics.values()]
    measured = ["", *rows_lines(metrics, ("metric", "last", "min", "max", "count"), width())] if metrics else []
    seen = steps if rows is None or run.finished else in_view(steps, rows - len(told) - len(measured) - 2)
    yield from rows_lines(seen, ("name", "status", "tasks", "took", "cache_note"), width())
    if len(seen) < len(steps):
        yield f"… and {len(steps) - len(seen)} more steps."
    yield from measured


def in_view(steps: Sequence[dict[str, Any]], most: int) -> Sequence[dict[str, Any]]:
    """So many steps in a row, at least one: from the first that has not ended, with the one before it."""
    most = max(most, 1)
    first = next((at for at, step in enumerate(steps) if not Status(step["status"]).finished), len(steps))
    begin = max(0, min(first - (most > 1), len(steps) - most))
    return steps[begin : begin + most]


def _took(one: Run | Step) -> str | None:
    """How long it took, or has taken so far."""
    began = one.created if isinstance(one, Run) else one.started
    if one.finished or began is None:
        return shown_seconds(one.duration)
    return shown_seconds(max((datetime.now(UTC) - began).total_seconds(), 0))


def _facts(run: Run) -> dict[str, Any]:
    failure = run.failure
    return {
        "run": run.pathspec,
        "name": run.name,
        "id": str(run.id),
        "status": str(run.status),
        "failure": failure.said if failure else None,
        "pipeline_version": run.pipeline_version,
        "created": run.created,
        "ended": run.ended,
        "duration": run.duration,
        "user": run.user,
        "host": run.host,
        "git_commit": run.git_commit,
        "parameters": run.parameters.shown(),
        "metadata": dict(run.metadata),
        "tags": list(run.tags),
        "note": run.note,
    }


@click.command()
@click.argument("runs", nargs=-1, shell_complete=candidates.runs)
@click.option(
    "--pipeline", shell_complete=candidates.pipelines, help="All runs of this pipeline that the other options leave."
)
@click.option("--status", shell_complete=candidates.statuses, help="Only with this status, such as failed.")
@click.option("--tag", "tags", multiple=True, help="Only with this tag; repeat for several.")
@click.option("--filter", "filters", multiple=True, metavar="FIELD=[OP:]VALUE", help="Such as created=lt:2026-11-01.")
@where_option
@click.option("--prune", "and_prune", is_flag=True, help="Then delete the versions that are not in use any more.")
@yes_option
def delete(
    runs: tuple[str, ...],
    pipeline: str | None,
    status: str | None,
    tags: tuple[str, ...],
    filters: tuple[str, ...],
    where: tuple[str, ...],
    and_prune: bool,
    yes: bool,
) -> None:
    """Delete finished RUNS with their steps, logs, tags and metadata, or those that the options name.

    Artifact versions stay until they are pruned; it is said which of them nothing refers to any more.
    """
    found = _runs_to_delete(runs, pipeline, status, tags, filters, where)
    if not found:
        click.echo("There are no such runs.", err=True)
        return
    shown = ", ".join(run.pathspec for run in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    confirm(f"Delete {shown}{more}?", yes)
    unused = client().delete_runs(found)
    click.echo(f"Deleted {found[0].pathspec if len(found) == 1 else counted(len(found), 'run')}.", err=True)
    if not unused:
        return
    what = f"{counted(len(unused), 'artifact version')} ({shown_size(sum(one.size for one in unused))})"
    click.echo(f"{what} {'is' if len(unused) == 1 else 'are'} not in use any more.", err=True)
    if and_prune:
        from runlore.show.cli.pruned import print_pruned  # not imported by who only lists

        print_pruned(client().prune_artifacts())
    else:
        click.echo("`runlore artifact prune` deletes what is not in use.", err=True)


def _runs_to_delete(
    runs: tuple[str, ...],
    pipeline: str | None,
    status: str | None,
    tags: tuple[str, ...],
    filters: tuple[str, ...],
    where: tuple[str, ...],
) -> list[Run]:
    chosen = pipeline is not None or status is not None or tags or filters or where
    if bool(runs) == bool(chosen):
        raise click.UsageError("Name runs, or choose them by --pipeline, --status, --tag, --filter and --where.")
    if runs:
        return list(dict.fromkeys(find_run(run) for run in runs))
    given = given_filters(filters, tags, None, where)
    if status is not None:
        given["status"] = status
    return list(client().runs(pipeline, **given))
