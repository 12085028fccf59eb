"""Notes in dictionaries: metadata, metrics, tags and aliases of a `MemoryRecord`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from uuid import UUID

from runlore.errors import AlreadyExists, NotFound
from runlore.model.artifact import Alias, KeptPicture
from runlore.model.change import (
    AliasMoved,
    MetadataSet,
    MetricsLogged,
    PicturesKept,
)
from runlore.model.metadata import Entry, Owner, OwnerKind, Tag
from runlore.model.metric import Metric, Points
from runlore.model.name import checked_alias
from runlore.record.memory_tables import OWN, MemoryTables


class MemoryNotes(MemoryTables):
    """Applies what people note about runs, steps and versions."""

    def pictures(self, version: int, element: int | None = None) -> tuple[KeptPicture, ...]:
        found = self._t.versions.get(version)
        gone = found is None or found.deleted
        return () if gone else self._t.pictures.get((version, element), ())

    def _keep_pictures(self, change: PicturesKept) -> None:
        version = self._t.versions.get(change.version)
        if version is not None and not version.deleted:
            self._put(self._t.pictures, (change.version, change.element), change.pictures)

    def _set_metadata(self, change: MetadataSet) -> None:
        owner = change.owner
        self._set_metadata_facts(change)
        if change.values:
            new = tuple(Entry(key=key, value=value, created=change.at) for key, value in change.values)
            self._put(self._t.entries, owner, self._t.entries.get(owner, ()) + new)

    def _set_metadata_facts(self, change: MetadataSet) -> None:
        """A note of the run itself hides what its steps noted under the same key."""
        owner = change.owner
        if owner.kind not in (OwnerKind.RUN, OwnerKind.STEP, OwnerKind.VERSION):
            return
        place = ("version" if owner.kind is OwnerKind.VERSION else "run", owner.seq)
        step = owner.step if owner.kind is OwnerKind.STEP else OWN
        kept = {
            fact: value
            for fact, value in self._t.facts.get(place, {}).items()
            if not (
                fact[0] == "metadata"
                and step in (OWN, fact[2])
                and any(_is_within(fact[1], key) for key, _ in change.values)
            )
        }
        told = self._t.entries.get(Owner(kind=OwnerKind.RUN, seq=owner.seq), ()) if step != OWN else ()
        for key, value in change.facts:
            if not any(_is_within(key, entry.key) for entry in told):
                kept["metadata", key, step] = value
        self._put(self._t.facts, place, kept)

    def _log_metrics(self, run: int, change: MetricsLogged) -> None:
        step = OWN if change.step is None else self._step(run, change.step).index
        for name, points in change.series:
            key = (run, step, change.item, change.attempt, name, change.part)
            if key not in self._t.points:
                kept = Points(
                    values=tuple(map(float, points.values)),
                    progress=tuple(points.progress),
                    times=tuple(points.times),
                )
                self._put(self._t.points, key, kept)
                self._sum_up(run, step, name)

    def _sum_up(self, run: int, step: int, name: str) -> None:
        metric = self._metric(run, step, name)
        facts = dict(self._t.facts.get(("run", run), {}))
        if step != OWN and ("metric", name, OWN) in facts:
            return
        for prefix in ("metric", "metric.min", "metric.max", "metric.count"):
            if step == OWN:
                for fact in [fact for fact in facts if fact[:2] == (prefix, name)]:
                    del facts[fact]
            facts[prefix, name, step] = getattr(metric, prefix.partition(".")[2] or "last")
        self._put(self._t.facts, ("run", run), facts)

    def _take_over_facts(self, run: int, step: int, origin: tuple[int, int]) -> None:
        """What a step noted and measured is found with the steps that took its result over, too."""
        facts = dict(self._t.facts.get(("run", run), {}))
        told = self._t.entries.get(Owner(kind=OwnerKind.RUN, seq=run), ())
        for (prefix, key, noted), value in self._t.facts.get(("run", origin[0]), {}).items():
            if noted != origin[1]:
                continue
            if prefix == "metadata":
                hidden = any(_is_within(key, entry.key) for entry in told)
            else:
                hidden = ("metric", key, OWN) in facts
            if not hidden:
                facts[prefix, key, step] = value
        self._put(self._t.facts, ("run", run), facts)

    def _metric(self, run: int, step: int, name: str) -> Metric:
        parts = [p for k, p in self._t.points.items() if (k[0], k[1], k[4]) == (run, step, name)]
        values = [value for points in parts for value in points.values]
        known = [value for value in values if not math.isnan(value)] or [math.nan]
        own = None if step == OWN else step
        return Metric(run=run, step=own, name=name, count=len(values), last=values[-1], min=min(known), max=max(known))

    def _move_alias(self, change: AliasMoved) -> None:
        alias = checked_alias(change.alias)
        if change.artifact not in self._t.artifacts:
            raise NotFound(f"There is no artifact {change.artifact!r} whose version could be called {alias!r}.")
        seq = change.version
        if isinstance(seq, UUID):
            if seq not in self._t.seqs:
                raise NotFound(f"There is no artifact version {seq}.")
            seq = self._t.seqs[seq]
        held = self._t.aliases.get((change.artifact, alias))
        if (None if held is None else held.version) == seq:
            return
        moved = Alias(artifact=change.artifact, name=alias, version=seq, at=change.at)
        if seq is None:
            self._drop(self._t.aliases, (change.artifact, alias))
        else:
            if seq not in self._t.versions or self._t.versions[seq].artifact != change.artifact:
                raise NotFound(f"Artifact {change.artifact!r} has no version with sequence {seq} in this record.")
            if any(v.artifact == change.artifact and v.version == alias for v in self._t.versions.values()):
                raise AlreadyExists(
                    f"Artifact {change.artifact!r} has a version called {alias!r}; its alias must be another word."
                )
            self._put(self._t.aliases, (change.artifact, alias), moved)
            self._used(seq)
        self._put(self._t.alias_moves, self._next("alias move"), moved)

    def _used(self, seq: int) -> int:
        raise NotImplementedError

    def _add_tags(self, owner: Owner, tags: Iterable[str], *, system: bool) -> None:
        for tag in tags:
            if (owner, tag) not in self._t.tags:
                self._put(self._t.tags, (owner, tag), Tag(name=tag, system=system))


def _is_within(fact: str, key: str) -> bool:
    """Whether a fact is that of ``key`` or of a member of it."""
    return fact == key or fact.startswith(key + ".")
