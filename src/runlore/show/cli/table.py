"""Tables and JSON: how the command line prints rows, for people and for programs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

Row = Mapping[str, Any]
_GAP = "  "
_NARROWEST = 6
#: What a column keeps before the first one gives way.
_READABLE = 19


def print_rows(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, empty: str, more: int = 0) -> None:
    """Print rows as a JSON list, or as a table of ``columns`` that fits the terminal (80 columns where there is none).

    ``empty`` is said when there are no rows; ``more`` tells how many others there are.
    """
    listed = list(rows)
    if as_json:
        print_json(listed)
    elif not listed:
        click.echo(empty, err=True)
    else:
        cells = [[shown(row.get(column)) for column in columns] for row in listed]
        for line in table_lines([column.upper().replace("_", " ") for column in columns], cells, _width()):
            click.echo(line)
    if more > 0:
        click.echo(f"… and {more} more; --limit 0 shows all.", err=True)


def print_json(value: Any) -> None:
    """Print strict JSON; what JSON cannot say is printed as text."""
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_facts(facts: Row) -> None:
    """Print one fact per line, names aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name.replace('_', ' '):<{width}}  {shown(value)}")


def echo_line(text: str) -> None:
    """Print a log line; bytes that were no UTF-8 are shown escaped."""
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def table_lines(header: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> Iterable[str]:
    """Lay out a table in at most ``width`` columns; long texts are shortened before short ones."""
    rows = [list(header), *map(list, cells)]
    widths = [max(columns_of(row[index]) for row in rows) for index in range(len(header))]
    _shrink(widths, width - len(_GAP) * (len(widths) - 1))
    for row in rows:
        yield _GAP.join(_fitted(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip()


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for one that joins the last."""
    if text.isascii():
        return len(text)
    import unicodedata  # rarely needed: most names are plain

    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(char) in ("W", "F")
        else 1
        for char in text
    )


def _shrink(widths: list[int], room: int) -> None:
    # the first column names the thing and stays whole for longest; words such as a status stay readable beside it
    first, others = [0], range(1, len(widths))
    for candidates, least in ((others, _READABLE), (first, room // 2), (others, _NARROWEST), (first, _NARROWEST)):
        while sum(widths) > room:
            widest = max(candidates, key=widths.__getitem__, default=None)
            if widest is None or widths[widest] <= least:
                break
            widths[widest] -= 1


def _fitted(cell: str, size: int) -> str:
    if columns_of(cell) <= size:
        return cell + " " * (size - columns_of(cell))
    while columns_of(cell) > size - 1:
        cell = cell[:-1]
    return f"{cell}…" + " " * (size - 1 - columns_of(cell))


def shown(value: Any) -> str:
    """A value in one line of printable text."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    # what was recorded may come from anyone: no control character of it reaches the terminal
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def jsonable(value: Any) -> Any:
    """The value as JSON says it; numbers that are not finite and everything else become text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return str(value)


def _width() -> int:
    """Columns of the terminal; 80 where there is none. `shutil` knows the same, and imports three compressors."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # no stream, a closed one, no terminal
        return 80
