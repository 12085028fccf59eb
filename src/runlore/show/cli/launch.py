"""``runlore pipeline run file.py:name --param …``."""

from __future__ import annotations

from typing import Any

import click

from runlore.author.pipeline import Pipeline
from runlore.errors import RunloreError
from runlore.recall.run import Run
from runlore.show.cli import candidates
from runlore.show.cli.failure import failed
from runlore.show.cli.options import argument_of, options_of
from runlore.show.cli.script import find_pipeline
from runlore.show.cli.table import print_json


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--config", "config_path", type=click.Path(exists=True, dir_okay=False), help="YAML configuration.")
@click.option("--run-name", help="Name of the run.")
@click.option("--trigger", multiple=True, metavar="EVENT", help="Event that starts the run; repeat for several.")
@click.option("--cache/--no-cache", "enable_cache", default=None, help="Use the cache or run every step.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
@click.argument("target", metavar="FILE.PY:PIPELINE", shell_complete=candidates.files)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PARAMETERS]")
@click.pass_context
def run(ctx: click.Context, /, target: str, arguments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Run a pipeline of a Python file.

    \b
    runlore pipeline run flow.py:training --lr 0.2

    A file of a package runs as part of it, and can be named as a module as well: package.flow:training.

    The options after the pipeline are its parameters; --help there lists them with their types and defaults. Options of
    this command stand before the pipeline.
    """
    pipeline = find_pipeline(target)
    chosen = {name: value for name, value in options.items() if value not in (None, ())}
    if chosen:
        pipeline = pipeline.with_options(**chosen)
    given = _read_arguments(f"{ctx.command_path.split(' FILE.PY')[0]} {target}", pipeline, arguments)
    finished = _run(pipeline, given)
    if as_json:
        print_json(finished.to_row())
    else:
        click.echo(finished.pathspec)


def _read_arguments(path: str, pipeline: Pipeline, arguments: tuple[str, ...]) -> dict[str, Any]:
    parameters = {parameter.name: parameter for parameter in pipeline.signature.parameters}
    command = click.Command(path, params=options_of(pipeline.signature), help=pipeline.__doc__)
    with command.make_context(path, list(arguments), help_option_names=["-h", "--help"]) as inner:
        return {
            name: argument_of(parameters[name], value)
            for name, value in inner.params.items()
            if inner.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        }


def _run(pipeline: Pipeline, arguments: dict[str, Any]) -> Run:
    try:
        finished: Run = pipeline(**arguments)
    except RunloreError:
        raise
    except Exception as error:
        raise failed(error, f"{pipeline.name} failed") from error
    return finished
