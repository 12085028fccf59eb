"""``runlore init``, ``status`` and ``check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runlore.errors import ArtifactChanged, ArtifactCorrupt, ArtifactMissing
from runlore.model.query import Query
from runlore.record.port import Finding
from runlore.record.prune import named_by
from runlore.settings import FOLDER, load_settings
from runlore.show.cli.shared import json_option
from runlore.show.cli.table import print_facts, print_json
from runlore.workspace import Workspace, default_workspace

#: What is recorded belongs to this machine; settings may be shared.
_IGNORE = "*\n!.gitignore\n!settings.toml\n"


@click.command()
def init() -> None:
    """Make a record for the project in this folder, used from here and from every folder below."""
    folder = Path.cwd() / FOLDER
    existed = folder.is_dir()
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORE, encoding="utf-8")
    settings = load_settings()
    Workspace.open(settings._replace(home=folder)).close()
    click.echo(f"{'There is already a record' if existed else 'Made a record'} in {folder}.", err=True)
    if settings.home.resolve() != folder.resolve():
        click.echo(f"It is not in use: the record is {settings.home} ({settings.home_reason}).", err=True)


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Say where the record is, why there, and what it holds."""
    workspace = default_workspace()
    facts: dict[str, Any] = {
        "home": str(workspace.settings.home),
        "because_of": workspace.settings.home_reason,
        "profile": workspace.settings.profile,
        "durability": workspace.settings.durability,
    }
    for name, noun in (("pipelines", "pipeline"), ("runs", "run"), ("artifacts", "artifact"), ("versions", "version")):
        facts[name] = workspace.record.count(Query(noun=noun))
    running = [workspace.client.run_of(workspace.record.run(lease.run)) for lease in workspace.record.leases()]
    facts["running"] = [run.pathspec for run in running if not run.finished]
    if as_json:
        print_json(facts)
        return
    facts["running"] = facts["running"] or "nothing"
    print_facts(facts)


@click.command()
@json_option
def check(as_json: bool) -> None:
    """Verify every invariant of the record and hash every stored byte; exit with 1 if anything is damaged."""
    workspace = default_workspace()
    findings = [*workspace.record.check(), *_check_blobs(workspace)]
    if as_json:
        fields = ("rule", "subject", "message", "harmless")
        print_json([{name: getattr(finding, name) for name in fields} for finding in findings])
    else:
        for finding in findings:
            click.echo(
                f"{'note' if finding.harmless else 'DAMAGE'}  {finding.rule}  {finding.subject}: {finding.message}"
            )
    damage = sum(not finding.harmless for finding in findings)
    click.echo(f"{damage} damaged." if damage else "Everything is as it should be.", err=True)
    if damage:
        raise click.exceptions.Exit(1)


def _check_blobs(workspace: Any) -> Iterator[Finding]:
    verified: set[str] = set()
    for digest, form in workspace.record.digests():
        wanted = [digest]
        while wanted:
            current = wanted.pop()
            if current in verified:
                continue
            verified.add(current)
            try:
                workspace.blobs.verify(current)
                if form == "registered":
                    workspace.vault.check_registered(digest)
                if form in ("tree", "code") and current == digest:
                    wanted.extend(named_by(digest, form, workspace.blobs))
            except ArtifactChanged as error:
                yield Finding(rule="registered-changed", subject=current, message=str(error))
            except ArtifactMissing as error:
                rule = "registered-missing" if form == "registered" and workspace.blobs.has(current) else "blob-missing"
                yield Finding(rule=rule, subject=current, message=str(error))
            except ArtifactCorrupt as error:
                yield Finding(rule="blob-damaged", subject=current, message=str(error))
