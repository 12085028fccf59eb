"""What a notebook and a report show of lineage: steps and versions as a graph, the way that data went downwards."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from runlore.model.counted import counted
from runlore.model.lineage import Facts, Key, VersionFacts
from runlore.model.name import shortened
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.html.boxes import Box, boxes
from runlore.recall.html.card import card, folded, pre, title
from runlore.recall.html.layout import Layout, layout
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.status import color

if TYPE_CHECKING:
    from runlore.recall.lineage.graph import Lineage

#: Places in a notebook; characters of the tree.
_PLACES, _TREE = 40, 20_000
#: Of versions, and of what was deleted; of what was asked about.
THING, ASKED = "#7c8590", "#3c80c8"
_NAME = 24


def lineage_html(lineage: Lineage) -> Html:
    """A lineage as a graph, and folded as a tree."""
    found = f"{counted(len(lineage.versions), 'version')}, {counted(len(lineage.steps), 'step')}"
    return card(
        title(f"Lineage of {cut(lineage.subject, 200)}", found),
        lineage_graph(lineage, most=_PLACES),
        folded("as a tree", pre(cut(lineage.to_tree(), _TREE))),
    )


def lineage_graph(lineage: Lineage, *, most: int, height: str = "34em") -> Html | None:
    """Draw steps and versions, or ``None`` if nothing leads to anything."""
    nodes = {node.key: node for node in lineage.nodes}
    links = {(link.source, link.target) for link in lineage.links}
    asked = frozenset(lineage.start)

    def box(keys: Sequence[Key]) -> Box:
        return _box([nodes[key] for key in keys], asked)

    return drawn_graph(lineage, links, lambda key: _kind(nodes[key]), box, most, height)


def drawn_graph(
    lineage: Lineage,
    links: set[tuple[Key, Key]],
    kind: Callable[[Key], Hashable],
    box: Callable[[Sequence[Key]], Box],
    most: int,
    height: str,
) -> Html | None:
    """Draw what has links; ``box`` is asked for the nodes of each place, which are of one ``kind``."""
    if not links:
        return None
    order, sources = _ordered(links)
    found = layout(sources, list(map(kind, order)), most)
    drawn = [box([order[node] for node in place.nodes]) for place in found.places]
    told = f"The lineage of {cut(lineage.subject, 200)}; an arrow leads the way that data went."
    return boxes(found, drawn, told=told, height=height, more=_more(found, lineage))


def _more(found: Layout, lineage: Lineage) -> str | None:
    parts = []
    if found.left_out:
        parts.append(f"… and {found.left_out:,} more, not drawn")
    if lineage.more:
        parts.append(f"not followed any further at {counted(len(lineage.more), 'place')}")
    return "; ".join(parts) or None


def _ordered(links: set[tuple[Key, Key]]) -> tuple[list[Key], list[list[int]]]:
    """Nodes that have links, each after those that lead to it, and the positions of these."""
    into: dict[Key, set[Key]] = {}
    for source, target in sorted(links, key=repr):
        into.setdefault(source, set())
        into.setdefault(target, set()).add(source)
    order: list[Key] = []
    position: dict[Key, int] = {}
    left = list(into)
    while left:
        ready = [key for key in left if into[key] <= position.keys()] or left[:1]  # two runs may have fed each other
        for key in ready:
            position[key] = len(order)
            order.append(key)
        left = [key for key in left if key not in position]
    return order, [sorted(position[one] for one in into[key] if position[one] < position[key]) for key in order]


def _kind(node: Facts) -> Hashable:
    """What is drawn as one where there is much of it: versions of an artifact, a step in its runs."""
    if isinstance(node, VersionFacts):
        return "version", node.version.artifact
    return "step", node.pipeline, node.name


def _box(nodes: Sequence[Facts], asked: frozenset[Key]) -> Box:
    first = nodes[0]
    marked = any(node.key in asked for node in nodes)
    if isinstance(first, VersionFacts):
        return version_box(first, len(nodes), ASKED if marked else THING)
    if first.status is None:
        return named_box(
            "deleted", "a step of a run that was deleted", "A step of a run that was deleted", THING, len(nodes)
        )
    fact = f"{first.pipeline}/{first.number} · {first.status}" if len(nodes) == 1 else f"steps of {first.pipeline}"
    seconds = shown_seconds(first.duration)
    told = f"{first.pathspec}: {first.status}{f', {seconds}' if seconds else ''}"
    return named_box(first.name or "", fact, told, color(first.status), len(nodes))


def named_box(name: str, fact: str, told: str, paint: str, count: int, *, square: bool = False) -> Box:
    """A box of one or several, with a name that keeps its end, such as a version."""
    if count > 1:
        told = f"{told}, and {count - 1:,} more"
    return Box(
        name=shortened(name, _NAME),
        fact=fact,
        told=cut(told, 300),
        color=paint,
        count=count,
        several=count > 1,
        square=square,
    )


def version_box(first: VersionFacts, count: int, paint: str) -> Box:
    """A version, or several of one artifact."""
    name = first.version.artifact if count > 1 else first.pathspec.removeprefix("artifact:")
    size = shown_size(first.version.content.size)
    fact = "versions" if count > 1 else "bytes deleted" if first.deleted else size
    return named_box(name, fact, f"{first.pathspec}: {first.version.content.type}, {size}", paint, count, square=True)
