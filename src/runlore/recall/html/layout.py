"""Layout: where the steps of a run stand in a drawing, by levels, with every number bounded.

A step's level is one more than the highest of those that it waits for. Within a level steps stand in an order that
crosses few lines, found by moving each to the mean place of its neighbours, some times down and up (the barycentre
method of Sugiyama, Tagawa and Toda, 1981). A line that passes levels by bends there through a place of its own.

Many are drawn as few: where there are more steps than can be drawn, or a level is too wide to be read, those of a level
that run the same definition become one place with a number; what is then still too much is left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from runlore.model.noun import noun
from runlore.model.run import Step
from runlore.model.status import Status

#: Steps of one definition in a level from which on they are drawn as one.
_WIDE = 8
#: Bends in lines at most; beyond, lines run straight.
_BENDS = 400
#: How often the order is improved, down and up.
_SWEEPS = 4
#: Which state of several is told: what needs attention first.
_WORST = (
    Status.FAILED,
    Status.INTERRUPTED,
    Status.CANCELLED,
    Status.RUNNING,
    Status.PENDING,
    Status.SKIPPED,
    Status.COMPLETED,
    Status.CACHED,
)


@noun(kw_only=False)
class Place:
    """One step, or several of one definition, and where it stands: the middle, in units of a place's width."""

    steps: tuple[Step, ...]
    level: int
    x: float

    @property
    def status(self) -> Status:
        """Of several, the one that needs attention most."""
        states = {step.status for step in self.steps}
        return next(state for state in _WORST if state in states)

    @property
    def states(self) -> tuple[tuple[Status, int], ...]:
        """How many are in which state, the most urgent first."""
        counts = Counter(step.status for step in self.steps)
        return tuple((state, counts[state]) for state in _WORST if counts[state])


@noun(kw_only=False)
class Line:
    """From a place down to another through its bends: (x, level) of each."""

    points: tuple[tuple[float, int], ...]
    #: The step at its upper end that failed, if one did, decides how it is drawn.
    upper: int
    lower: int


@noun(kw_only=False)
class Layout:
    """Places and lines; ``left_out`` steps are not among them."""

    places: tuple[Place, ...]
    lines: tuple[Line, ...]
    left_out: int
    #: In places.
    width: float
    levels: int


def layout(steps: Sequence[Step], most: int) -> Layout:
    """Find a place for each step, at most ``most`` of them; ``steps`` stand in declared order."""
    levels = _levels(steps)
    groups = _groups(steps, levels, most)
    kept = groups[:most]
    left_out = sum(len(group) for group in groups[most:])
    place_of = {index: number for number, group in enumerate(kept) for index in group}
    level_of = [levels[group[0]] for group in kept]
    links = sorted(
        {
            (place_of[source], place_of[target])
            for target in place_of
            for source in steps[target].upstream
            if source in place_of and place_of[source] != place_of[target]
        }
    )
    chains = _chains(links, level_of)
    xs = _positions(len(kept), level_of, chains)
    left = min(xs.values(), default=0.0)
    xs = {node: x - left + 0.5 for node, x in xs.items()}
    places = tuple(
        Place(tuple(steps[index] for index in group), level_of[number], xs[number]) for number, group in enumerate(kept)
    )
    lines = tuple(
        Line(tuple((xs[node], level) for node, level in chain), chain[0][0], chain[-1][0]) for chain in chains
    )
    return Layout(places, lines, left_out, max(xs.values(), default=0.0) + 0.5, max(level_of, default=-1) + 1)


def _levels(steps: Sequence[Step]) -> list[int]:
    levels: list[int] = []
    for step in steps:  # each waits for earlier ones only
        levels.append(1 + max((levels[index] for index in step.upstream if index < len(levels)), default=-1))
    return levels


def _groups(steps: Sequence[Step], levels: Sequence[int], most: int) -> list[list[int]]:
    """Indices of steps that are drawn as one, by level."""
    same: dict[tuple[int, int], list[int]] = {}
    for index, step in enumerate(steps):
        same.setdefault((levels[index], step.definition), []).append(index)
    least = 2 if len(steps) > most else _WIDE + 1
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
