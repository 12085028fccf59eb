"""``runlore step show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from runlore.model.units import shown_seconds, shown_size
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.show.cli import candidates
from runlore.show.cli.shared import find_step, json_option
from runlore.show.cli.table import print_facts, print_json, print_rows


@click.command()
@click.argument("pathspec", shell_complete=candidates.steps)
@json_option
def show(pathspec: str, as_json: bool) -> None:
    """Show the step or task PATHSPEC, such as training/latest/train: parameters, inputs, outputs."""
    found = find_step(pathspec)
    facts = _facts(found)
    inputs, outputs = _versions("input", found.inputs), _versions("output", found.outputs)
    if as_json:
        print_json({**facts, "inputs": inputs, "outputs": outputs})
        return
    facts["took"] = shown_seconds(facts.pop("duration", None))
    print_facts(facts)
    if inputs or outputs:
        click.echo()
        columns = ("kind", "name", "artifact", "type", "size")
        for row in (*inputs, *outputs):
            row["size"] = shown_size(row["size"])
            row["type"] = row["type"].removeprefix("builtins.")
        print_rows([*inputs, *outputs], columns, as_json=False, empty="")


def _facts(found: Step | Task) -> dict[str, Any]:
    failure = found.failure
    facts: dict[str, Any] = {
        "pathspec": found.pathspec,
        "status": str(found.status),
        "failure": failure.said if failure else None,
        "started": found.started,
        "ended": found.ended,
        "origin": found.origin_pathspec,
    }
    if isinstance(found, Task):
        return {**facts, "attempt": found.attempt, "duration": found.usage.wall, "memory": found.usage.memory}
    return {
        **facts,
        "duration": found.duration,
        "tasks": len(found.tasks) if found.mapped else None,
        "cache_note": found.cache_note,
        "parameters": found.parameters.shown(),
        "metadata": dict(found.metadata),
    }


def _versions(kind: str, versions: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "name": name, "artifact": version.pathspec, "type": version.type, "size": version.size}
        for name, version in versions.items()
    ]
