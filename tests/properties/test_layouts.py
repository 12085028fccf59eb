"""Where nodes stand in a drawing, for any graph."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.recall.html.layout import layout

#: For each node those that lead to it, and the kind of each.
Graph = tuple[list[tuple[int, ...]], list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Nodes to which any earlier ones lead, of a few kinds."""
    sources: list[tuple[int, ...]] = []
    for index in range(draw(st.integers(0, 40))):
        sources.append(tuple(draw(st.sets(st.integers(0, index - 1), max_size=4))) if index else ())
    return sources, [draw(st.integers(0, 3)) for _ in sources]


@settings(max_examples=25)
@given(graphs(), st.integers(1, 30))
def test_every_node_has_one_place_or_is_counted(graph: Graph, most: int) -> None:
    """No node is drawn twice, at most so many places are drawn, and what is left out is counted."""
    found = layout(*graph, most)
    drawn = [node for place in found.places for node in place.nodes]

    assert len(found.places) <= most
    assert len(drawn) == len(set(drawn)) == len(graph[0]) - found.left_out
    if len(graph[0]) <= most:
        assert found.left_out == 0


@settings(max_examples=25)
@given(graphs(), st.integers(1, 30))
def test_lines_lead_down_and_places_stand_apart(graph: Graph, most: int) -> None:
    """A line leads level by level from a node to one that it leads to; places of a level do not overlap."""
    sources, kinds = graph
    found = layout(sources, kinds, most)

    for line in found.lines:
        levels = [level for _, level in line.points]
        assert levels == sorted(set(levels)) and len(levels) >= 2
        upper, lower = found.places[line.upper], found.places[line.lower]
        assert {source for node in lower.nodes for source in sources[node]} & set(upper.nodes)
    for level in range(found.levels):
        xs = sorted(place.x for place in found.places if place.level == level)
        assert all(right - left > 0.999 for left, right in zip(xs, xs[1:], strict=False))
        assert all(0.499 < x < found.width - 0.499 for x in xs)


@settings(max_examples=25)
@given(graphs())
def test_all_links_are_drawn(graph: Graph) -> None:
    """Where every node is of a kind of its own, the lines are exactly the links."""
    sources, _ = graph
    found = layout(sources, range(len(sources)), 10_000)
    node_of = {number: place.nodes[0] for number, place in enumerate(found.places)}

    drawn = {(node_of[line.upper], node_of[line.lower]) for line in found.lines}
    assert drawn == {(source, node) for node, found in enumerate(sources) for source in found}


def test_many_alike_become_one_place() -> None:
    """A level of many nodes of one kind is one place, with one line to it."""
    found = layout([(), *[(0,)] * 400], [1, *[2] * 400], 40)

    assert [len(place.nodes) for place in found.places] == [1, 400]
    assert len(found.lines) == 1 and found.left_out == 0
