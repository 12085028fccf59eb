"""Pruning and lineage on dictionaries: the parts of a `MemoryRecord` that ask what is connected with what."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from runlore.model.artifact import SaveType, Version
from runlore.model.lineage import Direction, Key, Traced
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.pruning import Prunable, Pruning, Since, Unused
from runlore.record.lineage import trace
from runlore.record.memory_lineage import MemoryLinks
from runlore.record.memory_write import MemoryWriter
from runlore.record.port import Record

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BY_HAND = (SaveType.MANUAL, SaveType.REGISTERED)


class PrunedMemory(MemoryWriter, Record):
    """The verbs of pruning, and lineage."""

    def lineage(
        self,
        start: Sequence[Key],
        direction: Direction,
        *,
        depth: int | None = None,
        breadth: int | None = None,
        limit: int | None = None,
    ) -> Traced:
        with self._lock:
            return trace(MemoryLinks(self._t), start, direction, depth=depth, breadth=breadth, limit=limit)

    def unused(self) -> Iterable[int]:
        with self._lock:
            used = {edge.version for edge in self._t.edges.values()}
            used.update(alias.version for alias in self._t.aliases.values() if alias.version is not None)
            used.update(
                one.version for looked in self._t.looked_up.values() for one in looked if one.version is not None
            )
            origins = {version.origin for version in self._t.versions.values() if not version.deleted}
            return [
                seq
                for seq, version in self._t.versions.items()
                if not version.deleted and seq not in used and version.id not in origins
            ]

    def prunable(self, pruning: Pruning) -> Prunable:
        with self._lock:
            unused = {
                seq
                for seq in (*self.unused(), *self._tombstones())
                if pruning.manual or self._t.versions[seq].save_type not in _BY_HAND
            }
            versions = [
                version
                for seq, version in sorted(self._t.versions.items())
                if seq in unused
                and seq not in self._t.condemned
                and (pruning.before is None or version.created < pruning.before)
                and not self._among_newest(version, pruning.keep_last)
                and not (version.deleted and pruning.part == "artifact")
            ]
            found = tuple(
                Unused(seq=v.seq, artifact=v.artifact, version=v.version, size=0 if v.deleted else v.content.size)
                for v in versions
            )
            run = min(self._t.leases, default=self._t.counters.get("run", 0) + 1)
            return Prunable(versions=found, since=Since(run=run, version=self._t.counters.get("version", 0)))

    def _tombstones(self) -> Iterable[int]:
        """Versions without bytes that nothing refers to."""
        used = {edge.version for edge in self._t.edges.values()}
        used.update(alias.version for alias in self._t.aliases.values() if alias.version is not None)
        used.update(one.version for some in self._t.looked_up.values() for one in some if one.version is not None)
        origins = {version.origin for version in self._t.versions.values() if not version.deleted}
        return [v.seq for v in self._t.versions.values() if v.deleted and v.seq not in used and v.id not in origins]

    def _among_newest(self, version: Version, count: int) -> bool:
        later = [v for v in self._t.versions.values() if v.artifact == version.artifact and v.seq > version.seq]
        return len(later) < count

    def condemn(self, versions: Sequence[int], since: Since, part: str) -> tuple[int, ...]:
        with self._writing():
            unused = {*self.unused(), *(() if part == "artifact" else self._tombstones())} - self._t.condemned.keys()
            going = [seq for seq in versions if seq in unused]
            mark = self._mark() if going else 0
            for seq in going:
                version = self._t.versions[seq]
                self._put(self._t.condemned, seq, (part, mark, version.deleted))
                self._put(self._t.versions, seq, changed(version, deleted=True))
        return tuple(going)

    def _mark(self) -> int:
        mark = self._next("mark")
        self._put(self._t.marks, mark, None)
        return mark

    def marks(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(self._t.marks)

    def settle(self, marks: Iterable[int], held: Collection[str]) -> None:
        with self._writing():
            for mark in marks:
                if mark in self._t.marks:
                    holders = self._t.marks[mark]
                    left = frozenset(held) if holders is None else holders & frozenset(held)
                    self._put(self._t.marks, mark, left)

    def _is_ripe(self, mark: int) -> bool:
        return self._t.marks.get(mark) == frozenset()

    def clear(self, limit: int) -> int:
        with self._writing():
            going = [seq for seq, (_, mark, _) in sorted(self._t.condemned.items()) if self._is_ripe(mark)][:limit]
            for seq in going:
                part, _, was_gone = self._t.condemned[seq]
                version = self._t.versions[seq]
                if part == "metadata" and not was_gone:
                    self._put(self._t.spared, (version.content.digest, version.content.form), None)
                self._drop_items(version, spare=part == "metadata")
                for drawn in [key for key in self._t.pictures if key[0] == seq]:
                    self._drop(self._t.pictures, drawn)
                if part != "artifact":
                    self._forget(version)
                self._drop(self._t.condemned, seq)
            if not going:
                homes = {v.producer for v in self._t.versions.values()}
                for key in [k for k in self._t.items if k[0] not in self._t.runs and (*k[:2], -1, k[3]) not in homes]:
                    self._drop(self._t.items, key)
            return len(going)

    def _drop_items(self, version: Version, *, spare: bool) -> None:
        home = version.producer
        if home is not None and home[2] == -1:
            for key in [key for key in self._t.items if key[:2] == home[:2] and key[3] == home[3]]:
                content = self._t.items[key][1]
                if spare:
                    self._put(self._t.spared, (content.digest, content.form), None)
                self._drop(self._t.items, key)

    def _forget(self, version: Version) -> None:
        owner = Owner(kind=OwnerKind.VERSION, seq=version.seq)
        self._drop(self._t.entries, owner)
        self._drop(self._t.notes, owner)
        self._drop(self._t.facts, ("version", version.seq))
        for tagged in [key for key in self._t.tags if key[0] == owner]:
            self._drop(self._t.tags, tagged)
        self._drop(self._t.versions, version.seq)
        self._drop(self._t.seqs, version.id)
        artifact = self._t.artifacts[version.artifact]
        self._put(self._t.artifacts, version.artifact, changed(artifact, versions=artifact.versions - 1))

    def references(self, *, condemned: bool = True, without: Collection[int] = ()) -> Iterable[tuple[str, str]]:
        with self._lock:
            t = self._t
            going = {seq for seq, (part, _, _) in t.condemned.items() if part != "metadata" and not condemned}
            without = {*without, *going}
            homes = {v.producer: v.seq for v in t.versions.values()}
            found = [(v.seq, v.content.digest, v.content.form) for v in t.versions.values() if not v.deleted]
            for seq, (_, _, was) in t.condemned.items():
                if not was:
                    found.append((seq, t.versions[seq].content.digest, t.versions[seq].content.form))
            for (seq, step, _, pos), (_, content) in t.items.items():
                home = homes.get((seq, step, -1, pos), 0)
                if home or seq in t.runs:
                    found.append((home, content.digest, content.form))
            found += [(0, digest, form) for digest, form in t.spared]
            for run in t.runs.values():
                found += [(0, digest, "blob") for digest in (run.environment, *_DIGEST.findall(run.config)) if digest]
                found += [(0, digest, "code") for digest in (run.code,) if digest]
        return [(digest, form) for seq, digest, form in found if seq not in without]

    def payloads(self) -> Iterable[tuple[str, int]]:
        with self._lock:
            return [(digest, len(data)) for digest, data in self._t.payloads.items()]

    def drop_payloads(self, digests: Sequence[str], since: Since) -> tuple[int, int]:
        with self._writing():
            wanted = {digest for digest, form in self.references() if form == "inline"}
            going = [digest for digest in digests if digest in self._t.payloads and digest not in wanted]
            freed = sum(len(self._t.payloads[digest]) for digest in going)
            for digest in going:
                self._drop(self._t.payloads, digest)
            return len(going), freed

    def condemn_blobs(self, digests: Sequence[str]) -> None:
        with self._writing():
            mark = self._mark()
            for digest in digests:
                if digest not in self._t.dead:
                    self._put(self._t.dead, digest, mark)

    def dead(self) -> dict[str, bool]:
        with self._lock:
            return {digest: self._is_ripe(mark) for digest, mark in self._t.dead.items()}

    def spare(self, digest: str) -> None:
        if digest in self._t.dead:
            with self._writing():
                self._drop(self._t.dead, digest)

    def bury(self, digests: Sequence[str], delete: Callable[[Sequence[str]], int]) -> int:
        with self._writing():
            ripe = [digest for digest in digests if digest in self._t.dead and self._is_ripe(self._t.dead[digest])]
            freed = delete(ripe)
            for digest in ripe:
                self._drop(self._t.dead, digest)
            return freed

    def compact(self) -> None:
        with self._writing():
            borne = {*self._t.dead.values(), *(mark for _, mark, _ in self._t.condemned.values())}
            for mark in [mark for mark in self._t.marks if mark not in borne and self._is_ripe(mark)]:
                self._drop(self._t.marks, mark)
