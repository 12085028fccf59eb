"""``runlore lineage REF``."""

from __future__ import annotations

import click

from runlore.errors import NotFound, PathspecInvalid
from runlore.model.pathspec import ARTIFACT_PREFIX
from runlore.recall.artifact import Artifact
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.recall.version import ArtifactVersion
from runlore.show.cli import candidates
from runlore.show.cli.shared import client, json_option, named
from runlore.show.cli.table import print_json
from runlore.show.cli.terminal import width
from runlore.show.cli.tree import folded

FORMATS = ("tree", "mermaid", "dot", "json")


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.references)
@click.option("--up", is_flag=True, help="Only what it was made from.")
@click.option("--down", is_flag=True, help="Only what came of it.")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="At most so many steps away.")
@click.option(
    "--breadth", type=click.IntRange(min=0), default=20, show_default=True, help="Links of one node; 0 is all."
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=200, show_default=True, help="Nodes in each direction; 0 is all."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="tree", show_default=True, help="How to print it."
)
@json_option
def lineage(
    reference: str, up: bool, down: bool, depth: int | None, breadth: int, limit: int, form: str, as_json: bool
) -> None:
    """Show what REF was made from, and what came of it, across runs and pipelines.

    REF is an artifact version (artifact:model@3; artifact:model is the newest), or the pathspec of a run, step or task.
    """
    found = _found(reference)
    direction = "both" if up == down else "up" if up else "down"
    graph = found.lineage(direction, depth, breadth=breadth or None, limit=limit or None)
    if as_json or form == "json":
        print_json(graph.to_dict())
    elif form == "tree":
        for line in folded(graph.to_tree(), width()):
            click.echo(line)
    else:
        click.echo(graph.to_mermaid() if form == "mermaid" else graph.to_dot())
    if graph.more:
        bounds = ", ".join(("--depth", "--breadth", "--limit") if depth is not None else ("--breadth", "--limit"))
        click.echo(f"This is not all of it; see {bounds}.", err=True)


def _found(reference: str) -> ArtifactVersion | Run | Step | Task:
    try:
        found = client().get(reference)
    except NotFound as problem:
        # an artifact by its mere name, where nothing else is called so
        try:
            found = client().get(ARTIFACT_PREFIX + reference)
        except (NotFound, PathspecInvalid):
            raise problem from None
    if isinstance(found, Artifact):
        return client().get_artifact_version(found.name)
    if isinstance(found, (ArtifactVersion, Run, Step, Task)):
        return found
    raise NotFound(
        f"{reference!r} names {named(found)}, which has no lineage of its own. Runs, steps, tasks and artifact "
        "versions have: training/latest, training/12/train, artifact:model@3."
    )
