"""``runlore run logs`` and ``runlore step logs``: what was written, so far or as it comes."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlore.model.jsonable import jsonable
from runlore.recall.logs import POLL
from runlore.recall.task import Task
from runlore.show.cli import candidates
from runlore.show.cli.lazy import CANCELLED
from runlore.show.cli.shared import find_run, find_step, json_option
from runlore.show.cli.table import print_json
from runlore.show.cli.terminal import echo_line

if TYPE_CHECKING:
    from runlore.recall.loglines import LogLine
    from runlore.recall.logs import Logged

Command = TypeVar("Command", bound=Callable[..., Any])
Row = Callable[["LogLine"], dict[str, Any]]
Prefix = Callable[["LogLine"], str]
_STREAMS = ("stdout", "stderr", "logging")


def _options(command: Command) -> Command:
    for option in (
        json_option,
        click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines there are."),
        click.option("--timestamps", is_flag=True, help="Begin each line with its time (UTC)."),
        click.option("--attempt", type=click.IntRange(min=0), help="Which try, from 0; the last without it."),
        *(click.option(f"--{name}", is_flag=True, help=f"Only what went to {name}.") for name in reversed(_STREAMS)),
        click.option("--follow", "-f", is_flag=True, help="Go on with what is written until it has finished."),
    ):
        command = option(command)
    return command


@click.command("logs")
@click.argument("run", shell_complete=candidates.runs)
@click.argument("step", required=False, shell_complete=candidates.steps_of)
@_options
def run_logs(run: str, step: str | None, **options: Any) -> None:
    """Print what the steps of RUN wrote, by time, or what its STEP wrote.

    With --json, --follow prints an object on a line for each line.
    """
    found = find_run(run)
    if step is not None:
        _print(found.steps[step], options, _step_row, lambda line: "")
        return
    names = list(found.steps)

    def name_of(line: LogLine) -> str:
        nonlocal names
        if line.step >= len(names):  # the plan of a running run grows
            names = list(found.steps)
        return names[line.step]

    def row(line: LogLine) -> dict[str, Any]:
        return _row(line, "step", name_of(line))

    _print(found, options, row, lambda line: f"[{name_of(line)}{f' from {line.origin}' if line.origin else ''}] ")


@click.command("logs")
@click.argument("pathspec", shell_complete=candidates.steps)
@_options
def step_logs(pathspec: str, **options: Any) -> None:
    """Print what the step or task PATHSPEC wrote.

    With --json, --follow prints an object on a line for each line.
    """
    found = find_step(pathspec)
    if isinstance(found, Task) and options["attempt"] is not None:
        found = found.attempt_number(options.pop("attempt"))
        options["attempt"] = None
    if found.logs_from is not None and not options["as_json"]:
        click.echo(f"Written by {found.logs_from}, whose result was taken over.", err=True)
    _print(found, options, _step_row, lambda line: "")


def _row(line: LogLine, key: str, value: Any) -> dict[str, Any]:
    return {"time": line.time, key: value, "stream": line.stream, "text": line.text, "origin": line.origin}


def _step_row(line: LogLine) -> dict[str, Any]:
    return _row(line, "task", line.item)


def _print(logged: Logged, options: dict[str, Any], row: Row, prefix: Prefix) -> None:
    chosen = [name for name in _STREAMS if options[name]]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other; without either, all are printed.")
    stream, attempt, tail = next(iter(chosen), None), options["attempt"], options["tail"]

    def say(line: LogLine) -> None:
        if options["as_json"]:
            click.echo(json.dumps(jsonable(row(line)), ensure_ascii=True))
            return
        moment = f"{line.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z " if options["timestamps"] else ""
        echo_line(f"{moment}{prefix(line)}{line.text}")

    if options["follow"]:
        try:
            _follow(logged, stream, attempt, tail, say)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(CANCELLED) from None
        return
    lines = logged.loglines(stream) if attempt is None else logged.loglines(stream, attempt=attempt)
    lines = lines if tail is None else lines[max(len(lines) - tail, 0) :]
    if options["as_json"]:
        print_json([row(line) for line in lines])
        return
    for line in lines:
        say(line)


def _follow(
    logged: Logged, stream: str | None, attempt: int | None, tail: int | None, say: Callable[[LogLine], None]
) -> None:
    """Say each line as it comes; of those that were there at the first look, the last ``tail``."""
    from runlore.recall.follow import follow  # only who follows needs it

    first: deque[LogLine] | None = deque(maxlen=tail)

    def wait(seconds: float) -> None:
        nonlocal first
        _say_all(first, say)
        first = None
        time.sleep(seconds)

    for line in follow(logged, poll=POLL, sleep=wait):
        if stream in (None, line.stream) and attempt in (None, line.attempt):
            if first is None:
                say(line)
            else:
                first.append(line)
    _say_all(first, say)


def _say_all(lines: Iterable[LogLine] | None, say: Callable[[LogLine], None]) -> None:
    for line in lines or ():
        say(line)
