"""``runlore run export`` and ``runlore run import``."""

from __future__ import annotations

import click

from runlore.show.cli import candidates
from runlore.show.cli.shared import client, find_run, json_option
from runlore.show.cli.table import print_json


@click.command("export")
@click.argument("run", shell_complete=candidates.runs)
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False), required=True, help="The folder; new or empty."
)
@click.option("--no-artifacts", is_flag=True, help="Leave out the bytes of all artifacts.")
@click.option(
    "--only", multiple=True, metavar="ARTIFACT", help="Take along the bytes of this artifact; repeat for more."
)
def export(run: str, folder: str, no_artifacts: bool, only: tuple[str, ...]) -> None:
    """Write RUN with its steps, logs, code, notes and artifacts to a folder that `run import` reads anywhere."""
    if no_artifacts and only:
        raise click.UsageError("--no-artifacts and --only exclude each other.")
    click.echo(str(find_run(run).export(folder, artifacts=not no_artifacts, only=only or None)))


@click.command("import")
@click.argument("folder", type=click.Path())
@json_option
def import_(folder: str, as_json: bool) -> None:
    """Read the run in FOLDER, which `run export` wrote, into this record: wholly, or not at all.

    Nothing in it is executed. A run that is here already stays as it is.
    """
    from runlore.recall.portable import import_run  # not imported by who exports

    run, new = import_run(client()._reader, folder)
    if as_json:
        print_json({"run": run.pathspec, "name": run.name, "id": str(run.id), "imported": new})
        return
    click.echo(run.pathspec)
    if not new:
        click.echo("It is here already; nothing was changed.", err=True)
