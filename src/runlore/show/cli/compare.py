"""``runlore run compare A B …``."""

from __future__ import annotations

import click

from runlore.show.cli import candidates
from runlore.show.cli.shared import find_run, json_option
from runlore.show.cli.table import print_json
from runlore.show.cli.terminal import width


@click.command()
@click.argument("runs", nargs=-1, required=True, shell_complete=candidates.runs)
@click.option("--all", "everything", is_flag=True, help="Also what is the same.")
@click.option("--code", is_flag=True, help="Also the lines of the sources that differ.")
@json_option
def compare(runs: tuple[str, ...], everything: bool, code: bool, as_json: bool) -> None:
    """Show what is different between two or more RUNS: a column each, sources against those of the first.

    Parameters, metrics, metadata, steps, code, environment, what steps took and gave, and options.
    """
    if len(runs) < 2:
        raise click.UsageError("Name two or more runs, such as training/11 training/12.")
    first, *others = [find_run(run) for run in runs]
    comparison = first.diff(*others)
    if as_json:
        print_json(comparison.to_dict())
    else:
        click.echo(comparison.to_text(everything=everything, code=code, width=width() or 80))
