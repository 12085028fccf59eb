"""Terminal: whether a person looks at what is printed, how much room there is, and in which colours."""

from __future__ import annotations

import os
import re
import sys

import click

from runlore.model.name import printable

#: Status → colour.
_COLOURS = {
    "completed": "green",
    "cached": "cyan",
    "running": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "interrupted": "magenta",
    "skipped": "bright_black",
    "pending": "bright_black",
}
#: What may stand in a log line as it is: tabs and colours. Whatever else moves the cursor or talks to the terminal is
#: shown escaped, since a log may come from anyone.
_SAFE = re.compile(r"(\x1b\[[0-9;]*m|\t)")


def is_terminal() -> bool:
    """Whether stdout is a terminal, so that what is printed may be shortened, and coloured."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):  # no stream, a closed one
        return False


def width() -> int | None:
    """Columns of the terminal on stdout; ``None`` where there is none, and so no limit.

    `shutil` knows the same, and imports three compressors.
    """
    if not is_terminal():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):
        return 80


def height() -> int:
    """Rows of the terminal on stdout."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or 24
    except (AttributeError, ValueError, OSError):
        return 24


def coloured() -> bool:
    """Whether colours are wanted: on a terminal that knows them, unless ``NO_COLOR`` is set (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, status: str) -> str:
    """The text in the colour of a status, where colours are wanted."""
    colour = _COLOURS.get(status)
    return click.style(text, fg=colour) if colour and coloured() else text


def echo_line(text: str) -> None:
    """Print a log line; bytes that were no UTF-8 are shown escaped. On a terminal it keeps its colours, and nothing
    else that steers the terminal."""
    if is_terminal() and not text.isprintable():
        parts = _SAFE.split(text)
        kept = ("" if part[0] == "\x1b" and not coloured() else part for part in parts[1::2])
        text = "".join(one for pair in zip(map(printable, parts[::2]), [*kept, ""], strict=True) for one in pair)
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))
