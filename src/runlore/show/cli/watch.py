"""Watch: shows on a terminal what is now, over and over, until it is over or Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import click

from runlore.record.port import Record
from runlore.show.cli.lazy import CANCELLED
from runlore.show.cli.terminal import is_terminal

#: Seconds between two looks at what has changed, and between two pictures where nothing has.
POLL, REFRESH = 0.25, 1.0

watch_option = click.option("--watch", is_flag=True, help="Show it anew as it changes, until it is over or Ctrl-C.")


def refuse_without_terminal(as_json: bool) -> None:
    """A picture that changes needs a terminal. Raises `click.UsageError`."""
    if as_json:
        raise click.UsageError("--watch and --json exclude each other.")
    if not is_terminal():
        raise click.UsageError("--watch needs a terminal. `runlore run logs RUN -f` follows a run anywhere.")


def watch(
    record: Record,
    lines: Callable[[], Iterable[str]],
    over: Callable[[], bool],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show ``lines`` until ``over``, which is asked before each look.

    The record's events tell cheaply whether there is anything to look at; beside that, ages and durations move on.
    """
    from rich.console import Console  # only who watches waits for it
    from rich.live import Live
    from rich.text import Text

    try:
        with Live(console=Console(highlight=False), auto_refresh=False, vertical_overflow="ellipsis") as live:
            seen = newest_event(record)
            while True:
                finished = over()  # before looking, so that what is shown last is the end
                live.update(Text.from_ansi("\n".join(lines())), refresh=True)
                if finished:
                    return
                waited = 0.0
                while waited < REFRESH and not (events := record.events(seen)):
                    sleep(POLL)
                    waited += POLL
                seen = events[-1].seq if events else seen
    except KeyboardInterrupt:
        raise click.exceptions.Exit(CANCELLED) from None


def newest_event(record: Record) -> int:
    """The number of the record's newest event, 0 without any; found by some questions, however many there are."""
    step = 1
    while record.events(step, 1):
        step *= 2
    least, most = 0, step  # there is none after ``most``
    while least < most:
        middle = (least + most) // 2
        found = record.events(middle, 1)
        least, most = (found[0].seq, most) if found else (least, middle)
    return least
