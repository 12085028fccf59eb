"""Layout: where the nodes of a graph stand in a drawing, by levels, with every number bounded.

A node's level is one more than the highest of those that lead to it. Within a level nodes stand in an order that
crosses few lines, found by moving each to the mean place of its neighbours, some times down and up (the barycentre
method of Sugiyama, Tagawa and Toda, 1981). A line that passes levels by bends there through a place of its own.

Many are drawn as few: where there are more nodes than can be drawn, or a level is too wide to be read, those of a level
that are of one kind become one place with a number; what is then still too much is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from runlore.model.noun import noun

#: Nodes of one kind in a level up to which each has a place of its own.
_WIDE = 8
#: Bends in lines at most; beyond, lines run straight.
_BENDS = 400
#: How often the order is improved, down and up.
_SWEEPS = 4


@noun(kw_only=False)
class Place:
    """One node, or several of one kind, and where it stands: the middle, in units of a place's width."""

    #: Positions of the nodes.
    nodes: tuple[int, ...]
    level: int
    x: float


@noun(kw_only=False)
class Line:
    """From a place down to another through its bends: (x, level) of each."""

    points: tuple[tuple[float, int], ...]
    #: Positions of the places at its ends.
    upper: int
    lower: int


@noun(kw_only=False)
class Layout:
    """Places and lines; ``left_out`` nodes are not among them."""

    places: tuple[Place, ...]
    lines: tuple[Line, ...]
    left_out: int
    #: In places.
    width: float
    levels: int


def layout(sources: Sequence[Sequence[int]], kinds: Sequence[Hashable], most: int) -> Layout:
    """Find a place for each node, at most ``most`` places in all.

    ``sources`` are, for each node, the positions of those that lead to it; all of them stand before it.
    """
    levels: list[int] = []
    for found in sources:
        levels.append(1 + max((levels[index] for index in found), default=-1))
    groups = _groups(kinds, levels, most)
    kept = groups[:most]
    left_out = sum(len(group) for group in groups[most:])
    place_of = {node: number for number, group in enumerate(kept) for node in group}
    level_of = [levels[group[0]] for group in kept]
    links = sorted(
        {(place_of[source], place_of[node]) for node in place_of for source in sources[node] if source in place_of}
    )
    chains = _chains(links, level_of)
    xs = _positions(len(kept), level_of, chains)
    left = min(xs.values(), default=0.0)
    xs = {node: x - left + 0.5 for node, x in xs.items()}
    places = tuple(Place(tuple(group), level_of[number], xs[number]) for number, group in enumerate(kept))
    lines = tuple(
        Line(tuple((xs[node], level) for node, level in chain), chain[0][0], chain[-1][0]) for chain in chains
    )
    return Layout(places, lines, left_out, max(xs.values(), default=0.0) + 0.5, max(level_of, default=-1) + 1)


def _groups(kinds: Sequence[Hashable], levels: Sequence[int], most: int) -> list[list[int]]:
    """Nodes that are drawn as one, by level."""
    same: dict[tuple[int, Hashable], list[int]] = {}
    for node, kind in enumerate(kinds):
        same.setdefault((levels[node], kind), []).append(node)
    least = 2 if len(kinds) > most else _WIDE + 1
    groups = [
        part for group in same.values() for part in ([group] if len(group) >= least else [[one] for one in group])
    ]
    return sorted(groups, key=lambda group: (levels[group[0]], group[0]))


#: A place is known by its number, a bend by a number beyond all places.
_Chain = tuple[tuple[int, int], ...]


def _chains(links: Sequence[tuple[int, int]], level_of: Sequence[int]) -> list[_Chain]:
    bends = sum(level_of[lower] - level_of[upper] - 1 for upper, lower in links)
    following = len(level_of)
    chains: list[_Chain] = []
    for upper, lower in links:
        chain = [(upper, level_of[upper])]
        if bends <= _BENDS:
            for level in range(level_of[upper] + 1, level_of[lower]):
                chain.append((following, level))
                following += 1
        chains.append((*chain, (lower, level_of[lower])))
    return chains


def _positions(places: int, level_of: Sequence[int], chains: Sequence[_Chain]) -> dict[int, float]:
    rows: dict[int, list[int]] = {}
    for number in range(places):
        rows.setdefault(level_of[number], []).append(number)
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for chain in chains:
        for node, level in chain[1:-1]:
            rows.setdefault(level, []).append(node)
        for (upper, _), (lower, _) in zip(chain, chain[1:], strict=False):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    xs: dict[int, float] = {}
    for level in sorted(rows):
        _pack(rows[level], above, xs, places)
    for sweep in range(_SWEEPS):
        for level in sorted(rows, reverse=sweep % 2 == 0):
            _pack(rows[level], below if sweep % 2 == 0 else above, xs, places)
    return xs


def _pack(row: list[int], neighbours: dict[int, list[int]], xs: dict[int, float], places: int) -> None:
    """Put each of a row as near to the mean of its neighbours as those beside it allow."""
    wanted = {}
    for position, node in enumerate(row):
        known = [xs[other] for other in neighbours.get(node, ()) if other in xs]
        wanted[node] = sum(known) / len(known) if known else xs.get(node, float(position))
    row.sort(key=wanted.__getitem__)
    at = 0.0
    for position, node in enumerate(row):
        least = at + (_room(row[position - 1], places) + _room(node, places)) / 2 if position else wanted[node]
        at = xs[node] = max(wanted[node], least)
    shift = sum(wanted[node] - xs[node] for node in row) / len(row)
    for node in row:
        xs[node] += shift


def _room(node: int, places: int) -> float:
    """A bend takes less room than a place."""
    return 1.0 if node < places else 0.25
