"""``runlore pipeline …``: list, show, runs list."""

from __future__ import annotations

from typing import Any

import click

from runlore.show.cli import candidates
from runlore.show.cli.lazy import LazyGroup
from runlore.show.cli.run import list_runs, print_runs
from runlore.show.cli.shared import client, given_filters, json_option, limited, listing_options
from runlore.show.cli.table import print_facts, print_json, print_rows

NEWEST = 10


@click.command("list")
@listing_options
def list_pipelines(**options: Any) -> None:
    """List pipelines, newest first."""
    given = given_filters(options["filters"], options["tags"], options["sort_by"] or "desc:created", options["where"])
    found, more = limited(client().list_pipelines(**given), options["limit"])
    rows = [pipeline.to_row() for pipeline in found]
    columns = ("name", "version", "runs", "created")
    print_rows(rows, columns, as_json=options["as_json"], empty="There are no pipelines yet.", more=more)


@click.command()
@click.argument("pipeline", shell_complete=candidates.pipelines)
@json_option
def show(pipeline: str, as_json: bool) -> None:
    """Show PIPELINE and its newest runs."""
    found = client().get_pipeline(pipeline)
    runs = found.runs[:NEWEST]
    if as_json:
        print_json({**found.to_row(), "tags": list(found.tags), "newest_runs": [run.to_row() for run in runs]})
        return
    print_facts({**found.to_row(), "tags": list(found.tags)})
    click.echo()
    print_runs(runs, as_json=False)


@click.group(cls=LazyGroup)
def runs() -> None:
    """Runs of pipelines."""


runs.add_command(list_runs)
