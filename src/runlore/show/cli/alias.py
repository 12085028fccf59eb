"""``runlore artifact alias``: which version of an artifact holds which alias."""

from __future__ import annotations

from typing import Any

import click

from runlore.model.pathspec import ARTIFACT_PREFIX
from runlore.recall.artifact import Artifact
from runlore.show.cli import candidates
from runlore.show.cli.shared import client, json_option
from runlore.show.cli.table import print_json, print_rows

_COLUMNS = ("alias", "version", "since")


@click.command()
@click.argument("artifact", shell_complete=candidates.artifacts)
@click.argument("alias", required=False, shell_complete=candidates.aliases)
@click.argument("version", required=False, shell_complete=candidates.labels)
@click.option("--history", is_flag=True, help="List every move of ALIAS, oldest first.")
@click.option("--roll-back", is_flag=True, help="Give ALIAS back to the version that held it before.")
@click.option("--remove", is_flag=True, help="Let no version hold ALIAS.")
@json_option
def alias(
    artifact: str, alias: str | None, version: str | None, history: bool, roll_back: bool, remove: bool, as_json: bool
) -> None:
    """Show the aliases of ARTIFACT, or let VERSION hold ALIAS: artifact alias model production 7.

    VERSION is a label, a number, latest or another alias. Exactly one version holds an alias; whichever held it before
    no longer does.
    """
    chosen = [
        name for name, given in (("--history", history), ("--roll-back", roll_back), ("--remove", remove)) if given
    ]
    if len(chosen) > 1 or (chosen and version is not None):
        raise click.UsageError(f"{' and '.join(chosen)} cannot be combined{' with a VERSION' if version else ''}.")
    if chosen and alias is None:
        raise click.UsageError(f"{chosen[0]} needs an ALIAS.")
    found = client().get_artifact(artifact.removeprefix(ARTIFACT_PREFIX))
    if alias is not None and history:
        moves = [move.to_row() for move in found.alias_history(alias)]
        print_rows(moves, _COLUMNS, as_json=as_json, empty="It never moved.")
    elif alias is None or not (chosen or version is not None):
        _list(found, alias, as_json)
    else:
        _change(found, alias, version, roll_back=roll_back, as_json=as_json)


def _list(artifact: Artifact, alias: str | None, as_json: bool) -> None:
    held = artifact.aliases
    names = list(held) if alias is None else [alias]
    rows = []
    for name in names:
        held[name]  # which says what there is, if nobody holds it
        rows.append(artifact.alias_history(name)[-1].to_row())
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No version holds an alias.")


def _change(artifact: Artifact, alias: str, version: str | None, *, roll_back: bool, as_json: bool) -> None:
    if roll_back:
        artifact.roll_back(alias)
    elif version is None:
        artifact.remove_alias(alias)
    else:
        artifact[version].promote(alias)
    row: dict[str, Any] = artifact.alias_history(alias)[-1].to_row()
    if as_json:
        print_json(row)
    elif row["version"] is None:
        click.echo(f"No version of {artifact.name} is {alias} any more.")
    else:
        click.echo(f"{artifact.name}@{row['version']} is {alias}.")
