"""Flow: the versions that a step took, made and saved, by name, however many tasks it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runlore.errors import NotFound
from runlore.model.artifact import Edge, Version
from runlore.model.counted import counted
from runlore.model.noun import noun
from runlore.model.run import Step
from runlore.record.port import Record

#: In the order in which they are told, with what each is called.
KINDS = {"input": "input", "looked-up": "looked up", "output": "output", "saved": "saved"}


@noun
class Flow:
    """What went into a step or came out of it under one name."""

    #: A word of `KINDS`.
    kind: str
    name: str
    #: ``None`` where the version was deleted, or where tasks took several.
    version: Version | None
    #: How many versions tasks took.
    count: int
    #: Which element of a collection, if only one was read.
    element: int | None = None

    @property
    def pathspec(self) -> str:
        """Of the version; else in words what is there."""
        if self.version is None:
            return "deleted since" if self.count == 1 else counted(self.count, "version")
        element = "" if self.element is None else f"[{self.element}]"
        return f"artifact:{self.version.artifact}@{self.version.version}{element}"


def flows(record: Record, step: Step) -> tuple[Flow, ...]:
    """Everything that a step took and made. A mapped step's outputs are its collections."""
    plain = step.tasks is None
    edges = [
        edge
        for edge in record.edges(step.run, step.index)
        if edge.direction in KINDS and (plain or edge.direction != "output" or edge.item == -1)
    ]
    grouped: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        grouped.setdefault((edge.direction, edge.name), []).append(edge)
    order = list(KINDS)
    return tuple(
        flow
        for (direction, name), found in sorted(grouped.items(), key=lambda pair: order.index(pair[0][0]))
        for flow in _flows(record, KINDS[direction], name, found)
    )


def _flows(record: Record, kind: str, name: str, edges: Sequence[Edge]) -> Iterator[Flow]:
    versions = dict.fromkeys(edge.version for edge in edges)
    if len(versions) > 1 and kind == "input":
        yield Flow(kind=kind, name=name, version=None, count=len(versions))
        return
    for seq in versions:
        whole = next(edge for edge in edges if edge.version == seq)
        element = whole.element if len(edges) == 1 else None
        yield Flow(kind=kind, name=name, version=_version(record, seq), count=1, element=element)


def _version(record: Record, seq: int) -> Version | None:
    try:
        return record.version(seq)
    except NotFound:
        return None
