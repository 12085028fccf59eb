"""``runlore run report``: a run as one HTML file."""

from __future__ import annotations

import re
import sys

import click

from runlore.recall.run import Run
from runlore.show.cli import candidates
from runlore.show.cli.shared import find_run

#: What a file name cannot hold everywhere.
_UNFIT = re.compile(r"[^\w.-]+")


@click.command()
@click.argument("run", shell_complete=candidates.runs)
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False),
    metavar="FILE",
    help="Write this file, or - for stdout; without it, one named after the run in the working directory.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there and is no report.")
@click.option("--draw", is_flag=True, help="Draw pictures of what RUN gave back, which loads these values.")
@click.option("--open", "and_open", is_flag=True, help="Then open it in a browser, if this is a terminal.")
def report(run: str, output: str | None, overwrite: bool, draw: bool, and_open: bool) -> None:
    """Write a report of RUN (a name, an id, or a pathspec such as training/latest): one HTML file.

    It needs nothing else: no network, no script. An earlier report is replaced. The file is there whole or not at all.
    """
    found = find_run(run)
    if output == "-":
        click.echo(found.to_html(draw=draw).encode("utf-8", "replace"), nl=False)
        return
    written = found.report(output or _name(found), overwrite=overwrite, draw=draw)
    click.echo(str(written))
    if and_open and sys.stdin.isatty() and sys.stdout.isatty():
        import webbrowser  # only needed to open one

        webbrowser.open(written.resolve().as_uri())


def _name(run: Run) -> str:
    pipeline = _UNFIT.sub("_", run.pipeline_name).strip(".") or "run"
    return f"{pipeline[:100]}-{run.number}.html"
