"""What a notebook shows of things by name, such as the steps of a run, its parameters or metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from runlore.errors import NotFound
from runlore.model.counted import counted
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.html.card import SOFT, card, table
from runlore.recall.html.curve import sparkline, written
from runlore.recall.html.markup import Html, cut, tag
from runlore.recall.html.status import badge
from runlore.recall.html.value import shown, when
from runlore.recall.metric import Metric
from runlore.recall.notes import MetadataEntry
from runlore.recall.step import Step
from runlore.recall.version import ArtifactVersion

_ROWS, _NAME = 20, 80
#: Points of a metric that are read for a small line.
_POINTS = 20_000


def mapping_html(things: Mapping[str, Any], *, kind: str, owner: str) -> Html:
    """The first of the things, a row each."""
    first = list(islice(things.items(), _ROWS))
    columns, rows = _table(kind, first)
    head = tag("span", f"{counted(len(things), kind)} of {cut(owner, 200)}", style=SOFT)
    return card(head, table((kind, *columns), rows, more=len(things) - len(rows)) if rows else None)


def _table(kind: str, first: list[tuple[str, Any]]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    if first and all(isinstance(thing, Step) for _, thing in first):
        return ("status", "took"), [
            (cut(name, _NAME), badge(one.status), shown_seconds(one.duration)) for name, one in first
        ]
    if first and all(isinstance(thing, ArtifactVersion) for _, thing in first):
        return ("artifact", "type", "size"), list(_versions(first))
    if first and all(isinstance(thing, Metric) for _, thing in first):
        return ("curve", "last", "min", "max", "points"), list(_metrics(first))
    if first and all(isinstance(thing, MetadataEntry) for _, thing in first):
        return ("value", "type", "created"), [
            (cut(name, _NAME), shown(one.value), one.type, when(one.created)) for name, one in first
        ]
    return ("value",), [(cut(name, _NAME), shown(thing)) for name, thing in first]


def _metrics(first: list[tuple[str, Metric]]) -> Iterator[tuple[object, ...]]:
    for name, metric in first:
        line = None
        if 1 < metric.count <= _POINTS:
            with suppress(NotFound):  # the points were deleted with the run that measured them
                line = sparkline(metric.values)
        numbers = (metric.last, metric.min, metric.max)
        yield cut(name, _NAME), line, *map(written, numbers), f"{metric.count:,}"


def _versions(first: list[tuple[str, ArtifactVersion]]) -> Iterator[tuple[object, ...]]:
    for name, version in first:
        content = version.content
        yield cut(name, _NAME), cut(version.pathspec, 2 * _NAME), cut(content.type, _NAME), shown_size(content.size)
