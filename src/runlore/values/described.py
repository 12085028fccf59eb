"""Described: the words and pictures that arrays and frames of all libraries share."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runlore.values.materializer import Picture

#: Elements, or rows, above which statistics are those of a sample, so that describing costs little beside storing.
SAMPLED_ABOVE = 1_000_000
#: Columns of a frame that are described; whoever has more looks at the value.
DESCRIBED_COLUMNS = 100
#: What is said of numbers, and of what is missing where anything is.
STATISTICS = ("null_count", "nan_count", "min", "max", "mean", "std")

_PICTURE_BYTES = 160_000
_CELL_BYTES = 200


def stride_of(rows: int) -> int:
    """Return every how-manieth row is described: 1 for all."""
    return rows // SAMPLED_ABOVE + 1 if rows > SAMPLED_ABOVE else 1


def sampled(rows: int) -> dict[str, int]:
    """Say how many rows were described, if these were not all."""
    stride = stride_of(rows)
    return {} if stride == 1 else {"sampled": -(-rows // stride)}


def by_column(columns: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Turn the notes on each column into one group of columns for each note."""
    notes = list(columns)
    found = {
        statistic: {label: note[statistic] for label, note in notes if statistic in note} for statistic in STATISTICS
    }
    return {statistic: group for statistic, group in found.items() if group}


def described_picture(metadata: Mapping[str, Any]) -> Picture:
    """Return the notes on a frame as a table: a row for each statistic, a column for each of the frame's."""
    labels = list(metadata["dtype"])
    names = ["dtype", *(name for name in STATISTICS if name in metadata)]
    return csv_picture(
        "describe", ["", *labels], ([name, *(metadata[name].get(label, "") for label in labels)] for name in names)
    )


def csv_picture(name: str, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> Picture:
    """Return a small table as CSV; long cells are cut so that the picture stays light."""
    lines = [list(header), *map(list, rows)]
    most = max(min(_CELL_BYTES, _PICTURE_BYTES // max(sum(map(len, lines)), 1)), 8)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(cell, most) for cell in line] for line in lines)
    return Picture(kind="csv", data=out.getvalue().encode("utf-8", "replace"), name=name)


def _cell(cell: Any, most: int) -> str:
    text = "" if cell is None else str(cell)
    data = text[: most + 1].encode("utf-8", "replace")
    return text if len(data) <= most else data[: most - 3].decode("utf-8", "ignore") + "…"
