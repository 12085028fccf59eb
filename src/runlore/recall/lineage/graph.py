"""Lineage: a graph of what something was made from and what came of it, which shows itself in several forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runlore.errors import QueryInvalid
from runlore.model.counted import counted
from runlore.model.lineage import Direction, Facts, Key, Link, More, StepFacts, Traced, VersionFacts
from runlore.model.suggest import did_you_mean

if TYPE_CHECKING:
    from runlore.record.port import Record

#: Links of one node, and nodes in all, that are followed where nothing is said.
BREADTH = 50
LIMIT = 500
_BOTH = "both"


class Lineage:
    """What one or several things were made from, and what came of them, across runs and pipelines.

    Nodes are steps and artifact versions; links point the way that data went. Printed, it is a tree; `to_mermaid`,
    `to_dot` and `to_dict` give it to others. Nothing is left out in silence: see `more`.
    """

    def __init__(self, subject: str, *traced: Traced) -> None:
        #: Pathspec of what was asked about.
        self.subject = subject
        #: One for each direction that was followed.
        self.traced = traced

    @cached_property
    def nodes(self) -> tuple[Facts, ...]:
        """Steps and versions, each once: first what was asked about, then the nearest."""
        return tuple({node.key: node for one in self.traced for node in one.nodes}.values())

    @property
    def versions(self) -> tuple[VersionFacts, ...]:
        """Artifact versions, and single elements of collections, among the nodes."""
        return tuple(node for node in self.nodes if isinstance(node, VersionFacts))

    @property
    def steps(self) -> tuple[StepFacts, ...]:
        """Steps, and single tasks of mapped steps, among the nodes."""
        return tuple(node for node in self.nodes if isinstance(node, StepFacts))

    @property
    def links(self) -> tuple[Link, ...]:
        """Where data went from node to node, each once."""
        return tuple(dict.fromkeys(link for one in self.traced for link in one.links))

    @property
    def start(self) -> tuple[Key, ...]:
        """Keys of the nodes that were asked about."""
        return tuple(dict.fromkeys(key for one in self.traced for key in one.start))

    @property
    def more(self) -> tuple[tuple[Direction, More], ...]:
        """What was not followed because of the depth, breadth or limit that was asked for; empty if that is all."""
        return tuple((one.direction, more) for one in self.traced for more in one.more)

    def __iter__(self) -> Iterator[Facts]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    # -- how it shows itself -------------------------------------------------------------------------------------

    def to_tree(self) -> str:
        """Indented text. A node that comes again is marked, and shown with what belongs to it where it came first."""
        from runlore.recall.lineage.tree import tree_lines  # one of several forms, of which few are asked for

        return "\n".join(tree_lines(self))

    def to_mermaid(self) -> str:
        """A flowchart as Mermaid draws it, on GitHub for example."""
        from runlore.recall.lineage.drawing import mermaid_lines

        return "\n".join(mermaid_lines(self))

    def to_dot(self) -> str:
        """A directed graph as Graphviz draws it."""
        from runlore.recall.lineage.drawing import dot_lines

        return "\n".join(dot_lines(self))

    def to_dict(self) -> dict[str, Any]:
        """Nodes, links and what was not followed, as JSON can say them."""
        from runlore.recall.lineage.drawing import described

        return described(self)

    def _repr_html_(self) -> str:
        from runlore.recall.html.lineage import lineage_html  # what only notebooks need

        return lineage_html(self)

    def __str__(self) -> str:
        return self.to_tree()

    def __repr__(self) -> str:
        found = f"{counted(len(self.versions), 'version')}, {counted(len(self.steps), 'step')}"
        return f"<Lineage of {self.subject!r}: {found}{', and more' if self.more else ''}>"


def lineage_of(
    record: Record,
    subject: str,
    start: Sequence[Key],
    direction: str,
    *,
    depth: int | None,
    breadth: int | None,
    limit: int | None,
) -> Lineage:
    """The lineage of ``start``. Raises `QueryInvalid` for what cannot be meant."""
    for name, value, least in (("depth", depth, 0), ("breadth", breadth, 1), ("limit", limit, 1)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise QueryInvalid(f"{name} is a whole number from {least}, or None for no bound, not {value!r}.")
    return Lineage(
        subject,
        *(record.lineage(start, one, depth=depth, breadth=breadth, limit=limit) for one in _directions(direction)),
    )


def _directions(direction: str) -> Iterable[Direction]:
    if direction == _BOTH:
        return (Direction.UP, Direction.DOWN)
    try:
        return (Direction(direction),)
    except ValueError:
        known = [_BOTH, *map(str, Direction)]
        raise QueryInvalid(
            f"Lineage goes 'up', 'down' or 'both', not {direction!r}.{did_you_mean(str(direction), known)}"
        ) from None
