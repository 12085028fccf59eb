"""``runlore artifact …``: list, show, version list, download, visualize."""

from __future__ import annotations

from typing import Any

import click

from runlore.errors import NotFound
from runlore.model.pathspec import ARTIFACT_PREFIX
from runlore.model.units import shown_size
from runlore.recall.artifact import Artifact
from runlore.recall.version import ArtifactVersion
from runlore.show.cli import candidates
from runlore.show.cli.shared import client, given_filters, json_option, limited, listing_options, named
from runlore.show.cli.table import print_facts, print_json, print_rows


@click.command("list")
@listing_options
def list_artifacts(**options: Any) -> None:
    """List artifacts, newest first."""
    given = given_filters(options["filters"], options["tags"], options["sort_by"] or "desc:created", options["where"])
    found, more = limited(client().list_artifacts(**given), options["limit"])
    rows = [artifact.to_row() for artifact in found]
    columns = ("name", "versions", "created")
    print_rows(rows, columns, as_json=options["as_json"], empty="There are no such artifacts.", more=more)


@click.command()
@click.argument("artifact", shell_complete=candidates.versions)
@json_option
def show(artifact: str, as_json: bool) -> None:
    """Show ARTIFACT: the newest version of a name, model@3, model@production, or what
    training/latest/train/0/model names."""
    found = find_version(artifact)
    producer = found.producer
    facts = {
        **found.to_row(),
        "annotated_type": found.annotated_type,
        "aliases": list(found.aliases),
        "materializer": found.materializer,
        "producer": producer.pathspec if producer else None,
        "consumers": [step.pathspec for step in found.consumers],
        "metadata": dict(found.metadata),
        "tags": list(found.tags),
        "pickle": found.is_pickle,
        "pictures": [f"{one.name} ({one.kind})" for one in found.kept_pictures()],
        "deleted": found.deleted,
    }
    if as_json:
        print_json(facts)
        return
    facts["size"] = shown_size(found.size)
    facts["pickle"] = "yes: loading it runs code that came with it" if found.is_pickle else None
    undrawn = None if found.deleted else f"not drawn yet: runlore artifact visualize {artifact}"
    facts["pictures"] = facts["pictures"] or undrawn
    facts["deleted"] = "its bytes were deleted" if found.deleted else None
    print_facts(facts)


def find_version(reference: str) -> ArtifactVersion:
    """The version that a name, ``name@version`` or pathspec names; of a name alone, the newest."""
    try:
        found = client().get(ARTIFACT_PREFIX + reference.removeprefix(ARTIFACT_PREFIX))
    except NotFound:
        if "/" not in reference or reference.startswith(ARTIFACT_PREFIX):
            raise
        found = client().get(reference)  # names of artifacts may hold slashes, too
    if isinstance(found, Artifact):
        return found.latest
    if isinstance(found, ArtifactVersion):
        return found
    raise NotFound(f"{reference!r} names {named(found)}, not an artifact version.")


@click.group()
def version() -> None:
    """Versions of artifacts."""


@version.command("list")
@click.argument("artifact", required=False, shell_complete=candidates.artifacts)
@listing_options
def list_versions(artifact: str | None, **options: Any) -> None:
    """List versions, newest first: all, or those of ARTIFACT."""
    given = given_filters(options["filters"], options["tags"], options["sort_by"], options["where"])
    name = None if artifact is None else client().get_artifact(artifact.removeprefix(ARTIFACT_PREFIX)).name
    found, more = limited(client().list_artifact_versions(name, **given), options["limit"])
    rows = [one.to_row() for one in found]
    if not options["as_json"]:
        for row in rows:
            row["size"] = "deleted" if row["deleted"] else shown_size(row["size"])
            row["type"] = row["type"].removeprefix("builtins.")
    columns = ("artifact", "version", "type", "size", "created")
    print_rows(rows, columns, as_json=options["as_json"], empty="There are no such versions.", more=more)


@click.command()
@click.argument("artifact", shell_complete=candidates.versions)
@click.argument("path", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def download(artifact: str, path: str, overwrite: bool) -> None:
    """Write the stored files of ARTIFACT (model, model@3, a pathspec) to PATH: an archive if it ends in .zip, one
    file if it has another ending and one file is all there is, else a folder."""
    written = find_version(artifact).download_files(path, overwrite=overwrite)
    click.echo(str(written))


@click.command()
@click.argument("artifact", shell_complete=candidates.versions)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write this HTML file instead of opening a browser."
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@click.option("--large", is_flag=True, help="Show pictures of more than 200 kB, too.")
@click.option("--draw", is_flag=True, help="Draw them even if pictures were switched off when the value was stored.")
@click.option("--trust", is_flag=True, help="Load a pickle that this installation did not write: it can run any code.")
def visualize(artifact: str, output: str | None, overwrite: bool, large: bool, draw: bool, trust: bool) -> None:
    """Show pictures of ARTIFACT (model, model@3, a pathspec) in a browser.

    Without a terminal they are written to a temporary file. The first look loads the value; what was drawn is kept.
    """
    written = find_version(artifact).visualize(output, overwrite=overwrite, large=large, draw=draw, trust=trust)
    click.echo(str(written))
