"""``runlore explain PATHSPEC``."""

from __future__ import annotations

import click

from runlore.recall.task import Task
from runlore.show.cli import candidates
from runlore.show.cli.shared import find_step, json_option
from runlore.show.cli.table import print_json


@click.command()
@click.argument("pathspec", shell_complete=candidates.steps)
@json_option
def explain(pathspec: str, as_json: bool) -> None:
    """Say why the step PATHSPEC ran or came from the cache, and what changed since the run before."""
    found = find_step(pathspec)
    step = found.step if isinstance(found, Task) else found
    explanation = step.explain()
    if as_json:
        print_json(explanation.to_row())
        return
    click.echo(str(explanation))
