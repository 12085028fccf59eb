"""Lineage: the walk over versions and steps, level by level, whatever the record. See `docs/design/lineage.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from runlore.errors import NotFound
from runlore.model.artifact import Version
from runlore.model.lineage import (
    Direction,
    Facts,
    Flow,
    Key,
    Link,
    More,
    StepFacts,
    StepKey,
    Traced,
    VersionFacts,
    VersionKey,
)
from runlore.model.noun import changed

#: Position of a step: `Run.seq` and index.
Place = tuple[int, int]
#: Up to here, links that are not followed are counted exactly.
COUNTED = 10_000
#: Nodes that are followed together.
AT_ONCE = 200


class Links(Protocol):
    """What the walk asks of a record, for many nodes at a time. What is not there is left out of the answer."""

    def versions(self, seqs: Sequence[int]) -> Mapping[int, Version]:
        """Versions by seq, without payloads."""

    def seqs(self, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Seqs of versions by id."""

    def steps(self, places: Sequence[Place]) -> Mapping[Place, StepFacts]:
        """Steps by position, without origins."""

    def origins(self, places: Sequence[Place]) -> Mapping[Place, Sequence[Place]]:
        """From which steps cached and resumed results came."""

    def made_as(self, seqs: Sequence[int]) -> Mapping[int, tuple[Flow, str]]:
        """As what its producer made a version: ``output`` or ``saved``, and the name."""

    def taken(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        """Inputs, then look-ups, of steps and tasks, in declared order."""

    def given(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        """Outputs, then what was saved, of steps and tasks, in declared order."""

    def takers(
        self, keys: Sequence[VersionKey], most: int | None
    ) -> tuple[Sequence[Link], Mapping[VersionKey, tuple[int, bool]]]:
        """Links to at most ``most`` takers of each version, newest first; how many there are where that is more.

        The number counts to `COUNTED` at least, and comes with whether it is exact.
        """

    def copies(self, ids: Sequence[UUID]) -> Sequence[tuple[UUID, int]]:
        """Of these versions, id and the seq of each version that took its bytes over, newest first."""

    def lead_on(self, keys: Sequence[VersionKey]) -> Iterable[VersionKey]:
        """Those of ``keys`` that somebody took, looked up or copied."""


def trace(
    links: Links,
    start: Sequence[Key],
    direction: Direction,
    *,
    depth: int | None,
    breadth: int | None,
    limit: int | None,
) -> Traced:
    """Walk from ``start``, as `runlore.record.port.Record.lineage` promises."""
    walk = _Walk(links, breadth, limit)
    walk.begin(start)
    (walk.up if direction is Direction.UP else walk.down)(depth)
    return Traced(
        direction=direction,
        start=tuple(dict.fromkeys(start)),
        nodes=walk.with_origins(),
        links=tuple(dict.fromkeys(walk.links)),
        more=tuple(walk.more.values()),
    )


class _Walk:
    """Nodes and links found so far, and the frontier: versions and steps that were not followed yet."""

    def __init__(self, links: Links, breadth: int | None, limit: int | None) -> None:
        self._links = links
        self._breadth = breadth
        self._limit = limit
        self.nodes: dict[Key, Facts] = {}
        self.links: list[Link] = []
        self.more: dict[Key, More] = {}
        self._versions: list[VersionKey] = []
        self._steps: list[StepKey] = []

    def begin(self, start: Sequence[Key]) -> None:
        """Start from these, which are all in, whatever the limit. Raises `NotFound` for what is not there."""
        self._versions = list(dict.fromkeys(key for key in start if isinstance(key, VersionKey)))
        self._steps = list(dict.fromkeys(key for key in start if isinstance(key, StepKey)))
        versions = self._links.versions([key.seq for key in self._versions])
        steps = self._links.steps([(key.run, key.index) for key in self._steps])
        for version in self._versions:
            if version.seq not in versions:
                raise NotFound(f"There is no artifact version number {version.seq} in this record.")
            self.nodes[version] = VersionFacts(key=version, version=versions[version.seq])
        for step in self._steps:
            if (step.run, step.index) not in steps:
                raise NotFound(f"There is no step {step.index} of a run number {step.run} in this record.")
            self.nodes[step] = changed(steps[step.run, step.index], key=step)

    # -- up ------------------------------------------------------------------------------------------------------

    def up(self, depth: int | None) -> None:
        """Follow to producers and what they took."""
        self._take()
        for frontier in self._levels(depth, self._with_before):
            self._make(frontier)
            self._take()

    def _with_before(self, keys: Sequence[VersionKey]) -> Iterable[VersionKey]:
        return [key for key in keys if self._has_before(key)]

    def _has_before(self, key: VersionKey) -> bool:
        version = self._version(key)
        return version.producer is not None or version.origin is not None

    def _make(self, frontier: Sequence[VersionKey]) -> None:
        """From versions to the steps that made them and the versions that they are copies of."""
        known = {key: self._version(key) for key in frontier}
        producers = {key: made.producer[:2] for key, made in known.items() if made.producer is not None}
        steps = self._links.steps(list(dict.fromkeys(producers.values())))
        names = self._links.made_as(list(dict.fromkeys(key.seq for key in producers)))
        found = []
        for key, place in producers.items():
            flow, name = names.get(key.seq, (Flow.OUTPUT, ""))
            found.append(Link(source=_maker(key, known[key], steps.get(place)), target=key, flow=flow, name=name))
        self._add_steps(found, [link.source for link in found], steps)
        copied = list(dict.fromkeys(made.origin for made in known.values() if made.origin is not None))
        origins = self._links.seqs(copied) if copied else {}
        copies = [
            Link(source=VersionKey(origins[id], key.element), target=key, flow=Flow.COPY)
            for key, made in known.items()
            if (id := made.origin) is not None and id in origins
        ]
        self._add_versions(copies, [link.source for link in copies])

    def _take(self) -> None:
        """From the frontier's steps to the versions that they took."""
        known = [key for key in self._steps if not self._is_gone(key)]
        found = self._links.taken(known) if known else ()
        kept = self._broad(found, [link.target for link in found])
        self._steps = []
        self._add_versions(kept, [link.source for link in kept])

    # -- down ----------------------------------------------------------------------------------------------------

    def down(self, depth: int | None) -> None:
        """Follow to takers and what they gave."""
        self._give()
        for frontier in self._levels(depth, self._links.lead_on):
            self._hand_on(frontier)
            self._give()

    def _hand_on(self, frontier: Sequence[VersionKey]) -> None:
        """From versions to the steps that took them and the copies of them."""
        most = self._room if self._breadth is None else min(self._breadth, self._room or self._breadth)
        found, counts = self._links.takers(frontier, most)
        for version, (count, exact) in counts.items():
            self._skip(version, count - (most or 0), exact)
        places = list(dict.fromkeys((key.run, key.index) for link in found if isinstance(key := link.target, StepKey)))
        self._add_steps(found, [link.target for link in found], self._links.steps(places))
        of: dict[UUID, list[VersionKey]] = {}
        for key in frontier:
            of.setdefault(self._version(key).id, []).append(key)
        copies = [
            Link(source=key, target=VersionKey(seq, key.element), flow=Flow.COPY)
            for id, seq in self._links.copies(list(of))
            for key in of[id]
        ]
        kept = self._broad(copies, [link.source for link in copies])
        self._add_versions(kept, [link.target for link in kept])

    def _give(self) -> None:
        """From the frontier's steps to the versions that they gave."""
        found = self._links.given(self._steps) if self._steps else ()
        kept = self._broad(found, [link.source for link in found])
        self._steps = []
        self._add_versions(kept, [link.target for link in kept])

    # -- what is kept --------------------------------------------------------------------------------------------

    def _levels(
        self, depth: int | None, lead_on: Callable[[Sequence[VersionKey]], Iterable[VersionKey]]
    ) -> Iterator[Sequence[VersionKey]]:
        """The frontier, level by level and in handy parts, until there is none, or it may not be followed."""
        level = 0
        while frontier := self._versions:
            self._versions, level = [], level + 1
            for begin in range(0, len(frontier), AT_ONCE):
                if self._is_full or (depth is not None and level > depth):
                    left, self._versions = [*frontier[begin:], *self._versions], []
                    self._leave(lead_on(left))
                    break
                yield frontier[begin : begin + AT_ONCE]

    @property
    def _room(self) -> int | None:
        return None if self._limit is None else max(0, self._limit - len(self.nodes))

    @property
    def _is_full(self) -> bool:
        return self._room == 0

    def _version(self, key: VersionKey) -> Version:
        facts = self.nodes[key]
        assert isinstance(facts, VersionFacts)
        return facts.version

    def _is_gone(self, key: StepKey) -> bool:
        facts = self.nodes[key]
        return isinstance(facts, StepFacts) and facts.deleted

    def _broad(self, found: Sequence[Link], owners: Sequence[Key]) -> list[Link]:
        """The first links of each owner, as many as may be followed; the others are counted."""
        if self._breadth is None:
            return list(found)
        kept, seen = [], dict.fromkeys(owners, 0)
        for link, owner in zip(found, owners, strict=True):
            seen[owner] += 1
            if seen[owner] <= self._breadth:
                kept.append(link)
        for owner, count in seen.items():
            self._skip(owner, count - self._breadth)
        return kept

    def _add_versions(self, found: Sequence[Link], keys: Sequence[Key]) -> None:
        new = [key for key in dict.fromkeys(keys) if isinstance(key, VersionKey) and key not in self.nodes]
        versions = self._links.versions(list(dict.fromkeys(key.seq for key in new)))
        self._add(
            found,
            keys,
            {key: VersionFacts(key=key, version=versions[key.seq]) for key in new if key.seq in versions},
        )

    def _add_steps(self, found: Sequence[Link], keys: Sequence[Key], steps: Mapping[Place, StepFacts]) -> None:
        new: dict[Key, Facts] = {}
        for key in keys:
            if isinstance(key, StepKey) and key not in self.nodes:
                known = steps.get((key.run, key.index))
                new[key] = StepFacts(key=key) if known is None else changed(known, key=key)
        self._add(found, keys, new)

    def _add(self, found: Sequence[Link], keys: Sequence[Key], new: Mapping[Key, Facts]) -> None:
        """Add links and the nodes ``keys`` at their far ends, as long as there is room; count the rest."""
        for link, key in zip(found, keys, strict=True):
            if key not in self.nodes:
                if key not in new:
                    continue
                if self._is_full:
                    self._skip(link.target if key == link.source else link.source, 1)
                    continue
                self.nodes[key] = new[key]
                if isinstance(key, VersionKey):
                    self._versions.append(key)
                else:
                    self._steps.append(key)
            self.links.append(link)

    def _skip(self, key: Key, count: int, exact: bool = True) -> None:
        if count > 0:
            known = self.more.get(key)
            count, exact = count + (known.count or 0 if known else 0), exact and (known is None or known.exact)
            self.more[key] = More(key=key, count=count, exact=exact)

    def _leave(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.more.setdefault(key, More(key=key))

    def with_origins(self) -> tuple[Facts, ...]:
        """All nodes, those of cached and resumed steps with what they took their results from."""
        places = [
            (node.key.run, node.key.index)
            for node in self.nodes.values()
            if isinstance(node, StepFacts) and not node.deleted
        ]
        origins = self._links.origins(list(dict.fromkeys(places)))
        if not origins:
            return tuple(self.nodes.values())
        steps = self._links.steps(list(dict.fromkeys(place for some in origins.values() for place in some)))
        told = {
            place: tuple(dict.fromkeys(steps[one].pathspec if one in steps else None for one in some))
            for place, some in origins.items()
        }
        return tuple(
            changed(node, origins=told[place])
            if isinstance(node, StepFacts) and (place := (node.key.run, node.key.index)) in told
            else node
            for node in self.nodes.values()
        )


def _maker(key: VersionKey, version: Version, step: StepFacts | None) -> StepKey:
    """The step that made a version, or the task where it was a task's own doing."""
    assert version.producer is not None
    run, index, item, _ = version.producer
    if step is None or step.tasks is None:
        return StepKey(run, index)
    return StepKey(run, index, key.element if item < 0 else item)


def taken_link(key: StepKey, name: str, version: int, low: int | None, high: int | None, *, some_whole: bool) -> Link:
    """What a step or task took of a version: the elements from ``low`` to ``high``, or all of it.

    One element alone is a node of its own.
    """
    if low is None or high is None:
        return Link(source=VersionKey(version), target=key, flow=Flow.INPUT, name=name)
    if low == high and not some_whole:
        return Link(source=VersionKey(version, low), target=key, flow=Flow.INPUT, name=name)
    return Link(source=VersionKey(version), target=key, flow=Flow.INPUT, name=name, elements=(low, high))


def taker_link(
    key: VersionKey,
    place: Place,
    item: int | None,
    name: str,
    low: int | None,
    high: int | None,
    *,
    some_whole: bool,
) -> Link:
    """Who took a version or element: a step, or the only task of a mapped one that did."""
    elements = None if low is None or high is None or (key.element is not None and not some_whole) else (low, high)
    return Link(source=key, target=StepKey(*place, item), flow=Flow.INPUT, name=name, elements=elements)
