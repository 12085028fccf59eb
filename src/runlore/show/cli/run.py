"""``runlore run …``: list, show, logs, delete."""

from __future__ import annotations

from typing import Any

import click

from runlore.model.counted import counted
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.run import Run
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
from runlore.show.cli.table import print_facts, print_json, print_rows
from runlore.show.cli.terminal import echo_line

#: Runs that a question names; of more it says how many.
_NAMED = 5
COLUMNS = ("run", "name", "status", "created", "took")


@click.command("list")
@click.argument("pipeline", required=False, shell_complete=candidates.pipelines)
@click.option("--status", help="Such as completed, failed or running.")
@click.option("--metadata", multiple=True, metavar="KEY:[OP:]VALUE", help="Such as accuracy:gte:0.9.")
@click.option("--parameter", multiple=True, metavar="KEY:[OP:]VALUE", help="Such as lr:0.1.")
@listing_options
def list_runs(pipeline: str | None, status: str | None, metadata: tuple[str, ...], **options: Any) -> None:
    """List runs, newest first: all, or those of PIPELINE."""
    given = given_filters(options["filters"], options["tags"], options["sort_by"], options["where"])
    if status is not None:
        given["status"] = status
    if metadata:
        given["run_metadata"] = list(metadata)
    if options["parameter"]:
        given["parameters"] = list(options["parameter"])
    found, more = limited(client().runs(pipeline, **given), options["limit"])
    print_runs(found, as_json=options["as_json"], more=more)


def print_runs(runs: list[Run], *, as_json: bool, more: int = 0) -> None:
    """Print one row for each run."""
    # the table shows neither parameters nor metadata, and reading these takes as long as all the rest
    rows = [run.to_row() if as_json else _row(run) for run in runs]
    print_rows(rows, COLUMNS, as_json=as_json, empty="There are no such runs.", more=more)


def _row(run: Run) -> dict[str, Any]:
    return {
        "run": run.pathspec,
        "name": run.name,
        "status": run.status,
        "created": run.created,
        "took": shown_seconds(run.duration),
    }


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@json_option
def show(run: str, as_json: bool) -> None:
    """Show RUN (a name, an id, or a pathspec such as training/latest) with its steps."""
    found = find_run(run)
    facts = _facts(found)
    steps = [step.to_row() for step in found.steps.values()]
    if as_json:
        facts["trigger"] = found.trigger.to_rows() if found.trigger is not None else []
        print_json({**facts, "steps": steps, "outputs": {k: v.pathspec for k, v in found.outputs.items()}})
        return
    facts["duration"] = shown_seconds(found.duration)
    facts["trigger"] = str(found.trigger) if found.trigger is not None else None
    print_facts(facts)
    click.echo()
    for row in steps:
        row["took"] = shown_seconds(row["duration"])
    print_rows(steps, ("name", "status", "tasks", "took", "cache_note"), as_json=False, empty="It has no steps.")


def _facts(run: Run) -> dict[str, Any]:
    failure = run.failure
    return {
        "run": run.pathspec,
        "name": run.name,
        "id": str(run.id),
        "status": str(run.status),
        "failure": f"{failure.type}: {failure.message}" if failure else None,
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
    }


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@json_option
def logs(run: str, as_json: bool) -> None:
    """Print what the steps of RUN wrote, by time."""
    found = find_run(run)
    names = list(found.steps)
    lines = found.loglines()
    if as_json:
        keys = ("time", "step", "stream", "text", "origin")
        print_json([dict(zip(keys, (x.time, names[x.step], x.stream, x.text, x.origin), strict=True)) for x in lines])
        return
    for line in lines:
        origin = f" from {line.origin}" if line.origin else ""
        echo_line(f"[{names[line.step]}{origin}] {line.text}")


@click.command()
@click.argument("runs", nargs=-1, shell_complete=candidates.runs)
@click.option(
    "--pipeline", shell_complete=candidates.pipelines, help="All runs of this pipeline that the other options leave."
)
@click.option("--status", help="Only with this status, such as failed.")
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
