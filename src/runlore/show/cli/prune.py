"""``runlore artifact prune``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

from runlore.show.cli.pruned import print_pruned, sentence
from runlore.show.cli.shared import client, confirm, json_option, yes_option
from runlore.show.cli.table import print_json

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Age(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration: ``30d``, ``12h``."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = _AGE.fullmatch(str(value).strip())
        try:
            if found is not None:
                return timedelta(**{_UNITS[found[2]]: float(found[1])})
        except OverflowError:
            pass
        self.fail(f"{value!r} is no age; one reads 30d, 12h, 45m, 90s or 2w.", param, ctx)


@click.command()
@click.option("--only-artifact", is_flag=True, help="Delete the bytes; what is known of the versions stays.")
@click.option("--only-metadata", is_flag=True, help="Forget the versions; their bytes stay.")
@click.option("--older-than", type=Age(), metavar="AGE", help="Only versions that are older, such as 30d or 12h.")
@click.option(
    "--keep-last", type=click.IntRange(min=0), default=0, metavar="N", help="The newest N of each artifact stay."
)
@click.option("--include-manual", is_flag=True, help="Also what was saved or registered by hand.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--ignore-errors", "-i", is_flag=True, help="Go on when a file cannot be deleted.")
@click.option(
    "--threads", "-t", type=click.IntRange(min=1), default=4, show_default=True, help="Delete so many at a time."
)
@json_option
@yes_option
def prune(dry_run: bool, as_json: bool, yes: bool, **options: Any) -> None:
    """Delete artifact versions that no run, alias or other version refers to, and bytes that nothing refers to.

    What was saved or registered by hand stays. Pipelines may be running.
    """
    if options["only_artifact"] and options["only_metadata"]:
        raise click.UsageError("--only-artifact and --only-metadata exclude each other.")
    if dry_run or not yes:
        expected = client().prune_artifacts(dry_run=True, **options)
        if dry_run:
            _print(expected, as_json)
            return
        if not (expected.versions or expected.payloads or expected.files or expected.waiting_files or as_json):
            click.echo("There is nothing to delete.", err=True)
            return
        click.echo(sentence(expected), err=True)
        confirm("Delete it?", yes)
    _print(client().prune_artifacts(**options), as_json)


def _print(pruned: Any, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "dry_run": pruned.dry_run,
                "versions": [
                    {"artifact": one.artifact, "version": one.version, "size": one.size} for one in pruned.versions
                ],
                "payloads": pruned.payloads,
                "files": pruned.files,
                "freed": pruned.freed,
                "waiting": {
                    "versions": pruned.waiting_versions,
                    "files": pruned.waiting_files,
                    "bytes": pruned.waiting_bytes,
                },
                "errors": list(pruned.errors),
            }
        )
        return
    if pruned.dry_run:
        for one in pruned.versions:
            click.echo(one.name)
    print_pruned(pruned)
