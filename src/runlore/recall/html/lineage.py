"""What a notebook and a report show of lineage: steps and versions as a graph, the way that data went downwards."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from runlore.model.counted import counted
from runlore.model.lineage import Facts, Key, StepFacts, StepKey, VersionFacts
from runlore.model.name import shortened
from runlore.model.units import shown_seconds, shown_size
from runlore.recall.html.boxes import Box, boxes
from runlore.recall.html.card import card, folded, pre, title
from runlore.recall.html.layout import Layout, layout
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.status import color

if TYPE_CHECKING:
    from runlore.recall.lineage import Lineage

#: Places in a notebook; characters of the tree.
_PLACES, _TREE = 40, 20_000
#: Of versions, and of what was deleted; of what was asked about.
_THING, _ASKED = "#7c8590", "#3c80c8"
_NAME = 24


def lineage_html(lineage: Lineage) -> Html:
    """A lineage as a graph, and folded as a tree."""
    found = f"{counted(len(lineage.versions), 'version')}, {counted(len(lineage.steps), 'step')}"
    return card(
        title(f"Lineage of {cut(lineage.subject, 200)}", found),
        lineage_graph(lineage, most=_PLACES),
        folded("as a tree", pre(cut(lineage.to_tree(), _TREE))),
    )


def lineage_graph(lineage: Lineage, *, most: int, run: int | None = None, height: str = "34em") -> Html | None:
    """Draw a lineage, or ``None`` for one without links.

    With ``run``, the sequence of one, its steps are drawn as one box, and what only they exchanged is left out.
    """
    nodes = {node.key: node for node in lineage.nodes}
    links = {(link.source, link.target) for link in lineage.links}
    if run is not None:
        links = _around(links, run)
        nodes[StepKey(run, -1)] = StepFacts(key=StepKey(run, -1))
    order, sources = _ordered(nodes, links)
    if not sources or not any(sources):
        return None
    asked = frozenset(lineage.start)
    found = layout(sources, list(map(_kind, (nodes[key] for key in order))), most)
    drawn = [_box([nodes[order[node]] for node in place.nodes], asked, run) for place in found.places]
    told = f"The lineage of {cut(lineage.subject, 200)}; an arrow leads the way that data went."
    return boxes(found, drawn, told=told, height=height, more=_more(found, lineage))


def _more(found: Layout, lineage: Lineage) -> str | None:
    parts = []
    if found.left_out:
        parts.append(f"… and {found.left_out:,} more, not drawn")
    if lineage.more:
        parts.append(f"not followed any further at {counted(len(lineage.more), 'place')}")
    return "; ".join(parts) or None


def _around(links: Iterable[tuple[Key, Key]], run: int) -> set[tuple[Key, Key]]:
    """Links between a run as one node and what is not of it alone."""
    whole = StepKey(run, -1)

    def one(key: Key) -> Key:
        return whole if isinstance(key, StepKey) and key.run == run else key

    found = {(one(source), one(target)) for source, target in links}
    made = {target for source, target in found if source == whole}
    # what it made goes to others, or is told elsewhere
    given = {source for source, target in found if source in made and target != whole}
    return {
        (source, target)
        for source, target in found
        if not (source in made and target == whole) and not (source == whole and target not in given)
    }


def _ordered(nodes: dict[Key, Facts], links: set[tuple[Key, Key]]) -> tuple[list[Key], list[list[int]]]:
    """Nodes that have links, each after those that lead to it, and the positions of these."""
    linked = {key for link in links for key in link}
    into: dict[Key, set[Key]] = {key: set() for key in nodes if key in linked}
    for source, target in links:
        if source != target:
            into[target].add(source)
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


def _box(nodes: Sequence[Facts], asked: frozenset[Key], run: int | None) -> Box:
    first = nodes[0]
    marked = any(node.key in asked for node in nodes)
    if isinstance(first, VersionFacts):
        name = first.version.artifact if len(nodes) > 1 else first.pathspec.removeprefix("artifact:")
        size = shown_size(first.version.content.size)
        fact = "versions" if len(nodes) > 1 else "bytes deleted" if first.deleted else size
        paint = _ASKED if marked else _THING
        told = f"{first.pathspec}: {first.version.content.type}, {size}"
        return _named(name, fact, told, paint, len(nodes), square=True)
    if run is not None and first.key == StepKey(run, -1):
        return _named("this run", "all its steps", "This run", _ASKED, 1)
    if first.status is None:
        return _named(
            "deleted", "a step of a run that was deleted", "A step of a run that was deleted", _THING, len(nodes)
        )
    fact = f"{first.pipeline}/{first.number} · {first.status}" if len(nodes) == 1 else f"steps of {first.pipeline}"
    seconds = shown_seconds(first.duration)
    told = f"{first.pathspec}: {first.status}{f', {seconds}' if seconds else ''}"
    return _named(first.name or "", fact, told, color(first.status), len(nodes))


def _named(name: str, fact: str, told: str, paint: str, count: int, *, square: bool = False) -> Box:
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
