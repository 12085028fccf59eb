"""``runlore pipeline|run|step|artifact tag``: show, add and remove tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from runlore.errors import NotFound
from runlore.model.pathspec import ARTIFACT_PREFIX
from runlore.recall.artifact import Artifact
from runlore.recall.step import Step
from runlore.recall.tags import Taggable
from runlore.recall.version import ArtifactVersion
from runlore.show.cli import candidates
from runlore.show.cli.candidates import Candidates
from runlore.show.cli.shared import client, find_run, json_option, named
from runlore.show.cli.table import print_rows


def _command(what: str, find: Callable[[str], Taggable], known: Candidates, says: str) -> click.Command:
    @click.command("tag", help=says)
    @click.argument(what, shell_complete=known)
    @click.option("--add", multiple=True, metavar="TAG", help="Add this tag; repeat for several.")
    @click.option("--remove", multiple=True, metavar="TAG", help="Remove this tag; repeat for several.")
    @json_option
    def command(add: tuple[str, ...], remove: tuple[str, ...], as_json: bool, **given: Any) -> None:
        found = find(given[what])
        if add or remove:
            found.replace_tags(remove, add)
        rows = [{"tag": tag, "given_by": "people"} for tag in found.tags]
        rows += [{"tag": tag, "given_by": "runlore"} for tag in found.own_system_tags]
        print_rows(rows, ("tag", "given_by"), as_json=as_json, empty="It has no tags.")

    return command


def _step(reference: str) -> Taggable:
    found = client().get(reference)
    if isinstance(found, Step):
        return found
    raise NotFound(f"{reference!r} names {named(found)}, not a step. Steps are written like training/12/train.")


def _artifact(reference: str) -> Taggable:
    try:
        found = client().get(ARTIFACT_PREFIX + reference.removeprefix(ARTIFACT_PREFIX))
    except NotFound:
        if "/" not in reference or reference.startswith(ARTIFACT_PREFIX):
            raise
        found = client().get(reference)  # names of artifacts may hold slashes, too
    if isinstance(found, (Artifact, ArtifactVersion)):
        return found
    raise NotFound(f"{reference!r} names {named(found)}, not an artifact or a version of one.")


_DOES = "what --remove and --add say is done in one step, or not at all. Tags that runlore gave stay."
tag_pipeline = _command(
    "pipeline",
    lambda name: client().get_pipeline(name),
    candidates.pipelines,
    f"Show the tags of PIPELINE, or change them: {_DOES}",
)
tag_run = _command("run", find_run, candidates.runs, f"Show the tags of RUN, or change them: {_DOES}")
tag_step = _command(
    "step", _step, candidates.steps, f"Show the tags of STEP, such as training/12/train, or change them: {_DOES}"
)
tag_artifact = _command(
    "artifact",
    _artifact,
    candidates.versions,
    f"Show the tags of ARTIFACT (model for the series, model@3, a pathspec), or change them: {_DOES}",
)
