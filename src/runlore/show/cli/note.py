"""``runlore run note``: what people wrote about a run."""

from __future__ import annotations

import sys
from typing import IO

import click

from runlore.recall.run import Run
from runlore.show.cli import candidates
from runlore.show.cli.shared import find_run, json_option
from runlore.show.cli.table import print_json, print_rows
from runlore.show.cli.terminal import echo_line


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@click.argument("text", required=False)
@click.option("-F", "--file", type=click.File("r", encoding="utf-8"), help="Read the note from a file; - is stdin.")
@click.option("--edit", is_flag=True, help="Write it in your editor, the one that EDITOR names.")
@click.option("--delete", is_flag=True, help="Take the note away; its history stays.")
@click.option("--history", is_flag=True, help="List every writing, oldest first.")
@json_option
def note(
    run: str, text: str | None, file: IO[str] | None, edit: bool, delete: bool, history: bool, as_json: bool
) -> None:
    """Print the note of RUN, or write TEXT (Markdown) in its place.

    On a terminal, a run without a note opens your editor.
    """
    if sum((text is not None, file is not None, edit, delete, history)) > 1:
        raise click.UsageError("Give one of TEXT, --file, --edit, --delete and --history.")
    found = find_run(run)
    if history:
        rows = [{"at": one.at, "user": one.user, "text": one.text} for one in found.note_history]
        print_rows(rows, ("at", "user", "text"), as_json=as_json, empty=f"{found.pathspec} has no note.")
    elif delete:
        _write(found, None)
    elif text is not None:
        _write(found, text)
    elif file is not None:
        _write(found, file.read())
    elif edit or (not as_json and found.note is None and sys.stdin.isatty() and sys.stdout.isatty()):
        _write(found, click.edit(found.note or "", extension=".md") or found.note)
    elif as_json:
        print_json(found.note)
    else:
        _show(found)


def _write(run: Run, text: str | None) -> None:
    before = run.note
    run.note = text
    after = run.note
    said = "as it was" if after == before else "taken away" if after is None else "written"
    click.echo(f"The note of {run.pathspec} is {said}.", err=True)


def _show(run: Run) -> None:
    if run.note is None:
        click.echo(f"{run.pathspec} has no note.", err=True)
        return
    for line in run.note.splitlines():
        echo_line(line)
