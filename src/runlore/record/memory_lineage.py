"""Lineage on dictionaries: what the walk of `runlore.record.lineage` asks of a `MemoryRecord`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from runlore.model.artifact import Edge, Version
from runlore.model.lineage import Flow, Link, StepFacts, StepKey, VersionKey
from runlore.record.lineage import Place, taken_link, taker_link

if TYPE_CHECKING:
    from runlore.record.memory_tables import _Tables


class MemoryLinks:
    """Links over the tables; the caller holds the lock."""

    def __init__(self, tables: _Tables) -> None:
        self._t = tables

    # -- nodes ---------------------------------------------------------------------------------------------------

    def versions(self, seqs: Sequence[int]) -> Mapping[int, Version]:
        return {seq: self._t.versions[seq] for seq in seqs if seq in self._t.versions}

    def seqs(self, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        return {id: seq for id in ids if (seq := self._t.seqs.get(id)) in self._t.versions and seq is not None}

    def steps(self, places: Sequence[Place]) -> Mapping[Place, StepFacts]:
        return {place: self._facts(place) for place in places if place in self._t.steps}

    def _facts(self, place: Place) -> StepFacts:
        step, run = self._t.steps[place], self._t.runs[place[0]]
        return StepFacts(
            key=StepKey(*place),
            name=step.name,
            pipeline=run.pipeline,
            number=run.number,
            run=run.name,
            status=step.status,
            duration=step.duration,
            tasks=step.tasks,
        )

    def origins(self, places: Sequence[Place]) -> Mapping[Place, Sequence[Place]]:
        found = {}
        for place in places:
            step = self._t.steps[place]
            some = {step.origin} if step.origin else set()
            if step.tasks is not None and not some:
                some = {t.origin[:2] for key, t in self._t.tasks.items() if key[:2] == place and t.origin is not None}
            if some:
                found[place] = sorted(some)
        return found

    def made_as(self, seqs: Sequence[int]) -> Mapping[int, tuple[Flow, str]]:
        return {
            edge.version: (Flow(edge.direction), edge.name)
            for edge in self._t.edges.values()
            if edge.version in seqs
            and edge.direction != "input"
            and (edge.run, edge.step, edge.item, edge.position) == self._t.versions[edge.version].producer
        }

    # -- up and down ---------------------------------------------------------------------------------------------

    def _edges(self, key: StepKey) -> list[Edge]:
        """Edges of a step; of a task, its own and those of the step as a whole."""
        found = [(place, edge) for place, edge in self._t.edges.items() if place[:2] == (key.run, key.index)]
        return [edge for place, edge in sorted(found) if key.item is None or place[2] in (-1, key.item)]

    def _asked(self, key: StepKey) -> Iterable[tuple[int, str, int]]:
        """What a step looked up and found: item, how, and version."""
        for (run, step, item, _), asked in sorted(self._t.looked_up.items()):
            if (run, step) == (key.run, key.index) and key.item in (None, item):
                yield from ((item, one.name, one.version) for one in asked if one.version is not None)

    def taken(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        found = []
        for key in keys:
            grouped: dict[tuple[str, int], list[int | None]] = {}
            for edge in self._edges(key):
                if edge.direction == "input":
                    grouped.setdefault((edge.name, edge.version), []).append(edge.element)
            for (name, version), elements in grouped.items():
                low, high, whole = _span(elements)
                found.append(taken_link(key, name, version, low, high, some_whole=whole))
            for name, version in dict.fromkeys((name, version) for _, name, version in self._asked(key)):
                found.append(Link(source=VersionKey(version), target=key, flow=Flow.LOOKED_UP, name=name))
        return found

    def given(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        found = []
        for key in keys:
            for flow in (Flow.OUTPUT, Flow.SAVED):
                made = [edge for edge in self._edges(key) if edge.direction == flow]
                element = key.item if flow is Flow.OUTPUT else None
                for name, version in dict.fromkeys((edge.name, edge.version) for edge in made):
                    found.append(Link(source=key, target=VersionKey(version, element), flow=flow, name=name))
        return found

    def takers(
        self, keys: Sequence[VersionKey], most: int | None
    ) -> tuple[Sequence[Link], Mapping[VersionKey, tuple[int, bool]]]:
        found: list[Link] = []
        more = {}
        for key in keys:
            edges = [e for e in self._t.edges.values() if e.version == key.seq and e.direction == "input"]
            askers = {
                place[:2] for place, asked in self._t.looked_up.items() if any(one.version == key.seq for one in asked)
            }
            places = sorted({(edge.run, edge.step) for edge in edges} | askers, reverse=True)
            if most is not None and len(places) > most:
                more[key] = (len(places), True)
            for place in places[:most]:
                found += self._taker(key, place, [edge for edge in edges if (edge.run, edge.step) == place])
        return found, more

    def _taker(self, key: VersionKey, place: Place, edges: list[Edge]) -> Iterable[Link]:
        mapped = bool(self._t.steps[place].tasks)
        edges.sort(key=lambda edge: (edge.item, edge.position))
        grouped: dict[str, list[Edge]] = {}
        for edge in edges:
            if key.element is None or edge.element in (None, key.element):
                grouped.setdefault(edge.name, []).append(edge)
        for name, some in grouped.items():
            items = {edge.item for edge in some}
            low, high, whole = _span([edge.element for edge in some])
            only = min(items) if mapped and len(items) == 1 and min(items) >= 0 else None
            yield taker_link(key, place, only, name, low, high, some_whole=whole)
        asked: dict[str, set[int]] = {}
        for item, name, version in self._asked(StepKey(*place)):
            if version == key.seq:
                asked.setdefault(name, set()).add(item)
        for name, items in asked.items():
            only = min(items) if mapped and len(items) == 1 else None
            yield Link(source=key, target=StepKey(*place, only), flow=Flow.LOOKED_UP, name=name)

    def copies(self, ids: Sequence[UUID]) -> Sequence[tuple[UUID, int]]:
        found = [(made.origin, seq) for seq, made in self._t.versions.items() if made.origin in ids]
        return sorted([(id, seq) for id, seq in found if id is not None], key=lambda one: -one[1])

    def lead_on(self, keys: Sequence[VersionKey]) -> Iterable[VersionKey]:
        taken = {edge.version for edge in self._t.edges.values() if edge.direction == "input"}
        taken |= {one.version for asked in self._t.looked_up.values() for one in asked if one.version is not None}
        copied = {made.origin for made in self._t.versions.values()}
        return [key for key in keys if key.seq in taken or self._t.versions[key.seq].id in copied]


def _span(elements: Sequence[int | None]) -> tuple[int | None, int | None, bool]:
    """First and last element, and whether all of it was taken as well."""
    known = [element for element in elements if element is not None]
    return min(known, default=None), max(known, default=None), len(known) < len(elements)
