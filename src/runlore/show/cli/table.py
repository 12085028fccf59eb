"""Tables and JSON: how the command line prints rows, for people and for programs.

On a terminal a table keeps to its width, a long name is shortened in its middle, so that its end can still be told from
others, and times are ages. Anywhere else nothing is shortened, and times are written out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from runlore.model.name import columns_of, printable
from runlore.model.units import shown_age
from runlore.show.cli.terminal import painted, width

Row = Mapping[str, Any]
_GAP = "  "
#: Columns of at most this width stay whole: words such as a status, numbers, times.
_READABLE = 19


def print_rows(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, empty: str, more: int = 0) -> None:
    """Print rows as a JSON list, or as a table of ``columns``, the first of which names the thing.

    On a terminal, columns in which nothing stands are left out, and so are the last ones if there is no room.
    ``empty`` is said when there are no rows; ``more`` tells how many others there are.
    """
    listed = list(rows)
    if as_json:
        print_json(listed)
    elif not listed:
        click.echo(empty, err=True)
    else:
        for line in rows_lines(listed, columns, width()):
            click.echo(line)
    if more > 0:
        click.echo(f"… and {more} more; --limit 0 shows all.", err=True)


def rows_lines(rows: Sequence[Row], columns: Sequence[str], room: int | None) -> Iterator[str]:
    """The lines of a table of rows, its header first; for a terminal of ``room`` columns, or for none."""
    if room is not None:
        columns = [name for name in columns if any(row.get(name) is not None for row in rows)]
    now = None if room is None else datetime.now(UTC)
    cells = [[_cell(row.get(name), now) for name in columns] for row in rows]
    header = [name.upper().replace("_", " ") for name in columns]
    yield from table_lines(header, cells, room, status=columns.index("status") if "status" in columns else None)


def print_json(value: Any) -> None:
    """Print strict JSON; what JSON cannot say is printed as text."""
    from runlore.model.jsonable import jsonable  # tables do without it

    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_facts(facts: Row) -> None:
    """Print facts, names aligned; the values of a mapping or list on a line each where one line has no room."""
    for line in facts_lines(facts, width()):
        click.echo(line)


def facts_lines(facts: Row, room: int | None) -> Iterator[str]:
    """The lines that `print_facts` prints, for a terminal of ``room`` columns, or for none."""
    label = max(map(len, facts), default=0) + len(_GAP)
    for name, value in facts.items():
        if value is None or (isinstance(value, (Mapping, list, tuple)) and not value):
            continue
        lines = _value_lines(value, None if room is None else room - label)
        if lines is None:  # beside its name it has no room
            yield name.replace("_", " ")
            yield from (_GAP + line for line in _value_lines(value, (room or 0) - len(_GAP), broken=True) or ())
            continue
        first, *others = (painted(line, line) if name == "status" else line for line in lines)
        yield f"{name.replace('_', ' '):<{label}}{first}"
        yield from (" " * label + line for line in others)


def _value_lines(value: Any, room: int | None, *, broken: bool = False) -> list[str] | None:
    """A value in lines of at most ``room`` columns; ``None`` if a word of it is longer, unless it may be ``broken``."""
    if isinstance(value, Mapping):
        parts = [f"{key}={item!r}" for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [shown(item) for item in value]
    else:
        parts = [shown(value)]
    parts = [printable(part) for part in parts]
    one = ", ".join(parts)
    if room is None or columns_of(one) <= room:
        return [one]
    lines = [line for part in parts for line in _wrapped(part, room)]
    return lines if broken or all(columns_of(line) <= room for line in lines) else None


def _wrapped(text: str, room: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and columns_of(line) + 1 + columns_of(word) > room:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def table_lines(
    header: Sequence[str], cells: Sequence[Sequence[str]], room: int | None, *, status: int | None = None
) -> Iterator[str]:
    """Lay out a table in at most ``room`` columns, the header's line first; without limit for ``None``.

    ``status`` is the place of the column whose words have colours.
    """
    rows = [list(header), *map(list, cells)]
    wanted = [max(columns_of(row[index]) for row in rows) for index in range(len(header))]
    widths = dict(enumerate(wanted)) if room is None else _shrunk(wanted, room)
    for row in rows:
        fitted = {index: _fitted(row[index], size) for index, size in widths.items()}
        if status in fitted:
            fitted[status] = painted(fitted[status], row[status])
        yield _GAP.join(fitted.values()).rstrip()


def _shrunk(wanted: Sequence[int], room: int) -> dict[int, int]:
    """Columns that there is room for, and how wide they are.

    Long texts give way before the first column, which names the thing; what is short stays whole or is left out.
    """
    kept = dict(enumerate(wanted))
    while True:
        widths, left = dict(kept), room - len(_GAP) * (len(kept) - 1)
        others = [index for index in widths if index]
        for candidates, least in ((others, _READABLE), ([0], max(left // 2, _READABLE))):
            while sum(widths.values()) > left:
                widest = max(candidates, key=widths.__getitem__, default=None)
                if widest is None or widths[widest] <= least:
                    break
                widths[widest] -= 1
        if sum(widths.values()) <= left:
            return widths
        if not others:
            return {0: max(room, 1)}
        del kept[max(others, key=lambda index: (wanted[index] > _READABLE, index))]


def _fitted(cell: str, size: int) -> str:
    cell = shortened(cell, size)
    return cell + " " * (size - columns_of(cell))


def shortened(text: str, size: int) -> str:
    """The text in at most ``size`` columns, with … in place of its middle."""
    if columns_of(text) <= size:
        return text
    head, rest, tail = text[: size // 2], text[size // 2 :][-size:], ""
    while columns_of(head) > size // 2:
        head = head[:-1]
    while rest and columns_of(head) + 1 + columns_of(rest[-1] + tail) <= size:
        rest, tail = rest[:-1], rest[-1] + tail
    return f"{head}…{tail}"


def _cell(value: Any, now: datetime | None) -> str:
    if now is not None and isinstance(value, datetime):
        return shown_age(value, now)
    return shown(value)


def shown(value: Any) -> str:
    """A value in one line of printable text: what was recorded may come from anyone."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value))
